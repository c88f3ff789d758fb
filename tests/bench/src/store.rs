//! A store that counts what is asked of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use hallpass_core::adapters::MemoryStore;
use hallpass_core::ports::{EntryName, SecureStore, StoreError, StoredValue};

/// A store in memory. Clones are the same store.
#[derive(Clone, Default)]
pub struct CountingStore {
    store: Arc<MemoryStore>,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    reads: AtomicUsize,
    writes: AtomicUsize,
}

impl CountingStore {
    /// How often the record of a session was read.
    #[must_use]
    pub fn reads(&self) -> usize {
        self.counts.reads.load(Ordering::SeqCst)
    }

    /// How often the record of a session was written, and is durable since.
    #[must_use]
    pub fn writes(&self) -> usize {
        self.counts.writes.load(Ordering::SeqCst)
    }

    /// Counts from nothing again.
    pub fn forget(&self) {
        self.counts.reads.store(0, Ordering::SeqCst);
        self.counts.writes.store(0, Ordering::SeqCst);
    }
}

/// The provider's metadata and a login in progress have entries of their own.
fn is_session(name: &EntryName) -> bool {
    name.as_str().starts_with("session")
}

#[async_trait]
impl SecureStore for CountingStore {
    fn identity(&self) -> String {
        self.store.identity()
    }

    async fn load(&self, name: &EntryName) -> Result<Option<StoredValue>, StoreError> {
        self.counts.reads.fetch_add(usize::from(is_session(name)), Ordering::SeqCst);
        self.store.load(name).await
    }

    async fn save(&self, name: &EntryName, value: &StoredValue) -> Result<(), StoreError> {
        let saved = self.store.save(name, value).await;
        self.counts.writes.fetch_add(usize::from(is_session(name)), Ordering::SeqCst);
        saved
    }

    async fn delete(&self, name: &EntryName) -> Result<(), StoreError> {
        self.store.delete(name).await
    }

    async fn list(&self) -> Result<Vec<EntryName>, StoreError> {
        self.store.list().await
    }
}
