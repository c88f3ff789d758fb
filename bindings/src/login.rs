//! How to log in and out.

use std::collections::HashMap;
use std::time::Duration;

use hallpass_core as core;

/// How to log in; with nothing set, as the session's configuration says.
#[derive(Debug, Clone, Default, uniffi::Record)]
pub struct LoginOptions {
    /// What the page has to ask for; none of them when the server decides.
    pub prompt: Vec<Prompt>,
    /// The scope to ask for instead of the configured one.
    pub scope: Option<String>,
    /// The API that the access token is for, instead of the configured one (Auth0).
    pub audience: Option<String>,
    /// The APIs that the access token is for, instead of the configured ones (RFC 8707).
    pub resources: Vec<String>,
    /// Who is about to sign in, such as an e-mail address.
    pub login_hint: Option<String>,
    /// The languages for the page, as BCP 47 tags separated by spaces.
    pub ui_locales: Option<String>,
    /// The authentication context classes asked for, separated by spaces.
    pub acr_values: Option<String>,
    /// How long ago the user may have authenticated at most, in seconds.
    pub max_age_seconds: Option<u64>,
    /// The organization to sign in to.
    pub organization: Option<String>,
    /// The ticket of an invitation to an organization (Auth0).
    pub invitation: Option<String>,
    /// The connection (identity provider) to use (Auth0).
    pub connection: Option<String>,
    /// Parameters of the server's own.
    pub extra: HashMap<String, String>,
}

/// What the page has to ask for (OpenID Connect Core §3.1.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum Prompt {
    /// Nothing; fail when something would have to be shown.
    None,
    /// The password, again.
    Login,
    /// Consent, again.
    Consent,
    /// An account.
    SelectAccount,
    /// A new account: the page to sign up.
    Create,
}

/// A login that waits for its callback.
#[derive(Debug, Clone, uniffi::Record)]
pub struct StartedLogin {
    /// The page to open in the system browser.
    pub url: String,
    /// The `state` that the callback has to carry.
    pub state: String,
}

/// How to log out.
#[derive(Debug, Clone, Copy, Default, uniffi::Record)]
pub struct LogoutOptions {
    /// Whether to end the server's own session in the browser too.
    pub end_session: bool,
    /// Whether to log out of the identity provider behind an Auth0 tenant too.
    pub federated: bool,
}

/// What a logout came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Record)]
pub struct LoggedOut {
    /// Whether there was a session to erase.
    pub erased: bool,
    /// Whether the server confirmed that it revoked the refresh token.
    pub revoked: bool,
    /// Whether the browser came back from the end-session page.
    pub session_ended: bool,
}

impl TryFrom<LoginOptions> for core::Login {
    type Error = core::Error;

    fn try_from(options: LoginOptions) -> core::Result<Self> {
        let mut login = options.prompt.into_iter().fold(Self::new(), |login, prompt| login.prompt(prompt.into()));
        if let Some(scope) = &options.scope {
            login = login.scope(scope)?;
        }
        if let Some(audience) = options.audience {
            login = login.audience(audience);
        }
        login = options.resources.into_iter().fold(login, Self::resource);
        if let Some(hint) = options.login_hint {
            login = login.login_hint(hint);
        }
        if let Some(locales) = options.ui_locales {
            login = login.ui_locales(locales);
        }
        if let Some(values) = options.acr_values {
            login = login.acr_values(values);
        }
        if let Some(max_age) = options.max_age_seconds {
            login = login.max_age(Duration::from_secs(max_age));
        }
        if let Some(organization) = options.organization {
            login = login.organization(organization);
        }
        if let Some(ticket) = options.invitation {
            login = login.invitation(ticket);
        }
        if let Some(connection) = options.connection {
            login = login.connection(connection);
        }
        Ok(options.extra.into_iter().fold(login, |login, (name, value)| login.extra(name, value)))
    }
}

impl From<Prompt> for core::protocol::authorize::Prompt {
    fn from(prompt: Prompt) -> Self {
        match prompt {
            Prompt::None => Self::None,
            Prompt::Login => Self::Login,
            Prompt::Consent => Self::Consent,
            Prompt::SelectAccount => Self::SelectAccount,
            Prompt::Create => Self::Create,
        }
    }
}

impl From<core::StartedLogin> for StartedLogin {
    fn from(started: core::StartedLogin) -> Self {
        Self { url: started.url.into(), state: started.state }
    }
}

impl From<LogoutOptions> for core::Logout {
    fn from(options: LogoutOptions) -> Self {
        match options {
            LogoutOptions { federated: true, .. } => Self::new().federated(),
            LogoutOptions { end_session: true, federated: false } => Self::new().end_session(),
            LogoutOptions { end_session: false, federated: false } => Self::new(),
        }
    }
}

impl From<core::LoggedOut> for LoggedOut {
    fn from(outcome: core::LoggedOut) -> Self {
        let core::LoggedOut { erased, revoked, session_ended } = outcome;
        Self { erased, revoked, session_ended }
    }
}
