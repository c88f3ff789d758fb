//! Faults: what the tenant does wrong on purpose, where, and how often.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{endpoint::Endpoint, odd_body::OddBody, settings::RetryAfter};

/// One planned misbehaviour. At most one is applied to a request: the first that fits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Where it happens.
    pub endpoint: Endpoint,
    /// At the token endpoint: only for requests with this `grant_type`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant_type: Option<String>,
    /// How often it happens. Default: once.
    #[serde(default)]
    pub times: Times,
    /// For a fault that replaces the answer: whether the request is processed all the same, before its answer is thrown
    /// away. Default: no.
    #[serde(default)]
    pub after_processing: bool,
    /// What happens.
    pub kind: FaultKind,
}

impl Fault {
    /// This fault, once.
    pub const fn once(endpoint: Endpoint, kind: FaultKind) -> Self {
        Self { endpoint, grant_type: None, times: Times::Next(1), after_processing: false, kind }
    }

    /// This fault, for the next so many requests.
    pub const fn next(times: u32, endpoint: Endpoint, kind: FaultKind) -> Self {
        Self { endpoint, grant_type: None, times: Times::Next(times), after_processing: false, kind }
    }

    /// This fault, until it is cleared.
    pub const fn always(endpoint: Endpoint, kind: FaultKind) -> Self {
        Self { endpoint, grant_type: None, times: Times::Always, after_processing: false, kind }
    }

    /// The same, only for token requests with this `grant_type`.
    #[must_use]
    pub fn for_grant_type(mut self, grant_type: &str) -> Self {
        self.grant_type = Some(grant_type.to_owned());
        self
    }

    /// The same, with the request processed before its answer is replaced.
    #[must_use]
    pub const fn after_processing(mut self) -> Self {
        self.after_processing = true;
        self
    }
}

/// How often a fault happens. In JSON: a number, or `"always"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Times {
    /// For the next so many requests.
    Next(u32),
    /// Until it is cleared.
    #[serde(with = "always")]
    Always,
}

impl Default for Times {
    fn default() -> Self {
        Self::Next(1)
    }
}

mod always {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("always")
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(), D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "always" => Ok(()),
            other => Err(D::Error::custom(format!("times is a number or \"always\", not {other:?}"))),
        }
    }
}

/// What goes wrong. In JSON: the name as a string, or an object with the name and its details, as in
/// `{"delay": {"milliseconds": 500}}`.
///
/// Where it says *replaces*, the request is not processed unless [`Fault::after_processing`] says so.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum FaultKind {
    /// The request is lost before it is processed; the connection closes without an answer.
    LostRequest,
    /// The request is processed and its answer is lost; the connection closes without one.
    LostAnswer,
    /// The answer breaks off in the middle of its body, by a closed connection.
    BrokenOffAnswer,
    /// The request waits before it is processed.
    Delay {
        /// How long.
        milliseconds: u64,
    },
    /// The request is processed at once and its answer waits.
    DelayedAnswer {
        /// How long.
        milliseconds: u64,
    },
    /// Replaces the answer by 429 with `x-ratelimit-*`.
    TooManyRequests {
        /// When to come back, in seconds from now.
        seconds: u64,
        /// The form of `Retry-After`, or none.
        retry_after: RetryAfter,
    },
    /// Replaces the answer by 500 with a text.
    InternalServerError,
    /// Replaces the answer by 503.
    ServiceUnavailable {
        /// When to come back, in seconds from now.
        seconds: u64,
        /// The form of `Retry-After`, or none.
        retry_after: RetryAfter,
    },
    /// Replaces the answer by 200 with a captive portal's HTML page.
    HtmlBody,
    /// Replaces the answer by 200 with no body.
    EmptyBody,
    /// The request is processed; half of its JSON answer is sent as if it were the whole.
    TruncatedJson,
    /// The request is processed by a clock that is off: the `Date` header, and `iat`, `exp` and `auth_time` of tokens.
    WrongClock {
        /// How far ahead, or behind when negative.
        seconds: i64,
    },
    /// Replaces the answer by 200 with a JSON object of this size.
    OversizedBody {
        /// Its length, about.
        bytes: usize,
    },
    /// Replaces the answer by 200 with JSON nested this deep.
    DeepJson {
        /// How many arrays in each other.
        depth: usize,
    },
    /// The request is processed and another issuer is named: in metadata, in an ID token, in an authorization response.
    WrongIssuer {
        /// The issuer to name.
        issuer: String,
    },
    /// Replaces the answer by 401 with an error that is not `invalid_grant`.
    Unauthorized,
    /// Replaces the answer by an error that no specification knows.
    UnknownError {
        /// The status, 400 to 599.
        status: u16,
    },
    /// Replaces the answer by a redirect.
    Redirect {
        /// 301, 302, 303, 307 or 308.
        status: u16,
        /// Where to; `None` is `redirected` at the tenant itself, where the request log shows who followed.
        location: Option<String>,
    },
    /// Replaces the answer by this one.
    Answer {
        /// The status.
        status: u16,
        /// Names and values.
        headers: Vec<(String, String)>,
        /// The body.
        body: String,
    },
    /// The request is processed and the claims of its ID token changed by a merge patch (RFC 7396) before it is signed.
    PatchedIdToken {
        /// What to merge.
        claims: Value,
    },
    /// The request is processed and its JSON answer changed by a merge patch (RFC 7396).
    PatchedJson {
        /// What to merge.
        patch: Value,
    },
    /// The request is processed and its JSON answer made odd, in a way that leaves readable what the client needs.
    OddBody {
        /// How.
        oddity: OddBody,
    },
}

