//! The system's own secure store: the Keychain on Apple's systems, the Secret Service on Linux.

// A platform has one file with the same six functions.
#[cfg_attr(target_vendor = "apple", path = "apple.rs")]
#[cfg_attr(target_os = "linux", path = "secret_service.rs")]
#[cfg_attr(not(any(target_vendor = "apple", target_os = "linux")), path = "unsupported.rs")]
mod platform;

use std::sync::Arc;

use async_trait::async_trait;

use super::FileLease;
use crate::ports::{EntryName, Lease, SecureStore, StoreError, StoredValue};

/// Entries in the system's secure store, each an item of its own named by a service and the entry's name.
///
/// | | Apple | Linux |
/// |---|---|---|
/// | an entry is | a generic password in the data-protection keychain, on this device only and in no backup | an item, looked for in every collection; a new one is made in the default collection |
/// | [`StoreError::Locked`] | before the first unlock after a boot; or the user did not authenticate | its collection is locked, or none has it and the default collection is locked; none is ever unlocked here, because that asks the user |
/// | [`StoreError::Invalidated`] | the item's key is gone | does not occur |
///
/// On a desktop (Linux, macOS) it brings a lease, a locked file in the user's own folder for such things, so that two
/// terminals make one request.
///
/// Elsewhere every call fails; an app there brings a [`SecureStore`] of its own.
#[derive(Debug, Clone)]
pub struct Keychain(Arc<Options>);

/// What an app can say about its entries.
#[derive(Debug, Clone)]
struct Options {
    service: String,
    access_group: Option<String>,
    protection: Protection,
}

/// What it takes to read an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Protection {
    /// The device was unlocked once since it booted. It allows renewals in the background.
    #[default]
    AfterFirstUnlock,
    /// The user shows to be present each time, by biometry or the device's passcode. Apple only: elsewhere every call
    /// fails, rather than store something with less protection than was asked for.
    UserPresence,
    /// The user shows to be present by biometry each time. Apple only, as above.
    Biometry,
    /// The user shows to be present by a finger or face that was enrolled when the entry was saved; enrolling another
    /// makes the entry unreadable for ever ([`StoreError::Invalidated`]). Apple only, as above.
    CurrentBiometry,
}

impl Keychain {
    /// The entries of `service`, such as the app's bundle identifier.
    pub fn new(service: impl Into<String>) -> Self {
        Self(Arc::new(Options { service: service.into(), access_group: None, protection: Protection::default() }))
    }

    /// Shares the entries with the apps and extensions of the same access group, `TEAMID.com.example.shared`, which each
    /// of them names in its entitlements. Without one, they are in the app's first group. Apple only: on Linux all of
    /// the user's programs share the Secret Service as it is.
    #[must_use]
    pub fn access_group(mut self, group: impl Into<String>) -> Self {
        Arc::make_mut(&mut self.0).access_group = Some(group.into());
        self
    }

    /// Asks for more than the default before an entry can be read. An entry that was saved with another protection gets
    /// this one with its next save.
    #[must_use]
    pub fn protection(mut self, protection: Protection) -> Self {
        Arc::make_mut(&mut self.0).protection = protection;
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
