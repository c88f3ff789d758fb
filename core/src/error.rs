//! The public error, named by what the app does next.
//!
//! Every layer below has its own error; the conversions at the end of this file are the only place where they meet this
//! one. Each error has a `kind` (what to do), a `code` from a fixed vocabulary (what happened) and says whether trying
//! again can help. None of them carries a token, a URL or text from a server, so each can be logged as it is.

use std::time::Duration;

use hallpass_protocol::callback::CallbackError;
use hallpass_protocol::challenge::StepUp;
use hallpass_protocol::client::ConfigError;
use hallpass_protocol::device::DeviceError;
use hallpass_protocol::discovery::DiscoveryError;
use hallpass_protocol::error::{ErrorCode, ServerError, ServerWords};
use hallpass_protocol::id_token::IdTokenError;
use hallpass_protocol::jwk::JwkError;
use hallpass_protocol::par::ParError;
use hallpass_protocol::token::TokenError;
use hallpass_protocol::userinfo::UserInfoError;

use crate::ports::{BrowserError, RandomUnavailable, SignerError, StoreError, TransportError};

/// The result of every verb of a session.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a verb of a session failed, named by what the app does next.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The user closed the browser or pressed *Cancel*, `cancel_login` was called, a second login took this one's
    /// place, or it took too long. Show the sign-in button again; this is no failure.
    #[error("the login was cancelled")]
    Cancelled,
    /// No one is signed in, or not any more. Offer `login`.
    #[error("a login is required: {reason}")]
    LoginRequired {
        /// Why; only some of these mean that a session ended just now.
        reason: LoginReason,
    },
    /// An API wants the user to authenticate again, or in a stronger way, before it serves this request (RFC 9470). The session
    /// goes on. Log in with [`Login::from`](crate::Login) these terms, then send the request again.
    #[error("an API wants the user to authenticate again")]
    StepUpRequired {
        /// What the API asks for.
        step_up: StepUp,
    },
    /// The server cannot be reached, or cannot answer now. The user stays signed in; try again later.
    #[error("no usable answer for now: {cause}")]
    Offline {
        /// What stood in the way.
        cause: OfflineCause,
        /// When the server, or a run of failures, asks to wait: how long. Earlier calls fail with this error and send
        /// nothing.
        retry_after: Option<Duration>,
    },
    /// The server refused, and said so in OAuth's words. Show a message; trying the same again will not help.
    #[error("the server refused: {}", code.as_str())]
    Denied {
        /// The server's error code, from a fixed vocabulary.
        code: ErrorCode,
        /// The refusal in the server's own words, for a developer. Not in this error's text, and not for a log.
        words: ServerWords,
    },
    /// The secure store, or the key that signs proofs, cannot be used. Nothing was lost: what could not be saved is kept and
    /// saved again.
    #[error("the secure store cannot be used: {problem}")]
    Storage {
        /// What is the matter with it.
        problem: StorageProblem,
    },
    /// Something that came back is not what it has to be, as after an attack or a server's mistake. Nothing of it was
    /// used. Report it; do not ignore it.
    #[error("an answer could not be trusted: {check}")]
    Untrusted {
        /// The check that failed, from a fixed vocabulary.
        check: &'static str,
    },
    /// The app's own settings or arguments are wrong. Fix the code or the property file.
    #[error("`{field}` is misconfigured: {fix}")]
    Misconfigured {
        /// The setting or argument.
        field: &'static str,
        /// What to do about it.
        fix: &'static str,
    },
    /// A defect of Hallpass or of a port. Report the reference.
    #[error("internal error ({reference})")]
    Internal {
        /// Where in the code it happened.
        reference: &'static str,
    },
}

/// Why a login is required.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoginReason {
    /// No one has signed in on this device.
    #[error("no one is signed in")]
    NotSignedIn,
    /// The access token has expired and the server gave no refresh token (`offline_access` was not asked for or not
    /// allowed). The user's identity is still known.
    #[error("no refresh token found")]
    NoRefreshToken,
    /// The server keeps refusing to renew the login's token, in other words than `invalid_grant` (RFC 6749 §5.2): the same
    /// refusal after seconds and after minutes. The record and its refresh token stay, so this ends no session: a renewal
    /// that succeeds or a login clears it.
    #[error("the server keeps refusing to renew the session")]
    Refused,
    /// The server no longer accepts the refresh token: expired, revoked, or the user was blocked.
    #[error("the server ended the session")]
    Revoked,
    /// The server no longer accepts the refresh token, after the response to an earlier renewal was lost or the app died
    /// before it could be saved: the token that replaced it never arrived.
    #[error("the response with the next refresh token was lost")]
    AnswerLost,
    /// The secure store's key is gone (a restored backup, a removed screen lock), or the key that the tokens are bound to.
    #[error("the secure store was invalidated")]
    StorageInvalidated,
    /// The user logged out, here or in another process that shares the account.
    #[error("the user logged out")]
    LoggedOut,
}

