//! Login on a device without a browser (RFC 8628): a code to show, and the questions until the user has entered it.
//!
//! It lives in one process and is not stored: a device that is switched off shows a new code. Each question may be the one
//! that is answered with tokens, so all of them run on a task of the engine's own (rule 2), and tokens of a login that was
//! withdrawn meanwhile are revoked (rule 12).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hallpass_protocol::authorize::AuthorizationParameters;
use hallpass_protocol::device::{self, DeviceAuthorization, SLOW_DOWN};
use hallpass_protocol::discovery::ProviderMetadata;
use hallpass_protocol::dpop::Thumbprint;
use hallpass_protocol::error::ErrorCode;
use hallpass_protocol::http::Response;
use hallpass_protocol::token::{self, TokenError, TokenResponse, TokenType};
use tokio::sync::watch;

use super::account::Intent;
use super::login::{Login, Logins, NOT_BOUND, Release, Transaction};
use super::moment::Moment;
use super::state::User;
use super::terms::Terms;
use super::wire::LONGEST_REQUEST;
use super::wire::dpop::Undelivered;
use crate::error::{Error, Result};
use crate::ports::{CodeDisplay, TransportError, UserCode};

/// A server that does not answer is asked more and more rarely (§3.5), and at least this often.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// A device login that waits for its user.
struct Waiting {
    logins: Arc<Logins>,
    metadata: Arc<ProviderMetadata>,
    parameters: AuthorizationParameters,
    dpop_jkt: Option<Thumbprint>,
    authorization: DeviceAuthorization,
    /// By `Clock::elapsed`, which goes on while the device sleeps.
    ends: Duration,
    /// The name of its transaction.
    name: String,
    intent: Intent,
    /// Set once its outcome is known: from then on nothing but a later intent keeps it from signing in.
    is_decided: Arc<AtomicBool>,
}

/// What an answer of the token endpoint says.
enum Answer {
    Tokens(Box<TokenResponse>),
    /// Ask again, with so much more between the questions for good.
    NotYet(Duration),
    /// No answer, or none that says anything: ask again, more rarely, and not before the server wants it.
    Trouble(Error),
    Refused(Error),
}

impl Logins {
    /// Signs the user in with a code that is entered elsewhere.
    ///
    /// # Errors
    /// As documented at `Session::device_login`.
    pub(crate) async fn device_login(self: &Arc<Self>, login: Login, display: &dyn CodeDisplay) -> Result<User> {
        let (waiting, mut over) = self.start_device_login(login).await?;
        let code = UserCode {
            code: waiting.authorization.user_code.clone(),
            verification_uri: waiting.authorization.verification_uri.clone(),
            verification_uri_complete: waiting.authorization.verification_uri_complete.clone(),
            lifetime: waiting.authorization.lifetime,
        };
        let mut release = Release::of(self, &waiting.name);
        let is_decided = Arc::clone(&waiting.is_decided);
        let mut asking = self.runtime.spawn(waiting.finish(over.clone()));
        let mut showing = std::pin::pin!(display.show(code));
        let (mut is_shown, mut is_over) = (false, false);
        loop {
            tokio::select! {
                biased;
                outcome = &mut asking => {
                    release.forget();
                    return outcome.unwrap_or(Err(Error::Internal { reference: "login_task_ended" }));
                }
                _ = over.changed(), if !is_over => {
                    if !is_decided.load(Ordering::SeqCst) {
                        return Err(Error::Cancelled);
                    }
                    is_over = true;
                }
                () = &mut showing, if !is_shown => is_shown = true,
            }
        }
    }

    /// Asks for a code, and takes the place of a login that waits.
    async fn start_device_login(self: &Arc<Self>, login: Login) -> Result<(Waiting, watch::Receiver<()>)> {
        self.open().await?;
        let metadata = self.provider.metadata().await?;
        let parameters = login.over(&self.config);
        let request = device::request(&self.config.client, &metadata, &parameters).ok_or(Error::Misconfigured {
            field: "issuer",
            fix: "this provider has no device authorization endpoint; sign in with a browser",
        })??;
        let dpop_jkt = self.key(&metadata).await?;
        let response = self.wire.send(request).await?;
        let given = self.wire.elapsed();
        let authorization =
            device::parse(&response, self.config.loopback).map_err(|error| self.wire.unusable(&response, error))?;
        let name = self.wire.random_name()?;
        let (transaction, over) = Transaction::new(name.clone());
        let mut present = self.present.lock().await;
        // The latest intent wins: a login that waits for its callback gets none any more.
        self.store.delete(&self.entry).await?;
        let intent = self.account.new_intent();
        *present = Some(transaction);
        drop(present);
        let waiting = Waiting {
            logins: Arc::clone(self),
            metadata,
            parameters,
            dpop_jkt,
            ends: given.saturating_add(authorization.lifetime),
            authorization,
            name,
            intent,
            is_decided: Arc::default(),
        };
        Ok((waiting, over))
    }
}

