//! Login: from the authorization request to a stored session (RFC 6749 §4.1, RFC 7636, RFC 8252).
//!
//! A login in progress is one stored, single-use, expiring record (rule 12): the app may die while the browser is open,
//! and whoever has the callback finishes it. There is one at a time; a second takes the place of the first.

use std::sync::Arc;
use std::time::Duration;

use hallpass_protocol::authorize::{self, AuthorizationParameters, LoginEntropy, PendingLogin, Prompt};
use hallpass_protocol::callback::{Callback, CallbackError};
use hallpass_protocol::client::RedirectUri;
use hallpass_protocol::discovery::ProviderMetadata;
use hallpass_protocol::dpop::Thumbprint;
use hallpass_protocol::secret::AuthorizationCode;
use hallpass_protocol::token::{self, TokenResponse};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use url::Url;

use super::engine::{Engine, LONGEST_REQUEST};
use super::moment::Moment;
use super::proof::{Undelivered, token_type};
use super::record::{Content, Grant, GrantKey, Refresh, SignedIn};
use super::state::User;
use crate::error::{Error, Result};
use crate::ports::{StoredValue, TransportError};

/// How to log in; by default as the session's configuration says.
#[derive(Debug, Clone, Default)]
pub struct Login {
    parameters: AuthorizationParameters,
}

/// A login that waits for its callback.
#[derive(Debug, Clone)]
pub struct StartedLogin {
    /// The page to open in the system browser.
    pub url: Url,
    /// The `state` that the callback has to carry; it names this login and is no secret towards the app.
    pub state: String,
}

/// The login in progress, as this process knows it.
pub(crate) struct Transaction {
    state: String,
    /// Dropping it tells the login that it is over.
    _alive: watch::Sender<()>,
}

/// The login in progress, as it is stored.
#[derive(Serialize, Deserialize)]
struct StoredLogin {
    version: u32,
    pending: PendingLogin,
}

const VERSION: u32 = 1;

impl Login {
    /// A login as configured.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether the page has to ask for the password, for consent, or for nothing at all (OpenID Connect Core §3.1.2.1).
    #[must_use]
    pub fn prompt(mut self, prompt: Prompt) -> Self {
        self.parameters.prompt = Some(prompt);
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
}

impl Engine {
    /// Signs the user in with the system browser.
    ///
    /// # Errors
    /// As documented at `Session::login`.
    pub(crate) async fn login(self: &Arc<Self>, login: Login) -> Result<User> {
        let browser = self.browser.clone().ok_or(Error::Misconfigured {
            field: "browser",
            fix: "give the session a browser, or use `start_login` and `resume`",
        })?;
        let visit = browser.begin(&self.config.redirect_uri).await?;
        let (started, mut over) = self.start_login(login, visit.redirect_uri()).await?;
        let mut release = Release { engine: Some(Arc::clone(self)), state: started.state.clone() };
        let callback = tokio::select! {
            callback = visit.navigate(started.url) => callback?,
            _ = over.changed() => return Err(Error::Cancelled),
        };
        // From here on the callback decides, and an exchange is not given up.
        release.engine = None;
        self.finish_login(&callback).await
    }

    /// Writes the login down and returns the page to open, and what tells when another login or a cancellation has
    /// ended it.
    pub(crate) async fn start_login(
        self: &Arc<Self>,
        login: Login,
        redirect_uri: RedirectUri,
    ) -> Result<(StartedLogin, watch::Receiver<()>)> {
        // A store that will not take the session has to be known before the user types a password.
        drop(self.opened_vault().await?);
        let metadata = self.metadata().await?;
        let entropy = LoginEntropy { state: self.entropy()?, nonce: self.entropy()?, code_verifier: self.entropy()? };
        let parameters =
            AuthorizationParameters { dpop_jkt: self.login_key(&metadata).await?, ..self.parameters(login) };
        let lifetime = self.config.login_lifetime;
        let (url, pending) = authorize::start(
            &self.config.client,
            &metadata,
            &parameters,
            redirect_uri,
            entropy,
            self.clock.now(),
            lifetime,
        )?;

        let state = pending.state().expose().to_owned();
        let stored = serde_json::to_string(&StoredLogin { version: VERSION, pending })
            .map_err(|_| Error::Internal { reference: "pending_login_not_json" })?;
        let (alive, over) = watch::channel(());
        let mut transaction = self.login.lock().await;
        self.store.save(&self.login_entry, &StoredValue::new(stored)).await?;
        *transaction = Some(Transaction { state: state.clone(), _alive: alive });
        drop(transaction);

        // While the user types, so that one request remains to be made after the callback.
        let engine = Arc::clone(self);
        self.runtime.spawn(async move {
            if let Err(error) = engine.keys(&metadata).await {
                tracing::debug!(%error, "the provider's keys were not fetched ahead");
            }
        });
        Ok((StartedLogin { url, state }, over))
    }

    /// Ends the login in progress, if there is one.
    pub(crate) async fn cancel_login(&self) -> Result<()> {
        let mut transaction = self.login.lock().await;
        self.store.delete(&self.login_entry).await?;
        *transaction = None;
        Ok(())
    }

