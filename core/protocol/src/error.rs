//! What an authorization server says when it refuses, whatever shape it says it in.
//!
//! The standard shape is `{"error":…,"error_description":…}` (RFC 6749 §5.2). Others are in use: Auth0's older
//! `{"code":…,"description":…}`, GitHub's form `error=…&error_description=…`, Twitch's `{"status":…,"message":…}`,
//! Supabase's `{"code":…,"error_code":…,"msg":…}`, an `error` that is an object; and proxies answer in text, HTML or
//! nothing at all. Only the code matters to a program, and only a code that stands in an object or a form counts: an
//! error page that mentions `invalid_grant` ends no session.

mod code;
mod reuse;

use alloc::string::String;
use alloc::sync::Arc;
use core::fmt::{self, Write};

use serde_json::Value;

pub use self::code::ErrorCode;
use crate::http::Response;
use crate::lenient::{self, Member, Members};

/// A refusal by the server.
///
/// `Debug` and `Display` show the status and the code only, so that it may be logged as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerError {
    /// The status of the response; `None` when the error came with a callback.
    pub status: Option<u16>,
    /// What the server says is the matter.
    pub code: ErrorCode,
    /// How it says so itself, for a developer.
    pub words: ServerWords,
    is_structured: bool,
    is_reuse: bool,
}

/// The members that say what is the matter.
const MEMBERS: [&str; 8] =
    ["error", "error_description", "error_hint", "error_code", "code", "description", "message", "msg"];
/// Those that say it to a developer; the first that is there is taken.
const DESCRIPTIONS: [&str; 4] = ["error_description", "description", "message", "msg"];

impl ServerError {
    /// Reads a response that is a refusal. Never fails: what cannot be read has the code [`ErrorCode::Absent`].
    ///
    /// The code is `error`, or Auth0's `code` where there is no `error`. A code in another place, such as Supabase's
    /// `error_code`, is [`ErrorCode::Unrecognised`] whatever it says.
    #[must_use]
    pub fn of_response(response: &Response) -> Self {
        match Members::of_response(response, &MEMBERS) {
            // A form is one of these only by its `error`; any text has members of some kind.
            Ok(members) if !members.is_form || *members.get("error") != Member::Absent => {
                Self::of_members(response.status, &members)
            }
            Ok(_) | Err(_) => {
                let is_text = response.content_type().as_deref() == Some("text/plain");
                let text = is_text.then(|| lenient::text(&response.body));
                Self {
                    status: Some(response.status),
                    code: ErrorCode::Absent,
                    words: ServerWords::new(None, text.as_deref().and_then(ServerText::new)),
                    is_structured: false,
                    is_reuse: false,
                }
            }
        }
    }

    fn of_members(status: u16, members: &Members) -> Self {
        let (code, said) = match members.get("error") {
            Member::Once(error) => (error.as_str().map(ErrorCode::of), error.as_str()),
            Member::Twice => (None, None),
            Member::Absent => match (members.text("code"), members.text("error_code")) {
                (Some(code), _) => (Some(ErrorCode::of(code)), Some(code)),
                (None, elsewhere) => (elsewhere.map(|_| ErrorCode::Unrecognised), elsewhere),
            },
        };
        let within = |name| match members.get("error") {
            Member::Once(error) => error.get(name).and_then(Value::as_str),
            Member::Twice | Member::Absent => None,
        };
        let descriptions = || DESCRIPTIONS.iter().filter_map(|name| members.text(name).or_else(|| within(name)));
        let mut hints = ["error", "error_code", "error_hint"].into_iter().filter_map(|name| members.text(name));
        Self {
            status: Some(status),
            code: code.unwrap_or(ErrorCode::Absent),
            words: ServerWords::new(said.and_then(ServerText::new), descriptions().find_map(ServerText::new)),
            is_structured: members.has_any,
            // Of the whole text: Ory's Hydra says it after the 200 characters that a description is cut to.
            is_reuse: descriptions().any(reuse::is_said_in) || hints.any(reuse::is_said_in),
        }
    }

    /// Of the parameters `error` and `error_description` of a callback (RFC 6749 §4.1.2.1).
    #[must_use]
    pub fn of_callback(error: &str, description: Option<&str>) -> Self {
        Self {
            status: None,
            code: ErrorCode::of(error),
            words: ServerWords::new(ServerText::new(error), description.and_then(ServerText::new)),
            is_structured: true,
            is_reuse: description.is_some_and(reuse::is_said_in),
        }
    }

