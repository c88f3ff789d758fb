//! Storage for secrets that outlives the process.

use std::fmt;

use async_trait::async_trait;
use zeroize::Zeroizing;

use super::Lease;

/// A secure store: Keychain, Android Keystore, Secret Service.
///
/// An implementation
/// - makes a value durable before `save` returns, and replaces it as a whole: a reader sees the old value or the new one;
/// - distinguishes *absent* (`Ok(None)`), *locked*, *invalidated* and *failed*, and destroys nothing when it fails;
/// - encrypts what it writes, or uses the system's own store for that, and keeps it out of backups;
/// - may be called from any thread, several calls at once, also by other processes that share the store.
///
/// `adapters::contract::secure_store` tests what can be tested from outside.
#[async_trait]
pub trait SecureStore: Send + Sync + 'static {
    /// Names the storage behind this store (such as service and access group, or a path). Two stores with the same
    /// identity see each other's entries; so two sessions of one account are detected.
    fn identity(&self) -> String;

    /// Returns the value last saved under `name`, or `None`.
    ///
    /// # Errors
    /// [`StoreError`]; an error never means absent.
    async fn load(&self, name: &EntryName) -> Result<Option<StoredValue>, StoreError>;

    /// Saves `value` under `name` and replaces the previous value. It is durable when this returns.
    ///
    /// # Errors
    /// [`StoreError`]; the previous value is then still there.
    async fn save(&self, name: &EntryName, value: &StoredValue) -> Result<(), StoreError>;

    /// Deletes the value under `name`; no error if there is none.
    ///
    /// # Errors
    /// [`StoreError`]; the value is then still there.
    async fn delete(&self, name: &EntryName) -> Result<(), StoreError>;

    /// Returns the names of all entries, in no particular order. Unlocks nothing.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn list(&self) -> Result<Vec<EntryName>, StoreError>;

    /// The lease of a session that is given none, for a store that several processes of the user may open. `None` by
    /// default.
    fn default_lease(&self) -> Option<Box<dyn Lease>> {
        None
    }
}

/// A store that is shared is a store.
#[async_trait]
impl<S: SecureStore + ?Sized> SecureStore for std::sync::Arc<S> {
    fn identity(&self) -> String {
        (**self).identity()
    }

    async fn load(&self, name: &EntryName) -> Result<Option<StoredValue>, StoreError> {
        (**self).load(name).await
    }

    async fn save(&self, name: &EntryName, value: &StoredValue) -> Result<(), StoreError> {
        (**self).save(name, value).await
    }

    async fn delete(&self, name: &EntryName) -> Result<(), StoreError> {
        (**self).delete(name).await
    }

    async fn list(&self) -> Result<Vec<EntryName>, StoreError> {
        (**self).list().await
    }

    fn default_lease(&self) -> Option<Box<dyn Lease>> {
        (**self).default_lease()
    }
}

/// Why an operation of the store failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// It is locked: before the first unlock after a boot, or until the user enters a password. Try again later.
    #[error("the secure store is locked")]
    Locked,
    /// Its values can never be read again: the key is gone (a restored backup, a removed screen lock).
    #[error("the secure store's key is gone and what it held is unreadable")]
    Invalidated,
    /// Anything else, such as a full disk or a service that is not running. Trying again may help.
    #[error("the secure store failed: {0}")]
    Failed(&'static str),
}

/// The name of an entry: 1 to 128 of `A-Z a-z 0-9 . _ - @ +`, not beginning with a dot. So it can be an attribute, a
/// Keychain account or a file name unchanged.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntryName(String);

impl EntryName {
    /// Returns the name, or `None` if it is not valid.
    pub fn parse(name: impl Into<String>) -> Option<Self> {
        let name = name.into();
        let length = (1..=128).contains(&name.len());
        let characters = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-@+".contains(&byte));
        (length && characters && !name.starts_with('.')).then_some(Self(name))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EntryName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The value of an entry: text that is zeroed when dropped, and never shown by `Debug`.
#[derive(Clone)]
pub struct StoredValue(Zeroizing<String>);

impl StoredValue {
    /// The value with this text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text, secrets included.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for StoredValue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "[StoredValue, {} bytes]", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_name_with_a_path_in_it_is_refused() {
        for name in ["", ".", "..", ".hidden", "a/b", "a\\b", "a b", "ü", "a\0b", &"a".repeat(129)] {
            assert!(EntryName::parse(name).is_none(), "{name:?} was accepted");
        }
    }

    #[test]
    fn an_entry_name_of_an_account_is_accepted() {
        for name in ["session.0f1e.ada+work@example.com", "a", &"a".repeat(128)] {
            assert_eq!(EntryName::parse(name).map(|name| name.to_string()).as_deref(), Some(name));
        }
    }

    #[test]
    fn a_stored_value_shows_its_length_only() {
        assert_eq!(format!("{:?}", StoredValue::new("secret")), "[StoredValue, 6 bytes]");
    }
}
