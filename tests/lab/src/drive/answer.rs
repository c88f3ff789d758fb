//! A line of output: what became of a request.

use hallpass_core::Error;
use serde_json::{Value, json};

use super::request::{Refusal, RefusalCode};

/// Why an operation failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// The core's error.
    Core(Error),
    /// The request makes no sense to this driver.
    Request {
        /// What is wrong with it.
        code: RefusalCode,
        /// For whoever writes the test.
        message: String,
    },
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Core(error)
    }
}

/// The kind of an error that the core never saw: the line or what it names is wrong.
const INVALID_REQUEST: &str = "InvalidRequest";

/// An answer, as the line that is written.
pub(super) struct Answer(String);

impl Answer {
    pub(super) fn new(id: &Value, outcome: Result<Value, Failure>) -> Self {
        match outcome {
            Ok(result) => Self::of(&json!({ "id": id, "ok": result })),
            Err(Failure::Core(error)) => {
                let mut answer = json!({ "id": id, "error": {
                    "kind": error.kind(),
                    "code": error.code(),
                    "retryable": error.is_retryable(),
                    "message": error.to_string(),
                }});
                if let Error::Offline { retry_after: Some(wait), .. } = &error {
                    answer["error"]["retry_after"] = json!(wait.as_secs_f64());
                }
                Self::of(&answer)
            }
            Err(Failure::Request { code, message }) => Self::refused(id, code, &message),
        }
    }

    pub(super) fn refusal(refusal: &Refusal) -> Self {
        Self::refused(&refusal.id, refusal.code, &refusal.message)
    }

    fn refused(id: &Value, code: RefusalCode, message: &str) -> Self {
        Self::of(&json!({ "id": id, "error": {
            "kind": INVALID_REQUEST, "code": code.as_str(), "retryable": false, "message": message,
        }}))
    }

    /// JSON as serde writes it has no line break in it.
    fn of(answer: &Value) -> Self {
        Self(format!("{answer}\n"))
    }

    /// The line, with its end.
    pub(super) fn line(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hallpass_core::OfflineCause;

    use super::*;

    #[test]
    fn error_is_answered_with_kind_code_and_whether_to_try_again() {
        let error = Error::Offline { cause: OfflineCause::RateLimited, retry_after: Some(Duration::from_millis(1500)) };
        let answer = Answer::new(&json!("a\nb"), Err(error.into()));
        assert_eq!(answer.line().matches('\n').count(), 1);
        let answer: Value = serde_json::from_str(answer.line()).unwrap();
        assert_eq!(answer["id"], "a\nb");
        assert_eq!(answer["error"]["kind"], "Offline");
        assert_eq!(answer["error"]["code"], "rate_limited");
        assert_eq!((&answer["error"]["retryable"], &answer["error"]["retry_after"]), (&json!(true), &json!(1.5)));
    }
}
