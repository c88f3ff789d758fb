//! The account: its record, and what is published of it.
//!
//! This file implements rule 3: only what is saved is published. [`Account::lock`] is the only way to change the record, and
//! every change through the [`Guard`] is published before it returns. Verbs decide what the record becomes; only this file
//! decides what is published of it.

#[cfg(test)]
mod tests;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hallpass_protocol::dpop::Thumbprint;
use hallpass_protocol::secret::Fingerprint;
use tokio::sync::{MutexGuard, broadcast, watch};

use super::credentials::{Credentials, CredentialsRequest};
use super::history::History;
use super::moment::Moment;
use super::observer::Observer;
use super::published::{Published, Snapshot};
use super::record::{Content, GrantKey, Record, SignedIn};
use super::state::{Event, State, User};
use super::vault::Vault;
use crate::error::{Error, LoginReason, Result};
use crate::ports::Clock;

/// A reader that falls further behind loses the oldest events.
const EVENTS_KEPT: usize = 64;

/// One account, shared by all verbs of its session.
pub(crate) struct Account {
    clock: Arc<dyn Clock>,
    /// Read on the hot path, without a lock.
    published: Published,
    states: watch::Sender<State>,
    events: broadcast::Sender<Event>,
    observer: Option<Arc<dyn Observer>>,
    /// The refresh token whose last use has an unknown outcome, if there is one.
    outcome_unknown: watch::Sender<Option<Fingerprint>>,
    /// Counts what the user asked for that replaces or ends a session; see [`Account::new_intent`].
    intents: AtomicU64,
    history: History,
    /// Held over the store's answers, never over the network's.
    vault: tokio::sync::Mutex<Vault>,
}

/// Names one wish of the user's: to sign in, or to be signed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Intent(u64);

/// The session that was asked for is over, and another may be in its place.
pub(crate) const LOGGED_OUT: Error = Error::LoginRequired { reason: LoginReason::LoggedOut };

impl Account {
    pub(crate) fn new(vault: Vault, clock: Arc<dyn Clock>, observer: Option<Arc<dyn Observer>>) -> Self {
        Self {
            clock,
            published: Published::default(),
            states: watch::Sender::new(State::Restoring { problem: None }),
            events: broadcast::Sender::new(EVENTS_KEPT),
            observer,
            outcome_unknown: watch::Sender::new(None),
            intents: AtomicU64::new(0),
            history: History::default(),
            vault: tokio::sync::Mutex::new(vault),
        }
    }

    // What is published, read without the record.

    /// The access token, if it is valid for long enough: the hot path, without a lock.
    #[inline]
    pub(crate) fn valid(&self, request: &CredentialsRequest) -> Option<Credentials> {
        self.published.valid(request, self.clock.elapsed_at_most())
    }

    /// The credentials for `key`, if they have not expired.
    pub(crate) fn unexpired(&self, key: &GrantKey) -> Option<Credentials> {
        self.published.unexpired(key, self.clock.elapsed())
    }

    /// The credentials for `key`, expired or not.
    pub(crate) fn latest(&self, key: &GrantKey) -> Option<Credentials> {
        self.published.latest(key)
    }

    /// The state. A session that cannot be renewed asks for a login as soon as its access token is over, which needs no
    /// timer: it is seen when somebody looks.
    pub(crate) fn state(&self) -> State {
        let state = self.states.borrow().clone();
        if let State::SignedIn { user } = &state
            && self.published.is_over_for_good(self.clock.elapsed())
        {
            return State::LoginRequired { user: user.clone(), reason: LoginReason::NoRefreshToken };
        }
        state
    }

    /// Who is signed in by what is published.
    pub(crate) fn user(&self) -> Option<User> {
        self.states.borrow().user().cloned()
    }

    /// Whether `user` is the one, or whether it is none and nobody is, as when it was read.
    pub(crate) fn is_still(&self, user: Option<&User>) -> bool {
        self.states.borrow().user().map(User::sub) == user.map(User::sub)
    }

