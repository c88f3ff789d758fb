//! Processes that share an account take turns.

use std::time::Duration;

use async_trait::async_trait;

use super::EntryName;

/// A short, exclusive lease across processes (an app and its extensions, two terminals), held while a refresh token is
/// being exchanged.
///
/// It only saves requests: correctness rests on reloading the record before a renewal and comparing after a refusal,
/// so that a process which dies or is suspended with the lease in its hand harms nobody.
#[async_trait]
pub trait Lease: Send + Sync + 'static {
    /// Takes the lease called `name`, waiting at most `patience`. It is released when the guard is dropped, and by the
    /// system when the process ends.
    ///
    /// # Errors
    /// [`LeaseBusy`] when somebody else still holds it.
    async fn acquire(&self, name: &EntryName, patience: Duration) -> Result<LeaseGuard, LeaseBusy>;
}

/// A lease in the hand; dropping it releases it.
pub struct LeaseGuard(Option<Box<dyn Send + Sync>>);

impl LeaseGuard {
    /// A guard that drops `held` when it is dropped.
    pub fn new(held: impl Send + Sync + 'static) -> Self {
        Self(Some(Box::new(held)))
    }

    /// A guard over nothing, where no other process can share the account.
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
