//! The key that access tokens are bound to (RFC 9449), wherever it is kept.

use async_trait::async_trait;
use hallpass_protocol::dpop::{PublicKey, Signature};

use super::StoreError;

/// Holds a key pair on P-256 that signs proofs of possession: in the Secure Enclave, in the Android Keystore, or in
/// software. Each account has its own.
///
/// An implementation
/// - creates the key if there is none, durably before `public_key` returns;
/// - keeps the same key until `delete`, also in another process and after a restart;
/// - distinguishes *locked*, *invalidated* and *failed*: only `Invalidated` ends a session;
/// - may be called from any thread, several calls at once.
///
/// `adapters::contract::key_signer` tests what can be tested from outside.
#[async_trait]
pub trait KeySigner: Send + Sync + 'static {
    /// Names the key (such as its tag in a keychain, or a store and an entry), as
    /// [`SecureStore::identity`](super::SecureStore::identity) names a storage. Two signers with the same identity use the
    /// same key; so two accounts with one key are detected. It contains no secret, and does not change while the signer
    /// lives.
    fn identity(&self) -> String;

    /// Returns the public key; creates the key if there is none. The engine asks once in a process, and again when a
    /// signature does not fit.
    ///
    /// # Errors
    /// [`SignerError`].
    async fn public_key(&self) -> Result<PublicKey, SignerError>;

    /// Signs `message` (some hundred bytes) with ECDSA over its SHA-256. After a failure, a login first asks for a signature
    /// of a few bytes, to find out before the browser opens whether the key works again.
    ///
    /// # Errors
    /// [`SignerError`]; [`SignerError::Invalidated`] when there is no key.
    async fn sign(&self, message: &[u8]) -> Result<Signature, SignerError>;

    /// Deletes the key; no error if there is none. The next key is a new one. Called by a logout, and by a login whose key
    /// is gone, or has failed for two seconds ([`SignerError::Failed`]) while no session is bound to it.
    ///
    /// # Errors
    /// [`SignerError`]; the key is then still there.
    async fn delete(&self) -> Result<(), SignerError>;
}

/// A signer that is shared is a signer.
#[async_trait]
impl<S: KeySigner + ?Sized> KeySigner for std::sync::Arc<S> {
    fn identity(&self) -> String {
        (**self).identity()
    }

    async fn public_key(&self) -> Result<PublicKey, SignerError> {
        (**self).public_key().await
    }

    async fn sign(&self, message: &[u8]) -> Result<Signature, SignerError> {
        (**self).sign(message).await
    }

    async fn delete(&self) -> Result<(), SignerError> {
        (**self).delete().await
    }
}

/// Why the key was not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignerError {
    /// It cannot be used now, such as before the first unlock after a boot. Try again later.
    #[error("the signing key is locked")]
    Locked,
    /// It is gone for good: a restored backup, a removed screen lock. Tokens bound to it can no longer be used.
    #[error("the signing key is gone")]
    Invalidated,
    /// Anything else. Trying again may help. It ends no session. If it persists, a login uses a new key.
    #[error("the signing key failed: {0}")]
    Failed(&'static str),
}

impl From<StoreError> for SignerError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Locked => Self::Locked,
            StoreError::Invalidated => Self::Invalidated,
            StoreError::Failed(why) => Self::Failed(why),
        }
    }
}
