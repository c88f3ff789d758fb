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
        self.send(Method::Get, url, access_token, None).await
    }

    /// `POST` of a form, with an access token if there is one.
    ///
    /// # Errors
    /// When there is no answer.
    pub(crate) async fn post(&self, url: &Url, access_token: Option<&str>, form: &[(&str, &str)]) -> Result<Response> {
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        self.send(Method::Post, url, access_token, Some(("application/x-www-form-urlencoded", form))).await
    }

    /// Any request; `body` is its type and text.
    ///
    /// # Errors
    /// When there is no answer.
    pub(crate) async fn send(
        &self,
        method: Method,
        url: &Url,
        access_token: Option<&str>,
        body: Option<(&str, String)>,
    ) -> Result<Response> {
        let mut headers = Headers::from_iter([("Accept", "application/json")]);
        if let Some(access_token) = access_token {
            headers.push("Authorization", format!("Bearer {access_token}"));
        }
        if let Some((content_type, _)) = &body {
            headers.push("Content-Type", *content_type);
        }
        let body = body.map_or_else(Body::empty, |(_, text)| Body::from(text));
        let request = Request { method, url: url.clone(), headers, body, max_response_bytes: MAX_ANSWER };
        self.0.send(request).await.with_context(|| format!("no answer from {}", url.path()))
    }
}

/// The body of an answer as JSON; `Null` when it is none.
pub(crate) fn json(answer: &Response) -> Value {
    serde_json::from_slice(&answer.body).unwrap_or_default()
}
