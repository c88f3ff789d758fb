//! The system's own secure store: the Keychain on Apple's systems, the Secret Service on Linux.

// A platform has one file with the same six functions.
#[cfg_attr(target_vendor = "apple", path = "apple.rs")]
#[cfg_attr(target_os = "linux", path = "secret_service.rs")]
#[cfg_attr(not(any(target_vendor = "apple", target_os = "linux")), path = "unsupported.rs")]
mod platform;

// What Apple's part decides, apart from the calls that it makes, so that it is tested on every system.
#[cfg(any(target_vendor = "apple", test))]
mod entries;
#[cfg(any(target_vendor = "apple", test))]
mod status;
#[cfg_attr(not(target_vendor = "apple"), allow(dead_code, reason = "the Keychain alone asks its user"))]
mod unlocked;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use self::unlocked::Unlocked;
use super::FileLease;
use crate::ports::{EntryName, Lease, SecureStore, StoreError, StoredValue};

/// Entries in the system's secure store, each an item of its own named by a service and the entry's name.
///
/// | | Apple | Linux |
/// |---|---|---|
/// | an entry is | a generic password in the data-protection keychain, on this device only and in no backup; on a Mac, for a program without the entitlement, in the login keychain | an item, looked for in every collection; a new one is made in the default collection |
/// | [`StoreError::Locked`] | before the first unlock after a boot; or the user did not authenticate, whatever the reason | its collection is locked, or none has it and the default collection is locked; none is ever unlocked here, because that asks the user |
/// | [`StoreError::Invalidated`] | the item of a protected entry is gone and the marker beside it is there | does not occur |
///
/// On a desktop (Linux, macOS) it has a lease, a locked file in the user's state folder, so that two terminals make one
/// request.
///
/// On other systems every call fails; an app there needs its own [`SecureStore`].
#[derive(Debug, Clone)]
pub struct Keychain(Arc<Options>);

/// What an app can say about its entries, and what its user has unlocked.
#[derive(Debug, Clone)]
#[cfg_attr(not(target_vendor = "apple"), allow(dead_code, reason = "most of it is said of Apple's Keychain"))]
struct Options {
    service: String,
    services: Services,
    access_group: Option<String>,
    protection: Protection,
    unlock: Unlock,
    unlocked: Unlocked,
}

/// The services beside the app's, under which Apple's Keychain has items of the same entries.
#[derive(Debug, Clone)]
#[cfg_attr(not(target_vendor = "apple"), allow(dead_code, reason = "no other store has them"))]
struct Services {
    moving: String,
    markers: String,
}

impl Options {
    fn new(service: impl Into<String>) -> Self {
        let service = service.into();
        let services = Services { moving: format!("{service}.moving"), markers: format!("{service}.markers") };
        Self {
            service,
            services,
            access_group: None,
            protection: Protection::default(),
            unlock: Unlock::default(),
            unlocked: Unlocked::default(),
        }
    }
}

/// What it takes to read the record of a session. What else is stored needs no prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Protection {
    /// The device was unlocked once since it booted. It allows renewals in the background.
    #[default]
    AfterFirstUnlock,
    /// The user authenticates by biometry or the device's passcode. Apple only: elsewhere every call fails, so that nothing
    /// is stored with less protection than was asked for.
    UserPresence,
    /// The user authenticates by biometry. Apple only, as above.
    Biometry,
    /// The user authenticates by a finger or face that was enrolled when the entry was saved. Enrolling another one makes the
    /// record permanently unreadable ([`StoreError::Invalidated`]). Apple only, as above.
    CurrentBiometry,
}

/// How long an entry that the user has unlocked can be read again without a prompt. The time ends earlier when another
/// process saves something else. Apple only, and without effect unless a [`Protection`] asks the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unlock {
    /// Not at all. A session reads its record before each renewal, so prompts appear without an action of the user.
    EachRead,
    /// This long, also while the device sleeps.
    For(Duration),
    /// Until the process ends.
    #[default]
    OncePerProcess,
}

impl Keychain {
    /// The entries of `service`, such as the app's bundle identifier.
    pub fn new(service: impl Into<String>) -> Self {
        Self(Arc::new(Options::new(service)))
    }

    /// Shares the entries with the apps and extensions of the same access group, `TEAMID.com.example.shared`, which each
    /// of them names in its entitlements. Without one, they are in the app's first group. Apple only: on Linux all of
    /// the user's programs share the Secret Service anyway.
    #[must_use]
    pub fn access_group(mut self, group: impl Into<String>) -> Self {
        Arc::make_mut(&mut self.0).access_group = Some(group.into());
        self
    }

    /// What it takes to read the record of a session. A record that was saved with another protection gets this one with its
    /// next save.
    #[must_use]
    pub fn protection(mut self, protection: Protection) -> Self {
        Arc::make_mut(&mut self.0).protection = protection;
        self
    }

    /// How long one prompt lasts.
    #[must_use]
    pub fn unlock(mut self, unlock: Unlock) -> Self {
        Arc::make_mut(&mut self.0).unlock = unlock;
        self
    }
}

#[async_trait]
impl SecureStore for Keychain {
    fn identity(&self) -> String {
        platform::identity(&self.0)
    }

    async fn load(&self, name: &EntryName) -> Result<Option<StoredValue>, StoreError> {
        platform::load(&self.0, name).await
    }

    async fn save(&self, name: &EntryName, value: &StoredValue) -> Result<(), StoreError> {
        platform::save(&self.0, name, value).await
    }

    async fn delete(&self, name: &EntryName) -> Result<(), StoreError> {
        platform::delete(&self.0, name).await
    }

    async fn list(&self) -> Result<Vec<EntryName>, StoreError> {
        platform::list(&self.0).await
    }

    fn default_lease(&self) -> Option<Box<dyn Lease>> {
        platform::lease_directory().map(|directory| Box::new(FileLease::in_directory(directory)) as Box<dyn Lease>)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stores_of_two_services_have_two_identities() {
        assert_ne!(Keychain::new("one").identity(), Keychain::new("other").identity());
        assert_eq!(Keychain::new("one").identity(), Keychain::new("one").identity());
    }

    #[cfg(not(target_vendor = "apple"))]
    #[tokio::test]
    async fn a_protection_that_the_system_does_not_have_fails_every_call() {
        let name = EntryName::parse("entry").unwrap();
        for protection in [Protection::UserPresence, Protection::Biometry, Protection::CurrentBiometry] {
            let keychain = Keychain::new("hallpass-test").protection(protection);
            assert!(matches!(keychain.load(&name).await, Err(StoreError::Failed(_))));
            assert!(matches!(keychain.save(&name, &StoredValue::new("value")).await, Err(StoreError::Failed(_))));
            assert!(matches!(keychain.delete(&name).await, Err(StoreError::Failed(_))));
            assert!(matches!(keychain.list().await, Err(StoreError::Failed(_))));
        }
    }
}
