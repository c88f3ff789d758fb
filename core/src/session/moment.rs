//! A point in time on both clocks, so that its age is known after a restart.

use std::time::Duration;

use hallpass_protocol::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ports::Clock;

/// When something happened: by the wall clock, which may be wrong and may jump, and by the clock of that boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Moment {
    wall: Timestamp,
    elapsed: Duration,
    /// Whether it was taken by this process, whose own clock then suffices.
    #[serde(skip)]
    here: bool,
}

impl Moment {
    pub(crate) fn now(clock: &dyn Clock) -> Self {
        Self { wall: clock.now(), elapsed: clock.elapsed(), here: true }
    }

    /// How long ago this was: exact for a moment of this process, and for one of another process never less than the
    /// truth, unless the device was restarted *and* its clock set back. `None` when nobody can tell: the wall clock is
    /// before it and the boot is another.
    ///
    /// Neither clock alone will do: the wall clock is set by people, and the boot's clock begins again with each boot.
    /// The larger of both ages is right within one boot and, after another, errs to the safe side.
    pub(crate) fn age(&self, now: Self) -> Option<Duration> {
        let by_boot = now.elapsed.checked_sub(self.elapsed);
        if self.here {
            return by_boot;
        }
        let by_wall = (now.wall >= self.wall).then(|| now.wall.saturating_since(self.wall));
        by_wall.max(by_boot)
    }

    /// How long ago this was at least: for what must not be taken to have lasted longer than it has. `None` when nobody can
    /// tell.
    pub(crate) fn age_at_least(&self, now: Self) -> Option<Duration> {
        let by_boot = now.elapsed.checked_sub(self.elapsed);
        if self.here {
            return by_boot;
        }
        let by_wall = (now.wall >= self.wall).then(|| now.wall.saturating_since(self.wall));
        match (by_wall, by_boot) {
            (Some(by_wall), Some(by_boot)) => Some(by_wall.min(by_boot)),
            (by_wall, by_boot) => by_wall.or(by_boot),
        }
    }

    pub(crate) fn wall(self) -> Timestamp {
        self.wall
    }

    pub(crate) fn elapsed(self) -> Duration {
        self.elapsed
    }

    /// Whether this is later than `other`, by the wall clock.
    pub(crate) fn is_after(&self, other: Self) -> bool {
        self.wall > other.wall
    }

    /// Whether this moment of this process is certainly later than `other`, which any process may have stored. No boot has
    /// been since, so that one of the present boot has to tell less time since then; one of an earlier boot is older anyway.
    pub(crate) fn is_surely_after(&self, other: Self) -> bool {
        self.here && self.elapsed > other.elapsed
    }

    /// Whether this came between `earlier` and `now`, by both clocks. One of them alone misleads: the wall clock may have been
    /// set, and the other one begins again with each boot. What seems to be still to come is of before one of these.
    pub(crate) fn is_between(&self, earlier: Self, now: Self) -> bool {
        self.wall > earlier.wall
            && self.wall <= now.wall
            && self.elapsed > earlier.elapsed
            && self.elapsed <= now.elapsed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(wall: i64, elapsed: u64) -> Moment {
        Moment { wall: Timestamp::from_unix_seconds(wall), elapsed: Duration::from_secs(elapsed), here: false }
    }

    #[test]
    fn within_one_process_a_jump_of_the_wall_clock_changes_nothing() {
        let here = Moment { here: true, ..moment(1_000, 50) };
        assert_eq!(here.age(moment(9_000, 90)), Some(Duration::from_secs(40)));
        assert_eq!(here.age(moment(1, 90)), Some(Duration::from_secs(40)));
    }

    #[test]
    fn within_one_boot_a_wall_clock_set_back_does_not_make_it_younger() {
        assert_eq!(moment(1_000, 50).age(moment(400, 90)), Some(Duration::from_secs(40)));
    }

    #[test]
    fn within_one_boot_a_wall_clock_set_forward_errs_to_the_safe_side() {
        assert_eq!(moment(1_000, 50).age(moment(9_000, 90)), Some(Duration::from_secs(8_000)));
    }

    #[test]
    fn what_must_have_lasted_is_measured_by_the_clock_that_says_less() {
        assert_eq!(moment(1_000, 50).age_at_least(moment(9_000, 90)), Some(Duration::from_secs(40)));
        assert_eq!(moment(1_000, 50).age_at_least(moment(1_010, 900)), Some(Duration::from_secs(10)));
        assert_eq!(moment(1_000, 50).age_at_least(moment(400, 90)), Some(Duration::from_secs(40)));
        assert_eq!(moment(1_000, 500).age_at_least(moment(1_300, 20)), Some(Duration::from_secs(300)));
        assert_eq!(moment(1_000, 500).age_at_least(moment(700, 20)), None);
        let here = Moment { here: true, ..moment(1_000, 50) };
        assert_eq!(here.age_at_least(moment(1, 90)), Some(Duration::from_secs(40)));
    }

    #[test]
    fn what_came_between_did_so_by_both_clocks() {
        let (earlier, now) = (moment(1_000, 50), moment(1_100, 150));
        for between in [moment(1_001, 51), moment(1_100, 150)] {
            assert!(between.is_between(earlier, now), "{between:?}");
        }
        for other in [(1_001, 50), (1_000, 51), (1_002, 10), (900, 60), (1_000, 50), (1_101, 150), (1_100, 151)] {
            assert!(!moment(other.0, other.1).is_between(earlier, now), "{other:?}");
        }
    }

    #[test]
    fn only_a_moment_of_this_process_is_surely_later_than_a_stored_one() {
        let here = Moment { here: true, ..moment(1_000, 50) };
        assert!(here.is_surely_after(moment(9_000, 49)), "the wall clock was set back since");
        assert!(!here.is_surely_after(moment(900, 50)) && !here.is_surely_after(moment(900, 500)));
        assert!(!moment(1_000, 50).is_surely_after(moment(900, 49)), "a boot may have been since");
    }

    #[test]
    fn after_another_boot_the_wall_clock_decides() {
        assert_eq!(moment(1_000, 500).age(moment(1_300, 20)), Some(Duration::from_secs(300)));
    }

    #[test]
    fn after_another_boot_with_the_clock_set_back_nobody_can_tell() {
        assert_eq!(moment(1_000, 500).age(moment(700, 20)), None);
    }
}
