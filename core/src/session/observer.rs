//! Synchronous notifications of changes, for language bindings.

use std::time::Duration;

use super::credentials::Credentials;
use super::state::{Event, State};

/// Called on every change, before the verb that caused it returns.
///
/// An app in Rust uses [`Session::states`](super::Session::states) instead. This is for languages in which a call into the
/// core is expensive: they keep the latest values, and call the core only if these are not enough.
///
/// The calls come one at a time, in the order of the changes, while the record is locked. An implementation stores the value
/// and returns. Calling a verb of the session in a call would wait forever.
pub trait Observer: Send + Sync + 'static {
    /// The access token of the login has changed, or there is none any more.
    fn credentials_changed(&self, latest: Option<LatestCredentials>);

    /// The state has changed.
    fn state_changed(&self, state: &State);

    /// An event happened.
    fn happened(&self, event: Event);
}

/// The access token of the login, as it was published.
#[derive(Debug, Clone)]
pub struct LatestCredentials {
    /// The credentials.
    pub credentials: Credentials,
    /// How long they are valid from now on, by a clock that goes on while the device sleeps; `Duration::MAX` when
    /// the server did not say.
    pub remaining: Duration,
}
