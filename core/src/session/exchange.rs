//! One exchange: a refresh token is sent, and sent again when no usable answer comes (rules 4, 6 and 8).

use std::sync::Arc;
use std::time::Duration;

use hallpass_protocol::discovery::ProviderMetadata;
use hallpass_protocol::dpop::Thumbprint;
use hallpass_protocol::error::{ErrorCode, ServerError};
use hallpass_protocol::http::Request;
use hallpass_protocol::id_token::Claims;
use hallpass_protocol::secret::RefreshToken;
use hallpass_protocol::token::{self, TokenError, TokenResponse};

use super::answer::is_json;
use super::engine::{Engine, LONGEST_REQUEST};
use super::lease;
use super::moment::Moment;
use super::patience;
use super::proof::{Undelivered, token_type};
use super::record::GrantKey;
use crate::error::{Error, OfflineCause, Result};
use crate::ports::TransportError;

/// A renewal about to be sent.
pub(super) struct Prepared {
    pub(super) lineage: String,
    pub(super) token: RefreshToken,
    pub(super) generation: u64,
    /// Whether the token is not known to be reusable.
    pub(super) one_time: bool,
    /// When the record was looked at, by `Clock::elapsed`.
    pub(super) looked: Duration,
    /// Whether an earlier renewal with this token may have been acted on without an answer arriving (rule 4).
    pub(super) in_doubt: bool,
    pub(super) identity: Claims,
    pub(super) metadata: Arc<ProviderMetadata>,
    /// The key that the token is bound to, if it is.
    pub(super) bound_to: Option<Thumbprint>,
}

impl Prepared {
    /// From when on the record has to be looked at again before the token is sent, by `Clock::elapsed`.
    fn send_before(&self) -> Duration {
        self.looked.saturating_add(lease::PATIENCE)
    }
}

/// What the server made of it.
pub(super) enum Exchanged {
    Tokens(Box<Answer>),
    /// `invalid_grant`, and whether the token was in doubt by then.
    InvalidGrant {
        in_doubt: bool,
    },
    /// Nothing was sent, or not again: it is so long since the record was looked at that it has to be looked at once more.
    OutOfDate,
    /// Nothing, for it was not asked: the key that the token is bound to is gone.
    KeyGone(Thumbprint),
}

/// Tokens, and when they came.
pub(super) struct Answer {
    pub(super) tokens: TokenResponse,
    /// Before the server made them, so that a lifetime counted from here is over in time however long the answer took.
    pub(super) sent: Moment,
    pub(super) arrived: Moment,
}

/// On whose behalf a renewal is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sender {
    /// A caller, or a start that finds a renewal interrupted: two tries, the first of which waits as long as it takes.
    Caller,
    /// The engine itself, which asks for a lost answer once more: one short try.
    Engine,
}

impl Engine {
    /// Sends the renewal and, for a caller, the same once more when no usable answer comes.
    ///
    /// # Errors
    /// Whatever is not a word about this refresh token; the session goes on (rule 6).
    pub(super) async fn exchange(
        self: &Arc<Self>,
        key: &GrantKey,
        prepared: &Prepared,
        sender: Sender,
    ) -> Result<Exchanged> {
        let mut in_doubt = prepared.in_doubt;
        let mut first_loss = None;
        let mut attempts = 0;
        let error = loop {
            if self.is_out_of_date(prepared) {
                self.settle(prepared, !in_doubt).await;
                return Ok(Exchanged::OutOfDate);
            }
            attempts += 1;
            let request = token::refresh_request(
                &self.config.client,
                &prepared.metadata,
                &prepared.token,
                key.scope.as_ref(),
                key.audience.as_deref(),
            );
            let is_patient = sender == Sender::Caller && attempts == 1;
            let limit = if is_patient { LONGEST_REQUEST } else { self.doubt.patience() };
            let error = match self.attempt(request, prepared, limit, sender).await {
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
                Attempted::KeyGone(key) => {
                    self.settle(prepared, !in_doubt).await;
                    return Ok(Exchanged::KeyGone(key));
                }
                Attempted::OutOfDate => {
                    self.settle(prepared, !in_doubt).await;
                    return Ok(Exchanged::OutOfDate);
                }
                Attempted::Unused(error) => break error,
                Attempted::Unanswered { error, told } => {
                    in_doubt = true;
                    first_loss = first_loss.or_else(|| Some(self.clock.elapsed()));
                    if told.is_some() || attempts == 2 || sender == Sender::Engine {
                        break error;
                    }
                    error
                }
            };
            tokio::time::sleep(Duration::from_millis(100 + 2 * u64::from(self.jitter()))).await;
            // Another audience's renewal may have been told so meanwhile.
            if self.patience.told(self.clock.elapsed()).is_some() {
                break error;
            }
        };
        self.settle(prepared, !in_doubt).await;
        if let Some(first_loss) = first_loss.filter(|_| prepared.one_time) {
            self.ask_again(key, prepared.token.fingerprint(), first_loss);
        }
        Err(error)
    }

