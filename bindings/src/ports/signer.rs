//! The key that access tokens are bound to.

use std::sync::Arc;

use async_trait::async_trait;
use hallpass_core::ports::{self, SignerError};
use hallpass_core::protocol::dpop::{PublicKey, Signature};

/// Holds a key pair on P-256; what is asked of one is documented at [`ports::KeySigner`].
#[uniffi::export(with_foreign)]
#[async_trait]
pub trait KeySigner: Send + Sync {
    /// Names the key, such as by its tag or alias. Two signers with the same identity use the same key.
    ///
    /// # Errors
    /// Any: the session is then not opened.
    fn identity(&self) -> Result<String, SignerFailure>;

    /// Returns the public half of the key, which is made when there is none: 65 bytes, 0x04 and both coordinates (SEC 1
    /// §2.3.3).
    ///
    /// # Errors
    /// [`SignerFailure`].
    async fn public_key(&self) -> Result<Vec<u8>, SignerFailure>;

    /// Signs `message` with ECDSA over its SHA-256: 64 bytes, `r` and `s` (RFC 7518 §3.4).
    ///
    /// # Errors
    /// [`SignerFailure`]; `Invalidated` when there is no key.
    async fn sign(&self, message: Vec<u8>) -> Result<Vec<u8>, SignerFailure>;

    /// Deletes the key; it is no error when there is none.
    ///
    /// # Errors
    /// [`SignerFailure`]; the key is then still there.
    async fn delete(&self) -> Result<(), SignerFailure>;
}

/// Why a signer failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum SignerFailure {
    /// Its key cannot be used now.
    #[error("the signing key is locked")]
    Locked,
    /// Its key is gone for good.
    #[error("the signing key is gone")]
    Invalidated,
    /// Anything else.
    #[error("the signing key failed")]
    Failed,
}

impl From<uniffi::UnexpectedUniFFICallbackError> for SignerFailure {
    fn from(_: uniffi::UnexpectedUniFFICallbackError) -> Self {
        Self::Failed
    }
}

impl From<SignerFailure> for SignerError {
    fn from(failure: SignerFailure) -> Self {
        match failure {
            SignerFailure::Locked => Self::Locked,
            SignerFailure::Invalidated => Self::Invalidated,
            SignerFailure::Failed => Self::Failed("the app's signer failed"),
        }
    }
}

/// The core's view of a foreign signer.
pub(crate) struct ForeignSigner {
    signer: Arc<dyn KeySigner>,
    identity: String,
}

impl ForeignSigner {
    /// Asks the signer for its identity, once: it does not change.
    ///
    /// # Errors
    /// [`hallpass_core::Error::Storage`] when it does not tell.
    pub(crate) fn new(signer: Arc<dyn KeySigner>) -> hallpass_core::Result<Self> {
        let identity = signer.identity().map_err(SignerError::from)?;
        Ok(Self { signer, identity: format!("foreign:{identity}") })
    }
}

#[async_trait]
impl ports::KeySigner for ForeignSigner {
    fn identity(&self) -> String {
        self.identity.clone()
    }

    async fn public_key(&self) -> Result<PublicKey, SignerError> {
        PublicKey::from_sec1(&self.signer.public_key().await?)
            .map_err(|_| SignerError::Failed("the app's signer shows no point on P-256 of 65 bytes"))
    }

    async fn sign(&self, message: &[u8]) -> Result<Signature, SignerError> {
        Signature::from_bytes(&self.signer.sign(message.to_vec()).await?)
            .ok_or(SignerError::Failed("the app's signer gives no signature of 64 bytes, such as one in DER"))
    }

    async fn delete(&self) -> Result<(), SignerError> {
        Ok(self.signer.delete().await?)
    }
}
