//! The exchange of a refresh token for new tokens: the one request that must neither be lost nor be sent twice.
//!
//! A renewal goes through `renewed` (share it) → `take_turn` (who goes first, here and in other processes) → `prepare`
//! (look at the record again, write down what is about to be done) → `exchange` (send, and send again once) → `install`
//! (save, then publish) or `conclude` (is the session really over?). What to do when no answer comes is in `doubt.rs`.
//! Rules 1 to 9 of the design are in these functions; the numbers in the comments are theirs.

use std::sync::Arc;

use hallpass_protocol::secret::Fingerprint;
use tokio::sync::{RwLockReadGuard, RwLockWriteGuard};

use super::credentials::{Credentials, CredentialsRequest, MinTtl};
use super::engine::Engine;
use super::exchange::{Exchanged, Prepared, Sender};
use super::flight::Flights;
use super::record::{self, Content, GrantKey, Record, Refresh, SignedIn};
use super::state::{Event, User};
use super::vault::Vault;
use crate::error::{Error, LoginReason, OfflineCause, Result};

/// A refresh token that another process replaces while this one tries to use it is followed this often.
pub(super) const TURNS: usize = 4;

/// Why a renewal is wanted, which decides whether what another caller or process brought will do.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Trigger {
    /// An access token that lasts this long will do.
    Lasting(MinTtl),
    /// Any access token will do but this one: an API refused it, or the app wants a new one.
    Replacing(Fingerprint),
    /// Only a new one will do.
    Always,
    /// The last process left a renewal with this refresh token behind: nothing else is to be renewed.
    Interrupted(Fingerprint),
    /// The answer to a renewal with this refresh token was lost: nothing else is to be renewed.
    InDoubt(Fingerprint),
}

impl Trigger {
    /// The only refresh token that is to be sent, if just one is.
    fn token(self) -> Option<Fingerprint> {
        match self {
            Trigger::Lasting(_) | Trigger::Replacing(_) | Trigger::Always => None,
            Trigger::Interrupted(token) | Trigger::InDoubt(token) => Some(token),
        }
    }

    fn sender(self) -> Sender {
        match self {
            Trigger::Lasting(_) | Trigger::Replacing(_) | Trigger::Always | Trigger::Interrupted(_) => Sender::Caller,
            Trigger::InDoubt(_) => Sender::Engine,
        }
    }
}

/// What a renewal came to.
#[derive(Clone)]
pub(crate) enum Renewed {
    Credentials(Credentials),
    /// The token that it was about is not in doubt any more.
    Needless,
}

