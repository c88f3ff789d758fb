//! The user's identity, from ID tokens. They are checked with the provider's keys; if a token contradicts the cached metadata or
//! keys, both are fetched once more (rule 14).

use std::sync::Arc;

use hallpass_protocol::discovery::ProviderMetadata;
use hallpass_protocol::id_token::{self, Claims, Expectations, IdTokenError};
use hallpass_protocol::jwk::KeySet;
use hallpass_protocol::secret::{AccessToken, RawIdToken};
use hallpass_protocol::time::Timestamp;

use super::provider::Provider;
use super::terms::Terms;
use super::wire::Wire;
use crate::config::Config;
use crate::error::{Error, Result};

/// Judges ID tokens.
pub(crate) struct Identity {
    config: Arc<Config>,
    wire: Arc<Wire>,
    provider: Arc<Provider>,
}

/// What the ID token of a renewal says (OpenID Connect Core §12.2).
pub(crate) enum Judgement {
    /// There is none.
    Unchanged,
    /// It names the user anew.
    Renewed(Box<Claims>),
    /// It fails this check, which does not concern the user: the identity stays.
    Kept(&'static str),
    /// It is about another user, of another issuer or for another client: so may be what came with it.
    Withheld(&'static str),
    /// Keys or metadata have to be fetched before it can be judged, or could not be had: then the identity stays.
    Undecided,
}

impl Identity {
    pub(crate) fn new(config: Arc<Config>, wire: Arc<Wire>, provider: Arc<Provider>) -> Self {
        Self { config, wire, provider }
    }

    /// Validates the ID token of a login (OpenID Connect Core §3.1.3.7).
    ///
    /// # Errors
    /// [`Error::Untrusted`] when a check fails, [`Error::Misconfigured`] when a setting asks for what this provider does
    /// not say, [`Error::Offline`] when the keys cannot be had.
    pub(crate) async fn of_login(
        &self,
        id_token: &RawIdToken,
        access_token: &AccessToken,
        terms: Terms<'_>,
        metadata: &ProviderMetadata,
    ) -> Result<Claims> {
        let check = |metadata: &ProviderMetadata, keys: &KeySet| {
            self.by_either_clock(metadata, |expected| {
                let expected = Expectations {
                    nonce: terms.nonce,
                    access_token: Some(access_token),
                    max_age: terms.max_age,
                    organization: terms.organization,
                    ..expected
                };
                match id_token::validate(id_token, keys, &expected) {
                    // PKCE binds the code to this login as well (RFC 7636), so that only a code of this login got here.
                    Err(IdTokenError::Nonce) if self.config.accepts_missing_nonce => {
                        let claims = id_token::validate(id_token, keys, &Expectations { nonce: None, ..expected })?;
                        if claims.nonce().is_none() { Ok(claims) } else { Err(IdTokenError::Nonce) }
                    }
                    outcome => outcome,
                }
            })
        };
        let outcome = match self.provider.keys(metadata).await {
            Ok(keys) => match check(metadata, &keys) {
                Err(error) if error.may_be_stale_metadata() => {
                    let (metadata, keys) = self.provider.newer(metadata).await?;
                    check(&metadata, &keys)
                }
                outcome => outcome,
            },
            // The keys are not where they were.
            Err(Error::Untrusted { .. }) => {
                let (metadata, keys) = self.provider.newer(metadata).await?;
                check(&metadata, &keys)
            }
            Err(error) => return Err(error),
        };
        outcome.map_err(|error| of_login(error, terms))
    }

    /// Judges the ID token of a renewal with the keys that are at hand. Asks nobody, and nothing is decided where keys
    /// would have to be fetched.
    pub(crate) fn judge_at_hand(
        &self,
        id_token: Option<&RawIdToken>,
        metadata: &ProviderMetadata,
        previous: &Claims,
    ) -> Judgement {
        let Some(id_token) = id_token else { return Judgement::Unchanged };
        if let Some(contradiction) = id_token::contradicts(id_token, previous, &self.config.client.client_id) {
            return Judgement::Withheld(contradiction.code());
        }
        let Some(keys) = self.provider.keys_at_hand() else { return Judgement::Undecided };
        match self.check_renewed(id_token, metadata, &keys, previous) {
            Err(error) if error.may_be_stale_metadata() => Judgement::Undecided,
            outcome => judged(outcome),
        }
    }

    /// Judges the ID token of a renewal, with keys and metadata fetched once more where it contradicts those at hand.
    ///
    /// It came straight from the token endpoint over TLS (OpenID Connect Core §3.1.3.7, step 6), and nothing that it says
    /// is a reason to lose the refresh token beside it (rule 7).
    pub(crate) async fn judge(
        &self,
        id_token: &RawIdToken,
        metadata: &ProviderMetadata,
        previous: &Claims,
    ) -> Judgement {
        let keys = match self.provider.keys(metadata).await {
            Ok(keys) => keys,
            Err(error) => {
                tracing::debug!(%error, "the ID token of a renewal is not judged; the identity stays");
                return Judgement::Undecided;
            }
        };
        match self.check_renewed(id_token, metadata, &keys, previous) {
            Err(error) if error.may_be_stale_metadata() => match self.provider.newer(metadata).await {
                Ok((metadata, keys)) => judged(self.check_renewed(id_token, &metadata, &keys, previous)),
                // The check that failed says more than why it could not be made again.
                Err(_) => judged(Err(error)),
            },
            outcome => judged(outcome),
        }
    }

    fn check_renewed(
        &self,
        id_token: &RawIdToken,
        metadata: &ProviderMetadata,
        keys: &KeySet,
        previous: &Claims,
    ) -> Result<Claims, IdTokenError> {
        self.by_either_clock(metadata, |expected| id_token::validate_refreshed(id_token, keys, &expected, previous))
    }

    /// What holds by the server's clock or by the device's holds (rule 10): either may be wrong. Where both are behind, the
    /// token's own time is the server's: it came from there just now.
    fn by_either_clock(
        &self,
        metadata: &ProviderMetadata,
        check: impl Fn(Expectations<'_>) -> Result<Claims, IdTokenError>,
    ) -> Result<Claims, IdTokenError> {
        let (server, device) = (self.wire.server_now(), self.wire.device_now());
        let by = |now| check(self.expectations(metadata, now));
        let mut outcome = by(server);
        if server != device && outcome.as_ref().is_err_and(is_about_time) {
            outcome = by(device);
        }
        match outcome {
            Err(error @ IdTokenError::IssuedInFuture { issued }) => by(issued).map_err(|_| error),
            outcome => outcome,
        }
    }

    fn expectations<'a>(&'a self, metadata: &'a ProviderMetadata, now: Timestamp) -> Expectations<'a> {
        Expectations {
            // The configured one: it may have a template, which metadata does not keep.
            issuer: &self.config.client.issuer,
            client_id: &self.config.client.client_id,
            nonce: None,
            access_token: None,
            max_age: None,
            organization: None,
            algorithms: &metadata.id_token_signing_alg_values_supported,
            now,
            leeway: self.config.leeway,
        }
    }
}

fn is_about_time(error: &IdTokenError) -> bool {
    matches!(error, IdTokenError::Expired | IdTokenError::IssuedInFuture { .. } | IdTokenError::NotYetValid)
}

fn judged(outcome: Result<Claims, IdTokenError>) -> Judgement {
    match outcome {
        Ok(claims) => Judgement::Renewed(Box::new(claims)),
        Err(error) => {
            tracing::debug!(%error, "the ID token of a renewal is not used; the identity stays");
            Judgement::Kept(error.code())
        }
    }
}

/// The error of a login whose ID token fails a check.
fn of_login(error: IdTokenError, terms: Terms<'_>) -> Error {
    if error == IdTokenError::AuthTimeMissing && terms.max_age.is_some() {
        Error::Misconfigured {
            field: "max_age",
            fix: "this provider does not say when the user signed in (`auth_time`); leave `max_age` out",
        }
    } else {
        error.into()
    }
}
