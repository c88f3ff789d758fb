//! A login whose ID token is validated: a token as Auth0 makes them, its key alone or among others, and `ring` by
//! itself.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hallpass_core::adapters::SystemClock;
use hallpass_core::ports::Clock;
use hallpass_protocol::client::{ClientId, Issuer, Loopback};
use hallpass_protocol::id_token::{self, Claims, Expectations};
use hallpass_protocol::jwk::KeySet;
use hallpass_protocol::jws::Algorithm;
use hallpass_protocol::secret::{AccessToken, Nonce, RawIdToken};
use hallpass_protocol::time::Timestamp;
use ring::digest;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512,
    RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde_json::{Value, json};

use self::signer::Signer;

/// The tests of the protocol sign with the same keys.
#[path = "../../../core/protocol/tests/suite/signer.rs"]
pub mod signer;

/// The algorithms that are measured.
pub const ALGORITHMS: [Algorithm; 4] = [Algorithm::Rs256, Algorithm::Ps256, Algorithm::Es256, Algorithm::EdDsa];

/// One login, ready to validate.
pub struct Login {
    algorithm: Algorithm,
    token: RawIdToken,
    jwks: Value,
    keys: KeySet,
    many_keys: KeySet,
    issuer: Issuer,
    client_id: ClientId,
    nonce: Nonce,
    access_token: AccessToken,
    now: Timestamp,
    limit: Limit,
}

/// The verification by itself: everything decoded, nothing checked.
struct Limit {
    key: RawKey,
    message: Vec<u8>,
    signature: Vec<u8>,
}

enum RawKey {
    Rsa(&'static RsaParameters, RsaPublicKeyComponents<Vec<u8>>),
    Other(UnparsedPublicKey<Vec<u8>>),
}

impl Login {
    /// A login whose ID token is signed with `algorithm`.
    ///
    /// # Panics
    /// When the system has no randomness.
    #[must_use]
    pub fn new(algorithm: Algorithm) -> Self {
        let signer = Signer::new(algorithm);
        let access_token = AccessToken::new("eyJ".repeat(250));
        let header = json!({ "alg": algorithm.name(), "typ": "JWT", "kid": "key-50" }).to_string();
        let now = SystemClock.now();
        let token = signer.token(&header, &claims(algorithm, &access_token, now.unix_seconds()).to_string());
        let (message, signature) = token.rsplit_once('.').expect("a token has three parts");
        let limit = Limit {
            key: raw_key(algorithm, &signer.jwk()),
            message: message.as_bytes().to_vec(),
            signature: URL_SAFE_NO_PAD.decode(signature).expect("just encoded"),
        };
        let key_set = |names: &[String]| {
            let keys: Vec<Value> = names.iter().map(|name| signer.named_jwk(name)).collect();
            KeySet::parse(json!({ "keys": keys }).to_string().as_bytes()).expect("the keys can be used")
        };
        Self {
            algorithm,
            jwks: json!({ "keys": [signer.named_jwk("key-50")] }),
            keys: key_set(&["key-50".to_owned()]),
            many_keys: key_set(&(0..100).map(|index| format!("key-{index}")).collect::<Vec<_>>()),
            token: RawIdToken::new(token),
            issuer: Issuer::parse("https://tenant.eu.auth0.com/", Loopback::RequireHttps).expect("a good issuer"),
            client_id: ClientId::parse("aBcD1234eFgH5678iJkL9012mNoP3456").expect("a good client id"),
            nonce: Nonce::from_entropy([7; 32]),
            access_token,
            now,
            limit,
        }
    }

    /// The algorithm.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Validates with the one key of a set.
    ///
    /// # Panics
    /// When the token is refused.
    pub fn validate(&self) -> Claims {
        id_token::validate(&self.token, &self.keys, &self.expectations()).expect("the token is good")
    }

    /// Validates with one of 100 keys.
    ///
    /// # Panics
    /// When the token is refused.
    pub fn validate_among_100_keys(&self) -> Claims {
        id_token::validate(&self.token, &self.many_keys, &self.expectations()).expect("the token is good")
    }

    /// Validates with the one key of a set, and compares the access token with `at_hash`: one more hash, of the whole
    /// access token.
    ///
    /// # Panics
    /// When the token is refused.
    pub fn validate_with_access_token(&self) -> Claims {
        let expectations = Expectations { access_token: Some(&self.access_token), ..self.expectations() };
        id_token::validate(&self.token, &self.keys, &expectations).expect("the token is good")
    }