/// The right to use the refresh token.
enum Turn<'a> {
    /// With others, for a token that can be used again and again.
    Shared { _guard: RwLockReadGuard<'a, ()> },
    /// Alone, for one that can be used once.
    Whole { _guard: RwLockWriteGuard<'a, ()> },
}

impl Engine {
    /// The access token in memory, if it is valid for long enough: the hot path, without a lock.
    #[inline]
    pub(crate) fn valid_credentials(&self, request: &CredentialsRequest) -> Option<Credentials> {
        self.published.valid(request, self.clock.elapsed_at_most())
    }

    /// A valid access token, renewed if need be; documented at `Session::credentials`.
    pub(crate) async fn credentials(self: &Arc<Self>, request: CredentialsRequest) -> Result<Credentials> {
        if let Some(credentials) = self.valid_credentials(&request) {
            return Ok(credentials);
        }
        let user = self.user();
        match self.renewed(request.key.clone(), Trigger::Lasting(request.min_ttl), user.as_ref()).await {
            // The minimum lifetime is an aim: what has some time left is better than an error that nobody can help.
            Err(error @ (Error::Offline { .. } | Error::LoginRequired { reason: LoginReason::NoRefreshToken })) => {
                // With the record in the hand, what is published and whose it is do not change.
                let _vault = self.vault.lock().await;
                if !self.is_still(user.as_ref()) {
                    return Err(error);
                }
                self.published.unexpired(&request.key, self.clock.elapsed()).ok_or(error)
            }
            outcome => outcome,
        }
    }

    /// A new access token; documented at `Session::renew`.
    pub(crate) async fn renew_now(self: &Arc<Self>) -> Result<Credentials> {
        let key = GrantKey::default();
        let present = self.published.latest(&key).map(|present| present.access_token().fingerprint());
        let trigger = present.map_or(Trigger::Always, Trigger::Replacing);
        let credentials = self.renewed(key.clone(), trigger, self.user().as_ref()).await?;
        // Shared with callers to whom the present token was good enough: that was no renewal.
        if present == Some(credentials.access_token().fingerprint()) {
            self.renewed(key, trigger, self.user().as_ref()).await
        } else {
            Ok(credentials)
        }
    }

    /// Renews the access token called `key`, or waits for the renewal of it that is in the air. `user` is the one whom the
    /// caller saw signed in, if any.
    ///
    /// # Errors
    /// Those of the renewal; everyone who waits for it gets the same.
    pub(crate) async fn renewed(
        self: &Arc<Self>,
        key: GrantKey,
        trigger: Trigger,
        user: Option<&User>,
    ) -> Result<Credentials> {
        for _ in 0..TURNS {
            match self.fly(key.clone(), trigger, user).await {
                // The renewal that was joined had begun before anybody knew who is signed in.
                Ok(Renewed::Credentials(_)) if user.is_some() && !self.is_still(user) => return Err(LOGGED_OUT),
                Ok(Renewed::Credentials(credentials)) => return Ok(credentials),
                // The engine's own, which had nothing to do.
                Ok(Renewed::Needless) => {}
                // Of the session before: the renewal that was joined had begun when another one was there.
                Err(LOGGED_OUT) if user.is_some() && self.is_still(user) => {}
                Err(error) => return Err(error),
            }
        }
        Err(NOT_SETTLED)
    }

    /// `user` is the one whom the caller saw signed in, if any.
    pub(super) async fn fly(self: &Arc<Self>, key: GrantKey, trigger: Trigger, user: Option<&User>) -> Result<Renewed> {
        // The account stays registered until the renewal has landed, also when the session is dropped meanwhile.
        let registration = self.registration.upgrade().ok_or(Error::Cancelled)?;
        let renewal = {
            let key = key.clone();
            move || {
                let (engine, user) = (Arc::clone(self), user.cloned());
                async move {
                    let _registration = registration;
                    let outcome = engine.take_turn(&key, trigger, user.as_ref().map(User::sub)).await;
                    match &outcome {
                        Ok(Renewed::Credentials(credentials)) if credentials.renewed() => engine.emit(Event::Renewed),
                        Ok(Renewed::Credentials(_) | Renewed::Needless) | Err(Error::LoginRequired { .. }) => {}
                        // The app was told when the answer was lost.
                        Err(error) if trigger.sender() == Sender::Engine => tracing::debug!(%error, "still no answer"),
                        Err(error) => engine.emit(error.as_renewal_failure()),
                    }
                    outcome
                }
            }
        };
        Flights::join(self, &self.runtime, key, |engine| &engine.renewals, renewal).await
    }

    /// Who is signed in by what is published.
    pub(crate) fn user(&self) -> Option<User> {
        self.states.borrow().user().cloned()
    }

    /// Whether `user` is the one, or whether it is none and nobody is, as when it was read.
    pub(crate) fn is_still(&self, user: Option<&User>) -> bool {
        self.states.borrow().user().map(User::sub) == user.map(User::sub)
    }

    async fn take_turn(self: &Arc<Self>, key: &GrantKey, trigger: Trigger, user: Option<&str>) -> Result<Renewed> {
        {
            let vault = self.opened_vault().await?;
            // A login that is not saved yet shows nowhere: whoever is answered by it would be so for ever.
            if vault.is_saved() {
                same_user(user, vault.record())?;
                if let Some(credentials) = self.sufficient(key, trigger) {
                    return Ok(Renewed::Credentials(credentials));
                }
            }
        }
        let _lease = self.lease.acquire().await;
        for _ in 0..TURNS {
            let turn = self.turn().await;
            let prepared = match self.prepare(key, trigger, user, &turn).await? {
                Step::Done(renewed) => return Ok(renewed),
                Step::Again => continue,
                Step::Send(prepared) => prepared,
            };
            match self.exchange(key, &prepared, trigger.sender()).await? {
                Exchanged::Tokens(tokens) => {
                    return self.install(key, &prepared, *tokens).await.map(Renewed::Credentials);
                }
                Exchanged::InvalidGrant { in_doubt } => self.conclude(&prepared, in_doubt).await?,
                Exchanged::OutOfDate => {}
                Exchanged::KeyGone(key) => self.conclude_key_gone(key).await?,
            }
        }
        Err(NOT_SETTLED)
    }

    /// Waits until nobody uses the refresh token in a way that excludes this one.
    async fn turn(&self) -> Turn<'_> {
        let reusable = self.vault.lock().await.record().is_some_and(has_reusable_token);
        if reusable {
            Turn::Shared { _guard: self.refresh_token.read().await }
        } else {
            Turn::Whole { _guard: self.refresh_token.write().await }
        }
    }

    /// Looks at the record again (rule 5) and writes down what is about to be done (rule 4).
    async fn prepare(&self, key: &GrantKey, trigger: Trigger, user: Option<&str>, turn: &Turn<'_>) -> Result<Step> {
        {
            let mut vault = self.vault.lock().await;
            // Nobody is asked anything when there is nothing to renew.
            if renewable(vault.record()).is_err()
                && let Some(renewed) = self.look_again(&mut vault, key, trigger, user).await?
            {
                return Ok(Step::Done(renewed));
            }
        }
        // Before the record is looked at: it may take a request of its own.
        let metadata = self.metadata().await?;
        let mut vault = self.vault.lock().await;
        let looked = self.clock.elapsed();
        if let Some(renewed) = self.look_again(&mut vault, key, trigger, user).await? {
            return Ok(Step::Done(renewed));
        }
        let (lineage, signed_in, refresh) = renewable(vault.record())?;
        if !refresh.reusable && matches!(turn, Turn::Shared { .. }) {
            return Ok(Step::Again);
        }
        match trigger.sender() {
            Sender::Caller => self.patience.check(self.clock.elapsed())?,
            Sender::Engine => self.patience.check_told(self.clock.elapsed())?,
        }

        let prepared = Prepared {
            lineage: lineage.to_owned(),
            token: refresh.token.clone(),
            generation: refresh.generation,
            one_time: !refresh.reusable,
            looked,
            in_doubt: vault.token_in_doubt().is_some(),
            identity: signed_in.identity.clone(),
            metadata,
            bound_to: signed_in.dpop_jkt,
        };
        // A token that has worked twice is not a one-time token: no answer to it can be the last one. Any other is not
        // sent, not even again, to a store that would not take the answer; and other processes see each attempt.
        if !refresh.reusable {
            let mut signed_in = signed_in.clone();
            if let Some(refresh) = &mut signed_in.refresh {
                refresh.attempt = Some(record::Attempt { begun: self.clock.now(), settled: !prepared.in_doubt });
            }
            vault.commit_or_revert(Content::SignedIn(Box::new(signed_in))).await?;
        }
        Ok(Step::Send(Box::new(prepared)))
    }

    /// Looks at the record again; returns what makes a renewal unnecessary.
    ///
    /// # Errors
    /// [`Error::LoginRequired`] when there is nothing to renew, [`Error::Storage`] when that cannot be told now.
    async fn look_again(
        &self,
        vault: &mut Vault,
        key: &GrantKey,
        trigger: Trigger,
        user: Option<&str>,
    ) -> Result<Option<Renewed>> {
        vault.synchronize().await?;
        self.publish(vault);
        same_user(user, vault.record())?;
        if let Some(credentials) = self.sufficient(key, trigger) {
            return Ok(Some(Renewed::Credentials(credentials)));
        }
        renewable(vault.record())?;
        let is_over = trigger.token().is_some_and(|token| vault.token_in_doubt() != Some(token));
        Ok(is_over.then_some(Renewed::Needless))
    }

    /// The credentials for `key` that make a renewal unnecessary, if there are any.
    fn sufficient(&self, key: &GrantKey, trigger: Trigger) -> Option<Credentials> {
        let published = &self.published;
        let elapsed = self.clock.elapsed();
        match trigger {
            Trigger::Lasting(min_ttl) => published.valid(&CredentialsRequest { min_ttl, key: key.clone() }, elapsed),
            Trigger::Replacing(unwanted) => {
                published.unexpired(key, elapsed).filter(|found| found.access_token().fingerprint() != unwanted)
            }
            Trigger::Always | Trigger::Interrupted(_) | Trigger::InDoubt(_) => None,
        }
    }
}

