//! What the tests of the engine stand on: a device (clock, store, session) and a server.

pub(crate) mod browser;
pub(crate) mod clock;
pub(crate) mod keys;
pub(crate) mod process;
pub(crate) mod proofs;
pub(crate) mod server;
pub(crate) mod signer;
pub(crate) mod store;
pub(crate) mod witness;

use std::future::Future;
use std::time::Duration;

use hallpass_core::protocol::error::ErrorCode;
use hallpass_core::{
    ApiRequest, ApiResponse, Config, Credentials, CredentialsRequest, Error, LoggedOut, Login, LoginReason, Logout,
    MinTtl, OfflineCause, Session, State, User,
};
use tokio::task::JoinHandle;

use browser::TestBrowser;
use clock::TestClock;
use process::{Network, Process};
use server::{API, CLIENT_ID, ISSUER, REDIRECT_URI, Server};
use signer::TestSigner;
use store::TestStore;
use witness::Witness;

/// A device, its account and the server that it signs in to.
pub(crate) struct Device {
    pub(crate) clock: TestClock,
    pub(crate) server: Server,
    pub(crate) store: TestStore,
    pub(crate) browser: TestBrowser,
    /// Told by the session of the present process.
    pub(crate) witness: Witness,
    /// Whether the app asks for tokens that are bound to a key, from when it starts next.
    pub(crate) dpop: bool,
    /// Whether the app asks for its logins to be pushed, from when it starts next.
    pub(crate) par: bool,
    /// The key, where it is not the one in software that is the default.
    pub(crate) signer: Option<TestSigner>,
    pub(crate) process: Process,
    session: Option<Session>,
}

impl Device {
    pub(crate) fn new() -> Self {
        let clock = TestClock::new();
        let server = Server::new(&clock);
        let process = Process::new();
        let store = TestStore::new(&process);
        let witness = Witness::default();
        let browser = TestBrowser::new(&server);
        let mut device = Self {
            clock,
            server,
            store,
            browser,
            witness,
            dpop: false,
            par: false,
            signer: None,
            process,
            session: None,
        };
        device.open();
        device
    }

    /// A device whose user has signed in.
    pub(crate) async fn signed_in() -> Self {
        let device = Self::new();
        device.log_in("ada").await.unwrap();
        device.forget();
        device
    }

    /// A device whose user has signed in, with tokens bound to a key in software.
    pub(crate) async fn bound() -> Self {
        Self::bound_to(None).await
    }

    /// A device whose user has signed in, with tokens bound to the key of `signer`.
    pub(crate) async fn bound_to(signer: Option<TestSigner>) -> Self {
        let mut device = Self::new();
        (device.dpop, device.signer) = (true, signer);
        device.restart();
        device.log_in("ada").await.unwrap();
        device.forget();
        device
    }

    /// A device whose user has signed in at a server that does not rotate, which the device knows.
    pub(crate) async fn signed_in_without_rotation() -> Self {
        let device = Self::new();
        device.server.change(|server| server.rotation = false);
        device.log_in("ada").await.unwrap();
        device.renew().await.unwrap();
        device.forget();
        device
    }

    /// A device whose user has signed in at a server that gives no refresh token.
    pub(crate) async fn signed_in_without_refresh_token() -> Self {
        let device = Self::new();
        device.server.change(|server| server.offline_access = false);
        device.log_in("ada").await.unwrap();
        device.forget();
        device
    }

    /// What was asked for so far is not counted.
    pub(crate) fn forget(&self) {
        self.server.forget_requests();
        self.store.forget_counts();
    }

    pub(crate) fn session(&self) -> &Session {
        self.session.as_ref().expect("the app is running")
    }

    /// The app starts.
    pub(crate) fn open(&mut self) {
        self.session = Some(self.build(self.store.clone()).unwrap());
    }

    /// The app lets go of its session.
    pub(crate) fn close(&mut self) {
        self.session = None;
    }

    /// The process is killed, whatever it was doing.
    pub(crate) fn kill(&self) {
        self.process.kill();
    }

    /// The process is killed, and another begins with what the store holds.
    pub(crate) fn restart(&mut self) {
        self.kill();
        self.session = None;
        self.process = Process::new();
        self.store = self.store.other_process(&self.process);
        self.witness = Witness::default();
        self.open();
    }

    /// A second process on the same store and clock, such as an extension.
    pub(crate) fn extension(&self) -> Self {
        let process = Process::new();
        let store = self.store.other_process(&process);
        let mut extension = Self {
            clock: self.clock.clone(),
            server: self.server.clone(),
            store,
            browser: self.browser.clone(),
            witness: Witness::default(),
            dpop: self.dpop,
            par: self.par,
            signer: self.signer.clone(),
            process,
            session: None,
        };
        extension.open();
        extension
    }

    /// As `extension`, and it has read the record.
    pub(crate) async fn extension_that_knows(&self) -> Self {
        let extension = self.extension();
        within(extension.session().restored()).await.unwrap();
        extension
    }

    pub(crate) fn build(&self, store: TestStore) -> hallpass_core::Result<Session> {
        let config = if self.dpop { config().dpop() } else { config() };
        let config = if self.par { config.par() } else { config };
        let builder = Session::builder(config)
            .store(store)
            .transport(Network { process: self.process.clone(), server: self.server.clone() })
            .clock(self.clock.clone())
            .browser(self.browser.clone())
            .observer(self.witness.clone());
        match &self.signer {
            Some(signer) => builder.signer(signer.of_process(&self.process)).build(),
            None => builder.build(),
        }
    }

