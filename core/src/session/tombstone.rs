//! The entry that a logout leaves: the names of the sessions that it ended, and the time.
//!
//! A missing record is not a logout (rule 11): the store may be closed, moved or not there yet. So for another process a
//! session is logged out only if a tombstone names it, or if a logout is later than the session's beginning. The names are
//! random and contain nothing about the user.

use serde::{Deserialize, Serialize};

use super::moment::Moment;
use crate::ports::StoredValue;

/// More sessions than another process can be behind by.
const KEPT: usize = 16;

const VERSION: u32 = 1;

/// The sessions that were logged out lately, the latest last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tombstone(Vec<LoggedOut>);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct LoggedOut {
    session: String,
    at: Moment,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    version: u32,
    logged_out: Vec<LoggedOut>,
}

impl Tombstone {
    /// Reads a stored text. One that is damaged, or of another version, names no session.
    pub(crate) fn from_stored(value: &StoredValue) -> Self {
        let stored = serde_json::from_str::<Stored>(value.expose()).ok().filter(|stored| stored.version == VERSION);
        Self(stored.map(|stored| stored.logged_out).unwrap_or_default())
    }

    /// The tombstone as text to store.
    pub(crate) fn to_stored(&self) -> StoredValue {
        let stored = Stored { version: VERSION, logged_out: self.0.clone() };
        StoredValue::new(serde_json::to_string(&stored).expect("it holds only strings and numbers"))
    }

    /// The same with the session called `lineage` named too, logged out `at`. The name is empty where the record could not
    /// be read: then the time alone tells.
    pub(crate) fn with(&self, lineage: &str, at: Moment) -> Self {
        if self.names(lineage) {
            return self.clone();
        }
        let older = self.0.len().saturating_sub(KEPT - 1);
        let logged_out = LoggedOut { session: lineage.to_owned(), at };
        Self(self.0.iter().skip(older).cloned().chain([logged_out]).collect())
    }

    /// Whether the session called `lineage` was logged out.
    pub(crate) fn names(&self, lineage: &str) -> bool {
        !lineage.is_empty() && self.0.iter().any(|logged_out| logged_out.session == lineage)
    }

    /// When the latest logout was.
    pub(crate) fn latest(&self) -> Option<Moment> {
        self.0.last().map(|logged_out| logged_out.at)
    }

    /// Whether somebody logged out between `moment` and `now`, as far as that can be told: by both clocks.
    pub(crate) fn is_later_than(&self, moment: Moment, now: Moment) -> bool {
        self.0.last().is_some_and(|logged_out| logged_out.at.is_between(moment, now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(wall: i64) -> Moment {
        serde_json::from_value(serde_json::json!({ "wall": wall, "elapsed": { "secs": wall, "nanos": 0 } })).unwrap()
    }

    #[test]
    fn the_first_version_as_it_is_stored_names_its_sessions() {
        let golden = concat!(
            r#"{"version":1,"logged_out":[{"session":"0011223344556677","at":{"wall":1767232800000,"#,
            r#""elapsed":{"secs":60,"nanos":0}}}]}"#
        );
        let tombstone = Tombstone::from_stored(&StoredValue::new(golden));
        assert!(tombstone.names("0011223344556677") && !tombstone.names("8899aabbccddeeff"));
        assert_eq!(tombstone.to_stored().expose(), golden);
    }

    #[test]
    fn damaged_text_and_other_versions_name_nobody() {
        for text in ["", "{", "[]", r#"{"version":2,"logged_out":[]}"#, r#"{"logged_out":["a"]}"#] {
            assert_eq!(Tombstone::from_stored(&StoredValue::new(text)), Tombstone::default(), "{text}");
        }
    }

    #[test]
    fn only_the_latest_sixteen_are_kept_and_none_twice() {
        let all = (0..40)
            .fold(Tombstone::default(), |tombstone, number| tombstone.with(&format!("{number}"), moment(number)));
        assert!(all.names("39") && all.names("24") && !all.names("23"));
        assert_eq!(all.with("39", moment(50)), all);
    }

    #[test]
    fn a_logout_of_a_record_that_could_not_be_read_tells_its_time_and_no_name() {
        let tombstone = Tombstone::default().with("", moment(1_000));
        assert!(tombstone.is_later_than(moment(999), moment(1_000)) && !tombstone.names(""));
    }

    #[test]
    fn the_latest_logout_is_compared_with_a_login() {
        let tombstone = Tombstone::default().with("a", moment(1_000)).with("b", moment(2_000));
        assert!(tombstone.is_later_than(moment(1_500), moment(3_000)));
        assert!(!tombstone.is_later_than(moment(2_000), moment(3_000)));
        assert!(!tombstone.is_later_than(moment(1_500), moment(1_900)), "the clock was set back since");
        assert!(!Tombstone::default().is_later_than(moment(0), moment(3_000)));
    }
}
