//! What keeps a process awake while it holds the lease.
//!
//! iOS ends a process that is suspended while it has a file of a shared container locked (`0xdead10cc`). So the system is
//! asked for time before the lock is taken and told when it has been released; when the time ends first, the lock is
//! released there and then. The engine goes on without it: the lease saves requests, and correctness rests on the record.

use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use hallpass_core::ports::{EntryName, Lease, LeaseBusy, LeaseGuard};

/// Keeps the process from being suspended while it holds a lease.
#[uniffi::export(with_foreign)]
pub trait LeaseKeeper: Send + Sync {
    /// A lease is about to be taken. When the system wants to suspend the process before [`LeaseKeeper::end`] is called with the
    /// same number, `lease` has to be released first.
    ///
    /// # Errors
    /// Any: the lease is then not taken.
    fn begin(&self, number: u64, lease: Arc<HeldLease>) -> Result<(), LeaseFailure>;

    /// The lease with this number is released, or was never taken.
    ///
    /// # Errors
    /// Any; nothing comes of it.
    fn end(&self, number: u64) -> Result<(), LeaseFailure>;
}

/// What a keeper throws.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum LeaseFailure {
    /// The process cannot be kept awake.
    #[error("the process cannot be kept awake")]
    Failed,
}

impl From<uniffi::UnexpectedUniFFICallbackError> for LeaseFailure {
    fn from(_: uniffi::UnexpectedUniFFICallbackError) -> Self {
        Self::Failed
    }
}

/// A lease that is being taken or is held.
#[derive(Debug, uniffi::Object)]
pub struct HeldLease(Mutex<Hold>);

#[derive(Debug)]
enum Hold {
    Waiting,
    Held { _guard: LeaseGuard },
    Released,
}

#[uniffi::export]
impl HeldLease {
    /// Releases the lock now, whatever goes on under it; one that is still waited for is not taken.
    pub fn release(&self) {
        drop(self.replace(Hold::Released));
    }
}

impl HeldLease {
    fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(Hold::Waiting)))
    }

    /// Keeps the guard until [`HeldLease::release`]. Returns false, and releases it, when that was called before.
    fn hold(&self, guard: LeaseGuard) -> bool {
        let mut hold = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match *hold {
            Hold::Waiting | Hold::Held { .. } => {
                *hold = Hold::Held { _guard: guard };
                true
            }
            Hold::Released => false,
        }
    }

    fn replace(&self, next: Hold) -> Hold {
        mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), next)
    }
}

/// A lease whose process is kept awake from before it is taken until after it is released.
pub(crate) struct KeptLease<L> {
    lease: L,
    keeper: Arc<dyn LeaseKeeper>,
    latest: AtomicU64,
}

impl<L: Lease> KeptLease<L> {
    pub(crate) fn new(lease: L, keeper: Arc<dyn LeaseKeeper>) -> Self {
        Self { lease, keeper, latest: AtomicU64::new(0) }
    }
}

#[async_trait]
impl<L: Lease> Lease for KeptLease<L> {
    async fn acquire(&self, name: &EntryName, patience: Duration) -> Result<LeaseGuard, LeaseBusy> {
        let number = self.latest.fetch_add(1, Ordering::Relaxed) + 1;
        let held = HeldLease::new();
        self.keeper.begin(number, Arc::clone(&held)).map_err(|_| LeaseBusy)?;
        // From here on dropped in any case, also when nobody waits for the lease any more.
        let kept = Kept { number, held, keeper: Arc::clone(&self.keeper) };
        let guard = self.lease.acquire(name, patience).await?;
        if kept.held.hold(guard) { Ok(LeaseGuard::new(kept)) } else { Err(LeaseBusy) }
    }
}

/// Releases the lease, then lets the process sleep.
struct Kept {
    number: u64,
    held: Arc<HeldLease>,
    keeper: Arc<dyn LeaseKeeper>,
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.held.release();
        // What a keeper throws here changes nothing: the lock is released.
        let _ended = self.keeper.end(self.number);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use hallpass_core::adapters::{FileLease, contract};

    use super::*;

    /// A system that grants time, or none, and takes it back.
    #[derive(Default)]
    struct FakeKeeper {
        running: Mutex<BTreeMap<u64, Arc<HeldLease>>>,
        refuses: bool,
    }

    impl FakeKeeper {
        fn expire(&self) {
            for lease in self.running.lock().unwrap().values() {
                lease.release();
            }
        }

        fn running(&self) -> usize {
            self.running.lock().unwrap().len()
        }
    }