/// Why there is no usable answer for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum OfflineCause {
    /// No connection: no network, no such host, connection refused.
    #[error("the server could not be reached")]
    Unreachable,
    /// No trusted TLS connection; captive portals and intercepting proxies do this.
    #[error("no trusted connection could be made")]
    Tls,
    /// Connected, but no whole answer came in time.
    #[error("the server did not answer")]
    NoAnswer,
    /// The server asked to slow down (429).
    #[error("too many requests")]
    RateLimited,
    /// The server failed (5xx).
    #[error("the server failed")]
    ServerFailed,
    /// An answer that says nothing in this protocol: HTML of a captive portal, an error without a known code.
    #[error("the answer was not understood")]
    UnexpectedAnswer,
}

/// What is the matter with the secure store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum StorageProblem {
    /// Locked for now; try again after the device is unlocked.
    #[error("locked")]
    Locked,
    /// Its key is gone. What it held was set aside; a login is required.
    #[error("invalidated")]
    Invalidated,
    /// It failed, such as for a full disk. Try again.
    #[error("failed: {0}")]
    Failed(&'static str),
}

impl Error {
    /// The name of the variant: `Cancelled`, `LoginRequired`, `StepUpRequired`, `Offline`, `Denied`, `Storage`, `Untrusted`,
    /// `Misconfigured` or `Internal`.
    pub fn kind(&self) -> &'static str {
        match self {
            Error::Cancelled => "Cancelled",
            Error::LoginRequired { .. } => "LoginRequired",
            Error::StepUpRequired { .. } => "StepUpRequired",
            Error::Offline { .. } => "Offline",
            Error::Denied { .. } => "Denied",
            Error::Storage { .. } => "Storage",
            Error::Untrusted { .. } => "Untrusted",
            Error::Misconfigured { .. } => "Misconfigured",
            Error::Internal { .. } => "Internal",
        }
    }

    /// What happened, from a fixed vocabulary in `snake_case`.
    pub fn code(&self) -> &'static str {
        match self {
            Error::Cancelled => "cancelled",
            Error::LoginRequired { reason } => reason.code(),
            Error::StepUpRequired { .. } => "insufficient_user_authentication",
            Error::Offline { cause, .. } => cause.code(),
            Error::Denied { code, .. } => code.as_str(),
            Error::Storage { problem } => problem.code(),
            Error::Untrusted { check } => check,
            Error::Misconfigured { field, .. } => field,
            Error::Internal { reference } => reference,
        }
    }

    /// Whether the same call may succeed later without a change by anyone.
    pub fn is_retryable(&self) -> bool {
        match self {
            Error::Offline { .. } => true,
            Error::Storage { problem } => !matches!(problem, StorageProblem::Invalidated),
            Error::Cancelled
            | Error::LoginRequired { .. }
            | Error::StepUpRequired { .. }
            | Error::Denied { .. }
            | Error::Untrusted { .. }
            | Error::Misconfigured { .. }
            | Error::Internal { .. } => false,
        }
    }
}

impl Error {
    /// The same misconfiguration under the name that the app knows it by.
    pub(crate) fn about(self, field: &'static str) -> Self {
        if let Error::Misconfigured { fix, .. } = self { Error::Misconfigured { field, fix } } else { self }
    }
}

impl LoginReason {
    /// The reason in `snake_case`.
    pub fn code(&self) -> &'static str {
        match self {
            LoginReason::NotSignedIn => "not_signed_in",
            LoginReason::NoRefreshToken => "no_refresh_token",
            LoginReason::Refused => "refused",
            LoginReason::Revoked => "revoked",
            LoginReason::AnswerLost => "answer_lost",
            LoginReason::StorageInvalidated => "storage_invalidated",
            LoginReason::LoggedOut => "logged_out",
        }
    }
}

impl OfflineCause {
    /// The cause in `snake_case`.
    pub fn code(&self) -> &'static str {
        match self {
            OfflineCause::Unreachable => "unreachable",
            OfflineCause::Tls => "tls",
            OfflineCause::NoAnswer => "no_answer",
            OfflineCause::RateLimited => "rate_limited",
            OfflineCause::ServerFailed => "server_failed",
            OfflineCause::UnexpectedAnswer => "unexpected_answer",
        }
    }
}

impl StorageProblem {
    /// The problem in `snake_case`.
    pub fn code(&self) -> &'static str {
        match self {
            StorageProblem::Locked => "storage_locked",
            StorageProblem::Invalidated => "storage_invalidated",
            StorageProblem::Failed(_) => "storage_failed",
        }
    }
}

// Below: how the layers' own errors become this one. Exhaustive on purpose: a new case has to be placed here.

