//! Requests outside the core: what a thief, an administrator or an API's client would send.

use anyhow::{Context, Result};
use hallpass_core::adapters::Reqwest;
use hallpass_core::ports::Transport;
use hallpass_core::protocol::http::{Body, Headers, Method, Request, Response};
use serde_json::Value;
use url::{Url, form_urlencoded};

/// No answer here is larger, in bytes.
const MAX_ANSWER: usize = 1024 * 1024;

/// A client without a session.
#[derive(Clone)]
pub(crate) struct Http(Reqwest);

impl Http {
    /// A client.
    ///
    /// # Errors
    /// When the machine has no certificate authorities to trust.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self(Reqwest::new()?))
    }

    /// `GET`, with an access token if there is one.
    ///
    /// # Errors
    /// When there is no answer.
    pub(crate) async fn get(&self, url: &Url, access_token: Option<&str>) -> Result<Response> {
        let authorization = access_token.map(bearer);
        let headers: Vec<_> = authorization.iter().map(|value| ("Authorization", value.as_str())).collect();
        self.send(Method::Get, url, &headers, None).await
    }

    /// `POST` of a form.
    ///
    /// # Errors
    /// When there is no answer.
    pub(crate) async fn post(&self, url: &Url, form: &[(&str, &str)]) -> Result<Response> {
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        self.send(Method::Post, url, &[], Some(("application/x-www-form-urlencoded", form))).await
    }

    /// Any request; `body` is its type and text.
    ///
    /// # Errors
    /// When there is no answer.
    pub(crate) async fn send(
        &self,
        method: Method,
        url: &Url,
        headers: &[(&str, &str)],
        body: Option<(&str, String)>,
    ) -> Result<Response> {
        let content_type = body.as_ref().map(|(content_type, _)| ("Content-Type", *content_type));
        let headers: Headers =
            [("Accept", "application/json")].into_iter().chain(headers.iter().copied()).chain(content_type).collect();
        let body = body.map_or_else(Body::empty, |(_, text)| Body::from(text));
        let request = Request { method, url: url.clone(), headers, body, max_response_bytes: MAX_ANSWER };
        self.0.send(request).await.with_context(|| format!("no answer from {}", url.path()))
    }
}

/// The value of `Authorization` with an access token (RFC 6750 §2.1).
pub(crate) fn bearer(access_token: &str) -> String {
    format!("Bearer {access_token}")
}

/// The body of an answer as JSON; `Null` when it is none.
pub(crate) fn json(answer: &Response) -> Value {
    serde_json::from_slice(&answer.body).unwrap_or_default()
}
