//! What crosses the border: the whole story through ports implemented outside the core, and nothing that should not.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use hallpass::{
    ApiRequest, Browser, BrowserFailure, BrowserProblem, CodeDisplay, Config, Credentials, CredentialsRequest,
    DisplayFailure, Event, HallpassError, HttpHeader, HttpRequest, HttpResponse, KeySigner, LoginOptions, LoginReason,
    LogoutOptions, ObserverFailure, Provider, SecureStore, Session, SessionObserver, SessionOptions, ShiftedClock,
    SignerFailure, State, StorageProblem, Store, StoreFailure, Transport, TransportFailure, UserCode,
};
use hallpass_core::adapters::{MemoryStore, SoftwareSigner};
use hallpass_core::ports::{EntryName, KeySigner as _, SignerError};
use hallpass_core::protocol::challenge::StepUp;
use hallpass_core::protocol::error::ServerError;
use hallpass_tenant::{Endpoint, Fault, FaultKind, Tenant, TenantOptions, browser};

const LIMIT: Duration = Duration::from_secs(30);
const REDIRECT_URI: &str = "com.example.hallpass://callback";
const LASTING_A_MINUTE: CredentialsRequest =
    CredentialsRequest { min_ttl_milliseconds: 60_000, audience: None, scope: None };

#[tokio::test]
async fn the_whole_story_runs_through_foreign_ports() {
    let tenant = tenant().await;
    let (store, observer) = (Arc::new(NotedStore::default()), Arc::new(Notes::default()));
    let session = opened(SessionOptions {
        store: Store::Custom { store: store.clone() },
        observer: Some(observer.clone()),
        browser: Some(Arc::new(ScriptedBrowser)),
        ..options(&tenant)
    });

    let renewal = session.renew(LASTING_A_MINUTE).await.unwrap_err();
    assert!(matches!(renewal, HallpassError::LoginRequired { reason: LoginReason::NotSignedIn, .. }), "{renewal:?}");

    let user = within(session.login(LoginOptions::default())).await.unwrap();
    assert_eq!(user.email.as_deref(), Some("ada@example.com"));
    assert_eq!(session.user().as_ref(), Some(&user));
    let first = within(session.credentials(LASTING_A_MINUTE)).await.unwrap();
    let second = within(session.renew(LASTING_A_MINUTE)).await.unwrap();
    assert!(second.renewed && first.access_token != second.access_token);
    let claims = within(session.userinfo()).await.unwrap();
    assert!(claims.email.as_deref() == Some("ada@example.com"), "{claims:?}");
    let reply = within(session.call(get(&tenant.api_url()))).await.unwrap();
    assert_eq!((reply.status, reply.renewals), (200, 0));
    let outcome = within(session.logout(LogoutOptions::default())).await.unwrap();
    assert!(outcome.erased && outcome.revoked && !outcome.session_ended);
    assert!(matches!(session.state(), State::SignedOut { reason: LoginReason::LoggedOut, .. }));

    let events = observer.events.lock().unwrap().clone();
    let logged_out = Event::SignedOut { reason: LoginReason::LoggedOut, code: "logged_out".to_owned() };
    assert_eq!(events, [Event::SignedIn, Event::Renewed, logged_out]);
    assert!(!store.entries.lock().unwrap().values().any(|value| value.contains("refresh_token\":\"")));
}

#[tokio::test]
async fn an_observer_is_told_before_the_verb_returns() {
    let tenant = tenant().await;
    let observer = Arc::new(Notes::default());
    let session = opened(SessionOptions {
        observer: Some(observer.clone()),
        browser: Some(Arc::new(ScriptedBrowser)),
        ..options(&tenant)
    });

    within(session.login(LoginOptions::default())).await.unwrap();
    let told = observer.latest.lock().unwrap().clone().expect("the observer was not told of the login's token");
    assert_eq!(told.0, session.credentials(LASTING_A_MINUTE).await.unwrap().access_token);
    assert!(told.1.is_some_and(|remaining| remaining > 3_000_000), "{:?} ms of an hour", told.1);
    assert!(matches!(&*observer.state.lock().unwrap(), Some(State::SignedIn { .. })));

    let renewed = within(session.renew(LASTING_A_MINUTE)).await.unwrap();
    assert_eq!(observer.latest.lock().unwrap().as_ref().unwrap().0, renewed.access_token);

    within(session.logout(LogoutOptions::default())).await.unwrap();
    assert!(observer.latest.lock().unwrap().is_none(), "the token is still there after the logout");
    assert!(matches!(&*observer.state.lock().unwrap(), Some(State::SignedOut { .. })));
}

