//! Points in time, as arguments: nothing in this crate reads a clock.

use core::time::Duration;

use serde::{Deserialize, Serialize};

/// A point in time: UTC, in milliseconds since 1970-01-01T00:00:00Z, leap seconds not counted (POSIX).
///
/// All arithmetic saturates, so that a hostile `exp` cannot overflow anything. Serialised as the number of milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From seconds since the epoch, as in a `NumericDate` (RFC 7519 §2).
    #[must_use]
    pub const fn from_unix_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000))
    }

    /// From milliseconds since the epoch.
    #[must_use]
    pub const fn from_unix_millis(milliseconds: i64) -> Self {
        Self(milliseconds)
    }

    /// Whole seconds since the epoch, rounded towards the past.
    #[must_use]
    pub const fn unix_seconds(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn unix_millis(self) -> i64 {
        self.0
    }

    /// The time `duration` later, or the last one that can be told.
    #[must_use]
    pub fn saturating_add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(milliseconds(duration)))
    }

    /// The time `duration` earlier, or the first one that can be told.
    #[must_use]
    pub fn saturating_sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(milliseconds(duration)))
    }

    /// How long after `earlier` this is; zero when `earlier` is not earlier.
    #[must_use]
    pub fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The time moved by `milliseconds`, which may be negative: a clock that is known to be off, set right.
    #[must_use]
    pub const fn saturating_offset_millis(self, milliseconds: i64) -> Self {
        Self(self.0.saturating_add(milliseconds))
    }
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_before_the_epoch_in_seconds_is_rounded_towards_the_past() {
        assert_eq!(Timestamp::from_unix_millis(-1).unix_seconds(), -1);
        assert_eq!(Timestamp::from_unix_millis(1_999).unix_seconds(), 1);
    }

    #[test]
    fn arithmetic_at_the_ends_of_time_saturates() {
        let last = Timestamp::from_unix_seconds(i64::MAX);
        assert_eq!(last.saturating_add(Duration::MAX), last);
        assert_eq!(Timestamp::from_unix_millis(i64::MIN).saturating_sub(Duration::MAX).unix_millis(), i64::MIN);
        assert_eq!(last.saturating_offset_millis(1), last);
    }

    #[test]
    fn the_time_since_something_later_is_zero() {
        let now = Timestamp::from_unix_seconds(100);
        assert_eq!(now.saturating_since(Timestamp::from_unix_seconds(101)), Duration::ZERO);
        assert_eq!(now.saturating_since(Timestamp::from_unix_millis(98_500)), Duration::from_millis(1_500));
    }

    #[test]
    fn a_time_serialised_is_its_milliseconds() {
        assert_eq!(serde_json::to_string(&Timestamp::from_unix_seconds(2)).unwrap(), "2000");
        assert_eq!(serde_json::from_str::<Timestamp>("2000").unwrap(), Timestamp::from_unix_seconds(2));
    }
}
