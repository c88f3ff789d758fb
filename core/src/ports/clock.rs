//! Two clocks: the wall clock, which users set, and the boot clock, which nobody can set.

use std::time::Duration;

use hallpass_protocol::time::Timestamp;

/// The device's clocks.
pub trait Clock: Send + Sync + 'static {
    /// The device's date and time in UTC. It may be wrong and it may jump, either way.
    fn now(&self) -> Timestamp;

    /// Time since a fixed point of this boot. It never goes back, and it goes on while the device sleeps
    /// (`CLOCK_BOOTTIME` on Linux and Android, `CLOCK_MONOTONIC` on Apple's systems).
    ///
    /// Within a process, lifetimes are judged only by it, so that a change of the wall clock neither extends nor ends the
    /// life of a token.
    fn elapsed(&self) -> Duration;

    /// [`Clock::elapsed`] for the hot path: never less, and at most about a tenth of a second more. The same as `elapsed`
    /// unless the clock has a cheaper reading.
    fn elapsed_at_most(&self) -> Duration {
        self.elapsed()
    }
}
