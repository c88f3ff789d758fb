//! Renewal: the exchange of a refresh token for new tokens, the one request that must neither be lost nor be sent twice.
//!
//! A renewal goes through `renewed` (share it) → `take_turn` (who goes first, here and in other processes) → `prepare`
//! (look at the record again, write down what is about to be done) → `exchange.rs` (send, and send again once) →
//! `outcome.rs` (save, judge, publish; or is the session over?). `retry.rs` says when the engine asks again by itself
//! after a lost response. Rules 1 to 9 are in this folder.

pub(crate) mod backoff;
mod exchange;
pub(crate) mod lease;
mod outcome;
mod pace;
mod retry;
mod single_flight;

use std::sync::{Arc, Weak};
use std::time::Duration;

use hallpass_protocol::error::ErrorCode;
use hallpass_protocol::secret::Fingerprint;
use tokio::runtime::Handle;
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use self::backoff::Backoff;
use self::exchange::{Exchange, Exchanged, InvalidGrant, Prepared, Refused, Sender};
use self::lease::SharedLease;
use self::outcome::{Next, Outcome};
use self::pace::Pace;
use self::retry::AskedAgain;
use self::single_flight::SingleFlight;
use super::account::{Account, Guard, LOGGED_OUT};
use super::credentials::{Credentials, CredentialsRequest, MinTtl};
use super::identity::Identity;
use super::provider::Provider;
use super::record::{Attempt, GrantKey, Record, Refresh, SignedIn};
use super::registry::Registration;
use super::state::{Event, User};
use super::wire::Wire;
use crate::config::Config;
use crate::error::{Error, LoginReason, OfflineCause, Result};

/// A refresh token that another process replaces while this one tries to use it is followed this often.
const TURNS: usize = 4;

/// How long to wait before `invalid_grant` is believed: long enough for what passes at the server.
const SECOND_ASK: Duration = Duration::from_secs(2);

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
    /// The response to a renewal with this refresh token was lost: nothing else is to be renewed.
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
enum Renewed {
    Credentials(Credentials),
    /// The outcome that it was about is known by now.
    Needless,
}