    /// The code, from a fixed vocabulary in `snake_case`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.code.as_str()
    }

    /// Whether the grant (the authorization code or the refresh token) is not, or no longer, valid: exactly
    /// `invalid_grant`, in an object or a form, at any status but 429. RFC 6749 §5.2 wants 400; servers use 401, 403,
    /// 500 and even 200 as well, and what the object says is plainer than its status.
    #[must_use]
    pub fn is_invalid_grant(&self) -> bool {
        self.code == ErrorCode::InvalidGrant && self.status.is_some_and(|status| status != 429)
    }

    /// Whether the body is a JSON object or a form that says something: the server's own words, known or not, rather
    /// than the page of a gateway, plain text or nothing.
    #[must_use]
    pub const fn is_structured(&self) -> bool {
        self.is_structured
    }

    /// Whether the server says that the token, or the code, was used before. That is no error that passes: the server
    /// will say the same again, and where it detects reuse (RFC 9700 §4.14.2), asking again does harm.
    #[must_use]
    pub const fn is_reuse(&self) -> bool {
        self.is_reuse
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

/// A refusal in the server's own words: its raw code and its description, where it gave them. For a developer to read, and for
/// no log: `Debug` hides them. Cheap to clone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerWords(Option<Arc<Said>>);

#[derive(Debug, PartialEq, Eq)]
struct Said {
    code: Option<ServerText>,
    description: Option<ServerText>,
}

impl ServerWords {
    fn new(code: Option<ServerText>, description: Option<ServerText>) -> Self {
        Self((code.is_some() || description.is_some()).then(|| Arc::new(Said { code, description })))
    }

    /// The server's error code as it wrote it, which may be one that no specification knows.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.0.as_ref()?.code.as_ref().map(ServerText::as_str)
    }

    /// What the server says to a developer.
    #[must_use]
    pub fn description(&self) -> Option<&str> {
        self.0.as_ref()?.description.as_ref().map(ServerText::as_str)
    }
}

