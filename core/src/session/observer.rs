//! Somebody beside the session who has to know at once: the other side of a foreign function interface.

use std::time::Duration;

use super::credentials::Credentials;
use super::state::{Event, State};

/// Told of every change before the verb that caused it returns.
///
/// An app of this language reads [`Session::states`](super::Session::states) instead. This is for a language whose
/// every call into the core costs more than the answer: it keeps what it was told last and asks only when that will not
/// do.
///
/// The calls come one at a time and in the order of the changes, with the record in the engine's hand: an
/// implementation notes what it is told and returns. Calling a verb of the session from inside one waits for ever.
pub trait Observer: Send + Sync + 'static {
    /// The access token of the login is another, or there is none any more.
    fn credentials_changed(&self, latest: Option<LatestCredentials>);

    /// The state is another.
    fn state_changed(&self, state: &State);

    /// Something happened.
    fn happened(&self, event: Event);
}

/// The access token of the login, as it was published.
#[derive(Debug, Clone)]
pub struct LatestCredentials {
    /// The credentials.
    pub credentials: Credentials,
    /// For how long they are valid from now on, by a clock that goes on while the device sleeps; `Duration::MAX` when
    /// the server did not say.
    pub remaining: Duration,
}
