//! What an authorization server says when it refuses, whatever shape it says it in.
//!
//! The standard shape is `{"error":…,"error_description":…}` (RFC 6749 §5.2); Auth0 also has an older one,
//! `{"code":…,"description":…,"name":…,"statusCode":…}`, and proxies answer in text, HTML or nothing at all. Only the
//! code matters to a program, and only a code that stands in a JSON object counts: an error page that mentions
//! `invalid_grant` ends no session.

use alloc::string::String;
use core::fmt::{self, Write};

use serde_json::{Map, Value};

use crate::http::{MAX_TOKEN_RESPONSE, Response};
use crate::json;

/// A refusal by the server.
///
/// `Debug` and `Display` show the status and the code only, so that it may be logged as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerError {
    /// The status of the response; `None` when the error came with a callback.
    pub status: Option<u16>,
    /// What the server says is the matter.
    pub code: ErrorCode,
    /// What it says to a developer, if anything.
    pub description: Option<ServerText>,
}

impl ServerError {
    /// Reads a response whose status is not 2xx. Never fails: what cannot be read has the code [`ErrorCode::Absent`].
    #[must_use]
    pub fn of_response(response: &Response) -> Self {
        let status = Some(response.status);
        match json::object::<Map<String, Value>>(&response.body, MAX_TOKEN_RESPONSE) {
            Ok(members) => {
                let text = |name: &str| members.get(name).and_then(Value::as_str);
                // The older shape is only looked at where the standard one is not there.
                let code = if members.contains_key("error") { text("error") } else { text("code") };
                let description = text("error_description").or_else(|| text("description")).or_else(|| text("message"));
                Self {
                    status,
                    code: code.map_or(ErrorCode::Absent, ErrorCode::of),
                    description: description.and_then(ServerText::new),
                }
            }
            Err(json::Malformed) => {
                let is_text = response.content_type().as_deref() == Some("text/plain");
                let text = core::str::from_utf8(&response.body).ok().filter(|_| is_text);
                Self { status, code: ErrorCode::Absent, description: text.and_then(ServerText::new) }
            }
        }
    }

    /// Of the parameters `error` and `error_description` of a callback (RFC 6749 §4.1.2.1).
    #[must_use]
    pub fn of_callback(error: &str, description: Option<&str>) -> Self {
        Self { status: None, code: ErrorCode::of(error), description: description.and_then(ServerText::new) }
    }

    /// The code, from a fixed vocabulary in `snake_case`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.code.as_str()
    }

    /// Whether the grant (the authorization code or the refresh token) is not, or no longer, valid: exactly
    /// `invalid_grant`, in JSON, with a status that blames the client.
    #[must_use]
    pub fn is_invalid_grant(&self) -> bool {
        self.code == ErrorCode::InvalidGrant && self.status.is_some_and(|status| (400..500).contains(&status))
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the server refused: {}", self.code.as_str())?;
        match self.status {
            Some(status) => write!(f, " (status {status})"),
            None => Ok(()),
        }
    }
}

impl core::error::Error for ServerError {}

/// Text that a server wrote, made harmless: at most 200 characters, control and direction characters escaped.
///
/// Still not for a log, since it may name the user; so `Debug` hides it and only [`ServerText::as_str`] shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerText(String);

impl ServerText {
    const MAX_CHARACTERS: usize = 200;

    fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        let mut harmless = String::new();
        for character in text.chars().take(Self::MAX_CHARACTERS) {
            if is_harmful(character) {
                write!(harmless, "{}", character.escape_unicode()).ok()?;
            } else {
                harmless.push(character);
            }
        }
        (!harmless.is_empty()).then_some(Self(harmless))
    }

    /// The text, for a developer to read.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ServerText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[ServerText]")
    }
}

