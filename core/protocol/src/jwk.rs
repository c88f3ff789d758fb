//! Key sets (RFC 7517), of which only keys that can verify a signature are taken.
//!
//! A key is judged once, when the set is read: key type, curve, size, `use`, `key_ops` and `alg` decide which
//! algorithms it may ever verify, so that no token can choose (RFC 8725 §3.1). What cannot be used is skipped; a
//! provider may add keys for purposes that this crate knows nothing of.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use ring::error::Unspecified;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use crate::algorithm::Algorithm;
use crate::base64url;
use crate::http::{MAX_KEY_SET_RESPONSE, Request, Response};
use crate::json;

/// How many keys a set may have.
pub const MAX_KEYS: usize = 100;

/// Asks for the key set at `jwks_uri` (OpenID Connect Discovery §3).
#[must_use]
pub fn request(jwks_uri: &Url) -> Request {
    Request::get_json(jwks_uri.clone(), MAX_KEY_SET_RESPONSE)
}

/// Reads the answer.
///
/// # Errors
/// [`JwkError`].
pub fn parse(response: &Response) -> Result<KeySet, JwkError> {
    if response.status != 200 {
        return Err(JwkError::Status { status: response.status });
    }
    KeySet::parse(&response.body)
}

/// The keys of a provider, ready to verify.
#[derive(Clone)]
pub struct KeySet {
    source: String,
    /// Sorted by `kid`, those without one first.
    keys: Vec<Key>,
}

impl KeySet {
    /// Reads a key set, skipping keys that cannot be used: other types and curves, symmetric and private keys, RSA
    /// below 2048 or above 8192 bits, and keys that say by `use`, `key_ops` or `alg` that they are for something
    /// else.
    ///
    /// # Errors
    /// [`JwkError::Malformed`] when it is no key set, [`JwkError::TooManyKeys`] beyond [`MAX_KEYS`], and
    /// [`JwkError::NoUsableKey`] when nothing is left.
    pub fn parse(json: &[u8]) -> Result<Self, JwkError> {
        #[derive(Deserialize)]
        struct Document {
            keys: Vec<Value>,
        }
        let document: Document =
            json::object(json, MAX_KEY_SET_RESPONSE).map_err(|json::Malformed| JwkError::Malformed)?;
        if document.keys.len() > MAX_KEYS {
            return Err(JwkError::TooManyKeys);
        }
        let mut keys: Vec<Key> = document.keys.into_iter().filter_map(Key::of).collect();
        if keys.is_empty() {
            return Err(JwkError::NoUsableKey);
        }
        keys.sort_by(|one, other| one.kid.cmp(&other.kid));
        let source = String::from_utf8(json.to_vec()).map_err(|_| JwkError::Malformed)?;
        Ok(Self { source, keys })
    }

    /// The JSON as it was received, to be stored and read again.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// How many keys can be used; never zero.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a set without a usable key is refused when it is read")]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// All keys.
    pub(crate) fn all(&self) -> &[Key] {
        &self.keys
    }

    /// The keys of this name. There is one as a rule, but nothing forbids one for each key type (RFC 7517 §4.5).
    pub(crate) fn named(&self, kid: &str) -> &[Key] {
        let first = self.keys.partition_point(|key| key.kid.as_deref() < Some(kid));
        let rest = &self.keys[first..];
        &rest[..rest.partition_point(|key| key.kid.as_deref() == Some(kid))]
    }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|key| key.kid.as_deref().unwrap_or("(no kid)"))).finish()
    }
}

/// A public key and what it may verify.
#[derive(Clone)]
pub(crate) struct Key {
    kid: Option<String>,
    /// The only algorithm that it may be used with, when the set says so.
    algorithm: Option<Algorithm>,
    pub(crate) public: PublicKey,
}

/// A public key in the form that `ring` takes.
#[derive(Clone)]
pub(crate) enum PublicKey {
    Rsa(RsaPublicKeyComponents<Vec<u8>>),
    /// The uncompressed point on P-256.
    P256([u8; 65]),
    /// The uncompressed point on P-384.
    P384([u8; 97]),
    Ed25519([u8; 32]),
}

