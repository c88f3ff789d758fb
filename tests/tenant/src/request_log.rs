//! What the tenant and the API were asked, in the order in which it arrived: the judge of how many requests a client made.

use std::collections::{BTreeMap, VecDeque};

use ring::digest::{SHA256, digest};
use serde::Serialize;

use crate::{clock::Timestamp, endpoint::Endpoint, parameters::Parameters};

/// The log keeps this many of the latest requests.
const CAPACITY: usize = 20_000;

/// Parameters of which the log keeps a fingerprint.
const SECRETS: [&str; 12] = [
    "access_token",
    "client_secret",
    "code",
    "code_verifier",
    "device_code",
    "id_token_hint",
    "invitation",
    "nonce",
    "refresh_token",
    "state",
    "token",
    "transaction",
];

/// One request to the tenant or to the API. Pages of the dashboard and calls of the admin API are not logged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LoggedRequest {
    /// Counts from 1 and is never reused.
    pub number: u64,
    /// When it arrived, by the tenant's clock.
    pub at: Timestamp,
    /// Where it was sent.
    pub endpoint: Endpoint,
    /// The HTTP method.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// How its body came, if it had one.
    pub body: Option<BodyFormat>,
    /// `grant_type`, at the token endpoint.
    pub grant_type: Option<String>,
    /// Parameters of query and body. Of secrets, a [`fingerprint`]; of a password, nothing.
    pub parameters: BTreeMap<String, String>,
    /// `authorization` (as scheme and fingerprint), `auth0-client`, `dpop` (as fingerprint), `origin` and `user-agent`, if sent.
    pub headers: BTreeMap<String, String>,
    /// The fault that was applied to it.
    pub fault: Option<&'static str>,
    /// How it ended.
    pub outcome: Outcome,
    /// Why it was refused, in more words than the client was told.
    pub note: Option<String>,
}

impl LoggedRequest {
    /// The status that was sent, if an answer was.
    pub const fn status(&self) -> Option<u16> {
        match self.outcome {
            Outcome::Answered { status } => Some(status),
            Outcome::Pending | Outcome::Dropped => None,
        }
    }
}

/// How a request ended. An answer counts as sent although the client may have gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is still in work.
    Pending,
    /// It was answered.
    Answered {
        /// The HTTP status.
        status: u16,
    },
    /// The connection was closed without an answer.
    Dropped,
}

/// The format of a request's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BodyFormat {
    /// `application/x-www-form-urlencoded`
    Form,
    /// `application/json`
    Json,
    /// Anything else.
    Other,
}

/// Eight hexadecimal digits of a value's SHA-256: enough to see that two are the same, and no use as a secret.
pub fn fingerprint(value: &str) -> String {
    let digest = digest(&SHA256, value.as_bytes());
    let digits: String = digest.as_ref()[..4].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("#{digits}")
}

/// Parameters as the log keeps them.
pub(crate) fn without_secrets(parameters: &Parameters) -> BTreeMap<String, String> {
    parameters
        .iter()
        .map(|(name, value)| {
            let kept = if name == "password" {
                "(not kept)".to_owned()
            } else if SECRETS.contains(&name) {
                fingerprint(value)
            } else {
                value.to_owned()
            };
            (name.to_owned(), kept)
        })
        .collect()
}

#[derive(Default)]
pub(crate) struct RequestLog {
    entries: VecDeque<LoggedRequest>,
    last_number: u64,
}

impl RequestLog {
    /// Appends a request under the next number, which it returns.
    pub(crate) fn arrived(&mut self, mut request: LoggedRequest) -> u64 {
        self.last_number += 1;
        request.number = self.last_number;
        if self.entries.len() == CAPACITY {
            self.entries.pop_front();
        }
        self.entries.push_back(request);
        self.last_number
    }

    pub(crate) fn ended(&mut self, number: u64, outcome: Outcome, note: Option<String>) {
        if let Some(entry) = self.entries.iter_mut().rev().find(|entry| entry.number == number) {
            entry.outcome = outcome;
            entry.note = note;
        }
    }

    /// Those with a number above this one.
    pub(crate) fn after(&self, number: u64) -> impl DoubleEndedIterator<Item = &LoggedRequest> {
        self.entries.iter().filter(move |entry| entry.number > number)
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_logged_as_fingerprints_and_passwords_not_at_all() {
        let parameters = Parameters::from_urlencoded(b"grant_type=refresh_token&refresh_token=s3cret&password=horse");
        let kept = without_secrets(&parameters);
        assert_eq!(kept["grant_type"], "refresh_token");
        assert_eq!(kept["refresh_token"], fingerprint("s3cret"));
        assert!(!format!("{kept:?}").contains("s3cret") && !format!("{kept:?}").contains("horse"));
    }

    #[test]
    fn fingerprints_of_equal_values_are_equal_and_of_others_differ() {
        assert_eq!(fingerprint("a"), fingerprint("a"));
        assert_ne!(fingerprint("a"), fingerprint("b"));
        assert_eq!(fingerprint("a").len(), 9);
    }
}
