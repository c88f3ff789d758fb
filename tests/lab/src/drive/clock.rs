//! The driver's clock: the system's, moved as a test says.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use hallpass_core::adapters::SystemClock;
use hallpass_core::ports::Clock;
use hallpass_core::protocol::time::Timestamp;

/// A clock that all sessions of a driver share.
#[derive(Clone, Default)]
pub struct MovableClock(Arc<Moved>);

#[derive(Default)]
struct Moved {
    wall_millis: AtomicI64,
    elapsed_millis: AtomicU64,
}

impl MovableClock {
    /// Lets `seconds` pass: for the wall clock and for the time that only runs. A negative number sets the wall clock
    /// back, as a user does; the other never goes back.
    pub fn advance(&self, seconds: f64) {
        let millis = (seconds * 1000.0).round();
        // A float that does not fit is clamped, and NaN is 0.
        self.0.wall_millis.fetch_add(millis as i64, Ordering::SeqCst);
        self.0.elapsed_millis.fetch_add(millis as u64, Ordering::SeqCst);
    }
}

impl Clock for MovableClock {
    fn now(&self) -> Timestamp {
        SystemClock.now().saturating_offset_millis(self.0.wall_millis.load(Ordering::SeqCst))
    }

    fn elapsed(&self) -> Duration {
        SystemClock.elapsed().saturating_add(Duration::from_millis(self.0.elapsed_millis.load(Ordering::SeqCst)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_let_pass_passes_on_both_clocks_of_every_clone() {
        let clock = MovableClock::default();
        let (wall, elapsed) = (clock.now(), clock.elapsed());
        clock.clone().advance(3600.5);
        let (later, longer) = (clock.now().saturating_since(wall), clock.elapsed() - elapsed);
        for passed in [later, longer] {
            assert!(
                passed >= Duration::from_millis(3_600_500) && passed < Duration::from_millis(3_605_000),
                "{passed:?}"
            );
        }
    }

    #[test]
    fn clock_set_back_moves_the_wall_clock_alone() {
        let clock = MovableClock::default();
        let (wall, elapsed) = (clock.now(), clock.elapsed());
        clock.advance(-3600.0);
        assert!(wall.saturating_since(clock.now()) > Duration::from_secs(3590));
        assert!(clock.elapsed() >= elapsed && clock.elapsed() - elapsed < Duration::from_secs(5));
    }
}