/// The members of RFC 7517 §4, RFC 7518 §6 and RFC 8037 §2 that say something about a public key.
#[derive(Deserialize)]
struct Members {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

/// Members of private and symmetric keys. A set that publishes one has given the key away: it proves nothing.
const SECRET_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

impl Key {
    /// The key, when it can be used to verify.
    fn of(jwk: Value) -> Option<Self> {
        if SECRET_MEMBERS.iter().any(|member| jwk.get(member).is_some()) {
            return None;
        }
        let members: Members = serde_json::from_value(jwk).ok()?;
        // RFC 7517 §4.2, §4.3
        if members.purpose.as_ref().is_some_and(|purpose| purpose != "sig")
            || members.key_ops.as_ref().is_some_and(|operations| !operations.iter().any(|name| name == "verify"))
        {
            return None;
        }
        let algorithm = match &members.alg {
            Some(name) => Some(Algorithm::of_name(name)?),
            None => None,
        };
        let public = PublicKey::of(&members)?;
        if algorithm.is_some_and(|algorithm| !public.is_for(algorithm)) {
            return None;
        }
        Some(Self { kid: members.kid, algorithm, public })
    }

    /// Whether it may verify signatures of `algorithm`.
    pub(crate) fn suits(&self, algorithm: Algorithm) -> bool {
        self.algorithm.is_none_or(|own| own == algorithm) && self.public.is_for(algorithm)
    }
}

impl PublicKey {
    fn of(members: &Members) -> Option<Self> {
        match (members.kty.as_str(), members.crv.as_deref()) {
            ("RSA", _) => rsa(members.n.as_deref()?, members.e.as_deref()?).map(Self::Rsa),
            ("EC", Some("P-256")) => point::<32, 65>(members).map(Self::P256),
            ("EC", Some("P-384")) => point::<48, 97>(members).map(Self::P384),
            ("OKP", Some("Ed25519")) => coordinate(members.x.as_deref()?).map(Self::Ed25519),
            _ => None,
        }
    }

    /// Whether it is of the kind that `algorithm` takes.
    const fn is_for(&self, algorithm: Algorithm) -> bool {
        match algorithm {
            Algorithm::Rs256
            | Algorithm::Rs384
            | Algorithm::Rs512
            | Algorithm::Ps256
            | Algorithm::Ps384
            | Algorithm::Ps512 => matches!(self, Self::Rsa(_)),
            Algorithm::Es256 => matches!(self, Self::P256(_)),
            Algorithm::Es384 => matches!(self, Self::P384(_)),
            Algorithm::EdDsa => matches!(self, Self::Ed25519(_)),
        }
    }

    /// Verifies a signature of `algorithm`; a key of another kind verifies nothing.
    pub(crate) fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> Result<(), Unspecified> {
        match (self, algorithm) {
            (Self::P256(point), Algorithm::Es256) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature)
            }
            (Self::P384(point), Algorithm::Es384) => {
                UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point).verify(message, signature)
            }
            (Self::Ed25519(point), Algorithm::EdDsa) => {
                UnparsedPublicKey::new(&ED25519, point).verify(message, signature)
            }
            (Self::Rsa(key), algorithm) => {
                key.verify(algorithm.rsa_parameters().ok_or(Unspecified)?, message, signature)
            }
            (Self::P256(_) | Self::P384(_) | Self::Ed25519(_), _) => Err(Unspecified),
        }
    }
}

/// An RSA key that `ring` takes: a modulus of 2048 to 8192 bits, and an odd exponent from 3 to 2^33 - 1.
fn rsa(n: &str, e: &str) -> Option<RsaPublicKeyComponents<Vec<u8>>> {
    let n = unsigned(n)?;
    let e = unsigned(e)?;
    let bits = 8 * n.len() - n.first()?.leading_zeros() as usize;
    let exponent = if e.len() <= 8 { e.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)) } else { return None };
    let is_odd = |bytes: &[u8]| bytes.last().is_some_and(|byte| byte & 1 == 1);
    let usable = (2048..=8192).contains(&bits) && is_odd(&n) && (3..1 << 33).contains(&exponent) && is_odd(&e);
    usable.then_some(RsaPublicKeyComponents { n, e })
}

/// A Base64urlUInt (RFC 7518 §2). Zeros in front, which some providers write although §6.3.1.1 warns of it, are
/// dropped.
fn unsigned(text: &str) -> Option<Vec<u8>> {
    let mut bytes = base64url::decode(text).ok()?;
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.drain(..zeros);
    Some(bytes)
}

