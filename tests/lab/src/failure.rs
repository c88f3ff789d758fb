//! What a command says when it fails: what happened, and the next step.

use hallpass_core::protocol::error::ErrorCode;
use hallpass_core::{Error, LoginReason, OfflineCause, StorageProblem};
use serde_json::{Value, json};

use crate::exit::Exit;
use crate::settings::SettingsError;
use crate::watch::{Place, Words};

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The settings.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The core.
    #[error(transparent)]
    Core(#[from] Error),
    /// The core, and what was seen of the network.
    #[error("{error}{}", seen(error, place.as_deref(), words.as_deref()))]
    Asked {
        /// The core's error.
        error: Error,
        /// Where the last request went.
        place: Option<Box<Place>>,
        /// What a server said.
        words: Option<Box<Words>>,
    },
    /// It took longer than the user wants to wait.
    #[error("it is not done after {seconds} s{}", place.as_ref().map(|place| format!(" ({place})")).unwrap_or_default())]
    TimedOut {
        /// How long that is.
        seconds: u64,
        /// Where the last request went.
        place: Option<Box<Place>>,
    },
    /// The API's answer has a status of 400 or more, and `--fail` was given.
    #[error("the API answered {0}")]
    Status(u16),
    /// An argument.
    #[error("{what}")]
    Argument {
        /// What is wrong with it.
        what: String,
        /// What to do about it.
        fix: String,
    },
    /// A server of this process could not start.
    #[error("{0}")]
    Server(String),
    /// A file, or standard input or output.
    #[error("{0}")]
    InputOutput(String),
}

impl Failure {
    /// How the command ends.
    pub fn exit(&self) -> Exit {
        match self {
            Failure::Settings(SettingsError::Core(error)) | Failure::Core(error) | Failure::Asked { error, .. } => {
                error.into()
            }
            Failure::TimedOut { .. } => Exit::Offline,
            Failure::Status(_) => Exit::CallFailed,
            Failure::Settings(_) | Failure::Argument { .. } => Exit::Misconfigured,
            Failure::Server(_) | Failure::InputOutput(_) => Exit::Failed,
        }
    }

    /// What to do about it; empty where there is nothing to say.
    pub fn next_step(&self) -> String {
        match self {
            Failure::Settings(SettingsError::Core(error)) | Failure::Core(error) => of_core(error),
            Failure::Asked { error, words, .. } => {
                words.as_deref().and_then(|words| of_words(error, words)).unwrap_or_else(|| of_core(error))
            }
            Failure::TimedOut { .. } => {
                "wait longer with --timeout, or see with --verbose what it waits for".to_owned()
            }
            Failure::Status(_) => String::new(),
            Failure::Settings(error) => error.next_step(),
            Failure::Argument { fix, .. } => fix.clone(),
            Failure::Server(_) => "stop what has the port, or choose others with --port and --api-port".to_owned(),
            Failure::InputOutput(_) => String::new(),
        }
    }
}

impl Failure {
    /// The error for machines: the same words, and the codes of the core where it is one of its errors.
    pub fn to_json(&self) -> Value {
        let (core, place, words) = match self {
            Failure::Settings(SettingsError::Core(error)) | Failure::Core(error) => (Some(error), None, None),
            Failure::Asked { error, place, words } => (Some(error), place.as_deref(), words.as_deref()),
            Failure::TimedOut { place, .. } => (None, place.as_deref(), None),
            Failure::Settings(_)
            | Failure::Status(_)
            | Failure::Argument { .. }
            | Failure::Server(_)
            | Failure::InputOutput(_) => (None, None, None),
        };
        let words = words.filter(|_| core.is_some_and(is_of_the_server));
        json!({ "error": {
            "kind": core.map(Error::kind),
            "code": core.map(Error::code),
            "message": self.to_string(),
            "next": self.next_step(),
            "exit": self.exit().code(),
            "request": place.map(ToString::to_string),
            "server_code": words.and_then(|words| words.code.as_deref()),
            "server_description": words.and_then(|words| words.description.as_deref()),
        }})
    }
}

/// Whether the error is about an answer, so that the server's own words explain it.
fn is_of_the_server(error: &Error) -> bool {
    match error {
        Error::Denied { .. } => true,
        Error::Offline { cause, .. } => match cause {
            OfflineCause::RateLimited | OfflineCause::ServerFailed | OfflineCause::UnexpectedAnswer => true,
            OfflineCause::Unreachable | OfflineCause::Tls | OfflineCause::NoAnswer => false,
        },
        Error::LoginRequired { reason } => {
            matches!(reason, LoginReason::Revoked | LoginReason::Refused | LoginReason::AnswerLost)
        }
        Error::Cancelled
        | Error::StepUpRequired { .. }
        | Error::Storage { .. }
        | Error::Untrusted { .. }
        | Error::Misconfigured { .. }
        | Error::Internal { .. } => false,
    }
}

