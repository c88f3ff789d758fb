//! Apple's systems: generic passwords in the data-protection keychain.
//!
//! An entry is the item with the service, and the entry's name as its account. Its protection is fixed when it is added,
//! and a save changes its data only: with an access control in the query or in the change, the system would ask the
//! user, or find nothing. The protection is told by the item's comment, which can be read without asking.
//!
//! When an app asks for another protection, the entry *moves*: the new value is added under a second service, takes the
//! place of the old one, and leaves the second service. Whoever reads while that goes on, or after a crash in it, finds
//! the old value or the new one.
//!
//! The keychain waits for a daemon, and for the user where one is asked: all of it happens off the runtime's threads.

use std::path::PathBuf;

use core_foundation::data::CFData;
use security_framework::access_control::{ProtectionMode, SecAccessControl};
use security_framework::base::{self, Error};
use security_framework::item::{
    ItemClass, ItemSearchOptions, ItemUpdateOptions, ItemUpdateValue, Limit, SearchResult, update_item,
};
use security_framework::passwords::{
    AccessControlOptions, PasswordOptions, generic_password, set_generic_password_options,
};
use zeroize::Zeroizing;

use super::{Options, Protection};
use crate::ports::{EntryName, StoreError, StoredValue};

pub(super) fn identity(options: &Options) -> String {
    format!("keychain:{}:{}", options.access_group.as_deref().unwrap_or_default(), options.service)
}

/// On a Mac, where every tool of the user's may open the store. An iOS app that is suspended with a file of a shared
/// container locked is ended (`0xdead10cc`): an app there says itself where its lease is.
pub(super) fn lease_directory() -> Option<PathBuf> {
    if !cfg!(target_os = "macos") {
        return None;
    }
    let home = std::env::var_os("HOME").map(PathBuf::from).filter(|home| home.is_absolute())?;
    Some(home.join("Library/Application Support/hallpass"))
}

pub(super) async fn load(options: &Options, name: &EntryName) -> Result<Option<StoredValue>, StoreError> {
    let name = name.clone();
    blocking(options, move |keychain| keychain.load(&name)).await?.map(|value| text(&value)).transpose()
}

pub(super) async fn save(options: &Options, name: &EntryName, value: &StoredValue) -> Result<(), StoreError> {
    let (name, value) = (name.clone(), value.clone());
    blocking(options, move |keychain| keychain.save(&name, value.expose().as_bytes())).await
}

pub(super) async fn delete(options: &Options, name: &EntryName) -> Result<(), StoreError> {
    let name = name.clone();
    blocking(options, move |keychain| keychain.delete(&name)).await
}

pub(super) async fn list(options: &Options) -> Result<Vec<EntryName>, StoreError> {
    blocking(options, Items::list).await
}

async fn blocking<T: Send + 'static>(
    options: &Options,
    call: impl FnOnce(&Items) -> base::Result<T> + Send + 'static,
) -> Result<T, StoreError> {
    let items = Items {
        entries: options.service.clone(),
        moving: format!("{}.moving", options.service),
        options: options.clone(),
    };
    let protection = options.protection;
    match tokio::task::spawn_blocking(move || call(&items)).await {
        Ok(outcome) => outcome.map_err(|error| failure(error, protection)),
        Err(_) => Err(StoreError::Failed("the process is shutting down")),
    }
}

/// The app's items, under the two services that they are kept.
struct Items {
    entries: String,
    moving: String,
    options: Options,
}

impl Items {
    fn load(&self, name: &EntryName) -> base::Result<Option<Zeroizing<Vec<u8>>>> {
        // A move that another process finishes between the first two looks has the entry in its place at the third.
        for service in [&self.entries, &self.moving, &self.entries] {
            if let Some(value) = found(generic_password(self.item(service, name)))? {
                return Ok(Some(Zeroizing::new(value)));
            }
        }
        Ok(None)
    }

