//! When the server may be asked again (rule 8): as its `Retry-After` says, and never sooner.
//!
//! Nothing waits here. A verb that comes too early fails at once and says how long to wait, or why. A server that fails
//! concerns every request; a refusal concerns the access token that was asked for.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::super::record::GrantKey;
use crate::error::{Error, OfflineCause, Result};

/// No server is believed for longer than this: a wrong header must not lock a user out for a year.
const LONGEST: Duration = Duration::from_secs(60 * 60);
/// After failures in a row without a `Retry-After`: 1, 2, 4 … seconds up to this.
const LONGEST_AFTER_FAILURES: Duration = Duration::from_secs(60);
/// After refusals in a row: 2, 4, 8 … seconds up to this.
const LONGEST_AFTER_REFUSALS: Duration = Duration::from_secs(10 * 60);
/// More audiences than an app asks for at a time.
const REFUSALS_KEPT: usize = 64;

/// Keeps the time before which nothing is sent.
#[derive(Default)]
pub(crate) struct Backoff(Mutex<Waits>);

#[derive(Default)]
struct Waits {
    /// Until when, by `Clock::elapsed`, and why.
    until: Option<(Duration, OfflineCause)>,
    /// The part of it that the server asked for. An answer to a request that was under way already does not end it.
    told: Option<(Duration, OfflineCause)>,
    failures: u32,
    refusals: HashMap<GrantKey, Refusal>,
}

/// What the server refuses.
struct Refusal {
    /// Until when it is not asked for again, by `Clock::elapsed`.
    until: Duration,
    count: u32,
    error: Error,
}

impl Backoff {
    /// Whether a request for the access token called `key` may be sent.
    ///
    /// # Errors
    /// [`Error::Offline`] with what is left to wait; the latest refusal of this access token.
    pub(crate) fn check(&self, key: &GrantKey, elapsed: Duration) -> Result<()> {
        let waits = self.lock();
        refuse(left(waits.until, elapsed))?;
        match waits.refusals.get(key) {
            Some(refusal) if refusal.until > elapsed => Err(refusal.error.clone()),
            Some(_) | None => Ok(()),
        }
    }

    /// Whether a request may be sent that nobody waits for: only the server can forbid it.
    ///
    /// # Errors
    /// [`Error::Offline`] with what is left to wait.
    pub(crate) fn check_told(&self, elapsed: Duration) -> Result<()> {
        refuse(self.told(elapsed))
    }

    /// For how long the server itself asked to be left alone, and why, if that is not over.
    pub(crate) fn told(&self, elapsed: Duration) -> Option<(Duration, OfflineCause)> {
        left(self.lock().told, elapsed)
    }

    /// The error for `cause`, with what is left to wait because of earlier failures.
    pub(crate) fn offline(&self, elapsed: Duration, cause: OfflineCause) -> Error {
        let retry_after = left(self.lock().until, elapsed).map(|(left, _)| left);
        Error::Offline { cause, retry_after }
    }

    /// The server gave the access token called `key`.
    pub(crate) fn succeed(&self, key: &GrantKey) {
        let mut waits = self.lock();
        waits.answered();
        waits.refusals.remove(key);
    }

    /// A login begins anew.
    pub(crate) fn reset(&self) {
        let mut waits = self.lock();
        waits.answered();
        waits.refusals.clear();
    }

    /// The server did not do its work for `cause`. Returns the error that says how long to wait from now on: `told`, or
    /// twice as long as the last time, plus up to a quarter by `jitter` (0 to 255), so that a crowd does not come back
    /// as one.
    pub(crate) fn fail(&self, elapsed: Duration, cause: OfflineCause, told: Option<Duration>, jitter: u8) -> Error {
        let mut waits = self.lock();
        let doubled = Duration::from_secs(1 << waits.failures.min(6)).min(LONGEST_AFTER_FAILURES);
        let base = told.unwrap_or(doubled).min(LONGEST);
        let until = elapsed.saturating_add(with_jitter(base, jitter));
        waits.failures = waits.failures.saturating_add(1);
        if told.is_some() {
            waits.told = Some((waits.told.map_or(until, |(earlier, _)| earlier.max(until)), cause));
        }
        let until = waits.until.map_or(until, |(earlier, _)| earlier.max(until));
        waits.until = Some((until, cause));
        Error::Offline { cause, retry_after: Some(until.saturating_sub(elapsed)) }
    }

