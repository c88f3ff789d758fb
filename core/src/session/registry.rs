//! The accounts that are open in this process, and the signing keys in use: each only once. Two sessions with one refresh
//! token would sign the user out. So would a logout of one account that deletes the key of another.

use std::collections::HashSet;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use crate::error::{Error, Result};
use crate::ports::EntryName;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Used {
    /// The account stored under this entry of this store.
    Account(String, EntryName),
    Signer(String),
}

static USED: LazyLock<Mutex<HashSet<Used>>> = LazyLock::new(Mutex::default);

/// The right to have an account open; dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Registration(Vec<Used>);

impl Registration {
    /// Registers the account stored under `entry` in the store called `store`.
    ///
    /// # Errors
    /// [`Error::Misconfigured`] naming `account` when it is open already.
    pub(crate) fn new(store: String, entry: EntryName) -> Result<Self> {
        Self(Vec::new()).with(Used::Account(store, entry)).ok_or(Error::Misconfigured {
            field: "account",
            fix: "it is open in this process already: share that session, or drop it before opening another",
        })
    }

    /// Registers the account's signer too.
    ///
    /// # Errors
    /// [`Error::Misconfigured`] naming `signer` when another account uses it.
    pub(crate) fn with_signer(self, identity: String) -> Result<Self> {
        self.with(Used::Signer(identity)).ok_or(Error::Misconfigured {
            field: "signer",
            fix: "another account of this process uses this key: give each account a key of its own",
        })
    }

    fn with(mut self, used: Used) -> Option<Self> {
        let is_free = in_use().insert(used.clone());
        is_free.then(|| {
            self.0.push(used);
            self
        })
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut in_use = in_use();
        for used in &self.0 {
            in_use.remove(used);
        }
    }
}

fn in_use() -> MutexGuard<'static, HashSet<Used>> {
    USED.lock().unwrap_or_else(PoisonError::into_inner)
}