#[tokio::test]
async fn a_test_that_moves_the_clock_gets_no_snapshot_and_a_renewal() {
    let tenant = tenant().await;
    let (observer, clock) = (Arc::new(Notes::default()), ShiftedClock::new());
    let session = opened(SessionOptions {
        observer: Some(observer.clone()),
        browser: Some(Arc::new(ScriptedBrowser)),
        clock: Some(clock.clone()),
        ..options(&tenant)
    });
    within(session.login(LoginOptions::default())).await.unwrap();
    assert!(!within(session.credentials(LASTING_A_MINUTE)).await.unwrap().renewed);
    assert!(observer.latest.lock().unwrap().is_none());

    clock.advance(3_600_000);

    assert!(within(session.credentials(LASTING_A_MINUTE)).await.unwrap().renewed);
}

#[tokio::test]
async fn what_a_store_throws_is_a_typed_error_and_never_a_sign_out() {
    let tenant = tenant().await;
    for (failure, problem, code) in [
        (StoreFailure::Locked, StorageProblem::Locked, "storage_locked"),
        (StoreFailure::Failed, StorageProblem::Failed, "storage_failed"),
    ] {
        let store = Arc::new(NotedStore::default());
        *store.failure.lock().unwrap() = Some(failure);
        let session = opened(SessionOptions { store: Store::Custom { store: store.clone() }, ..options(&tenant) });
        let error = within(session.credentials(LASTING_A_MINUTE)).await.unwrap_err();
        assert!(
            matches!(&error, HallpassError::Storage { problem: found, details, .. } if *found == problem && details.code == code && details.is_retryable),
            "{error:?}"
        );
        assert!(matches!(session.state(), State::Restoring { .. }), "{:?}", session.state());
        *store.failure.lock().unwrap() = None;
        assert!(matches!(within(session.restored()).await.unwrap(), State::SignedOut { .. }));
    }
}

#[tokio::test]
async fn a_foreign_signer_binds_the_tokens_and_proves_them() {
    let tenant = tenant().await;
    let session = bound(&tenant, &Arc::new(NotedSigner::new()));
    within(session.login(LoginOptions::default())).await.unwrap();
    assert_eq!(within(session.credentials(LASTING_A_MINUTE)).await.unwrap().token_type, "DPoP");
    assert_eq!(within(session.call(get(&tenant.api_url()))).await.unwrap().status, 200);
    let first = within(session.authorize("GET".to_owned(), tenant.api_url(), LASTING_A_MINUTE)).await.unwrap();
    assert_eq!(first.headers.iter().map(|header| header.name.as_str()).collect::<Vec<_>>(), ["Authorization", "DPoP"]);
    assert!(!format!("{first:?} {first}").contains(&first.headers[0].value));
    let nonce = vec![HttpHeader { name: "DPoP-Nonce".to_owned(), value: "nonce".to_owned() }];
    assert!(within(session.after(first.receipt.clone(), 200, nonce.clone())).await.unwrap().is_none());
    let again = within(session.after(first.receipt, 401, nonce)).await.unwrap().expect("with the nonce");
    assert_eq!(again.headers[0].value, first.headers[0].value);
    assert_ne!(again.headers[1].value, first.headers[1].value);
    let wrong = within(session.authorize("get".to_owned(), tenant.api_url(), LASTING_A_MINUTE)).await.unwrap_err();
    assert!(matches!(&wrong, HallpassError::Misconfigured { details, .. } if details.code == "method"), "{wrong:?}");
}

#[tokio::test]
async fn a_signer_is_asked_for_its_identity_once_and_one_that_does_not_tell_opens_no_session() {
    let tenant = tenant().await;
    let signer = Arc::new(NotedSigner::new());
    let session = bound(&tenant, &signer);
    within(session.login(LoginOptions::default())).await.unwrap();
    assert_eq!(signer.identities.load(Ordering::SeqCst), 1);

    let other = SessionOptions { account: Some("other".to_owned()), signer: Some(signer.clone()), ..options(&tenant) };
    let config = Config { dpop: true, ..options(&tenant).config };
    let error = Session::open(SessionOptions { config, ..other }).unwrap_err();
    assert!(matches!(&error, HallpassError::Misconfigured { details, .. } if details.code == "signer"), "{error:?}");

    let signer = Arc::new(NotedSigner::new());
    signer.fail(Some(SignerFailure::Locked));
    let error = Session::open(SessionOptions { signer: Some(signer), ..options(&tenant) }).unwrap_err();
    assert!(matches!(error, HallpassError::Storage { problem: StorageProblem::Locked, .. }), "{error:?}");
}