    /// The server refused the access token called `key` with `error`: it is asked for less and less often.
    pub(crate) fn refuse(&self, key: &GrantKey, elapsed: Duration, error: Error, told: Option<Duration>, jitter: u8) {
        let mut waits = self.lock();
        waits.answered();
        let count = waits.refusals.get(key).map_or(0, |refusal| refusal.count);
        let doubled = Duration::from_secs(2 << count.min(9)).min(LONGEST_AFTER_REFUSALS);
        let base = told.map_or(doubled, |told| told.max(doubled)).min(LONGEST);
        let until = elapsed.saturating_add(with_jitter(base, jitter));
        if waits.refusals.len() >= REFUSALS_KEPT {
            waits.refusals.retain(|_, refusal| refusal.until > elapsed);
        }
        if waits.refusals.len() < REFUSALS_KEPT || waits.refusals.contains_key(key) {
            waits.refusals.insert(key.clone(), Refusal { until, count: count.saturating_add(1), error });
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Waits> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waits {
    /// The server does its work; what it asked for itself still counts.
    fn answered(&mut self) {
        self.until = self.told;
        self.failures = 0;
    }
}

/// `base` and up to a quarter more, and never more than an hour.
fn with_jitter(base: Duration, jitter: u8) -> Duration {
    (base + base.mul_f64(f64::from(jitter) / 255.0 / 4.0)).min(LONGEST)
}

fn left(wait: Option<(Duration, OfflineCause)>, elapsed: Duration) -> Option<(Duration, OfflineCause)> {
    let (until, cause) = wait?;
    (until > elapsed).then(|| (until - elapsed, cause))
}

fn refuse(left: Option<(Duration, OfflineCause)>) -> Result<()> {
    left.map_or(Ok(()), |(left, cause)| Err(Error::Offline { cause, retry_after: Some(left) }))
}

#[cfg(test)]
mod tests {
    use hallpass_protocol::error::{ErrorCode, ServerWords};

    use super::*;

    fn fail(backoff: &Backoff, now: u64, told: Option<u64>, jitter: u8) -> Duration {
        let told = told.map(Duration::from_secs);
        let error = backoff.fail(Duration::from_secs(now), OfflineCause::ServerFailed, told, jitter);
        let Error::Offline { cause: OfflineCause::ServerFailed, retry_after: Some(wait) } = error else {
            panic!("{error:?}")
        };
        wait
    }

    #[test]
    fn failures_in_a_row_wait_longer_up_to_a_minute_and_success_begins_anew() {
        let backoff = Backoff::default();
        let mut now = 0;
        let waits: Vec<u64> = (0..9)
            .map(|_| {
                let wait = fail(&backoff, now, None, 0).as_secs();
                now += wait;
                wait
            })
            .collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        backoff.reset();
        assert_eq!(backoff.check(&GrantKey::default(), Duration::from_secs(now)), Ok(()));
        assert_eq!(fail(&backoff, now, None, 0), Duration::from_secs(1));
    }

    #[test]
    fn a_told_wait_is_never_cut_short_by_a_later_failure() {
        let backoff = Backoff::default();
        fail(&backoff, 0, Some(30), 0);
        assert_eq!(fail(&backoff, 1, None, 0), Duration::from_secs(29));
        let left = Error::Offline { cause: OfflineCause::ServerFailed, retry_after: Some(Duration::from_secs(1)) };
        assert_eq!(backoff.check(&GrantKey::default(), Duration::from_secs(29)), Err(left));
        assert_eq!(backoff.check(&GrantKey::default(), Duration::from_secs(30)), Ok(()));
    }

    #[test]
    fn jitter_only_ever_adds() {
        assert_eq!(fail(&Backoff::default(), 0, Some(8), 255), Duration::from_secs(10));
    }

    #[test]
    fn refusals_in_a_row_are_asked_for_less_often_up_to_ten_minutes_and_only_for_their_audience() {
        let backoff = Backoff::default();
        let (login, other) =
            (GrantKey::default(), GrantKey { audience: Some("api".to_owned()), ..GrantKey::default() });
        let denied = Error::Denied { code: ErrorCode::InvalidTarget, words: ServerWords::default() };
        let mut now = Duration::ZERO;
        for wait in [2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600] {
            backoff.refuse(&other, now, denied.clone(), None, 0);
            let wait = Duration::from_secs(wait);
            assert_eq!(backoff.check(&other, now + wait - Duration::from_millis(1)), Err(denied.clone()));
            assert_eq!(backoff.check(&login, now), Ok(()));
            now += wait;
            assert_eq!(backoff.check(&other, now), Ok(()));
        }
        backoff.succeed(&other);
        backoff.refuse(&other, now, denied.clone(), None, 0);
        assert_eq!(backoff.check(&other, now + Duration::from_secs(2)), Ok(()), "a success begins anew");
    }

    #[test]
    fn more_refused_audiences_than_are_kept_do_not_grow_the_list() {
        let backoff = Backoff::default();
        let denied = Error::Denied { code: ErrorCode::InvalidTarget, words: ServerWords::default() };
        for number in 0..1_000 {
            let key = GrantKey { audience: Some(number.to_string()), ..GrantKey::default() };
            backoff.refuse(&key, Duration::ZERO, denied.clone(), None, 0);
        }
        assert_eq!(backoff.lock().refusals.len(), REFUSALS_KEPT);
    }
}