    /// Whether the user called `sub` is signed in. Then no refresh token of an older session of theirs is revoked: with some
    /// servers that ends all that a user has at a client.
    pub(crate) fn is_signed_in_as(&self, sub: &str) -> bool {
        self.states.borrow().user().is_some_and(|user| user.sub() == sub)
    }

    pub(crate) fn watch_states(&self) -> watch::Receiver<State> {
        self.states.subscribe()
    }

    pub(crate) fn watch_events(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    /// Tells of the refresh token whose last use has an unknown outcome.
    pub(crate) fn watch_outcome_unknown(&self) -> watch::Receiver<Option<Fingerprint>> {
        self.outcome_unknown.subscribe()
    }

    /// What happened to the account, for a report.
    pub(crate) fn history(&self) -> &History {
        &self.history
    }

    // The latest intent wins (rule 12).

    /// Begins something that replaces or ends a session: a login or a logout. What was begun before installs nothing any
    /// more.
    pub(crate) fn new_intent(&self) -> Intent {
        Intent(self.intents.fetch_add(1, Ordering::SeqCst) + 1)
    }

    /// What was begun last.
    pub(crate) fn latest_intent(&self) -> Intent {
        Intent(self.intents.load(Ordering::SeqCst))
    }

    // The record.

    /// The record as this process knows it, read or not.
    pub(crate) async fn lock(&self) -> Guard<'_> {
        Guard { account: self, vault: self.vault.lock().await }
    }

