//! Responses of the token endpoint.
//!
//! A response with tokens in it is never refused over something that can do without: with rotation, the refresh token
//! in it may be the only one that still works. So an odd `expires_in` or `scope` is read as well as it can be, what is
//! not read may look as it likes, and only what cannot be used safely (not JSON, a token twice, no access token, a
//! token of another type than asked for) is an error. Even then [`salvage`](super::salvage) finds the refresh token.

use alloc::string::String;
use core::time::Duration;

use serde_json::Value;

use crate::dpop::Thumbprint;
use crate::error::ServerError;
use crate::http::Response;
use crate::lenient::{Member, Members};
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

    /// The type that a request asks for: with a DPoP proof by that key, or without a proof.
    #[must_use]
    pub const fn bound_to(key: Option<Thumbprint>) -> Self {
        match key {
            Some(_) => Self::Dpop,
            None => Self::Bearer,
        }
    }
}

/// Every member that is read.
const MEMBERS: [&str; 8] =
    ["access_token", "token_type", "expires_in", "refresh_token", "id_token", "scope", "error", "ok"];

/// Reads the answer to a token request that asked for tokens of the type `asked`: with a DPoP proof or without.
///
/// `expires_in` may be a number or a number in a string; a fraction is cut off, a negative number means that the
/// token is over already, one beyond [`MAX_LIFETIME`] is read as that, and anything else as not said. An empty or
/// `null` member is read as absent, and so is a refresh or ID token that is not text. A `token_type` that is missing
/// is [`TokenType::Bearer`], since many servers leave it out (RFC 6749 §5.1 requires it).
///
/// # Errors
/// [`TokenError::Server`] for every status but 2xx, and for a 2xx with an `error` and no `access_token`, as GitHub and
/// Slack refuse; [`TokenError::Malformed`] for a 2xx whose body cannot be used; and
/// [`TokenError::NotSenderConstrained`] for tokens that are not said to be bound to the key although they were to be.
pub fn parse(response: &Response, asked: TokenType) -> Result<TokenResponse, TokenError> {
    if !response.is_success() {
        return Err(TokenError::Server(ServerError::of_response(response)));
    }
    let mut members =
        Members::of_response(response, &MEMBERS).map_err(|_| TokenError::Malformed("no JSON object in it"))?;
    if members.get("access_token").says_nothing() {
        let is_refusal = speaks_of_error(&members);
        return Err(if is_refusal {
            TokenError::Server(ServerError::of_response(response))
        } else {
            TokenError::Malformed("no access_token")
        });
    }
    let access_token = match members.take("access_token") {
        Member::Once(Value::String(token)) => AccessToken::new(token),
        Member::Twice => return Err(TokenError::Malformed("access_token twice")),
        Member::Once(_) | Member::Absent => return Err(TokenError::Malformed("an access_token that is not text")),
    };
    // RFC 6749 appendix A.12: 1*VSCHAR. Anything else could break out of the header that it is sent in.
    if !access_token.expose().bytes().all(|byte| matches!(byte, 0x20..=0x7e)) {
        return Err(TokenError::Malformed("a character in access_token that no token has"));
    }
    Ok(TokenResponse {
        access_token,
        token_type: token_type(&members.take("token_type"), asked)?,
        lifetime: once(members.take("expires_in")).as_ref().and_then(seconds),
        refresh_token: token(members.take("refresh_token"))
            .map_err(|Twice| TokenError::Malformed("refresh_token twice"))?
            .map(RefreshToken::new),
        id_token: token(members.take("id_token"))
            .map_err(|Twice| TokenError::Malformed("id_token twice"))?
            .map(RawIdToken::new),
        scope: once(members.take("scope")).as_ref().and_then(Value::as_str).map(Scope::granted),
    })
}

/// Whether an object without tokens is a refusal: it has an `error`, or Slack's `"ok": false`.
fn speaks_of_error(members: &Members) -> bool {
    let error = members.get("error");
    let is_error = !error.says_nothing() && *error != Member::Once(Value::Bool(false));
    is_error || *members.get("ok") == Member::Once(Value::Bool(false))
}

/// RFC 6749 §5.1: compared without regard to case. §7.1: not to be used when not understood.
fn token_type(member: &Member, asked: TokenType) -> Result<TokenType, TokenError> {
    match (member, asked) {
        (missing, TokenType::Bearer) if missing.says_nothing() => Ok(TokenType::Bearer),
        (Member::Once(Value::String(name)), asked) if name.trim().eq_ignore_ascii_case(asked.as_str()) => Ok(asked),
        (_, TokenType::Bearer) => Err(TokenError::Malformed("a token_type other than Bearer")),
        // RFC 9449 §5: a client that counts on the protection discards the response unless it says `DPoP`.
        (_, TokenType::Dpop) => Err(TokenError::NotSenderConstrained),
    }
}

