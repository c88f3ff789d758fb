//! Login: from the authorization request to a stored session (RFC 6749 §4.1, RFC 7636, RFC 8252).
//!
//! A login in progress is one stored, single-use, expiring record (rule 12): the app may die while the browser is open,
//! and the one who has the callback finishes it. There is one at a time; a second takes the place of the first, and what
//! the first still brings is revoked.

mod options;

use std::sync::Arc;
use std::time::Duration;

use hallpass_protocol::authorize::{self, AuthorizationParameters, LoginEntropy, PendingLogin};
use hallpass_protocol::callback::{Callback, CallbackError};
use hallpass_protocol::client::RedirectUri;
use hallpass_protocol::discovery::ProviderMetadata;
use hallpass_protocol::dpop::Thumbprint;
use hallpass_protocol::secret::{AuthorizationCode, RefreshToken};
use hallpass_protocol::token::{self, TokenError, TokenResponse, TokenType};
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;
use tokio::sync::watch;
use url::Url;

pub use self::options::Login;
use super::account::{Account, Intent};
use super::identity::Identity;
use super::moment::Moment;
use super::provider::Provider;
use super::pushed;
use super::record::{Grant, GrantKey, Refresh, SignedIn};
use super::renewal::backoff::Backoff;
use super::renewal::lease::SharedLease;
use super::state::User;
use super::terms::Terms;
use super::vault::NEWER;
use super::wire::dpop::Undelivered;
use super::wire::{LONGEST_REQUEST, Wire};
use crate::config::Config;
use crate::error::{Error, Result, StorageProblem};
use crate::ports::{Browser, EntryName, SecureStore, StoredValue, TransportError};

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
    /// Its name: the `state` of a login in a browser.
    state: String,
    /// Dropping it tells the login that it is over.
    _alive: watch::Sender<()>,
}

impl Transaction {
    /// A login called `state`, and what tells when it is over.
    pub(crate) fn new(state: String) -> (Self, watch::Receiver<()>) {
        let (alive, over) = watch::channel(());
        (Self { state, _alive: alive }, over)
    }

    pub(crate) fn is(&self, state: &str) -> bool {
        self.state == state
    }
}

/// The login in progress, as it is stored.
#[derive(Serialize, Deserialize)]
struct StoredLogin {
    version: u32,
    pending: PendingLogin,
}

const VERSION: u32 = 1;

/// A login whose tokens are bearer tokens although they were to be bound to a key.
pub(crate) const NOT_BOUND: Error = Error::Misconfigured {
    field: "dpop",
    fix: "this server gives tokens that are not bound to a key; switch DPoP on there, or leave `dpop` out",
};

/// The logins of one account, of which one may wait for its callback.
pub(crate) struct Logins {
    pub(crate) config: Arc<Config>,
    pub(crate) account: Arc<Account>,
    pub(crate) wire: Arc<Wire>,
    pub(crate) provider: Arc<Provider>,
    pub(crate) identity: Arc<Identity>,
    pub(crate) lease: Arc<SharedLease>,
    pub(crate) backoff: Arc<Backoff>,
    pub(crate) browser: Option<Arc<dyn Browser>>,
    pub(crate) runtime: Handle,
    pub(crate) store: Arc<dyn SecureStore>,
    /// Where the login in progress is stored.
    pub(crate) entry: EntryName,
    pub(crate) present: tokio::sync::Mutex<Option<Transaction>>,
}

impl Logins {
    /// Signs the user in with the system browser.
    ///
    /// # Errors
    /// As documented at `Session::login`.
    pub(crate) async fn login(self: &Arc<Self>, login: Login) -> Result<User> {
        let browser = self.browser.clone().ok_or(Error::Misconfigured {
            field: "browser",
            fix: "give the session a browser, or use `start_login` and `resume`",
        })?;
        let mut visit = browser.begin(&self.config.redirect_uri).await?;
        let (started, mut over) = self.start(login, visit.redirect_uri()).await?;
        visit.expect_state(&started.state);
        let mut release = Release::of(self, &started.state);
        let callback = tokio::select! {
            callback = visit.navigate(started.url) => callback?,
            _ = over.changed() => return Err(Error::Cancelled),
        };
        // From here on the callback decides, and an exchange is not given up.
        release.forget();
        self.finish(&callback).await
    }

