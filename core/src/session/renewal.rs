//! The exchange of a refresh token for new tokens: the one request that must neither be lost nor be sent twice.
//!
//! A renewal goes through `renewed` (share it) → `take_turn` (who goes first, here and in other processes) → `prepare`
//! (look at the record again, write down what is about to be done) → `exchange` (send, and send again once) → `install`
//! (save, then publish) or `conclude` (is the session really over?). Rules 1 to 9 of the design are in these functions;
//! the numbers in the comments are theirs.

use std::sync::Arc;
use std::time::Duration;

use hallpass_protocol::discovery::ProviderMetadata;
use hallpass_protocol::error::{ErrorCode, ServerError};
use hallpass_protocol::id_token::Claims;
use hallpass_protocol::secret::{Fingerprint, RefreshToken};
use hallpass_protocol::token::{self, TokenError, TokenResponse};
use tokio::sync::{RwLockReadGuard, RwLockWriteGuard};

use super::answer::is_json;
use super::credentials::{Credentials, CredentialsRequest, MinTtl};
use super::engine::Engine;
use super::flight::Flights;
use super::moment::Moment;
use super::patience;
use super::record::{self, Content, Grant, GrantKey, Record, Refresh, SignedIn};
use super::state::Event;
use crate::error::{Error, LoginReason, OfflineCause, Result};
use crate::ports::TransportError;

/// A refresh token that another process replaces while this one tries to use it is followed this often.
const TURNS: usize = 4;

/// Why a renewal is wanted, which decides whether what another caller or process brought will do.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Trigger {
    /// An access token that lasts this long will do.
    Lasting(MinTtl),
    /// Any access token will do but this one: an API refused it, or the app wants a new one.
    Replacing(Fingerprint),
    /// Only a new one will do.
    Always,
}

/// A renewal about to be sent.
struct Prepared {
    lineage: String,
    token: RefreshToken,
    generation: u64,
    /// Whether an earlier renewal with this token may have been acted on without an answer arriving (rule 4).
    in_doubt: bool,
    identity: Claims,
    metadata: Arc<ProviderMetadata>,
}

/// What the server made of it.
enum Exchanged {
    Tokens(Box<Answer>),
    /// `invalid_grant`, and whether the token was in doubt by then.
    InvalidGrant {
        in_doubt: bool,
    },
}

/// Tokens, and when they came.
struct Answer {
    tokens: TokenResponse,
    /// Before the server made them, so that a lifetime counted from here is over in time however long the answer took.
    sent: Moment,
    arrived: Moment,
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
    pub(crate) fn valid_credentials(&self, request: &CredentialsRequest) -> Option<Credentials> {
        self.published.valid(request, self.clock.elapsed_at_most())
    }

