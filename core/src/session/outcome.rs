//! What follows from the server's answer to a renewal: new tokens are installed, a refusal is looked into.

use hallpass_protocol::discovery::ProviderMetadata;
use hallpass_protocol::secret::RefreshToken;

use super::credentials::Credentials;
use super::engine::Engine;
use super::exchange::{Answer, Prepared};
use super::moment::Moment;
use super::record::{Content, Grant, GrantKey, Refresh};
use super::renewal::{LOGGED_OUT, signed_in};
use crate::error::{Error, LoginReason, OfflineCause, Result};

impl Engine {
    /// Saves what arrived, then publishes it (rules 3 and 7).
    pub(super) async fn install(&self, key: &GrantKey, prepared: &Prepared, answer: Answer) -> Result<Credentials> {
        let Answer { tokens, sent, arrived } = answer;
        let lifetime = tokens.lifetime;
        let identity = match &tokens.id_token {
            Some(id_token) => self.refreshed_identity(id_token, &prepared.metadata, &prepared.identity).await?,
            None => None,
        };
        let mut vault = self.vault.lock().await;
        // A record that cannot be read now cannot be saved either; then the next call saves it.
        let _ = vault.synchronize().await;
        let Some(signed_in) = vault.signed_in_mut(&prepared.lineage) else {
            // Why the session ended, unless another one has begun in its place.
            let reason = signed_in(vault.record()).err().unwrap_or(LOGGED_OUT);
            self.publish(&vault);
            drop(vault);
            self.revoke_orphan(&prepared.metadata, tokens.refresh_token).await;
            return Err(reason);
        };
        let mut signed_in = signed_in.clone();
        if let (Some(identity), Some(id_token)) = (identity, tokens.id_token) {
            signed_in.identity = identity;
            signed_in.id_token = id_token;
        }
        signed_in.refresh = Some(next_refresh(signed_in.refresh.take(), prepared, tokens.refresh_token, arrived));
        let asked = key.scope.as_ref().or_else(|| signed_in.grant(&GrantKey::default()).map(|grant| &grant.scope));
        let scope = tokens.scope.or_else(|| asked.cloned()).unwrap_or_default();
        signed_in.put_grant(Grant {
            key: key.clone(),
            access_token: tokens.access_token,
            scope,
            received: sent,
            lifetime: tokens.lifetime,
        });
        let saved = vault.commit(Content::SignedIn(Box::new(signed_in))).await;
        self.publish(&vault);
        saved?;
        // A device that slept over the answer, or a very slow store, may have used a short lifetime up.
        let lasted = lifetime.filter(|lifetime| !lifetime.is_zero());
        if lasted.zip(sent.age(self.now())).is_some_and(|(lifetime, age)| age >= lifetime) {
            return Err(Error::Offline { cause: OfflineCause::NoAnswer, retry_after: None });
        }
        let credentials = self.published.latest(key);
        credentials
            .map(|credentials| credentials.waited_for())
            .ok_or(Error::Internal { reference: "renewed_credentials_not_published" })
    }

    /// Decides what `invalid_grant` means (rules 4, 5 and 6): returns when the store holds a newer token to go on with.
    ///
    /// # Errors
    /// [`Error::LoginRequired`] when the session is over, [`Error::Storage`] when that cannot be told now.
    pub(super) async fn conclude(&self, prepared: &Prepared, in_doubt: bool) -> Result<()> {
        let mut vault = self.vault.lock().await;
        vault.synchronize().await?;
        self.publish(&vault);
        let (_, signed_in) = signed_in(vault.record())?;
        let used = prepared.token.fingerprint();
        let Some(refresh) = signed_in.refresh.as_ref().filter(|refresh| refresh.token.fingerprint() == used) else {
            return Ok(());
        };
        // Another process, which did not wait for its turn, may have used the token while this one's request was away.
        let in_doubt = in_doubt || refresh.attempt.is_some_and(|attempt| !attempt.settled);
        let reason = if in_doubt { LoginReason::AnswerLost } else { LoginReason::Revoked };
        if let Err(error) = vault.commit(Content::SignedOut(reason)).await {
            tracing::debug!(%error, "the end of the session is not saved yet");
        }
        self.publish(&vault);
        Err(Error::LoginRequired { reason })
    }

    /// The answer came after the session had ended: nobody may use it any more.
    async fn revoke_orphan(&self, metadata: &ProviderMetadata, orphan: Option<RefreshToken>) {
        if let Some(orphan) = orphan
            && let Err(error) = self.revoke_token(metadata, &orphan).await
        {
            tracing::debug!(%error, "a refresh token that came after the session's end was not revoked");
        }
    }
}

/// The refresh token to go on with: the new one, or the one just used, which then has proved to be reusable.
fn next_refresh(
    present: Option<Refresh>,
    prepared: &Prepared,
    arrived: Option<RefreshToken>,
    received: Moment,
) -> Refresh {
    let used = prepared.token.fingerprint();
    let generation = prepared.generation + 1;
    match (arrived, present) {
        // Another process, which did not wait for its turn, has gone further with its own answer to the same token.
        (Some(_), Some(present)) if present.is_ahead_of(generation, received) => present,
        (Some(token), _) if token.fingerprint() != used => {
            Refresh { token, generation, received, reusable: false, attempt: None }
        }
        // Renewals side by side: another audience's answer has already replaced the token.
        (_, Some(present)) if present.token.fingerprint() != used => present,
        (_, present) => Refresh {
            generation: prepared.generation,
            received: present.as_ref().map_or(received, |present| present.received),
            token: prepared.token.clone(),
            reusable: true,
            attempt: None,
        },
    }
}