/// The right to use the refresh token.
enum Turn<'a> {
    /// With others, for a token that can be used again and again.
    Shared { _guard: RwLockReadGuard<'a, ()> },
    /// Alone, for one that can be used once.
    Exclusive { _guard: RwLockWriteGuard<'a, ()> },
}

/// What `prepare` found.
enum Step {
    /// Another caller or process has brought what is wanted.
    Done(Renewed),
    /// The token turned out to be a one-time token; take a turn alone.
    Again,
    Send(Box<Prepared>),
}

/// The renewals of one account.
pub(crate) struct Renewals {
    account: Arc<Account>,
    wire: Arc<Wire>,
    provider: Arc<Provider>,
    lease: Arc<SharedLease>,
    backoff: Arc<Backoff>,
    exchange: Exchange,
    outcome: Arc<Outcome>,
    in_flight: SingleFlight<GrantKey, Renewed>,
    /// Taken alone by a renewal with a token that can be used only once, shared by those with a reusable one.
    gate: RwLock<()>,
    asked_again: AskedAgain,
    runtime: Handle,
    /// Held by the session and by the renewals that outlive it: for as long as anybody here may use the refresh token.
    registration: Weak<Registration>,
}

impl Renewals {
    #[expect(clippy::too_many_arguments, reason = "each is one of the layers below, and there is one caller")]
    pub(crate) fn new(
        config: Arc<Config>,
        account: Arc<Account>,
        wire: Arc<Wire>,
        provider: Arc<Provider>,
        identity: Arc<Identity>,
        lease: Arc<SharedLease>,
        backoff: Arc<Backoff>,
        runtime: Handle,
        registration: Weak<Registration>,
    ) -> Self {
        let exchange = Exchange {
            config,
            account: Arc::clone(&account),
            wire: Arc::clone(&wire),
            backoff: Arc::clone(&backoff),
            pace: Pace::default(),
        };
        let outcome = Arc::new(Outcome {
            account: Arc::clone(&account),
            wire: Arc::clone(&wire),
            provider: Arc::clone(&provider),
            identity,
            backoff: Arc::clone(&backoff),
            runtime: runtime.clone(),
        });
        Self {
            account,
            wire,
            provider,
            lease,
            backoff,
            exchange,
            outcome,
            in_flight: SingleFlight::default(),
            gate: RwLock::new(()),
            asked_again: AskedAgain::default(),
            runtime,
            registration,
        }
    }

    /// A valid access token, renewed if need be; documented at `Session::credentials`.
    pub(crate) async fn credentials(self: &Arc<Self>, request: CredentialsRequest) -> Result<Credentials> {
        if let Some(credentials) = self.account.valid(&request) {
            return Ok(credentials);
        }
        let user = self.account.user();
        match self.renewed(request.key.clone(), Trigger::Lasting(request.min_ttl), user.as_ref()).await {
            // The minimum lifetime is an aim: what has some time left is better than an error that nobody can help.
            Err(error) if may_fall_back(&error) => {
                // With the record locked, what is published and whose it is do not change.
                let _guard = self.account.lock().await;
                if !self.account.is_still(user.as_ref()) {
                    return Err(error);
                }
                self.account.unexpired(&request.key).ok_or(error)
            }
            outcome => outcome,
        }
    }

    /// A new access token in place of the one called `key`; documented at `Session::renew`.
    pub(crate) async fn renew_now(self: &Arc<Self>, key: GrantKey) -> Result<Credentials> {
        let present = self.account.latest(&key).map(|present| present.access_token().fingerprint());
        let trigger = present.map_or(Trigger::Always, Trigger::Replacing);
        let credentials = self.renewed(key.clone(), trigger, self.account.user().as_ref()).await?;
        // Shared with callers to whom the present token was good enough: that was no renewal.
        if !credentials.renewed() && present == Some(credentials.access_token().fingerprint()) {
            self.renewed(key, trigger, self.account.user().as_ref()).await
        } else {
            Ok(credentials)
        }
    }

    /// Renews the access token called `key`, or joins the renewal of it that is in flight. `user` is the one whom the
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
        let login = GrantKey::default();
        match self.renewed_as_asked(key.clone(), trigger, user).await {
            // One audience is refused, and nothing shows that the session lives: its own renewal tells.
            Err(error) if is_invalid_grant(&error) && key != login && self.account.unexpired(&login).is_none() => {
                let any = Trigger::Lasting(MinTtl::seconds(0));
                match self.renewed_as_asked(login, any, user).await {
                    Err(over @ Error::LoginRequired { .. }) => Err(over),
                    Ok(_) | Err(_) => Err(error),
                }
            }
            outcome => outcome,
        }
    }

    async fn renewed_as_asked(
        self: &Arc<Self>,
        key: GrantKey,
        trigger: Trigger,
        user: Option<&User>,
    ) -> Result<Credentials> {
        for _ in 0..TURNS {
            match self.join(key.clone(), trigger, user).await {
                // The renewal that was joined had begun before anybody knew who is signed in.
                Ok(Renewed::Credentials(_)) if user.is_some() && !self.account.is_still(user) => {
                    return Err(LOGGED_OUT);
                }
                Ok(Renewed::Credentials(credentials)) => return Ok(credentials),
                // The engine's own, which had nothing to do.
                Ok(Renewed::Needless) => {}
                // Of the session before: the renewal that was joined had begun when another one was there.
                Err(LOGGED_OUT) if user.is_some() && self.account.is_still(user) => {}
                Err(error) => return Err(error),
            }
        }
        Err(NOT_SETTLED)
    }

    /// Joins the renewal in flight for `key`, or starts one. `user` is the one whom the caller saw signed in, if any.
    async fn join(self: &Arc<Self>, key: GrantKey, trigger: Trigger, user: Option<&User>) -> Result<Renewed> {
        self.join_or_start(key, trigger, user).await.0
    }

    /// The same; returns also whether the renewal was started here.
    async fn join_or_start(
        self: &Arc<Self>,
        key: GrantKey,
        trigger: Trigger,
        user: Option<&User>,
    ) -> (Result<Renewed>, bool) {
        // The account stays registered until the renewal is done, also when the session is dropped meanwhile.
        let Some(registration) = self.registration.upgrade() else { return (Err(Error::Cancelled), false) };
        let renewal = {
            let key = key.clone();
            move || {
                let (renewals, user) = (Arc::clone(self), user.cloned());
                async move {
                    let _registration = registration;
                    let outcome = renewals.take_turn(&key, trigger, user.as_ref().map(User::sub)).await;
                    renewals.tell(&outcome, trigger);
                    outcome
                }
            }
        };
        SingleFlight::join(self, &self.runtime, key, |renewals| &renewals.in_flight, renewal).await
    }

    fn tell(&self, outcome: &Result<Renewed>, trigger: Trigger) {
        match outcome {
            Ok(Renewed::Credentials(credentials)) if credentials.renewed() => self.account.emit(Event::Renewed),
            Ok(Renewed::Credentials(_) | Renewed::Needless) | Err(Error::LoginRequired { .. }) => {}
            // The app was told when the response was lost.
            Err(error) if trigger.sender() == Sender::Engine => tracing::debug!(%error, "still no answer"),
            Err(error) => {
                self.account.emit(Event::RenewalFailed { retryable: error.is_retryable(), code: error.code() });
            }
        }
    }

    async fn take_turn(self: &Arc<Self>, key: &GrantKey, trigger: Trigger, user: Option<&str>) -> Result<Renewed> {
        {
            let guard = self.account.open().await?;
            // A login that is not saved yet shows nowhere: everybody who is answered by it would be so forever.
            if guard.is_saved() {
                same_user(user, guard.record())?;
                if let Some(credentials) = self.sufficient(key, trigger) {
                    return Ok(Renewed::Credentials(credentials));
                }
            }
        }
        let _lease = self.lease.acquire().await;
        // The token that was asked with in this turn already, and for which the intent is written.
        let mut asked_with = None;
        let mut has_moved = false;
        // From when on an answer to that token has been missing, before its endpoint turned out to be gone.
        let mut lost_before = None;
        for _ in 0..TURNS {
            let turn = self.turn().await;
            let prepared = match self.prepare(key, trigger, user, &turn, asked_with).await? {
                Step::Done(renewed) => return Ok(renewed),
                Step::Again => continue,
                Step::Send(prepared) => prepared,
            };
            let used = Some(prepared.token.fingerprint());
            let is_second_ask = asked_with == used && !has_moved;
            let sender = if is_second_ask { Sender::Engine } else { trigger.sender() };
            match self.exchange.send(key, &prepared, sender).await {
                Exchanged::Tokens(answer) => {
                    return self.outcome.install(key, &prepared, *answer).await.map(Renewed::Credentials);
                }
                Exchanged::Salvaged { token, arrived, error } => {
                    self.outcome.keep(&prepared, token, arrived).await?;
                    return Err(self.outcome.refuse(key, error));
                }
                Exchanged::InvalidGrant(InvalidGrant { words, .. }) if !key.is_login() => {
                    return Err(self.outcome.refuse(key, Error::Denied { code: ErrorCode::InvalidGrant, words }));
                }
                Exchanged::InvalidGrant(refusal) => {
                    match self.outcome.resolve(&prepared, &refusal, !is_second_ask).await? {
                        Next::Superseded => {}
                        Next::AskOnceMore => {
                            (asked_with, has_moved, lost_before) = (used, false, None);
                            tokio::time::sleep(self.wire.with_jitter(SECOND_ASK)).await;
                        }
                    }
                }
                Exchanged::Refused(refused) => return Err(self.refused(key, &prepared, refused).await),
                Exchanged::NoTokens { error, lost_since } => {
                    let lost_before = lost_before.filter(|_| asked_with == used);
                    self.ask_again_after_a_loss(key, &prepared, lost_before.or(lost_since));
                    return Err(error);
                }
                Exchanged::EndpointGone { error, lost_since } => {
                    if has_moved || self.provider.moved(&prepared.metadata).await.is_none() {
                        self.ask_again_after_a_loss(key, &prepared, lost_since);
                        return Err(error);
                    }
                    (asked_with, has_moved, lost_before) = (used, true, lost_since);
                }
                Exchanged::OutOfDate => {}
                Exchanged::KeyGone(key) => self.account.end_if_bound_to(key).await?,
            }
        }
        Err(NOT_SETTLED)
    }

    /// A response that was lost is asked for again, where it may be the last one to this token.
    fn ask_again_after_a_loss(self: &Arc<Self>, key: &GrantKey, prepared: &Prepared, lost_since: Option<Duration>) {
        if let Some(lost_since) = lost_since.filter(|_| prepared.one_time) {
            self.ask_again(key, prepared.token.fingerprint(), lost_since);
        }
    }

    async fn refused(&self, key: &GrantKey, prepared: &Prepared, refused: Refused) -> Error {
        let Refused { error, retry_after, lasting } = refused;
        let error = match lasting.filter(|_| key.is_login()) {
            Some(code) => self.outcome.refused(prepared, code, error).await,
            None => error,
        };
        // The nonce that the server wants is known now, and the next proof has it.
        if !matches!(error, Error::Denied { code: ErrorCode::UseDpopNonce, .. }) {
            self.backoff.refuse(key, self.wire.elapsed(), error.clone(), retry_after, self.wire.jitter());
        }
        error
    }

    /// Waits until nobody uses the refresh token in a way that excludes this one.
    async fn turn(&self) -> Turn<'_> {
        let reusable = self.account.lock().await.record().is_some_and(has_reusable_token);
        if reusable {
            Turn::Shared { _guard: self.gate.read().await }
        } else {
            Turn::Exclusive { _guard: self.gate.write().await }
        }
    }

    /// Looks at the record again (rule 5) and writes down what is about to be done (rule 4), unless this turn has done so
    /// for the token `asked_with`, and the server is only asked again.
    async fn prepare(
        &self,
        key: &GrantKey,
        trigger: Trigger,
        user: Option<&str>,
        turn: &Turn<'_>,
        asked_with: Option<Fingerprint>,
    ) -> Result<Step> {
        {
            let mut guard = self.account.lock().await;
            // Nobody is asked anything when there is nothing to renew.
            if renewable(&guard).is_err()
                && let Some(renewed) = self.look_again(&mut guard, key, trigger, user).await?
            {
                return Ok(Step::Done(renewed));
            }
        }
        // Before the record is looked at: it may take a request of its own.
        let metadata = self.provider.metadata().await?;
        let mut guard = self.account.lock().await;
        let looked = self.wire.elapsed();
        if let Some(renewed) = self.look_again(&mut guard, key, trigger, user).await? {
            return Ok(Step::Done(renewed));
        }
        let (lineage, signed_in, refresh) = renewable(&guard)?;
        if !refresh.reusable && matches!(turn, Turn::Shared { .. }) {
            return Ok(Step::Again);
        }
        let again = asked_with == Some(refresh.token.fingerprint());
        if again || trigger.sender() == Sender::Engine {
            self.backoff.check_told(self.wire.elapsed())?;
        } else {
            self.backoff.check(key, self.wire.elapsed())?;
        }
        let is_written = again && refresh.attempt.is_some();

        let prepared = Prepared {
            lineage: lineage.to_owned(),
            token: refresh.token.clone(),
            generation: refresh.generation,
            one_time: !refresh.reusable,
            looked,
            in_doubt: guard.token_in_doubt().is_some(),
            identity: signed_in.identity.clone(),
            metadata,
            bound_to: signed_in.dpop_jkt,
            resources: match (&key.resource, &key.audience, &signed_in.asked) {
                (Some(resource), _, _) => vec![resource.clone()],
                (None, Some(_), _) => Vec::new(),
                (None, None, Some(asked)) => asked.resources.clone(),
                (None, None, None) => self.exchange.config.resources.clone(),
            },
        };
        // A token that has worked twice is not a one-time token: no answer to it can be the last one. Any other is not
        // sent, not even again, to a store that would not take the answer; and other processes see each attempt.
        if prepared.one_time && !is_written {
            let mut signed_in = signed_in.clone();
            if let Some(refresh) = &mut signed_in.refresh {
                refresh.attempt = Some(Attempt { begun: self.wire.device_now(), settled: !prepared.in_doubt });
            }
            guard.commit_or_revert(signed_in).await?;
        }
        Ok(Step::Send(Box::new(prepared)))
    }

    /// Looks at the record again; returns what makes a renewal unnecessary.
    ///
    /// # Errors
    /// [`Error::LoginRequired`] when there is nothing to renew, [`Error::Storage`] when that cannot be told now.
    async fn look_again(
        &self,
        guard: &mut Guard<'_>,
        key: &GrantKey,
        trigger: Trigger,
        user: Option<&str>,
    ) -> Result<Option<Renewed>> {
        guard.synchronize().await?;
        same_user(user, guard.record())?;
        if let Some(credentials) = self.sufficient(key, trigger) {
            return Ok(Some(Renewed::Credentials(credentials)));
        }
        renewable(guard)?;
        let is_over = trigger.token().is_some_and(|token| guard.token_in_doubt() != Some(token));
        Ok(is_over.then_some(Renewed::Needless))
    }

    /// The credentials for `key` that make a renewal unnecessary, if there are any.
    fn sufficient(&self, key: &GrantKey, trigger: Trigger) -> Option<Credentials> {
        match trigger {
            Trigger::Lasting(min_ttl) => self.account.valid(&CredentialsRequest { min_ttl, key: key.clone() }),
            Trigger::Replacing(unwanted) => {
                self.account.unexpired(key).filter(|found| found.access_token().fingerprint() != unwanted)
            }
            Trigger::Always | Trigger::Interrupted(_) | Trigger::InDoubt(_) => None,
        }
    }
}

