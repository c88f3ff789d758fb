//! What a logout leaves behind: the names of the sessions that ended by it.
//!
//! Absence is never a message (rule 11): a store that shows nothing may be closed, moved or not there yet. So another
//! process takes a session for logged out only where a tombstone names it. The names are random, and say nothing about
//! the user.

use serde::{Deserialize, Serialize};

use crate::ports::StoredValue;

/// More sessions than another process can be behind by.
const KEPT: usize = 16;

const VERSION: u32 = 1;

/// The sessions that were logged out lately.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tombstone(Vec<String>);

#[derive(Serialize, Deserialize)]
struct Stored {
    version: u32,
    logged_out: Vec<String>,
}

impl Tombstone {
    /// Reads a stored text. One that is damaged, or of another version, names nobody.
    pub(crate) fn from_stored(value: &StoredValue) -> Self {
        let stored = serde_json::from_str::<Stored>(value.expose()).ok().filter(|stored| stored.version == VERSION);
        Self(stored.map(|stored| stored.logged_out).unwrap_or_default())
    }

    /// The tombstone as text to store.
    pub(crate) fn to_stored(&self) -> StoredValue {
        let stored = Stored { version: VERSION, logged_out: self.0.clone() };
        StoredValue::new(serde_json::to_string(&stored).expect("it holds only strings and a number"))
    }

    /// The same with `lineage` named too. A session without a name was never stored.
    pub(crate) fn with(&self, lineage: &str) -> Self {
        if lineage.is_empty() || self.names(lineage) {
            return self.clone();
        }
        let older = self.0.len().saturating_sub(KEPT - 1);
        Self(self.0.iter().skip(older).cloned().chain([lineage.to_owned()]).collect())
    }

    /// Whether the session called `lineage` was logged out.
    pub(crate) fn names(&self, lineage: &str) -> bool {
        self.0.iter().any(|name| name == lineage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_version_as_it_is_stored_names_its_sessions() {
        let golden = r#"{"version":1,"logged_out":["0011223344556677","8899aabbccddeeff"]}"#;
        let tombstone = Tombstone::from_stored(&StoredValue::new(golden));
        assert!(tombstone.names("0011223344556677") && tombstone.names("8899aabbccddeeff"));
        assert!(!tombstone.names("0000000000000000"));
        assert_eq!(tombstone.to_stored().expose(), golden);
    }

    #[test]
    fn damaged_text_and_other_versions_name_nobody() {
        for text in ["", "{", "[]", r#"{"version":2,"logged_out":["a"]}"#, r#"{"logged_out":["a"]}"#] {
            assert_eq!(Tombstone::from_stored(&StoredValue::new(text)), Tombstone::default(), "{text}");
        }
    }

    #[test]
    fn only_the_latest_sixteen_are_kept_and_none_twice() {
        let all = (0..40).fold(Tombstone::default(), |tombstone, number| tombstone.with(&format!("{number}")));
        assert!(all.names("39") && all.names("24") && !all.names("23"));
        assert_eq!(all.with("39"), all);
        assert_eq!(all.with(""), all);
    }
}