    /// A valid access token, renewed if need be; documented at `Session::credentials`.
    pub(crate) async fn credentials(self: &Arc<Self>, request: CredentialsRequest) -> Result<Credentials> {
        if let Some(credentials) = self.valid_credentials(&request) {
            return Ok(credentials);
        }
        let user = self.user();
        match self.renewed(request.key.clone(), Trigger::Lasting(request.min_ttl)).await {
            // The minimum lifetime is an aim: what has some time left is better than an error that nobody can help.
            Err(error @ (Error::Offline { .. } | Error::LoginRequired { reason: LoginReason::NoRefreshToken })) => {
                // With the record in the hand, what is published and whose it is do not change.
                let _vault = self.vault.lock().await;
                if user != self.user() {
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
        let credentials = self.renewed(key.clone(), trigger).await?;
        // Shared with callers to whom the present token was good enough: that was no renewal.
        if present == Some(credentials.access_token().fingerprint()) {
            self.renewed(key, trigger).await
        } else {
            Ok(credentials)
        }
    }

    /// Renews the access token called `key`, or waits for the renewal of it that is in the air.
    ///
    /// # Errors
    /// Those of the renewal; everyone who waits for it gets the same.
    pub(crate) async fn renewed(self: &Arc<Self>, key: GrantKey, trigger: Trigger) -> Result<Credentials> {
        let user = self.user();
        match self.fly(key.clone(), trigger, user.clone()).await {
            // The renewal that was joined had begun before anybody knew who is signed in.
            Ok(_) if user.is_some() && user != self.user() => Err(LOGGED_OUT),
            // Of the session before: the renewal that was joined had begun when another one was there.
            Err(LOGGED_OUT) if user.is_some() && user == self.user() => self.fly(key, trigger, user).await,
            outcome => outcome,
        }
    }

    /// Finishes a renewal that the last process left behind (rule 4): at once, as an issuer with a reuse interval forgives
    /// the second use for some seconds only.
    pub(crate) async fn finish_interrupted(self: &Arc<Self>) {
        for _ in 0..TURNS {
            match self.renewed(GrantKey::default(), Trigger::Always).await {
                // Shared with callers to whom the present access token was good enough: that was no renewal.
                Ok(credentials) if !credentials.renewed => {}
                Ok(_) => return,
                Err(error) => return tracing::debug!(%error, "the interrupted renewal was tried again"),
            }
        }
    }

    /// `user` is the one whom the caller saw signed in, if any.
    async fn fly(self: &Arc<Self>, key: GrantKey, trigger: Trigger, user: Option<String>) -> Result<Credentials> {
        // The account stays registered until the renewal has landed, also when the session is dropped meanwhile.
        let registration = self.registration.upgrade().ok_or(Error::Cancelled)?;
        let engine = Arc::clone(self);
        let renewal = {
            let key = key.clone();
            async move {
                let _registration = registration;
                let outcome = engine.take_turn(&key, trigger, user.as_deref()).await;
                match &outcome {
                    Ok(credentials) if credentials.renewed => engine.emit(Event::Renewed),
                    Ok(_) | Err(Error::LoginRequired { .. }) => {}
                    Err(error) => engine.emit(error.as_renewal_failure()),
                }
                outcome
            }
        };
        Flights::join(self, &self.runtime, key, |engine| &engine.renewals, renewal).await
    }

    /// Who is signed in by what is published.
    pub(crate) fn user(&self) -> Option<String> {
        self.states.borrow().user().map(|user| user.sub().to_owned())
    }

    async fn take_turn(&self, key: &GrantKey, trigger: Trigger, user: Option<&str>) -> Result<Credentials> {
        {
            let vault = self.opened_vault().await?;
            // A login that is not saved yet shows nowhere: whoever is answered by it would be so for ever.
            if vault.is_saved() {
                same_user(user, vault.record())?;
                if let Some(credentials) = self.sufficient(key, trigger) {
                    return Ok(credentials);
                }
            }
        }
        let _lease = self.lease.acquire().await;
        for _ in 0..TURNS {
            let turn = self.turn().await;
            let prepared = match self.prepare(key, trigger, user, &turn).await? {
                Step::Done(credentials) => return Ok(credentials),
                Step::Again => continue,
                Step::Send(prepared) => prepared,
            };
            match self.exchange(key, &prepared).await? {
                Exchanged::Tokens(tokens) => return self.install(key, &prepared, *tokens).await,
                Exchanged::InvalidGrant { in_doubt } => self.conclude(&prepared, in_doubt).await?,
            }
        }
        Err(Error::Offline { cause: OfflineCause::UnexpectedAnswer, retry_after: None })
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
        // Before the record is touched: it may take a request of its own.
        let metadata = self.metadata().await?;
        let mut vault = self.vault.lock().await;
        vault.synchronize().await?;
        self.publish(&vault);
        same_user(user, vault.record())?;
        if let Some(credentials) = self.sufficient(key, trigger) {
            return Ok(Step::Done(credentials));
        }
        let (lineage, signed_in) = signed_in(vault.record())?;
        let Some(refresh) = &signed_in.refresh else {
            return Err(Error::LoginRequired { reason: LoginReason::NoRefreshToken });
        };
        if !refresh.reusable && matches!(turn, Turn::Shared { .. }) {
            return Ok(Step::Again);
        }
        self.patience.check(self.clock.elapsed())?;

        let prepared = Prepared {
            lineage: lineage.to_owned(),
            token: refresh.token.clone(),
            generation: refresh.generation,
            in_doubt: refresh.attempt.is_some_and(|attempt| !attempt.settled),
            identity: signed_in.identity.clone(),
            metadata,
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

    /// Sends the renewal and, when no usable answer comes, sends the same once more (rule 8).
    ///
    /// # Errors
    /// Whatever is not a word about this refresh token; the session goes on (rule 6).
    async fn exchange(&self, key: &GrantKey, prepared: &Prepared) -> Result<Exchanged> {
        let mut in_doubt = prepared.in_doubt;
        let mut attempts = 0;
        let error = loop {
            attempts += 1;
            let request = token::refresh_request(
                &self.config.client,
                &prepared.metadata,
                &prepared.token,
                key.scope.as_ref(),
                key.audience.as_deref(),
            );
            let error = match self.attempt(request).await {
                Attempted::Tokens(tokens) => {
                    self.patience.reset();
                    // The server has acted; until the answer is saved, this token is one that may be spent.
                    self.settle(prepared, false).await;
                    return Ok(Exchanged::Tokens(tokens));
                }
                Attempted::InvalidGrant => {
                    // Remembered in case the store cannot be asked now, and the session's end is concluded by a later call.
                    self.settle(prepared, !in_doubt).await;
                    return Ok(Exchanged::InvalidGrant { in_doubt });
                }
                Attempted::Unused(error) => break error,
                Attempted::Unanswered { error, told } => {
                    in_doubt = true;
                    if told.is_some() || attempts == 2 {
                        break error;
                    }
                    error
                }
            };
            tokio::time::sleep(Duration::from_millis(100 + 2 * u64::from(self.jitter()))).await;
            // Another audience's renewal may have been told so meanwhile.
            if self.patience.is_told_to_wait(self.clock.elapsed()) {
                break error;
            }
        };
        self.settle(prepared, !in_doubt).await;
        Err(error)
    }

    /// Remembers, in memory, whether the server may have used the token up.
    async fn settle(&self, prepared: &Prepared, settled: bool) {
        if let Some(signed_in) = self.vault.lock().await.signed_in_mut(&prepared.lineage)
            && let Some(refresh) = signed_in.refresh_mut(prepared.token.fingerprint())
            && let Some(attempt) = &mut refresh.attempt
        {
            attempt.settled = settled;
        }
    }

    async fn attempt(&self, request: hallpass_protocol::http::Request) -> Attempted {
        let sent = self.now();
        let fail = |cause, told| self.patience.fail(self.clock.elapsed(), cause, told, self.jitter());
        let response = match self.transmit(request).await {
            Ok(response) => response,
            Err(TransportError::NoAnswer | TransportError::TooLarge { .. }) => {
                return Attempted::Unanswered { error: fail(OfflineCause::NoAnswer, None), told: None };
            }
            // Nothing reached the server, so nothing has to be spared.
            Err(error @ (TransportError::Unreachable | TransportError::Tls | TransportError::InvalidRequest)) => {
                return Attempted::Unused(error.into());
            }
        };
        self.observe_time(&response);
        let told = patience::told(&response, self.server_now());
        match (token::parse(&response), response.status) {
            (Ok(tokens), _) => Attempted::Tokens(Box::new(Answer { tokens, sent, arrived: self.now() })),
            (Err(TokenError::Server(_)), 429) => Attempted::Unused(fail(OfflineCause::RateLimited, told)),
            (Err(TokenError::Server(error)), _) if error.is_invalid_grant() => Attempted::InvalidGrant,
            (Err(TokenError::Server(_)), 503) => Attempted::Unused(fail(OfflineCause::ServerFailed, told)),
            // It may have failed before or after it replaced the token.
            (Err(TokenError::Server(_)), 500..) => {
                Attempted::Unanswered { error: fail(OfflineCause::ServerFailed, told), told }
            }
            (Err(TokenError::Server(error)), _) if is_word(&error) => {
                self.patience.reset();
                Attempted::Unused(error.into())
            }
            (Err(TokenError::Server(_)), _) => Attempted::Unused(fail(OfflineCause::UnexpectedAnswer, told)),
            (Err(error @ TokenError::Malformed(_)), _) => {
                let waiting = fail(OfflineCause::UnexpectedAnswer, told);
                Attempted::Unanswered { error: if is_json(&response.body) { error.into() } else { waiting }, told }
            }
        }
    }

    /// Saves what arrived, then publishes it (rules 3 and 7).
    async fn install(&self, key: &GrantKey, prepared: &Prepared, answer: Answer) -> Result<Credentials> {
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
            .map(|credentials| Credentials { renewed: true, ..credentials })
            .ok_or(Error::Internal { reference: "renewed_credentials_not_published" })
    }

    /// Decides what `invalid_grant` means (rules 4, 5 and 6): returns when the store holds a newer token to go on with.
    ///
    /// # Errors
    /// [`Error::LoginRequired`] when the session is over, [`Error::Storage`] when that cannot be told now.
    async fn conclude(&self, prepared: &Prepared, in_doubt: bool) -> Result<()> {
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

    /// The credentials for `key` that make a renewal unnecessary, if there are any.
    fn sufficient(&self, key: &GrantKey, trigger: Trigger) -> Option<Credentials> {
        let published = &self.published;
        let elapsed = self.clock.elapsed();
        match trigger {
            Trigger::Lasting(min_ttl) => published.valid(&CredentialsRequest { min_ttl, key: key.clone() }, elapsed),
            Trigger::Replacing(unwanted) => {
                published.unexpired(key, elapsed).filter(|found| found.access_token().fingerprint() != unwanted)
            }
            Trigger::Always => None,
        }
    }
}

/// The session that was asked for is over, and another is in its place.
const LOGGED_OUT: Error = Error::LoginRequired { reason: LoginReason::LoggedOut };

/// What `prepare` found.
enum Step {
    /// Another caller or process has brought what is wanted.
    Done(Credentials),
    /// The token turned out to be a one-time token; take a turn alone.
    Again,
    Send(Box<Prepared>),
}

/// What one request came to.
enum Attempted {
    Tokens(Box<Answer>),
    InvalidGrant,
    /// No tokens, and the refresh token is certainly unused.
    Unused(Error),
    /// No usable answer, and nobody knows whether the refresh token was used; `told` is how long the server asks to wait.
    Unanswered {
        error: Error,
        told: Option<Duration>,
    },
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

/// Whether the server said something in OAuth's words, rather than an error of a gateway or a portal.
fn is_word(error: &ServerError) -> bool {
    !matches!(error.code, ErrorCode::Unrecognised | ErrorCode::Absent)
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

fn signed_in(record: Option<&Record>) -> Result<(&str, &SignedIn)> {
    match record.map(|record| (&record.lineage, &record.content)) {
        Some((lineage, Content::SignedIn(signed_in))) => Ok((lineage, signed_in)),
        Some((_, Content::SignedOut(reason))) => Err(Error::LoginRequired { reason: *reason }),
        None => Err(Error::LoginRequired { reason: LoginReason::NotSignedIn }),
    }
}
