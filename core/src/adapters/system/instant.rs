//! Everywhere else: what the standard library has, whether it counts sleep or not.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

static FIRST: LazyLock<Instant> = LazyLock::new(Instant::now);

pub(super) fn elapsed() -> Duration {
    FIRST.elapsed()
}

pub(super) fn elapsed_at_most() -> Duration {
    elapsed()
}
