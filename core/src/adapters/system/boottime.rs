//! Linux and Android: `CLOCK_BOOTTIME` counts sleep, `CLOCK_MONOTONIC` (and so [`std::time::Instant`]) does not.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

pub(super) fn elapsed() -> Duration {
    let time = clock_gettime(ClockId::Boottime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}
