//! What a server publishes of itself, and what it signs.

use std::sync::LazyLock;

use base64ct::{Base64UrlUnpadded, Encoding};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};

use super::{ISSUER, Server};

impl Server {
    /// The document of discovery, as it is now.
    pub(crate) fn metadata(&self) -> Value {
        json!({
            "issuer": ISSUER,
            "authorization_endpoint": format!("{ISSUER}/authorize"),
            "token_endpoint": format!("{ISSUER}{}", self.token_path()),
            "jwks_uri": format!("{ISSUER}/keys"),
            "revocation_endpoint": format!("{ISSUER}/revoke"),
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
            "code_challenge_methods_supported": ["S256"],
        })
    }

    /// Where tokens are to be had now.
    pub(crate) fn token_path(&self) -> &'static str {
        if self.has_moved { "/oauth/token" } else { "/token" }
    }

    /// The key set, as it is now.
    pub(crate) fn keys(&self) -> Value {
        let mut keys = vec![public(&KEYS[0], "1")];
        if self.has_new_key {
            keys.push(public(&KEYS[1], "2"));
        }
        json!({ "keys": keys })
    }
}

fn public(key: &EcdsaKeyPair, kid: &str) -> Value {
    let point = key.public_key().as_ref();
    let (x, y) = (base64(&point[1..33]), base64(&point[33..]));
    json!({ "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": kid, "x": x, "y": y })
}

/// The keys differ from run to run; nothing that is compared between runs shows them.
static KEYS: LazyLock<[EcdsaKeyPair; 2]> = LazyLock::new(|| {
    let random = SystemRandom::new();
    [(); 2].map(|()| {
        let document =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).expect("there is randomness");
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random).expect("made just now")
    })
});

/// Signs with the old key (0) or the new one (1), and says that it was the key called `kid`.
pub(super) fn sign(claims: &Value, key: usize, kid: &str) -> String {
    let header = json!({ "alg": "ES256", "kid": kid, "typ": "JWT" });
    let signed = unsigned(&header, claims);
    let signature = KEYS[key].sign(&SystemRandom::new(), signed.as_bytes()).expect("there is randomness");
    format!("{signed}.{}", base64(signature.as_ref()))
}

/// Header and claims, without a signature.
pub(super) fn unsigned(header: &Value, claims: &Value) -> String {
    format!("{}.{}", base64(header.to_string().as_bytes()), base64(claims.to_string().as_bytes()))
}

fn base64(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}
