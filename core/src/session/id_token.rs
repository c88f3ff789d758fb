//! The ID token as it came, for services that take it as proof of who the user is.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hallpass_protocol::secret::RawIdToken;
use hallpass_protocol::time::Timestamp;

use super::account::Account;
use super::credentials::MinTtl;
use super::record::GrantKey;
use super::renewal::Renewals;
use super::wire::Wire;
use crate::error::{Error, Result};

/// An ID token that was validated, and is not expired by the server's clock as far as it is known. `Debug` shows no secret.
#[derive(Clone)]
pub struct IdToken {
    raw: RawIdToken,
    expires_at: Timestamp,
}

impl IdToken {
    /// The token: a JWT in compact form.
    pub fn raw(&self) -> &RawIdToken {
        &self.raw
    }

    /// Until when it may be accepted (its `exp`).
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    fn is(&self, raw: &RawIdToken) -> bool {
        self.raw.expose() == raw.expose()
    }

    fn lasts(&self, min_ttl: Duration, now: Timestamp) -> bool {
        now.saturating_add(min_ttl) < self.expires_at
    }
}

impl fmt::Debug for IdToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("IdToken").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

/// Gives out the ID tokens of one account.
pub(crate) struct IdTokens {
    account: Arc<Account>,
    wire: Arc<Wire>,
    renewals: Arc<Renewals>,
    /// The ID token that stayed although the access token was renewed: the provider sends none then, and is not asked again.
    stayed: Mutex<Option<RawIdToken>>,
}

impl IdTokens {
    pub(crate) fn new(account: Arc<Account>, wire: Arc<Wire>, renewals: Arc<Renewals>) -> Self {
        Self { account, wire, renewals, stayed: Mutex::default() }
    }

    /// The ID token, renewed if need be; documented at `Session::id_token`.
    pub(crate) async fn lasting(&self, min_ttl: MinTtl) -> Result<IdToken> {
        let present = self.present().await?;
        if present.lasts(min_ttl.as_duration(), self.wire.server_now()) {
            return Ok(present);
        }
        let failure =
            if self.has_stayed(&present) { None } else { self.renewals.renew_now(GrantKey::default()).await.err() };
        let latest = self.present().await?;
        if failure.is_none() && latest.is(&present.raw) {
            *self.stayed.lock().unwrap_or_else(PoisonError::into_inner) = Some(latest.raw.clone());
        }
        // As for an access token, the minimum lifetime is an aim.
        if latest.lasts(Duration::ZERO, self.wire.server_now()) {
            return Ok(latest);
        }
        Err(failure.unwrap_or(Error::Misconfigured {
            field: "id_token",
            fix: "the provider sends no ID token with a renewal, and the one of the login has expired; log in again for another",
        }))
    }

    async fn present(&self) -> Result<IdToken> {
        let guard = self.account.open().await?;
        let (_, signed_in) = guard.signed_in()?;
        Ok(IdToken { raw: signed_in.id_token.clone(), expires_at: signed_in.identity.exp() })
    }

    fn has_stayed(&self, present: &IdToken) -> bool {
        self.stayed.lock().unwrap_or_else(PoisonError::into_inner).as_ref().is_some_and(|stayed| present.is(stayed))
    }
}
