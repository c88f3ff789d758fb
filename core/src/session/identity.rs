//! Who the user is, by ID tokens: checked against the provider's keys, fetched once more for a key not seen before.

use std::sync::Arc;

use hallpass_protocol::authorize::PendingLogin;
use hallpass_protocol::discovery::ProviderMetadata;
use hallpass_protocol::id_token::{self, Claims, Expectations, IdTokenError};
use hallpass_protocol::jwk::KeySet;
use hallpass_protocol::secret::{AccessToken, RawIdToken};

use super::engine::Engine;
use crate::error::Result;

impl Engine {
    /// Validates the ID token of a login (OpenID Connect Core §3.1.3.7).
    ///
    /// # Errors
    /// [`crate::Error::Untrusted`] when a check fails, [`crate::Error::Offline`] when the keys cannot be had.
    pub(crate) async fn login_identity(
        &self,
        id_token: &RawIdToken,
        access_token: &AccessToken,
        pending: &PendingLogin,
        metadata: &ProviderMetadata,
    ) -> Result<Claims> {
        let expectations = Expectations {
            nonce: Some(pending.nonce()),
            access_token: Some(access_token),
            max_age: pending.max_age(),
            organization: pending.organization(),
            ..self.expectations(metadata)
        };
        self.with_keys(metadata, |keys| id_token::validate(id_token, keys, &expectations)).await
    }

    /// Validates the ID token of a renewal against the identity before it (OpenID Connect Core §12.2).
    ///
    /// Returns `None`, and the old identity stays, when the keys cannot be had: the token came straight from the token
    /// endpoint over TLS, and losing the refresh token beside it would sign the user out. That it is about the same
    /// user is checked all the same.
    ///
    /// # Errors
    /// [`crate::Error::Untrusted`] when a check fails.
    pub(crate) async fn refreshed_identity(
        &self,
        id_token: &RawIdToken,
        metadata: &ProviderMetadata,
        previous: &Claims,
    ) -> Result<Option<Claims>> {
        id_token::same_subject(id_token, previous)?;
        let expectations = self.expectations(metadata);
        match self.with_keys(metadata, |keys| id_token::validate_refreshed(id_token, keys, &expectations, previous)).await {
            Ok(claims) => Ok(Some(claims)),
            Err(error) if error.is_retryable() => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn expectations<'a>(&'a self, metadata: &'a ProviderMetadata) -> Expectations<'a> {
        Expectations {
            issuer: &metadata.issuer,
            client_id: &self.config.client.client_id,
            nonce: None,
            access_token: None,
            max_age: None,
            organization: None,
            algorithms: &metadata.id_token_signing_alg_values_supported,
            now: self.server_now(),
            leeway: self.config.leeway,
        }
    }

    /// Runs `check` with the provider's keys and, when it misses one, with newer ones.
    async fn with_keys(
        &self,
        metadata: &ProviderMetadata,
        check: impl Fn(&KeySet) -> std::result::Result<Claims, IdTokenError>,
    ) -> Result<Claims> {
        let keys = self.keys(metadata).await?;
        match check(&keys) {
            Err(IdTokenError::UnknownKey) => {
                let newer = self.newer_keys(metadata).await?;
                if Arc::ptr_eq(&keys, &newer) { Err(IdTokenError::UnknownKey.into()) } else { Ok(check(&newer)?) }
            }
            other => Ok(other?),
        }
    }
}
