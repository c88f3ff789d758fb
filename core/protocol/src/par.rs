//! Pushed authorization requests (RFC 9126): the parameters of a login are sent directly to the server, and the browser gets
//! only a reference to them. So the browser's address does not show the parameters, and they cannot be changed on the way.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use serde_json::Value;
use url::Url;

use crate::client::{Client, TokenEncoding};
use crate::discovery::ProviderMetadata;
use crate::error::ServerError;
use crate::http::{Request, Response};
use crate::lenient::{Member, Members};
use crate::token::post_as;

/// The longest reference that is accepted, in bytes. Servers use fewer than a hundred.
const MAX_REQUEST_URI: usize = 2_000;

/// The request that pushes the parameters of `url` (of [`authorize::start`](crate::authorize::start)): a POST with a form, in
/// every dialect (§2.1). `None` when the provider has no endpoint for it.
#[must_use]
pub fn request(client: &Client, provider: &ProviderMetadata, url: &Url) -> Option<Request> {
    let endpoint = provider.pushed_authorization_request_endpoint.as_ref()?;
    // What the endpoint's own query has is the address of the page, and no parameter of the request.
    let own = provider.authorization_endpoint.query_pairs().count();
    let parameters: Vec<(Cow<'_, str>, Cow<'_, str>)> = url.query_pairs().skip(own).collect();
    let members: Vec<(&str, Option<&str>)> =
        parameters.iter().map(|(name, value)| (name.as_ref(), Some(value.as_ref()))).collect();
    Some(post_as(TokenEncoding::Form, client, endpoint, &members))
}

/// Reads the answer (§2.2) and returns the page for the browser, which names the client and the pushed request (§4).
///
/// How long the reference is good for is not read: the browser opens it at once.
///
/// # Errors
/// [`ParError::Server`] for every status but 2xx; [`ParError::RequestUri`] when there is no reference in the answer.
pub fn parse(response: &Response, client: &Client, provider: &ProviderMetadata) -> Result<Url, ParError> {
    if !response.is_success() {
        return Err(ParError::Server(ServerError::of_response(response)));
    }
    let mut members = Members::of_response(response, &["request_uri"]).map_err(|_| ParError::RequestUri)?;
    let request_uri: String = match members.take("request_uri") {
        Member::Once(Value::String(text)) if is_reference(&text) => text,
        Member::Once(_) | Member::Twice | Member::Absent => return Err(ParError::RequestUri),
    };
    let mut url = provider.authorization_endpoint.clone();
    url.query_pairs_mut().append_pair("client_id", client.client_id.as_str()).append_pair("request_uri", &request_uri);
    Ok(url)
}

/// A URI has visible ASCII characters only (RFC 3986 §2).
fn is_reference(text: &str) -> bool {
    (1..=MAX_REQUEST_URI).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Why a request was not pushed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParError {
    /// The server refused it.
    #[error(transparent)]
    Server(ServerError),
    /// The answer has no `request_uri`, or one that is no URI.
    #[error("the answer to a pushed authorization request has no `request_uri` that can be used")]
    RequestUri,
}

impl ParError {
    /// What happened, from a fixed vocabulary.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Server(error) => error.code(),
            Self::RequestUri => "par_request_uri",
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::ToString;

    use super::*;
    use crate::fixtures::{self, auth0, auth0_provider, openid, openid_provider, response};
    use crate::http::Method;

    const REDIRECT: &str = "com.example.app:/callback";

    fn pushed(client: &Client, provider: &ProviderMetadata) -> Request {
        let (url, _) = fixtures::start(client, provider, REDIRECT);
        request(client, provider, &url).unwrap()
    }

    fn body(request: &Request) -> &str {
        core::str::from_utf8(request.body.as_bytes()).unwrap()
    }

    fn page(body: &str) -> Result<Url, ParError> {
        parse(&response(201, "application/json", body), &openid(), &openid_provider())
    }

    #[test]
    fn the_parameters_of_the_login_are_pushed_as_a_form_and_the_endpoints_own_query_is_not() {
        let request = pushed(&openid(), &openid_provider());
        assert_eq!((request.method, request.url.as_str()), (Method::Post, "https://op.example/realm/par"));
        assert_eq!(request.headers.get("Content-Type"), Some("application/x-www-form-urlencoded"));
        let (url, _) = fixtures::start(&openid(), &openid_provider(), REDIRECT);
        assert_eq!(format!("tenant=7&{}", body(&request)), url.query().unwrap());
        assert!(body(&request).starts_with("response_type=code&client_id=client-1&redirect_uri="));
    }

    #[test]
    fn at_auth0_it_is_a_form_as_well() {
        let request = pushed(&auth0(), &auth0_provider());
        assert_eq!(request.url.as_str(), "https://tenant.eu.auth0.com/oauth/par");
        assert_eq!(request.headers.get("Content-Type"), Some("application/x-www-form-urlencoded"));
    }

    #[test]
    fn a_provider_without_the_endpoint_gets_no_request() {
        let provider = ProviderMetadata { pushed_authorization_request_endpoint: None, ..openid_provider() };
        let (url, _) = fixtures::start(&openid(), &provider, REDIRECT);
        assert!(request(&openid(), &provider, &url).is_none());
    }

    #[test]
    fn the_browser_gets_the_client_and_the_reference_alone() {
        let url = page(r#"{"request_uri":"urn:ietf:params:oauth:request_uri:6esc_11","expires_in":60}"#).unwrap();
        assert_eq!(
            url.as_str(),
            "https://op.example/realm/auth?tenant=7&client_id=client-1\
             &request_uri=urn%3Aietf%3Aparams%3Aoauth%3Arequest_uri%3A6esc_11"
        );
        assert!(page(r#"{"request_uri":"urn:x","expires_in":"soon","more":[1]}"#).is_ok());
    }

    #[test]
    fn an_answer_without_a_reference_is_refused() {
        let long = format!(r#"{{"request_uri":"urn:{}"}}"#, "x".repeat(MAX_REQUEST_URI));
        for body in [
            "",
            "<html>",
            "{}",
            r#"{"request_uri":""}"#,
            r#"{"request_uri":7}"#,
            r#"{"request_uri":"urn:a b"}"#,
            r#"{"request_uri":"urn:\u00e9"}"#,
            r#"{"request_uri":"urn:a","request_uri":"urn:b"}"#,
            &long,
        ] {
            assert_eq!(page(body), Err(ParError::RequestUri), "{body:.60}");
        }
    }

    #[test]
    fn a_refusal_is_the_servers_word() {
        let refused = response(400, "application/json", r#"{"error":"invalid_request"}"#);
        let error = parse(&refused, &openid(), &openid_provider()).unwrap_err();
        assert_eq!(error.code(), "invalid_request");
        assert!(!error.to_string().is_empty() && !ParError::RequestUri.to_string().is_empty());
        assert_eq!(ParError::RequestUri.code(), "par_request_uri");
    }
}
