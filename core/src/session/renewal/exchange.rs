//! One exchange: a refresh token is sent, and sent again when no usable answer comes (rules 4, 6 and 8).
//!
//! What an answer means is decided here, and nothing is done about it: see `outcome.rs`.

use std::sync::Arc;
use std::time::Duration;

use hallpass_protocol::discovery::ProviderMetadata;
use hallpass_protocol::dpop::Thumbprint;
use hallpass_protocol::error::{ErrorCode, ServerError, ServerWords};
use hallpass_protocol::http::{Request, Response};
use hallpass_protocol::id_token::Claims;
use hallpass_protocol::secret::RefreshToken;
use hallpass_protocol::token::{self, TokenError, TokenResponse, TokenType};

use super::super::account::Account;
use super::super::moment::Moment;
use super::super::record::GrantKey;
use super::super::wire::dpop::Undelivered;
use super::super::wire::{LONGEST_REQUEST, Wire, is_json};
use super::backoff::Backoff;
use super::lease;
use super::pace::Pace;
use crate::config::Config;
use crate::error::{Error, OfflineCause};
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
    /// The APIs that the token is for (RFC 8707).
    pub(super) resources: Vec<String>,
}

impl Prepared {
    /// From when on the record has to be looked at again before the token is sent, by `Clock::elapsed`.
    fn send_before(&self) -> Duration {
        self.looked.saturating_add(lease::LEASE_TIMEOUT)
    }
}

/// What became of it.
pub(super) enum Exchanged {
    Tokens(Box<Answer>),
    /// An answer that cannot be used, but for the refresh token in it: the only one that works from now on.
    Salvaged {
        token: RefreshToken,
        arrived: Moment,
        error: Error,
    },
    /// `invalid_grant`.
    InvalidGrant(InvalidGrant),
    /// A refusal that is no verdict on the refresh token.
    Refused(Refused),
    /// No tokens. `lost_since` tells from when on an answer has been missing, by `Clock::elapsed`, if one is: the server
    /// may have acted.
    NoTokens {
        error: Error,
        lost_since: Option<Duration>,
    },
    /// No tokens: there is no token endpoint where the metadata says.
    EndpointGone {
        error: Error,
        lost_since: Option<Duration>,
    },
    /// Nothing was sent, or not again: it is so long since the record was looked at that it has to be looked at once more.
    OutOfDate,
    /// Nothing was sent: the key that the token is bound to is gone.
    KeyGone(Thumbprint),
}

/// The server no longer accepts the refresh token.
pub(super) struct InvalidGrant {
    /// Whether the outcome of an earlier use was unknown by then.
    pub(super) in_doubt: bool,
    /// Whether the server says that the token was used before, which asking again cannot help.
    pub(super) is_reuse: bool,
    pub(super) words: ServerWords,
}

/// The server refuses in other words.
pub(super) struct Refused {
    pub(super) error: Error,
    pub(super) retry_after: Option<Duration>,
    /// The code, where a refusal that stays the same is a reason to ask for a login.
    pub(super) lasting: Option<ErrorCode>,
}

/// Tokens, and when they came.
pub(super) struct Answer {
    pub(super) tokens: TokenResponse,
    /// Before the server made them, so that a lifetime counted from here is over in time however long the answer took.
    pub(super) sent: Moment,
    pub(super) arrived: Moment,
}

/// Who sends a renewal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sender {
    /// A caller, or a start that finds a renewal interrupted: two tries, the first of which waits as long as it takes.
    Caller,
    /// The engine itself, which asks for a lost response once more: one short try.
    Engine,
}

/// Sends renewals.
pub(super) struct Exchange {
    pub(super) config: Arc<Config>,
    pub(super) account: Arc<Account>,
    pub(super) wire: Arc<Wire>,
    pub(super) backoff: Arc<Backoff>,
    pub(super) pace: Pace,
}

