//! The foreign side's own view of a session: what is pushed to it, so that it need not ask.

use std::sync::Arc;

use hallpass_core as core;

use crate::credentials::Credentials;
use crate::error::{LoginReason, StorageProblem};
use crate::user::User;

/// Told of every change before the verb that caused it returns; documented at [`core::Observer`].
///
/// It holds no session: the session holds it.
#[uniffi::export(with_foreign)]
pub trait SessionObserver: Send + Sync {
    /// The access token of the login is another, or there is none any more.
    ///
    /// It is valid for `remaining_milliseconds` from now on, by a clock that goes on while the device sleeps; `None`
    /// when the server did not say.
    ///
    /// # Errors
    /// Ignored: the session goes on.
    fn credentials_changed(
        &self,
        latest: Option<Credentials>,
        remaining_milliseconds: Option<u64>,
    ) -> Result<(), ObserverFailure>;

    /// The state is another.
    ///
    /// # Errors
    /// Ignored, as above.
    fn state_changed(&self, state: State) -> Result<(), ObserverFailure>;

    /// Something happened.
    ///
    /// # Errors
    /// Ignored, as above.
    fn happened(&self, event: Event) -> Result<(), ObserverFailure>;
}

/// An observer threw. There is nobody to tell.
#[derive(Debug, thiserror::Error, uniffi::Error)]
pub enum ObserverFailure {
    /// It threw something.
    #[error("the observer failed")]
    Failed,
}

impl From<uniffi::UnexpectedUniFFICallbackError> for ObserverFailure {
    fn from(_: uniffi::UnexpectedUniFFICallbackError) -> Self {
        Self::Failed
    }
}

/// Whether a user is signed in.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum State {
    /// The store has not been read yet, or could not be read.
    Restoring {
        /// Why the last attempt to read it failed.
        problem: Option<StorageProblem>,
    },
    /// No one is signed in.
    SignedOut {
        /// Why.
        reason: LoginReason,
        /// The reason in `snake_case`.
        code: String,
    },
    /// A user is signed in.
    SignedIn {
        /// Who.
        user: User,
    },
    /// A user is known and the session is kept, but the access token cannot be renewed.
    LoginRequired {
        /// Who.
        user: User,
        /// Why.
        reason: LoginReason,
        /// The reason in `snake_case`.
        code: String,
    },
}

/// Something that happened to a session. Log-safe.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum Event {
    /// A user signed in.
    SignedIn,
    /// An access token was renewed and is durable.
    Renewed,
    /// A renewal did not succeed.
    RenewalFailed {
        /// Whether trying again later may help.
        is_retryable: bool,
        /// The error's code.
        code: String,
    },
    /// The ID token of a renewal failed a check; the user's claims stay as they were.
    IdTokenRejected {
        /// The check that failed.
        check: String,
    },
    /// The session ended.
    SignedOut {
        /// Why.
        reason: LoginReason,
        /// The reason in `snake_case`.
        code: String,
    },
}

impl From<&core::State> for State {
    fn from(state: &core::State) -> Self {
        match state {
            core::State::Restoring { problem } => Self::Restoring { problem: problem.map(StorageProblem::from) },
            core::State::SignedOut { reason } => {
                Self::SignedOut { reason: (*reason).into(), code: reason.code().to_owned() }
            }
            core::State::SignedIn { user } => Self::SignedIn { user: user.into() },
            core::State::LoginRequired { user, reason } => {
                Self::LoginRequired { user: user.into(), reason: (*reason).into(), code: reason.code().to_owned() }
            }
        }
    }
}

/// The core's view of a foreign observer.
pub(crate) struct Observing {
    pub(crate) observer: Arc<dyn SessionObserver>,
    /// Whether the foreign side may judge by the device's clock how long credentials last.
    pub(crate) by_the_devices_clock: bool,
}

// What the observer throws is of no consequence to the session.
impl core::Observer for Observing {
    fn credentials_changed(&self, latest: Option<core::LatestCredentials>) {
        let latest = latest.filter(|_| self.by_the_devices_clock);
        let remaining = latest.as_ref().and_then(|latest| u64::try_from(latest.remaining.as_millis()).ok());
        let _ = self.observer.credentials_changed(latest.map(|latest| (&latest.credentials).into()), remaining);
    }

    fn state_changed(&self, state: &core::State) {
        let _ = self.observer.state_changed(state.into());
    }

    fn happened(&self, event: core::Event) {
        let event = match event {
            core::Event::SignedIn => Event::SignedIn,
            core::Event::Renewed => Event::Renewed,
            core::Event::RenewalFailed { retryable, code } => {
                Event::RenewalFailed { is_retryable: retryable, code: code.to_owned() }
            }
            core::Event::IdTokenRejected { check } => Event::IdTokenRejected { check: check.to_owned() },
            core::Event::SignedOut { reason } => {
                Event::SignedOut { reason: reason.into(), code: reason.code().to_owned() }
            }
        };
        let _ = self.observer.happened(event);
    }
}
