//! When the server may be asked again (rule 8): as told, and never sooner.
//!
//! Nothing waits here. A verb that comes too early fails at once and says how long to wait.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hallpass_protocol::http::Response;
use hallpass_protocol::time::Timestamp;

use crate::error::{Error, OfflineCause, Result};

/// No server is believed for longer than this: a wrong header must not lock a user out for a year.
const LONGEST: Duration = Duration::from_secs(60 * 60);
/// After failures in a row without a word from the server: 1, 2, 4 … seconds up to this.
const LONGEST_UNTOLD: Duration = Duration::from_secs(60);

/// Keeps the time before which nothing is sent.
#[derive(Default)]
pub(crate) struct Patience(Mutex<Wait>);

#[derive(Default)]
struct Wait {
    /// Until when, by `Clock::elapsed`, and why.
    until: Option<(Duration, OfflineCause)>,
    /// The part of it that the server asked for. An answer to a request that was under way already does not end it.
    told: Option<(Duration, OfflineCause)>,
    failures: u32,
}

impl Patience {
    /// Whether a request may be sent.
    ///
    /// # Errors
    /// [`Error::Offline`] with what is left to wait.
    pub(crate) fn check(&self, elapsed: Duration) -> Result<()> {
        refuse(left(self.lock().until, elapsed))
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

    /// The server answered as it should.
    pub(crate) fn reset(&self) {
        let mut wait = self.lock();
        *wait = Wait { until: wait.told, told: wait.told, failures: 0 };
    }

    /// The server did not do its work for `cause`. Returns the error that says how long to wait from now on: `told`, or
    /// twice as long as the last time, plus up to a quarter by `jitter` (0 to 255), so that a crowd does not come back
    /// as one.
    pub(crate) fn fail(&self, elapsed: Duration, cause: OfflineCause, told: Option<Duration>, jitter: u8) -> Error {
        let mut wait = self.lock();
        let doubled = Duration::from_secs(1 << wait.failures.min(6)).min(LONGEST_UNTOLD);
        let base = told.unwrap_or(doubled).min(LONGEST);
        let until = elapsed.saturating_add(base + base.mul_f64(f64::from(jitter) / 255.0 / 4.0));
        wait.failures = wait.failures.saturating_add(1);
        if told.is_some() {
            wait.told = Some((wait.told.map_or(until, |(earlier, _)| earlier.max(until)), cause));
        }
        let until = wait.until.map_or(until, |(earlier, _)| earlier.max(until));
        wait.until = Some((until, cause));
        Error::Offline { cause, retry_after: Some(until.saturating_sub(elapsed)) }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Wait> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn left(wait: Option<(Duration, OfflineCause)>, elapsed: Duration) -> Option<(Duration, OfflineCause)> {
    let (until, cause) = wait?;
    (until > elapsed).then(|| (until - elapsed, cause))
}

fn refuse(left: Option<(Duration, OfflineCause)>) -> Result<()> {
    left.map_or(Ok(()), |(left, cause)| Err(Error::Offline { cause, retry_after: Some(left) }))
}

/// How long `response` asks to wait: `Retry-After` in seconds or as a date (RFC 9110 §10.2.3), else, when a rate limit
/// is used up, `x-ratelimit-reset` in seconds since the epoch. `now` is the server's time.
pub(crate) fn told(response: &Response, now: Timestamp) -> Option<Duration> {
    let header = |name| response.headers.get(name).map(str::trim);
    if let Some(value) = header("retry-after") {
        if let Ok(seconds) = value.parse() {
            return Some(Duration::from_secs(seconds));
        }
        if let Some(date) = date(value) {
            return Some(date.saturating_since(now));
        }
    }
    let reset = header("x-ratelimit-reset")?.parse().ok()?;
    (response.status == 429).then(|| Timestamp::from_unix_seconds(reset).saturating_since(now))
}

/// Reads an HTTP date (RFC 9110 §5.6.7).
pub(crate) fn date(value: &str) -> Option<Timestamp> {
    let since_epoch = httpdate::parse_http_date(value).ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    i64::try_from(since_epoch.as_secs()).ok().map(Timestamp::from_unix_seconds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hallpass_protocol::http::Headers;

    const NOW: i64 = 784_111_777; // Sun, 06 Nov 1994 08:49:37 GMT

    fn told_by(status: u16, headers: &[(&str, &str)]) -> Option<Duration> {
        let headers: Headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        told(&Response { status, headers, body: Vec::new() }, Timestamp::from_unix_seconds(NOW))
    }

    #[test]
    fn retry_after_in_seconds_is_taken_as_it_is() {
        assert_eq!(told_by(503, &[("Retry-After", "7")]), Some(Duration::from_secs(7)));
    }

    #[test]
    fn retry_after_as_a_date_is_counted_from_the_servers_time() {
        assert_eq!(told_by(503, &[("Retry-After", "Sun, 06 Nov 1994 08:49:47 GMT")]), Some(Duration::from_secs(10)));
        assert_eq!(told_by(503, &[("Retry-After", "Sun, 06 Nov 1994 08:49:00 GMT")]), Some(Duration::ZERO));
    }

    #[test]
    fn a_rate_limit_reset_counts_only_when_the_limit_is_used_up() {
        let reset = (NOW + 12).to_string();
        assert_eq!(told_by(429, &[("x-ratelimit-reset", &reset)]), Some(Duration::from_secs(12)));
        assert_eq!(told_by(500, &[("x-ratelimit-reset", &reset)]), None);
    }

    #[test]
    fn nonsense_in_the_headers_tells_nothing() {
        assert_eq!(told_by(503, &[("Retry-After", "soon")]), None);
        assert_eq!(told_by(429, &[("x-ratelimit-reset", "-")]), None);
    }

    fn fail(patience: &Patience, now: u64, told: Option<u64>, jitter: u8) -> Duration {
        let told = told.map(Duration::from_secs);
        let error = patience.fail(Duration::from_secs(now), OfflineCause::ServerFailed, told, jitter);
        let Error::Offline { cause: OfflineCause::ServerFailed, retry_after: Some(wait) } = error else {
            panic!("{error:?}")
        };
        wait
    }

    #[test]
    fn failures_in_a_row_wait_longer_up_to_a_minute_and_success_begins_anew() {
        let patience = Patience::default();
        let mut now = 0;
        let waits: Vec<u64> = (0..9)
            .map(|_| {
                let wait = fail(&patience, now, None, 0).as_secs();
                now += wait;
                wait
            })
            .collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        patience.reset();
        assert_eq!(patience.check(Duration::from_secs(now)), Ok(()));
        assert_eq!(fail(&patience, now, None, 0), Duration::from_secs(1));
    }

    #[test]
    fn a_told_wait_is_never_cut_short_by_a_later_failure() {
        let patience = Patience::default();
        fail(&patience, 0, Some(30), 0);
        assert_eq!(fail(&patience, 1, None, 0), Duration::from_secs(29));
        let left = Error::Offline { cause: OfflineCause::ServerFailed, retry_after: Some(Duration::from_secs(1)) };
        assert_eq!(patience.check(Duration::from_secs(29)), Err(left));
        assert_eq!(patience.check(Duration::from_secs(30)), Ok(()));
    }

    #[test]
    fn jitter_only_ever_adds() {
        assert_eq!(fail(&Patience::default(), 0, Some(8), 255), Duration::from_secs(10));
    }
}
