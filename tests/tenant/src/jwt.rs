//! JSON Web Tokens in compact form (RFC 7519, RFC 7515 §3.1): signing, and the check of a signature against the tenant's
//! own keys.

use base64ct::{Base64UrlUnpadded, Encoding};
use ring::digest::{SHA256, digest};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::keys::{KeyRing, SigningKey};

/// Signs `claims`.
pub(crate) fn sign(key: &SigningKey, claims: &impl Serialize) -> String {
    let header = json!({ "alg": key.algorithm().name(), "typ": "JWT", "kid": key.id() });
    let mut token = format!("{}.{}", encode_json(&header), encode_json(claims));
    let signature = key.sign(token.as_bytes());
    token.push('.');
    token.push_str(&Base64UrlUnpadded::encode_string(&signature));
    token
}

/// Why a token is not one of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotOurs {
    Malformed,
    UnknownKey,
    WrongAlgorithm,
    BadSignature,
}

/// The claims of a token that the tenant's published keys verify. Nothing else about it is checked.
pub(crate) fn verify(token: &str, keys: &KeyRing, with_previous: bool) -> Result<Map<String, Value>, NotOurs> {
    let (signed, signature) = token.rsplit_once('.').ok_or(NotOurs::Malformed)?;
    let (header, claims) = signed.split_once('.').ok_or(NotOurs::Malformed)?;
    let header = decode_object(header)?;
    let member = |name| header.get(name).and_then(Value::as_str);
    let key = member("kid").and_then(|id| keys.find(id, with_previous)).ok_or(NotOurs::UnknownKey)?;
    if member("alg") != Some(key.algorithm().name()) {
        return Err(NotOurs::WrongAlgorithm);
    }
    let signature = Base64UrlUnpadded::decode_vec(signature).map_err(|_| NotOurs::Malformed)?;
    if !key.verifies(signed.as_bytes(), &signature) {
        return Err(NotOurs::BadSignature);
    }
    decode_object(claims)
}

/// `at_hash` (OpenID Connect Core §3.1.3.6): the left half of the token's SHA-256, which both our algorithms use.
pub(crate) fn access_token_hash(access_token: &str) -> String {
    Base64UrlUnpadded::encode_string(&digest(&SHA256, access_token.as_bytes()).as_ref()[..16])
}

/// The S256 challenge of a verifier (RFC 7636 §4.2).
pub(crate) fn code_challenge(code_verifier: &str) -> String {
    Base64UrlUnpadded::encode_string(digest(&SHA256, code_verifier.as_bytes()).as_ref())
}

fn encode_json(value: &impl Serialize) -> String {
    let text = serde_json::to_vec(value).expect("claims are plain data");
    Base64UrlUnpadded::encode_string(&text)
}

fn decode_object(segment: &str) -> Result<Map<String, Value>, NotOurs> {
    let bytes = Base64UrlUnpadded::decode_vec(segment).map_err(|_| NotOurs::Malformed)?;
    serde_json::from_slice(&bytes).map_err(|_| NotOurs::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{random::Random, settings::SigningAlgorithm};

    #[test]
    fn token_changed_in_any_part_is_refused() {
        let mut random = Random::from_seed(3);
        let keys = KeyRing::new(3, &mut random);
        let token = sign(&keys.current(SigningAlgorithm::Es256), &json!({ "sub": "ada" }));
        assert_eq!(verify(&token, &keys, true).unwrap()["sub"], "ada");

        let [header, claims, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!("three parts") };
        let other_claims = encode_json(&json!({ "sub": "grace" }));
        assert_eq!(verify(&format!("{header}.{other_claims}.{signature}"), &keys, true), Err(NotOurs::BadSignature));
        let none = encode_json(&json!({ "alg": "none", "kid": keys.current(SigningAlgorithm::Es256).id() }));
        assert_eq!(verify(&format!("{none}.{claims}."), &keys, true), Err(NotOurs::WrongAlgorithm));
        assert_eq!(verify("not a token", &keys, true), Err(NotOurs::Malformed));
        let stranger = KeyRing::new(3, &mut random);
        assert_eq!(verify(&token, &stranger, true), Err(NotOurs::UnknownKey));
    }

    #[test]
    fn code_challenge_of_the_specifications_example_is_the_one_it_gives() {
        // RFC 7636, appendix B.
        let challenge = code_challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert_eq!(challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }
}
