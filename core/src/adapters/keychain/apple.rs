//! Apple's systems: generic passwords in the data-protection keychain, or in a Mac's login keychain.
//!
//! Here are the calls; what they are for is decided in `entries.rs`, and what their statuses mean in `status.rs`.
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

use super::entries::{Entries, Item, Items};
use super::status::Status;
use super::unlocked::Place;
use super::{Options, Protection};
use crate::adapters::SystemClock;
use crate::ports::{Clock, EntryName, StoreError, StoredValue};

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
    blocking(options, move |entries| entries.load(&name)).await?.map(|value| text(&value)).transpose()
}

pub(super) async fn save(options: &Options, name: &EntryName, value: &StoredValue) -> Result<(), StoreError> {
    let (name, value) = (name.clone(), value.clone());
    blocking(options, move |entries| entries.save(&name, value.expose().as_bytes())).await
}

pub(super) async fn delete(options: &Options, name: &EntryName) -> Result<(), StoreError> {
    let name = name.clone();
    blocking(options, move |entries| entries.delete(&name)).await
}

#[expect(clippy::redundant_closure_for_method_calls, reason = "the method itself is of one lifetime, not of each")]
pub(super) async fn list(options: &Options) -> Result<Vec<EntryName>, StoreError> {
    blocking(options, |entries| entries.list()).await
}

async fn blocking<T: Send + 'static>(
    options: &Options,
    call: impl FnOnce(&Entries<'_, Calls>) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let options = options.clone();
    let work = move || {
        let items = Calls { access_group: options.access_group.clone(), label: options.service.clone() };
        call(&Entries { items, options: &options, now: SystemClock.elapsed() })
    };
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(StoreError::Failed("the process is shutting down")))
}

/// The system's own.
struct Calls {
    access_group: Option<String>,
    /// What a Mac's Keychain Access shows.
    label: String,
}

impl Items for Calls {
    const HAS_LOGIN_KEYCHAIN: bool = cfg!(target_os = "macos");

    fn read(&self, item: &Item<'_>) -> Result<Zeroizing<Vec<u8>>, Status> {
        Ok(Zeroizing::new(generic_password(self.password(item))?))
    }

    fn comment(&self, item: &Item<'_>) -> Result<String, Status> {
        let mut search = self.search(item.place, item.service);
        search.account(item.account).load_attributes(true).limit(1);
        Ok(search.search()?.iter().find_map(|item| attribute(item, COMMENT)).unwrap_or_default())
    }

    fn add(&self, item: &Item<'_>, value: &[u8], comment: &str, protection: Protection) -> Result<(), Status> {
        let mut password = self.password(item);
        if item.place == Place::DataProtection {
            password.set_access_control(access_control(protection)?);
        }
        password.set_comment(comment);
        password.set_label(&self.label);
        Ok(set_generic_password_options(value, password)?)
    }

    fn update(&self, item: &Item<'_>, value: &[u8], comment: &str) -> Result<(), Status> {
        let mut search = self.search(item.place, item.service);
        search.account(item.account);
        let mut change = ItemUpdateOptions::new();
        change.set_value(ItemUpdateValue::Data(CFData::from_buffer(value))).set_comment(comment);
        Ok(update_item(&search, &change)?)
    }

    fn remove(&self, item: &Item<'_>) -> Result<(), Status> {
        let mut search = self.search(item.place, item.service);
        search.account(item.account);
        Ok(search.delete()?)
    }

    fn accounts(&self, place: Place, service: &str) -> Result<Vec<String>, Status> {
        let mut search = self.search(place, service);
        search.load_attributes(true).limit(Limit::All);
        Ok(search.search()?.iter().filter_map(|item| attribute(item, ACCOUNT)).collect())
    }
}

impl Calls {
    fn password(&self, item: &Item<'_>) -> PasswordOptions {
        let mut password = PasswordOptions::new_generic_password(item.service, item.account);
        if item.place == Place::DataProtection {
            password.use_protected_keychain();
        }
        if let Some(group) = &self.access_group {
            password.set_access_group(group);
        }
        password
    }

    fn search(&self, place: Place, service: &str) -> ItemSearchOptions {
        let mut search = keychain(place);
        search.class(ItemClass::generic_password()).service(service);
        if let Some(group) = &self.access_group {
            search.access_group(group);
        }
        search
    }
}

/// macOS has an older, file-based keychain beside the one of iOS.
#[cfg(target_os = "macos")]
fn keychain(place: Place) -> ItemSearchOptions {
    let mut search = ItemSearchOptions::new();
    if place == Place::DataProtection {
        search.ignore_legacy_keychains();
    }
    search
}

#[cfg(not(target_os = "macos"))]
fn keychain(_: Place) -> ItemSearchOptions {
    ItemSearchOptions::new()
}

/// The item's attributes by their four-letter names (`kSecAttrAccount`, `kSecAttrComment`).
const ACCOUNT: &str = "acct";
const COMMENT: &str = "icmt";

fn attribute(item: &SearchResult, name: &str) -> Option<String> {
    item.simplify_dict()?.remove(name)
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

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        Self(error.code())
    }
}

#[cfg(test)]
mod tests {
    /// Needs a Mac whose test binary has a keychain access group, which `cargo test` does not give it.
    #[tokio::test]
    #[ignore = "needs a signed test binary with a keychain access group"]
    async fn a_keychain_keeps_the_contract_of_a_store() {
        crate::adapters::contract::secure_store(async || super::super::Keychain::new("hallpass-tests")).await;
    }
}
