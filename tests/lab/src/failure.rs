//! What a command says when it fails: what happened, and the next step.

use hallpass_core::protocol::error::ErrorCode;
use hallpass_core::{Error, LoginReason, OfflineCause, StorageProblem};

use crate::exit::Exit;
use crate::settings::SettingsError;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The settings.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The core.
    #[error(transparent)]
    Core(#[from] Error),
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
            Failure::Settings(SettingsError::Core(error)) | Failure::Core(error) => error.into(),
            Failure::Settings(_) | Failure::Argument { .. } => Exit::Misconfigured,
            Failure::Server(_) | Failure::InputOutput(_) => Exit::Failed,
        }
    }

    /// What to do about it; empty where there is nothing to say.
    pub fn next_step(&self) -> String {
        match self {
            Failure::Settings(SettingsError::Core(error)) | Failure::Core(error) => of_core(error),
            Failure::Settings(error) => error.next_step(),
            Failure::Argument { fix, .. } => fix.clone(),
            Failure::Server(_) => "stop what has the port, or choose others with --port and --api-port".to_owned(),
            Failure::InputOutput(_) => String::new(),
        }
    }
}

fn of_core(error: &Error) -> String {
    match error {
        Error::Cancelled => "run `lab login` again when you are ready".to_owned(),
        Error::LoginRequired { reason } => of_reason(*reason).to_owned(),
        Error::Offline { cause, retry_after } => {
            let wait = retry_after.map(|wait| format!("; the server asks to wait {} s", wait.as_secs_f64().ceil()));
            format!("{}{}", of_cause(*cause), wait.unwrap_or_default())
        }
        Error::Denied { code } => of_code(*code).to_owned(),
        Error::Storage { problem } => of_storage(*problem).to_owned(),
        Error::Untrusted { check } => of_check(check).to_owned(),
        Error::Misconfigured { .. } => String::new(),
        Error::Internal { reference } => format!("this is a defect: please report `{reference}`"),
    }
}

fn of_reason(reason: LoginReason) -> &'static str {
    match reason {
        LoginReason::NoRefreshToken => {
            "run `lab login` again, with `offline_access` in the scope and allowed for the API at the provider"
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
        "invalid_grant" => "run `lab login` again; the code or the refresh token is no longer valid",
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
        check if check.starts_with("callback_") => {
            "finish the login that was started last, in the browser that it opened"
        }
        check if check.starts_with("id_token_") => {
            "do not work around it: check `issuer`, `client_id` and the device's clock, then report it to the provider"
        }
        _ => "report it to whoever runs the server; nothing of the answer was used",
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn every_error_of_the_core_has_its_exit_code_and_a_next_step() {
        let offline =
            Error::Offline { cause: OfflineCause::RateLimited, retry_after: Some(Duration::from_millis(1200)) };
        for (error, code) in [
            (Error::Cancelled, 8),
            (Error::LoginRequired { reason: LoginReason::NotSignedIn }, 3),
            (offline.clone(), 4),
            (Error::Denied { code: ErrorCode::AccessDenied }, 5),
            (Error::Untrusted { check: "id_token_issuer" }, 6),
            (Error::Storage { problem: StorageProblem::Locked }, 7),
            (Error::Internal { reference: "x" }, 1),
        ] {
            let failure = Failure::from(error);
            assert_eq!(failure.exit().code(), code, "{failure}");
            assert!(!failure.next_step().is_empty(), "{failure}");
        }
        assert!(Failure::from(offline).next_step().ends_with("wait 2 s"));
    }
}
