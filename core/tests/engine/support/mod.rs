//! What the tests of the engine stand on: a device (clock, store, session) and a server.

pub(crate) mod clock;
pub(crate) mod keys;
pub(crate) mod proofs;
pub(crate) mod server;
pub(crate) mod signer;
pub(crate) mod store;
pub(crate) mod witness;

use std::future::Future;
use std::time::Duration;

use hallpass_core::{
    Config, Credentials, CredentialsRequest, Error, Login, LoginReason, MinTtl, OfflineCause, Session, State, User,
};

use tokio::task::JoinHandle;

use clock::TestClock;
use server::{API, CLIENT_ID, ISSUER, REDIRECT_URI, Server};
use signer::TestSigner;
use store::TestStore;
use witness::Witness;

/// A device, its account and the server that it signs in to.
pub(crate) struct Device {
    pub(crate) clock: TestClock,
    pub(crate) server: Server,
    pub(crate) store: TestStore,
    /// Told by every session of this device.
    pub(crate) witness: Witness,
    /// Whether the app asks for tokens that are bound to a key, from when it starts next.
    pub(crate) dpop: bool,
    /// The key, where it is not the one in software that is the default.
    pub(crate) signer: Option<TestSigner>,
    session: Option<Session>,
}

impl Device {
    pub(crate) fn new() -> Self {
        let clock = TestClock::new();
        let server = Server::new(&clock);
        let store = TestStore::new();
        let witness = Witness::default();
        let mut device = Self { clock, server, store, witness, dpop: false, signer: None, session: None };
        device.open();
        device
    }

    /// A device whose user has signed in.
    pub(crate) async fn signed_in() -> Self {
        let device = Self::new();
        device.log_in("ada").await.unwrap();
        device.server.forget_requests();
        device.store.forget_counts();
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
        device.server.forget_requests();
        device.store.forget_counts();
        device
    }

    /// A device whose user has signed in at a server that does not rotate, which the device knows.
    pub(crate) async fn signed_in_without_rotation() -> Self {
        let device = Self::new();
        device.server.change(|server| server.rotation = false);
        device.log_in("ada").await.unwrap();
        device.session().renew().await.unwrap();
        device.server.forget_requests();
        device.store.forget_counts();
        device
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

    /// The process is killed, whatever it was doing, and another begins with what the store holds.
    pub(crate) fn restart(&mut self) {
        self.session = None;
        self.store.kill();
        self.store = self.store.other_process();
        self.open();
    }

    /// A second process on the same store and clock, such as an extension.
    pub(crate) fn extension(&self) -> Self {
        let store = self.store.other_process();
        let session = Some(self.build(store.clone()).unwrap());
        Self {
            clock: self.clock.clone(),
            server: self.server.clone(),
            store,
            witness: Witness::default(),
            dpop: self.dpop,
            signer: self.signer.clone(),
            session,
        }
    }

    pub(crate) fn build(&self, store: TestStore) -> hallpass_core::Result<Session> {
        let config = if self.dpop { config().dpop() } else { config() };
        let builder = Session::builder(config)
            .store(store)
            .transport(self.server.clone())
            .clock(self.clock.clone())
            .observer(self.witness.clone());
        match &self.signer {
            Some(signer) => builder.signer(signer.clone()).build(),
            None => builder.build(),
        }
    }

    pub(crate) async fn log_in(&self, user: &str) -> hallpass_core::Result<User> {
        let started = self.session().start_login(Login::default()).await?;
        let callback = self.server.sign_in(&started.url, user);
        self.session().resume(&callback).await
    }

    /// The access token that the app would send now.
    pub(crate) async fn access_token(&self) -> hallpass_core::Result<String> {
        self.session()
            .credentials(MinTtl::default())
            .await
            .map(|credentials| credentials.access_token().expose().to_owned())
    }

    /// A caller who asks for credentials, and has come as far as it can without time passing.
    pub(crate) async fn caller(&self) -> JoinHandle<hallpass_core::Result<Credentials>> {
        let session = self.session().clone();
        let caller = tokio::spawn(async move { session.credentials(MinTtl::default()).await });
        settle().await;
        caller
    }

    /// Waits for the session to be restored.
    pub(crate) async fn state(&self) -> State {
        self.session().restored().await.unwrap()
    }

    pub(crate) fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// The access token expires.
    pub(crate) fn expire(&self) {
        self.pass(3_601);
    }
}

pub(crate) fn config() -> Config {
    Config::new(ISSUER, CLIENT_ID, REDIRECT_URI).unwrap().api_origin(API).unwrap()
}

pub(crate) fn audience(name: &str) -> CredentialsRequest {
    CredentialsRequest::new().audience(name)
}

pub(crate) fn login_required(reason: LoginReason) -> Error {
    Error::LoginRequired { reason }
}

/// The cause of an `Offline` error.
pub(crate) fn offline_cause(error: &Error) -> Option<OfflineCause> {
    if let Error::Offline { cause, .. } = error { Some(*cause) } else { None }
}

pub(crate) fn signed_out_reason(state: &State) -> Option<LoginReason> {
    match state {
        State::SignedOut { reason } => Some(*reason),
        State::Restoring { .. } | State::SignedIn { .. } | State::LoginRequired { .. } => None,
    }
}

/// No test waits for ever.
pub(crate) async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), work).await.expect("it took longer than a minute")
}

/// Lets everything that can go on without time passing do so.
pub(crate) async fn settle() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}
