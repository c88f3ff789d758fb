//! Keys by name, of every kind that an issuer could sign with, also of kinds that it should not.

use std::{collections::BTreeMap, sync::LazyLock};

use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use ring::{
    digest::{SHA256, digest},
    hmac,
    rand::SystemRandom,
    rsa::{KeyPair as RsaKeyPair, PublicKeyComponents},
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
        Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384,
        RSA_PSS_SHA512, RsaEncoding,
    },
};
use serde_json::{Value, json};

use super::behaviour::Secret;
use crate::keys::POOL;

/// DER of `AlgorithmIdentifier { rsaEncryption, NULL }` (RFC 8017 appendix A.1).
const RSA_ENCRYPTION: [u8; 15] =
    [0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
/// DER of a SHA-256 `DigestInfo` up to the digest (RFC 8017 §9.2, note 1).
const SHA256_INFO: [u8; 19] =
    [0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20];

/// A key pair that signs.
pub(super) enum Key {
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
    P384(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    /// RSA with the public exponent 1 and a modulus of so many bytes: everybody can sign with it.
    ExponentOne(usize),
}

/// The key of this name.
pub(super) fn find(name: &str) -> Option<&'static Key> {
    static KEYS: LazyLock<BTreeMap<String, Key>> = LazyLock::new(all);
    KEYS.get(name)
}

fn all() -> BTreeMap<String, Key> {
    let random = SystemRandom::new();
    let mut keys = BTreeMap::new();
    for (number, (rsa, p256)) in POOL.iter().enumerate() {
        let rsa = RsaKeyPair::from_pkcs8(rsa).expect("the pool holds valid keys of 2048 bits");
        let p256 = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, p256, &random)
            .expect("the pool holds valid keys on P-256");
        keys.insert(format!("rsa-{}", number + 1), Key::Rsa(rsa));
        keys.insert(format!("p256-{}", number + 1), Key::P256(p256));
    }
    keys.insert("p384-1".to_owned(), Key::P384(generated(&ECDSA_P384_SHA384_FIXED_SIGNING, &random)));
    let document = Ed25519KeyPair::generate_pkcs8(&random).expect("the operating system has randomness");
    let ed25519 = Ed25519KeyPair::from_pkcs8(document.as_ref()).expect("it was generated just now");
    keys.insert("ed25519-1".to_owned(), Key::Ed25519(ed25519));
    keys.insert("short".to_owned(), Key::ExponentOne(1024 / 8));
    keys.insert("exponent-1".to_owned(), Key::ExponentOne(2048 / 8));
    keys
}

fn generated(algorithm: &'static EcdsaSigningAlgorithm, random: &SystemRandom) -> EcdsaKeyPair {
    let document = EcdsaKeyPair::generate_pkcs8(algorithm, random).expect("the operating system has randomness");
    EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), random).expect("it was generated just now")
}

impl Key {
    /// The algorithm that such a key is mostly used with.
    pub(super) const fn usual_algorithm(&self) -> &'static str {
        match self {
            Key::Rsa(_) | Key::ExponentOne(_) => "RS256",
            Key::P256(_) => "ES256",
            Key::P384(_) => "ES384",
            Key::Ed25519(_) => "EdDSA",
        }
    }

    /// A signature; `None` when such a key makes none with this algorithm.
    pub(super) fn sign(&self, algorithm: &str, message: &[u8]) -> Option<Vec<u8>> {
        let random = SystemRandom::new();
        match (self, algorithm) {
            (_, "none") => Some(Vec::new()),
            (Key::Rsa(pair), name) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(rsa_encoding(name)?, &random, message, &mut signature).ok()?;
                Some(signature)
            }
            (Key::P256(pair), "ES256") | (Key::P384(pair), "ES384") => {
                pair.sign(&random, message).ok().map(|signature| signature.as_ref().to_vec())
            }
            (Key::Ed25519(pair), "EdDSA") => Some(pair.sign(message).as_ref().to_vec()),
            // With an exponent of 1 the signature is the encoded message itself (RFC 8017 §8.2.1, §9.2).
            (Key::ExponentOne(length), "RS256") => Some(encoded_message(message, *length)),
            (Key::P256(_) | Key::P384(_) | Key::Ed25519(_) | Key::ExponentOne(_), _) => None,
        }
    }

    /// The public key as a JWK (RFC 7518 §6, RFC 8037 §2).
    pub(super) fn jwk(&self, kid: &str) -> Value {
        let base64url = Base64UrlUnpadded::encode_string;
        let mut jwk = match self {
            Key::Rsa(pair) => {
                let components = PublicKeyComponents::<Vec<u8>>::from(pair.public());
                json!({ "kty": "RSA", "n": base64url(&components.n), "e": base64url(&components.e) })
            }
            Key::P256(pair) => ec(&pair.public_key().as_ref()[1..], "P-256"),
            Key::P384(pair) => ec(&pair.public_key().as_ref()[1..], "P-384"),
            Key::Ed25519(pair) => {
                json!({ "kty": "OKP", "crv": "Ed25519", "x": base64url(pair.public_key().as_ref()) })
            }
            Key::ExponentOne(length) => json!({ "kty": "RSA", "n": base64url(&modulus(*length)), "e": "AQ" }),
        };
        jwk["kid"] = kid.into();
        jwk["use"] = "sig".into();
        jwk
    }

    /// A tag of HMAC-SHA256 under what a confused client might take for the secret; `None` when this key has no such form.
    pub(super) fn hmac(&self, secret: Secret, client_id: &str, message: &[u8]) -> Option<Vec<u8>> {
        let secret = match (secret, self) {
            (Secret::Empty, _) => Vec::new(),
            (Secret::ClientId, _) => client_id.as_bytes().to_vec(),
            (Secret::Jwk, key) => key.jwk("rsa-1").to_string().into_bytes(),
            (Secret::Modulus, Key::Rsa(pair)) => PublicKeyComponents::<Vec<u8>>::from(pair.public()).n,
            (Secret::Der, Key::Rsa(pair)) => public_key_info(pair),
            (Secret::Pem, Key::Rsa(pair)) => pem(&public_key_info(pair)).into_bytes(),
            (Secret::Modulus | Secret::Der | Secret::Pem, _) => return None,
        };
        let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
        Some(hmac::sign(&key, message).as_ref().to_vec())
    }
}