    fn save(&self, name: &EntryName, value: &[u8]) -> base::Result<()> {
        // Another process may add or delete the entry between two steps; then the steps begin anew.
        let mut repetitions = 3;
        loop {
            let outcome = match self.protection_of(name)? {
                None => self.add(&self.entries, name, value).and_then(|()| self.remove(&self.moving, name)),
                Some(protection) if protection == comment(self.options.protection) => self.update(name, value),
                Some(_) => self.change_protection(name, value),
            };
            match outcome {
                Err(error)
                    if repetitions > 0 && matches!(error.code(), DUPLICATE_ITEM | ITEM_NOT_FOUND | PARAMETER) =>
                {
                    repetitions -= 1;
                }
                outcome => return outcome,
            }
        }
    }

    fn delete(&self, name: &EntryName) -> base::Result<()> {
        // In this order, because without an entry what was being moved would count.
        self.remove(&self.moving, name)?;
        self.remove(&self.entries, name)
    }

    fn list(&self) -> base::Result<Vec<EntryName>> {
        let mut names = Vec::new();
        for service in [&self.entries, &self.moving] {
            let mut all = self.search(service);
            all.load_attributes(true).limit(Limit::All);
            let results = found(all.search())?.unwrap_or_default();
            names.extend(results.iter().filter_map(|item| attribute(item, ACCOUNT)).filter_map(EntryName::parse));
        }
        names.sort();
        names.dedup();
        Ok(names)
    }

    fn change_protection(&self, name: &EntryName, value: &[u8]) -> base::Result<()> {
        self.remove(&self.moving, name)?;
        self.add(&self.moving, name, value)?;
        self.remove(&self.entries, name)?;
        self.add(&self.entries, name, value)?;
        self.remove(&self.moving, name)
    }

    /// The comment of the entry's item; `None` when there is no item. One without a comment has none of ours.
    fn protection_of(&self, name: &EntryName) -> base::Result<Option<String>> {
        let mut item = self.search(&self.entries);
        item.account(name.as_str()).load_attributes(true).limit(1);
        let results = found(item.search())?;
        Ok(results.map(|results| results.iter().find_map(|item| attribute(item, COMMENT)).unwrap_or_default()))
    }

    fn add(&self, service: &str, name: &EntryName, value: &[u8]) -> base::Result<()> {
        let mut item = self.item(service, name);
        item.set_access_control(access_control(self.options.protection)?);
        item.set_comment(comment(self.options.protection));
        item.set_label(&self.entries);
        set_generic_password_options(value, item)
    }

    fn update(&self, name: &EntryName, value: &[u8]) -> base::Result<()> {
        let mut item = self.search(&self.entries);
        item.account(name.as_str());
        let mut change = ItemUpdateOptions::new();
        change.set_value(ItemUpdateValue::Data(CFData::from_buffer(value)));
        update_item(&item, &change)
    }

    fn remove(&self, service: &str, name: &EntryName) -> base::Result<()> {
        let mut item = self.search(service);
        item.account(name.as_str());
        found(item.delete()).map(drop)
    }

    fn item(&self, service: &str, name: &EntryName) -> PasswordOptions {
        let mut item = PasswordOptions::new_generic_password(service, name.as_str());
        item.use_protected_keychain();
        if let Some(group) = &self.options.access_group {
            item.set_access_group(group);
        }
        item
    }

    fn search(&self, service: &str) -> ItemSearchOptions {
        let mut search = data_protection_keychain();
        search.class(ItemClass::generic_password()).service(service);
        if let Some(group) = &self.options.access_group {
            search.access_group(group);
        }
        search
    }
}

/// macOS has an older, file-based keychain beside it.
#[cfg(target_os = "macos")]
fn data_protection_keychain() -> ItemSearchOptions {
    let mut search = ItemSearchOptions::new();
    search.ignore_legacy_keychains();
    search
}

#[cfg(not(target_os = "macos"))]
fn data_protection_keychain() -> ItemSearchOptions {
    ItemSearchOptions::new()
}

/// The item's attributes by their four-letter names (`kSecAttrAccount`, `kSecAttrComment`).
const ACCOUNT: &str = "acct";
const COMMENT: &str = "icmt";

fn attribute(item: &SearchResult, name: &str) -> Option<String> {
    item.simplify_dict()?.remove(name)
}

