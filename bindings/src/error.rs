//! The core's error, as a foreign exception: the same cases, with owned fields.

use std::fmt;

use hallpass_core as core;
use hallpass_core::protocol::challenge::StepUp;

/// Why a verb of a session failed, named by what the app does next. Its text is log-safe: no token, no URL and nothing that a
/// server wrote is in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum HallpassError {
    /// The user closed the browser, the login was cancelled, or it took too long. This is no failure.
    #[error("{}", details.message)]
    Cancelled {
        /// What can be said of any error.
        details: ErrorDetails,
    },
    /// Nobody is signed in, or not any more. Offer a login.
    #[error("{}", details.message)]
    LoginRequired {
        /// What can be said of any error.
        details: ErrorDetails,
        /// Why.
        reason: LoginReason,
    },
    /// An API wants the user to authenticate again before it serves the request (RFC 9470). The session goes on.
    #[error("{}", details.message)]
    StepUpRequired {
        /// What can be said of any error.
        details: ErrorDetails,
        /// The authentication context classes that would do, separated by spaces.
        acr_values: Option<String>,
        /// How long ago the user may have authenticated at most, in seconds.
        max_age_seconds: Option<u64>,
    },
    /// The server cannot be reached, or cannot answer now. The user stays signed in; try again later.
    #[error("{}", details.message)]
    Offline {
        /// What can be said of any error.
        details: ErrorDetails,
        /// What stood in the way.
        cause: OfflineCause,
        /// How long the server, or a run of failures, asks to wait, in milliseconds.
        retry_after_milliseconds: Option<u64>,
    },
    /// The server refused, and said so in OAuth's words, which are the code.
    #[error("{}", details.message)]
    Denied {
        /// What can be said of any error.
        details: ErrorDetails,
        /// The refusal in the server's own words. Not for a log.
        words: ServerWords,
    },
    /// The secure store cannot be used. Nothing was lost.
    #[error("{}", details.message)]
    Storage {
        /// What can be said of any error.
        details: ErrorDetails,
        /// What is the matter with it.
        problem: StorageProblem,
        /// More about it, log-safe, such as a status of the system's; empty when there is no more to say.
        detail: String,
    },
    /// Something that came back is not what it has to be; the code is the check that failed. Nothing of it was used.
    #[error("{}", details.message)]
    Untrusted {
        /// What can be said of any error.
        details: ErrorDetails,
    },
    /// The app's own settings or arguments are wrong; the code is the setting or argument.
    #[error("{}", details.message)]
    Misconfigured {
        /// What can be said of any error.
        details: ErrorDetails,
        /// What to do about it.
        fix: String,
    },
    /// A defect of Hallpass or of a port. Report the code.
    #[error("{}", details.message)]
    Internal {
        /// What can be said of any error.
        details: ErrorDetails,
    },
}

/// What can be said of any error, in the core's words.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct ErrorDetails {
    /// What happened, from a fixed vocabulary in `snake_case`.
    pub code: String,
    /// For people who develop the app, in English.
    pub message: String,
    /// Whether the same call may succeed later without anybody changing anything.
    pub is_retryable: bool,
}

/// A refusal in the server's own words, for a developer. Its text shows none of them.
#[derive(Clone, PartialEq, Eq, uniffi::Record)]
#[uniffi::export(Debug, Display)]
pub struct ServerWords {
    /// The server's error code as it wrote it.
    pub code: Option<String>,
    /// What the server says to a developer.
    pub text: Option<String>,
}

impl fmt::Debug for ServerWords {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[ServerWords]")
    }
}

impl fmt::Display for ServerWords {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, formatter)
    }
}

/// Why a login is required.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum LoginReason {
    /// Nobody has signed in on this device.
    NotSignedIn,
    /// The access token is over and the server gave no refresh token. The user's identity is still known.
    NoRefreshToken,
    /// The server keeps refusing to renew, in other words than `invalid_grant`. The session is kept: a renewal that succeeds
    /// or a login clears it.
    Refused,
    /// The server no longer accepts the refresh token: expired, revoked, or the user was blocked.
    Revoked,
    /// The server no longer accepts the refresh token, after an answer that held the next one was lost.
    AnswerLost,
    /// The secure store's key is gone.
    StorageInvalidated,
    /// The user logged out, here or in another process that shares the account.
    LoggedOut,
}

