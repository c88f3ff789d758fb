//! The lease of a process, shared by all its renewals.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard};

use crate::ports::{EntryName, Lease, LeaseGuard};

/// Longer than a renewal may take, so that only a process that hangs or is suspended is passed over.
pub(super) const LEASE_TIMEOUT: Duration = Duration::from_secs(45);

/// Longer than a renewal takes when nothing is wrong.
const SHORT_LEASE_TIMEOUT: Duration = Duration::from_secs(5);

/// The account's lease, taken by the first renewal and released by the last.
pub(crate) struct SharedLease {
    port: Option<Arc<dyn Lease>>,
    name: EntryName,
    held: Mutex<Weak<LeaseGuard>>,
}

impl SharedLease {
    pub(crate) fn new(port: Option<Arc<dyn Lease>>, name: EntryName) -> Self {
        Self { port, name, held: Mutex::default() }
    }

    /// Takes the lease, or shares it. When another process keeps it for too long, goes on without: reloading before
    /// and comparing after a renewal is what keeps the record right.
    pub(crate) async fn acquire(&self) -> Arc<LeaseGuard> {
        let Some(port) = &self.port else { return Arc::new(LeaseGuard::unshared()) };
        let held = self.held.lock().await;
        self.share(port, held, LEASE_TIMEOUT).await
    }

    /// The same for what the user waits for: goes on without it sooner.
    pub(crate) async fn acquire_soon(&self) -> Arc<LeaseGuard> {
        let Some(port) = &self.port else { return Arc::new(LeaseGuard::unshared()) };
        match tokio::time::timeout(SHORT_LEASE_TIMEOUT, self.held.lock()).await {
            Ok(held) => self.share(port, held, SHORT_LEASE_TIMEOUT).await,
            Err(_) => Arc::new(LeaseGuard::unshared()),
        }
    }

    async fn share(
        &self,
        port: &Arc<dyn Lease>,
        mut held: MutexGuard<'_, Weak<LeaseGuard>>,
        timeout: Duration,
    ) -> Arc<LeaseGuard> {
        if let Some(guard) = held.upgrade() {
            return guard;
        }
        let guard = port.acquire(&self.name, timeout).await.unwrap_or_else(|busy| {
            tracing::debug!(%busy, "going on without the lease");
            LeaseGuard::unshared()
        });
        let guard = Arc::new(guard);
        *held = Arc::downgrade(&guard);
        guard
    }
}
