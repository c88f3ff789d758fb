//! What an answer that cannot be used says: about the network between, about the server's health, or about the server.

use hallpass_protocol::http::Response;

use super::engine::Engine;
use super::patience;
use crate::error::{Error, OfflineCause};

impl Engine {
    /// The error for an answer that the protocol made `error` of.
    ///
    /// A page of a captive portal, an answer cut off, a server that fails or is busy: none of these is a word about the
    /// user or the configuration, so each is [`Error::Offline`] whatever the protocol says. A redirect, which is never
    /// followed, is no refusal either.
    pub(crate) fn unusable(&self, response: &Response, error: impl Into<Error>) -> Error {
        let cause = match response.status {
            429 => OfflineCause::RateLimited,
            500.. => OfflineCause::ServerFailed,
            200..300 if !is_json(&response.body) => OfflineCause::UnexpectedAnswer,
            300..400 => match error.into() {
                Error::Denied { .. } => OfflineCause::UnexpectedAnswer,
                told @ (Error::Cancelled
                | Error::LoginRequired { .. }
                | Error::Offline { .. }
                | Error::Storage { .. }
                | Error::Untrusted { .. }
                | Error::Misconfigured { .. }
                | Error::Internal { .. }) => return told,
            },
            _ => return error.into(),
        };
        Error::Offline { cause, retry_after: patience::told(response, self.server_now()) }
    }
}

/// Whether `body` is JSON, whatever it says.
pub(crate) fn is_json(body: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok()
}
