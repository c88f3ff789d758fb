//! The claims of a validated ID token.

use alloc::string::String;
use core::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;

use super::error::{IdTokenError, RequiredClaim};
use crate::claims::{ClaimSet, NumericDate, Place, Profile, Text};
use crate::time::Timestamp;

/// What a validated ID token says. It is stored as the JSON that was signed, so nothing is lost that this version
/// does not know; [`Claims::claim`] reads any of it.
#[derive(Clone)]
pub struct Claims {
    source: String,
    set: ClaimSet,
    iss: Place,
    sub: Place,
    exp: Timestamp,
    iat: Timestamp,
}

impl Claims {
    /// Claims that have what every ID token has (OpenID Connect Core §2).
    pub(super) fn new(source: String, set: ClaimSet) -> Result<Self, IdTokenError> {
        let missing = |claim| IdTokenError::Missing { claim };
        let iss = set.place(Text::Iss).ok_or(IdTokenError::Issuer)?;
        let sub = set.place(Text::Sub).filter(|place| !set.at(*place).is_empty()).ok_or(missing(RequiredClaim::Sub))?;
        let exp = set.time(NumericDate::Exp).ok_or(missing(RequiredClaim::Exp))?;
        let iat = set.time(NumericDate::Iat).ok_or(missing(RequiredClaim::Iat))?;
        Ok(Self { source, set, iss, sub, exp, iat })
    }

    /// `iss`: who made the token.
    #[must_use]
    pub fn iss(&self) -> &str {
        self.set.at(self.iss)
    }

    /// `sub`: who the user is, unique and never reassigned within the issuer.
    #[must_use]
    pub fn sub(&self) -> &str {
        self.set.at(self.sub)
    }

    /// `aud`: for whom the token is; the client is among them.
    pub fn aud(&self) -> impl Iterator<Item = &str> {
        self.set.audience()
    }

    /// `exp`: until when the token may be accepted. It says nothing about how long the user is signed in.
    #[must_use]
    pub const fn exp(&self) -> Timestamp {
        self.exp
    }

    /// `iat`: when the token was made.
    #[must_use]
    pub const fn iat(&self) -> Timestamp {
        self.iat
    }

    /// `auth_time`: when the user authenticated.
    #[must_use]
    pub const fn auth_time(&self) -> Option<Timestamp> {
        self.set.time(NumericDate::AuthTime)
    }

    /// `nonce`
    #[must_use]
    pub fn nonce(&self) -> Option<&str> {
        self.set.text(Text::Nonce)
    }

    /// `azp`: the client for which the token was made.
    #[must_use]
    pub fn azp(&self) -> Option<&str> {
        self.set.text(Text::Azp)
    }

    /// `sid`: the session at the server.
    #[must_use]
    pub fn sid(&self) -> Option<&str> {
        self.set.text(Text::Sid)
    }

    /// `org_id`: the Auth0 organization.
    #[must_use]
    pub fn org_id(&self) -> Option<&str> {
        self.set.text(Text::OrgId)
    }

    /// `org_name`: the name of the Auth0 organization.
    #[must_use]
    pub fn org_name(&self) -> Option<&str> {
        self.set.text(Text::OrgName)
    }

    /// The claims about the person.
    #[must_use]
    pub const fn profile(&self) -> Profile<'_> {
        Profile::new(&self.set)
    }

    /// Any claim, by name. Reads the JSON anew, so keep what you need often.
    #[must_use]
    pub fn claim(&self, name: &str) -> Option<Value> {
        let mut claims: serde_json::Map<String, Value> = serde_json::from_str(&self.source).ok()?;
        claims.remove(name)
    }

    /// All claims, as the JSON that was signed.
    #[must_use]
    pub fn json(&self) -> &str {
        &self.source
    }
}

/// Two are the same when their JSON is.
impl PartialEq for Claims {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for Claims {}

/// Personal data is not for logs.
impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        struct List<'a>(&'a Claims);
        impl fmt::Debug for List<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_list().entries(self.0.aud()).finish()
            }
        }
        f.debug_struct("Claims")
            .field("iss", &self.iss())
            .field("aud", &List(self))
            .field("exp", &self.exp.unix_seconds())
            .finish_non_exhaustive()
    }
}

impl Serialize for Claims {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.source)
    }
}

impl<'de> Deserialize<'de> for Claims {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let source = String::deserialize(deserializer)?;
        let set = ClaimSet::parse(&source).map_err(|_| de::Error::custom("not the claims of an ID token"))?;
        Self::new(source, set).map_err(de::Error::custom)
    }
}