    pub(crate) async fn log_in(&self, user: &str) -> hallpass_core::Result<User> {
        self.log_in_with(Login::default(), user).await
    }

    pub(crate) async fn log_in_with(&self, login: Login, user: &str) -> hallpass_core::Result<User> {
        within(async {
            let started = self.session().start_login(login).await?;
            let callback = self.server.sign_in(&started.url, user);
            self.session().resume(&callback).await
        })
        .await
    }

    /// A login whose callback has come and whose exchange has gone as far as it can without time passing.
    pub(crate) async fn login_in_flight(&self, user: &str) -> JoinHandle<hallpass_core::Result<User>> {
        let started = within(self.session().start_login(Login::default())).await.unwrap();
        settle().await;
        let callback = self.server.sign_in(&started.url, user);
        let session = self.session().clone();
        in_flight(async move { session.resume(&callback).await }).await
    }

    /// The access token that the app would send now.
    pub(crate) async fn access_token(&self) -> hallpass_core::Result<String> {
        self.ask(MinTtl::default()).await.map(|credentials| credentials.access_token().expose().to_owned())
    }

    /// Asks for credentials.
    pub(crate) async fn ask(&self, request: impl Into<CredentialsRequest>) -> hallpass_core::Result<Credentials> {
        within(self.session().credentials(request)).await
    }

    pub(crate) async fn renew(&self) -> hallpass_core::Result<Credentials> {
        within(self.session().renew()).await
    }

    pub(crate) async fn logout(&self) -> hallpass_core::Result<LoggedOut> {
        within(self.session().logout(Logout::default())).await
    }

    /// Calls the API.
    pub(crate) async fn call(&self) -> hallpass_core::Result<ApiResponse> {
        within(self.session().call(ApiRequest::get(format!("{API}/expenses")))).await
    }

    /// A caller who asks for credentials, and has come as far as it can without time passing.
    pub(crate) async fn caller(&self) -> JoinHandle<hallpass_core::Result<Credentials>> {
        let session = self.session().clone();
        in_flight(async move { session.credentials(MinTtl::default()).await }).await
    }

    /// A renewal that has come as far as it can without time passing.
    pub(crate) async fn renewal_in_flight(&self) -> JoinHandle<hallpass_core::Result<Credentials>> {
        let session = self.session().clone();
        in_flight(async move { session.renew().await }).await
    }

    /// Waits for the session to be restored.
    pub(crate) async fn state(&self) -> State {
        within(self.session().restored()).await.unwrap()
    }

    /// Who is signed in by the present state.
    pub(crate) fn user(&self) -> Option<String> {
        self.session().user().map(|user| user.sub().to_owned())
    }

    /// The device sleeps for so long.
    pub(crate) fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// The access token expires.
    pub(crate) fn expire(&self) {
        self.pass(3_601);
    }
}

pub(crate) fn config() -> Config {
    let config = Config::new(ISSUER, CLIENT_ID, REDIRECT_URI).unwrap().api_origin(API).unwrap();
    config.post_logout_redirect_uri("com.example.app:/bye").unwrap()
}

pub(crate) fn audience(name: &str) -> CredentialsRequest {
    CredentialsRequest::new().audience(name)
}

/// The code of a `Denied` error.
pub(crate) fn denied(error: &Error) -> Option<ErrorCode> {
    if let Error::Denied { code, .. } = error { Some(*code) } else { None }
}

pub(crate) fn login_required(reason: LoginReason) -> Error {
    Error::LoginRequired { reason }
}

/// The cause of an `Offline` error.
pub(crate) fn offline_cause(error: &Error) -> Option<OfflineCause> {
    if let Error::Offline { cause, .. } = error { Some(*cause) } else { None }
}

pub(crate) fn signed_out_reason(state: &State) -> Option<LoginReason> {
    if let State::SignedOut { reason } = state { Some(*reason) } else { None }
}

/// Whatever happened before: a session that the server still honours is renewed, and an API takes the token.
///
/// More time passes than any server may ask to wait for, so this is the last thing that a test does.
pub(crate) async fn still_works(device: &Device) {
    device.pass(2 * 60 * 60);
    let renewed = device.renew().await.unwrap_or_else(|error| panic!("the session is lost: {error}"));
    assert!(renewed.renewed(), "it was renewed");
    assert!(device.server.takes(renewed.access_token().expose()), "and by the server");
    assert!(matches!(device.session().state(), State::SignedIn { .. }), "{:?}", device.session().state());
}

/// No test waits forever: ten minutes are over at once when nothing else can happen.
pub(crate) async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(600), work).await.expect("it took longer than ten minutes")
}

/// Starts `work` and lets it come as far as it can without time passing.
pub(crate) async fn in_flight<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    let work = tokio::spawn(work);
    settle().await;
    work
}

/// Lets everything that can go on without time passing do so.
pub(crate) async fn settle() {
    for _ in 0..500 {
        tokio::task::yield_now().await;
    }
}

/// Time passes, for the device and for those who wait.
pub(crate) async fn live(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}
