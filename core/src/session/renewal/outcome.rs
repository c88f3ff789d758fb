//! What follows from the server's response to a renewal: new tokens are saved, judged and published (rule 3); a refusal is
//! resolved (rules 4 to 6).

use std::sync::Arc;
use std::time::Duration;

use hallpass_protocol::discovery::ProviderMetadata;
use hallpass_protocol::error::ErrorCode;
use hallpass_protocol::id_token::Claims;
use hallpass_protocol::secret::{RawIdToken, RefreshToken};
use hallpass_protocol::token::TokenResponse;
use tokio::runtime::Handle;

use super::super::account::{Account, Guard, LOGGED_OUT};
use super::super::credentials::Credentials;
use super::super::identity::{Identity, Judgement};
use super::super::moment::Moment;
use super::super::provider::Provider;
use super::super::record::{Grant, GrantKey, Refresh, Refusal, SignedIn};
use super::super::state::Event;
use super::super::wire::Wire;
use super::backoff::Backoff;
use super::exchange::{Answer, InvalidGrant, Prepared};
use crate::error::{Error, LoginReason, OfflineCause, Result, StorageProblem};

/// Brings what the server answered into the record.
pub(super) struct Outcome {
    pub(super) account: Arc<Account>,
    pub(super) wire: Arc<Wire>,
    pub(super) provider: Arc<Provider>,
    pub(super) identity: Arc<Identity>,
    pub(super) backoff: Arc<Backoff>,
    pub(super) runtime: Handle,
}

/// How long the callers of a renewal wait for keys that only its ID token needs.
const JUDGEMENT_WAIT: Duration = Duration::from_secs(3);

/// What to do about `invalid_grant` where the session is not over.
pub(super) enum Next {
    /// The store has a newer token, which is used next.
    Superseded,
    /// Ask once more with the same token: some servers answer a temporary `invalid_grant`.
    AskOnceMore,
}

impl Outcome {
    /// Saves what arrived, judges it, and publishes it (rules 3 and 7).
    ///
    /// What decides about the access token needs nothing but the ID token itself, so one write saves all of it. A check
    /// that has to fetch keys decides about the identity alone, and comes after that.
    ///
    /// # Errors
    /// [`Error::Untrusted`] when the access token is withheld, [`Error::Storage`] when it could not be saved;
    /// [`Error::LoginRequired`] when the session ended meanwhile.
    pub(super) async fn install(
        self: &Arc<Self>,
        key: &GrantKey,
        prepared: &Prepared,
        answer: Answer,
    ) -> Result<Credentials> {
        let Answer { mut tokens, sent, arrived } = answer;
        let id_token = tokens.id_token.take();
        let judgement = self.identity.judge_at_hand(id_token.as_ref(), &prepared.metadata, &prepared.identity);
        let lifetime = tokens.lifetime;
        let mut guard = self.session_of(prepared, tokens.refresh_token.as_ref()).await?;
        let mut signed_in = guard.signed_in()?.1.clone();
        signed_in.refresh =
            Some(next_refresh(signed_in.refresh.take(), prepared, tokens.refresh_token.take(), arrived));
        if !matches!(judgement, Judgement::Withheld(_)) {
            put_grant(&mut signed_in, key, tokens, sent, self.wire.now());
        }
        let to_judge = match (&judgement, id_token) {
            (Judgement::Undecided, id_token) => id_token,
            (Judgement::Renewed(identity), Some(id_token)) => {
                signed_in.identity = Claims::clone(identity);
                signed_in.id_token = id_token;
                None
            }
            (_, _) => None,
        };
        let saved = guard.commit(signed_in).await;
        drop(guard);
        if let Judgement::Withheld(check) | Judgement::Kept(check) = judgement {
            self.account.emit(Event::IdTokenRejected { check });
        }
        saved?;
        if let Judgement::Withheld(check) = judgement {
            return Err(self.refuse(key, Error::Untrusted { check }));
        }
        if let Some(id_token) = to_judge {
            self.judge_with_newer_keys(prepared, id_token).await;
        }
        // A device that slept over the answer, or a very slow store, may have used a short lifetime up.
        let lasted = lifetime.filter(|lifetime| !lifetime.is_zero());
        if lasted.zip(sent.age(self.wire.now())).is_some_and(|(lifetime, age)| age >= lifetime) {
            return Err(Error::Offline { cause: OfflineCause::NoAnswer, retry_after: None });
        }
        let credentials = self.account.latest(key);
        credentials
            .map(|credentials| credentials.waited_for())
            .ok_or(Error::Storage { problem: StorageProblem::Failed("there is no room for another access token") })
    }

