//! Requests that leave and answers that come: the transport, the server's time, randomness and proofs of possession.
//!
//! Nothing here knows who is signed in. A limit is put on every request, so that a transport that breaks its contract
//! delays a caller and never keeps it (rule 2).

pub(crate) mod dpop;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use hallpass_protocol::error::ServerError;
use hallpass_protocol::http::{Request, Response};
use hallpass_protocol::time::Timestamp;

use self::dpop::Prover;
use super::hexadecimal::hexadecimal;
use super::moment::Moment;
use crate::decode::decoded;
use crate::error::{Error, OfflineCause, Result};
use crate::ports::{Clock, KeySigner, Random, Transport, TransportError};

/// What a transport may take by its contract.
pub(crate) const LONGEST_ANSWER: Duration = Duration::from_secs(30);
/// Twice that, for one that breaks its contract.
pub(crate) const LONGEST_REQUEST: Duration = Duration::from_secs(60);
/// No server is believed for longer than this: a wrong header must not lock a user out for a year.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(60 * 60);

/// No answer has told the server's time yet.
const UNKNOWN: i64 = i64::MIN;

/// What requests are made with.
pub(crate) struct Wire {
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    /// The server's time less `Clock::elapsed`, in milliseconds; [`UNKNOWN`] before it was told. By the clock that nobody
    /// sets, so that a device whose user sets it right meanwhile is right too.
    server_offset: AtomicI64,
    /// The key that tokens are bound to, for a session that has one.
    prover: Prover,
}

impl Wire {
    pub(crate) fn new(
        transport: Arc<dyn Transport>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        signer: Arc<dyn KeySigner>,
    ) -> Self {
        Self { transport, clock, random, server_offset: AtomicI64::new(UNKNOWN), prover: Prover::new(signer) }
    }

    /// Sends a request to the provider and learns the server's time from the answer (rule 10).
    ///
    /// # Errors
    /// [`Error::Offline`] or [`Error::Untrusted`] when no whole answer came.
    pub(crate) async fn send(&self, request: Request) -> Result<Response> {
        let response = self.send_within(LONGEST_REQUEST, request).await?;
        self.observe_time(&response);
        Ok(response)
    }

    /// Sends a request and waits for the answer for at most `limit`. Later nobody knows what became of it.
    pub(crate) async fn send_within(&self, limit: Duration, request: Request) -> Result<Response, TransportError> {
        let most = request.max_response_bytes;
        match tokio::time::timeout(limit, self.transport.send(request)).await {
            Ok(answer) => decoded(answer?, most),
            Err(_) => Err(TransportError::NoAnswer),
        }
    }

    /// Learns how far the device's clock is off. `Age` says for how long a cache has kept the answer (RFC 9111 §5.1).
    pub(crate) fn observe_time(&self, response: &Response) {
        if let Some(date) = response.headers.get("date").and_then(date) {
            let age = response.headers.get("age").and_then(|age| age.trim().parse().ok()).unwrap_or(0_u32);
            let server = date.saturating_add(Duration::from_secs(age.into()));
            let device = self.clock.now();
            // The header has a resolution of a second, and the answer took its time: less than two is no difference.
            let is_right = server.unix_millis().abs_diff(device.unix_millis()) < 2_000;
            let now = if is_right { device } else { server };
            self.server_offset.store(now.unix_millis().saturating_sub(self.elapsed_millis()), Ordering::Relaxed);
        }
    }

    /// The time by the server's clock, as far as it is known.
    pub(crate) fn server_now(&self) -> Timestamp {
        match self.server_offset.load(Ordering::Relaxed) {
            UNKNOWN => self.clock.now(),
            offset => Timestamp::from_unix_seconds(0)
                .saturating_offset_millis(offset)
                .saturating_offset_millis(self.elapsed_millis()),
        }
    }

    /// How far the device's clock is behind the server's, in milliseconds, once the server has told the time.
    pub(crate) fn clock_skew(&self) -> Option<i64> {
        let is_known = self.server_offset.load(Ordering::Relaxed) != UNKNOWN;
        is_known.then(|| self.server_now().unix_millis().saturating_sub(self.clock.now().unix_millis()))
    }

