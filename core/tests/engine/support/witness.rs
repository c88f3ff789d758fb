//! An observer that notes what it is told.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use hallpass_core::{Event, LatestCredentials, Observer, State};

/// All clones note in one place.
#[derive(Clone, Default)]
pub(crate) struct Witness(Arc<Mutex<Notes>>);

/// What was told last, and every event.
#[derive(Clone, Default)]
pub(crate) struct Notes {
    /// The access token and for how long it was valid.
    pub(crate) latest: Option<(String, Duration)>,
    pub(crate) state: Option<State>,
    pub(crate) events: Vec<Event>,
    /// How often it was told of credentials, their absence included.
    pub(crate) changes: usize,
}

impl Witness {
    pub(crate) fn notes(&self) -> Notes {
        self.0.lock().unwrap().clone()
    }
}

impl Observer for Witness {
    fn credentials_changed(&self, latest: Option<LatestCredentials>) {
        let mut notes = self.0.lock().unwrap();
        notes.changes += 1;
        notes.latest = latest.map(|latest| (latest.credentials.access_token().expose().to_owned(), latest.remaining));
    }

    fn state_changed(&self, state: &State) {
        self.0.lock().unwrap().state = Some(state.clone());
    }

    fn happened(&self, event: Event) {
        self.0.lock().unwrap().events.push(event);
    }
}
