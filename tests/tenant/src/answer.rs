//! Answers that more than one endpoint gives.

use axum::{
    body::Body,
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION, PRAGMA},
    },
    response::Response,
};
use serde::Serialize;
use serde_json::json;

use crate::settings::{DeadRefreshToken, ErrorStyle};

/// Goes with a response to the request log, and no further.
#[derive(Clone, Debug)]
pub(crate) struct Note(pub(crate) String);

pub(crate) fn with_body(status: StatusCode, content_type: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

pub(crate) fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// JSON that nobody may keep (RFC 6749 §5.1).
pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    let text = serde_json::to_vec(body).expect("answers are plain data");
    let mut response = with_body(status, "application/json", text);
    forbid_storing(response.headers_mut());
    response
}

pub(crate) fn forbid_storing(headers: &mut HeaderMap) {
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
}

/// 302, or 303 after a form: the browser must not send a password along (RFC 9700 §4.12).
pub(crate) fn redirect(status: StatusCode, location: &str) -> Response {
    let mut response = empty(status);
    // What can be in a URL that we built or that was registered can be in a header.
    let location = HeaderValue::from_str(location).unwrap_or(HeaderValue::from_static("/"));
    response.headers_mut().insert(LOCATION, location);
    forbid_storing(response.headers_mut());
    response
}

pub(crate) fn noted(mut response: Response, note: impl Into<String>) -> Response {
    response.extensions_mut().insert(Note(note.into()));
    response
}

/// An error of the token and revocation endpoints (RFC 6749 §5.2).
#[derive(Debug)]
pub(crate) struct OAuthError {
    pub(crate) error: &'static str,
    pub(crate) description: String,
    /// For the request log: more than the client may know.
    pub(crate) note: Option<String>,
    /// That a refresh token is dead, in these words.
    pub(crate) dead: Option<DeadRefreshToken>,
}

impl OAuthError {
    pub(crate) fn new(error: &'static str, description: impl Into<String>) -> Self {
        Self { error, description: description.into(), note: None, dead: None }
    }

    pub(crate) fn because(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }

    /// Says that a refresh token is dead in the words of another server.
    pub(crate) fn in_words_of(mut self, dead: DeadRefreshToken) -> Self {
        self.dead = Some(dead);
        self
    }

    pub(crate) fn into_response(self, style: ErrorStyle) -> Response {
        let told = self.note.clone().unwrap_or_else(|| self.description.clone());
        let in_oauths_words = |error: &str, description: &str| {
            json(StatusCode::BAD_REQUEST, &json!({ "error": error, "error_description": description }))
        };
        let response = match self.dead {
            None | Some(DeadRefreshToken::InvalidGrant) => self.usual(style),
            Some(DeadRefreshToken::InvalidRequest) => in_oauths_words(
                "invalid_request",
                "Refresh token is invalid or has already been claimed by another client.",
            ),
            Some(DeadRefreshToken::UnauthorizedClient) => {
                in_oauths_words("unauthorized_client", "token was already used")
            }
            Some(DeadRefreshToken::WithoutError) => json(
                StatusCode::BAD_REQUEST,
                &json!({
                    "code": 400, "error_code": "refresh_token_not_found",
                    "msg": "Invalid Refresh Token: Refresh Token Not Found",
                }),
            ),
            Some(DeadRefreshToken::Empty) => empty(StatusCode::UNAUTHORIZED),
        };
        noted(response, told)
    }

    fn usual(self, style: ErrorStyle) -> Response {
        let status = match (self.error, style) {
            ("invalid_client", _) => StatusCode::UNAUTHORIZED,
            (
                "invalid_grant"
                | "unsupported_grant_type"
                | "authorization_pending"
                | "access_denied"
                | "expired_token",
                ErrorStyle::Auth0 | ErrorStyle::Auth0Legacy,
            ) => StatusCode::FORBIDDEN,
            ("slow_down", ErrorStyle::Auth0 | ErrorStyle::Auth0Legacy) => StatusCode::TOO_MANY_REQUESTS,
            _ => StatusCode::BAD_REQUEST,
        };
        let Self { error, description, .. } = self;
        let body = match style {
            ErrorStyle::Auth0 | ErrorStyle::Rfc6749 => json!({ "error": error, "error_description": description }),
            ErrorStyle::Auth0Legacy => json!({
                "name": "AuthError", "code": error, "description": description, "statusCode": status.as_u16(),
            }),
        };
        json(status, &body)
    }
}
