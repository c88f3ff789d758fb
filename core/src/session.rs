//! The session of one account: log in, get credentials, renew, call APIs, log out, watch.
//!
//! This file is the public face; each verb's work is in the file of its name under `session/`. Verbs may be called from
//! any thread and any executor: their work runs on the Tokio runtime that the session was built with, so that a caller
//! who goes away interrupts nothing that must not be interrupted.

mod account;
mod authorization;
mod builder;
mod call;
mod credentials;
mod device_login;
#[cfg(test)]
mod fakes;
mod hexadecimal;
mod history;
mod id_token;
mod identity;
mod login;
mod login_grant;
mod logout;
mod moment;
mod observer;
mod provider;
mod published;
mod pushed;
mod record;
mod registry;
mod renewal;
mod report;
mod state;
mod store_limit;
mod terms;
mod tombstone;
mod vault;
mod wire;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hallpass_protocol::http::{Headers, Method};
use hallpass_protocol::userinfo::UserInfo;
use url::Url;

pub use authorization::Authorization;
pub use builder::{SessionBuilder, accounts};
pub use call::{ApiRequest, ApiResponse};
pub use credentials::{Credentials, CredentialsRequest, MinTtl};
pub use id_token::IdToken;
pub use login::{Login, StartedLogin};
pub use login_grant::LoginGrant;
pub use logout::{LoggedOut, Logout};
pub use observer::{LatestCredentials, Observer};
pub use report::Report;
pub use state::{Event, Events, State, States, User};

use account::Account;
use call::Calls;
use id_token::IdTokens;
use login::Logins;
use logout::Logouts;
use record::{GrantKey, Record};
use registry::Registration;
use renewal::Renewals;
use report::Reports;
use tokio::runtime::Handle;

use crate::config::Config;
use crate::error::{Error, Result};
use crate::ports::CodeDisplay;

/// The session of one account. Cheap to clone; all clones are the same session.
///
/// It starts no thread, and sets no timer but for the minute after a renewal's answer was lost (ADR 8). Dropping the last
/// clone closes it, except for a renewal in flight, which is finished and stored first.
#[derive(Clone)]
pub struct Session {
    engine: Arc<Engine>,
    _registration: Arc<Registration>,
}

/// What the verbs are made of. Each is a file of its own, and uses those below it only.
struct Engine {
    config: Arc<Config>,
    account: Arc<Account>,
    renewals: Arc<Renewals>,
    logins: Arc<Logins>,
    logouts: Logouts,
    calls: Calls,
    id_tokens: IdTokens,
    reports: Reports,
    runtime: Handle,
}

impl Session {
    /// Begins a session with `config`. A store is needed; transport, clock and randomness have defaults.
    pub fn builder(config: Config) -> SessionBuilder {
        SessionBuilder::new(config)
    }

    /// Signs the user in: opens the authorization page in the system browser, exchanges the code of the redirect and
    /// stores the session.
    ///
    /// Dropping the future before the redirect cancels the login; afterwards the exchange goes on and is stored.
    ///
    /// # Errors
    /// [`Error::Cancelled`] when the user closes the browser, another login begins or `cancel_login` is called;
    /// [`Error::Denied`] when the server refuses, such as `access_denied`; [`Error::Offline`], [`Error::Untrusted`],
    /// [`Error::Storage`]; [`Error::Misconfigured`] without a browser, or for an extra parameter that the protocol
    /// defines. A failed login leaves a session that was there as it was; one that only could not be saved is kept, and
    /// saved by the next call that needs it.
    pub async fn login(&self, login: Login) -> Result<User> {
        let engine = Arc::clone(&self.engine);
        self.unless_dropped(async move { engine.logins.login(login).await }).await
    }

    /// Signs the user in without a browser on this device (RFC 8628): `display` shows a code, the user enters it in a browser
    /// elsewhere, and the server is asked until that has happened, as often as it allows. What `login` says of the page's
    /// behaviour (`prompt`, `invitation`, `connection`) has no meaning here and is not sent.
    ///
    /// Dropping the future, `cancel_login`, a logout or another login withdraws it: tokens that come all the same are revoked.
    /// A login that waits in the browser is withdrawn when this begins.
    ///
    /// # Errors
    /// [`Error::Cancelled`] when the code is over before it was entered, or the login was withdrawn; [`Error::Denied`] with
    /// `access_denied` when the user said no; [`Error::Misconfigured`] naming `issuer` when the provider has no such endpoint;
    /// [`Error::Offline`] when there is no code to show, or the answer with the tokens was lost and the server gives no other;
    /// else as for [`Session::login`]. A server that does not answer while it is asked is asked again, ever more rarely.
    pub async fn device_login(&self, login: Login, display: impl CodeDisplay) -> Result<User> {
        let engine = Arc::clone(&self.engine);
        self.unless_dropped(async move { engine.logins.device_login(login, &display).await }).await
    }

