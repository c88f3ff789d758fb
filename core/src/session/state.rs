//! What an app watches: the state of the session, and what happens to it.

use hallpass_protocol::id_token::Claims;
use tokio::sync::{broadcast, watch};

use super::record::{Content, Record};
use crate::error::LoginReason;

/// Whether somebody is signed in.
///
/// It changes to `SignedOut` only when the server ended the session, the store was invalidated, or the user logged out:
/// never for a missing network, a busy server or a locked store.
#[derive(Debug, Clone)]
pub enum State {
    /// The store has not been read yet, or is locked. Show neither the sign-in screen nor the signed-in one.
    Restoring,
    /// Nobody is signed in, for this reason.
    SignedOut {
        /// Why. [`LoginReason::NotSignedIn`] on a fresh device; never [`LoginReason::NoRefreshToken`].
        reason: LoginReason,
    },
    /// Somebody is signed in; this is known offline too.
    SignedIn {
        /// Who, by the latest ID token.
        user: User,
    },
}

/// The signed-in user, by the latest ID token that was validated.
#[derive(Debug, Clone, PartialEq)]
pub struct User {
    claims: std::sync::Arc<Claims>,
}

/// Something that happened to a session. Log-safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A user signed in.
    SignedIn,
    /// An access token was renewed and is durable.
    Renewed,
    /// A renewal did not succeed. The user stays signed in unless `SignedOut` follows. When its answer was lost, the session
    /// goes on asking for a minute, and tells only what comes of it.
    RenewalFailed {
        /// Whether trying again later may help.
        retryable: bool,
        /// The error's code.
        code: &'static str,
    },
    /// The session ended.
    SignedOut {
        /// Why.
        reason: LoginReason,
    },
}

impl State {
    /// The state that a record stands for: a function of nothing else.
    pub(crate) fn of(record: Option<&Record>) -> Self {
        match record.map(|record| &record.content) {
            None => State::SignedOut { reason: LoginReason::NotSignedIn },
            Some(Content::SignedOut(reason)) => State::SignedOut { reason: *reason },
            Some(Content::SignedIn(signed_in)) => State::SignedIn { user: User::of(&signed_in.identity) },
        }
    }

    /// The signed-in user.
    pub fn user(&self) -> Option<&User> {
        match self {
            State::SignedIn { user } => Some(user),
            State::Restoring | State::SignedOut { .. } => None,
        }
    }

    /// What follows from a change of state: the event to tell, if any.
    pub(crate) fn change_to(&self, next: &State) -> Option<Event> {
        match (self, next) {
            (State::SignedIn { .. }, State::SignedOut { reason }) => Some(Event::SignedOut { reason: *reason }),
            (State::SignedOut { .. }, State::SignedIn { .. }) => Some(Event::SignedIn),
            (State::SignedIn { user }, State::SignedIn { user: next }) if user.sub() != next.sub() => {
                Some(Event::SignedIn)
            }
            (_, State::Restoring | State::SignedOut { .. } | State::SignedIn { .. }) => None,
        }
    }

    /// Whether a watcher has to be told.
    pub(crate) fn differs_from(&self, other: &State) -> bool {
        match (self, other) {
            (State::Restoring, State::Restoring) => false,
            (State::SignedOut { reason }, State::SignedOut { reason: other }) => reason != other,
            (State::SignedIn { user }, State::SignedIn { user: other }) => user != other,
            (_, State::Restoring | State::SignedOut { .. } | State::SignedIn { .. }) => true,
        }
    }
}

impl User {
    pub(crate) fn of(claims: &Claims) -> Self {
        Self { claims: std::sync::Arc::new(claims.clone()) }
    }

    /// The user's identifier at this issuer, never reused (OpenID Connect Core §2).
    pub fn sub(&self) -> &str {
        self.claims.sub()
    }

    /// All claims of the ID token.
    pub fn claims(&self) -> &Claims {
        &self.claims
    }
}

/// The states of a session, beginning with the present one. Slow readers skip to the latest.
#[derive(Debug)]
pub struct States {
    receiver: watch::Receiver<State>,
    begun: bool,
}

impl States {
    pub(crate) fn new(receiver: watch::Receiver<State>) -> Self {
        Self { receiver, begun: false }
    }

    /// Waits for the next state; `None` when the session was dropped.
    pub async fn next(&mut self) -> Option<State> {
        if self.begun {
            self.receiver.changed().await.ok()?;
        }
        self.begun = true;
        Some(self.receiver.borrow_and_update().clone())
    }
}

/// The events of a session from now on. A reader that falls more than 64 events behind loses the oldest.
#[derive(Debug)]
pub struct Events(broadcast::Receiver<Event>);

impl Events {
    pub(crate) fn new(receiver: broadcast::Receiver<Event>) -> Self {
        Self(receiver)
    }

    /// Waits for the next event; `None` when the session was dropped.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            match self.0.recv().await {
                Ok(event) => return Some(event),
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }
}
