//! The contract of [`Lease`].

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::{STEP, entry_name};
use crate::ports::{Lease, LeaseBusy, LeaseGuard};

/// Runs the suite on a lease. Each call of `open` returns a new handle for the same leases, as in another process.
///
/// That the system takes a lease back from a process that died is not tested here: it takes a process.
///
/// # Panics
/// When the lease breaks its contract.
pub async fn lease<L: Lease>(open: impl Fn() -> L) {
    held_by_one_it_is_busy_for_another(&open).await;
    another_name_is_another_lease(&open).await;
    a_waiter_gets_it_when_it_is_released(&open).await;
    a_waiter_gives_up_when_its_patience_ends(&open).await;
    a_waiter_that_goes_away_takes_nothing(&open).await;
    of_many_one_holds_it_at_a_time(&open).await;
}

async fn held_by_one_it_is_busy_for_another<L: Lease>(open: &impl Fn() -> L) {
    let (one, other) = (open(), open());
    let held = acquire(&one, "contract.lease", Duration::ZERO).await.expect("a free lease is taken without patience");
    assert!(acquire(&other, "contract.lease", Duration::ZERO).await.is_err(), "two hold one lease");
    assert!(acquire(&one, "contract.lease", Duration::ZERO).await.is_err(), "one handle holds one lease twice");
    drop(held);
    assert!(acquire(&other, "contract.lease", Duration::ZERO).await.is_ok(), "a released lease is free at once");
}

async fn another_name_is_another_lease<L: Lease>(open: &impl Fn() -> L) {
    let lease = open();
    let _one = acquire(&lease, "contract.lease", Duration::ZERO).await.expect("it is free");
    assert!(acquire(&lease, "contract.other", Duration::ZERO).await.is_ok(), "a lease of another name was held");
}

async fn a_waiter_gets_it_when_it_is_released<L: Lease>(open: &impl Fn() -> L) {
    let (one, other) = (open(), open());
    let held = acquire(&one, "contract.lease", Duration::ZERO).await.expect("it is free");
    let release = async {
        sleep(Duration::from_millis(100)).await;
        drop(held);
        Instant::now()
    };
    let waiter = async { (acquire(&other, "contract.lease", STEP).await, Instant::now()) };
    let (released, (acquired, at)) = tokio::join!(release, waiter);
    assert!(acquired.is_ok(), "a waiter gets the lease");
    assert!(at >= released, "the lease was taken while it was held");
    assert!(at - released < Duration::from_secs(1), "a waiter took {:?} to notice", at - released);
}

async fn a_waiter_gives_up_when_its_patience_ends<L: Lease>(open: &impl Fn() -> L) {
    let (one, other) = (open(), open());
    let _held = acquire(&one, "contract.lease", Duration::ZERO).await.expect("it is free");
    let patience = Duration::from_millis(150);
    let start = Instant::now();
    assert!(matches!(acquire(&other, "contract.lease", patience).await, Err(LeaseBusy)), "two hold one lease");
    let waited = start.elapsed();
    assert!(waited >= patience && waited < patience + Duration::from_secs(2), "it waited {waited:?} with {patience:?}");
}

async fn a_waiter_that_goes_away_takes_nothing<L: Lease>(open: &impl Fn() -> L) {
    let (one, other, third) = (open(), open(), open());
    let held = acquire(&one, "contract.lease", Duration::ZERO).await.expect("it is free");
    let gone = timeout(Duration::from_millis(50), other.acquire(&entry_name("contract.lease"), STEP)).await;
    assert!(gone.is_err(), "two hold one lease");
    drop(held);
    let free = acquire(&third, "contract.lease", Duration::from_secs(2)).await;
    assert!(free.is_ok(), "a waiter that went away still took the lease");
}

async fn of_many_one_holds_it_at_a_time<L: Lease>(open: &impl Fn() -> L) {
    let inside = Arc::new(std::sync::Mutex::new(()));
    let mut holders = tokio::task::JoinSet::new();
    for _ in 0..5 {
        let (lease, inside) = (open(), Arc::clone(&inside));
        holders.spawn(async move {
            let held = acquire(&lease, "contract.lease", STEP).await.expect("each gets its turn");
            {
                let _alone = inside.try_lock().expect("two hold one lease");
                std::thread::sleep(Duration::from_millis(10));
            }
            drop(held);
        });
    }
    while let Some(holder) = holders.join_next().await {
        holder.expect("a holder failed");
    }
}

async fn acquire(lease: &impl Lease, name: &str, patience: Duration) -> Result<LeaseGuard, LeaseBusy> {
    timeout(STEP * 2, lease.acquire(&entry_name(name), patience))
        .await
        .expect("the lease took far longer than its patience")
}