    /// Begins a login whose page the app opens itself, and stores it, so that it survives the end of the process. A
    /// login that was in progress is cancelled.
    ///
    /// # Errors
    /// As for [`Session::login`].
    pub async fn start_login(&self, login: Login) -> Result<StartedLogin> {
        let engine = Arc::clone(&self.engine);
        let redirect_uri = engine.config.redirect_uri.clone();
        self.to_the_end(async move { Ok(engine.logins.start(login, redirect_uri).await?.0) }).await
    }

    /// Finishes a login with the URL that the browser came back with: of [`Session::start_login`], or of a
    /// [`Session::login`] during which the process died.
    ///
    /// A URL that does not belong to the login in progress changes nothing, whoever sent it.
    ///
    /// # Errors
    /// [`Error::Untrusted`] when the URL is not the callback that is waited for; else as for [`Session::login`].
    pub async fn resume(&self, callback: &str) -> Result<User> {
        self.engine.logins.finish(callback).await
    }

    /// Cancels the login in progress, if there is one. An exchange that has begun is not interrupted.
    ///
    /// # Errors
    /// [`Error::Storage`] when the stored login could not be deleted; it expires by itself.
    pub async fn cancel_login(&self) -> Result<()> {
        let engine = Arc::clone(&self.engine);
        self.to_the_end(async move { engine.logins.cancel().await }).await
    }

    /// Returns a valid access token, renewing it when it does not last as long as asked for. This is the only way to
    /// get one, and cheap enough to be asked before every request: a hit takes no lock and reads no store.
    ///
    /// A token of the type `DPoP` is of no use alone: it needs a proof for each request, which [`Session::call`] makes, and
    /// [`Session::authorize`] for an app with an HTTP client of its own.
    ///
    /// # Errors
    /// [`Error::LoginRequired`] when nobody is signed in or the session cannot be renewed; [`Error::Offline`] when the
    /// token has expired and the server cannot be asked; [`Error::Denied`], [`Error::Untrusted`], [`Error::Storage`].
    #[inline]
    pub fn credentials(
        &self,
        request: impl Into<CredentialsRequest>,
    ) -> impl Future<Output = Result<Credentials>> + Send {
        Asked { engine: &self.engine, request: request.into(), miss: None }
    }

    /// Renews the access token of the login now, valid or not, and returns the new one. Callers at the same time share
    /// one renewal.
    ///
    /// # Errors
    /// As for [`Session::credentials`]; [`Error::LoginRequired`] without a refresh token, and then nothing is sent.
    pub async fn renew(&self) -> Result<Credentials> {
        self.engine.renewals.renew_now(GrantKey::default()).await
    }

    /// Renews the access token that `request` names now, such as the one for another audience. What it says of a minimum
    /// lifetime has no meaning here.
    ///
    /// # Errors
    /// As for [`Session::renew`].
    pub async fn renew_for(&self, request: CredentialsRequest) -> Result<Credentials> {
        self.engine.renewals.renew_now(request.key).await
    }

    /// Returns the ID token, for a service that takes it as proof of who the user is (Firebase, Supabase, Amazon Cognito). One
    /// that does not last as long as asked for is renewed, where the provider sends an ID token with a renewal. It is no
    /// access token: no API of the app's own is to be called with it.
    ///
    /// # Errors
    /// [`Error::LoginRequired`] when nobody is signed in; [`Error::Misconfigured`] naming `id_token` when the last one has
    /// expired and the provider sends none with a renewal; else as for [`Session::credentials`].
    pub async fn id_token(&self, min_ttl: impl Into<MinTtl>) -> Result<IdToken> {
        let engine = Arc::clone(&self.engine);
        let min_ttl = min_ttl.into();
        self.unless_dropped(async move { engine.id_tokens.lasting(min_ttl).await }).await
    }

    /// Sends a request to an API with the access token; when the API answers 401, renews once and repeats it once.
    ///
    /// # Errors
    /// [`Error::Misconfigured`] when the URL's origin was not allowed by [`Config::api_origin`], or the request brings its
    /// own `Authorization`, `DPoP` or `Host`; [`Error::Offline`] when the API gives no answer; else as for
    /// [`Session::credentials`]. Any answer of the API is an `Ok`, also its 401 where no other token is to be had.
    pub async fn call(&self, request: ApiRequest) -> Result<ApiResponse> {
        let engine = Arc::clone(&self.engine);
        self.unless_dropped(async move { engine.calls.call(request).await }).await
    }

