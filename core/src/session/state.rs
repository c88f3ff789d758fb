//! What an app watches: the state of a session, and its events.

use hallpass_protocol::id_token::Claims;
use tokio::sync::{broadcast, watch};

use super::record::{Content, Record};
use crate::error::{LoginReason, StorageProblem};

/// Whether a user is signed in.
///
/// It changes to `SignedOut` only when the server ended the session, the store was invalidated, or the user logged out:
/// never for a missing network, a busy server or a locked store.
#[derive(Debug, Clone)]
pub enum State {
    /// The store has not been read yet, or could not be read. Show neither the sign-in screen nor the signed-in one. The
    /// next verb tries again, and so does [`Session::reload`](super::Session::reload).
    Restoring {
        /// Why the last attempt to read the store failed; `None` before it.
        problem: Option<StorageProblem>,
    },
    /// No one is signed in, for this reason.
    SignedOut {
        /// Why. [`LoginReason::NotSignedIn`] on a fresh device; never [`LoginReason::NoRefreshToken`] or
        /// [`LoginReason::Refused`].
        reason: LoginReason,
    },
    /// A user is signed in; this is known offline too.
    SignedIn {
        /// Who, by the latest ID token.
        user: User,
    },
    /// A user is known and the record is kept, but the access token cannot be renewed: offer a login. After a login, or a
    /// successful renewal, the state is `SignedIn` again.
    LoginRequired {
        /// Who, by the latest ID token.
        user: User,
        /// Why: [`LoginReason::NoRefreshToken`] once the access token of the login has expired, or
        /// [`LoginReason::Refused`].
        reason: LoginReason,
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
    /// A renewal failed. The user stays signed in unless `SignedOut` follows. If its response was lost, the session retries
    /// for a minute and reports only the result.
    RenewalFailed {
        /// Whether trying again later may help.
        retryable: bool,
        /// The error's code.
        code: &'static str,
    },
    /// The ID token of a renewal failed a check (OpenID Connect Core §12.2). The user's claims stay as they were, and the
    /// session goes on.
    IdTokenRejected {
        /// The check that failed, from a fixed vocabulary.
        check: &'static str,
    },
    /// The session ended.
    SignedOut {
        /// Why.
        reason: LoginReason,
    },
}

impl State {
    /// The state of a record. `is_over` says that its access token has expired, and that it has no refresh token.
    pub(crate) fn of(record: Option<&Record>, is_over: bool) -> Self {
        match record.map(|record| &record.content) {
            None => State::SignedOut { reason: LoginReason::NotSignedIn },
            Some(Content::SignedOut(reason)) => State::SignedOut { reason: *reason },
            Some(Content::SignedIn(signed_in)) => {
                let user = User::of(&signed_in.identity);
                if is_over {
                    State::LoginRequired { user, reason: LoginReason::NoRefreshToken }
                } else if signed_in.is_refused() {
                    State::LoginRequired { user, reason: LoginReason::Refused }
                } else {
                    State::SignedIn { user }
                }
            }
        }
    }

    /// The user, as long as one is known: signed in, or asked to log in again.
    pub fn user(&self) -> Option<&User> {
        match self {
            State::SignedIn { user } | State::LoginRequired { user, .. } => Some(user),
            State::Restoring { .. } | State::SignedOut { .. } => None,
        }
    }

    /// The event of a change of state, if it has one.
    ///
    /// A change to or from `LoginRequired` neither ends nor begins a session, so it has an event only if the user is another.
    pub(crate) fn change_to(&self, next: &State) -> Option<Event> {
        match (self, next) {
            (State::SignedIn { .. } | State::LoginRequired { .. }, State::SignedOut { reason }) => {
                Some(Event::SignedOut { reason: *reason })
            }
            (State::SignedOut { .. }, State::SignedIn { .. } | State::LoginRequired { .. }) => Some(Event::SignedIn),
            (
                State::SignedIn { user } | State::LoginRequired { user, .. },
                State::SignedIn { user: next } | State::LoginRequired { user: next, .. },
            ) => (user.sub() != next.sub()).then_some(Event::SignedIn),
            (State::Restoring { .. }, _)
            | (_, State::Restoring { .. })
            | (State::SignedOut { .. }, State::SignedOut { .. }) => None,
        }
    }