#[tokio::test]
async fn a_session_that_is_reloaded_tells_the_state_that_is_stored() {
    let tenant = tenant().await;
    let store = Arc::new(NotedStore::default());
    let session = opened(SessionOptions {
        store: Store::Custom { store: store.clone() },
        browser: Some(Arc::new(ScriptedBrowser)),
        ..options(&tenant)
    });
    within(session.login(LoginOptions::default())).await.unwrap();
    drop(session);

    *store.failure.lock().unwrap() = Some(StoreFailure::Locked);
    let session = opened(SessionOptions { store: Store::Custom { store: store.clone() }, ..options(&tenant) });
    let error = within(session.reload()).await.unwrap_err();
    assert!(matches!(error, HallpassError::Storage { problem: StorageProblem::Locked, .. }), "{error:?}");
    *store.failure.lock().unwrap() = None;
    assert!(matches!(within(session.reload()).await.unwrap(), State::SignedIn { .. }));
}

#[tokio::test]
async fn an_access_token_that_is_over_without_a_refresh_token_asks_for_a_login_and_keeps_the_user() {
    let tenant = tenant().await;
    tenant.set(|settings| settings.allow_offline_access = false);
    let (clock, observer) = (ShiftedClock::new(), Arc::new(Notes::default()));
    let session = opened(SessionOptions {
        browser: Some(Arc::new(ScriptedBrowser)),
        observer: Some(observer.clone()),
        clock: Some(clock.clone()),
        ..options(&tenant)
    });
    let user = within(session.login(LoginOptions::default())).await.unwrap();
    clock.advance(3_600_000);
    let error = within(session.credentials(LASTING_A_MINUTE)).await.unwrap_err();
    let reason = LoginReason::NoRefreshToken;
    assert!(matches!(&error, HallpassError::LoginRequired { reason: found, .. } if *found == reason), "{error:?}");
    let required = State::LoginRequired { user: user.clone(), reason, code: "no_refresh_token".to_owned() };
    assert_eq!(session.state(), required);
    assert_eq!(observer.state.lock().unwrap().as_ref(), Some(&required));
    assert_eq!(session.user(), Some(user));
    assert_eq!(*observer.events.lock().unwrap(), [Event::SignedIn], "no session has ended");
}

#[tokio::test]
async fn an_id_token_of_a_renewal_that_fails_a_check_is_told_as_an_event() {
    let tenant = tenant().await;
    let observer = Arc::new(Notes::default());
    let session = opened(SessionOptions {
        browser: Some(Arc::new(ScriptedBrowser)),
        observer: Some(observer.clone()),
        ..options(&tenant)
    });
    within(session.login(LoginOptions::default())).await.unwrap();
    let claims = serde_json::json!({ "iat": null });
    tenant.fault(Fault::once(Endpoint::Token, FaultKind::PatchedIdToken { claims }));
    within(session.renew(LASTING_A_MINUTE)).await.unwrap();
    let rejected = Event::IdTokenRejected { check: "id_token_iat".to_owned() };
    assert_eq!(*observer.events.lock().unwrap(), [Event::SignedIn, rejected, Event::Renewed]);
}

#[tokio::test]
async fn a_store_that_is_locked_at_the_start_is_told_by_the_state() {
    let tenant = tenant().await;
    let (store, observer) = (Arc::new(NotedStore::default()), Arc::new(Notes::default()));
    *store.failure.lock().unwrap() = Some(StoreFailure::Locked);
    let session = opened(SessionOptions {
        store: Store::Custom { store: store.clone() },
        observer: Some(observer.clone()),
        ..options(&tenant)
    });
    within(session.restored()).await.unwrap_err();
    let locked = State::Restoring { problem: Some(StorageProblem::Locked) };
    assert_eq!(session.state(), locked);
    assert_eq!(observer.state.lock().unwrap().as_ref(), Some(&locked));
    *store.failure.lock().unwrap() = None;
    assert!(matches!(within(session.reload()).await.unwrap(), State::SignedOut { .. }));
}

