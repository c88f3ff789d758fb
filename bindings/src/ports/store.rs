//! The place where secrets outlive the process.

use std::sync::Arc;

use async_trait::async_trait;
use hallpass_core::ports::{self, EntryName, StoreError, StoredValue};

/// A secure store; what is asked of one is documented at [`ports::SecureStore`].
#[uniffi::export(with_foreign)]
#[async_trait]
pub trait SecureStore: Send + Sync {
    /// Names the storage behind this store. Two stores with the same identity see each other's entries.
    ///
    /// # Errors
    /// Any: the session is then not opened.
    fn identity(&self) -> Result<String, StoreFailure>;

    /// Returns the value last saved under `name`; `None` when there is none.
    ///
    /// # Errors
    /// [`StoreFailure`]; an error never means absent.
    async fn load(&self, name: String) -> Result<Option<String>, StoreFailure>;

    /// Saves `value` under `name`. It is durable when this returns.
    ///
    /// # Errors
    /// [`StoreFailure`]; the value before is then still there.
    async fn save(&self, name: String, value: String) -> Result<(), StoreFailure>;

    /// Deletes the value under `name`; it is no error when there is none.
    ///
    /// # Errors
    /// [`StoreFailure`]; the value is then still there.
    async fn delete(&self, name: String) -> Result<(), StoreFailure>;

    /// Returns the names of all entries.
    ///
    /// # Errors
    /// [`StoreFailure`].
    async fn list(&self) -> Result<Vec<String>, StoreFailure>;
}

/// Why a store did not do as told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum StoreFailure {
    /// It is locked for now.
    #[error("the secure store is locked")]
    Locked,
    /// Its key is gone, and what it held is unreadable.
    #[error("the secure store's key is gone")]
    Invalidated,
    /// Anything else.
    #[error("the secure store failed")]
    Failed,
}

impl From<uniffi::UnexpectedUniFFICallbackError> for StoreFailure {
    fn from(_: uniffi::UnexpectedUniFFICallbackError) -> Self {
        Self::Failed
    }
}

impl From<StoreFailure> for StoreError {
    fn from(failure: StoreFailure) -> Self {
        match failure {
            StoreFailure::Locked => Self::Locked,
            StoreFailure::Invalidated => Self::Invalidated,
            StoreFailure::Failed => Self::Failed("the app's store failed"),
        }
    }
}

/// The core's view of a foreign store.
pub(crate) struct ForeignStore {
    store: Arc<dyn SecureStore>,
    identity: String,
}

impl ForeignStore {
    /// Asks the store for its identity, once: it does not change.
    ///
    /// # Errors
    /// [`hallpass_core::Error::Storage`] when it does not tell.
    pub(crate) fn new(store: Arc<dyn SecureStore>) -> hallpass_core::Result<Self> {
        let identity = store.identity().map_err(StoreError::from)?;
        Ok(Self { store, identity: format!("foreign:{identity}") })
    }
}

#[async_trait]
impl ports::SecureStore for ForeignStore {
    fn identity(&self) -> String {
        self.identity.clone()
    }

    async fn load(&self, name: &EntryName) -> Result<Option<StoredValue>, StoreError> {
        Ok(self.store.load(name.to_string()).await?.map(StoredValue::new))
    }

    async fn save(&self, name: &EntryName, value: &StoredValue) -> Result<(), StoreError> {
        Ok(self.store.save(name.to_string(), value.expose().to_owned()).await?)
    }

    async fn delete(&self, name: &EntryName) -> Result<(), StoreError> {
        Ok(self.store.delete(name.to_string()).await?)
    }

    async fn list(&self) -> Result<Vec<EntryName>, StoreError> {
        // What is no name cannot be an entry of ours.
        Ok(self.store.list().await?.into_iter().filter_map(EntryName::parse).collect())
    }
}