impl Exchange {
    /// Sends the renewal and, for a caller, the same once more when no usable answer comes.
    pub(super) async fn send(&self, key: &GrantKey, prepared: &Prepared, sender: Sender) -> Exchanged {
        let mut in_doubt = prepared.in_doubt;
        let mut lost_since = None;
        let mut attempts = 0;
        loop {
            if self.wire.elapsed() >= prepared.send_before() {
                // Another process may have used the token since: the device or this process has slept, for longer than
                // anybody waits for the lease (rule 5).
                self.settle(prepared, !in_doubt).await;
                return Exchanged::OutOfDate;
            }
            attempts += 1;
            let is_first = sender == Sender::Caller && attempts == 1;
            let limit = if is_first { LONGEST_REQUEST } else { self.pace.limit() };
            let exchanged = match self.attempt(key, prepared, limit, sender).await {
                Attempted::Tokens(answer) => Exchanged::Tokens(answer),
                Attempted::Salvaged { token, arrived, error } => Exchanged::Salvaged { token, arrived, error },
                Attempted::InvalidGrant { is_reuse, words } => {
                    Exchanged::InvalidGrant(InvalidGrant { in_doubt, is_reuse, words })
                }
                Attempted::Refused(refused) => Exchanged::Refused(refused),
                Attempted::KeyGone(key) => Exchanged::KeyGone(key),
                Attempted::OutOfDate => Exchanged::OutOfDate,
                Attempted::EndpointGone(error) => Exchanged::EndpointGone { error, lost_since },
                Attempted::Unused(error) => Exchanged::NoTokens { error, lost_since },
                Attempted::Lost { error, retry_after } => {
                    in_doubt = true;
                    lost_since = lost_since.or_else(|| Some(self.wire.elapsed()));
                    if retry_after.is_some() || attempts == 2 || sender == Sender::Engine {
                        Exchanged::NoTokens { error, lost_since }
                    } else {
                        match self.pause(prepared).await {
                            Pause::Over => continue,
                            Pause::Told => Exchanged::NoTokens { error, lost_since },
                            Pause::Replaced => Exchanged::OutOfDate,
                        }
                    }
                }
            };
            // With tokens the server has acted: until they are saved, this token is one that may be spent. Else what is
            // known is remembered, in case the store cannot be asked now and a later call concludes.
            let has_acted = matches!(exchanged, Exchanged::Tokens(_) | Exchanged::Salvaged { .. });
            self.settle(prepared, !in_doubt && !has_acted).await;
            return exchanged;
        }
    }

    /// Whether the session that is renewed is still there, as far as this process knows.
    async fn is_current(&self, prepared: &Prepared) -> bool {
        self.account.lock().await.signed_in().is_ok_and(|(lineage, _)| lineage == prepared.lineage)
    }

    /// Waits a moment before the same is sent again. Returns whether it may be.
    async fn pause(&self, prepared: &Prepared) -> Pause {
        tokio::time::sleep(Duration::from_millis(100 + 2 * u64::from(self.wire.jitter()))).await;
        if !self.is_current(prepared).await {
            return Pause::Replaced;
        }
        // Last, as the record may be locked for as long as a slow store takes.
        if self.backoff.told(self.wire.elapsed()).is_some() { Pause::Told } else { Pause::Over }
    }

    /// Remembers, in memory, whether the server may have used the token up.
    async fn settle(&self, prepared: &Prepared, settled: bool) {
        self.account.lock().await.settle(&prepared.lineage, prepared.token.fingerprint(), settled);
    }

    /// Sends one request and reads what came back.
    async fn attempt(&self, key: &GrantKey, prepared: &Prepared, limit: Duration, sender: Sender) -> Attempted {
        let sent = self.wire.now();
        let request = self.request(key, prepared);
        let send_before = Some(prepared.send_before());
        let response = match self.wire.send_bound(prepared.bound_to, send_before, limit, request).await {
            Ok(response) => response,
            Err(Undelivered::KeyGone(key)) => return Attempted::KeyGone(key),
            Err(Undelivered::KeyUnusable(error)) => return Attempted::Unused(error),
            Err(Undelivered::TooLate) => return Attempted::OutOfDate,
            Err(Undelivered::Transport(TransportError::NoAnswer | TransportError::TooLarge { .. })) => {
                let error = self.failed(OfflineCause::NoAnswer, None, sender);
                return Attempted::Lost { error, retry_after: None };
            }
            // Nothing reached the server, so nothing has to be spared.
            Err(Undelivered::Transport(
                error @ (TransportError::Unreachable | TransportError::Tls | TransportError::InvalidRequest),
            )) => return Attempted::Unused(error.into()),
        };
        self.wire.observe_time(&response);
        if let Some(took) = sent.age(self.wire.now()) {
            self.pace.answered_after(took);
        }
        match token::parse(&response, TokenType::bound_to(prepared.bound_to)) {
            Ok(tokens) => {
                self.backoff.succeed(key);
                Attempted::Tokens(Box::new(Answer { tokens, sent, arrived: self.wire.now() }))
            }
            Err(TokenError::Server(refusal)) => {
                self.account.history().refused(&response, &refusal, self.wire.device_now());
                self.refused(&response, &refusal, sender)
            }
            Err(error @ (TokenError::Malformed(_) | TokenError::NotSenderConstrained)) => {
                self.unusable(&response, error, sender)
            }
        }
    }

    fn request(&self, key: &GrantKey, prepared: &Prepared) -> Request {
        token::refresh_request(
            &self.config.client,
            &prepared.metadata,
            &prepared.token,
            key.scope.as_ref(),
            key.audience.as_deref(),
            &prepared.resources,
        )
    }

