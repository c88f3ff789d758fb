//! The provider's half of a signature: keys that sign tokens, for tests and benchmarks.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hallpass_protocol::jws::Algorithm;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
    RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding,
    RsaKeyPair, RsaPublicKeyComponents,
};
use serde_json::{Value, json};

/// Made for these tests with `openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048` and `openssl pkcs8 -topk8
/// -nocrypt`, since `ring` makes no RSA keys. It protects nothing.
const RSA_2048: &[u8] = include_bytes!("rsa2048.pkcs8.der");

/// A private key and the algorithm that it is used with.
pub(crate) struct Signer {
    pub(crate) algorithm: Algorithm,
    key: PrivateKey,
}

enum PrivateKey {
    Rsa(Box<RsaKeyPair>, &'static dyn RsaEncoding),
    Ecdsa(EcdsaKeyPair, &'static str),
    Ed25519(Ed25519KeyPair),
}

const RANDOM: &str = "the system has randomness";
const MADE: &str = "a key just made is one";

#[allow(clippy::disallowed_types, reason = "tests make their own keys")]
fn random() -> ring::rand::SystemRandom {
    ring::rand::SystemRandom::new()
}

impl Signer {
    /// A new key, but for RSA, where it is always the same one.
    pub(crate) fn new(algorithm: Algorithm) -> Self {
        let rsa = |encoding| {
            PrivateKey::Rsa(Box::new(RsaKeyPair::from_pkcs8(RSA_2048).expect("the file is a key")), encoding)
        };
        let ecdsa = |signing, curve| {
            let pkcs8 = EcdsaKeyPair::generate_pkcs8(signing, &random()).expect(RANDOM);
            PrivateKey::Ecdsa(EcdsaKeyPair::from_pkcs8(signing, pkcs8.as_ref(), &random()).expect(MADE), curve)
        };
        let key = match algorithm {
            Algorithm::Rs256 => rsa(&RSA_PKCS1_SHA256),
            Algorithm::Rs384 => rsa(&RSA_PKCS1_SHA384),
            Algorithm::Rs512 => rsa(&RSA_PKCS1_SHA512),
            Algorithm::Ps256 => rsa(&RSA_PSS_SHA256),
            Algorithm::Ps384 => rsa(&RSA_PSS_SHA384),
            Algorithm::Ps512 => rsa(&RSA_PSS_SHA512),
            Algorithm::Es256 => ecdsa(&ECDSA_P256_SHA256_FIXED_SIGNING, "P-256"),
            Algorithm::Es384 => ecdsa(&ECDSA_P384_SHA384_FIXED_SIGNING, "P-384"),
            Algorithm::EdDsa => {
                let pkcs8 = Ed25519KeyPair::generate_pkcs8(&random()).expect(RANDOM);
                PrivateKey::Ed25519(Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).expect(MADE))
            }
        };
        Self { algorithm, key }
    }

    /// The public key as a JWK, without `kid` and `alg`.
    pub(crate) fn jwk(&self) -> Value {
        match &self.key {
            PrivateKey::Rsa(pair, _) => {
                let public = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public());
                json!({ "kty": "RSA", "n": base64url(&public.n), "e": base64url(&public.e) })
            }
            PrivateKey::Ecdsa(pair, curve) => {
                let coordinates = &pair.public_key().as_ref()[1..];
                let (x, y) = coordinates.split_at(coordinates.len() / 2);
                json!({ "kty": "EC", "crv": curve, "x": base64url(x), "y": base64url(y) })
            }
            PrivateKey::Ed25519(pair) => {
                json!({ "kty": "OKP", "crv": "Ed25519", "x": base64url(pair.public_key().as_ref()) })
            }
        }
    }

    /// The public key as a JWK of this name, bound to the algorithm.
    pub(crate) fn named_jwk(&self, kid: &str) -> Value {
        let mut jwk = self.jwk();
        jwk["kid"] = kid.into();
        jwk["alg"] = self.algorithm.name().into();
        jwk["use"] = "sig".into();
        jwk
    }

    /// A token in compact form, header and payload exactly as they are given.
    pub(crate) fn token(&self, header: &str, payload: &str) -> String {
        let signing_input = format!("{}.{}", base64url(header.as_bytes()), base64url(payload.as_bytes()));
        let signature = self.sign(signing_input.as_bytes());
        format!("{signing_input}.{}", base64url(&signature))
    }

    /// A signature as JWS has it.
    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        match &self.key {
            PrivateKey::Rsa(pair, encoding) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(*encoding, &random(), message, &mut signature).expect(RANDOM);
                signature
            }
            PrivateKey::Ecdsa(pair, _) => pair.sign(&random(), message).expect(RANDOM).as_ref().to_vec(),
            PrivateKey::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }
}

pub(crate) fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