/// What stands there once. Of two, neither is believed.
fn once(member: Member) -> Option<Value> {
    match member {
        Member::Once(value) => Some(value),
        Member::Absent | Member::Twice => None,
    }
}

struct Twice;

/// A token that may be missing.
fn token(member: Member) -> Result<Option<String>, Twice> {
    match member {
        // A character that was no UTF-8 is a damaged token, which is of no use.
        Member::Once(Value::String(text)) => {
            Ok(Some(text).filter(|text| !text.is_empty() && !text.contains('\u{fffd}')))
        }
        Member::Once(_) | Member::Absent => Ok(None),
        Member::Twice => Err(Twice),
    }
}

/// A number of seconds, or one in a string; at most [`MAX_LIFETIME`].
pub(crate) fn seconds(expires_in: &Value) -> Option<Duration> {
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
    /// The status is not 2xx, or the body is a refusal.
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
        for body in ["<html>captive portal</html>", "", "[]", "{", r#"{"access_token":"a","token_type":"Bearer""#] {
            assert_eq!(malformed(body), "no JSON object in it", "{body}");
        }
        for body in [
            "{}",
            r#"{"token_type":"Bearer"}"#,
            r#"{"access_token":"","token_type":"Bearer"}"#,
            r#"{"access_token":null}"#,
            r#"{"error":null}"#,
            r#"{"error":""}"#,
            r#"{"error":false,"ok":true}"#,
            r#"{"ok":null}"#,
            r#"{"status":400,"message":"Invalid refresh token"}"#,
        ] {
            assert_eq!(malformed(body), "no access_token", "{body}");
        }
        for body in [r#"{"access_token":1}"#, r#"{"access_token":["a"]}"#, r#"{"access_token":1,"error":"x"}"#] {
            assert_eq!(malformed(body), "an access_token that is not text", "{body}");
        }
        for name in ["DPoP", "mac", "BearerToken", "Bearer,Bearer"] {
            let body = format!(r#"{{"access_token":"a","token_type":"{name}"}}"#);
            assert_eq!(malformed(&body), "a token_type other than Bearer");
        }
        assert_eq!(malformed(r#"{"access_token":"a","token_type":1}"#), "a token_type other than Bearer");
        for token in ["a\\nb", "a\\u0000", "\u{e9}"] {
            let body = format!(r#"{{"access_token":"{token}","token_type":"Bearer"}}"#);
            assert_eq!(malformed(&body), "a character in access_token that no token has");
        }
    }

    #[test]
    fn a_response_without_a_token_type_is_of_the_type_asked_for_unless_that_is_dpop() {
        for token_type in ["", r#","token_type":null"#, r#","token_type":"""#] {
            let body = format!(r#"{{"access_token":"a"{token_type},"refresh_token":"r"}}"#);
            let tokens = read(&body).unwrap();
            assert_eq!((tokens.token_type, tokens.refresh_token.unwrap().expose()), (TokenType::Bearer, "r"));
            let bound = parse(&response(200, "application/json", &body), TokenType::Dpop).map(|_| ());
            assert_eq!(bound, Err(TokenError::NotSenderConstrained), "{body}");
        }
        assert_eq!(read(r#"{"access_token":"a","token_type":" bearer "}"#).unwrap().token_type, TokenType::Bearer);
    }

    #[test]
    fn a_request_with_a_key_asks_for_a_bound_token() {
        assert_eq!(TokenType::bound_to(None), TokenType::Bearer);
        let key: Thumbprint = serde_json::from_str("\"NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs\"").unwrap();
        assert_eq!(TokenType::bound_to(Some(key)), TokenType::Dpop);
    }

    #[test]
    fn what_is_not_read_may_look_as_it_likes() {
        for (what, body) in [
            ("a byte order mark", "\u{feff}{\"access_token\":\"a\",\"refresh_token\":\"r\"}"),
            ("twice", r#"{"access_token":"a","refresh_token":"r","x":1,"x":{"y":1,"y":2}}"#),
            (
                "a refresh token in it",
                r#"{"access_token":"a","x":{"refresh_token":"n","refresh_token":"n"},"refresh_token":"r"}"#,
            ),
            ("a surrogate", r#"{"access_token":"a","refresh_token":"r","x":"\ud800"}"#),
            (
                "an error beside tokens",
                r#"{"access_token":"a","refresh_token":"r","error":"x","error":"y","ok":false}"#,
            ),
        ] {
            let tokens = read(body).unwrap();
            assert_eq!((tokens.access_token.expose(), tokens.refresh_token.unwrap().expose()), ("a", "r"), "{what}");
        }
        let mut latin = response(200, "application/json", "");
        latin.body = b"{\"access_token\":\"a\",\"refresh_token\":\"r\",\"name\":\"Jos\xe9\"}".to_vec();
        assert_eq!(parse(&latin, TokenType::Bearer).unwrap().refresh_token.unwrap().expose(), "r");
    }

    #[test]
    fn a_member_twice_is_an_error_when_it_is_a_token_and_else_not_said() {
        let twice = |name: &str, value: &str| format!(r#"{{"access_token":"a","{name}":{value},"{name}":{value}}}"#);
        assert_eq!(malformed(r#"{"access_token":"a","access_token":"b"}"#), "access_token twice");
        assert_eq!(malformed(r#"{"access_token":"a","access_token":"b","error":"x"}"#), "access_token twice");
        assert_eq!(malformed(&twice("refresh_token", "\"r\"")), "refresh_token twice");
        assert_eq!(malformed(&twice("id_token", "\"i\"")), "id_token twice");
        assert_eq!(malformed(&twice("token_type", "\"Bearer\"")), "a token_type other than Bearer");
        assert_eq!(read(&twice("expires_in", "10")).unwrap().lifetime, None);
        assert!(read(&twice("scope", "\"openid\"")).unwrap().scope.is_none());
    }

    #[test]
    fn a_refresh_or_id_token_that_is_damaged_or_not_text_is_not_there() {
        for value in ["1", "[\"r\"]", "{}", "true", "null", "\"\"", "\"r\u{fffd}\""] {
            let body = format!(r#"{{"access_token":"a","refresh_token":{value},"id_token":{value}}}"#);
            let tokens = read(&body).unwrap();
            assert!(tokens.refresh_token.is_none() && tokens.id_token.is_none(), "{value}");
        }
        // Outside the grammar of RFC 6749 appendix A.17, and sent back as it came.
        let tokens = read("{\"access_token\":\"a\",\"refresh_token\":\"\u{e9}\"}").unwrap();
        assert_eq!(tokens.refresh_token.unwrap().expose(), "\u{e9}");
    }

    #[test]
    fn tokens_in_a_form_are_read() {
        let body = "access_token=gho_a&expires_in=28800&refresh_token=ghr_r&scope=&token_type=bearer";
        let tokens = parse(&response(200, "application/x-www-form-urlencoded", body), TokenType::Bearer).unwrap();
        assert_eq!((tokens.access_token.expose(), tokens.lifetime), ("gho_a", Some(Duration::from_secs(28800))));
        assert_eq!(tokens.refresh_token.unwrap().expose(), "ghr_r");
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
    fn an_error_without_tokens_is_a_refusal_at_any_status() {
        let outcome = |status, content_type, body| {
            parse(&response(status, content_type, body), TokenType::Bearer).map(|_| ()).unwrap_err()
        };
        let json = "application/json";
        for (status, content_type, body, code) in [
            (
                403,
                json,
                r#"{"error":"invalid_grant","error_description":"Unknown or invalid refresh token."}"#,
                "invalid_grant",
            ),
            (200, json, r#"{"error":"invalid_grant"}"#, "invalid_grant"),
            (200, json, r#"{"error":"invalid_grant","access_token":null}"#, "invalid_grant"),
            (200, json, r#"{"error":"bad_refresh_token"}"#, "unrecognised"),
            (200, json, r#"{"error":"x","error":"y"}"#, "absent"),
            (200, json, r#"{"error":{"message":"m"}}"#, "absent"),
            (200, json, r#"{"error":true}"#, "absent"),
            (200, json, r#"{"ok":false,"error":"invalid_refresh_token"}"#, "unrecognised"),
            (200, json, r#"{"ok":false}"#, "absent"),
            (200, "application/x-www-form-urlencoded", "error=bad_refresh_token", "unrecognised"),
            (400, "application/x-www-form-urlencoded", "error=invalid_grant", "invalid_grant"),
            (500, json, r#"{"error":"invalid_grant"}"#, "invalid_grant"),
            (400, json, r#"{"access_token":"a","error":"invalid_grant"}"#, "invalid_grant"),
        ] {
            let error = outcome(status, content_type, body);
            assert!(matches!(&error, TokenError::Server(refusal) if refusal.status == Some(status)), "{status} {body}");
            assert_eq!((error.code(), error.is_invalid_grant()), (code, code == "invalid_grant"), "{status} {body}");
        }
        for (status, content_type, body) in [
            (429, json, r#"{"error":"invalid_grant"}"#),
            (401, json, r#"{"error":"invalid_client"}"#),
            (403, "text/html", "<html>invalid_grant</html>"),
            (503, "text/plain", ""),
            (302, "text/html", ""),
        ] {
            assert!(!outcome(status, content_type, body).is_invalid_grant(), "{status} {body}");
        }
        assert!(!TokenError::NotSenderConstrained.is_invalid_grant());
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
