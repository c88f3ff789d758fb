//! The tenant's time: one clock that tests may move, so that they can expire things without waiting.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::Serialize;

/// A moment in milliseconds since 1970-01-01T00:00:00Z. In JSON: that number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The moment that is `milliseconds` after the Unix epoch.
    pub const fn from_milliseconds(milliseconds: i64) -> Self {
        Self(milliseconds)
    }

    /// Milliseconds since the Unix epoch.
    pub const fn milliseconds(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down: a JWT's `NumericDate` (RFC 7519 §2).
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Whole seconds since the Unix epoch, rounded up.
    ///
    /// For `exp`: rounded down, a token of 1 s that was issued at …00.9 would be dead after 0.1 s.
    pub(crate) const fn seconds_rounded_up(self) -> i64 {
        self.0.saturating_add(999).div_euclid(1000)
    }

    pub(crate) const fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(1000)))
    }

    /// Milliseconds from `earlier` to `self`; negative when `earlier` is later.
    pub(crate) const fn milliseconds_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Whether at least `seconds` lie between `earlier` and `self`.
    pub(crate) const fn is_past(self, earlier: Self, seconds: u64) -> bool {
        self.milliseconds_since(earlier) >= (seconds as i64).saturating_mul(1000)
    }

    pub(crate) fn as_system_time(self) -> SystemTime {
        let distance = Duration::from_millis(self.0.unsigned_abs());
        if self.0 < 0 { UNIX_EPOCH - distance } else { UNIX_EPOCH + distance }
    }

    /// `HH:MM:SS` in UTC, for people.
    pub(crate) fn time_of_day(self) -> String {
        let second_of_day = self.seconds().rem_euclid(86_400);
        format!("{:02}:{:02}:{:02}", second_of_day / 3600, second_of_day / 60 % 60, second_of_day % 60)
    }
}

/// What the tenant's time starts from. Either can be moved later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ClockSource {
    /// The system's time, which passes by itself.
    #[default]
    System,
    /// A time that stands still until a test moves it: with a seed, RS256 tokens repeat byte for byte.
    Fixed(Timestamp),
}

#[derive(Debug)]
pub(crate) struct Clock {
    source: ClockSource,
    offset_milliseconds: AtomicI64,
}

impl Clock {
    pub(crate) fn new(source: ClockSource) -> Self {
        Self { source, offset_milliseconds: AtomicI64::new(0) }
    }

    pub(crate) fn now(&self) -> Timestamp {
        let base = match self.source {
            ClockSource::System => system_milliseconds(),
            ClockSource::Fixed(at) => at.0,
        };
        Timestamp(base.saturating_add(self.offset_milliseconds.load(Ordering::SeqCst)))
    }

    /// Moves the clock, back when negative.
    pub(crate) fn shift(&self, milliseconds: i64) {
        self.offset_milliseconds.fetch_add(milliseconds, Ordering::SeqCst);
    }

    pub(crate) fn reset(&self) {
        self.offset_milliseconds.store(0, Ordering::SeqCst);
    }
}

fn system_milliseconds() -> i64 {
    let milliseconds = match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => since.as_millis(),
        Err(_before_1970) => 0,
    };
    i64::try_from(milliseconds).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fixed_clock_advanced_moves_by_exactly_that() {
        let clock = Clock::new(ClockSource::Fixed(Timestamp::from_milliseconds(1_000)));
        clock.shift(2_500);
        assert_eq!(clock.now().milliseconds(), 3_500);
        clock.shift(-500);
        assert_eq!(clock.now().milliseconds(), 3_000);
        clock.reset();
        assert_eq!(clock.now().milliseconds(), 1_000);
    }

    #[test]
    fn seconds_of_a_fraction_round_down_and_expiry_rounds_up() {
        let moment = Timestamp::from_milliseconds(10_001);
        assert_eq!((moment.seconds(), moment.seconds_rounded_up()), (10, 11));
        assert_eq!(Timestamp::from_milliseconds(10_000).seconds_rounded_up(), 10);
    }

    #[test]
    fn lifetime_is_past_at_its_very_end_and_not_a_millisecond_before() {
        let start = Timestamp::from_milliseconds(5_000);
        assert!(!Timestamp::from_milliseconds(14_999).is_past(start, 10));
        assert!(Timestamp::from_milliseconds(15_000).is_past(start, 10));
    }
}
