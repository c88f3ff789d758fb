//! How the server behaves: what a real one's administrator can set, and what real ones get wrong.

use std::time::Duration;

use serde_json::{Value, json};

use super::id_token::OddIdToken;

/// How the server behaves from now on.
#[derive(Debug, Clone)]
pub(crate) struct Behaviour {
    pub(crate) rotation: bool,
    /// For how long the previous refresh token still works after a rotation.
    pub(crate) reuse_interval: Duration,
    /// What a spent refresh token ends when it comes back.
    pub(crate) reuse: Reuse,
    /// What the server says of a refresh token that it does not take.
    pub(crate) dead_token: Reply,
    /// What the revocation of a refresh token ends.
    pub(crate) revocation: Revocation,
    pub(crate) lifetime: u64,
    pub(crate) offline_access: bool,
    /// Renewals bring the access token that is there again while it is valid.
    pub(crate) same_access_token: bool,
    /// Members that replace or, when null, remove those of a token response.
    pub(crate) token_response: Value,
    /// Members that replace or, when null, remove those of an ID token.
    pub(crate) id_token: Value,
    /// What is wrong with the ID token of a renewal.
    pub(crate) renewed_id_token: OddIdToken,
    /// How far the server's clock is ahead of the device's, in seconds.
    pub(crate) clock_ahead: i64,
    /// How far the `Date` of an answer is ahead of the server's clock, in seconds; `None` for an answer without one.
    pub(crate) date_ahead: Option<i64>,
    /// How long ago a cache before the key set got what it answers with, in seconds.
    pub(crate) keys_age: u64,
    /// Members that replace or, when null, remove those of the metadata.
    pub(crate) metadata: Value,
    /// How often a device may ask, in seconds; one that asks more often is told to slow down (RFC 8628 §3.5).
    pub(crate) device_interval: Option<u64>,
    /// For how long a device code is good, in seconds.
    pub(crate) device_lifetime: u64,
    /// Where the token endpoint and the key set are. Anywhere else they are not.
    pub(crate) token_path: &'static str,
    pub(crate) keys_path: &'static str,
}

/// What a spent refresh token ends when it comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reuse {
    /// Nothing: it is refused.
    Nothing,
    /// The session that it is of, as RFC 9700 §4.14.2 wants it.
    Session,
    /// All of the user's sessions at this client.
    AllOfTheUser,
}

/// What a revocation (RFC 7009) ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Revocation {
    /// The token that was named, and no other.
    Token,
    /// The session that it is of.
    Session,
    /// All of the user's sessions at this client, as Auth0's "Refresh Token Revocation Deletes Grant".
    AllOfTheUser,
}

/// An answer that is made beforehand.
#[derive(Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn json(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self::of_type(status, "application/json", body)
    }

    /// The page of a firewall, a gateway or a portal.
    pub(crate) fn html(status: u16) -> Self {
        Self::of_type(status, "text/html", "<html><h1>Request blocked</h1></html>")
    }

    pub(crate) fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    pub(crate) fn of_type(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: vec![("Content-Type".to_owned(), content_type.to_owned())], body: body.into() }
    }

    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// `invalid_grant`, with a word for developers.
    pub(crate) fn invalid_grant(description: &str) -> Self {
        let body = json!({ "error": "invalid_grant", "error_description": description });
        Self::json(400, body.to_string())
    }
}

impl std::fmt::Debug for Reply {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} {:?} {}", self.status, self.headers, String::from_utf8_lossy(&self.body))
    }
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            rotation: true,
            reuse_interval: Duration::ZERO,
            reuse: Reuse::Session,
            // As Auth0 does.
            dead_token: Reply { status: 403, ..Reply::invalid_grant("Unknown or invalid refresh token.") },
            revocation: Revocation::Token,
            lifetime: 3_600,
            offline_access: true,
            same_access_token: false,
            token_response: json!({}),
            id_token: json!({}),
            renewed_id_token: OddIdToken::Usual,
            clock_ahead: 0,
            date_ahead: Some(0),
            keys_age: 0,
            metadata: json!({}),
            device_interval: Some(5),
            device_lifetime: 600,
            token_path: "/token",
            keys_path: "/keys",
        }
    }
}
