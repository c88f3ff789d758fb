//! A signing key in software, kept in the secure store like the tokens that are bound to it.

use std::sync::Arc;

use async_trait::async_trait;
use base64ct::{Base64UrlUnpadded, Encoding};
use hallpass_protocol::dpop::{PublicKey, Signature};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use crate::ports::{EntryName, KeySigner, SecureStore, SignerError, StoredValue};

/// Before the key itself, so that a later version can tell what it reads.
const VERSION: &str = "1.";

/// A P-256 key in an entry of a [`SecureStore`]: PKCS#8 (RFC 5958) as base64url behind a version.
///
/// It is as safe as the store: who can read the store has the tokens and the key. It protects tokens that leak elsewhere,
/// such as in a log or at a proxy. A key in hardware protects in both cases.
pub struct SoftwareSigner {
    store: Arc<dyn SecureStore>,
    entry: EntryName,
    random: SystemRandom,
    /// The key that was read or made last.
    key: Mutex<Option<Arc<EcdsaKeyPair>>>,
}

impl SoftwareSigner {
    /// Keeps its key in `store` under `entry`, which nothing else may use.
    pub fn new(store: impl SecureStore, entry: EntryName) -> Self {
        Self { store: Arc::new(store), entry, random: SystemRandom::new(), key: Mutex::default() }
    }

    /// The key in the store.
    async fn load(&self) -> Result<Option<EcdsaKeyPair>, SignerError> {
        let Some(value) = self.store.load(&self.entry).await? else { return Ok(None) };
        // What cannot be read is no key any more; the store has said that nothing stands in the way.
        let encoded = value.expose().strip_prefix(VERSION).ok_or(SignerError::Invalidated)?;
        let pkcs8 = Zeroizing::new(Base64UrlUnpadded::decode_vec(encoded).map_err(|_| SignerError::Invalidated)?);
        self.pair(&pkcs8).map(Some)
    }

    async fn make(&self) -> Result<EcdsaKeyPair, SignerError> {
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &self.random)
            .map_err(|_| SignerError::Failed("the operating system gave no randomness"))?;
        let encoded = Zeroizing::new(Base64UrlUnpadded::encode_string(pkcs8.as_ref()));
        let value = StoredValue::new([VERSION, &encoded].concat());
        self.store.save(&self.entry, &value).await?;
        self.pair(pkcs8.as_ref())
    }

    fn pair(&self, pkcs8: &[u8]) -> Result<EcdsaKeyPair, SignerError> {
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8, &self.random)
            .map_err(|_| SignerError::Invalidated)
    }
}

#[async_trait]
impl KeySigner for SoftwareSigner {
    fn identity(&self) -> String {
        format!("software:{}:{}", self.store.identity(), self.entry)
    }

    async fn public_key(&self) -> Result<PublicKey, SignerError> {
        let mut key = self.key.lock().await;
        // Read again each time: another process that shares the store may have logged out and in again.
        let found = match self.load().await? {
            Some(found) => found,
            None => self.make().await?,
        };
        let public = PublicKey::from_sec1(found.public_key().as_ref()).map_err(|_| SignerError::Invalidated)?;
        *key = Some(Arc::new(found));
        Ok(public)
    }

    async fn sign(&self, message: &[u8]) -> Result<Signature, SignerError> {
        let key = {
            let mut key = self.key.lock().await;
            if key.is_none() {
                *key = self.load().await?.map(Arc::new);
            }
            key.clone().ok_or(SignerError::Invalidated)?
        };
        key.sign(&self.random, message)
            .ok()
            .and_then(|signature| Signature::from_bytes(signature.as_ref()))
            .ok_or(SignerError::Failed("the operating system gave no randomness"))
    }

    async fn delete(&self) -> Result<(), SignerError> {
        let mut key = self.key.lock().await;
        self.store.delete(&self.entry).await?;
        *key = None;
        Ok(())
    }
}

impl std::fmt::Debug for SoftwareSigner {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("SoftwareSigner").field("entry", &self.entry).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::MemoryStore;

    fn entry() -> EntryName {
        EntryName::parse("key.test").expect("it is a name")
    }

    #[tokio::test]
    async fn a_key_that_is_stored_damaged_is_gone_and_stays_where_it_is() {
        let store = MemoryStore::new();
        let stored = |text: &str| StoredValue::new(text);
        for text in ["", "1.", "1.AAAA", "1.not base64url", "2.AAAA"] {
            store.save(&entry(), &stored(text)).await.unwrap();
            let signer = SoftwareSigner::new(store.clone(), entry());
            assert_eq!(signer.public_key().await, Err(SignerError::Invalidated), "{text:?}");
            assert_eq!(signer.sign(b"message").await, Err(SignerError::Invalidated), "{text:?}");
            assert_eq!(store.load(&entry()).await.unwrap().unwrap().expose(), text, "nothing is overwritten unasked");
        }
    }

    #[tokio::test]
    async fn a_key_that_another_process_replaced_is_found_when_it_is_asked_for() {
        let store = MemoryStore::new();
        let (here, there) = (SoftwareSigner::new(store.clone(), entry()), SoftwareSigner::new(store, entry()));
        let before = here.public_key().await.unwrap();
        there.delete().await.unwrap();
        let after = there.public_key().await.unwrap();
        assert_ne!(before, after);
        assert_eq!(here.public_key().await, Ok(after));
    }

    #[test]
    fn two_signers_have_one_identity_only_in_the_same_entry_of_the_same_store() {
        let store = MemoryStore::new();
        let identity = SoftwareSigner::new(store.clone(), entry()).identity();
        assert_eq!(SoftwareSigner::new(store.clone(), entry()).identity(), identity);
        let other = EntryName::parse("key.other").expect("it is a name");
        assert_ne!(SoftwareSigner::new(store, other).identity(), identity);
        assert_ne!(SoftwareSigner::new(MemoryStore::new(), entry()).identity(), identity);
    }

    #[tokio::test]
    async fn a_signer_printed_shows_where_the_key_is_and_nothing_of_it() {
        let signer = SoftwareSigner::new(MemoryStore::new(), entry());
        signer.public_key().await.unwrap();
        assert_eq!(format!("{signer:?}"), "SoftwareSigner { entry: EntryName(\"key.test\"), .. }");
    }
}