/// What was seen of the network, where it says more than the error does.
fn seen(error: &Error, place: Option<&Place>, words: Option<&Words>) -> String {
    let mut seen = String::new();
    let concerns_network = matches!(error, Error::Offline { .. } | Error::Untrusted { .. });
    if let Some(place) = place.filter(|_| concerns_network) {
        seen.push_str(&format!(" ({place})"));
    }
    if let Some(words) = words.filter(|_| is_of_the_server(error)) {
        seen.push_str(&format!("; the server says: {words}"));
    }
    seen
}

/// What servers say in their own words where their code says too little.
fn of_words(error: &Error, words: &Words) -> Option<String> {
    if !matches!(error, Error::Denied { .. }) {
        return None;
    }
    let any = |texts: &[&str]| texts.iter().any(|text| words.mention(text));
    Some(
        if any(&["pushed authorization", "pushed_authorization", "request_uri"]) {
            "this client has to push its authorization requests (PAR, RFC 9126): add --par, or `par = true`"
        } else if any(&["dpop"]) {
            "this client has to bind its tokens to a key: add --dpop, or `dpop = true`"
        } else if any(&["redirect_uri", "redirect uri", "callback url", "redirect url"]) {
            "register the redirect URI for this application at the provider, exactly as it is in `redirect_uri`"
        } else if any(&["service not found", "audience", "resource"]) {
            "check `audience`: it is the identifier of an API that the provider knows and this application may use"
        } else {
            return None;
        }
        .to_owned(),
    )
}

fn of_core(error: &Error) -> String {
    match error {
        Error::Cancelled => "run `lab login` again when you are ready".to_owned(),
        Error::LoginRequired { reason } => of_reason(*reason).to_owned(),
        Error::StepUpRequired { step_up } => {
            let mut options = String::new();
            if let Some(values) = &step_up.acr_values {
                options.push_str(&format!(" --acr-values {}", shlex::try_quote(values).unwrap_or_default()));
            }
            if let Some(seconds) = step_up.max_age {
                options.push_str(&format!(" --max-age {seconds}"));
            }
            format!("run `lab login{options}`, then send the request again")
        }
        Error::Offline { cause, retry_after } => {
            let wait = retry_after.map(|wait| format!("; it is tried again after {} s", wait.as_secs_f64().ceil()));
            format!("{}{}", of_cause(*cause), wait.unwrap_or_default())
        }
        Error::Denied { code, .. } => of_code(*code).to_owned(),
        Error::Storage { problem } => of_storage(*problem).to_owned(),
        Error::Untrusted { check } => of_check(check).to_owned(),
        Error::Misconfigured { field: "browser", .. } => {
            "use --paste; or register http://127.0.0.1/callback, and leave `redirect_uri` out".to_owned()
        }
        Error::Misconfigured { .. } => String::new(),
        Error::Internal { reference } => format!("this is a defect: please report `{reference}`"),
    }
}

fn of_reason(reason: LoginReason) -> &'static str {
    match reason {
        LoginReason::NoRefreshToken => {
            "run `lab login` again: with `offline_access` in the scope, allowed for the API at the provider, and with \
             `--prompt consent` where the provider gives a refresh token only after a consent"
        }
        LoginReason::Refused => {
            "run `lab login`; the provider's log says why it does not renew the session, which may also pass"
        }
        LoginReason::NotSignedIn
        | LoginReason::Revoked
        | LoginReason::AnswerLost
        | LoginReason::StorageInvalidated
        | LoginReason::LoggedOut => "run `lab login`",
    }
}

fn of_cause(cause: OfflineCause) -> &'static str {
    match cause {
        OfflineCause::Unreachable => "check the network, and the host in `domain` or `issuer` for a misspelling",
        OfflineCause::Tls => "check the device's date, and for a proxy or captive portal that intercepts TLS",
        OfflineCause::NoAnswer => "try again; if it lasts, the server or a proxy on the way hangs",
        OfflineCause::RateLimited => "try again later",
        OfflineCause::ServerFailed => "try again later; the failure is at the server",
        OfflineCause::UnexpectedAnswer => {
            "check for a captive portal, and that `domain` or `issuer` is an authorization server: its metadata has to be \
             JSON at .well-known/openid-configuration below it"
        }
    }
}

