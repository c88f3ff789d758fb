//! Systems whose secure store is not spoken to here. On Android it is the platform layer's, in Kotlin.

use std::path::PathBuf;

use super::Options;
use crate::ports::{EntryName, StoreError, StoredValue};

const UNSUPPORTED: StoreError =
    StoreError::Failed("this system's secure store is not supported; give the session another");

pub(super) fn identity(options: &Options) -> String {
    format!("unsupported keychain:{}", options.service)
}

pub(super) fn lease_directory() -> Option<PathBuf> {
    None
}

pub(super) async fn load(_options: &Options, _name: &EntryName) -> Result<Option<StoredValue>, StoreError> {
    Err(UNSUPPORTED)
}

pub(super) async fn save(_options: &Options, _name: &EntryName, _value: &StoredValue) -> Result<(), StoreError> {
    Err(UNSUPPORTED)
}

pub(super) async fn delete(_options: &Options, _name: &EntryName) -> Result<(), StoreError> {
    Err(UNSUPPORTED)
}

pub(super) async fn list(_options: &Options) -> Result<Vec<EntryName>, StoreError> {
    Err(UNSUPPORTED)
}
