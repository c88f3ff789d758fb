//! Which accounts are open in this process: each once, because two sessions on one refresh token would sign the user
//! out between them.

use std::collections::HashSet;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use crate::error::{Error, Result};
use crate::ports::EntryName;

type Account = (String, EntryName);

static OPEN: LazyLock<Mutex<HashSet<Account>>> = LazyLock::new(Mutex::default);

/// The right to have an account open; dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Registration(Account);

impl Registration {
    /// Registers the account stored under `entry` in the store called `store`.
    ///
    /// # Errors
    /// [`Error::Misconfigured`] naming `account` when it is open already.
    pub(crate) fn new(store: String, entry: EntryName) -> Result<Self> {
        let account = (store, entry);
        if open().insert(account.clone()) {
            Ok(Self(account))
        } else {
            Err(Error::Misconfigured {
                field: "account",
                fix: "it is open in this process already: share that session, or drop it before opening another",
            })
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        open().remove(&self.0);
    }
}

fn open() -> MutexGuard<'static, HashSet<Account>> {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}
