//! Answers of a server that are not about a session yet: metadata, tokens, refusals, keys.

use hallpass_core::protocol::client::{Client, ClientId, Dialect, Issuer, Loopback};
use hallpass_core::protocol::discovery::ProviderMetadata;
use hallpass_core::protocol::error::ServerError;
use hallpass_core::protocol::http::{Headers, Response};
use hallpass_core::protocol::jwk::KeySet;
use hallpass_core::protocol::scope::Scope;
use hallpass_core::protocol::token::{self, MAX_LIFETIME, TokenType};
use hallpass_core::protocol::{discovery, userinfo};

pub(crate) const ISSUER: &str = "https://issuer.example/";

/// Metadata that is believed is that of the issuer asked, and all of its endpoints are secure.
pub(crate) fn discovery(data: &[u8]) {
    let client = client();
    let Ok(metadata) = discovery::parse(&answer(200, data), &client, Loopback::RequireHttps) else { return };
    assert_eq!(metadata.issuer.as_str(), ISSUER);
    let optional = [&metadata.userinfo_endpoint, &metadata.revocation_endpoint, &metadata.end_session_endpoint];
    let required = [&metadata.authorization_endpoint, &metadata.token_endpoint, &metadata.jwks_uri];
    let stored = serde_json::to_string(&metadata).unwrap();
    assert_eq!(serde_json::from_str::<ProviderMetadata>(&stored).unwrap(), metadata);
    for endpoint in required.into_iter().chain(optional.into_iter().flatten()) {
        assert_eq!(endpoint.scheme(), "https", "{endpoint}");
        assert!(endpoint.fragment().is_none(), "{endpoint}");
    }
}

/// Tokens that are believed can be sent in a header, live for a bounded time and are shown nowhere.
pub(crate) fn token_response(data: &[u8]) {
    let Ok(tokens) = token::parse(&answer(200, data), TokenType::Bearer) else { return };
    let access_token = tokens.access_token.expose();
    assert!(!access_token.is_empty() && access_token.bytes().all(|byte| matches!(byte, 0x20..=0x7e)));
    assert!(tokens.lifetime.is_none_or(|lifetime| lifetime <= MAX_LIFETIME), "{:?}", tokens.lifetime);
    assert!(tokens.refresh_token.as_ref().is_none_or(|token| !token.expose().is_empty()));
    if let Some(scope) = &tokens.scope {
        assert_eq!(Scope::parse(&scope.to_string()).as_ref(), Ok(scope));
    }
    // A token of a few characters may well be part of the word that stands in its place, and a server that writes the
    // token into the scope has shown it itself.
    let shown_by_server = tokens.scope.as_ref().is_some_and(|scope| scope.to_string().contains(access_token));
    if access_token.len() > 24 && !shown_by_server {
        assert!(!format!("{tokens:?}").contains(access_token));
    }
}

/// A refusal is of the fixed vocabulary, and its text can be printed on one line.
pub(crate) fn error_body(data: &[u8]) {
    let (&kind, body) = data.split_first().unwrap_or((&0, &[]));
    let content_type = ["application/json", "text/html; charset=utf-8", "text/plain", ""][usize::from(kind % 4)];
    let status = [400, 401, 403, 429, 500, 503][usize::from(kind / 4 % 6)];
    let mut response = answer(status, body);
    response.headers = Headers::from_iter([("Content-Type", content_type)]);
    let error = ServerError::of_response(&response);
    let code = error.code.as_str();
    assert!(!code.is_empty() && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{code}");
    assert!(!format!("{error:?}").contains(['\n', '\r', '\u{1b}']));
    assert_eq!(token::parse(&response, TokenType::Bearer).err().map(|error| error.code()), Some(code));
    for text in [error.words.code(), error.words.description()].into_iter().flatten() {
        assert!(text.chars().all(|character| !character.is_control()), "{text:?}");
        // 200 characters at most, each perhaps as an escape of ten.
        assert!(text.chars().count() <= 2_000);
    }
    assert!(userinfo::parse(&response, "ada").is_err());
}

/// A key set that is believed has a key, and reads the same from its own source.
pub(crate) fn key_set(data: &[u8]) {
    let Ok(keys) = KeySet::parse(data) else { return };
    assert!(keys.len() > 0);
    assert_eq!(keys.source().as_bytes(), data);
    assert_eq!(KeySet::parse(keys.source().as_bytes()).unwrap().len(), keys.len());
}

pub(crate) fn client() -> Client {
    Client {
        client_id: ClientId::parse("client-1").unwrap(),
        issuer: Issuer::parse(ISSUER, Loopback::RequireHttps).unwrap(),
        dialect: Dialect::OpenIdConnect,
        telemetry: None,
    }
}

fn answer(status: u16, body: &[u8]) -> Response {
    Response { status, headers: Headers::new(), body: body.to_vec() }
}
