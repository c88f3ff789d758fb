//! A clock that goes on with Tokio's, which every test pauses, and that the test moves as well.
//!
//! When the engine waits for two seconds, two seconds are over by this clock too. What the test moves by itself is time that
//! the device slept, or a date that somebody set.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use hallpass_core::ports::Clock;
use hallpass_core::protocol::time::Timestamp;
use tokio::time::Instant;

/// 2026-01-01T00:00:00Z
const START: i64 = 1_767_225_600_000;

/// Clones are the same clock.
#[derive(Clone)]
pub(crate) struct TestClock(Arc<Times>);

/// All in milliseconds, and without what has passed by Tokio's clock since `began`.
struct Times {
    began: Instant,
    wall: AtomicI64,
    elapsed: AtomicI64,
}

impl TestClock {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Times { began: Instant::now(), wall: START.into(), elapsed: 1_000_000.into() }))
    }

    /// The device sleeps for so long: its clocks go on, and no timer does.
    pub(crate) fn advance(&self, duration: Duration) {
        let millis = i64::try_from(duration.as_millis()).unwrap();
        self.0.wall.fetch_add(millis, Ordering::SeqCst);
        self.0.elapsed.fetch_add(millis, Ordering::SeqCst);
    }

    /// Somebody sets the date: forward, or back with a negative number of seconds.
    pub(crate) fn set_wall_by(&self, seconds: i64) {
        self.0.wall.fetch_add(seconds * 1_000, Ordering::SeqCst);
    }

    /// The device is restarted: its own clock begins again.
    pub(crate) fn reboot(&self) {
        self.0.elapsed.store(5_000 - self.0.running(), Ordering::SeqCst);
    }

    pub(crate) fn unix_seconds(&self) -> i64 {
        self.now().unix_seconds()
    }
}

impl Times {
    fn running(&self) -> i64 {
        i64::try_from(self.began.elapsed().as_millis()).unwrap()
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_millis(self.0.wall.load(Ordering::SeqCst) + self.0.running())
    }

    fn elapsed(&self) -> Duration {
        let millis = self.0.elapsed.load(Ordering::SeqCst) + self.0.running();
        Duration::from_millis(u64::try_from(millis).unwrap())
    }
}
