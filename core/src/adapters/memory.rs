//! A store that lasts as long as the process.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::ports::{EntryName, SecureStore, StoreError, StoredValue};

/// Entries in this process's memory. A clone is another handle on the same entries; [`MemoryStore::new`] creates a new,
/// empty store.
#[derive(Clone)]
pub struct MemoryStore(Arc<Entries>);

struct Entries {
    number: u64,
    values: Mutex<BTreeMap<EntryName, StoredValue>>,
}

impl MemoryStore {
    /// A store without entries.
    #[must_use]
    pub fn new() -> Self {
        static CREATED: AtomicU64 = AtomicU64::new(0);
        let number = CREATED.fetch_add(1, Ordering::Relaxed);
        Self(Arc::new(Entries { number, values: Mutex::default() }))
    }

    fn values(&self) -> MutexGuard<'_, BTreeMap<EntryName, StoredValue>> {
        // Each use is one call on the map, so a panic elsewhere cannot have left it half changed.
        self.0.values.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "MemoryStore({}, {} entries)", self.0.number, self.values().len())
    }
}

#[async_trait]
impl SecureStore for MemoryStore {
    fn identity(&self) -> String {
        format!("memory:{}", self.0.number)
    }

    async fn load(&self, name: &EntryName) -> Result<Option<StoredValue>, StoreError> {
        Ok(self.values().get(name).cloned())
    }

    async fn save(&self, name: &EntryName, value: &StoredValue) -> Result<(), StoreError> {
        self.values().insert(name.clone(), value.clone());
        Ok(())
    }

    async fn delete(&self, name: &EntryName) -> Result<(), StoreError> {
        self.values().remove(name);
        Ok(())
    }

    async fn list(&self) -> Result<Vec<EntryName>, StoreError> {
        Ok(self.values().keys().cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_stores_made_apart_have_identities_of_their_own() {
        assert_ne!(MemoryStore::new().identity(), MemoryStore::new().identity());
    }

    #[tokio::test]
    async fn a_store_printed_shows_how_many_entries_it_has_and_none_of_them() {
        let store = MemoryStore::new();
        store.save(&EntryName::parse("name").unwrap(), &StoredValue::new("secret")).await.unwrap();
        let shown = format!("{store:?}");
        assert!(shown.ends_with("1 entries)") && !shown.contains("secret") && !shown.contains("name"), "{shown}");
    }
}