/// The session that was asked for is over, and another is in its place.
pub(super) const LOGGED_OUT: Error = Error::LoginRequired { reason: LoginReason::LoggedOut };

/// Whenever it was looked at, another process had changed something.
const NOT_SETTLED: Error = Error::Offline { cause: OfflineCause::UnexpectedAnswer, retry_after: None };

/// What `prepare` found.
enum Step {
    /// Another caller or process has brought what is wanted.
    Done(Renewed),
    /// The token turned out to be a one-time token; take a turn alone.
    Again,
    Send(Box<Prepared>),
}

fn has_reusable_token(record: &Record) -> bool {
    record.signed_in().and_then(|signed_in| signed_in.refresh.as_ref()).is_some_and(|refresh| refresh.reusable)
}

/// Whether whoever is signed in now is the user whom the callers saw, and not another one who signed in meanwhile.
fn same_user(user: Option<&str>, record: Option<&Record>) -> Result<()> {
    let now = record.and_then(|record| record.signed_in()).map(|signed_in| signed_in.identity.sub());
    match (user, now) {
        (Some(user), Some(now)) if user != now => Err(LOGGED_OUT),
        (Some(_) | None, _) => Ok(()),
    }
}

/// What there is to renew.
fn renewable(record: Option<&Record>) -> Result<(&str, &SignedIn, &Refresh)> {
    let (lineage, signed_in) = signed_in(record)?;
    let refresh = signed_in.refresh.as_ref().ok_or(Error::LoginRequired { reason: LoginReason::NoRefreshToken })?;
    Ok((lineage, signed_in, refresh))
}

pub(super) fn signed_in(record: Option<&Record>) -> Result<(&str, &SignedIn)> {
    match record.map(|record| (&record.lineage, &record.content)) {
        Some((lineage, Content::SignedIn(signed_in))) => Ok((lineage, signed_in)),
        Some((_, Content::SignedOut(reason))) => Err(Error::LoginRequired { reason: *reason }),
        None => Err(Error::LoginRequired { reason: LoginReason::NotSignedIn }),
    }
}
