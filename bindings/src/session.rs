//! The session of one account, as a foreign object.

use std::sync::Arc;
use std::time::Duration;

use hallpass_core as core;

use crate::api::{self, ApiReply, ApiRequest, Authorization, Receipt};
use crate::clock::{Shifted, ShiftedClock};
use crate::config::Config;
use crate::credentials::{Credentials, CredentialsRequest, IdToken};
use crate::error::HallpassError;
use crate::login::{LoggedOut, LoginOptions, LogoutOptions, StartedLogin};
use crate::observer::{Observing, SessionObserver, State};
use crate::ports::browser::{Browser, ForeignBrowser};
use crate::ports::code_display::{CodeDisplay, ForeignDisplay};
use crate::ports::lease::{KeptLease, LeaseKeeper};
use crate::ports::signer::{ForeignSigner, KeySigner};
use crate::ports::transport::{ForeignTransport, HttpHeader, Transport};
use crate::runtime;
use crate::store::Store;
use crate::user::User;

/// What a session is made of.
#[derive(uniffi::Record)]
pub struct SessionOptions {
    /// The settings.
    pub config: Config,
    /// Which of several accounts on this device this is.
    pub account: Option<String>,
    /// Where the session is stored.
    pub store: Store,
    /// How requests are sent; by default with the core's own transport, where the library has it.
    pub transport: Option<Arc<dyn Transport>>,
    /// In which browser the user signs in; without one, `start_login` and `resume` serve.
    pub browser: Option<Arc<dyn Browser>>,
    /// The key that tokens are bound to; by default one in software, beside the session.
    pub signer: Option<Arc<dyn KeySigner>>,
    /// Who is told of each change.
    pub observer: Option<Arc<dyn SessionObserver>>,
    /// The folder in which processes that share the account take turns.
    pub lease_folder: Option<String>,
    /// Who keeps the process awake while it holds the lease of that folder.
    #[uniffi(default = None)]
    pub lease_keeper: Option<Arc<dyn LeaseKeeper>>,
    /// Clocks that a test moves.
    pub clock: Option<Arc<ShiftedClock>>,
}

/// One thing that a report says.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct ReportAttribute {
    /// Its name, in the manner of OpenTelemetry's.
    pub name: String,
    /// Its value as text.
    pub value: String,
}

/// The session of one account; each verb is documented at [`core::Session`].
#[derive(Debug, uniffi::Object)]
pub struct Session(core::Session);

#[uniffi::export]
impl Session {
    /// Opens the session and begins to restore it from the store.
    ///
    /// # Errors
    /// [`HallpassError::Misconfigured`] naming what is missing or wrong; [`HallpassError::Storage`].
    #[uniffi::constructor]
    pub fn open(options: SessionOptions) -> Result<Arc<Self>, HallpassError> {
        Ok(Arc::new(Self(opened(options)?)))
    }

    /// Signs the user in with the browser.
    ///
    /// # Errors
    /// As for [`core::Session::login`].
    pub async fn login(&self, options: LoginOptions) -> Result<User, HallpassError> {
        Ok((&self.0.login(options.try_into()?).await?).into())
    }

    /// Signs the user in without a browser on this device; `display` shows the code to enter elsewhere.
    ///
    /// # Errors
    /// As for [`core::Session::device_login`].
    pub async fn device_login(
        &self,
        options: LoginOptions,
        display: Arc<dyn CodeDisplay>,
    ) -> Result<User, HallpassError> {
        Ok((&self.0.device_login(options.try_into()?, ForeignDisplay(display)).await?).into())
    }

    /// Begins a login whose page the app opens itself.
    ///
    /// # Errors
    /// As for [`core::Session::start_login`].
    pub async fn start_login(&self, options: LoginOptions) -> Result<StartedLogin, HallpassError> {
        Ok(self.0.start_login(options.try_into()?).await?.into())
    }

    /// Finishes a login with the URL that the browser came back with.
    ///
    /// # Errors
    /// As for [`core::Session::resume`].
    pub async fn resume(&self, callback: String) -> Result<User, HallpassError> {
        Ok((&self.0.resume(&callback).await?).into())
    }

    /// Cancels the login in progress, if there is one.
    ///
    /// # Errors
    /// As for [`core::Session::cancel_login`].
    pub async fn cancel_login(&self) -> Result<(), HallpassError> {
        Ok(self.0.cancel_login().await?)
    }

    /// Returns a valid access token, renewing it when it does not last as long as asked for.
    ///
    /// # Errors
    /// As for [`core::Session::credentials`].
    pub async fn credentials(&self, request: CredentialsRequest) -> Result<Credentials, HallpassError> {
        let request = core::CredentialsRequest::try_from(request)?;
        Ok((&self.0.credentials(request).await?).into())
    }

    /// Renews an access token now.
    ///
    /// # Errors
    /// As for [`core::Session::renew_for`].
    pub async fn renew(&self, request: CredentialsRequest) -> Result<Credentials, HallpassError> {
        Ok((&self.0.renew_for(request.try_into()?).await?).into())
    }

    /// Returns the ID token, renewed where it does not last for `min_ttl_milliseconds`.
    ///
    /// # Errors
    /// As for [`core::Session::id_token`].
    pub async fn id_token(&self, min_ttl_milliseconds: u64) -> Result<IdToken, HallpassError> {
        Ok(self.0.id_token(Duration::from_millis(min_ttl_milliseconds)).await?.into())
    }