/// Why there is no usable answer for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum OfflineCause {
    /// No connection: no network, no such host, connection refused.
    Unreachable,
    /// No trusted TLS connection.
    Tls,
    /// Connected, but no whole answer came in time.
    NoAnswer,
    /// The server asked to slow down.
    RateLimited,
    /// The server failed.
    ServerFailed,
    /// An answer that says nothing in this protocol, such as the HTML of a captive portal.
    UnexpectedAnswer,
}

/// What is the matter with the secure store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum StorageProblem {
    /// Locked for now; try again after the device is unlocked.
    Locked,
    /// Its key is gone. What it held was set aside; a login is required.
    Invalidated,
    /// It failed, such as for a full disk. Try again.
    Failed,
}

impl From<core::Error> for HallpassError {
    fn from(error: core::Error) -> Self {
        let details = ErrorDetails {
            code: error.code().to_owned(),
            message: error.to_string(),
            is_retryable: error.is_retryable(),
        };
        match error {
            core::Error::Cancelled => Self::Cancelled { details },
            core::Error::LoginRequired { reason } => Self::LoginRequired { details, reason: reason.into() },
            core::Error::Offline { cause, retry_after } => {
                let milliseconds = |wait: std::time::Duration| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
                Self::Offline { details, cause: cause.into(), retry_after_milliseconds: retry_after.map(milliseconds) }
            }
            core::Error::StepUpRequired { step_up: StepUp { acr_values, max_age } } => {
                Self::StepUpRequired { details, acr_values, max_age_seconds: max_age }
            }
            core::Error::Denied { words, .. } => Self::Denied { details, words: words.into() },
            core::Error::Storage { problem } => {
                Self::Storage { details, problem: problem.into(), detail: detail(problem).to_owned() }
            }
            core::Error::Untrusted { .. } => Self::Untrusted { details },
            core::Error::Misconfigured { fix, .. } => Self::Misconfigured { details, fix: fix.to_owned() },
            core::Error::Internal { .. } => Self::Internal { details },
        }
    }
}

impl From<core::protocol::error::ServerWords> for ServerWords {
    fn from(words: core::protocol::error::ServerWords) -> Self {
        Self { code: words.code().map(str::to_owned), text: words.description().map(str::to_owned) }
    }
}

impl From<core::LoginReason> for LoginReason {
    fn from(reason: core::LoginReason) -> Self {
        match reason {
            core::LoginReason::NotSignedIn => Self::NotSignedIn,
            core::LoginReason::NoRefreshToken => Self::NoRefreshToken,
            core::LoginReason::Refused => Self::Refused,
            core::LoginReason::Revoked => Self::Revoked,
            core::LoginReason::AnswerLost => Self::AnswerLost,
            core::LoginReason::StorageInvalidated => Self::StorageInvalidated,
            core::LoginReason::LoggedOut => Self::LoggedOut,
        }
    }
}

impl From<core::OfflineCause> for OfflineCause {
    fn from(cause: core::OfflineCause) -> Self {
        match cause {
            core::OfflineCause::Unreachable => Self::Unreachable,
            core::OfflineCause::Tls => Self::Tls,
            core::OfflineCause::NoAnswer => Self::NoAnswer,
            core::OfflineCause::RateLimited => Self::RateLimited,
            core::OfflineCause::ServerFailed => Self::ServerFailed,
            core::OfflineCause::UnexpectedAnswer => Self::UnexpectedAnswer,
        }
    }
}

fn detail(problem: core::StorageProblem) -> &'static str {
    match problem {
        core::StorageProblem::Locked | core::StorageProblem::Invalidated => "",
        core::StorageProblem::Failed(detail) => detail,
    }
}

impl From<core::StorageProblem> for StorageProblem {
    fn from(problem: core::StorageProblem) -> Self {
        match problem {
            core::StorageProblem::Locked => Self::Locked,
            core::StorageProblem::Invalidated => Self::Invalidated,
            core::StorageProblem::Failed(_) => Self::Failed,
        }
    }
}