#[tokio::test]
async fn what_a_signer_throws_is_an_error_of_the_store_until_its_key_is_gone() {
    let tenant = tenant().await;
    let signer = Arc::new(NotedSigner::new());
    let session = bound(&tenant, &signer);
    within(session.login(LoginOptions::default())).await.unwrap();
    for (failure, code) in [(SignerFailure::Locked, "storage_locked"), (SignerFailure::Failed, "storage_failed")] {
        signer.fail(Some(failure));
        let error = within(session.renew(LASTING_A_MINUTE)).await.unwrap_err();
        assert!(matches!(&error, HallpassError::Storage { details, .. } if details.code == code), "{error:?}");
        assert!(matches!(session.state(), State::SignedIn { .. }));
    }
    signer.fail(None);
    within(session.renew(LASTING_A_MINUTE)).await.unwrap();
    signer.fail(Some(SignerFailure::Invalidated));
    let error = within(session.renew(LASTING_A_MINUTE)).await.unwrap_err();
    let gone = LoginReason::StorageInvalidated;
    assert!(matches!(&error, HallpassError::LoginRequired { reason, .. } if *reason == gone), "{error:?}");
}

#[tokio::test]
async fn bytes_that_are_no_key_or_no_signature_are_an_error_of_the_store() {
    let tenant = tenant().await;
    for cut in [Cut::Key, Cut::Signature] {
        let session = bound(&tenant, &Arc::new(NotedSigner { cut, ..NotedSigner::new() }));
        let error = within(session.login(LoginOptions::default())).await.unwrap_err();
        assert!(
            matches!(&error, HallpassError::Storage { details, .. } if details.code == "storage_failed"),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn what_a_transport_throws_is_offline() {
    let tenant = tenant().await;
    let transport = Arc::new(DeadTransport);
    let session = opened(SessionOptions { transport: Some(transport), ..options(&tenant) });
    let started = within(session.start_login(LoginOptions::default())).await.unwrap();
    let callback = format!("{REDIRECT_URI}?code=code&state={}&iss={}", started.state, tenant.issuer());
    let error = within(session.resume(callback)).await.unwrap_err();
    assert!(matches!(&error, HallpassError::Offline { details, .. } if details.code == "unreachable"), "{error:?}");
}

/// Notes the code, and throws.
#[derive(Default)]
struct BrokenDisplay(Mutex<Option<UserCode>>);

impl CodeDisplay for BrokenDisplay {
    fn show(&self, code: UserCode) -> Result<(), DisplayFailure> {
        *self.0.lock().unwrap() = Some(code);
        Err(DisplayFailure::Failed)
    }
}

#[tokio::test]
async fn a_device_login_shows_its_code_outlives_a_display_that_throws_and_is_cancelled() {
    let tenant = tenant().await;
    let session = opened(options(&tenant));
    let display = Arc::new(BrokenDisplay::default());
    let (waiting, shown) = (Arc::clone(&session), Arc::clone(&display));
    let login = tokio::spawn(async move { waiting.device_login(LoginOptions::default(), shown).await });
    within(async {
        while display.0.lock().unwrap().is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    let code = display.0.lock().unwrap().clone().unwrap();
    assert_eq!((code.code.len(), code.lifetime_seconds), (9, 900));
    assert!(code.verification_uri_complete.unwrap().starts_with(&code.verification_uri));
    assert!(!login.is_finished());
    within(session.cancel_login()).await.unwrap();
    let cancelled = within(login).await.unwrap().unwrap_err();
    assert!(matches!(cancelled, HallpassError::Cancelled { .. }), "{cancelled:?}");
}

#[tokio::test]
async fn a_browser_that_is_closed_cancels_and_one_that_fails_says_so() {
    let tenant = tenant().await;
    let with =
        |failure| opened(SessionOptions { browser: Some(Arc::new(UnwillingBrowser(failure))), ..options(&tenant) });
    let closed = within(with(BrowserFailure::Cancelled).login(LoginOptions::default())).await.unwrap_err();
    assert!(matches!(closed, HallpassError::Cancelled { .. }), "{closed:?}");
    for (problem, code) in [
        (BrowserProblem::NoBrowser, "no_browser: "),
        (BrowserProblem::NoneAllowed, "none_allowed: "),
        (BrowserProblem::NoneEphemeral, "none_ephemeral: "),
        (BrowserProblem::KeepsAppLinks, "keeps_app_links: "),
        (BrowserProblem::NotShown, "not_shown: "),
        (BrowserProblem::NotDeclared, "not_declared: "),
        (BrowserProblem::AnotherUrl, "another_url: "),
        (BrowserProblem::Other, "the app's browser"),
    ] {
        let failure = BrowserFailure::Failed { problem };
        let failed = within(with(failure).login(LoginOptions::default())).await.unwrap_err();
        assert!(
            matches!(&failed, HallpassError::Misconfigured { details, fix } if details.code == "browser" && fix.starts_with(code)),
            "{failed:?}"
        );
    }
}

#[tokio::test]
async fn a_wrong_setting_is_named_with_what_to_do() {
    let tenant = tenant().await;
    let wrong = |change: fn(&mut SessionOptions)| {
        let mut options = options(&tenant);
        change(&mut options);
        match Session::open(options) {
            Err(HallpassError::Misconfigured { details, fix }) => {
                assert!(!fix.is_empty() && details.message.contains(&fix));
                details.code
            }
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(wrong(|options| options.config.client_id = String::new()), "client_id");
    assert_eq!(wrong(|options| options.config.redirect_uri = "nowhere".to_owned()), "redirect_uri");
    assert_eq!(wrong(|options| options.config.scope = Some("profile".to_owned())), "scope");
    assert_eq!(wrong(|options| options.config.api_origins = vec!["ftp://api".to_owned()]), "api_origins");
    assert_eq!(wrong(|options| options.config.danger_allow_loopback_http = false), "issuer");
    assert_eq!(wrong(|options| options.account = Some("../ada".to_owned())), "account");
}

#[tokio::test]
async fn an_account_is_open_once_and_can_be_opened_again_after_it_was_closed() {
    let tenant = tenant().await;
    let folder = tempfile::tempdir().unwrap();
    let store = Store::DangerPlainFiles { folder: folder.path().to_str().unwrap().to_owned() };
    let open = || Session::open(SessionOptions { store: store.clone(), ..options(&tenant) });
    let first = open().unwrap();
    assert!(matches!(open(), Err(HallpassError::Misconfigured { details, .. }) if details.code == "account"));
    within(first.restored()).await.unwrap();
    drop(first);
    within(async {
        while open().is_err() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn sessions_that_are_closed_leave_nothing_behind() {
    const SESSIONS: usize = 10_000;
    let tenant = tenant().await;
    let (store, observer) = (Arc::new(NotedStore::default()), Arc::new(Notes::default()));
    for number in 0..SESSIONS {
        let session = opened(SessionOptions {
            account: Some(format!("account-{number}")),
            store: Store::Custom { store: store.clone() },
            observer: Some(observer.clone()),
            ..options(&tenant)
        });
        if number % 100 == 0 {
            within(session.restored()).await.unwrap();
        }
    }
    within(async {
        while Arc::strong_count(&store) > 1 || Arc::strong_count(&observer) > 1 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

#[test]
fn records_that_carry_a_secret_show_none() {
    let header = || HttpHeader { name: "Authorization".to_owned(), value: "Bearer secret".to_owned() };
    let shown = [
        format!(
            "{0} {0:?}",
            Credentials {
                access_token: "secret".to_owned(),
                token_type: "Bearer".to_owned(),
                scope: "openid".to_owned(),
                expires_at: Some(1),
                renewed: false,
            }
        ),
        format!(
            "{0} {0:?}",
            HttpRequest {
                method: "POST".to_owned(),
                url: "https://tenant.example/?secret".to_owned(),
                headers: vec![header()],
                body: b"secret".to_vec(),
                max_response_bytes: 1,
            }
        ),
        format!("{0} {0:?}", HttpResponse { status: 200, headers: vec![header()], body: b"secret".to_vec() }),
        format!("{0} {0:?}", ApiRequest { headers: vec![header()], body: b"secret".to_vec(), ..get("https://secret") }),
        format!("{0} {0:?}", header()),
    ];
    for text in shown {
        assert!(!text.contains("secret"), "{text}");
    }
}

async fn tenant() -> Tenant {
    Tenant::start(TenantOptions { seed: Some(1), ..TenantOptions::default() }).await.unwrap()
}

fn options(tenant: &Tenant) -> SessionOptions {
    SessionOptions {
        lease_keeper: None,
        config: Config {
            provider: Provider::Auth0 { domain: tenant.issuer() },
            client_id: tenant.client_id(),
            redirect_uri: REDIRECT_URI.to_owned(),
            scope: Some("openid profile email read:reports offline_access".to_owned()),
            audience: Some(tenant.audience()),
            resources: Vec::new(),
            organization: None,
            max_age_seconds: None,
            leeway_seconds: None,
            login_lifetime_seconds: None,
            api_origins: vec![tenant.api_url()],
            post_logout_redirect_uri: None,
            telemetry: true,
            dpop: false,
            par: false,
            metadata_url: None,
            issuer_template: None,
            danger_accept_missing_nonce: false,
            danger_allow_any_redirect_scheme: false,
            danger_allow_loopback_http: true,
        },
        account: None,
        store: Store::Memory,
        transport: None,
        browser: None,
        signer: None,
        observer: None,
        lease_folder: None,
        clock: None,
    }
}

/// A session at `tenant` whose tokens are bound to the key of `signer`.
fn bound(tenant: &Tenant, signer: &Arc<NotedSigner>) -> Arc<Session> {
    let mut options = options(tenant);
    options.config.dpop = true;
    options.browser = Some(Arc::new(ScriptedBrowser));
    options.signer = Some(signer.clone());
    opened(options)
}

fn opened(options: SessionOptions) -> Arc<Session> {
    Session::open(options).unwrap()
}

fn get(url: &str) -> ApiRequest {
    ApiRequest {
        method: "GET".to_owned(),
        url: url.to_owned(),
        headers: Vec::new(),
        body: Vec::new(),
        credentials: LASTING_A_MINUTE,
    }
}

async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, work).await.expect("it takes too long")
}

/// The user agent of somebody who signs in without hesitation.
struct ScriptedBrowser;

#[async_trait]
impl Browser for ScriptedBrowser {
    async fn open(&self, url: String, _redirect_uri: String) -> Result<String, BrowserFailure> {
        let mut browser = browser::Browser::new();
        browser
            .log_in(&url, "ada@example.com", "correct horse")
            .await
            .map_err(|_| BrowserFailure::Failed { problem: BrowserProblem::Other })
    }
}

/// A key in software that fails on cue.
struct NotedSigner {
    key: SoftwareSigner,
    cut: Cut,
    failure: Mutex<Option<SignerFailure>>,
    identities: AtomicUsize,
}

/// What comes back with a byte too few.
#[derive(PartialEq)]
enum Cut {
    Nothing,
    Key,
    Signature,
}

impl NotedSigner {
    fn new() -> Self {
        let key = SoftwareSigner::new(MemoryStore::new(), EntryName::parse("key").unwrap());
        Self { key, cut: Cut::Nothing, failure: Mutex::default(), identities: AtomicUsize::new(0) }
    }

    fn fail(&self, failure: Option<SignerFailure>) {
        *self.failure.lock().unwrap() = failure;
    }

    fn told<T>(&self, outcome: Result<T, SignerError>) -> Result<T, SignerFailure> {
        self.failure.lock().unwrap().map_or(Ok(()), Err)?;
        outcome.map_err(|_| SignerFailure::Failed)
    }
}

#[async_trait]
impl KeySigner for NotedSigner {
    fn identity(&self) -> Result<String, SignerFailure> {
        self.identities.fetch_add(1, Ordering::SeqCst);
        self.told(Ok(format!("noted {:p}", &raw const *self)))
    }

    async fn public_key(&self) -> Result<Vec<u8>, SignerFailure> {
        let point = self.told(self.key.public_key().await)?.sec1().to_vec();
        Ok(if self.cut == Cut::Key { point[1..].to_vec() } else { point })
    }

    async fn sign(&self, message: Vec<u8>) -> Result<Vec<u8>, SignerFailure> {
        let signature = self.told(self.key.sign(&message).await)?.as_bytes().to_vec();
        Ok(if self.cut == Cut::Signature { signature[1..].to_vec() } else { signature })
    }

    async fn delete(&self) -> Result<(), SignerFailure> {
        self.told(self.key.delete().await)
    }
}

struct UnwillingBrowser(BrowserFailure);

#[async_trait]
impl Browser for UnwillingBrowser {
    async fn open(&self, _url: String, _redirect_uri: String) -> Result<String, BrowserFailure> {
        Err(self.0)
    }
}

struct DeadTransport;

#[async_trait]
impl Transport for DeadTransport {
    async fn send(&self, _request: HttpRequest) -> Result<HttpResponse, TransportFailure> {
        Err(TransportFailure::Unreachable)
    }
}

/// A store whose entries can be looked at, and which can be told to fail.
#[derive(Default)]
struct NotedStore {
    entries: Mutex<BTreeMap<String, String>>,
    failure: Mutex<Option<StoreFailure>>,
}

impl NotedStore {
    fn ready(&self) -> Result<(), StoreFailure> {
        self.failure.lock().unwrap().map_or(Ok(()), Err)
    }
}

#[async_trait]
impl SecureStore for NotedStore {
    fn identity(&self) -> Result<String, StoreFailure> {
        Ok(format!("noted {:p}", &raw const *self))
    }

    async fn load(&self, name: String) -> Result<Option<String>, StoreFailure> {
        self.ready()?;
        Ok(self.entries.lock().unwrap().get(&name).cloned())
    }

    async fn save(&self, name: String, value: String) -> Result<(), StoreFailure> {
        self.ready()?;
        self.entries.lock().unwrap().insert(name, value);
        Ok(())
    }

    async fn delete(&self, name: String) -> Result<(), StoreFailure> {
        self.ready()?;
        self.entries.lock().unwrap().remove(&name);
        Ok(())
    }

    async fn list(&self) -> Result<Vec<String>, StoreFailure> {
        self.ready()?;
        Ok(self.entries.lock().unwrap().keys().cloned().collect())
    }
}

/// What an observer was told last, and all events.
#[derive(Default)]
struct Notes {
    latest: Mutex<Option<(String, Option<u64>)>>,
    state: Mutex<Option<State>>,
    events: Mutex<Vec<Event>>,
}

// It throws each time: that is of no consequence to the session.
impl SessionObserver for Notes {
    fn credentials_changed(
        &self,
        latest: Option<Credentials>,
        remaining_milliseconds: Option<u64>,
    ) -> Result<(), ObserverFailure> {
        *self.latest.lock().unwrap() = latest.map(|latest| (latest.access_token, remaining_milliseconds));
        Err(ObserverFailure::Failed)
    }

    fn state_changed(&self, state: State) -> Result<(), ObserverFailure> {
        *self.state.lock().unwrap() = Some(state);
        Err(ObserverFailure::Failed)
    }

    fn happened(&self, event: Event) -> Result<(), ObserverFailure> {
        self.events.lock().unwrap().push(event);
        Err(ObserverFailure::Failed)
    }
}

#[tokio::test]
async fn an_id_token_and_the_claims_of_userinfo_cross_without_showing_the_token() {
    let tenant = tenant().await;
    let session = opened(SessionOptions { browser: Some(Arc::new(ScriptedBrowser)), ..options(&tenant) });
    let user = within(session.login(LoginOptions::default())).await.unwrap();
    let id_token = within(session.id_token(60_000)).await.unwrap();
    assert_eq!(id_token.raw.split('.').count(), 3);
    assert!(!format!("{id_token:?} {id_token}").contains(&id_token.raw));
    assert_eq!(within(session.userinfo()).await.unwrap().sub, user.sub);
}

#[test]
fn a_refusal_crosses_with_the_servers_words_and_step_up_with_its_terms() {
    let refused = ServerError::of_callback("own_code", Some("ask ada@example.com"));
    let error = HallpassError::from(hallpass_core::Error::from(refused));
    let HallpassError::Denied { words, .. } = &error else { panic!("{error:?}") };
    assert_eq!(words.code.as_deref(), Some("own_code"));
    assert_eq!(words.text.as_deref(), Some("ask ada@example.com"));
    assert!(!format!("{error} {error:?}").contains("ada"), "{error:?}");

    let step_up = StepUp { acr_values: Some("gold".to_owned()), max_age: Some(5) };
    let error = HallpassError::from(hallpass_core::Error::StepUpRequired { step_up });
    assert!(
        matches!(&error, HallpassError::StepUpRequired { acr_values: Some(values), max_age_seconds: Some(5), .. } if values == "gold"),
        "{error:?}"
    );
}
