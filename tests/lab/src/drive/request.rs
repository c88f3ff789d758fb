//! A line of input, read strictly: what is not a request is told why, and under its `id` where it has one.

mod members;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

pub use members::{
    Advance, Call, CredentialsOf, EventsOf, LoginFinish, LoginParameters, LoginStart, LogoutUrl, OfSession, Open,
    OpenConfig, OpenDialect, OpenPrompt, OpenPrompts,
};

/// A longer line is not read, in bytes. A callback URL of a megabyte has to fit.
pub const MAX_LINE: usize = 4 * 1024 * 1024;

/// A request: what to do, and the name for its answer.
#[derive(Debug)]
pub struct Request {
    /// A number or a string.
    pub id: Value,
    /// What to do.
    pub operation: Operation,
}

/// Why a line is no request.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// The request's `id`; null where none can be read.
    pub id: Value,
    /// What is wrong.
    pub code: RefusalCode,
    /// What is wrong, for whoever writes the test.
    pub message: String,
}

/// What can be wrong with a request before the core sees it: the codes of the kind `InvalidRequest`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalCode {
    /// The line is longer than [`MAX_LINE`].
    LineTooLong,
    /// The line is not JSON.
    NotJson,
    /// The line is JSON, but no request: a member is missing, unknown, or of another type.
    NotARequest,
    /// There is no such operation.
    UnknownOp,
    /// No such session is open.
    UnknownSession,
    /// The work of a session that is to be closed goes on.
    SessionBusy,
}

impl RefusalCode {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::LineTooLong, Self::NotJson, Self::NotARequest, Self::UnknownOp, Self::UnknownSession, Self::SessionBusy];

    /// The code as it is answered.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LineTooLong => "line_too_long",
            Self::NotJson => "not_json",
            Self::NotARequest => "not_a_request",
            Self::UnknownOp => "unknown_op",
            Self::UnknownSession => "unknown_session",
            Self::SessionBusy => "session_busy",
        }
    }
}

/// What a request asks for: the public API of the core, and what a test needs besides.
#[derive(Debug)]
pub enum Operation {
    /// Opens a session.
    Open(Box<Open>),
    /// Begins a login.
    LoginStart(Box<LoginStart>),
    /// Finishes a login.
    LoginFinish(LoginFinish),
    /// Begins a device login.
    DeviceStart(Box<LoginStart>),
    /// Waits for the end of a device login.
    DeviceFinish(OfSession),
    /// Cancels the login in progress.
    LoginCancel(OfSession),
    /// Returns a valid access token.
    Credentials(CredentialsOf),
    /// Renews the access token.
    Renew(OfSession),
    /// Asks the provider for the user's claims.
    Userinfo(OfSession),
    /// Returns the signed-in user.
    User(OfSession),
    /// Returns the session's state.
    State(OfSession),
    /// Reads the session's record again.
    Reload(OfSession),
    /// Returns what has happened to the session.
    Events(EventsOf),
    /// Calls an API.
    Call(Box<Call>),
    /// Revokes the refresh token, then erases the session.
    Revoke(OfSession),
    /// Returns the page that ends the server's session.
    LogoutUrl(LogoutUrl),
    /// Logs out.
    Logout(OfSession),
    /// Moves the driver's clock.
    Advance(Advance),
    /// Closes a session.
    Close(OfSession),
    /// Returns what a session has sent and stored.
    Counters(OfSession),
}

impl Operation {
    /// The names of all operations.
    pub const NAMES: [&str; 20] = [
        "open",
        "login_start",
        "login_finish",
        "device_start",
        "device_finish",
        "login_cancel",
        "credentials",
        "renew",
        "userinfo",
        "user",
        "state",
        "reload",
        "events",
        "call",
        "revoke",
        "logout_url",
        "logout",
        "advance",
        "close",
        "counters",
    ];

    fn read(name: &str, members: Map<String, Value>) -> Result<Self, Problem> {
        Ok(match name {
            "open" => Operation::Open(Box::new(of(members)?)),
            "login_start" => Operation::LoginStart(Box::new(of(members)?)),
            "login_finish" => Operation::LoginFinish(of(members)?),
            "device_start" => Operation::DeviceStart(Box::new(of(members)?)),
            "device_finish" => Operation::DeviceFinish(of(members)?),
            "login_cancel" => Operation::LoginCancel(of(members)?),
            "credentials" => Operation::Credentials(of(members)?),
            "renew" => Operation::Renew(of(members)?),
            "userinfo" => Operation::Userinfo(of(members)?),
            "user" => Operation::User(of(members)?),
            "state" => Operation::State(of(members)?),
            "reload" => Operation::Reload(of(members)?),
            "events" => Operation::Events(of(members)?),
            "call" => Operation::Call(Box::new(of(members)?)),
            "revoke" => Operation::Revoke(of(members)?),
            "logout_url" => Operation::LogoutUrl(of(members)?),
            "logout" => Operation::Logout(of(members)?),
            "advance" => Operation::Advance(of(members)?),
            "close" => Operation::Close(of(members)?),
            "counters" => Operation::Counters(of(members)?),
            unknown => return Err(Problem::UnknownOperation(unknown.to_owned())),
        })
    }
}