    /// Takes the callback of a login that this process or an earlier one started, and finishes it on a task of the
    /// engine's own, so that no caller who leaves can interrupt the exchange (rule 2).
    pub(crate) async fn finish_login(self: &Arc<Self>, callback: &str) -> Result<User> {
        let engine = Arc::clone(self);
        let callback = callback.to_owned();
        let exchange = self.runtime.spawn(async move {
            let callback = Callback::parse(&callback)?;
            let metadata = engine.metadata().await?;
            let (code, pending) = engine.take_login(callback, &metadata).await?;
            // Before the server made the tokens, so that a lifetime counted from here is over in time.
            let sent = engine.now();
            let request = || token::code_request(&engine.config.client, &metadata, &code, &pending);
            let tokens = engine.exchange_code(pending.dpop_jkt(), request).await?;
            engine.install_login(tokens, sent, &pending, &metadata).await
        });
        exchange.await.unwrap_or(Err(Error::Internal { reference: "login_task_ended" }))
    }

    /// Matches the callback with the stored login and, if it is the one, uses the stored login up (rules 12 and 13).
    async fn take_login(
        &self,
        callback: Callback,
        metadata: &ProviderMetadata,
    ) -> Result<(AuthorizationCode, PendingLogin)> {
        let mut transaction = self.login.lock().await;
        let stored = self.store.load(&self.login_entry).await?;
        let pending = stored
            .and_then(|value| serde_json::from_str::<StoredLogin>(value.expose()).ok())
            .filter(|stored| stored.version == VERSION)
            .map(|stored| stored.pending)
            .ok_or(Error::Untrusted { check: "callback_without_login" })?;
        let outcome = callback.finish(&pending, metadata, self.clock.now());
        if let Err(CallbackError::RedirectMismatch | CallbackError::StateMissing | CallbackError::StateMismatch) =
            outcome
        {
            // Not an answer to this login: somebody else's, an old one, or an attack. The login goes on waiting.
            return outcome.map(|code| (code, pending)).map_err(Error::from);
        }
        self.store.delete(&self.login_entry).await?;
        *transaction = None;
        Ok((outcome?, pending))
    }

    /// Exchanges the code. Without an answer it is sent once more: a code that was used already is refused, and then
    /// nothing is lost that had been there.
    async fn exchange_code(
        &self,
        bound_to: Option<Thumbprint>,
        request: impl Fn() -> hallpass_protocol::http::Request,
    ) -> Result<TokenResponse> {
        let response = match self.transmit_bound(bound_to, None, None, LONGEST_REQUEST, request()).await {
            Err(Undelivered::Transport(TransportError::NoAnswer | TransportError::Unreachable)) => {
                tokio::time::sleep(Duration::from_millis(100 + 2 * u64::from(self.jitter()))).await;
                self.transmit_bound(bound_to, None, None, LONGEST_REQUEST, request()).await?
            }
            other => other?,
        };
        self.observe_time(&response);
        token::parse(&response, token_type(bound_to)).map_err(|error| self.unusable(&response, error))
    }

    /// Validates the identity, saves the session and publishes it.
    async fn install_login(
        &self,
        tokens: TokenResponse,
        received: Moment,
        pending: &PendingLogin,
        metadata: &ProviderMetadata,
    ) -> Result<User> {
        let id_token = tokens.id_token.ok_or(Error::Untrusted { check: "id_token_missing" })?;
        let identity = self.login_identity(&id_token, &tokens.access_token, pending, metadata).await?;
        let user = User::of(&identity);
        let signed_in = SignedIn {
            identity,
            id_token,
            refresh: tokens.refresh_token.map(|token| Refresh {
                token,
                generation: 0,
                received,
                reusable: false,
                attempt: None,
            }),
            grants: vec![Grant {
                key: GrantKey::default(),
                access_token: tokens.access_token,
                // The server leaves it out when it granted what was asked for (RFC 6749 §5.1).
                scope: tokens.scope.unwrap_or_else(|| pending.scope().clone()),
                received,
                lifetime: tokens.lifetime,
            }],
            dpop_jkt: pending.dpop_jkt(),
        };
        let lineage = super::random_name(&*self.random)?;
        // Not while another process is renewing: its answer must not overwrite this login.
        let _lease = self.lease.acquire().await;
        let mut vault = self.vault.lock().await;
        let saved = vault.begin(lineage, Content::SignedIn(Box::new(signed_in))).await;
        self.patience.reset();
        // As long as the record is not known, nobody can tell whether somebody is signed in.
        if vault.is_opened() {
            self.publish(&vault);
        }
        saved.map(|()| user)
    }

    /// What is asked for: the configuration's settings where the login does not say otherwise.
    fn parameters(&self, login: Login) -> AuthorizationParameters {
        let configured = &self.config;
        let asked = login.parameters;
        AuthorizationParameters {
            scope: configured.scope.clone(),
            audience: configured.audience.clone(),
            resource: configured.resources.clone(),
            max_age: asked.max_age.or(configured.max_age),
            organization: asked.organization.or_else(|| configured.organization.clone()),
            ..asked
        }
    }
}

/// Releases a login whose caller went away, or whose browser failed, before its callback came.
struct Release {
    engine: Option<Arc<Engine>>,
    state: String,
}

impl Drop for Release {
    fn drop(&mut self) {
        let Some(engine) = self.engine.take() else { return };
        let state = std::mem::take(&mut self.state);
        let runtime = engine.runtime.clone();
        runtime.spawn(async move {
            let mut transaction = engine.login.lock().await;
            if transaction.as_ref().is_some_and(|present| present.state == state) {
                *transaction = None;
                if let Err(error) = engine.store.delete(&engine.login_entry).await {
                    tracing::debug!(%error, "a login that was given up stays stored until it expires");
                }
            }
        });
    }
}
