//! How long to wait for a response of the token endpoint, by how long recent responses took (ADR 8).

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::super::wire::LONGEST_ANSWER;

/// The shortest time that a request for a lost response is given.
pub(super) const SHORTEST_LIMIT: Duration = Duration::from_secs(10);

/// How long answers take.
#[derive(Default)]
pub(super) struct Pace {
    /// How long the slowest answer lately took, in milliseconds; 0 before the first.
    slowest: AtomicU64,
}

impl Pace {
    /// How long a request for a lost response is waited for: three times what answers took lately, so that the next one
    /// can follow within the reuse interval, and where they are slow, or this process has had none, as long as any.
    pub(super) fn limit(&self) -> Duration {
        match self.slowest.load(Ordering::Relaxed) {
            0 => LONGEST_ANSWER,
            slowest => Duration::from_millis(slowest.saturating_mul(3)).clamp(SHORTEST_LIMIT, LONGEST_ANSWER),
        }
    }

    /// An answer of the token endpoint took this long. What was longer before counts half.
    pub(super) fn answered_after(&self, took: Duration) {
        let took = u64::try_from(took.as_millis()).unwrap_or(u64::MAX).max(1);
        let slowest = self.slowest.load(Ordering::Relaxed);
        self.slowest.store(took.max(slowest / 2), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_without_an_answer_yet_waits_as_long_as_for_any_request() {
        assert_eq!(Pace::default().limit(), LONGEST_ANSWER);
    }

    #[test]
    fn where_answers_come_soon_a_lost_one_is_waited_for_briefly_and_where_they_are_slow_it_is_not() {
        let pace = Pace::default();
        let after = |millis| {
            pace.answered_after(Duration::from_millis(millis));
            pace.limit().as_secs()
        };
        assert_eq!([after(0), after(200), after(5_000), after(20_000)], [10, 10, 15, 30]);
        assert_eq!([after(200), after(200), after(200)], [30, 15, 10], "what was long ago is forgotten by halves");
    }
}