    /// Sends a request to an API with the access token.
    ///
    /// # Errors
    /// As for [`core::Session::call`].
    pub async fn call(&self, request: ApiRequest) -> Result<ApiReply, HallpassError> {
        Ok(self.0.call(request.try_into()?).await?.into())
    }

    /// Authorizes one request of the app's own HTTP client.
    ///
    /// # Errors
    /// As for [`core::Session::authorize`].
    pub async fn authorize(
        &self,
        method: String,
        url: String,
        request: CredentialsRequest,
    ) -> Result<Authorization, HallpassError> {
        let request = core::CredentialsRequest::try_from(request)?;
        Ok(self.0.authorize(api::method(&method)?, &url, request).await?.into())
    }

    /// Says whether the request is to be sent again, and with which header fields, by the answer to it.
    ///
    /// # Errors
    /// As for [`core::Session::after`].
    pub async fn after(
        &self,
        receipt: Arc<Receipt>,
        status: u16,
        headers: Vec<HttpHeader>,
    ) -> Result<Option<Authorization>, HallpassError> {
        let headers = headers.into_iter().map(|header| (header.name, header.value)).collect();
        Ok(self.0.after(receipt.authorization(), status, &headers).await?.map(Authorization::from))
    }

    /// Asks the provider for the user's claims.
    ///
    /// # Errors
    /// As for [`core::Session::userinfo`].
    pub async fn userinfo(&self) -> Result<User, HallpassError> {
        Ok((&self.0.userinfo().await?).into())
    }

    /// Logs the user out.
    ///
    /// # Errors
    /// As for [`core::Session::logout`].
    pub async fn logout(&self, options: LogoutOptions) -> Result<LoggedOut, HallpassError> {
        Ok(self.0.logout(options.into()).await?.into())
    }

    /// Revokes the refresh token at the server and then erases the session.
    ///
    /// # Errors
    /// As for [`core::Session::revoke`].
    pub async fn revoke(&self) -> Result<(), HallpassError> {
        Ok(self.0.revoke().await?)
    }

    /// The page that ends the server's session, for apps that open it themselves.
    ///
    /// # Errors
    /// As for [`core::Session::logout_url`].
    pub async fn logout_url(&self, post_logout_redirect_uri: Option<String>) -> Result<String, HallpassError> {
        Ok(self.0.logout_url(post_logout_redirect_uri.as_deref()).await?.into())
    }

    /// The signed-in user.
    #[must_use]
    pub fn user(&self) -> Option<User> {
        self.0.user().as_ref().map(User::from)
    }

    /// What is known of the session, in one log-safe value.
    pub async fn report(&self) -> Vec<ReportAttribute> {
        let report = self.0.report().await;
        let named = |(name, value): (&str, &str)| ReportAttribute { name: name.to_owned(), value: value.to_owned() };
        report.attributes().map(named).collect()
    }

    /// The present state.
    #[must_use]
    pub fn state(&self) -> State {
        (&self.0.state()).into()
    }

    /// Waits until the record has been read from the store, and returns the state.
    ///
    /// # Errors
    /// As for [`core::Session::restored`].
    pub async fn restored(&self) -> Result<State, HallpassError> {
        Ok((&self.0.restored().await?).into())
    }

    /// Reads the record from the store once more, and returns the state.
    ///
    /// # Errors
    /// As for [`core::Session::reload`].
    pub async fn reload(&self) -> Result<State, HallpassError> {
        Ok((&self.0.reload().await?).into())
    }
}

/// The accounts that are stored for the issuer and client of `config` in `store`, signed in or not, in order.
///
/// # Errors
/// As for [`core::accounts`], and those of [`Session::open`].
#[uniffi::export]
pub async fn accounts(config: Config, store: Store) -> Result<Vec<String>, HallpassError> {
    let config = core::Config::try_from(config)?;
    let store = store.open()?;
    let listed = runtime::handle()?.spawn(async move { core::accounts(&config, &*store).await });
    Ok(listed.await.unwrap_or(Err(core::Error::Internal { reference: "accounts_task_ended" }))?)
}

fn opened(options: SessionOptions) -> core::Result<core::Session> {
    let runtime = runtime::handle()?;
    // Some adapters look for the runtime that they are made in.
    let _entered = runtime.enter();
    let mut builder =
        core::Session::builder(options.config.try_into()?).runtime(runtime.clone()).store(options.store.open()?);
    if let Some(account) = options.account {
        builder = builder.account(account);
    }
    builder = match options.transport {
        Some(transport) => builder.transport(ForeignTransport(transport)),
        None => runtime::with_own_transport(builder)?,
    };
    if let Some(browser) = options.browser {
        builder = builder.browser(ForeignBrowser(browser));
    }
    if let Some(signer) = options.signer {
        builder = builder.signer(ForeignSigner::new(signer)?);
    }
    if let Some(folder) = options.lease_folder {
        let files = core::adapters::FileLease::in_directory(folder);
        builder = match options.lease_keeper {
            Some(keeper) => builder.lease(KeptLease::new(files, keeper)),
            None => builder.lease(files),
        };
    }
    if let Some(observer) = options.observer {
        builder = builder.observer(Observing { observer, by_the_devices_clock: options.clock.is_none() });
    }
    if let Some(clock) = options.clock {
        builder = builder.clock(Shifted(clock));
    }
    builder.build()
}