    fn elapsed_millis(&self) -> i64 {
        i64::try_from(self.clock.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    /// The time by the device's clock.
    pub(crate) fn device_now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn now(&self) -> Moment {
        Moment::now(&*self.clock)
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.clock.elapsed()
    }

    /// 32 unpredictable bytes.
    pub(crate) fn entropy(&self) -> Result<[u8; 32]> {
        let mut bytes = [0; 32];
        self.random.fill(&mut bytes)?;
        Ok(bytes)
    }

    /// A name that nobody else gives.
    pub(crate) fn random_name(&self) -> Result<String> {
        random_name(&*self.random)
    }

    /// A byte of randomness for jitter, where a weak one does no harm.
    pub(crate) fn jitter(&self) -> u8 {
        let mut byte = [u8::MAX / 2];
        // The middle does as well when there is no randomness.
        let _ = self.random.fill(&mut byte);
        byte[0]
    }

    /// `duration` and up to a quarter more, so that a crowd does not come back as one.
    pub(crate) fn with_jitter(&self, duration: Duration) -> Duration {
        duration + duration.mul_f64(f64::from(self.jitter()) / 255.0 / 4.0)
    }

    /// For how long `response` asks to be left alone, if it does.
    pub(crate) fn retry_after(&self, response: &Response) -> Option<Duration> {
        retry_after(response, self.server_now())
    }

    /// The error for an answer that the protocol made `error` of.
    ///
    /// A page of a captive portal, an answer cut off, a server that fails or is busy: none of these says anything about
    /// the user or the configuration, so each is [`Error::Offline`] whatever the protocol says. A redirect, which is
    /// never followed, is no refusal either.
    pub(crate) fn unusable(&self, response: &Response, error: impl Into<Error>) -> Error {
        let cause = match response.status {
            429 => OfflineCause::RateLimited,
            408 => OfflineCause::NoAnswer,
            500.. => OfflineCause::ServerFailed,
            200..300 if !is_json(&response.body) && !ServerError::of_response(response).is_structured() => {
                OfflineCause::UnexpectedAnswer
            }
            // A redirect is never followed, and is no refusal.
            300..400 => {
                let error = error.into();
                if !matches!(error, Error::Denied { .. }) {
                    return error;
                }
                OfflineCause::UnexpectedAnswer
            }
            // A page of a gateway's; a 401 says by its status alone what it wants.
            400 | 402..500 if !ServerError::of_response(response).is_structured() => {
                let error = error.into();
                // Metadata and keys that are not there are somewhere else.
                if matches!(response.status, 404 | 410) && !matches!(error, Error::Denied { .. }) {
                    return error;
                }
                OfflineCause::UnexpectedAnswer
            }
            _ => return error.into(),
        };
        Error::Offline { cause, retry_after: self.retry_after(response) }
    }
}

/// 16 random hexadecimal digits.
pub(crate) fn random_name(random: &dyn Random) -> Result<String> {
    let mut bytes = [0; 8];
    random.fill(&mut bytes)?;
    Ok(hexadecimal(&bytes))
}

/// Whether `body` is JSON, whatever it says.
pub(crate) fn is_json(body: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok()
}

/// How long `response` asks to wait: `Retry-After` in seconds or as a date (RFC 9110 §10.2.3), else, when a rate limit
/// is used up, `x-ratelimit-reset` in seconds since the epoch; never longer than an hour. `now` is the server's time.
fn retry_after(response: &Response, now: Timestamp) -> Option<Duration> {
    let header = |name| response.headers.get(name).map(str::trim);
    let wait = if let Some(value) = header("retry-after") {
        match value.parse() {
            Ok(seconds) => Some(Duration::from_secs(seconds)),
            Err(_) => date(value).map(|date| date.saturating_since(now)),
        }
    } else {
        let reset = header("x-ratelimit-reset")?.parse().ok()?;
        (response.status == 429).then(|| Timestamp::from_unix_seconds(reset).saturating_since(now))
    };
    wait.map(|wait| wait.min(LONGEST_RETRY_AFTER))
}

/// Reads an HTTP date (RFC 9110 §5.6.7).
fn date(value: &str) -> Option<Timestamp> {
    let since_epoch = httpdate::parse_http_date(value).ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    i64::try_from(since_epoch.as_secs()).ok().map(Timestamp::from_unix_seconds)
}

#[cfg(test)]
mod tests {
    use hallpass_protocol::error::{ErrorCode, ServerWords};
    use hallpass_protocol::http::{Body, Headers, Method};
    use url::Url;

    use super::super::fakes::{Answers, StillClock, reply, wire};
    use super::*;

    fn request() -> Request {
        Request {
            method: Method::Get,
            url: Url::parse("https://issuer.example/keys").unwrap(),
            headers: Headers::default(),
            body: Body::empty(),
            max_response_bytes: 1_000,
        }
    }

    #[tokio::test]
    async fn the_servers_time_runs_on_by_the_clock_that_nobody_sets() {
        let dated = reply(200, &[("Date", "Sun, 06 Nov 1994 08:49:37 GMT"), ("Age", "23")], "{}");
        let clock = StillClock::at(1_000, 50);
        let wire = wire(&Answers::of([dated]), &clock);
        assert_eq!(wire.server_now(), Timestamp::from_unix_seconds(1_000), "the device's, before anything was told");
        wire.send(request()).await.unwrap();
        assert_eq!(wire.server_now(), Timestamp::from_unix_seconds(NOW + 23));
        clock.set(9_999_999, 60);
        assert_eq!(wire.server_now(), Timestamp::from_unix_seconds(NOW + 33), "ten seconds later, whatever was set");
        assert_eq!(wire.device_now(), Timestamp::from_unix_seconds(9_999_999));
    }

    #[tokio::test]
    async fn a_difference_below_two_seconds_is_none() {
        let dated = reply(200, &[("Date", "Sun, 06 Nov 1994 08:49:37 GMT")], "{}");
        let clock = StillClock::at(u64::try_from(NOW).unwrap() + 1, 50);
        let wire = wire(&Answers::of([dated]), &clock);
        wire.send(request()).await.unwrap();
        assert_eq!(wire.server_now(), wire.device_now());
    }

    #[tokio::test(start_paused = true)]
    async fn a_transport_that_never_answers_is_no_answer_after_a_minute() {
        let wire = wire(&Answers::default(), &StillClock::default());
        let begun = tokio::time::Instant::now();
        let error = wire.send(request()).await.unwrap_err();
        assert_eq!(error, Error::Offline { cause: OfflineCause::NoAnswer, retry_after: None });
        assert_eq!(begun.elapsed(), LONGEST_REQUEST);
    }

    #[test]
    fn an_answer_that_cannot_be_used_says_what_it_says_by_status_and_body() {
        let wire = wire(&Answers::default(), &StillClock::default());
        let refused = Error::Denied { code: ErrorCode::AccessDenied, words: ServerWords::default() };
        let odd = Error::Untrusted { check: "jwks_status" };
        let says = |status: u16, body: &str, error: &Error| {
            wire.unusable(&reply(status, &[], body).unwrap(), error.clone()).code()
        };
        let object = r#"{"error":"access_denied"}"#;
        assert_eq!(says(400, object, &refused), "access_denied");
        assert_eq!(says(403, "<html>", &refused), "unexpected_answer", "a page of a gateway's");
        assert_eq!(says(404, "<html>", &refused), "unexpected_answer");
        assert_eq!(says(404, "<html>", &odd), "jwks_status", "keys that are somewhere else");
        assert_eq!(says(401, "", &odd), "jwks_status");
        assert_eq!(says(302, object, &refused), "unexpected_answer");
        assert_eq!(says(302, "", &odd), "jwks_status");
        assert_eq!(says(200, "<html>", &odd), "unexpected_answer", "a captive portal");
        assert_eq!(says(200, "{}", &odd), "jwks_status");
        assert_eq!(says(429, object, &refused), "rate_limited");
        assert_eq!(says(408, object, &refused), "no_answer");
        assert_eq!(says(503, object, &refused), "server_failed");
    }

    const NOW: i64 = 784_111_777; // Sun, 06 Nov 1994 08:49:37 GMT

    fn wait_of(status: u16, headers: &[(&str, &str)]) -> Option<Duration> {
        let headers: Headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        retry_after(&Response { status, headers, body: Vec::new() }, Timestamp::from_unix_seconds(NOW))
    }

    #[test]
    fn retry_after_in_seconds_is_taken_as_it_is() {
        assert_eq!(wait_of(503, &[("Retry-After", "7")]), Some(Duration::from_secs(7)));
    }

    #[test]
    fn retry_after_as_a_date_is_counted_from_the_servers_time() {
        assert_eq!(wait_of(503, &[("Retry-After", "Sun, 06 Nov 1994 08:49:47 GMT")]), Some(Duration::from_secs(10)));
        assert_eq!(wait_of(503, &[("Retry-After", "Sun, 06 Nov 1994 08:49:00 GMT")]), Some(Duration::ZERO));
    }

    #[test]
    fn a_rate_limit_reset_counts_only_when_the_limit_is_used_up() {
        let reset = (NOW + 12).to_string();
        assert_eq!(wait_of(429, &[("x-ratelimit-reset", &reset)]), Some(Duration::from_secs(12)));
        assert_eq!(wait_of(500, &[("x-ratelimit-reset", &reset)]), None);
    }

    #[test]
    fn nonsense_in_the_headers_tells_nothing() {
        assert_eq!(wait_of(503, &[("Retry-After", "soon")]), None);
        assert_eq!(wait_of(429, &[("x-ratelimit-reset", "-")]), None);
    }

    #[test]
    fn a_wait_of_any_length_is_at_most_an_hour() {
        let hour = Some(Duration::from_secs(3600));
        assert_eq!(wait_of(503, &[("Retry-After", &u64::MAX.to_string())]), hour);
        assert_eq!(wait_of(503, &[("Retry-After", "Fri, 31 Dec 9999 23:59:59 GMT")]), hour);
        assert_eq!(wait_of(429, &[("x-ratelimit-reset", &i64::MAX.to_string())]), hour);
    }
}