    /// The record, read from the store if that was not done yet.
    ///
    /// # Errors
    /// [`Error::Storage`] when it cannot be read now; the state says so, and the next call tries again.
    pub(crate) async fn open(&self) -> Result<Guard<'_>> {
        let mut guard = self.lock().await;
        if !guard.vault.is_opened() {
            guard.synchronize().await?;
        }
        Ok(guard)
    }

    /// The record, brought together with the store: what another process saved or ended is known (rule 5).
    ///
    /// # Errors
    /// [`Error::Storage`]; the record is then as it was.
    pub(crate) async fn synchronized(&self) -> Result<Guard<'_>> {
        let mut guard = self.lock().await;
        guard.synchronize().await?;
        Ok(guard)
    }

    /// Ends the session for `reason` if `is_the_one` still holds for it after a look at the store. Returns when it does
    /// not: somebody renewed it, logged out or in.
    ///
    /// # Errors
    /// [`Error::LoginRequired`] when the session is over, [`Error::Storage`] when that cannot be told now.
    pub(crate) async fn end_if(&self, is_the_one: impl FnOnce(&SignedIn) -> Option<LoginReason>) -> Result<()> {
        let mut guard = self.synchronized().await?;
        let (_, signed_in) = guard.signed_in()?;
        let Some(reason) = is_the_one(signed_in) else { return Ok(()) };
        guard.end(reason).await;
        Err(Error::LoginRequired { reason })
    }

    /// Ends the session whose tokens are bound to the key `bound_to`, which is gone. Returns when the record is already
    /// another one.
    ///
    /// # Errors
    /// As for `end_if`.
    pub(crate) async fn end_if_bound_to(&self, bound_to: Thumbprint) -> Result<()> {
        let outcome = self
            .end_if(|signed_in| (signed_in.dpop_jkt == Some(bound_to)).then_some(LoginReason::StorageInvalidated))
            .await;
        match outcome {
            Err(Error::LoginRequired { reason }) if reason != LoginReason::StorageInvalidated => Ok(()),
            outcome => outcome,
        }
    }

    /// Tells of something that happened.
    pub(crate) fn emit(&self, event: Event) {
        match event {
            Event::Renewed => tracing::debug!("an access token was renewed"),
            Event::SignedIn => tracing::info!("a user signed in"),
            Event::SignedOut { reason } => tracing::info!(reason = reason.code(), "the session ended"),
            Event::RenewalFailed { retryable, code } => tracing::info!(code, retryable, "a renewal failed"),
            Event::IdTokenRejected { check } => tracing::info!(check, "the ID token of a renewal was rejected"),
        }
        self.history.happened(event, self.clock.now());
        self.observe(|observer| observer.happened(event));
        // Nobody listening is no error.
        let _ = self.events.send(event);
    }

    /// Publishes the record. It is called with the record locked, so that publications keep their order.
    ///
    /// Credentials that are not durable yet stay unpublished (rule 3); the end of a session shows at once.
    fn publish(&self, vault: &Vault) {
        self.publish_outcome_unknown(vault);
        let signed_in = vault.record().and_then(Record::signed_in);
        if signed_in.is_some() && !vault.is_saved() {
            return;
        }
        // One reading of the clock: a token that is just over is over for all that follows.
        let now = Moment::now(&*self.clock);
        let elapsed = now.elapsed();
        let snapshot = signed_in.map(|signed_in| Snapshot::of(signed_in, now)).unwrap_or_default();
        let latest = snapshot.of_login(elapsed);
        let before = self.published.of_login();
        // Withdrawn before anybody is told, who might panic or ask.
        self.published.replace(snapshot);
        if before != self.published.of_login() {
            self.observe(|observer| observer.credentials_changed(latest.clone()));
        }
        self.publish_state(&State::of(vault.record(), self.published.is_over_for_good(elapsed)));
    }

    fn publish_state(&self, next: &State) {
        let (mut event, mut changed) = (None, false);
        self.states.send_if_modified(|state| {
            event = state.change_to(next);
            changed = state.differs_from(next);
            if changed {
                state.clone_from(next);
            }
            changed
        });
        if changed {
            self.history.state_changed(self.clock.now());
            self.observe(|observer| observer.state_changed(next));
        }
        if let Some(event) = event {
            self.emit(event);
        }
    }

    fn publish_outcome_unknown(&self, vault: &Vault) {
        let now = vault.token_in_doubt();
        self.outcome_unknown.send_if_modified(|token| std::mem::replace(token, now) != now);
    }

    /// Calls the observer. A panic in it has no other effect.
    fn observe(&self, tell: impl Fn(&dyn Observer)) {
        if let Some(observer) = &self.observer
            && catch_unwind(AssertUnwindSafe(|| tell(&**observer))).is_err()
        {
            tracing::warn!("the observer panicked; the session goes on");
        }
    }
}

/// The record, locked. What changes it saves it and publishes it, in this order.
pub(crate) struct Guard<'a> {
    account: &'a Account,
    vault: MutexGuard<'a, Vault>,
}

