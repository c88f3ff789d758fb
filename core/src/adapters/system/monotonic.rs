//! Apple's systems: `CLOCK_MONOTONIC` counts sleep, unlike `CLOCK_UPTIME_RAW`, which [`std::time::Instant`] reads there.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

pub(super) fn elapsed() -> Duration {
    let time = clock_gettime(ClockId::Monotonic);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

pub(super) fn elapsed_at_most() -> Duration {
    elapsed()
}
