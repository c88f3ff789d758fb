//! Points in time, as arguments: nothing in this crate reads a clock.

use core::time::Duration;

use serde::{Deserialize, Serialize};

/// A point in time: UTC, in milliseconds since 1970-01-01T00:00:00Z, leap seconds not counted (POSIX).
///
/// All arithmetic saturates, so that a hostile `exp` cannot overflow anything. Serialised as the number of
/// milliseconds.
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

    /// The time `duration` later, or the latest representable one.
    #[must_use]
    pub fn saturating_add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(milliseconds(duration)))
    }

    /// The time `duration` earlier, or the earliest representable one.
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

    /// From RFC 3339 text in UTC, such as `2024-02-29T12:34:56.789Z`; `None` for anything else, another offset
    /// included.
    pub(crate) fn of_rfc3339(text: &str) -> Option<Self> {
        let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
        let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
        let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
        let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?;
        let in_range = (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second <= 60;
        if !in_range || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        // Digits beyond the third are less than a millisecond.
        let milliseconds = (0..3)
            .fold(0, |sum, index| sum * 10 + fraction.as_bytes().get(index).map_or(0, |digit| i64::from(digit - b'0')));
        let seconds = ((days_before(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
        Some(Self(seconds * 1_000 + milliseconds))
    }
}

/// Three numbers of exactly so many digits.
fn numbers(text: &str, separator: char, digits: [usize; 3]) -> Option<[i64; 3]> {
    let mut parts = text.split(separator);
    let mut numbers = [0; 3];
    for (number, digits) in numbers.iter_mut().zip(digits) {
        let part =
            parts.next().filter(|part| part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit()))?;
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(numbers)
}

/// Days from 1970-01-01 to a date of the Gregorian calendar. Years begin with March here, so that the leap day is a
/// year's last and the months before it have a regular pattern of 153 days in five months.
fn days_before(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    let days_before_month = (153 * month + 2) / 5;
    const FROM_MARCH_OF_YEAR_0_TO_1970: i64 = 719_468;
    365 * year + leap_days + days_before_month + day - 1 - FROM_MARCH_OF_YEAR_0_TO_1970
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
    fn rfc_3339_text_in_utc_is_read() {
        for (text, milliseconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1969-12-31T23:59:59.999Z", -1),
            ("2000-03-01T00:00:00.5Z", 951_868_800_500),
            ("2024-02-29T12:34:56.789123Z", 1_709_210_096_789),
            ("2100-03-01T00:00:00Z", 4_107_542_400_000),
            ("0000-01-01T00:00:00Z", -62_167_219_200_000),
        ] {
            assert_eq!(Timestamp::of_rfc3339(text), Some(Timestamp::from_unix_millis(milliseconds)), "{text}");
        }
        for text in [
            "",
            "2024-02-29",
            "2024-02-29T12:34:56",
            "2024-02-29T12:34:56+01:00",
            "2024-2-29T12:34:56Z",
            "2024-13-01T00:00:00Z",
            "2024-01-01T24:00:00Z",
            "2024-01-01T00:00:00.xZ",
            "2024-01-01T00:00:+1Z",
            "2024-01-01-01T00:00:00Z",
        ] {
            assert_eq!(Timestamp::of_rfc3339(text), None, "{text}");
        }
    }

    #[test]
    fn a_time_serialised_is_its_milliseconds() {
        assert_eq!(serde_json::to_string(&Timestamp::from_unix_seconds(2)).unwrap(), "2000");
        assert_eq!(serde_json::from_str::<Timestamp>("2000").unwrap(), Timestamp::from_unix_seconds(2));
    }
}