/// Characters that move the cursor, break lines, or change the direction of what follows (UAX #9).
fn is_harmful(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

macro_rules! error_codes {
    ($($(#[$documentation:meta])* $name:ident = $text:literal,)*) => {
        /// The error codes that are registered, or that Auth0 documents, and matter to a native app.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorCode {
            $($(#[$documentation])* $name,)*
            /// There is a code, but none of these.
            Unrecognised,
            /// There is no code: no JSON object, or none with a code in it.
            Absent,
        }

        impl ErrorCode {
            /// Every code that is recognised.
            pub const RECOGNISED: &'static [Self] = &[$(Self::$name),*];

            /// The code as the server writes it; `unrecognised` and `absent` for those two.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                    Self::Unrecognised => "unrecognised",
                    Self::Absent => "absent",
                }
            }

            /// The code that the server writes as `text`, compared byte for byte.
            #[must_use]
            pub fn of(text: &str) -> Self {
                match text {
                    $($text => Self::$name,)*
                    _ => Self::Unrecognised,
                }
            }
        }
    };
}

error_codes! {
    /// The request lacks something or has it twice (RFC 6749 §5.2).
    InvalidRequest = "invalid_request",
    /// The client is unknown, or has to authenticate (RFC 6749 §5.2).
    InvalidClient = "invalid_client",
    /// The code or refresh token is invalid, expired or revoked, or belongs to another client (RFC 6749 §5.2).
    InvalidGrant = "invalid_grant",
    /// The client may not use this grant (RFC 6749 §5.2).
    UnauthorizedClient = "unauthorized_client",
    /// The server does not know this grant (RFC 6749 §5.2).
    UnsupportedGrantType = "unsupported_grant_type",
    /// The scope is unknown or exceeds what was granted (RFC 6749 §5.2).
    InvalidScope = "invalid_scope",
    /// The user or the server denied the request (RFC 6749 §4.1.2.1).
    AccessDenied = "access_denied",
    /// The server does not give codes (RFC 6749 §4.1.2.1).
    UnsupportedResponseType = "unsupported_response_type",
    /// The server failed (RFC 6749 §4.1.2.1).
    ServerError = "server_error",
    /// The server is busy (RFC 6749 §4.1.2.1).
    TemporarilyUnavailable = "temporarily_unavailable",
    /// `prompt=none`, and the user would have to do something (OpenID Connect Core §3.1.2.6).
    InteractionRequired = "interaction_required",
    /// `prompt=none`, and the user is not signed in (OpenID Connect Core §3.1.2.6).
    LoginRequired = "login_required",
    /// `prompt=none`, and the user would have to choose an account (OpenID Connect Core §3.1.2.6).
    AccountSelectionRequired = "account_selection_required",
    /// `prompt=none`, and the user would have to consent (OpenID Connect Core §3.1.2.6).
    ConsentRequired = "consent_required",
    /// The `request_uri` is of no use (OpenID Connect Core §3.1.2.6).
    InvalidRequestUri = "invalid_request_uri",
    /// The request object is of no use (OpenID Connect Core §3.1.2.6).
    InvalidRequestObject = "invalid_request_object",
    /// The server takes no request objects (OpenID Connect Core §3.1.2.6).
    RequestNotSupported = "request_not_supported",
    /// The server takes no `request_uri` (OpenID Connect Core §3.1.2.6).
    RequestUriNotSupported = "request_uri_not_supported",
    /// The server takes no registration in a request (OpenID Connect Core §3.1.2.6).
    RegistrationNotSupported = "registration_not_supported",
    /// The authentication asked for cannot be had (OpenID Connect Unmet Authentication Requirements 1.0).
    UnmetAuthenticationRequirements = "unmet_authentication_requirements",
    /// The `resource` is unknown or not allowed (RFC 8707 §2).
    InvalidTarget = "invalid_target",
    /// The server cannot revoke this kind of token (RFC 7009 §2.2.1).
    UnsupportedTokenType = "unsupported_token_type",
    /// The access token is expired, revoked or malformed (RFC 6750 §3.1).
    InvalidToken = "invalid_token",
    /// The access token lacks a scope (RFC 6750 §3.1).
    InsufficientScope = "insufficient_scope",
    /// The user has to authenticate again, or better (RFC 9470 §3).
    InsufficientUserAuthentication = "insufficient_user_authentication",
    /// The user has not yet approved the device (RFC 8628 §3.5).
    AuthorizationPending = "authorization_pending",
    /// Ask less often (RFC 8628 §3.5).
    SlowDown = "slow_down",
    /// The device code is over (RFC 8628 §3.5).
    ExpiredToken = "expired_token",
    /// The DPoP proof is invalid (RFC 9449 §5).
    InvalidDpopProof = "invalid_dpop_proof",
    /// The server wants its nonce in the DPoP proof (RFC 9449 §8).
    UseDpopNonce = "use_dpop_nonce",
    /// Auth0: the user is blocked, or a rule refused.
    Unauthorized = "unauthorized",
    /// Auth0: wrong user name or password.
    InvalidUserPassword = "invalid_user_password",
    /// Auth0: a second factor is needed.
    MfaRequired = "mfa_required",
    /// Auth0: a second factor has to be enrolled.
    MfaRegistrationRequired = "mfa_registration_required",
    /// Auth0: the second factor's code is wrong.
    MfaInvalidCode = "mfa_invalid_code",
    /// Auth0: the account is blocked after too many wrong attempts.
    TooManyAttempts = "too_many_attempts",
    /// Auth0: the rate limit was reached.
    TooManyRequests = "too_many_requests",
    /// Auth0: too many logins of one user.
    TooManyLogins = "too_many_logins",
    /// Auth0: the password appears in a known leak.
    PasswordLeaked = "password_leaked",
    /// Auth0: suspicious; the user has to prove to be human.
    RequiresVerification = "requires_verification",
    /// Auth0: the user's session at the server is over.
    SessionExpired = "session_expired",
    /// Auth0: a rule or action failed.
    ExtensibilityError = "extensibility_error",
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::ToString;

    use super::*;
    use crate::fixtures::response;

    fn error(status: u16, content_type: &str, body: &str) -> ServerError {
        ServerError::of_response(&response(status, content_type, body))
    }

    fn description(error: &ServerError) -> Option<&str> {
        error.description.as_ref().map(ServerText::as_str)
    }

    #[test]
    fn the_standard_shape_is_read() {
        let body = r#"{"error":"invalid_grant","error_description":"Unknown or invalid refresh token."}"#;
        let error = error(403, "application/json", body);
        assert_eq!(error.code, ErrorCode::InvalidGrant);
        assert_eq!(description(&error), Some("Unknown or invalid refresh token."));
        assert!(error.is_invalid_grant());
    }

    #[test]
    fn the_older_shape_is_read_with_a_description_that_is_text_or_an_object() {
        let body = r#"{"code":"password_leaked","description":"d","name":"AnomalyDetected","statusCode":401}"#;
        let with_text = error(401, "application/json", body);
        assert_eq!((with_text.code, description(&with_text)), (ErrorCode::PasswordLeaked, Some("d")));
        let with_object =
            error(400, "application/json", r#"{"code":"invalid_grant","description":{"rules":[1]},"name":"E"}"#);
        assert_eq!((with_object.code, description(&with_object)), (ErrorCode::InvalidGrant, None));
        assert!(with_object.is_invalid_grant());
    }

    #[test]
    fn a_body_that_is_no_json_object_has_no_code() {
        for (content_type, body) in [
            ("text/html", "<html>invalid_grant {\"error\":\"invalid_grant\"}</html>"),
            ("text/plain", "invalid_grant"),
            ("application/json", ""),
            ("application/json", "\"invalid_grant\""),
            ("application/json", "[{\"error\":\"invalid_grant\"}]"),
            ("application/json", "{\"error\":\"invalid_grant\""),
            ("application/json", "{\"error\":\"invalid_grant\",\"error\":\"x\"}"),
            ("application/json", "{\"error\":{\"code\":\"invalid_grant\"}}"),
            ("application/json", "{\"error\":null,\"code\":\"invalid_grant\"}"),
            ("application/json", "{\"error_description\":\"invalid_grant\"}"),
        ] {
            let error = error(400, content_type, body);
            assert_eq!(error.code, ErrorCode::Absent, "{body}");
            assert!(!error.is_invalid_grant());
        }
        assert_eq!(description(&error(502, "text/plain; charset=utf-8", " down \n")), Some("down"));
        assert_eq!(description(&error(502, "text/html", "<p>down")), None);
    }

    #[test]
    fn a_code_that_is_almost_one_is_not_recognised() {
        for text in ["Invalid_Grant", "invalid_grant ", "invalid grant", "", "Too Many Requests"] {
            assert_eq!(ErrorCode::of(text), ErrorCode::Unrecognised, "{text:?}");
        }
        let both =
            error(429, "application/json", r#"{"error":"Too Many Requests","code":"invalid_grant","statusCode":429}"#);
        assert_eq!(both.code, ErrorCode::Unrecognised);
    }

    #[test]
    fn invalid_grant_counts_only_with_a_status_that_blames_the_client() {
        let body = r#"{"error":"invalid_grant"}"#;
        for status in [400, 401, 403] {
            assert!(error(status, "application/json", body).is_invalid_grant(), "{status}");
        }
        for status in [302, 500, 503] {
            assert!(!error(status, "application/json", body).is_invalid_grant(), "{status}");
        }
        assert!(!ServerError::of_callback("invalid_grant", None).is_invalid_grant());
    }

    #[test]
    fn a_description_that_attacks_a_terminal_is_made_harmless_and_never_printed() {
        let attack = format!("\u{1b}[2Jred\u{202e}\n{}", "x".repeat(1000));
        let error = ServerError::of_callback("access_denied", Some(&attack));
        let shown = description(&error).unwrap();
        assert!(shown.starts_with("\\u{1b}[2Jred\\u{202e}\\u{a}xxx"), "{shown}");
        assert!(shown.chars().filter(|&c| c == 'x').count() < 200);
        assert_eq!(error.to_string(), "the server refused: access_denied");
        assert!(!format!("{error:?}").contains("red"));
    }

    #[test]
    fn every_code_is_read_from_what_it_is_written_as() {
        for code in ErrorCode::RECOGNISED {
            assert_eq!(ErrorCode::of(code.as_str()), *code);
        }
        assert_eq!(ErrorCode::RECOGNISED.len(), 42);
        assert_eq!((ErrorCode::Unrecognised.as_str(), ErrorCode::Absent.as_str()), ("unrecognised", "absent"));
    }
}
