//! The device's clocks, moved: for tests of what happens when time has passed.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use hallpass_core::adapters::SystemClock;
use hallpass_core::ports::Clock;
use hallpass_core::protocol::time::Timestamp;

/// The device's clocks, and how far they were moved. For an app's tests; several sessions may share one.
#[derive(Debug, Default, uniffi::Object)]
pub struct ShiftedClock {
    wall_milliseconds: AtomicI64,
    elapsed_milliseconds: AtomicU64,
}

#[uniffi::export]
impl ShiftedClock {
    /// Clocks that have not been moved yet.
    #[uniffi::constructor]
    pub fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    /// Lets time pass. A negative number of milliseconds sets the wall clock back, as people do; the clock that only
    /// runs never goes back.
    pub fn advance(&self, milliseconds: i64) {
        self.wall_milliseconds.fetch_add(milliseconds, Ordering::Relaxed);
        if let Ok(passed) = u64::try_from(milliseconds) {
            self.elapsed_milliseconds.fetch_add(passed, Ordering::Relaxed);
        }
    }
}

/// The core's view of a [`ShiftedClock`].
pub(crate) struct Shifted(pub(crate) Arc<ShiftedClock>);

impl Clock for Shifted {
    fn now(&self) -> Timestamp {
        SystemClock.now().saturating_offset_millis(self.0.wall_milliseconds.load(Ordering::Relaxed))
    }

    fn elapsed(&self) -> Duration {
        let moved = Duration::from_millis(self.0.elapsed_milliseconds.load(Ordering::Relaxed));
        SystemClock.elapsed().saturating_add(moved)
    }
}
