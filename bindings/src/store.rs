//! Where a session is stored.

use std::fmt;
use std::sync::Arc;

use hallpass_core as core;
use hallpass_core::adapters::{DangerPlainFiles, MemoryStore};

use crate::ports::store::{ForeignStore, SecureStore};

/// Where a session is stored.
#[derive(Clone, uniffi::Enum)]
pub enum Store {
    /// The system's own secure store: the Keychain on Apple's systems, the Secret Service on Linux.
    Keychain {
        /// Whose entries, such as the app's bundle identifier.
        service: String,
        /// The access group that shares them (Apple).
        access_group: Option<String>,
        /// What it takes to read one.
        protection: Protection,
        /// For how long an entry that the user has unlocked needs no other prompt (Apple).
        #[uniffi(default = None)]
        unlock: Option<Unlock>,
    },
    /// A store of the app's.
    Custom {
        /// The store.
        store: Arc<dyn SecureStore>,
    },
    /// This process's memory; for tests and previews.
    Memory,
    /// Plain text in a folder; for tests, and in danger of being read by whoever can read the files.
    DangerPlainFiles {
        /// The folder.
        folder: String,
    },
}

/// What it takes to read an entry of the Keychain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum Protection {
    /// The device was unlocked once since it booted.
    AfterFirstUnlock,
    /// The user shows to be present each time, by biometry or passcode.
    UserPresence,
    /// The user shows to be present by biometry each time.
    Biometry,
    /// The same, by a finger or face that was enrolled when the entry was saved.
    CurrentBiometry,
}

/// For how long what the user has unlocked can be read again without a prompt (Apple).
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum Unlock {
    /// Not at all.
    EachRead,
    /// This long.
    For {
        /// In milliseconds.
        milliseconds: u64,
    },
    /// Until the process ends.
    OncePerProcess,
}

impl fmt::Debug for Store {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Keychain { .. } => "Keychain",
            Self::Custom { .. } => "Custom",
            Self::Memory => "Memory",
            Self::DangerPlainFiles { .. } => "DangerPlainFiles",
        })
    }
}

impl Store {
    /// The core's view of it.
    ///
    /// # Errors
    /// [`core::Error::Storage`] for a store that cannot be opened; [`core::Error::Misconfigured`]
    /// for the Keychain in a library that was built without it.
    pub(crate) fn open(self) -> core::Result<Arc<dyn core::ports::SecureStore>> {
        Ok(match self {
            Self::Keychain { service, access_group, protection, unlock } => {
                keychain(service, access_group, protection, unlock)?
            }
            Self::Custom { store } => Arc::new(ForeignStore::new(store)?),
            Self::Memory => Arc::new(MemoryStore::default()),
            Self::DangerPlainFiles { folder } => Arc::new(DangerPlainFiles::open(folder)?),
        })
    }
}

#[cfg(feature = "keychain")]
#[expect(clippy::unnecessary_wraps, reason = "without the feature it is an error")]
fn keychain(
    service: String,
    access_group: Option<String>,
    protection: Protection,
    unlock: Option<Unlock>,
) -> core::Result<Arc<dyn core::ports::SecureStore>> {
    use core::adapters::{Keychain, keychain};
    use std::time::Duration;

    let keychain = Keychain::new(service).protection(match protection {
        Protection::AfterFirstUnlock => keychain::Protection::AfterFirstUnlock,
        Protection::UserPresence => keychain::Protection::UserPresence,
        Protection::Biometry => keychain::Protection::Biometry,
        Protection::CurrentBiometry => keychain::Protection::CurrentBiometry,
    });
    let keychain = keychain.unlock(match unlock {
        None => keychain::Unlock::default(),
        Some(Unlock::EachRead) => keychain::Unlock::EachRead,
        Some(Unlock::For { milliseconds }) => keychain::Unlock::For(Duration::from_millis(milliseconds)),
        Some(Unlock::OncePerProcess) => keychain::Unlock::OncePerProcess,
    });
    Ok(Arc::new(match access_group {
        Some(group) => keychain.access_group(group),
        None => keychain,
    }))
}

#[cfg(not(feature = "keychain"))]
fn keychain(
    _: String,
    _: Option<String>,
    _: Protection,
    _: Option<Unlock>,
) -> core::Result<Arc<dyn core::ports::SecureStore>> {
    Err(core::Error::Misconfigured { field: "store", fix: "this library has no Keychain: give the session a store" })
}