/// An ECDSA signature of r and s one after another as DER: `SEQUENCE { INTEGER, INTEGER }` (RFC 3279 §2.2.3).
pub(super) fn der_of_ecdsa(signature: &[u8]) -> Vec<u8> {
    let (r, s) = signature.split_at(signature.len() / 2);
    let integers = [integer(r), integer(s)].concat();
    tagged(0x30, &integers)
}

fn rsa_encoding(name: &str) -> Option<&'static dyn RsaEncoding> {
    Some(match name {
        "RS256" => &RSA_PKCS1_SHA256,
        "RS384" => &RSA_PKCS1_SHA384,
        "RS512" => &RSA_PKCS1_SHA512,
        "PS256" => &RSA_PSS_SHA256,
        "PS384" => &RSA_PSS_SHA384,
        "PS512" => &RSA_PSS_SHA512,
        _ => return None,
    })
}

fn ec(point: &[u8], curve: &str) -> Value {
    let (x, y) = point.split_at(point.len() / 2);
    let base64url = Base64UrlUnpadded::encode_string;
    json!({ "kty": "EC", "crv": curve, "x": base64url(x), "y": base64url(y) })
}

/// With an exponent of 1 any odd number that is long enough will do.
fn modulus(length: usize) -> Vec<u8> {
    vec![0xff; length]
}

/// EMSA-PKCS1-v1_5 with SHA-256 (RFC 8017 §9.2).
fn encoded_message(message: &[u8], length: usize) -> Vec<u8> {
    let digest = digest(&SHA256, message);
    let tail = [&[0][..], &SHA256_INFO, digest.as_ref()].concat();
    let padding = vec![0xff; length - tail.len() - 2];
    [&[0, 1][..], &padding, &tail].concat()
}

/// `SubjectPublicKeyInfo` (RFC 5280 §4.1) of an RSA key.
fn public_key_info(pair: &RsaKeyPair) -> Vec<u8> {
    let bits = tagged(0x03, &[&[0][..], pair.public().as_ref()].concat());
    tagged(0x30, &[&RSA_ENCRYPTION[..], &bits].concat())
}

/// RFC 7468 §13.
fn pem(der: &[u8]) -> String {
    let text = Base64::encode_string(der);
    let lines: Vec<&str> = text.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"))
}

/// A DER integer that is not negative.
fn integer(bytes: &[u8]) -> Vec<u8> {
    let significant = &bytes[bytes.iter().position(|&byte| byte != 0).unwrap_or(bytes.len() - 1)..];
    let sign: &[u8] = if significant[0] >= 0x80 { &[0] } else { &[] };
    tagged(0x02, &[sign, significant].concat())
}

/// A DER value of fewer than 65,536 bytes.
fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(content.len()).expect("keys and signatures are short").to_be_bytes();
    let length: &[u8] = match (high, low) {
        (0, 0..=127) => &[low],
        (0, _) => &[0x81, low],
        (_, _) => &[0x82, high, low],
    };
    [&[tag], length, content].concat()
}

#[cfg(test)]
mod tests {
    use ring::signature::{
        ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256,
        UnparsedPublicKey,
    };

    use super::*;

    #[test]
    fn signature_of_each_kind_verifies_with_the_public_key() {
        let Some(Key::Rsa(rsa)) = find("rsa-2") else { panic!("rsa-2 is an RSA key") };
        for (name, algorithm) in [("RS256", &RSA_PKCS1_2048_8192_SHA256), ("PS256", &RSA_PSS_2048_8192_SHA256)] {
            let signature = find("rsa-2").unwrap().sign(name, b"message").unwrap();
            UnparsedPublicKey::new(algorithm, rsa.public().as_ref()).verify(b"message", &signature).unwrap();
        }
        let Some(Key::P256(p256)) = find("p256-1") else { panic!("p256-1 is on P-256") };
        let signature = find("p256-1").unwrap().sign("ES256", b"message").unwrap();
        let public = p256.public_key().as_ref();
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, public).verify(b"message", &signature).unwrap();
        let der = der_of_ecdsa(&signature);
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, public).verify(b"message", &der).unwrap();
    }

    #[test]
    fn key_that_cannot_sign_with_an_algorithm_does_not() {
        assert!(find("p256-1").unwrap().sign("RS256", b"m").is_none());
        assert!(find("rsa-1").unwrap().sign("ES256", b"m").is_none());
        assert!(find("rsa-7").is_none());
        assert_eq!(find("p384-1").unwrap().sign("none", b"m"), Some(Vec::new()));
    }

    #[test]
    fn public_key_is_written_as_der_and_pem_that_others_read() {
        let Some(Key::Rsa(rsa)) = find("rsa-1") else { panic!("rsa-1 is an RSA key") };
        let der = public_key_info(rsa);
        // A SEQUENCE of 290 bytes: what 2048 bits with the exponent 65537 come to.
        assert_eq!((&der[..4], der.len()), (&[0x30, 0x82, 0x01, 0x22][..], 294));
        let pem = pem(&der);
        assert!(pem.starts_with("-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A"));
        assert!(pem.lines().all(|line| line.len() <= 64));
    }
}