    /// Judges an ID token that the keys at hand do not fit, on a task of its own. Callers wait for it for a moment only:
    /// what they came for is saved.
    async fn judge_with_newer_keys(self: &Arc<Self>, prepared: &Prepared, id_token: RawIdToken) {
        let outcome = Arc::clone(self);
        let (metadata, previous) = (Arc::clone(&prepared.metadata), prepared.identity.clone());
        let lineage = prepared.lineage.clone();
        let judged = self.runtime.spawn(async move {
            match outcome.identity.judge(&id_token, &metadata, &previous).await {
                Judgement::Renewed(identity) => outcome.identify(&lineage, *identity, id_token).await,
                Judgement::Kept(check) | Judgement::Withheld(check) => {
                    outcome.account.emit(Event::IdTokenRejected { check });
                }
                Judgement::Unchanged | Judgement::Undecided => {}
            }
        });
        // What became of it shows in the state and the events.
        let _ = tokio::time::timeout(JUDGEMENT_WAIT, judged).await;
    }

    /// Saves who the user is by a newer ID token of the session called `lineage`.
    async fn identify(&self, lineage: &str, identity: Claims, id_token: RawIdToken) {
        let Ok(mut guard) = self.account.synchronized().await else { return };
        let Some(signed_in) = guard.signed_in().ok().filter(|(present, _)| *present == lineage) else { return };
        // A later renewal may have been quicker.
        if signed_in.1.identity.iat() > identity.iat() {
            return;
        }
        let signed_in = SignedIn { identity, id_token, ..signed_in.1.clone() };
        if let Err(error) = guard.commit(signed_in).await {
            tracing::debug!(%error, "the renewed identity is not saved yet");
        }
    }

    /// Saves a refresh token that arrived, whatever else is the matter with the answer.
    ///
    /// # Errors
    /// [`Error::Storage`] when it could not be saved; it is kept in memory, and saved by the next call.
    /// [`Error::LoginRequired`] when the session ended meanwhile.
    pub(super) async fn keep(&self, prepared: &Prepared, token: RefreshToken, arrived: Moment) -> Result<()> {
        let mut guard = self.session_of(prepared, Some(&token)).await?;
        let mut signed_in = guard.signed_in()?.1.clone();
        signed_in.refresh = Some(next_refresh(signed_in.refresh.take(), prepared, Some(token), arrived));
        guard.commit(signed_in).await
    }

    /// Decides what `invalid_grant` for the login's own token means (rules 4, 5 and 6). `may_ask` says whether the server
    /// may be asked once more.
    ///
    /// # Errors
    /// [`Error::LoginRequired`] when the session is over, [`Error::Storage`] when that cannot be told now.
    pub(super) async fn resolve(&self, prepared: &Prepared, refusal: &InvalidGrant, may_ask: bool) -> Result<Next> {
        let used = prepared.token.fingerprint();
        let mut next = Next::Superseded;
        let is_the_one = |signed_in: &SignedIn| {
            let refresh = signed_in.refresh.as_ref().filter(|refresh| refresh.token.fingerprint() == used)?;
            if may_ask && !refusal.is_reuse {
                next = Next::AskOnceMore;
                return None;
            }
            // Another process, which did not wait for its turn, may have used the token while this one's request was away.
            let in_doubt = refusal.in_doubt || refresh.attempt.is_some_and(|attempt| !attempt.settled);
            Some(if in_doubt { LoginReason::AnswerLost } else { LoginReason::Revoked })
        };
        self.account.end_if(is_the_one).await?;
        Ok(next)
    }

