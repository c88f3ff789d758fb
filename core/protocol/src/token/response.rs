//! Responses of the token endpoint.
//!
//! A response with tokens in it is never refused over something that can do without: with rotation, the refresh token in it
//! may be the only one that still works. So an odd `expires_in` or `scope` is read as well as it can be, and only what cannot
//! be used safely (not JSON, a member twice, no access token, a token that is not a bearer token) is an error.

use alloc::string::String;
use core::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::error::ServerError;
use crate::http::{MAX_TOKEN_RESPONSE, Response};
use crate::json;
use crate::scope::Scope;
use crate::secret::{AccessToken, RawIdToken, RefreshToken};

/// The longest lifetime of an access token that is believed: 10 years. A longer one is read as this one.
pub const MAX_LIFETIME: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// Tokens, as the server gave them (RFC 6749 §5.1, OpenID Connect Core §3.1.3.3).
#[derive(Debug)]
pub struct TokenResponse {
    /// The access token.
    pub access_token: AccessToken,
    /// How it is used.
    pub token_type: TokenType,
    /// How long it lives from now on; `None` when the server does not say.
    pub lifetime: Option<Duration>,
    /// The refresh token; `None` means that there is none, or that the one used goes on working.
    pub refresh_token: Option<RefreshToken>,
    /// The ID token, not yet validated.
    pub id_token: Option<RawIdToken>,
    /// The scope granted; `None` means the one asked for.
    pub scope: Option<Scope>,
}

/// How an access token is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TokenType {
    /// In an `Authorization: Bearer` header (RFC 6750 §2.1).
    Bearer,
}

impl TokenType {
    /// The type as it stands in an `Authorization` header.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bearer => "Bearer",
        }
    }
}

/// Reads the answer to a token request.
///
/// `expires_in` may be a number or a number in a string; a fraction is cut off, a negative number means that the token is
/// over already, one beyond [`MAX_LIFETIME`] is read as that, and anything else as not said. An empty or `null` member is
/// read as absent.
///
/// # Errors
/// [`TokenError::Server`] for every status but 2xx, [`TokenError::Malformed`] for a 2xx whose body cannot be used.
pub fn parse(response: &Response) -> Result<TokenResponse, TokenError> {
    if !response.is_success() {
        return Err(TokenError::Server(ServerError::of_response(response)));
    }
    let members: Members = json::object(&response.body, MAX_TOKEN_RESPONSE)
        .map_err(|json::Malformed| TokenError::Malformed("not a JSON object with unique members of the right types"))?;
    let access_token = members
        .access_token
        .filter(|token| !token.expose().is_empty())
        .ok_or(TokenError::Malformed("no access_token"))?;
    // RFC 6749 appendix A.12: 1*VSCHAR. Anything else could break out of the header that it is sent in.
    if !access_token.expose().bytes().all(|byte| matches!(byte, 0x20..=0x7e)) {
        return Err(TokenError::Malformed("a character in access_token that no token has"));
    }
    // RFC 6749 §5.1: required, and compared without regard to case. §7.1: not to be used when not understood.
    let token_type = match members.token_type {
        Some(name) if name.eq_ignore_ascii_case("bearer") => TokenType::Bearer,
        Some(_) => return Err(TokenError::Malformed("a token_type other than Bearer")),
        None => return Err(TokenError::Malformed("no token_type")),
    };
    Ok(TokenResponse {
        access_token,
        token_type,
        lifetime: members.expires_in.as_ref().and_then(lifetime),
        refresh_token: members.refresh_token.filter(|token| !token.expose().is_empty()),
        id_token: members.id_token.filter(|token| !token.expose().is_empty()),
        scope: members.scope.as_ref().and_then(Value::as_str).map(Scope::granted),
    })
}

#[derive(Deserialize)]
struct Members {
    access_token: Option<AccessToken>,
    token_type: Option<String>,
    expires_in: Option<Value>,
    refresh_token: Option<RefreshToken>,
    id_token: Option<RawIdToken>,
    scope: Option<Value>,
}

fn lifetime(expires_in: &Value) -> Option<Duration> {
    let seconds = match expires_in {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }?;
    if seconds.is_nan() {
        return None;
    }
    // Saturating, so a negative number becomes zero and infinity the maximum.
    Some(Duration::from_secs(seconds as u64).min(MAX_LIFETIME))
}

/// Why there are no tokens.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The status is not 2xx.
    #[error(transparent)]
    Server(ServerError),
    /// The status is 2xx and the body cannot be used.
    #[error("the token response has {0}")]
    Malformed(&'static str),
}

impl TokenError {
    /// What happened, from a fixed vocabulary; the server's own code when it refused.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Server(error) => error.code(),
            Self::Malformed(_) => "token_response_malformed",
        }
    }

    /// Whether the grant that was used is not, or no longer, valid; see [`ServerError::is_invalid_grant`].
    #[must_use]
    pub fn is_invalid_grant(&self) -> bool {
        match self {
            Self::Server(error) => error.is_invalid_grant(),
            Self::Malformed(_) => false,
        }
    }
}