fn of_code(code: ErrorCode) -> &'static str {
    match code.as_str() {
        "access_denied" => "the user or a rule at the provider said no; the provider's log says which",
        "invalid_client" | "unauthorized_client" => {
            "check `client_id`, and that the application is a native one (a public client) with the authorization code \
             and refresh token grants enabled"
        }
        "invalid_scope" => "ask for less in `scope`, or allow it for the application and the API at the provider",
        "invalid_target" => "check `audience`: it is the identifier of an API that the provider knows",
        "invalid_grant" => {
            "run `lab login` again: the code or the refresh token is no longer valid; if that ends the same way, the \
             provider's log says why"
        }
        "login_required" | "interaction_required" | "consent_required" | "account_selection_required" => {
            "run `lab login` without --prompt none"
        }
        _ => "see what the provider's log says about it",
    }
}

fn of_storage(problem: StorageProblem) -> &'static str {
    match problem {
        StorageProblem::Locked => {
            "unlock the keyring (log in to the desktop, or unlock it in its settings), then try again"
        }
        StorageProblem::Invalidated => "run `lab login`; what was stored can never be read again",
        StorageProblem::Failed(why) if !why.contains("Secret Service") => "see to the folder after `file:` in `store`",
        StorageProblem::Failed(_) => {
            "start a Secret Service (such as gnome-keyring) on the session bus; or, if plain text on disk is no danger \
             here, use `--store file:PATH`"
        }
    }
}

fn of_check(check: &str) -> &'static str {
    match check {
        "discovery_issuer" => {
            "the server gives itself another name: set `issuer` to the very `issuer` of its openid-configuration, a \
             trailing slash included"
        }
        check if check.starts_with("discovery_") => {
            "check that `issuer` is an OpenID Provider: what stands at .well-known/openid-configuration below it is no \
             metadata that can be used"
        }
        "callback_without_login" => {
            "run `lab login` again: another login or a logout took this one's place, or its answer came twice"
        }
        check if check.starts_with("callback_") => {
            "finish the login that was started last, in the browser that it opened"
        }
        check if check.starts_with("id_token_") => {
            "do not work around it: check `issuer`, `client_id` and the device's clock, then report it to the provider"
        }
        _ => "report it to those who run the server; nothing of the answer was used",
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hallpass_core::protocol::challenge::StepUp;
    use hallpass_core::protocol::error::ServerWords;

    use super::*;

    #[test]
    fn every_error_of_the_core_has_its_exit_code_and_a_next_step() {
        let offline =
            Error::Offline { cause: OfflineCause::RateLimited, retry_after: Some(Duration::from_millis(1200)) };
        for (error, code) in [
            (Error::Cancelled, 8),
            (Error::LoginRequired { reason: LoginReason::NotSignedIn }, 3),
            (offline.clone(), 4),
            (Error::Denied { code: ErrorCode::AccessDenied, words: ServerWords::default() }, 5),
            (Error::StepUpRequired { step_up: StepUp::default() }, 3),
            (Error::Untrusted { check: "id_token_issuer" }, 6),
            (Error::Storage { problem: StorageProblem::Locked }, 7),
            (Error::Internal { reference: "x" }, 1),
        ] {
            let failure = Failure::from(error);
            assert_eq!(failure.exit().code(), code, "{failure}");
            assert!(!failure.next_step().is_empty(), "{failure}");
        }
        assert!(Failure::from(offline).next_step().ends_with("tried again after 2 s"));
    }

    #[test]
    fn server_that_says_why_is_repeated_and_its_words_decide_the_next_step() {
        let denied = |code, said: &str| Failure::Asked {
            error: Error::Denied { code, words: ServerWords::default() },
            place: None,
            words: Some(Box::new(Words { code: Some(code.as_str().to_owned()), description: Some(said.to_owned()) })),
        };
        for (failure, next) in [
            (denied(ErrorCode::InvalidRequest, "Pushed Authorization Request must be used"), "--par"),
            (denied(ErrorCode::InvalidGrant, "DPoP proof JWT not provided"), "--dpop"),
            (denied(ErrorCode::AccessDenied, "Service not found: https://x"), "`audience`"),
            (denied(ErrorCode::InvalidRequest, "redirect_uri did not match"), "`redirect_uri`"),
            (denied(ErrorCode::AccessDenied, "Please verify your email"), "the provider's log"),
        ] {
            assert!(failure.next_step().contains(next), "{failure}: {}", failure.next_step());
            assert!(failure.to_string().contains("the server says: "), "{failure}");
            assert!(failure.to_json()["error"]["server_description"].is_string());
        }
    }
}
