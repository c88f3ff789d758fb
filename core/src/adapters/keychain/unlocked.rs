//! What the user has unlocked in this process: protected values, so that each is asked for once and not for each read.
//!
//! A session keeps the same values in memory for as long as it is open, so nothing is in memory here that would not be.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use zeroize::Zeroizing;

use crate::ports::EntryName;

/// Shared by all handles on one store.
#[derive(Clone, Default)]
pub(super) struct Unlocked(Arc<Mutex<Contents>>);

#[derive(Default)]
struct Contents {
    values: HashMap<EntryName, Value>,
    place: Option<Place>,
}

/// A value as it was at one revision of its item.
pub(super) struct Value {
    pub(super) revision: String,
    pub(super) bytes: Zeroizing<Vec<u8>>,
    /// When the user unlocked it, by the clock that only runs.
    pub(super) since: Duration,
}

/// Which of a Mac's keychains has the items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Place {
    /// That of iOS, which a Mac has too, for programs with the entitlement.
    DataProtection,
    /// The file that a Mac unlocks when its user logs in: for command-line tools and apps that are signed to run locally.
    Login,
}

impl Unlocked {
    /// The value, when it is still the item's and no older than `longest` by now.
    pub(super) fn value(
        &self,
        name: &EntryName,
        revision: &str,
        now: Duration,
        longest: Option<Duration>,
    ) -> Option<Zeroizing<Vec<u8>>> {
        let contents = self.contents();
        let value = contents.values.get(name).filter(|value| value.revision == revision)?;
        let is_recent = longest.is_none_or(|longest| now.saturating_sub(value.since) <= longest);
        is_recent.then(|| value.bytes.clone())
    }

    /// The user has unlocked the value.
    pub(super) fn insert(&self, name: EntryName, value: Value) {
        self.contents().values.insert(name, value);
    }

    /// The value was saved by this process: that takes no prompt, and so prolongs nothing.
    pub(super) fn replace(&self, name: EntryName, mut value: Value) {
        let mut contents = self.contents();
        if let Some(before) = contents.values.get(&name) {
            value.since = before.since;
        }
        contents.values.insert(name, value);
    }

    pub(super) fn remove(&self, name: &EntryName) {
        self.contents().values.remove(name);
    }

    /// Where the items are, once that is known.
    pub(super) fn place(&self) -> Option<Place> {
        self.contents().place
    }

    /// The first answer counts, for as long as the process lives.
    pub(super) fn settle(&self, place: Place) {
        self.contents().place.get_or_insert(place);
    }

    fn contents(&self) -> MutexGuard<'_, Contents> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Unlocked {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Unlocked")
    }
}
