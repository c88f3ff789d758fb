//! What an endpoint is told about the request it answers.

use std::collections::BTreeMap;

use axum::{
    body::Bytes,
    http::{
        HeaderMap,
        header::{AUTHORIZATION, CONTENT_TYPE, COOKIE},
    },
};

use serde_json::Value;

use crate::{
    clock::Timestamp,
    dpop::{Presented, Scheme},
    parameters::Parameters,
    request_log::{BodyFormat, fingerprint},
};

/// One request, read, with the time and the issuer that hold for it.
pub(crate) struct Exchange {
    pub(crate) method: String,
    /// The URL as the request addressed it, without its query.
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) query: Parameters,
    pub(crate) body: Parameters,
    pub(crate) body_format: Option<BodyFormat>,
    /// The issuer of this tenant as the request addressed it.
    pub(crate) issuer: String,
    /// The issuer to name in the answer: another one when a fault says so.
    pub(crate) named_issuer: String,
    pub(crate) now: Timestamp,
    /// What to write as the time: not `now` when a fault says so.
    pub(crate) written_now: Timestamp,
    /// What to change about the claims of an ID token, when a fault says so.
    pub(crate) id_token_patch: Option<Value>,
}

impl Exchange {
    /// Parameters of the query, then of the body.
    pub(crate) fn parameters(&self) -> Parameters {
        let mut all = self.query.clone();
        all.append(self.body.clone());
        all
    }

    /// The value of a cookie (RFC 6265 §4.2).
    pub(crate) fn cookie(&self, name: &str) -> Option<&str> {
        self.headers
            .get_all(COOKIE)
            .iter()
            .filter_map(|header| header.to_str().ok())
            .flat_map(|header| header.split("; "))
            .filter_map(|pair| pair.split_once('='))
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value)
    }

    /// The access token and its scheme (RFC 6750 §2.1, RFC 9449 §7.1).
    pub(crate) fn access_token(&self) -> Option<Presented<'_>> {
        let (scheme, token) = self.header(AUTHORIZATION.as_str())?.split_once(' ')?;
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "bearer" => Scheme::Bearer,
            "dpop" => Scheme::Dpop,
            _ => return None,
        };
        Some(Presented { scheme, token: token.trim() }).filter(|presented| !presented.token.is_empty())
    }

    /// A header's value, when it is visible ASCII.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Cookies do not know ports: the name does, so that two tenants on one host do not sign each other out.
pub(crate) fn session_cookie_name(port: u16) -> String {
    format!("tenant_session_{port}")
}

/// A body's format and parameters. What is neither form nor JSON object has none.
pub(super) fn read_body(headers: &HeaderMap, body: &Bytes) -> (Option<BodyFormat>, Parameters) {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    if body.is_empty() {
        (None, Parameters::default())
    } else if media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        (Some(BodyFormat::Form), Parameters::from_urlencoded(body))
    } else if media_type.eq_ignore_ascii_case("application/json") {
        (Some(BodyFormat::Json), Parameters::from_json(body).unwrap_or_default())
    } else {
        (Some(BodyFormat::Other), Parameters::default())
    }
}

/// The headers that the log keeps, without secrets.
pub(super) fn logged_headers(headers: &HeaderMap) -> BTreeMap<String, String> {
    ["authorization", "auth0-client", "dpop", "origin", "user-agent"]
        .into_iter()
        .filter_map(|name| {
            let value = headers.get(name)?.to_str().ok()?;
            let kept = match (name, value.split_once(' ')) {
                ("authorization", Some((scheme, secret))) => format!("{scheme} {}", fingerprint(secret)),
                ("authorization", None) | ("dpop", _) => fingerprint(value),
                _ => value.to_owned(),
            };
            Some((name.to_owned(), kept))
        })
        .collect()
}