impl Waiting {
    /// Asks until there are tokens, and signs the user in with them.
    async fn finish(self, mut over: watch::Receiver<()>) -> Result<User> {
        let (tokens, sent) = self.tokens(&mut over).await?;
        if !self.take().await {
            self.logins.revoke_unused(&self.metadata, tokens.refresh_token.as_ref(), None).await;
            return Err(Error::Cancelled);
        }
        let terms = Terms::of_device(&self.parameters, self.dpop_jkt);
        self.logins.install(*tokens, sent, terms, &self.metadata, sent, self.intent).await
    }

    /// The tokens, and when they were asked for.
    async fn tokens(&self, over: &mut watch::Receiver<()>) -> Result<(Box<TokenResponse>, Moment)> {
        let wire = &self.logins.wire;
        let mut interval = self.authorization.interval;
        let mut pause = interval;
        let mut was_lost = false;
        let mut trouble = None;
        loop {
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                _ = over.changed() => return Err(Error::Cancelled),
            }
            if wire.elapsed() >= self.ends {
                self.take().await;
                // The code is over because nobody entered it; or nobody knows, because the server could not be asked.
                return Err(trouble.unwrap_or(Error::Cancelled));
            }
            let sent = wire.now();
            let request = device::token_request(
                &self.logins.config.client,
                &self.metadata,
                &self.authorization.device_code,
                &self.parameters.resource,
            );
            // Not while the login is withdrawn either: the answer may have tokens in it.
            let answered = wire.send_bound(self.dpop_jkt, None, LONGEST_REQUEST, request).await;
            let answer = match answered {
                Ok(response) => self.read(&response, was_lost).await,
                Err(Undelivered::Transport(error @ (TransportError::NoAnswer | TransportError::Unreachable))) => {
                    was_lost |= error == TransportError::NoAnswer;
                    Answer::Trouble(error.into())
                }
                Err(error) => Answer::Refused(error.into()),
            };
            match answer {
                Answer::Tokens(tokens) => return Ok((tokens, sent)),
                Answer::NotYet(more) => {
                    interval = interval.saturating_add(more);
                    pause = interval;
                    trouble = None;
                }
                Answer::Trouble(error) => {
                    let rarer = pause.saturating_mul(2).min(LONGEST_PAUSE).max(interval);
                    let wanted = if let Error::Offline { retry_after, .. } = &error { *retry_after } else { None };
                    pause = wanted.map_or(rarer, |wait| wait.max(rarer));
                    trouble = Some(error);
                }
                Answer::Refused(error) => {
                    self.take().await;
                    return Err(error);
                }
            }
        }
    }

    async fn read(&self, response: &Response, was_lost: bool) -> Answer {
        let wire = &self.logins.wire;
        wire.observe_time(response);
        let error = match token::parse(response, TokenType::bound_to(self.dpop_jkt)) {
            Ok(tokens) => return Answer::Tokens(Box::new(tokens)),
            Err(error) => error,
        };
        if let TokenError::Server(refusal) = &error {
            if refusal.code == ErrorCode::AuthorizationPending {
                return Answer::NotYet(Duration::ZERO);
            }
            if refusal.code == ErrorCode::SlowDown {
                return Answer::NotYet(SLOW_DOWN);
            }
            if refusal.code == ErrorCode::ExpiredToken {
                return Answer::Refused(Error::Cancelled);
            }
            // The code was used up by the request whose answer was lost. The server refuses nothing; another login will do.
            if refusal.code == ErrorCode::InvalidGrant && was_lost {
                return Answer::Refused(TransportError::NoAnswer.into());
            }
        }
        let salvaged = token::salvage(response);
        let error = match error {
            TokenError::NotSenderConstrained => NOT_BOUND,
            error @ (TokenError::Server(_) | TokenError::Malformed(_)) => wire.unusable(response, error),
        };
        if salvaged.is_none() && matches!(error, Error::Offline { .. }) {
            return Answer::Trouble(error);
        }
        self.logins.revoke_unused(&self.metadata, salvaged.as_ref(), None).await;
        Answer::Refused(error)
    }

    /// Ends the waiting; returns whether the login was still the one in progress.
    async fn take(&self) -> bool {
        let mut present = self.logins.present.lock().await;
        let is_present = present.as_ref().is_some_and(|transaction| transaction.is(&self.name));
        if is_present {
            self.is_decided.store(true, Ordering::SeqCst);
            *present = None;
        }
        is_present
    }
}