    /// Whether another process may have used the token since: the device or this process has slept, for longer than
    /// anybody waits for the lease (rule 5).
    fn is_out_of_date(&self, prepared: &Prepared) -> bool {
        self.clock.elapsed() >= prepared.send_before()
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

    /// Sends one request and reads what came back.
    async fn attempt(&self, request: Request, prepared: &Prepared, limit: Duration, sender: Sender) -> Attempted {
        let sent = self.now();
        let fail = |cause, told: Option<Duration>| match (sender, told) {
            // Nobody asked for it, so it makes nobody wait longer.
            (Sender::Engine, None) => self.patience.offline(self.clock.elapsed(), cause),
            (Sender::Caller | Sender::Engine, _) => {
                self.patience.fail(self.clock.elapsed(), cause, told, self.jitter())
            }
        };
        let response =
            match self.transmit_bound(prepared.bound_to, None, Some(prepared.send_before()), limit, request).await {
                Ok(response) => response,
                Err(Undelivered::KeyGone(key)) => return Attempted::KeyGone(key),
                Err(Undelivered::KeyUnusable(error)) => return Attempted::Unused(error),
                Err(Undelivered::TooLate) => return Attempted::OutOfDate,
                Err(Undelivered::Transport(TransportError::NoAnswer | TransportError::TooLarge { .. })) => {
                    return Attempted::Unanswered { error: fail(OfflineCause::NoAnswer, None), told: None };
                }
                // Nothing reached the server, so nothing has to be spared.
                Err(Undelivered::Transport(
                    error @ (TransportError::Unreachable | TransportError::Tls | TransportError::InvalidRequest),
                )) => return Attempted::Unused(error.into()),
            };
        self.observe_time(&response);
        if let Some(took) = sent.age(self.now()) {
            self.doubt.answered_after(took);
        }
        let told = patience::told(&response, self.server_now());
        match (token::parse(&response, token_type(prepared.bound_to)), response.status) {
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
            (Err(error @ (TokenError::Malformed(_) | TokenError::NotSenderConstrained)), _) => {
                let waiting = fail(OfflineCause::UnexpectedAnswer, told);
                Attempted::Unanswered { error: if is_json(&response.body) { error.into() } else { waiting }, told }
            }
        }
    }
}

/// What one request came to.
enum Attempted {
    Tokens(Box<Answer>),
    InvalidGrant,
    /// Nothing was sent: the key that the token is bound to is gone.
    KeyGone(Thumbprint),
    /// As for the exchange.
    OutOfDate,
    /// No tokens, and the refresh token is certainly unused.
    Unused(Error),
    /// No usable answer, and nobody knows whether the refresh token was used; `told` is how long the server asks to wait.
    Unanswered {
        error: Error,
        told: Option<Duration>,
    },
}

/// Whether the server said something in OAuth's words, rather than an error of a gateway or a portal.
fn is_word(error: &ServerError) -> bool {
    !matches!(error.code, ErrorCode::Unrecognised | ErrorCode::Absent)
}