    /// The same token, key and expectations for a contender of another process, as JSON.
    #[must_use]
    pub fn for_peers(&self) -> Value {
        json!({
            "algorithm": self.algorithm.name(),
            "token": self.token.expose(),
            "jwks": self.jwks,
            "issuer": self.issuer.as_str(),
            "client_id": self.client_id.as_str(),
            "nonce": self.nonce.expose(),
        })
    }

    /// Verifies the signature with `ring`, which is what any validation has to do.
    ///
    /// # Panics
    /// When the signature is wrong.
    pub fn verify(&self) {
        let Limit { key, message, signature } = &self.limit;
        match key {
            RawKey::Rsa(parameters, components) => components.verify(parameters, message, signature),
            RawKey::Other(key) => key.verify(message, signature),
        }
        .expect("the signature is good");
    }

    fn expectations(&self) -> Expectations<'_> {
        Expectations {
            issuer: &self.issuer,
            client_id: &self.client_id,
            nonce: Some(&self.nonce),
            access_token: None,
            max_age: Some(3600),
            organization: Some("org_9ybsU1dN2dKfDkBi"),
            algorithms: &[],
            now: self.now,
            leeway: Duration::from_secs(60),
        }
    }
}

/// What Auth0 puts into an ID token for `openid profile email`, and what the other checks look at.
fn claims(algorithm: Algorithm, access_token: &AccessToken, now: i64) -> Value {
    let hash = match algorithm {
        Algorithm::Rs256 | Algorithm::Ps256 | Algorithm::Es256 => &digest::SHA256,
        Algorithm::Rs384 | Algorithm::Ps384 | Algorithm::Es384 => &digest::SHA384,
        Algorithm::Rs512 | Algorithm::Ps512 | Algorithm::EdDsa => &digest::SHA512,
    };
    let digest = digest::digest(hash, access_token.expose().as_bytes());
    json!({
        "given_name": "Ada",
        "family_name": "Lovelace",
        "nickname": "ada",
        "name": "Ada Lovelace",
        "picture": "https://s.gravatar.com/avatar/0123456789abcdef0123456789abcdef?s=480&r=pg&d=https%3A%2F%2Fcdn.auth0.com%2Favatars%2Fal.png",
        "updated_at": "2023-11-14T22:13:20.000Z",
        "email": "ada.lovelace@example.com",
        "email_verified": true,
        "iss": "https://tenant.eu.auth0.com/",
        "aud": "aBcD1234eFgH5678iJkL9012mNoP3456",
        "iat": now,
        "exp": now + 36_000,
        "sub": "auth0|0123456789abcdef01234567",
        "auth_time": now,
        "at_hash": URL_SAFE_NO_PAD.encode(&digest.as_ref()[..digest.as_ref().len() / 2]),
        "sid": "abcdefghijklmnopqrstuvwxyz012345",
        "nonce": Nonce::from_entropy([7; 32]).expose(),
        "org_id": "org_9ybsU1dN2dKfDkBi",
        "https://example.com/roles": ["approver", "reader"],
    })
}

fn raw_key(algorithm: Algorithm, jwk: &Value) -> RawKey {
    let member = |name: &str| {
        let text = jwk[name].as_str().expect("the key has this member");
        URL_SAFE_NO_PAD.decode(text).expect("just encoded")
    };
    let rsa = |parameters| RawKey::Rsa(parameters, RsaPublicKeyComponents { n: member("n"), e: member("e") });
    let point = || [vec![4], member("x"), member("y")].concat();
    match algorithm {
        Algorithm::Rs256 => rsa(&RSA_PKCS1_2048_8192_SHA256),
        Algorithm::Rs384 => rsa(&RSA_PKCS1_2048_8192_SHA384),
        Algorithm::Rs512 => rsa(&RSA_PKCS1_2048_8192_SHA512),
        Algorithm::Ps256 => rsa(&RSA_PSS_2048_8192_SHA256),
        Algorithm::Ps384 => rsa(&RSA_PSS_2048_8192_SHA384),
        Algorithm::Ps512 => rsa(&RSA_PSS_2048_8192_SHA512),
        Algorithm::Es256 => RawKey::Other(UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point())),
        Algorithm::Es384 => RawKey::Other(UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point())),
        Algorithm::EdDsa => RawKey::Other(UnparsedPublicKey::new(&ED25519, member("x"))),
    }
}
