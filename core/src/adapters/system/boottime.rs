//! Linux and Android: `CLOCK_BOOTTIME` counts sleep, `CLOCK_MONOTONIC` (and so [`std::time::Instant`]) does not.
//!
//! Reading the processor's counter is most of what a reading costs. The kernel also keeps the time of its last tick, at a
//! quarter of the price, but not of the clock that counts sleep. What is known of the others serves as well: as long as
//! the wall clock and the monotonic one are as far apart as they were, the device has not slept and nobody has set the
//! date, so that the boot's clock is as far ahead of the monotonic one as it was.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use rustix::time::{ClockId, Timespec, clock_gettime};

/// By how much the last tick is behind at most: far more than a tick, as a virtual machine may be late with it.
const BEHIND: u64 = 100_000_000;

/// Two readings one after the other may have a tick or two between them, of up to 10 ms each. A sleep that is shorter is
/// made up for by [`BEHIND`].
const APART: u64 = 25_000_000;

/// By how many nanoseconds the wall clock was ahead of the monotonic one when they were last looked at.
static WALL: AtomicI64 = AtomicI64::new(i64::MIN);

/// By how many nanoseconds the boot's clock was ahead of the monotonic one at that time: the sleep of this boot. It only
/// grows.
static SLEEP: AtomicU64 = AtomicU64::new(0);

pub(super) fn elapsed() -> Duration {
    Duration::from_nanos(nanoseconds(ClockId::Boottime).unsigned_abs())
}

pub(super) fn elapsed_at_most() -> Duration {
    let monotonic = nanoseconds(ClockId::MonotonicCoarse);
    let wall = nanoseconds(ClockId::RealtimeCoarse).wrapping_sub(monotonic);
    if wall.abs_diff(WALL.load(Ordering::Acquire)) > APART {
        return look_again(wall);
    }
    // At least what it was when `WALL` was written, as it was written first.
    let sleep = SLEEP.load(Ordering::Relaxed);
    Duration::from_nanos(monotonic.unsigned_abs().saturating_add(sleep).saturating_add(BEHIND))
}

/// The device has slept, or the date was set, or this is the first time.
#[cold]
fn look_again(wall: i64) -> Duration {
    let monotonic = nanoseconds(ClockId::Monotonic);
    let boot = nanoseconds(ClockId::Boottime);
    // The larger of two threads' findings stays, however they take turns: too much is on the safe side.
    SLEEP.fetch_max(boot.saturating_sub(monotonic).unsigned_abs(), Ordering::Relaxed);
    WALL.store(wall, Ordering::Release);
    Duration::from_nanos(boot.unsigned_abs())
}

fn nanoseconds(clock: ClockId) -> i64 {
    let Timespec { tv_sec, tv_nsec } = clock_gettime(clock);
    // Good for 292 years. The part below a second is a smaller number on a system of 32 bits.
    tv_sec.saturating_mul(1_000_000_000).saturating_add(u32::try_from(tv_nsec).unwrap_or(0).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sleep_or_a_date_that_was_set_is_noticed_at_the_next_reading() {
        elapsed_at_most();
        // As if the device had slept an hour since.
        WALL.fetch_sub(3_600_000_000_000, Ordering::SeqCst);
        let (before, told) = (elapsed(), elapsed_at_most());
        assert!(told >= before && told < before + Duration::from_secs(1), "{told:?} at {before:?}");
        let apart = nanoseconds(ClockId::Realtime).wrapping_sub(nanoseconds(ClockId::Monotonic));
        assert!(apart.abs_diff(WALL.load(Ordering::SeqCst)) < APART, "what was found is remembered");
    }

    #[test]
    fn what_was_slept_before_is_counted() {
        let slept = nanoseconds(ClockId::Boottime) - nanoseconds(ClockId::Monotonic);
        elapsed_at_most();
        assert!(SLEEP.load(Ordering::SeqCst).abs_diff(slept.unsigned_abs()) < APART);
    }
}