    /// Authorizes one request of the app's own HTTP client: returns the header fields to send with it. Hand the answer to
    /// [`Session::after`], which says whether the request is to be sent once more.
    ///
    /// ```no_run
    /// # use hallpass_core::protocol::http::{Headers, Method};
    /// # use hallpass_core::{CredentialsRequest, Result, Session};
    /// # async fn send(_: &Headers) -> (u16, Headers) { (200, Headers::new()) }
    /// # async fn example(session: Session) -> Result<u16> {
    /// let url = "https://api.example.com/reports";
    /// let mut authorization = session.authorize(Method::Get, url, CredentialsRequest::new()).await?;
    /// loop {
    ///     let (status, headers) = send(authorization.headers()).await;
    ///     match session.after(&authorization, status, &headers).await? {
    ///         Some(again) => authorization = again,
    ///         None => return Ok(status),
    ///     }
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Misconfigured`] when the URL's origin was not allowed by [`Config::api_origin`]; [`Error::Storage`] when the
    /// key cannot be used now; else as for [`Session::credentials`].
    pub async fn authorize(
        &self,
        method: Method,
        url: &str,
        credentials: impl Into<CredentialsRequest>,
    ) -> Result<Authorization> {
        let engine = Arc::clone(&self.engine);
        let (url, wanted) = (url.to_owned(), credentials.into());
        self.unless_dropped(async move {
            let authorizations = &engine.calls.authorizations;
            let url = authorizations.allowed(&url)?;
            authorizations.authorize(method, url, wanted).await
        })
        .await
    }

    /// Says what follows from an API's answer to an authorized request: `Some` when the request is to be sent again with
    /// other header fields, `None` when the answer is for the app. One request is sent again at most once with a new access
    /// token in place of a refused one, and at most once a token for the API's nonce (RFC 9449 §9).
    ///
    /// Call it for every answer, whatever its status: a nonce may come with any.
    ///
    /// # Errors
    /// [`Error::StepUpRequired`] when the API wants the user to authenticate again (RFC 9470); else as for
    /// [`Session::credentials`], where a new access token is needed and cannot be had.
    pub async fn after(
        &self,
        authorization: &Authorization,
        status: u16,
        headers: &Headers,
    ) -> Result<Option<Authorization>> {
        let engine = Arc::clone(&self.engine);
        let (authorization, headers) = (authorization.clone(), headers.clone());
        self.unless_dropped(async move { engine.calls.authorizations.after(&authorization, status, &headers).await })
            .await
    }

    /// Asks the provider for the user's claims (OpenID Connect Core §5.3), which must be about the signed-in user.
    ///
    /// # Errors
    /// [`Error::Untrusted`] when they are about somebody else; else as for [`Session::call`].
    pub async fn userinfo(&self) -> Result<UserInfo> {
        let engine = Arc::clone(&self.engine);
        self.unless_dropped(async move { engine.calls.userinfo().await }).await
    }

    /// Logs the user out: erases the session here, then revokes the refresh token at the server and, if asked for, ends
    /// the server's session in the browser. When this returns, no credentials are given out any more.
    ///
    /// # Errors
    /// [`Error::Storage`] when the session could not be erased; then nothing has changed. What the server makes of it
    /// is in [`LoggedOut`], not an error.
    pub async fn logout(&self, logout: Logout) -> Result<LoggedOut> {
        let engine = Arc::clone(&self.engine);
        self.to_the_end(async move { engine.logouts.log_out(logout).await }).await
    }

    /// Revokes the refresh token at the server (RFC 7009) and, once that is confirmed, erases the session.
    ///
    /// # Errors
    /// Those of the request; then nothing was erased, and [`Session::logout`] does so without asking the server.
    pub async fn revoke(&self) -> Result<()> {
        let engine = Arc::clone(&self.engine);
        self.to_the_end(async move { engine.logouts.revoke().await }).await
    }

    /// The page that ends the server's session, for apps that open it themselves. It returns to `post_logout_redirect_uri`,
    /// or to the configured one ([`Config::post_logout_redirect_uri`]) when that is `None`; it has to be registered with the
    /// server. Where the URL has a `state`, the return brings it back, unless the server leaves it out.
    ///
    /// # Errors
    /// [`Error::Misconfigured`] when the provider has no such page; [`Error::Offline`] when its metadata is not known.
    pub async fn logout_url(&self, post_logout_redirect_uri: Option<&str>) -> Result<Url> {
        let engine = Arc::clone(&self.engine);
        let redirect_uri = post_logout_redirect_uri.map(str::to_owned);
        self.to_the_end(async move { engine.logouts.url(redirect_uri.as_deref()).await }).await
    }

    /// The signed-in user, by the latest ID token; known offline too. `None` when nobody is, or it is not known yet.
    pub fn user(&self) -> Option<User> {
        self.engine.account.user()
    }

    /// What the login of the signed-in user asked for, and whether there is a refresh token; `None` when no one is signed in.
    /// Sends nothing. For an app that has to see whether its settings ask for something else by now.
    ///
    /// # Errors
    /// [`Error::Storage`] when the record cannot be read now.
    pub async fn grant(&self) -> Result<Option<LoginGrant>> {
        let engine = Arc::clone(&self.engine);
        self.to_the_end(async move {
            let guard = engine.account.open().await?;
            Ok(guard.record().and_then(Record::signed_in).map(LoginGrant::of))
        })
        .await
    }

    /// The present state.
    pub fn state(&self) -> State {
        self.engine.account.state()
    }

    /// Waits until the record has been read from the store, and returns the state.
    ///
    /// # Errors
    /// [`Error::Storage`] when it cannot be read now.
    pub async fn restored(&self) -> Result<State> {
        let engine = Arc::clone(&self.engine);
        self.to_the_end(async move {
            drop(engine.account.open().await?);
            Ok(engine.account.state())
        })
        .await
    }

    /// Reads the record again, and finishes a renewal that the last process left behind: for an app that learns that the
    /// device was unlocked, or that comes to the foreground. The next verb does the same by itself; this is for one that
    /// only watches the state. Returns the state.
    ///
    /// # Errors
    /// [`Error::Storage`] when it cannot be read now; what was known stays.
    pub async fn reload(&self) -> Result<State> {
        let engine = Arc::clone(&self.engine);
        self.to_the_end(async move {
            drop(engine.account.synchronized().await?);
            engine.renewals.restore().await?;
            Ok(engine.account.state())
        })
        .await
    }

    /// What is known of the session, in one log-safe value: for a log when something surprises, and for a support case. Sends
    /// nothing and reads no store.
    pub async fn report(&self) -> Report {
        let engine = Arc::clone(&self.engine);
        self.engine.runtime.spawn(async move { engine.reports.report().await }).await.unwrap_or_default()
    }

    /// The states from now on, beginning with the present one.
    pub fn states(&self) -> States {
        States::new(self.engine.account.watch_states())
    }

    /// The events from now on.
    pub fn events(&self) -> Events {
        Events::new(self.engine.account.watch_events())
    }

    /// Runs `work` on the engine's runtime to its end, whether or not the caller waits for it.
    async fn to_the_end<T: Send + 'static>(&self, work: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
        self.engine.runtime.spawn(work).await.unwrap_or(Err(TASK_ENDED))
    }

    /// Runs `work` on the engine's runtime for as long as the caller waits for it.
    async fn unless_dropped<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        struct AbortOnDrop<T>(tokio::task::JoinHandle<T>);
        impl<T> Drop for AbortOnDrop<T> {
            fn drop(&mut self) {
                self.0.abort();
            }
        }
        let mut task = AbortOnDrop(self.engine.runtime.spawn(work));
        (&mut task.0).await.unwrap_or(Err(TASK_ENDED))
    }
}

/// The future of [`Session::credentials`], written out: a hit goes through no state machine.
struct Asked<'a> {
    engine: &'a Arc<Engine>,
    request: CredentialsRequest,
    /// Boxed, so that a hit does not make room for what only a miss needs.
    miss: Option<Pin<Box<dyn Future<Output = Result<Credentials>> + Send + 'a>>>,
}

impl Future for Asked<'_> {
    type Output = Result<Credentials>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.miss.is_none()
            && let Some(credentials) = self.engine.account.valid(&self.request)
        {
            return Poll::Ready(Ok(credentials));
        }
        self.poll_miss(context)
    }
}

impl Asked<'_> {
    #[cold]
    fn poll_miss(&mut self, context: &mut Context<'_>) -> Poll<Result<Credentials>> {
        let Self { engine, request, miss } = self;
        miss.get_or_insert_with(|| Box::pin(engine.renewals.credentials(request.clone()))).as_mut().poll(context)
    }
}

const TASK_ENDED: Error = Error::Internal { reference: "session_task_ended" };

impl std::fmt::Debug for Session {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Session").field("state", &self.engine.account.state()).finish_non_exhaustive()
    }
}