/// Whatever the record was found like, another process had changed something.
const NOT_SETTLED: Error = Error::Offline { cause: OfflineCause::UnexpectedAnswer, retry_after: None };

/// Whether a token with less time left than asked for is better than this error (rule 9). A session that is over has no
/// tokens any more; one that cannot be renewed has the ones it has.
fn may_fall_back(error: &Error) -> bool {
    match error {
        Error::LoginRequired { reason: LoginReason::NoRefreshToken | LoginReason::Refused } => true,
        Error::LoginRequired { .. } => false,
        Error::Cancelled
        | Error::StepUpRequired { .. }
        | Error::Offline { .. }
        | Error::Denied { .. }
        | Error::Storage { .. }
        | Error::Untrusted { .. }
        | Error::Misconfigured { .. }
        | Error::Internal { .. } => true,
    }
}

fn is_invalid_grant(error: &Error) -> bool {
    matches!(error, Error::Denied { code: ErrorCode::InvalidGrant, .. })
}

fn has_reusable_token(record: &Record) -> bool {
    record.signed_in().and_then(|signed_in| signed_in.refresh.as_ref()).is_some_and(|refresh| refresh.reusable)
}

/// Whether the user who is signed in now is the one whom the callers saw, and not another one who signed in meanwhile.
fn same_user(user: Option<&str>, record: Option<&Record>) -> Result<()> {
    let now = record.and_then(Record::signed_in).map(|signed_in| signed_in.identity.sub());
    match (user, now) {
        (Some(user), Some(now)) if user != now => Err(LOGGED_OUT),
        (Some(_) | None, _) => Ok(()),
    }
}

/// What there is to renew.
fn renewable<'a>(guard: &'a Guard<'_>) -> Result<(&'a str, &'a SignedIn, &'a Refresh)> {
    let (lineage, signed_in) = guard.signed_in()?;
    let refresh = signed_in.refresh.as_ref().ok_or(Error::LoginRequired { reason: LoginReason::NoRefreshToken })?;
    Ok((lineage, signed_in, refresh))
}