/// An uncompressed point (SEC 1 §2.3.3). Whether it lies on the curve is checked by `ring` whenever it verifies.
fn point<const COORDINATE: usize, const POINT: usize>(members: &Members) -> Option<[u8; POINT]> {
    let x: [u8; COORDINATE] = coordinate(members.x.as_deref()?)?;
    let y: [u8; COORDINATE] = coordinate(members.y.as_deref()?)?;
    let mut point = [0; POINT];
    let (form, coordinates) = point.split_first_mut()?;
    *form = 4;
    coordinates[..COORDINATE].copy_from_slice(&x);
    coordinates[COORDINATE..].copy_from_slice(&y);
    Some(point)
}

/// A coordinate in its full length (RFC 7518 §6.2.1.2, RFC 8037 §2).
fn coordinate<const LENGTH: usize>(text: &str) -> Option<[u8; LENGTH]> {
    base64url::decode(text).ok()?.try_into().ok()
}

/// Why an answer is not a key set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JwkError {
    /// The status is not 200.
    #[error("the key set was answered with status {status}")]
    Status {
        /// The status.
        status: u16,
    },
    /// The body is not a JSON object with unique members and a list of `keys`, or larger than 1 MiB.
    #[error("the key set is malformed")]
    Malformed,
    /// There are more than [`MAX_KEYS`] keys.
    #[error("the key set has too many keys")]
    TooManyKeys,
    /// None of the keys can verify an ID token.
    #[error("the key set has no key that can verify an ID token")]
    NoUsableKey,
}

impl JwkError {
    /// What happened, from a fixed vocabulary.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Status { .. } => "jwks_status",
            Self::Malformed => "jwks_malformed",
            Self::TooManyKeys => "jwks_too_many_keys",
            Self::NoUsableKey => "jwks_no_usable_key",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{openid_provider, response};

    const SET: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

    #[test]
    fn the_request_goes_to_the_providers_key_set() {
        assert_eq!(request(&openid_provider().jwks_uri).url.as_str(), "https://op.example/realm/jwks");
    }

    #[test]
    fn only_a_200_with_a_set_is_one() {
        assert_eq!(parse(&response(200, "application/json", SET)).unwrap().len(), 1);
        assert_eq!(parse(&response(200, "text/html", "<html>")).map(|_| ()), Err(JwkError::Malformed));
        for status in [204, 302, 404, 503] {
            let outcome = parse(&response(status, "application/json", SET)).map(|_| ());
            assert_eq!(outcome, Err(JwkError::Status { status }));
        }
    }

    #[test]
    fn a_key_that_cannot_be_used_does_not_cost_the_others() {
        let good = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"good","alg":"EdDSA"}"#;
        for odd in [
            r#"{"kty":"RSA","alg":"RSA256","kid":"good","n":"AQAB","e":"AQAB"}"#,
            r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","alg":"RSA256"}"#,
            r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","alg":1}"#,
            r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","alg":"ES256"}"#,
            r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","use":"enc"}"#,
            r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","key_ops":["sign"]}"#,
            r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","d":"AA"}"#,
            r#"{"kty":"oct","k":"AA"}"#,
            r#"{"kty":1}"#,
            "{}",
            "1",
            "null",
        ] {
            let set = KeySet::parse(alloc::format!("\u{feff}{{\"keys\":[{odd},{good}]}}").as_bytes()).unwrap();
            assert_eq!((set.len(), set.named("good").len()), (1, 1), "{odd}");
            let alone = KeySet::parse(alloc::format!(r#"{{"keys":[{odd}]}}"#).as_bytes()).map(|_| ());
            assert_eq!(alone, Err(JwkError::NoUsableKey), "{odd}");
        }
    }

    #[test]
    fn keys_are_found_by_name_among_many() {
        let key = |kid: &str| SET[9..SET.len() - 2].replacen('{', &alloc::format!("{{\"kid\":\"{kid}\","), 1);
        let keys: Vec<String> = (0..MAX_KEYS).map(|index| key(&alloc::format!("k{}", index * 7 % 50))).collect();
        let set = KeySet::parse(alloc::format!("{{\"keys\":[{}]}}", keys.join(",")).as_bytes()).unwrap();
        for index in 0..50 {
            let name = alloc::format!("k{index}");
            let found = set.named(&name);
            assert_eq!(found.len(), 2);
            assert!(found.iter().all(|key| key.kid.as_deref() == Some(&name)));
        }
        for absent in ["", "k", "k50", "z"] {
            assert!(set.named(absent).is_empty(), "{absent}");
        }
    }
}