/// Text that a server wrote, made harmless: at most 200 characters, control and direction characters escaped.
///
/// Still not for a log, since it may name the user; so `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
struct ServerText(String);

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

    fn as_str(&self) -> &str {
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
        error.words.description()
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
            ("application/json", "{\"code\":\"invalid_grant\",\"code\":\"x\"}"),
            ("text/html", "error=invalid_grant"),
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
    fn invalid_grant_counts_at_every_status_but_429() {
        let body = r#"{"error":"invalid_grant"}"#;
        for status in [200, 302, 400, 401, 403, 500, 503] {
            assert!(error(status, "application/json", body).is_invalid_grant(), "{status}");
        }
        assert!(!error(429, "application/json", body).is_invalid_grant());
        assert!(!ServerError::of_callback("invalid_grant", None).is_invalid_grant());
    }

    #[test]
    fn a_refusal_in_a_shape_of_the_servers_own_is_read_as_far_as_it_goes() {
        use ErrorCode::{Absent, InvalidGrant, Unrecognised};
        for (server, body, code, text) in [
            ("Slack", r#"{"ok":false,"error":"invalid_refresh_token"}"#, Unrecognised, None),
            ("Twitch", r#"{"status":400,"message":"Invalid refresh token"}"#, Absent, Some("Invalid refresh token")),
            (
                "Supabase",
                r#"{"code":400,"error_code":"refresh_token_not_found","msg":"Invalid Refresh Token"}"#,
                Unrecognised,
                Some("Invalid Refresh Token"),
            ),
            ("a place that is not RFC 6749's", r#"{"error_code":"invalid_grant"}"#, Unrecognised, None),
            ("Google APIs", r#"{"error":{"code":400,"message":"m","status":"S"}}"#, Absent, Some("m")),
            ("an error that is a list", r#"{"error":["invalid_grant"],"msg":"m"}"#, Absent, Some("m")),
            ("a byte order mark", "\u{feff}{\"error\":\"invalid_grant\"}", InvalidGrant, None),
            (
                "an empty description",
                r#"{"error":"invalid_grant","error_description":"","message":"m"}"#,
                InvalidGrant,
                Some("m"),
            ),
            ("a member twice that no one reads", r#"{"error":"invalid_grant","x":1,"x":2}"#, InvalidGrant, None),
        ] {
            let error = error(400, "application/json", body);
            assert_eq!((error.code, description(&error), error.is_structured()), (code, text, true), "{server}");
        }
    }

    #[test]
    fn a_refusal_in_latin_1_is_read() {
        let mut response = response(400, "application/json", "");
        response.body = b"{\"error\":\"invalid_grant\",\"error_description\":\"expir\xe9\"}".to_vec();
        let error = ServerError::of_response(&response);
        assert!(error.is_invalid_grant() && error.is_structured());
        assert_eq!(description(&error), Some("expir\u{fffd}"));
    }

    #[test]
    fn a_refusal_in_a_form_is_read() {
        let body = "error=bad_refresh_token&error_description=It+is+incorrect%2E&error_uri=https%3A%2F%2Fx";
        for content_type in ["application/x-www-form-urlencoded; charset=utf-8", "text/plain"] {
            let refused = error(200, content_type, body);
            assert_eq!((refused.code, description(&refused)), (ErrorCode::Unrecognised, Some("It is incorrect.")));
            assert!(refused.is_structured() && !refused.is_invalid_grant());
            assert!(error(400, content_type, "error=invalid_grant").is_invalid_grant());
        }
        let text = error(502, "text/plain", "message=x&code=invalid_grant");
        assert_eq!((text.code, description(&text)), (ErrorCode::Absent, Some("message=x&code=invalid_grant")));
        assert!(!text.is_structured());
    }

    #[test]
    fn githubs_words_for_a_dead_token_end_no_session() {
        for code in ["bad_refresh_token", "bad_verification_code", "incorrect_client_credentials"] {
            let error = error(200, "application/json", &format!(r#"{{"error":"{code}"}}"#));
            assert_eq!((error.code, error.is_invalid_grant()), (ErrorCode::Unrecognised, false));
            assert!(error.is_structured());
        }
    }

    #[test]
    fn only_an_object_or_a_form_with_something_in_it_is_the_servers_own_words() {
        assert!(error(401, "application/json", r#"{"x":1}"#).is_structured());
        assert!(error(401, "text/html", r#"{"x":1}"#).is_structured());
        for (content_type, body) in [
            ("application/json", "{}"),
            ("application/json", r#"[{"error":"x"}]"#),
            ("application/json", r#""error""#),
            ("application/json", r#"{"error":"x""#),
            ("application/json", ""),
            ("text/html", "<html>error=x</html>"),
            ("text/plain", "not now"),
        ] {
            assert!(!error(401, content_type, body).is_structured(), "{body}");
        }
        assert!(ServerError::of_callback("access_denied", None).is_structured());
    }

    #[test]
    fn a_reuse_is_recognised_wherever_the_server_says_it() {
        let is_reuse = |body: &str| error(400, "application/json", body).is_reuse();
        let long = "x".repeat(300);
        assert!(is_reuse(&format!(r#"{{"error":"invalid_grant","error_description":"{long} already used"}}"#)));
        assert!(is_reuse(r#"{"error":"invalid_grant","error_hint":"The refresh token was already used."}"#));
        assert!(is_reuse(r#"{"code":400,"error_code":"refresh_token_already_used","msg":"no"}"#));
        assert!(is_reuse(r#"{"error":{"message":"Token reuse detected"}}"#));
        assert!(is_reuse(r#"{"error":"refresh_token_reused"}"#));
        assert!(is_reuse(r#"{"error":"invalid_grant","error_description":"no","message":"already used"}"#));
        assert!(!is_reuse(r#"{"error":"invalid_grant","x":"already used"}"#));
        assert!(!error(400, "text/plain", "already used").is_reuse());
        assert!(ServerError::of_callback("access_denied", Some("already used")).is_reuse());
        assert!(!ServerError::of_callback("access_denied", None).is_reuse());
    }

    #[test]
    fn a_description_that_attacks_a_terminal_is_made_harmless_and_never_printed() {
        let attack = format!("\u{1b}[2Jgone\u{202e}\n{}", "x".repeat(1000));
        let error = ServerError::of_callback("access_denied", Some(&attack));
        let shown = description(&error).unwrap();
        assert!(shown.starts_with("\\u{1b}[2Jgone\\u{202e}\\u{a}xxx"), "{shown}");
        assert!(shown.chars().filter(|&c| c == 'x').count() < 200);
        assert_eq!(error.to_string(), "the server refused: access_denied");
        assert!(!format!("{error:?}").contains("gone"));
    }
}
