//! Requests counted in fixed windows, one count for each endpoint.

use std::collections::HashMap;

use crate::{clock::Timestamp, endpoint::Endpoint, settings::Settings};

#[derive(Default)]
pub(crate) struct RateLimiter(HashMap<Endpoint, Window>);

struct Window {
    began_at: Timestamp,
    requests: u64,
}

/// What `x-ratelimit-*` say after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Allowance {
    pub(crate) limit: u64,
    pub(crate) remaining: u64,
    /// When the window ends, in seconds since the epoch.
    pub(crate) reset: i64,
    pub(crate) exceeded: bool,
}

impl RateLimiter {
    pub(crate) fn count(&mut self, endpoint: Endpoint, settings: &Settings, now: Timestamp) -> Allowance {
        let window = self.0.entry(endpoint).or_insert(Window { began_at: now, requests: 0 });
        if now < window.began_at || now.is_past(window.began_at, settings.rate_limit_window_seconds) {
            *window = Window { began_at: now, requests: 0 };
        }
        window.requests += 1;
        let limit = settings.rate_limit_requests;
        let window_seconds = i64::try_from(settings.rate_limit_window_seconds).unwrap_or(i64::MAX);
        Allowance {
            limit,
            remaining: limit.saturating_sub(window.requests),
            reset: window.began_at.plus_seconds(window_seconds).seconds_rounded_up(),
            exceeded: window.requests > limit,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limit_exceeded_within_a_window_is_refused_and_the_next_window_is_open() {
        let settings = Settings { rate_limit_requests: 2, rate_limit_window_seconds: 10, ..Settings::default() };
        let mut limiter = RateLimiter::default();
        let at = |seconds: i64| Timestamp::from_milliseconds(seconds * 1_000);
        assert_eq!(limiter.count(Endpoint::Token, &settings, at(100)).remaining, 1);
        assert!(!limiter.count(Endpoint::Token, &settings, at(101)).exceeded);
        let refused = limiter.count(Endpoint::Token, &settings, at(109));
        assert_eq!((refused.exceeded, refused.remaining, refused.reset), (true, 0, 110));
        assert!(!limiter.count(Endpoint::Userinfo, &settings, at(109)).exceeded);
        assert!(!limiter.count(Endpoint::Token, &settings, at(110)).exceeded);
    }
}
