//! The functions of a system that the library may use: committed lists, reviewed by people, in `bindings/xtask/native`.
//!
//! A name enters a list when somebody has looked at what it is for. A change of a dependency that suddenly starts
//! processes or writes to the log fails here, not in a review by the shop. The lists prove no version of a system: what
//! an old one lacks is known on a Mac, or with the NDK.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use toml::Table;

/// The libraries of one system, each with the names it may be asked for.
pub(crate) struct System {
    libraries: BTreeMap<String, BTreeSet<String>>,
}

impl System {
    /// Apple's, as C spells the names: without the underscore that its object files add.
    ///
    /// # Errors
    /// When the list is not a table of arrays of strings.
    pub(crate) fn apple() -> Result<Self> {
        Self::parse(include_str!("../../native/apple.toml")).context("bindings/xtask/native/apple.toml")
    }

    /// Android's.
    ///
    /// # Errors
    /// As [`Self::apple`].
    pub(crate) fn android() -> Result<Self> {
        Self::parse(include_str!("../../native/android.toml")).context("bindings/xtask/native/android.toml")
    }

    pub(crate) fn parse(text: &str) -> Result<Self> {
        let table: Table = text.parse()?;
        let libraries = table.into_iter().map(|(library, names)| {
            let names: BTreeSet<String> = names.try_into().with_context(|| format!("{library} is no list of names"))?;
            Ok((library, names))
        });
        Ok(Self { libraries: libraries.collect::<Result<_>>()? })
    }

    /// The libraries and their names, in the order of the alphabet.
    pub(crate) fn libraries(&self) -> impl Iterator<Item = (&str, &BTreeSet<String>)> {
        self.libraries.iter().map(|(library, names)| (library.as_str(), names))
    }

    /// Those of `names` that no library may be asked for.
    pub(crate) fn unknown(&self, names: &BTreeSet<String>) -> BTreeSet<String> {
        names.iter().filter(|name| !self.libraries.values().any(|known| known.contains(*name))).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_that_is_on_no_list_is_unknown() {
        let system = System::parse("libc = ['malloc']\nlibm = ['pow']").unwrap();
        let names = BTreeSet::from(["malloc".to_owned(), "pow".to_owned(), "system".to_owned()]);
        assert_eq!(system.unknown(&names), BTreeSet::from(["system".to_owned()]));
    }

    #[test]
    fn list_of_something_else_is_refused() {
        assert!(System::parse("libc = 'malloc'").is_err());
    }

    #[test]
    fn committed_lists_name_each_function_once() {
        for system in [System::apple().unwrap(), System::android().unwrap()] {
            let mut seen = BTreeSet::new();
            for name in system.libraries().flat_map(|(_, names)| names) {
                assert!(seen.insert(name), "{name} is listed for two libraries");
            }
        }
    }
}
