//! What an issuer does otherwise than it should, as data. Texts are templates; see [`super::template`].

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, de::DeserializeOwned, de::Error};
use serde_json::{Map, Value};

use crate::odd_body::OddBody;

/// All deviations of one issuer. With none it behaves well.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Behaviour {
    /// Whether the issuer's name ends in a slash.
    pub trailing_slash: bool,
    /// Whether each renewal brings a new refresh token, and the one before is refused from then on.
    pub rotation: bool,
    /// With rotation: whether the token before the latest is accepted all the same, as within a reuse interval.
    pub forgives_reuse: bool,
    /// The nonce that proofs of possession have to state (RFC 9449 §8, §9), at every endpoint.
    pub dpop_nonce: Option<String>,
    /// Whether an authorization request has to be pushed (RFC 9126 §5), and the metadata says so.
    pub requires_par: bool,
    /// The answers of `/.well-known/openid-configuration`.
    pub discovery: Sequence<Answer>,
    /// The answers of `/jwks`.
    pub key_set: Sequence<Answer>,
    /// The answers of `/par`.
    pub par: Sequence<Answer>,
    /// The answers of `/device`, which every user approves at once.
    pub device: Sequence<Answer>,
    /// The answers of `/token`, whatever the grant.
    pub token: Sequence<Answer>,
    /// The ID tokens in them.
    pub id_token: Sequence<IdToken>,
    /// The answers of `/userinfo`.
    pub userinfo: Sequence<Answer>,
    /// The answers of `/revoke`.
    pub revocation: Sequence<Answer>,
    /// The answers of `/api`, which any access token opens.
    pub api: Sequence<Answer>,
}

/// What is done the first time, the second time and so on. The last one stands for all times after it.
///
/// In data it is a list, or the one alone.
#[derive(Clone, Debug)]
pub struct Sequence<T>(Vec<T>);

impl<T> Sequence<T> {
    /// What is done the `time`th time, counted from 0.
    pub fn at(&self, time: usize) -> &T {
        self.0.get(time).or(self.0.last()).expect("a sequence is never empty")
    }
}

impl<T: Default> Default for Sequence<T> {
    fn default() -> Self {
        Self(vec![T::default()])
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Sequence<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let items = if let Value::Array(items) = value { items } else { vec![value] };
        if items.is_empty() {
            return Err(D::Error::custom("a list of what is done is empty"));
        }
        let read: Result<Vec<T>, _> = items.into_iter().map(serde_json::from_value).collect();
        read.map(Self).map_err(D::Error::custom)
    }
}

/// How an endpoint answers. What is not given is as it should be.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Answer {
    /// The status.
    pub status: Option<u16>,
    /// Header fields, in the place of those that it would have had.
    pub headers: BTreeMap<String, String>,
    /// The whole body.
    pub body: Option<String>,
    /// Members of the document to set.
    pub set: Map<String, Value>,
    /// Members of the document to leave out.
    pub remove: Vec<String>,
    /// Members written before all others, as they stand in the text: `"expires_in": 1`.
    pub prepend: Option<String>,
    /// Members written after all others.
    pub append: Option<String>,
    /// What is odd about the body, once it is written.
    pub odd_body: Option<OddBody>,
    /// Of `key_set` only: the keys in it; else `rsa-1` and `p256-1`.
    pub keys: Option<Vec<PublishedKey>>,
}

impl Answer {
    /// The changes to the document.
    pub(super) fn edit(&self) -> Edit {
        Edit {
            set: self.set.clone(),
            remove: self.remove.clone(),
            prepend: self.prepend.clone(),
            append: self.append.clone(),
            raw: None,
        }
    }
}

/// A key in the key set, by its name, which is its `kid` too.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedKey {
    /// `rsa-1` to `rsa-6` and `p256-1` to `p256-6`; `p384-1` and `ed25519-1`; `short` (RSA of 1024 bits) and `exponent-1`.
    pub key: String,
    /// Members to set.
    #[serde(default)]
    pub set: Map<String, Value>,
    /// Members to leave out.
    #[serde(default)]
    pub remove: Vec<String>,
}

/// What is done to a JSON object before it is written, and to its text.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Edit {
    /// Members to set.
    pub set: Map<String, Value>,
    /// Members to leave out.
    pub remove: Vec<String>,
    /// Members written before all others, as they stand in the text.
    pub prepend: Option<String>,
    /// Members written after all others.
    pub append: Option<String>,
    /// The whole text in the place of the object.
    pub raw: Option<String>,
}

/// An ID token. What is not given is as it should be: RS256 with `rsa-1`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IdToken {
    /// The key that signs; `rsa-1` unless given.
    pub key: Option<String>,
    /// The algorithm that signs, and that the header names: one of RFC 7518 §3.1, or `EdDSA`. The key's usual one unless
    /// given.
    pub algorithm: Option<String>,
    /// With HS256: the secret.
    pub secret: Option<Secret>,
    /// Changes to the header.
    pub header: Edit,
    /// Changes to the claims.
    pub claims: Edit,
    /// Whether the token is wrapped into a second one, signed alike (RFC 7519 §5.2).
    pub nested: bool,
    /// What happens to the signature.
    pub signature: Signature,
    /// How the parts are put together; `${header}.${payload}.${signature}` unless given.
    pub compact: Option<String>,
}

/// What a confused client might take for the secret of an HMAC (RFC 8725 §2.1): the public key that it knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Secret {
    /// The key as PEM, with line breaks.
    Pem,
    /// The key as DER (SubjectPublicKeyInfo).
    Der,
    /// The modulus of an RSA key alone.
    Modulus,
    /// The key as a JWK.
    Jwk,
    /// No byte at all.
    Empty,
    /// The client's id.
    ClientId,
}

/// What happens to a signature before it is encoded, or to its encoding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signature {
    /// Nothing.
    #[default]
    Right,
    /// It is left out.
    Empty,
    /// All its bytes are zero; of an ECDSA signature, r = s = 0 (CVE-2022-21449).
    Zeros,
    /// One bit of it is flipped.
    Flipped,
    /// Its last byte is missing.
    Short,
    /// It has one byte more.
    Long,
    /// An ECDSA signature in DER, as X.509 has it, and not r and s one after another (RFC 7518 §3.4).
    Der,
    /// It is of other claims.
    OfOtherClaims,
    /// Unused bits of the last character are set (RFC 4648 §3.5).
    NonCanonical,
    /// It ends in the padding that JWS forbids (RFC 7515 §2).
    Padded,
    /// A line break is put into it.
    LineBreak,
}
