//! What a model sends, and what it makes of the answers.

use std::time::Duration;

use hallpass_core::ports::{Clock, Transport, TransportError};
use hallpass_core::protocol::http::{Headers, Method, Request, Response};
use hallpass_core::{Error, OfflineCause};
use serde_json::Value;

use super::{Deviation, Model};
use crate::server::ISSUER;

/// What came of a request.
pub(super) enum Outcome {
    Tokens(Value),
    Refused,
    /// The error, and whether the server may have acted.
    Nothing(Error, bool),
    Over,
}

impl Model {
    pub(super) async fn request(&self, path: &str, parameters: &[(&str, &str)]) -> Outcome {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
        let request = Request {
            method: Method::Post,
            url: url::Url::parse(&format!("{ISSUER}/{path}")).expect("a constant"),
            headers: Headers::new(),
            body: body.into(),
            max_response_bytes: 1_000_000,
        };
        let offline = |cause| Error::Offline { cause, retry_after: None };
        let response = match self.ports.send(request).await {
            Ok(response) => response,
            Err(TransportError::NoAnswer | TransportError::TooLarge { .. }) => {
                return Outcome::Nothing(offline(OfflineCause::NoAnswer), true);
            }
            Err(_) => return Outcome::Nothing(offline(OfflineCause::Unreachable), false),
        };
        self.judge(&response)
    }

    pub(super) fn judge(&self, response: &Response) -> Outcome {
        if let Some(seconds) = response.headers.get("retry-after").and_then(|value| value.parse().ok()) {
            let until = self.ports.elapsed() + Duration::from_secs(seconds);
            self.change(|memory| memory.wait_until = memory.wait_until.max(until));
        }
        let body = serde_json::from_slice::<Value>(&response.body).ok();
        let error = body.as_ref().and_then(|body| body["error"].as_str());
        let offline =
            |acted| Outcome::Nothing(Error::Offline { cause: OfflineCause::ServerFailed, retry_after: None }, acted);
        match response.status {
            200 if body.as_ref().is_some_and(|body| body["access_token"].is_string()) => {
                body.map_or(Outcome::Refused, Outcome::Tokens)
            }
            200..300 => offline(true),
            400..500 if error == Some("invalid_grant") => Outcome::Refused,
            400..500 if error.is_some() && self.deviates(Deviation::EndsOnAnyError) => Outcome::Over,
            status => offline(status >= 500 && status != 503),
        }
    }
}
