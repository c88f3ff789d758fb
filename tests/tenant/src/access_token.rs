//! What a resource server checks of an access token (RFC 9068 §4). No leeway: a token of 10 s is refused after 10 s.

use serde_json::{Map, Value};

use crate::{
    clock::Timestamp,
    jwt::{self, NotOurs},
    scope::Scope,
    shared::{self, Shared},
    tokens::OPAQUE_PREFIX,
};

/// A token that may be used here.
pub(crate) struct AcceptedToken {
    pub(crate) subject: String,
    pub(crate) scope: Scope,
    /// The key that it is bound to.
    pub(crate) jkt: Option<String>,
}

/// Why a token may not be used here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenRefusal {
    NotOurs(NotOurs),
    OtherIssuer,
    OtherAudience,
    Expired,
    /// Expired by hand, or its grant was revoked.
    Withdrawn,
}

impl AcceptedToken {
    /// A JWT for this audience.
    pub(crate) fn for_audience(
        shared: &Shared,
        state: &shared::State,
        token: &str,
        audience: &str,
        now: Timestamp,
    ) -> Result<Self, TokenRefusal> {
        let claims =
            jwt::verify(token, &state.keys, state.settings.publish_previous_keys).map_err(TokenRefusal::NotOurs)?;
        let text = |name| claims.get(name).and_then(Value::as_str);
        if !text("iss").is_some_and(|issuer| shared.is_own_issuer(&state.settings, issuer)) {
            return Err(TokenRefusal::OtherIssuer);
        }
        if !has_audience(&claims, audience) {
            return Err(TokenRefusal::OtherAudience);
        }
        let expires_at = claims.get("exp").and_then(Value::as_i64);
        if expires_at.is_none_or(|expires_at| now.seconds() >= expires_at) {
            return Err(TokenRefusal::Expired);
        }
        Self::issued(state, text("jti").ok_or(TokenRefusal::Withdrawn)?, now)
    }

    /// An opaque token, or a JWT that names the userinfo endpoint as an audience.
    pub(crate) fn for_userinfo(
        shared: &Shared,
        state: &shared::State,
        token: &str,
        audience: &str,
        now: Timestamp,
    ) -> Result<Self, TokenRefusal> {
        if !token.starts_with(OPAQUE_PREFIX) {
            return Self::for_audience(shared, state, token, audience, now);
        }
        Self::issued(state, token, now)
    }

    fn issued(state: &shared::State, identifier: &str, now: Timestamp) -> Result<Self, TokenRefusal> {
        let (grant, scope, expires_at, jkt) = state.grants.access_token(identifier).ok_or(TokenRefusal::Withdrawn)?;
        if now >= expires_at {
            return Err(TokenRefusal::Expired);
        }
        Ok(Self { subject: grant.subject.clone(), scope: scope.clone(), jkt: jkt.map(str::to_owned) })
    }
}

impl TokenRefusal {
    pub(crate) const fn reason(self) -> &'static str {
        match self {
            Self::NotOurs(NotOurs::Malformed) => "the token is not a JWT",
            Self::NotOurs(NotOurs::UnknownKey) => "the token is signed with a key that is not published",
            Self::NotOurs(NotOurs::WrongAlgorithm) => "the token names another algorithm than its key has",
            Self::NotOurs(NotOurs::BadSignature) => "the signature is wrong",
            Self::OtherIssuer => "the token is another issuer's",
            Self::OtherAudience => "the token is for another audience",
            Self::Expired => "the token has expired",
            Self::Withdrawn => "the token was expired by hand, or its grant revoked",
        }
    }
}

fn has_audience(claims: &Map<String, Value>, audience: &str) -> bool {
    match claims.get("aud") {
        Some(Value::String(only)) => only == audience,
        Some(Value::Array(all)) => all.iter().any(|one| one.as_str() == Some(audience)),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) | None => false,
    }
}