impl From<TransportError> for Error {
    fn from(error: TransportError) -> Self {
        let offline = |cause| Error::Offline { cause, retry_after: None };
        match error {
            TransportError::Unreachable => offline(OfflineCause::Unreachable),
            TransportError::Tls => offline(OfflineCause::Tls),
            TransportError::NoAnswer => offline(OfflineCause::NoAnswer),
            TransportError::TooLarge { .. } => Error::Untrusted { check: "response_too_large" },
            TransportError::InvalidRequest => Error::Misconfigured {
                field: "request",
                fix: "a header or the URL holds a character that HTTP forbids",
            },
        }
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        let problem = match error {
            StoreError::Locked => StorageProblem::Locked,
            StoreError::Invalidated => StorageProblem::Invalidated,
            StoreError::Failed(why) => StorageProblem::Failed(why),
        };
        Error::Storage { problem }
    }
}

impl From<SignerError> for Error {
    fn from(error: SignerError) -> Self {
        let problem = match error {
            SignerError::Locked => StorageProblem::Locked,
            SignerError::Invalidated => StorageProblem::Invalidated,
            SignerError::Failed(why) => StorageProblem::Failed(why),
        };
        Error::Storage { problem }
    }
}

impl From<BrowserError> for Error {
    fn from(error: BrowserError) -> Self {
        match error {
            BrowserError::Cancelled => Error::Cancelled,
            BrowserError::Failed(fix) => Error::Misconfigured { field: "browser", fix },
            BrowserError::RedirectUri(fix) => Error::Misconfigured { field: "redirect_uri", fix },
        }
    }
}

impl From<RandomUnavailable> for Error {
    fn from(RandomUnavailable: RandomUnavailable) -> Self {
        Error::Internal { reference: "no_randomness" }
    }
}

impl From<ConfigError> for Error {
    fn from(error: ConfigError) -> Self {
        Error::Misconfigured { field: error.field(), fix: error.fix() }
    }
}

impl From<DiscoveryError> for Error {
    fn from(error: DiscoveryError) -> Self {
        match error {
            DiscoveryError::Status { .. } => Error::Misconfigured {
                field: "issuer",
                fix: "there is no metadata below it; check for a wrong host, path or trailing slash",
            },
            DiscoveryError::IssuerMismatch => Error::Untrusted { check: error.code() },
            DiscoveryError::Malformed
            | DiscoveryError::Missing { .. }
            | DiscoveryError::Insecure { .. }
            | DiscoveryError::Unsupported { .. } => Error::Untrusted { check: error.code() },
        }
    }
}

impl From<CallbackError> for Error {
    fn from(error: CallbackError) -> Self {
        match error {
            CallbackError::Server(refusal) => refusal.into(),
            CallbackError::Expired => Error::Cancelled,
            CallbackError::NotARedirect
            | CallbackError::TooLarge
            | CallbackError::Malformed
            | CallbackError::Duplicate { .. }
            | CallbackError::RedirectMismatch
            | CallbackError::StateMissing
            | CallbackError::StateMismatch
            | CallbackError::IssuerMissing
            | CallbackError::IssuerMismatch
            | CallbackError::CodeMissing => Error::Untrusted { check: error.code() },
        }
    }
}

impl From<ServerError> for Error {
    fn from(error: ServerError) -> Self {
        let offline = |cause| Error::Offline { cause, retry_after: None };
        if matches!(error.code, ErrorCode::ServerError | ErrorCode::TemporarilyUnavailable) {
            offline(OfflineCause::ServerFailed)
        } else if matches!(error.code, ErrorCode::SlowDown | ErrorCode::TooManyRequests) {
            offline(OfflineCause::RateLimited)
        } else {
            Error::Denied { code: error.code, words: error.words }
        }
    }
}

impl From<DeviceError> for Error {
    fn from(error: DeviceError) -> Self {
        match error {
            DeviceError::Server(refusal) => refusal.into(),
            DeviceError::Malformed(_) => Error::Untrusted { check: error.code() },
        }
    }
}

impl From<ParError> for Error {
    fn from(error: ParError) -> Self {
        match error {
            ParError::Server(refusal) => refusal.into(),
            ParError::RequestUri => Error::Untrusted { check: error.code() },
        }
    }
}

impl From<TokenError> for Error {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Server(refusal) => refusal.into(),
            TokenError::Malformed(_) | TokenError::NotSenderConstrained => Error::Untrusted { check: error.code() },
        }
    }
}

impl From<IdTokenError> for Error {
    fn from(error: IdTokenError) -> Self {
        Error::Untrusted { check: error.code() }
    }
}

impl From<JwkError> for Error {
    fn from(error: JwkError) -> Self {
        Error::Untrusted { check: error.code() }
    }
}

impl From<UserInfoError> for Error {
    fn from(error: UserInfoError) -> Self {
        match error {
            UserInfoError::Server(refusal) => refusal.into(),
            UserInfoError::Unauthorized | UserInfoError::Signed | UserInfoError::Malformed | UserInfoError::Subject => {
                Error::Untrusted { check: error.code() }
            }
        }
    }
}