    /// Whether watchers have to see the change.
    pub(crate) fn differs_from(&self, other: &State) -> bool {
        match (self, other) {
            (State::Restoring { problem }, State::Restoring { problem: other }) => problem != other,
            (State::SignedOut { reason }, State::SignedOut { reason: other }) => reason != other,
            (State::SignedIn { user }, State::SignedIn { user: other }) => user != other,
            (State::LoginRequired { user, reason }, State::LoginRequired { user: other_user, reason: other }) => {
                user != other_user || reason != other
            }
            (
                _,
                State::Restoring { .. }
                | State::SignedOut { .. }
                | State::SignedIn { .. }
                | State::LoginRequired { .. },
            ) => true,
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn user(sub: &str) -> User {
        let claims = json!({
            "iss": "https://issuer.example", "sub": sub, "aud": "client", "exp": 1_700_003_600, "iat": 1_700_000_000
        });
        // Claims are stored as the text that was signed.
        User::of(&serde_json::from_value(json!(claims.to_string())).expect("these are claims"))
    }

    fn signed_in(sub: &str) -> State {
        State::SignedIn { user: user(sub) }
    }

    fn login_required(sub: &str, reason: LoginReason) -> State {
        State::LoginRequired { user: user(sub), reason }
    }

    fn signed_out(reason: LoginReason) -> State {
        State::SignedOut { reason }
    }

    #[test]
    fn login_required_and_back_for_the_same_user_tells_no_event() {
        let required = login_required("ada", LoginReason::Refused);
        assert_eq!(signed_in("ada").change_to(&required), None);
        assert_eq!(required.change_to(&signed_in("ada")), None);
        assert_eq!(required.change_to(&login_required("ada", LoginReason::NoRefreshToken)), None);
    }

    #[test]
    fn login_required_then_another_user_signs_in_is_a_login() {
        let required = login_required("ada", LoginReason::Refused);
        assert_eq!(required.change_to(&signed_in("grace")), Some(Event::SignedIn));
        assert_eq!(signed_in("grace").change_to(&required), Some(Event::SignedIn));
    }

    #[test]
    fn login_required_then_logged_out_is_the_end_of_the_session() {
        let reason = LoginReason::LoggedOut;
        let required = login_required("ada", LoginReason::Refused);
        assert_eq!(required.change_to(&signed_out(reason)), Some(Event::SignedOut { reason }));
        assert_eq!(signed_out(reason).change_to(&required), Some(Event::SignedIn));
    }

    #[test]
    fn a_start_tells_no_event_whatever_is_found() {
        let restoring = State::Restoring { problem: Some(StorageProblem::Locked) };
        for found in [signed_in("ada"), login_required("ada", LoginReason::Refused), signed_out(LoginReason::Revoked)] {
            assert_eq!(restoring.change_to(&found), None, "{found:?}");
        }
    }

    #[test]
    fn every_difference_that_an_app_can_show_is_told_and_no_other() {
        let states = [
            State::Restoring { problem: None },
            State::Restoring { problem: Some(StorageProblem::Locked) },
            State::Restoring { problem: Some(StorageProblem::Failed("the disk is full")) },
            signed_out(LoginReason::NotSignedIn),
            signed_out(LoginReason::Revoked),
            signed_in("ada"),
            signed_in("grace"),
            login_required("ada", LoginReason::Refused),
            login_required("ada", LoginReason::NoRefreshToken),
            login_required("grace", LoginReason::Refused),
        ];
        for (number, state) in states.iter().enumerate() {
            for (other_number, other) in states.iter().enumerate() {
                assert_eq!(state.differs_from(other), number != other_number, "{state:?}, {other:?}");
            }
        }
    }

    #[test]
    fn a_user_is_known_while_a_login_is_required() {
        assert_eq!(login_required("ada", LoginReason::Refused).user().map(User::sub), Some("ada"));
        assert_eq!(State::Restoring { problem: None }.user(), None);
    }
}
