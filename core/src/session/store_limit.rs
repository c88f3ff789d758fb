//! The store with a time limit on every call: one that never answers has failed, and no caller waits forever (rule 2).

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::ports::{EntryName, Lease, SecureStore, StoreError, StoredValue};

/// Longer than a store takes that asks nobody. One that shows a prompt has its user's attention by then, or never gets it.
const LONGEST_CALL: Duration = Duration::from_secs(30);

/// A store that answers in time, if only that it failed.
pub(crate) struct LimitedStore(Arc<dyn SecureStore>);

impl LimitedStore {
    pub(crate) fn new(store: Arc<dyn SecureStore>) -> Self {
        Self(store)
    }
}

#[async_trait]
impl SecureStore for LimitedStore {
    fn identity(&self) -> String {
        self.0.identity()
    }

    async fn load(&self, name: &EntryName) -> Result<Option<StoredValue>, StoreError> {
        with_limit(self.0.load(name)).await
    }

    async fn save(&self, name: &EntryName, value: &StoredValue) -> Result<(), StoreError> {
        with_limit(self.0.save(name, value)).await
    }

    async fn delete(&self, name: &EntryName) -> Result<(), StoreError> {
        with_limit(self.0.delete(name)).await
    }

    async fn list(&self) -> Result<Vec<EntryName>, StoreError> {
        with_limit(self.0.list()).await
    }

    fn default_lease(&self) -> Option<Box<dyn Lease>> {
        self.0.default_lease()
    }
}

async fn with_limit<T>(call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    tokio::time::timeout(LONGEST_CALL, call).await.unwrap_or(Err(StoreError::Failed("the store did not answer")))
}