/// Reads a line.
///
/// # Errors
/// [`Refusal`], which is the answer to the line.
pub fn parse(line: &[u8]) -> Result<Request, Refusal> {
    let refuse = |id: Value, code, message| Refusal { id, code, message };
    let value = serde_json::from_slice(line)
        .map_err(|error| refuse(Value::Null, RefusalCode::NotJson, format!("not JSON: {error}")))?;
    let Value::Object(mut members) = value else {
        return Err(refuse(Value::Null, RefusalCode::NotARequest, "a request is a JSON object".to_owned()));
    };
    let id = match members.remove("id") {
        Some(id @ (Value::Number(_) | Value::String(_))) => id,
        Some(_) | None => {
            return Err(refuse(
                Value::Null,
                RefusalCode::NotARequest,
                "`id` has to be a number or a string".to_owned(),
            ));
        }
    };
    let Some(Value::String(name)) = members.remove("op") else {
        return Err(refuse(id, RefusalCode::NotARequest, "`op` has to be a string".to_owned()));
    };
    match Operation::read(&name, members) {
        Ok(operation) => Ok(Request { id, operation }),
        Err(problem) => Err(refuse(id, problem.code(), problem.message(&name))),
    }
}

impl Refusal {
    /// Of a line that is longer than [`MAX_LINE`].
    pub fn too_long() -> Self {
        let message = format!("a line has at most {MAX_LINE} bytes");
        Self { id: Value::Null, code: RefusalCode::LineTooLong, message }
    }
}

enum Problem {
    UnknownOperation(String),
    Members(serde_json::Error),
}

impl Problem {
    fn code(&self) -> RefusalCode {
        match self {
            Problem::UnknownOperation(_) => RefusalCode::UnknownOp,
            Problem::Members(_) => RefusalCode::NotARequest,
        }
    }

    fn message(&self, operation: &str) -> String {
        match self {
            Problem::UnknownOperation(name) => {
                format!("there is no `{}`; there are {}", name.escape_debug(), Operation::NAMES.join(", "))
            }
            Problem::Members(error) => format!("`{operation}`: {error}"),
        }
    }
}

fn of<T: DeserializeOwned>(members: Map<String, Value>) -> Result<T, Problem> {
    serde_json::from_value(Value::Object(members)).map_err(Problem::Members)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refusal(line: &str) -> (Value, &'static str, String) {
        let refusal = parse(line.as_bytes()).unwrap_err();
        (refusal.id, refusal.code.as_str(), refusal.message)
    }

    #[test]
    fn every_operation_is_read_with_its_least_members() {
        let config = json!({"issuer": "https://i", "client_id": "c", "redirect_uri": "a.b:/c"});
        for name in Operation::NAMES {
            let mut line = match name {
                "open" => json!({ "config": config }),
                "advance" => json!({ "seconds": 1.5 }),
                "login_finish" => json!({ "session": "s1", "callback": "x" }),
                "call" => json!({ "session": "s1", "method": "GET", "url": "x" }),
                _ => json!({ "session": "s1" }),
            };
            line["id"] = json!("a");
            line["op"] = json!(name);
            let request =
                parse(line.to_string().as_bytes()).unwrap_or_else(|refusal| panic!("{name}: {}", refusal.message));
            assert_eq!(request.id, json!("a"));
        }
    }

    #[test]
    fn line_that_is_no_request_is_refused_under_its_id_where_it_has_one() {
        assert_eq!(refusal("nonsense").1, "not_json");
        assert_eq!(refusal(&"[".repeat(100_000)).1, "not_json");
        assert_eq!(refusal("\u{0}").1, "not_json");
        assert_eq!(refusal("[1]"), (Value::Null, "not_a_request", "a request is a JSON object".to_owned()));
        assert_eq!(refusal(r#"{"op":"state"}"#).0, Value::Null);
        assert_eq!(refusal(r#"{"id":{},"op":"state"}"#).0, Value::Null);
        assert_eq!(refusal(r#"{"id":7}"#), (json!(7), "not_a_request", "`op` has to be a string".to_owned()));
        let (id, code, message) = refusal(r#"{"id":8,"op":"fly"}"#);
        assert_eq!((id, code), (json!(8), "unknown_op"));
        assert!(message.contains("`fly`") && message.contains("login_start"), "{message}");
    }

    #[test]
    fn member_that_is_missing_unknown_or_of_another_type_is_named() {
        let (id, code, message) = refusal(r#"{"id":"x","op":"state"}"#);
        assert_eq!((id, code), (json!("x"), "not_a_request"));
        assert!(message.contains("session"), "{message}");
        assert!(refusal(r#"{"id":1,"op":"state","session":"s1","sesion":"s2"}"#).2.contains("sesion"));
        assert!(refusal(r#"{"id":1,"op":"state","session":5}"#).2.contains("string"));
        let dialect =
            r#"{"id":1,"op":"open","config":{"issuer":"i","client_id":"c","redirect_uri":"r","dialect":"saml"}}"#;
        assert!(refusal(dialect).2.contains("saml"));
    }
}