    /// What an answer without tokens says.
    fn refused(&self, response: &Response, refusal: &ServerError, sender: Sender) -> Attempted {
        let retry_after = self.wire.retry_after(response);
        let failed = |cause| self.failed(cause, retry_after, sender);
        let error = Error::from(refusal.clone());
        match response.status {
            429 => Attempted::Unused(failed(OfflineCause::RateLimited)),
            // The server, or a gateway before it, may have failed before or after the token was replaced.
            408 => Attempted::Lost { error: failed(OfflineCause::NoAnswer), retry_after },
            500.. => Attempted::Lost { error: failed(OfflineCause::ServerFailed), retry_after },
            _ if refusal.is_invalid_grant() => {
                Attempted::InvalidGrant { is_reuse: refusal.is_reuse(), words: refusal.words.clone() }
            }
            // Never followed (rule 15). It is the server's address that is wrong, and not the network.
            300..400 => {
                let error = Error::Untrusted { check: "token_endpoint_redirect" };
                Attempted::Refused(Refused { error, retry_after, lasting: None })
            }
            _ => {
                if let Error::Offline { cause, .. } = error {
                    Attempted::Unused(failed(cause))
                } else if is_refusal(response, refusal) {
                    let lasting = may_last(response.status, refusal.code).then_some(refusal.code);
                    Attempted::Refused(Refused { error, retry_after, lasting })
                } else if matches!(response.status, 404 | 410) {
                    Attempted::EndpointGone(failed(OfflineCause::UnexpectedAnswer))
                } else {
                    Attempted::Unused(failed(OfflineCause::UnexpectedAnswer))
                }
            }
        }
    }

    /// What a success says that cannot be used. The refresh token in it may be the only one that works from now on.
    fn unusable(&self, response: &Response, error: TokenError, sender: Sender) -> Attempted {
        if let Some(token) = token::salvage(response) {
            return Attempted::Salvaged { token, arrived: self.wire.now(), error: error.into() };
        }
        let retry_after = self.wire.retry_after(response);
        let waiting = self.failed(OfflineCause::UnexpectedAnswer, retry_after, sender);
        Attempted::Lost { error: if is_json(&response.body) { error.into() } else { waiting }, retry_after }
    }

    /// The error for `cause`, with how long to wait.
    fn failed(&self, cause: OfflineCause, retry_after: Option<Duration>, sender: Sender) -> Error {
        let elapsed = self.wire.elapsed();
        match (sender, retry_after) {
            // Nobody asked for it, so it makes nobody wait longer.
            (Sender::Engine, None) => self.backoff.offline(elapsed, cause),
            (Sender::Caller | Sender::Engine, _) => self.backoff.fail(elapsed, cause, retry_after, self.wire.jitter()),
        }
    }
}

/// What one request came to.
enum Attempted {
    Tokens(Box<Answer>),
    Salvaged {
        token: RefreshToken,
        arrived: Moment,
        error: Error,
    },
    InvalidGrant {
        is_reuse: bool,
        words: ServerWords,
    },
    Refused(Refused),
    KeyGone(Thumbprint),
    OutOfDate,
    EndpointGone(Error),
    /// No tokens, and the refresh token is certainly unused.
    Unused(Error),
    /// A lost response: no usable answer, and nobody knows whether the refresh token was used.
    Lost {
        error: Error,
        retry_after: Option<Duration>,
    },
}

/// What came of the pause before the same is sent again.
enum Pause {
    Over,
    /// Another audience's renewal was told to wait meanwhile.
    Told,
    /// Another session is in the place of the one that is renewed, or none.
    Replaced,
}

/// Whether it is one of the specifications' codes, which no gateway or portal uses.
fn is_standard(refusal: &ServerError) -> bool {
    !matches!(refusal.code, ErrorCode::Unrecognised | ErrorCode::Absent)
}

/// Whether the server speaks, rather than a gateway or a portal before it: in a standard code, or with a status of token
/// endpoints in an object of its own or in none at all (RFC 6749 §5.2 asks for 400 or 401).
fn is_refusal(response: &Response, refusal: &ServerError) -> bool {
    let own_words = matches!(response.status, 200..300 | 400 | 401) && refusal.is_structured();
    let no_words = matches!(response.status, 400 | 401) && (response.body.is_empty() || is_json(&response.body));
    is_standard(refusal) || own_words || no_words
}

/// Whether a refusal with this code that stays the same leaves the user no other step than a login. One of the scope or
/// the audience asked for is not about the session, and one of a proof is about the clock or the key.
fn may_last(status: u16, code: ErrorCode) -> bool {
    let is_about_the_session = !matches!(
        code,
        ErrorCode::InvalidScope | ErrorCode::InvalidTarget | ErrorCode::UseDpopNonce | ErrorCode::InvalidDpopProof
    );
    is_about_the_session && matches!(status, 200..300 | 400 | 401 | 403)
}
