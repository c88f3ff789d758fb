//! Responses of the token endpoint.
//!
//! A response with tokens in it is never refused over something that can do without: with rotation, the refresh token
//! in it may be the only one that still works. So an odd `expires_in` or `scope` is read as well as it can be, and
//! only what cannot be used safely (not JSON, a member twice, no access token, a token of another type than asked for)
//! is an error.

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
    /// In an `Authorization: DPoP` header, with a proof for each request (RFC 9449 §7.1).
    Dpop,
}

impl TokenType {
    /// The type as it stands in an `Authorization` header.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bearer => "Bearer",
            Self::Dpop => "DPoP",
        }
    }
}

/// Reads the answer to a token request that asked for tokens of the type `asked`: with a DPoP proof or without.
///
/// `expires_in` may be a number or a number in a string; a fraction is cut off, a negative number means that the
/// token is over already, one beyond [`MAX_LIFETIME`] is read as that, and anything else as not said. An empty or
/// `null` member is read as absent.
///
/// # Errors
/// [`TokenError::Server`] for every status but 2xx, [`TokenError::Malformed`] for a 2xx whose body cannot be used, and
/// [`TokenError::NotSenderConstrained`] for tokens that are not bound to the key although they were to be.
pub fn parse(response: &Response, asked: TokenType) -> Result<TokenResponse, TokenError> {
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
    let token_type = match (members.token_type, asked) {
        (Some(name), asked) if name.eq_ignore_ascii_case(asked.as_str()) => asked,
        (Some(_), TokenType::Bearer) => return Err(TokenError::Malformed("a token_type other than Bearer")),
        // RFC 9449 §5: a client that counts on the protection discards the response.
        (Some(_), TokenType::Dpop) => return Err(TokenError::NotSenderConstrained),
        (None, _) => return Err(TokenError::Malformed("no token_type")),
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
    /// The status is 2xx, and the tokens are not bound to the key whose proof went with the request.
    #[error("the token response is not for the key that was proved")]
    NotSenderConstrained,
}

impl TokenError {
    /// What happened, from a fixed vocabulary; the server's own code when it refused.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Server(error) => error.code(),
            Self::Malformed(_) => "token_response_malformed",
            Self::NotSenderConstrained => "token_not_sender_constrained",
        }
    }

    /// Whether the grant that was used is not, or no longer, valid; see [`ServerError::is_invalid_grant`].
    #[must_use]
    pub fn is_invalid_grant(&self) -> bool {
        match self {
            Self::Server(error) => error.is_invalid_grant(),
            Self::Malformed(_) | Self::NotSenderConstrained => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::ToString;

    use super::*;
    use crate::error::ErrorCode;
    use crate::fixtures::response;

    fn read(body: &str) -> Result<TokenResponse, TokenError> {
        parse(&response(200, "application/json", body), TokenType::Bearer)
    }

    fn malformed(body: &str) -> &'static str {
        match read(body).map(|_| body) {
            Err(TokenError::Malformed(what)) => what,
            Err(TokenError::Server(_) | TokenError::NotSenderConstrained) | Ok(_) => panic!("not malformed: {body}"),
        }
    }

    #[test]
    fn the_labs_response_is_read() {
        let tokens = read(
            r#"{"access_token":"at","id_token":"it","scope":"openid profile read:reports offline_access","expires_in":3600,"token_type":"Bearer"}"#,
        )
        .unwrap();
        assert_eq!(tokens.access_token.expose(), "at");
        assert_eq!(tokens.id_token.unwrap().expose(), "it");
        assert_eq!(tokens.scope.unwrap().to_string(), "openid profile read:reports offline_access");
        assert_eq!(tokens.lifetime, Some(Duration::from_secs(3600)));
        assert_eq!(tokens.token_type.as_str(), "Bearer");
        assert!(tokens.refresh_token.is_none());
    }

    #[test]
    fn a_lifetime_is_read_from_whatever_form_it_comes_in() {
        let ten = Some(Duration::from_secs(10));
        for (expires_in, lifetime) in [
            ("10", ten),
            ("\"10\"", ten),
            ("\" 10 \"", ten),
            ("10.9", ten),
            ("1e1", ten),
            ("0", Some(Duration::ZERO)),
            ("-5", Some(Duration::ZERO)),
            ("1e300", Some(MAX_LIFETIME)),
            ("99999999999999999999", Some(MAX_LIFETIME)),
            ("\"inf\"", Some(MAX_LIFETIME)),
            ("\"NaN\"", None),
            ("\"soon\"", None),
            ("\"\"", None),
            ("null", None),
            ("true", None),
            ("[10]", None),
            ("{}", None),
        ] {
            let body = format!(r#"{{"access_token":"a","token_type":"bearer","expires_in":{expires_in}}}"#);
            assert_eq!(read(&body).unwrap().lifetime, lifetime, "{expires_in}");
        }
        assert_eq!(read(r#"{"access_token":"a","token_type":"BEARER"}"#).unwrap().lifetime, None);
    }

    #[test]
    fn members_that_are_empty_or_null_or_odd_do_not_lose_the_tokens() {
        let tokens = read(
            r#"{"access_token":"a","token_type":"Bearer","refresh_token":"","id_token":null,"scope":["openid"],"x":{"y":[]}}"#,
        )
        .unwrap();
        assert!(tokens.refresh_token.is_none() && tokens.id_token.is_none() && tokens.scope.is_none());
        let rotated =
            read(r#"{"access_token":"a","token_type":"Bearer","refresh_token":"r2","scope":"a\u0001 b"}"#).unwrap();
        assert_eq!(rotated.refresh_token.unwrap().expose(), "r2");
        assert_eq!(rotated.scope.unwrap().to_string(), "b");
    }

    #[test]
    fn a_success_that_cannot_be_used_is_malformed() {
        let not_json = malformed("<html>captive portal</html>");
        for body in [
            "",
            "[]",
            "{",
            r#"{"access_token":"a","token_type":"Bearer","access_token":"b"}"#,
            r#"{"access_token":"a","token_type":"Bearer","x":{"y":1,"y":2}}"#,
            r#"{"access_token":1,"token_type":"Bearer"}"#,
        ] {
            assert_eq!(malformed(body), not_json, "{body}");
        }
        for body in [r#"{"token_type":"Bearer"}"#, r#"{"access_token":"","token_type":"Bearer"}"#] {
            assert_eq!(malformed(body), "no access_token");
        }
        assert_eq!(malformed(r#"{"access_token":"a"}"#), "no token_type");
        assert_eq!(malformed(r#"{"access_token":"a","token_type":"DPoP"}"#), "a token_type other than Bearer");
        for token in ["a\\nb", "a\\u0000", "\u{e9}"] {
            let body = format!(r#"{{"access_token":"{token}","token_type":"Bearer"}}"#);
            assert_eq!(malformed(&body), "a character in access_token that no token has");
        }
    }

    #[test]
    fn a_token_of_another_type_than_asked_for_is_refused_either_way() {
        let read = |token_type: &str, asked| {
            let body = format!(r#"{{"access_token":"a","token_type":"{token_type}","refresh_token":"r"}}"#);
            parse(&response(200, "application/json", &body), asked).map(|tokens| tokens.token_type)
        };
        for name in ["DPoP", "dpop", "DPOP"] {
            assert_eq!(read(name, TokenType::Dpop), Ok(TokenType::Dpop));
            assert!(matches!(read(name, TokenType::Bearer), Err(TokenError::Malformed(_))));
        }
        for name in ["Bearer", "mac", ""] {
            assert_eq!(read(name, TokenType::Dpop), Err(TokenError::NotSenderConstrained));
        }
    }

    #[test]
    fn only_invalid_grant_in_json_ends_a_grant() {
        let outcome = |status, content_type, body| {
            parse(&response(status, content_type, body), TokenType::Bearer).map(|_| ()).unwrap_err()
        };
        let error = outcome(
            403,
            "application/json",
            r#"{"error":"invalid_grant","error_description":"Unknown or invalid refresh token."}"#,
        );
        assert!(error.is_invalid_grant());
        assert_eq!(error.code(), "invalid_grant");
        for (status, content_type, body) in [
            (429, "application/json", r#"{"error":"too_many_requests"}"#),
            (401, "application/json", r#"{"error":"invalid_client"}"#),
            (403, "text/html", "<html>invalid_grant</html>"),
            (500, "application/json", r#"{"error":"invalid_grant"}"#),
            (503, "text/plain", ""),
            (302, "text/html", ""),
            (200, "application/json", r#"{"error":"invalid_grant"}"#),
        ] {
            assert!(!outcome(status, content_type, body).is_invalid_grant(), "{status} {body}");
        }
    }

    #[test]
    fn every_error_has_its_code_and_prints_no_server_text() {
        let server = ServerError::of_response(&response(
            400,
            "application/json",
            r#"{"error":"x secret","error_description":"secret"}"#,
        ));
        assert_eq!(server.code, ErrorCode::Unrecognised);
        for (error, code) in [
            (TokenError::Server(server), "unrecognised"),
            (TokenError::Malformed("x"), "token_response_malformed"),
            (TokenError::NotSenderConstrained, "token_not_sender_constrained"),
        ] {
            assert_eq!(error.code(), code);
            assert!(!format!("{error} {error:?}").contains("secret"));
        }
        let tokens =
            read(r#"{"access_token":"secret","token_type":"Bearer","refresh_token":"secret","id_token":"secret"}"#);
        assert!(!format!("{tokens:?}").contains("secret"));
    }
}
