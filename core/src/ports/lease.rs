//! A lease, with which processes that share an account take turns.

use std::time::Duration;

use async_trait::async_trait;

use super::EntryName;

/// A short, exclusive lease across processes (an app and its extensions, two terminals), held while a refresh token is
/// being exchanged.
///
/// It only saves requests. Correctness depends on reading the record again before a renewal and comparing after a refusal,
/// so a process that ends or is suspended while it holds the lease does no harm.
#[async_trait]
pub trait Lease: Send + Sync + 'static {
    /// Takes the lease called `name`, waiting at most `patience`. It is released when the guard is dropped, and by the
    /// system when the process ends.
    ///
    /// # Errors
    /// [`LeaseBusy`] when another holder still has it.
    async fn acquire(&self, name: &EntryName, patience: Duration) -> Result<LeaseGuard, LeaseBusy>;
}

/// A held lease; dropping it releases it.
pub struct LeaseGuard(Option<Box<dyn Send + Sync>>);

impl LeaseGuard {
    /// A guard that drops `held` when it is dropped.
    pub fn new(held: impl Send + Sync + 'static) -> Self {
        Self(Some(Box::new(held)))
    }

    /// A guard that holds nothing, for an account that no other process can share.
    pub fn unshared() -> Self {
        Self(None)
    }
}

impl std::fmt::Debug for LeaseGuard {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(if self.0.is_some() { "LeaseGuard(held)" } else { "LeaseGuard(unshared)" })
    }
}

/// Another process holds the lease, or it cannot be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("another process holds the lease")]
pub struct LeaseBusy;