    /// Reads the record, if that can be done. One that cannot be read keeps nobody out forever: the session that a login
    /// begins takes its place.
    ///
    /// # Errors
    /// [`Error::Storage`] when the store is locked, or a newer version wrote the record.
    pub(crate) async fn open(&self) -> Result<()> {
        match self.account.open().await {
            Ok(_) => Ok(()),
            Err(error @ Error::Storage { problem: StorageProblem::Failed(_) }) if error != NEWER => {
                tracing::debug!(%error, "a login begins over a record that cannot be read");
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// The key that the tokens of a login are bound to, where the app asks for one.
    ///
    /// # Errors
    /// As for [`Wire::login_key`].
    pub(crate) async fn key(&self, metadata: &ProviderMetadata) -> Result<Option<Thumbprint>> {
        if !self.config.dpop {
            return Ok(None);
        }
        let present = self.account.latest(&GrantKey::default());
        let is_in_use = present.is_some_and(|present| present.bound_to().is_some());
        self.wire.login_key(metadata, is_in_use).await.map(Some)
    }

    /// Writes the login down and returns the page to open, and what tells when another login or a cancellation has
    /// ended it.
    pub(crate) async fn start(
        self: &Arc<Self>,
        login: Login,
        redirect_uri: RedirectUri,
    ) -> Result<(StartedLogin, watch::Receiver<()>)> {
        self.open().await?;
        let metadata = self.provider.metadata().await?;
        let entropy = LoginEntropy {
            state: self.wire.entropy()?,
            nonce: self.wire.entropy()?,
            code_verifier: self.wire.entropy()?,
        };
        let dpop_jkt = self.key(&metadata).await?;
        let parameters = AuthorizationParameters { dpop_jkt, ..login.over(&self.config) };
        let (url, pending) = authorize::start(
            &self.config.client,
            &metadata,
            &parameters,
            redirect_uri,
            entropy,
            self.wire.device_now(),
            self.config.login_lifetime,
        )?;
        let url = if pushed::is_wanted(&self.config, &metadata) {
            pushed::pushed(&self.config, &self.wire, &metadata, &url).await?
        } else {
            url
        };

        let state = pending.state().expose().to_owned();
        let stored = serde_json::to_string(&StoredLogin { version: VERSION, pending })
            .map_err(|_| Error::Internal { reference: "pending_login_not_json" })?;
        let (transaction, over) = Transaction::new(state.clone());
        let mut present = self.present.lock().await;
        self.store.save(&self.entry, &StoredValue::new(stored)).await?;
        // The latest intent wins: an older login whose code is being exchanged installs nothing any more.
        self.account.new_intent();
        *present = Some(transaction);
        drop(present);

        // While the user types, so that one request remains to be made after the callback.
        let provider = Arc::clone(&self.provider);
        self.runtime.spawn(async move {
            if let Err(error) = provider.keys(&metadata).await {
                tracing::debug!(%error, "the provider's keys were not fetched ahead");
            }
        });
        Ok((StartedLogin { url, state }, over))
    }

    /// Ends the login that waits for its callback, if there is one.
    pub(crate) async fn cancel(&self) -> Result<()> {
        let mut present = self.present.lock().await;
        self.store.delete(&self.entry).await?;
        *present = None;
        Ok(())
    }

    /// Ends every login of this process for a logout: also one whose code is being exchanged installs nothing any more. With
    /// the login locked, so that a callback is either taken before this intent or not at all.
    pub(crate) async fn withdraw(&self) -> Result<()> {
        let mut present = self.present.lock().await;
        // Before the store answers, which may take its time: an exchange is not to install its session meanwhile.
        self.account.new_intent();
        self.store.delete(&self.entry).await?;
        *present = None;
        Ok(())
    }

    /// Takes the callback of a login that this process or an earlier one started, and finishes it on a task of the
    /// engine's own, so that no caller who leaves can interrupt the exchange (rule 2).
    pub(crate) async fn finish(self: &Arc<Self>, callback: &str) -> Result<User> {
        let logins = Arc::clone(self);
        let callback = callback.to_owned();
        let came_back = self.wire.now();
        let exchange = self.runtime.spawn(async move {
            let callback = Callback::parse(&callback)?;
            let metadata = logins.metadata_for(&callback).await?;
            let (code, pending, intent) = logins.take(callback, &metadata).await?;
            // Before the server made the tokens, so that a lifetime counted from here is over in time.
            let sent = logins.wire.now();
            let tokens = match logins.exchange_code(&code, &pending, &metadata).await {
                Ok(tokens) => tokens,
                Err(NotExchanged::Unsent(error)) => {
                    logins.keep(pending, intent).await;
                    return Err(error);
                }
                Err(NotExchanged::Over(error)) => return Err(error),
            };
            logins.install(tokens, sent, Terms::of_browser(&pending), &metadata, came_back, intent).await
        });
        exchange.await.unwrap_or(Err(Error::Internal { reference: "login_task_ended" }))
    }

    /// The metadata to judge the callback with. Nothing is fetched for one that does not belong to the login: anybody can
    /// open a link.
    async fn metadata_for(&self, callback: &Callback) -> Result<Arc<ProviderMetadata>> {
        if let Some(metadata) = self.provider.metadata_at_hand() {
            return Ok(metadata);
        }
        if let Err(error) = callback.belongs_to(&self.pending().await?, self.wire.device_now()) {
            if !is_of_another(&error) {
                self.cancel().await?;
            }
            return Err(error.into());
        }
        self.provider.metadata().await
    }

    /// The login that waits for its callback.
    async fn pending(&self) -> Result<PendingLogin> {
        let stored = self.store.load(&self.entry).await?;
        stored
            .and_then(|value| serde_json::from_str::<StoredLogin>(value.expose()).ok())
            .filter(|stored| stored.version == VERSION)
            .map(|stored| stored.pending)
            .ok_or(Error::Untrusted { check: "callback_without_login" })
    }

    /// Matches the callback with the stored login and, if it is the one, uses the stored login up (rules 12 and 13).
    async fn take(
        &self,
        callback: Callback,
        metadata: &ProviderMetadata,
    ) -> Result<(AuthorizationCode, PendingLogin, Intent)> {
        let mut present = self.present.lock().await;
        let pending = self.pending().await?;
        if let Err(error) = callback.belongs_to(&pending, self.wire.device_now())
            && is_of_another(&error)
        {
            return Err(error.into());
        }
        self.store.delete(&self.entry).await?;
        *present = None;
        let intent = self.account.latest_intent();
        let code = callback.finish(&pending, metadata, self.wire.device_now())?;
        Ok((code, pending, intent))
    }

    /// Puts the login back whose code nobody has seen, so that the same callback finishes it when there is a network again,
    /// unless the user wanted something else meanwhile.
    async fn keep(&self, pending: PendingLogin, intent: Intent) {
        let Ok(stored) = serde_json::to_string(&StoredLogin { version: VERSION, pending }) else { return };
        // With the login locked: a newer one is not overwritten.
        let _present = self.present.lock().await;
        if self.account.latest_intent() == intent
            && let Err(error) = self.store.save(&self.entry, &StoredValue::new(stored)).await
        {
            tracing::debug!(%error, "a login whose code was not sent has to be begun again");
        }
    }

    /// Exchanges the code. Without an answer it is sent once more. RFC 6749 §4.1.2 lets a server revoke what a code's
    /// first use gave when it comes again, and what it gave is lost already; while a request that never arrived is the
    /// commoner case, and costs the user nothing then.
    async fn exchange_code(
        &self,
        code: &AuthorizationCode,
        pending: &PendingLogin,
        metadata: &ProviderMetadata,
    ) -> Result<TokenResponse, NotExchanged> {
        let bound_to = pending.dpop_jkt();
        let send = async |metadata: &ProviderMetadata| {
            let request = token::code_request(&self.config.client, metadata, code, pending);
            self.wire.send_bound(bound_to, None, LONGEST_REQUEST, request).await
        };
        let first = send(metadata).await;
        let was_lost = matches!(first, Err(Undelivered::Transport(TransportError::NoAnswer)));
        let sent = match first {
            Err(Undelivered::Transport(TransportError::NoAnswer | TransportError::Unreachable)) => {
                tokio::time::sleep(Duration::from_millis(100 + 2 * u64::from(self.wire.jitter()))).await;
                send(metadata).await
            }
            first => first,
        };
        let mut response = sent.map_err(|error| NotExchanged::because(error, was_lost))?;
        // There is no token endpoint where the metadata says, so nobody has seen the code.
        if matches!(response.status, 404 | 410)
            && let Some(newer) = self.provider.moved(metadata).await
        {
            response = send(&newer).await.map_err(|error| NotExchanged::because(error, was_lost))?;
        }
        self.wire.observe_time(&response);
        let error = match token::parse(&response, TokenType::bound_to(bound_to)) {
            Ok(tokens) => return Ok(tokens),
            // The code was used by the request whose answer was lost. The server refuses nothing; another login will do.
            Err(error) if was_lost && error.is_invalid_grant() => TransportError::NoAnswer.into(),
            Err(TokenError::NotSenderConstrained) => NOT_BOUND,
            Err(error) => self.wire.unusable(&response, error),
        };
        self.revoke_unused(metadata, token::salvage(&response).as_ref(), None).await;
        Err(NotExchanged::Over(error))
    }

    /// Validates the identity, saves the session and publishes it. A login that ends here without a session revokes what
    /// the server gave it.
    pub(crate) async fn install(
        &self,
        tokens: TokenResponse,
        received: Moment,
        terms: Terms<'_>,
        metadata: &ProviderMetadata,
        came_back: Moment,
        intent: Intent,
    ) -> Result<User> {
        let identity = match &tokens.id_token {
            Some(id_token) => self.identity.of_login(id_token, &tokens.access_token, terms, metadata).await,
            None => Err(Error::Untrusted { check: "id_token_missing" }),
        };
        let (identity, id_token) = match (identity, tokens.id_token) {
            (Ok(identity), Some(id_token)) => (identity, id_token),
            (Err(error), _) => {
                self.revoke_unused(metadata, tokens.refresh_token.as_ref(), None).await;
                return Err(error);
            }
            (Ok(_), None) => return Err(Error::Untrusted { check: "id_token_missing" }),
        };
        let user = User::of(&identity);
        let signed_in = SignedIn {
            identity,
            id_token,
            refresh: tokens.refresh_token.clone().map(|token| Refresh::new(token, 0, received)),
            grants: vec![Grant {
                key: GrantKey::default(),
                access_token: tokens.access_token,
                // The server leaves it out when it granted what was asked for (RFC 6749 §5.1).
                scope: tokens.scope.unwrap_or_else(|| terms.scope.clone()),
                received,
                lifetime: tokens.lifetime,
            }],
            dpop_jkt: terms.dpop_jkt,
            asked: Some(terms.asked()),
        };
        let lineage = self.wire.random_name()?;
        // Not while another process is renewing: its answer must not overwrite this login.
        let lease = self.lease.acquire().await;
        let mut guard = self.account.lock().await;
        let saved = guard.begin(lineage.clone(), came_back, signed_in, intent).await;
        let has_begun = guard.record().is_some_and(|record| record.lineage == lineage);
        drop((guard, lease));
        if has_begun {
            self.backoff.reset();
        } else {
            self.revoke_unused(metadata, tokens.refresh_token.as_ref(), Some(&user)).await;
        }
        saved.map(|()| user)
    }

    /// Revokes what a login got that installs nothing. Not where somebody is signed in who may be the same `user`: with
    /// some servers a revocation ends all that a user has at a client.
    pub(crate) async fn revoke_unused(
        &self,
        metadata: &ProviderMetadata,
        token: Option<&RefreshToken>,
        user: Option<&User>,
    ) {
        let Some(token) = token else { return };
        let may_be_the_same = match user {
            Some(user) => self.account.is_signed_in_as(user.sub()),
            None => self.account.user().is_some(),
        };
        if !may_be_the_same && let Err(error) = self.provider.revoke(metadata, token).await {
            tracing::debug!(%error, "a refresh token that nobody uses was not revoked");
        }
    }
}

/// Why a code gave no tokens.
enum NotExchanged {
    /// No server has seen it.
    Unsent(Error),
    /// It is used, or may be.
    Over(Error),
}

impl NotExchanged {
    /// From what became of the last request; the one before it `was_lost`, or none was.
    fn because(undelivered: Undelivered, was_lost: bool) -> Self {
        let is_unsent = match &undelivered {
            Undelivered::Transport(TransportError::Unreachable | TransportError::Tls) | Undelivered::KeyUnusable(_) => {
                true
            }
            // No later try has a key that is gone: a new login makes another.
            Undelivered::Transport(
                TransportError::NoAnswer | TransportError::TooLarge { .. } | TransportError::InvalidRequest,
            )
            | Undelivered::KeyGone(_)
            | Undelivered::TooLate => false,
        };
        if is_unsent && !was_lost { Self::Unsent(undelivered.into()) } else { Self::Over(undelivered.into()) }
    }
}

/// Whether a callback is no answer to the login that waits: somebody else's, an old one, or an attack. The login goes on
/// waiting.
fn is_of_another(error: &CallbackError) -> bool {
    matches!(error, CallbackError::RedirectMismatch | CallbackError::StateMissing | CallbackError::StateMismatch)
}

/// Releases a login whose caller went away, or whose browser failed, before its callback came.
pub(crate) struct Release {
    logins: Option<Arc<Logins>>,
    state: String,
}

impl Release {
    pub(crate) fn of(logins: &Arc<Logins>, state: &str) -> Self {
        Self { logins: Some(Arc::clone(logins)), state: state.to_owned() }
    }

    /// The login goes on, whoever waits for it.
    pub(crate) fn forget(&mut self) {
        self.logins = None;
    }
}

impl Drop for Release {
    fn drop(&mut self) {
        let Some(logins) = self.logins.take() else { return };
        let state = std::mem::take(&mut self.state);
        let runtime = logins.runtime.clone();
        runtime.spawn(async move {
            let mut present = logins.present.lock().await;
            if present.as_ref().is_some_and(|transaction| transaction.is(&state)) {
                *present = None;
                if let Err(error) = logins.store.delete(&logins.entry).await {
                    tracing::debug!(%error, "a login that was given up stays stored until it expires");
                }
            }
        });
    }
}
