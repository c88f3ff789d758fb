//! An observer that notes what it is told, and that has defects of its own when it is asked to.

use std::collections::BTreeSet;
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
    panics_in: BTreeSet<Callback>,
    /// How often it panicked.
    pub(crate) panics: usize,
}

/// What an observer is told by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Callback {
    Credentials,
    State,
    Event,
}

impl Callback {
    pub(crate) const ALL: [Self; 3] = [Self::Credentials, Self::State, Self::Event];
}

impl Witness {
    pub(crate) fn notes(&self) -> Notes {
        self.0.lock().unwrap().clone()
    }

    /// From now on it panics whenever it is told by `callback`, after it has noted what it was told.
    pub(crate) fn panic_in(&self, callback: Callback) {
        self.0.lock().unwrap().panics_in.insert(callback);
    }

    fn note(&self, callback: Callback, note: impl FnOnce(&mut Notes)) {
        let mut notes = self.0.lock().unwrap();
        note(&mut notes);
        if notes.panics_in.contains(&callback) {
            notes.panics += 1;
            // The defect is the observer's, not that of its lock.
            drop(notes);
            panic!("the observer has a defect in {callback:?}");
        }
    }
}

impl Observer for Witness {
    fn credentials_changed(&self, latest: Option<LatestCredentials>) {
        self.note(Callback::Credentials, |notes| {
            notes.changes += 1;
            notes.latest =
                latest.map(|latest| (latest.credentials.access_token().expose().to_owned(), latest.remaining));
        });
    }

    fn state_changed(&self, state: &State) {
        self.note(Callback::State, |notes| notes.state = Some(state.clone()));
    }

    fn happened(&self, event: Event) {
        self.note(Callback::Event, |notes| notes.events.push(event));
    }
}
