//! How a login is asked for, beyond what the configuration says.

use std::time::Duration;

use hallpass_protocol::authorize::{AuthorizationParameters, Prompt};
use hallpass_protocol::challenge::StepUp;

use crate::config::Config;
use crate::error::Result;

/// How to log in; by default as the session's configuration says.
#[derive(Debug, Clone, Default)]
pub struct Login {
    parameters: AuthorizationParameters,
}

impl Login {
    /// A login as configured.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether the page has to ask for the password, for consent, or for nothing at all (OpenID Connect Core §3.1.2.1), or is
    /// the one to sign up. May be given several times; [`Prompt::None`] stands alone, or the login is refused when it starts.
    #[must_use]
    pub fn prompt(mut self, prompt: Prompt) -> Self {
        if !self.parameters.prompt.contains(&prompt) {
            self.parameters.prompt.push(prompt);
        }
        self
    }

    /// The scope to ask for instead of the configured one, its values separated by spaces.
    ///
    /// # Errors
    /// [`crate::Error::Misconfigured`] naming `scope`: a character outside RFC 6749 §3.3, or no `openid`.
    pub fn scope(mut self, scope: &str) -> Result<Self> {
        self.parameters.scope = crate::config::scope_of_a_login(scope)?;
        Ok(self)
    }

    /// The API that the access token is for, instead of the configured one (Auth0's `audience`).
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.parameters.audience = Some(audience.into());
        self
    }

    /// An API that the access token is for, as an absolute URI (RFC 8707 `resource`), instead of the configured ones; may be
    /// given several times.
    #[must_use]
    pub fn resource(mut self, resource: impl Into<String>) -> Self {
        self.parameters.resource.push(resource.into());
        self
    }

    /// Who is about to sign in, such as an e-mail address; the page fills it in.
    #[must_use]
    pub fn login_hint(mut self, hint: impl Into<String>) -> Self {
        self.parameters.login_hint = Some(hint.into());
        self
    }

    /// The languages for the page, as BCP 47 tags separated by spaces, the preferred one first.
    #[must_use]
    pub fn ui_locales(mut self, locales: impl Into<String>) -> Self {
        self.parameters.ui_locales = Some(locales.into());
        self
    }

    /// The authentication context classes asked for, separated by spaces.
    #[must_use]
    pub fn acr_values(mut self, values: impl Into<String>) -> Self {
        self.parameters.acr_values = Some(values.into());
        self
    }

    /// How long ago the user may have authenticated at most, in whole seconds; checked in the ID token.
    #[must_use]
    pub fn max_age(mut self, max_age: Duration) -> Self {
        self.parameters.max_age = Some(max_age.as_secs());
        self
    }

    /// The organization to sign in to; checked in the ID token.
    #[must_use]
    pub fn organization(mut self, organization: impl Into<String>) -> Self {
        self.parameters.organization = Some(organization.into());
        self
    }

    /// The ticket of an invitation to an organization (Auth0).
    #[must_use]
    pub fn invitation(mut self, ticket: impl Into<String>) -> Self {
        self.parameters.invitation = Some(ticket.into());
        self
    }

    /// The connection (identity provider) to use (Auth0).
    #[must_use]
    pub fn connection(mut self, connection: impl Into<String>) -> Self {
        self.parameters.connection = Some(connection.into());
        self
    }

    /// A parameter of the server's own. One that the protocol defines is refused when the login starts.
    #[must_use]
    pub fn extra(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.parameters.extra.push((name.into(), value.into()));
        self
    }

    /// What is asked for: the configuration's settings where the login does not say otherwise.
    pub(in crate::session) fn over(self, configured: &Config) -> AuthorizationParameters {
        let asked = self.parameters;
        AuthorizationParameters {
            scope: if asked.scope.is_empty() { configured.scope.clone() } else { asked.scope },
            audience: asked.audience.or_else(|| configured.audience.clone()),
            resource: if asked.resource.is_empty() { configured.resources.clone() } else { asked.resource },
            max_age: asked.max_age.or(configured.max_age),
            organization: asked.organization.or_else(|| configured.organization.clone()),
            ..asked
        }
    }
}

/// The login that an API asks for before it serves a request (RFC 9470 §4).
impl From<StepUp> for Login {
    fn from(StepUp { acr_values, max_age }: StepUp) -> Self {
        Self { parameters: AuthorizationParameters { acr_values, max_age, ..AuthorizationParameters::default() } }
    }
}