/// How a protection is told later: a stored format.
const fn comment(protection: Protection) -> &'static str {
    match protection {
        Protection::AfterFirstUnlock => "hallpass: after first unlock",
        Protection::UserPresence => "hallpass: user presence",
        Protection::Biometry => "hallpass: biometry",
        Protection::CurrentBiometry => "hallpass: current biometry",
    }
}

fn access_control(protection: Protection) -> base::Result<SecAccessControl> {
    let flags = match protection {
        Protection::AfterFirstUnlock => AccessControlOptions::empty(),
        Protection::UserPresence => AccessControlOptions::USER_PRESENCE,
        Protection::Biometry => AccessControlOptions::BIOMETRY_ANY,
        Protection::CurrentBiometry => AccessControlOptions::BIOMETRY_CURRENT_SET,
    };
    let mode = ProtectionMode::AccessibleAfterFirstUnlockThisDeviceOnly;
    SecAccessControl::create_with_protection(Some(mode), flags.bits())
}

fn text(value: &[u8]) -> Result<StoredValue, StoreError> {
    str::from_utf8(value).map(StoredValue::new).map_err(|_| StoreError::Failed("the entry is not UTF-8"))
}

fn found<T>(outcome: base::Result<T>) -> base::Result<Option<T>> {
    match outcome {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.code() == ITEM_NOT_FOUND => Ok(None),
        Err(error) => Err(error),
    }
}

// From Apple's `SecBase.h`; the `-sys` crate has few of them.
const DISK_FULL: i32 = -34;
const PARAMETER: i32 = -50;
const USER_CANCELED: i32 = -128;
const NOT_AVAILABLE: i32 = -25291;
const AUTHENTICATION_FAILED: i32 = -25293;
const DUPLICATE_ITEM: i32 = -25299;
const ITEM_NOT_FOUND: i32 = -25300;
const DATA_TOO_LARGE: i32 = -25302;
const INTERACTION_NOT_ALLOWED: i32 = -25308;
const INTERACTION_REQUIRED: i32 = -25315;
const DECODE: i32 = -26275;
const MISSING_ENTITLEMENT: i32 = -34018;

fn failure(error: Error, protection: Protection) -> StoreError {
    match error.code() {
        INTERACTION_NOT_ALLOWED | INTERACTION_REQUIRED | USER_CANCELED => StoreError::Locked,
        // What the system says of an item bound to fingers or faces that are enrolled no more, but of a failed attempt as
        // well. With every other protection the next attempt may do.
        AUTHENTICATION_FAILED if protection == Protection::CurrentBiometry => StoreError::Invalidated,
        AUTHENTICATION_FAILED => StoreError::Locked,
        // The item is there and its key is not: a keychain restored from the backup of another device.
        DECODE => StoreError::Invalidated,
        MISSING_ENTITLEMENT => StoreError::Failed("the app lacks the entitlement for the keychain or its access group"),
        DISK_FULL => StoreError::Failed("the disk is full"),
        DATA_TOO_LARGE => StoreError::Failed("the value is too large for the keychain"),
        NOT_AVAILABLE => StoreError::Failed("there is no keychain"),
        _ => StoreError::Failed("the keychain reported an error"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_authentication_is_never_taken_for_a_lost_key_unless_the_key_can_be_lost() {
        let failure = |code, protection| failure(Error::from_code(code), protection);
        for protection in [Protection::AfterFirstUnlock, Protection::UserPresence, Protection::Biometry] {
            assert_eq!(failure(AUTHENTICATION_FAILED, protection), StoreError::Locked);
        }
        assert_eq!(failure(AUTHENTICATION_FAILED, Protection::CurrentBiometry), StoreError::Invalidated);
        assert_eq!(failure(INTERACTION_NOT_ALLOWED, Protection::AfterFirstUnlock), StoreError::Locked);
        assert_eq!(failure(DECODE, Protection::AfterFirstUnlock), StoreError::Invalidated);
    }

    /// Needs a Mac whose test binary has a keychain access group, which `cargo test` does not give it.
    #[tokio::test]
    #[ignore = "needs a signed test binary with a keychain access group"]
    async fn a_keychain_keeps_the_contract_of_a_store() {
        crate::adapters::contract::secure_store(async || super::super::Keychain::new("hallpass-tests")).await;
    }
}