impl FaultKind {
    /// Its name in JSON.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::LostRequest => "lost_request",
            Self::LostAnswer => "lost_answer",
            Self::BrokenOffAnswer => "broken_off_answer",
            Self::Delay { .. } => "delay",
            Self::DelayedAnswer { .. } => "delayed_answer",
            Self::TooManyRequests { .. } => "too_many_requests",
            Self::InternalServerError => "internal_server_error",
            Self::ServiceUnavailable { .. } => "service_unavailable",
            Self::HtmlBody => "html_body",
            Self::EmptyBody => "empty_body",
            Self::TruncatedJson => "truncated_json",
            Self::WrongClock { .. } => "wrong_clock",
            Self::OversizedBody { .. } => "oversized_body",
            Self::DeepJson { .. } => "deep_json",
            Self::WrongIssuer { .. } => "wrong_issuer",
            Self::Unauthorized => "unauthorized",
            Self::UnknownError { .. } => "unknown_error",
            Self::Redirect { .. } => "redirect",
            Self::Answer { .. } => "answer",
            Self::PatchedIdToken { .. } => "patched_id_token",
            Self::PatchedJson { .. } => "patched_json",
            Self::OddBody { .. } => "odd_body",
        }
    }
}

/// The faults that are planned, in the order in which they are tried.
#[derive(Default)]
pub(crate) struct FaultPlan(Vec<Fault>);

impl FaultPlan {
    pub(crate) fn add(&mut self, fault: Fault) {
        if fault.times != Times::Next(0) {
            self.0.push(fault);
        }
    }

    pub(crate) fn all(&self) -> &[Fault] {
        &self.0
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Removes the one at this place in the order; whether there was one.
    pub(crate) fn remove(&mut self, index: usize) -> bool {
        if index >= self.0.len() {
            return false;
        }
        self.0.remove(index);
        true
    }

    /// The fault for this request, counted down.
    pub(crate) fn take(&mut self, endpoint: Endpoint, grant_type: Option<&str>) -> Option<Fault> {
        let index = self.0.iter().position(|fault| {
            fault.endpoint == endpoint && fault.grant_type.as_deref().is_none_or(|wanted| Some(wanted) == grant_type)
        })?;
        let fault = self.0[index].clone();
        if let Times::Next(left) = fault.times {
            if left > 1 {
                self.0[index].times = Times::Next(left - 1);
            } else {
                self.0.remove(index);
            }
        }
        Some(fault)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fault_for_the_next_two_requests_is_taken_twice() {
        let mut plan = FaultPlan::default();
        plan.add(Fault::next(2, Endpoint::Token, FaultKind::EmptyBody));
        assert!(plan.take(Endpoint::Api, None).is_none());
        assert!(plan.take(Endpoint::Token, None).is_some());
        assert!(plan.take(Endpoint::Token, None).is_some());
        assert!(plan.take(Endpoint::Token, None).is_none());
    }

    #[test]
    fn fault_of_a_grant_type_leaves_other_grants_alone() {
        let mut plan = FaultPlan::default();
        plan.add(Fault::always(Endpoint::Token, FaultKind::EmptyBody).for_grant_type("refresh_token"));
        assert!(plan.take(Endpoint::Token, Some("authorization_code")).is_none());
        assert!(plan.take(Endpoint::Token, Some("refresh_token")).is_some());
        assert!(plan.take(Endpoint::Token, Some("refresh_token")).is_some());
    }

    #[test]
    fn fault_in_json_reads_with_and_without_its_defaults() {
        let short: Fault = serde_json::from_value(json!({"endpoint": "token", "kind": "lost_answer"})).unwrap();
        assert_eq!(short, Fault::once(Endpoint::Token, FaultKind::LostAnswer));
        let long = json!({
            "endpoint": "api", "times": "always", "after_processing": true,
            "kind": {"service_unavailable": {"seconds": 2, "retry_after": "http_date"}},
        });
        let fault: Fault = serde_json::from_value(long.clone()).unwrap();
        assert_eq!(fault.times, Times::Always);
        assert_eq!(serde_json::to_value(&fault).unwrap(), long);
    }

    #[test]
    fn fault_in_json_with_a_typing_mistake_is_refused() {
        for mistaken in [
            json!({"endpoint": "token", "kind": "lost_anwser"}),
            json!({"endpoint": "token", "kind": {"delay": {"seconds": 1}}}),
            json!({"endpoint": "token", "kind": "lost_answer", "time": 3}),
            json!({"endpoint": "token", "kind": "lost_answer", "times": "often"}),
        ] {
            assert!(serde_json::from_value::<Fault>(mistaken.clone()).is_err(), "{mistaken}");
        }
    }
}
