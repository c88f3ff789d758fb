//! Signing keys: one current pair (RS256 and ES256), rolled together, and the key set that publishes them (RFC 7517).

use std::sync::Arc;

use base64ct::{Base64UrlUnpadded, Encoding};
use ring::{
    rand::SystemRandom,
    rsa::{KeyPair as RsaKeyPair, PublicKeyComponents},
    signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_2048_8192_SHA256,
        RSA_PKCS1_SHA256, UnparsedPublicKey,
    },
};
use serde_json::{Value, json};

use crate::{
    random::{Purpose, Random},
    settings::SigningAlgorithm,
};

/// Test keys, so that a seed repeats them: see `keys/README.md`.
pub(crate) const POOL: [(&[u8], &[u8]); 6] = [
    (include_bytes!("../keys/rs256-1.pk8"), include_bytes!("../keys/es256-1.pk8")),
    (include_bytes!("../keys/rs256-2.pk8"), include_bytes!("../keys/es256-2.pk8")),
    (include_bytes!("../keys/rs256-3.pk8"), include_bytes!("../keys/es256-3.pk8")),
    (include_bytes!("../keys/rs256-4.pk8"), include_bytes!("../keys/es256-4.pk8")),
    (include_bytes!("../keys/rs256-5.pk8"), include_bytes!("../keys/es256-5.pk8")),
    (include_bytes!("../keys/rs256-6.pk8"), include_bytes!("../keys/es256-6.pk8")),
];

/// The current keys, and those before the last roll.
pub(crate) struct KeyRing {
    current: Generation,
    previous: Option<Generation>,
    pool_index: usize,
}

struct Generation {
    rs256: Arc<SigningKey>,
    es256: Arc<SigningKey>,
}

impl KeyRing {
    /// `seed` decides which key of the pool comes first, so that two tenants of one process seldom share one.
    pub(crate) fn new(seed: u64, random: &mut Random) -> Self {
        let pool_index = (seed % POOL.len() as u64) as usize;
        Self { current: Generation::new(pool_index, random), previous: None, pool_index }
    }

    /// Takes new keys into use. The ones before stay in the key set until the next roll.
    pub(crate) fn roll(&mut self, random: &mut Random) {
        self.pool_index = (self.pool_index + 1) % POOL.len();
        let next = Generation::new(self.pool_index, random);
        self.previous = Some(std::mem::replace(&mut self.current, next));
    }

    pub(crate) fn current(&self, algorithm: SigningAlgorithm) -> Arc<SigningKey> {
        match algorithm {
            SigningAlgorithm::Rs256 => Arc::clone(&self.current.rs256),
            SigningAlgorithm::Es256 => Arc::clone(&self.current.es256),
        }
    }

    /// The published key of this id.
    pub(crate) fn find(&self, key_id: &str, with_previous: bool) -> Option<Arc<SigningKey>> {
        self.published(with_previous).find(|key| key.id == key_id).map(Arc::clone)
    }

    /// The JWK set (RFC 7517 §5).
    pub(crate) fn document(&self, with_previous: bool) -> Value {
        json!({ "keys": self.published(with_previous).map(|key| key.jwk()).collect::<Vec<_>>() })
    }

    fn published(&self, with_previous: bool) -> impl Iterator<Item = &Arc<SigningKey>> {
        let previous = self.previous.as_ref().filter(|_| with_previous);
        [Some(&self.current), previous].into_iter().flatten().flat_map(|keys| [&keys.rs256, &keys.es256])
    }
}

impl Generation {
    fn new(pool_index: usize, random: &mut Random) -> Self {
        let (rsa, ecdsa) = POOL[pool_index];
        let rsa = RsaKeyPair::from_pkcs8(rsa).expect("the pool holds valid keys of 2048 bits");
        let ecdsa = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, ecdsa, &SystemRandom::new())
            .expect("the pool holds valid keys on P-256");
        Self {
            rs256: Arc::new(SigningKey { id: random.identifier(Purpose::KeyId), pair: Pair::Rs256(rsa) }),
            es256: Arc::new(SigningKey { id: random.identifier(Purpose::KeyId), pair: Pair::Es256(ecdsa) }),
        }
    }
}

/// One key pair and its `kid`.
pub(crate) struct SigningKey {
    id: String,
    pair: Pair,
}

enum Pair {
    Rs256(RsaKeyPair),
    Es256(EcdsaKeyPair),
}

impl SigningKey {
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn algorithm(&self) -> SigningAlgorithm {
        match self.pair {
            Pair::Rs256(_) => SigningAlgorithm::Rs256,
            Pair::Es256(_) => SigningAlgorithm::Es256,
        }
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let system = SystemRandom::new();
        match &self.pair {
            Pair::Rs256(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &system, message, &mut signature)
                    .expect("the buffer is as long as the modulus");
                signature
            }
            Pair::Es256(pair) => {
                pair.sign(&system, message).expect("the operating system has randomness").as_ref().to_vec()
            }
        }
    }

    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let verified =
            match &self.pair {
                Pair::Rs256(pair) => UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public().as_ref())
                    .verify(message, signature),
                Pair::Es256(pair) => UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, pair.public_key().as_ref())
                    .verify(message, signature),
            };
        verified.is_ok()
    }

    /// The public half (RFC 7518 §6).
    fn jwk(&self) -> Value {
        let base64url = Base64UrlUnpadded::encode_string;
        match &self.pair {
            Pair::Rs256(pair) => {
                let components = PublicKeyComponents::<Vec<u8>>::from(pair.public());
                json!({
                    "kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.id,
                    "n": base64url(&components.n), "e": base64url(&components.e),
                })
            }
            Pair::Es256(pair) => {
                // SEC 1 §2.3.3: 0x04, then both coordinates of 32 bytes.
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                json!({
                    "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": self.id,
                    "x": base64url(x), "y": base64url(y),
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pool_keys_are_all_valid_and_all_different() {
        let mut random = Random::from_seed(1);
        let generations: Vec<Generation> = (0..POOL.len()).map(|index| Generation::new(index, &mut random)).collect();
        let public: std::collections::HashSet<String> = generations
            .iter()
            .flat_map(|keys| [keys.rs256.jwk()["n"].to_string(), keys.es256.jwk()["x"].to_string()])
            .collect();
        assert_eq!(public.len(), 2 * POOL.len());
    }

    #[test]
    fn roll_replaces_both_keys_and_keeps_the_previous_ones_published_for_one_roll() {
        let mut random = Random::from_seed(1);
        let mut ring = KeyRing::new(1, &mut random);
        let first = ring.current(SigningAlgorithm::Rs256).id().to_owned();
        ring.roll(&mut random);
        assert_ne!(ring.current(SigningAlgorithm::Rs256).id(), first);
        assert!(ring.find(&first, true).is_some());
        assert!(ring.find(&first, false).is_none());
        ring.roll(&mut random);
        assert!(ring.find(&first, true).is_none());
    }

    #[test]
    fn signature_verifies_with_its_key_and_with_no_other() {
        let mut random = Random::from_seed(1);
        let mut ring = KeyRing::new(1, &mut random);
        for algorithm in [SigningAlgorithm::Rs256, SigningAlgorithm::Es256] {
            let key = ring.current(algorithm);
            let signature = key.sign(b"message");
            assert!(key.verifies(b"message", &signature));
            assert!(!key.verifies(b"massage", &signature));
            ring.roll(&mut random);
            assert!(!ring.current(algorithm).verifies(b"message", &signature));
        }
    }
}