impl Guard<'_> {
    pub(crate) fn record(&self) -> Option<&Record> {
        self.vault.record()
    }

    /// Whether the record is what the store holds.
    pub(crate) fn is_saved(&self) -> bool {
        self.vault.is_saved()
    }

    /// Who is signed in, and the name of the session.
    ///
    /// # Errors
    /// [`Error::LoginRequired`] with the reason why no one is.
    pub(crate) fn signed_in(&self) -> Result<(&str, &SignedIn)> {
        match self.record().map(|record| (&record.lineage, &record.content)) {
            Some((lineage, Content::SignedIn(signed_in))) => Ok((lineage, signed_in)),
            Some((_, Content::SignedOut(reason))) => Err(Error::LoginRequired { reason: *reason }),
            None => Err(Error::LoginRequired { reason: LoginReason::NotSignedIn }),
        }
    }

    /// The refresh token, if the outcome of its last use is unknown.
    pub(crate) fn token_in_doubt(&self) -> Option<Fingerprint> {
        self.vault.token_in_doubt()
    }

    /// Brings memory and store together; see [`Account::synchronized`].
    ///
    /// # Errors
    /// [`Error::Storage`]; the record is then as it was.
    pub(crate) async fn synchronize(&mut self) -> Result<()> {
        match self.vault.synchronize(Moment::now(&*self.account.clock)).await {
            Ok(()) => {
                self.account.publish(&self.vault);
                Ok(())
            }
            Err(error) => {
                if let (Error::Storage { problem }, false) = (&error, self.vault.is_opened()) {
                    self.account.publish_state(&State::Restoring { problem: Some(*problem) });
                }
                Err(error)
            }
        }
    }

    /// Saves what the signed-in user's part of the record is now, then publishes it.
    ///
    /// # Errors
    /// [`Error::Storage`] when it could not be saved; it is kept in memory, unpublished, and saved by the next
    /// `synchronize`.
    pub(crate) async fn commit(&mut self, signed_in: SignedIn) -> Result<()> {
        let saved = self.vault.commit(Content::SignedIn(Box::new(signed_in))).await;
        self.account.publish(&self.vault);
        saved
    }

    /// Saves a note that is of no use unless it is durable. It changes nothing that is published.
    ///
    /// # Errors
    /// [`Error::Storage`] when it could not be saved; nothing has changed then.
    pub(crate) async fn commit_or_revert(&mut self, signed_in: SignedIn) -> Result<()> {
        let saved = self.vault.commit_or_revert(Content::SignedIn(Box::new(signed_in))).await;
        self.account.publish_outcome_unknown(&self.vault);
        saved
    }

    /// Saves a new session called `lineage` in place of what was there, then publishes it. The user came back from the
    /// browser when it had `begun`, and wanted nothing else since if `intent` is the latest one.
    ///
    /// # Errors
    /// As for `commit`; [`Error::Cancelled`] when the user has logged out since or begun another login, here or in another
    /// process. A record that a newer version of Hallpass wrote is not overwritten.
    pub(crate) async fn begin(
        &mut self,
        lineage: String,
        begun: Moment,
        signed_in: SignedIn,
        intent: Intent,
    ) -> Result<()> {
        let account = self.account;
        let content = Content::SignedIn(Box::new(signed_in));
        let now = Moment::now(&*account.clock);
        let saved = self.vault.begin(lineage, begun, now, content, || account.latest_intent() == intent).await;
        // As long as the record is not known, nobody can tell whether somebody is signed in.
        if self.vault.is_opened() {
            self.account.publish(&self.vault);
        }
        saved
    }

    /// Ends the session. It shows at once; what cannot be saved now is saved by the next `synchronize`.
    pub(crate) async fn end(&mut self, reason: LoginReason) {
        if let Err(error) = self.vault.commit(Content::SignedOut(reason)).await {
            tracing::debug!(%error, "the end of the session is not saved yet");
        }
        self.account.publish(&self.vault);
    }

    /// Whether the session that is there began after `moment`, by both clocks.
    pub(crate) fn has_begun_after(&self, moment: Moment) -> bool {
        let now = Moment::now(&*self.account.clock);
        self.record().is_some_and(|record| record.is_of_a_login_after(moment, now))
    }

    /// Deletes the record, also one that cannot be read, and leaves a tombstone for other processes. Returns who was
    /// signed in.
    ///
    /// # Errors
    /// [`Error::Storage`] when it is still there; nothing has changed then.
    pub(crate) async fn erase(&mut self) -> Result<Option<SignedIn>> {
        let erased = self.vault.erase(Moment::now(&*self.account.clock)).await?;
        self.account.publish(&self.vault);
        Ok(erased)
    }

    /// Remembers, in memory, whether the server may have acted on the last use of the refresh token `token` of the
    /// session called `lineage`.
    pub(crate) fn settle(&mut self, lineage: &str, token: Fingerprint, settled: bool) {
        self.vault.settle(lineage, token, settled);
        self.account.publish_outcome_unknown(&self.vault);
    }
}
