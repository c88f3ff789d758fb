//! Who the user is, by ID tokens: checked against the provider's keys, fetched once more for a key not seen before.

use hallpass_protocol::authorize::PendingLogin;
use hallpass_protocol::discovery::ProviderMetadata;
use hallpass_protocol::id_token::{self, Claims, Expectations, IdTokenError};
use hallpass_protocol::jwk::KeySet;
use hallpass_protocol::secret::{AccessToken, RawIdToken};

use super::engine::Engine;
use crate::error::{Error, Result};

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
        let keys = self.keys(metadata).await?;
        match id_token::validate(id_token, &keys, &expectations) {
            Err(error) if error.may_be_stale_metadata() => {
                let newer = self.newer_keys(metadata).await?;
                Ok(id_token::validate(id_token, &newer, &expectations)?)
            }
            outcome => Ok(outcome?),
        }
    }

    /// Validates the ID token of a renewal against the identity before it (OpenID Connect Core §12.2).
    ///
    /// Returns `None`, and the old identity stays, when the token is about the same user but cannot be used: its key
    /// cannot be had, a clock is wrong, or a server tells the time of the login differently. It came straight from the
    /// token endpoint over TLS, and losing the refresh token beside it would sign the user out (rule 7).
    ///
    /// # Errors
    /// [`crate::Error::Untrusted`] when a check fails.
    pub(crate) async fn refreshed_identity(
        &self,
        id_token: &RawIdToken,
        metadata: &ProviderMetadata,
        previous: &Claims,
    ) -> Result<Option<Claims>> {
        if let Some(error) = id_token::contradicts(id_token, previous, &self.config.client.client_id) {
            return Err(error.into());
        }
        let expectations = self.expectations(metadata);
        let keys = match self.keys(metadata).await {
            Ok(keys) => keys,
            Err(error) => return Ok(unused(&error)),
        };
        let validate = |keys: &KeySet| id_token::validate_refreshed(id_token, keys, &expectations, previous);
        let outcome = match validate(&keys) {
            Err(error) if error.may_be_stale_metadata() => match self.newer_keys(metadata).await {
                Ok(newer) => validate(&newer),
                Err(error) => return Ok(unused(&error)),
            },
            outcome => outcome,
        };
        match outcome {
            Ok(claims) => Ok(Some(claims)),
            Err(error) if says_nothing_of_the_user(error) => Ok(unused(&error.into())),
            Err(error) => Err(error.into()),
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
}

/// Whether a check failed that tells nothing about who the user is.
fn says_nothing_of_the_user(error: IdTokenError) -> bool {
    matches!(
        error,
        IdTokenError::UnknownKey
            | IdTokenError::SignatureOfNoKey
            | IdTokenError::Expired
            | IdTokenError::IssuedInFuture
            | IdTokenError::NotYetValid
            | IdTokenError::AuthTime
            | IdTokenError::Nonce
    )
}

fn unused(error: &Error) -> Option<Claims> {
    tracing::debug!(%error, "the ID token of a renewal is not used; the identity stays");
    None
}
