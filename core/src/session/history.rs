//! What a report needs and nobody else: when the state changed, and what became of the last renewal. In memory only.

use std::sync::{Mutex, MutexGuard, PoisonError};

use hallpass_protocol::error::ServerError;
use hallpass_protocol::http::Response;
use hallpass_protocol::time::Timestamp;

use super::state::Event;

/// What happened to one account since the process began. Log-safe.
#[derive(Default)]
pub(crate) struct History(Mutex<Past>);

/// What a report takes from it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Past {
    /// When the state became what it is; `None` when it has been so from the start.
    pub(crate) state_since: Option<Timestamp>,
    pub(crate) renewals: u64,
    pub(crate) renewed_at: Option<Timestamp>,
    /// The failures in a row, the last one's code, and when that was.
    pub(crate) failures: u64,
    pub(crate) failure: Option<(&'static str, Timestamp)>,
    pub(crate) refusal: Option<Refusal>,
}

/// How the server refused a renewal last.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) code: &'static str,
    /// What the server, or a gateway before it, calls the request in its own log.
    pub(crate) request_id: Option<String>,
    pub(crate) at: Timestamp,
}

/// Where servers and gateways put the name of a request.
const REQUEST_IDS: [&str; 9] = [
    "x-request-id",
    "x-correlation-id",
    "request-id",
    "x-ms-request-id",
    "x-okta-request-id",
    "x-auth0-requestid",
    "x-amz-cognito-request-id",
    "x-amzn-requestid",
    "cf-ray",
];
/// More than any of them has, in bytes.
const LONGEST_REQUEST_ID: usize = 64;

impl History {
    pub(crate) fn state_changed(&self, now: Timestamp) {
        self.lock().state_since = Some(now);
    }

    pub(crate) fn happened(&self, event: Event, now: Timestamp) {
        let mut past = self.lock();
        match event {
            Event::Renewed => {
                past.renewals += 1;
                past.renewed_at = Some(now);
                past.failures = 0;
            }
            Event::RenewalFailed { code, .. } => {
                past.failures += 1;
                past.failure = Some((code, now));
            }
            Event::SignedIn | Event::IdTokenRejected { .. } | Event::SignedOut { .. } => {}
        }
    }

    pub(crate) fn refused(&self, response: &Response, refusal: &ServerError, now: Timestamp) {
        let request_id = request_id(response);
        let (status, code) = (response.status, refusal.code());
        tracing::info!(status, code, request_id, "the server refused to renew");
        self.lock().refusal = Some(Refusal { status, code, request_id, at: now });
    }

    pub(crate) fn past(&self) -> Past {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Past> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The name of a request, where it looks like one: a server's text may name the user otherwise.
fn request_id(response: &Response) -> Option<String> {
    let named = REQUEST_IDS.iter().find_map(|name| response.headers.get(name))?.trim();
    let is_name = (1..=LONGEST_REQUEST_ID).contains(&named.len())
        && named.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':' | b'='));
    is_name.then(|| named.to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::fakes::reply;
    use super::*;

    #[test]
    fn what_looks_like_the_name_of_a_request_is_kept_and_nothing_else() {
        let of = |headers: &[(&str, &str)]| request_id(&reply(400, headers, "{}").unwrap());
        assert_eq!(of(&[("X-Request-Id", "7f9c-12")]).as_deref(), Some("7f9c-12"));
        assert_eq!(of(&[("cf-ray", "8a1b2c3d4e5f-FRA")]).as_deref(), Some("8a1b2c3d4e5f-FRA"));
        assert_eq!(of(&[("content-type", "text/plain")]), None);
        let long = "a".repeat(LONGEST_REQUEST_ID + 1);
        for odd in ["", "ada@example.com", "a b", "<script>", "a\u{1b}[2J", &long] {
            assert_eq!(of(&[("x-request-id", odd)]), None, "{odd}");
        }
    }
}
