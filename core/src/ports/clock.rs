//! Two clocks: one that people set, one that only runs.

use std::time::Duration;

use hallpass_protocol::time::Timestamp;

/// Tells the time.
pub trait Clock: Send + Sync + 'static {
    /// The device's date and time in UTC. It may be wrong and it may jump, either way.
    fn now(&self) -> Timestamp;

    /// Time since some fixed point of this boot. It never goes back and it goes on while the device sleeps
    /// (`CLOCK_BOOTTIME` on Linux and Android, `CLOCK_MONOTONIC` on Apple's systems).
    ///
    /// Lifetimes inside a process are judged by it alone, so that a jump of the wall clock neither revives nor kills
    /// a token.
    fn elapsed(&self) -> Duration;

    /// [`Clock::elapsed`] for the hot path: not less, and no more than about a tenth of a second more. The same for a
    /// clock that has no cheaper way to tell.
    fn elapsed_at_most(&self) -> Duration {
        self.elapsed()
    }
}
