//! A clock that the test moves.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use hallpass_core::ports::Clock;
use hallpass_core::protocol::time::Timestamp;

/// 2026-01-01T00:00:00Z
const START: i64 = 1_767_225_600_000;

/// Clones are the same clock.
#[derive(Clone)]
pub(crate) struct TestClock(Arc<Times>);

struct Times {
    wall: AtomicI64,
    elapsed: AtomicU64,
}

impl TestClock {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Times { wall: START.into(), elapsed: 1_000_000.into() }))
    }

    /// Lets time pass.
    pub(crate) fn advance(&self, duration: Duration) {
        let millis = u64::try_from(duration.as_millis()).unwrap();
        self.0.wall.fetch_add(i64::try_from(millis).unwrap(), Ordering::SeqCst);
        self.0.elapsed.fetch_add(millis, Ordering::SeqCst);
    }

    /// Somebody sets the date: forward, or back with a negative number of seconds.
    pub(crate) fn set_wall_by(&self, seconds: i64) {
        self.0.wall.fetch_add(seconds * 1_000, Ordering::SeqCst);
    }

    /// The device is restarted: its own clock begins again.
    pub(crate) fn reboot(&self) {
        self.0.elapsed.store(5_000, Ordering::SeqCst);
    }

    pub(crate) fn unix_seconds(&self) -> i64 {
        self.0.wall.load(Ordering::SeqCst) / 1_000
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_millis(self.0.wall.load(Ordering::SeqCst))
    }

    fn elapsed(&self) -> Duration {
        Duration::from_millis(self.0.elapsed.load(Ordering::SeqCst))
    }
}