    /// Writes down that the server refuses the login's own token with `code`, and returns the error: `error`, or that a
    /// login is required once the refusal has lasted (rule 6). The record and its token stay.
    pub(super) async fn refused(&self, prepared: &Prepared, code: ErrorCode, error: Error) -> Error {
        // Before the store has its time.
        let given = self.wire.now();
        let mut guard = self.account.lock().await;
        // What cannot be read now cannot be saved either, and this is no news that must not be lost.
        let _ = guard.synchronize().await;
        let Ok((lineage, signed_in)) = guard.signed_in() else { return error };
        if lineage != prepared.lineage {
            return error;
        }
        let mut signed_in = signed_in.clone();
        let Some(refresh) = signed_in.refresh_mut(prepared.token.fingerprint()) else { return error };
        let refusal = Refusal::after(refresh.refusal.as_ref(), code.as_str(), given);
        let is_settled = refusal.is_settled;
        refresh.refusal = Some(refusal);
        if let Err(error) = guard.commit(signed_in).await {
            tracing::debug!(%error, "the refusal is not saved yet");
        }
        if is_settled { Error::LoginRequired { reason: LoginReason::Refused } } else { error }
    }

    /// Remembers that `key` was refused with `error`, which it returns.
    pub(super) fn refuse(&self, key: &GrantKey, error: Error) -> Error {
        self.backoff.refuse(key, self.wire.elapsed(), error.clone(), None, self.wire.jitter());
        error
    }

    /// The record, if the session that was renewed is still there. What arrived for one that is over is of no use to
    /// anybody, and is revoked.
    async fn session_of(&self, prepared: &Prepared, arrived: Option<&RefreshToken>) -> Result<Guard<'_>> {
        let mut guard = self.account.lock().await;
        // A record that cannot be read now cannot be saved either; then the next call saves it.
        let _ = guard.synchronize().await;
        let (reason, sub) = match guard.signed_in() {
            Ok((lineage, _)) if lineage == prepared.lineage => return Ok(guard),
            Ok((_, signed_in)) => (LOGGED_OUT, Some(signed_in.identity.sub())),
            Err(reason) => (reason, None),
        };
        // Where a revocation ends all that a user has at a client, it would end the session that the user is in now.
        let is_orphan = sub != Some(prepared.identity.sub());
        drop(guard);
        if let Some(orphan) = arrived.filter(|_| is_orphan) {
            self.revoke_orphan(&prepared.metadata, orphan).await;
        }
        Err(reason)
    }

    async fn revoke_orphan(&self, metadata: &ProviderMetadata, orphan: &RefreshToken) {
        if let Err(error) = self.provider.revoke(metadata, orphan).await {
            tracing::debug!(%error, "a refresh token that came after the session's end was not revoked");
        }
    }
}

/// The next refresh token: the new one, or the one just used, which is then known to be reusable.
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
        (Some(token), _) if token.fingerprint() != used => Refresh::new(token, generation, received),
        // Renewals side by side: another audience's answer has already replaced the token.
        (_, Some(present)) if present.token.fingerprint() != used => present,
        (_, present) => Refresh {
            reusable: true,
            ..Refresh::new(
                prepared.token.clone(),
                prepared.generation,
                present.as_ref().map_or(received, |present| present.received),
            )
        },
    }
}

fn put_grant(signed_in: &mut SignedIn, key: &GrantKey, tokens: TokenResponse, received: Moment, now: Moment) {
    let asked = key.scope.as_ref().or_else(|| signed_in.grant(&GrantKey::default()).map(|grant| &grant.scope));
    let scope = tokens.scope.or_else(|| asked.cloned()).unwrap_or_default();
    let grant =
        Grant { key: key.clone(), access_token: tokens.access_token, scope, received, lifetime: tokens.lifetime };
    signed_in.put_grant(grant, now);
}