    impl LeaseKeeper for FakeKeeper {
        fn begin(&self, number: u64, lease: Arc<HeldLease>) -> Result<(), LeaseFailure> {
            if self.refuses {
                return Err(LeaseFailure::Failed);
            }
            assert!(self.running.lock().unwrap().insert(number, lease).is_none(), "two leases of one number");
            Ok(())
        }

        fn end(&self, number: u64) -> Result<(), LeaseFailure> {
            assert!(self.running.lock().unwrap().remove(&number).is_some(), "ended twice, or never begun");
            Ok(())
        }
    }

    fn name() -> EntryName {
        EntryName::parse("session").unwrap()
    }

    #[tokio::test]
    async fn a_lease_that_keeps_the_process_awake_keeps_the_contract_of_a_lease() {
        let folder = tempfile::tempdir().unwrap();
        let keeper = Arc::new(FakeKeeper::default());
        contract::lease(|| KeptLease::new(FileLease::in_directory(folder.path()), Numbered::shared(&keeper))).await;
        assert_eq!(keeper.running(), 0);
    }

    #[tokio::test]
    async fn a_process_is_awake_for_as_long_as_the_lock_is_held() {
        let folder = tempfile::tempdir().unwrap();
        let keeper = Arc::new(FakeKeeper::default());
        let lease = KeptLease::new(FileLease::in_directory(folder.path()), Arc::<FakeKeeper>::clone(&keeper));
        let held = lease.acquire(&name(), Duration::ZERO).await.unwrap();
        assert_eq!(keeper.running(), 1);
        assert!(lease.acquire(&name(), Duration::ZERO).await.is_err());
        assert_eq!(keeper.running(), 1, "one that was not taken keeps nobody awake");
        drop(held);
        assert_eq!(keeper.running(), 0);
    }

    #[tokio::test]
    async fn a_lease_whose_time_is_over_is_free_for_the_next_process_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let keeper = Arc::new(FakeKeeper::default());
        let lease = KeptLease::new(FileLease::in_directory(folder.path()), Arc::<FakeKeeper>::clone(&keeper));
        let other = FileLease::in_directory(folder.path());
        let held = lease.acquire(&name(), Duration::ZERO).await.unwrap();
        assert!(other.acquire(&name(), Duration::ZERO).await.is_err());
        keeper.expire();
        assert!(other.acquire(&name(), Duration::ZERO).await.is_ok());
        drop(held);
        assert_eq!(keeper.running(), 0);
    }

    #[tokio::test]
    async fn a_lease_that_was_waited_for_when_the_time_ended_is_not_taken() {
        let folder = tempfile::tempdir().unwrap();
        let keeper = Arc::new(FakeKeeper::default());
        let lease = KeptLease::new(FileLease::in_directory(folder.path()), Arc::<FakeKeeper>::clone(&keeper));
        let other = FileLease::in_directory(folder.path());
        let held = other.acquire(&name(), Duration::ZERO).await.unwrap();
        let (name, patience) = (name(), Duration::from_secs(10));
        let (waiting, ()) = tokio::join!(lease.acquire(&name, patience), async {
            while keeper.running() == 0 {
                tokio::task::yield_now().await;
            }
            keeper.expire();
            drop(held);
        });
        assert_eq!(waiting.map(drop), Err(LeaseBusy));
        assert_eq!(keeper.running(), 0);
        assert!(other.acquire(&name, Duration::ZERO).await.is_ok());
    }

    #[tokio::test]
    async fn a_process_that_cannot_be_kept_awake_takes_no_lock() {
        let folder = tempfile::tempdir().unwrap();
        let keeper = Arc::new(FakeKeeper { refuses: true, ..FakeKeeper::default() });
        let lease = KeptLease::new(FileLease::in_directory(folder.path()), keeper);
        assert!(lease.acquire(&name(), Duration::ZERO).await.is_err());
        assert!(FileLease::in_directory(folder.path()).acquire(&name(), Duration::ZERO).await.is_ok());
    }

    /// Several leases of one keeper, each with numbers of its own, as each session has a keeper of its own.
    struct Numbered {
        keeper: Arc<FakeKeeper>,
        offset: u64,
    }

    impl Numbered {
        fn shared(keeper: &Arc<FakeKeeper>) -> Arc<Self> {
            static NEXT: AtomicU64 = AtomicU64::new(0);
            Arc::new(Self { keeper: Arc::clone(keeper), offset: NEXT.fetch_add(1_000_000, Ordering::Relaxed) })
        }
    }

    impl LeaseKeeper for Numbered {
        fn begin(&self, number: u64, lease: Arc<HeldLease>) -> Result<(), LeaseFailure> {
            self.keeper.begin(self.offset + number, lease)
        }

        fn end(&self, number: u64) -> Result<(), LeaseFailure> {
            self.keeper.end(self.offset + number)
        }
    }
}
