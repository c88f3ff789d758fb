//! An OpenID Provider that answers at once, so that what is measured is the client: it issues whatever is asked for, and
//! its authorization code is the `nonce` of the login.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use hallpass_core::adapters::SystemClock;
use hallpass_core::ports::{Clock, SecureStore, Transport, TransportError};
use hallpass_core::{Config, Login, Session, StartedLogin};
use hallpass_protocol::http::{Headers, Request, Response};
use hallpass_protocol::jws::Algorithm;
use hallpass_protocol::time::Timestamp;
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::fixture::signer::Signer;

/// The client that is registered.
pub const CLIENT_ID: &str = "aBcD1234eFgH5678iJkL9012mNoP3456";
/// Where its logins come back.
pub const REDIRECT_URI: &str = "http://127.0.0.1/callback";
/// The issuer of a provider that is called without a network.
pub const ISSUER: &str = "https://issuer.example";

/// How long an access token lives, in seconds.
pub const LIFETIME: u64 = 3_600;

/// The provider.
pub struct Provider {
    issuer: String,
    clock: MovedClock,
    signer: Signer,
    rotates: AtomicBool,
    refuses: AtomicBool,
    issued: AtomicUsize,
    /// The ID token of renewals, which differs from second to second only.
    renewed: Mutex<(i64, String)>,
    requests: Mutex<BTreeMap<String, usize>>,
}

/// An answer: the status, and a body in JSON.
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The body.
    pub body: String,
}

impl Provider {
    /// A provider with this issuer that rotates refresh tokens and signs with ES256.
    #[must_use]
    pub fn new(issuer: &str) -> Arc<Self> {
        Arc::new(Self {
            issuer: issuer.to_owned(),
            clock: MovedClock::default(),
            signer: Signer::new(Algorithm::Es256),
            rotates: AtomicBool::new(true),
            refuses: AtomicBool::new(false),
            issued: AtomicUsize::new(0),
            renewed: Mutex::default(),
            requests: Mutex::default(),
        })
    }

    /// The clocks of the provider and of the devices that use it.
    #[must_use]
    pub fn clock(&self) -> &MovedClock {
        &self.clock
    }

    /// From now on a refresh token can be used again and again.
    pub fn stop_rotating(&self) {
        self.rotates.store(false, Ordering::SeqCst);
    }

    /// Whether the token endpoint answers 429 from now on.
    pub fn refuse(&self, refuses: bool) {
        self.refuses.store(refuses, Ordering::SeqCst);
    }

    /// How often `path` was asked for.
    pub fn requests_to(&self, path: &str) -> usize {
        self.requests().get(path).copied().unwrap_or_default()
    }

    /// How often anything was asked for.
    pub fn all_requests(&self) -> usize {
        self.requests().values().sum()
    }

    /// Answers the request for `path` with this body, a form.
    pub fn answer(&self, path: &str, form: &[u8]) -> Answer {
        *self.requests().entry(path.to_owned()).or_default() += 1;
        let (status, body) = match path {
            "/.well-known/openid-configuration" => (200, self.metadata()),
            "/keys" => (200, json!({ "keys": [self.signer.named_jwk("key-1")] })),
            "/token" if self.refuses.load(Ordering::SeqCst) => (429, json!({ "error": "slow_down" })),
            "/token" => self.token(form),
            _ => (404, json!({})),
        };
        Answer { status, body: body.to_string() }
    }

    fn requests(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, usize>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn metadata(&self) -> Value {
        let issuer = &self.issuer;
        json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{issuer}/authorize"),
            "token_endpoint": format!("{issuer}/token"),
            "jwks_uri": format!("{issuer}/keys"),
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
            "token_endpoint_auth_methods_supported": ["none"],
            "code_challenge_methods_supported": ["S256"],
        })
    }

    fn token(&self, form: &[u8]) -> (u16, Value) {
        let parameters: BTreeMap<_, _> = url::form_urlencoded::parse(form).collect();
        let number = self.issued.fetch_add(1, Ordering::SeqCst);
        let now = self.clock.now().unix_seconds();
        let id_token = match parameters.get("code") {
            Some(nonce) => self.id_token(Some(nonce), now),
            None => self.renewed_id_token(now),
        };
        let mut answer = json!({
            "access_token": format!("{number:08}{}", "eyJ".repeat(250)),
            "id_token": id_token,
            "scope": "openid profile offline_access",
            "expires_in": LIFETIME,
            "token_type": "Bearer",
        });
        if parameters.contains_key("code") || self.rotates.load(Ordering::SeqCst) {
            answer["refresh_token"] = format!("refresh-{number:08}-{}", "x".repeat(40)).into();
        }
        (200, answer)
    }

    /// Signed once a second: to sign is not what is measured.
    fn renewed_id_token(&self, now: i64) -> String {
        let mut renewed = self.renewed.lock().unwrap_or_else(PoisonError::into_inner);
        if renewed.0 != now {
            *renewed = (now, self.id_token(None, now));
        }
        renewed.1.clone()
    }

    fn id_token(&self, nonce: Option<&str>, now: i64) -> String {
        let lifetime = LIFETIME.cast_signed();
        let mut claims = json!({
            "iss": self.issuer, "sub": "auth0|0123456789abcdef01234567", "aud": CLIENT_ID, "iat": now, "exp": now + lifetime,
            "name": "Ada Lovelace", "email": "ada.lovelace@example.com", "email_verified": true,
        });
        if let Some(nonce) = nonce {
            claims["nonce"] = nonce.into();
        }
        let header = json!({ "alg": "ES256", "typ": "JWT", "kid": "key-1" });
        self.signer.token(&header.to_string(), &claims.to_string())
    }
}

/// A transport that hands requests to a provider in this process.
pub struct Direct {
    provider: Arc<Provider>,
    delay: Duration,
    gate: Option<Arc<Gate>>,
}

/// Holds answers of the token endpoint until it is opened.
#[derive(Default)]
pub struct Gate {
    opened: Notify,
    held: AtomicUsize,
}

impl Gate {
    /// How many answers are held now.
    pub fn held(&self) -> usize {
        self.held.load(Ordering::SeqCst)
    }

    /// Lets those go that are held now.
    pub fn open(&self) {
        self.opened.notify_waiters();
    }

    async fn pass(&self) {
        let opened = self.opened.notified();
        self.held.fetch_add(1, Ordering::SeqCst);
        opened.await;
        self.held.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Direct {
    /// A transport that answers at once.
    pub fn to(provider: &Arc<Provider>) -> Self {
        Self { provider: Arc::clone(provider), delay: Duration::ZERO, gate: None }
    }

    /// Each answer takes this long.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Answers of the token endpoint to renewals wait at `gate`.
    #[must_use]
    pub fn through(mut self, gate: &Arc<Gate>) -> Self {
        self.gate = Some(Arc::clone(gate));
        self
    }
}

#[async_trait]
impl Transport for Direct {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let Answer { status, body } = self.provider.answer(request.url.path(), request.body.as_bytes());
        if !self.delay.is_zero() {
            tokio::time::sleep(self.delay).await;
        }
        let is_renewal = request.body.as_bytes().windows(REFRESH.len()).any(|part| part == REFRESH);
        if let Some(gate) = self.gate.as_ref().filter(|_| is_renewal) {
            gate.pass().await;
        }
        let headers = Headers::from_iter([("Content-Type", "application/json"), ("Retry-After", "1")]);
        Ok(Response { status, headers, body: body.into_bytes() })
    }
}

const REFRESH: &[u8] = b"grant_type=refresh_token";

/// The device's clocks, moved forward. Clones are the same clocks.
#[derive(Clone, Default)]
pub struct MovedClock(Arc<Mutex<Duration>>);

impl MovedClock {
    /// Lets time pass.
    pub fn advance(&self, by: Duration) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) += by;
    }

    /// Lets the access token expire.
    pub fn expire(&self) {
        self.advance(Duration::from_secs(LIFETIME + 1));
    }

    fn moved(&self) -> Duration {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for MovedClock {
    fn now(&self) -> Timestamp {
        SystemClock.now().saturating_add(self.moved())
    }

    fn elapsed(&self) -> Duration {
        SystemClock.elapsed() + self.moved()
    }
}

/// The settings for a provider at `issuer`.
///
/// # Panics
/// When `issuer` is no issuer.
pub fn config(issuer: &str) -> Config {
    Config::new(issuer, CLIENT_ID, REDIRECT_URI).expect("the provider's own settings").danger_allow_loopback_http()
}

/// A session at `provider`, of a device with clocks of its own.
///
/// # Panics
/// When the session cannot be opened.
pub fn open(provider: &str, transport: impl Transport, store: impl SecureStore, clock: impl Clock) -> Session {
    Session::builder(config(provider)).store(store).transport(transport).clock(clock).build().expect("all is there")
}

/// Signs in: the whole login, but for a browser.
///
/// # Panics
/// When the login fails.
pub async fn sign_in(session: &Session) {
    let started = session.start_login(Login::default()).await.expect("a login begins");
    session.resume(&callback(&started)).await.expect("the provider issues what is asked for");
}

/// What the browser comes back with.
///
/// # Panics
/// When the URL has no `nonce`.
#[must_use]
pub fn callback(started: &StartedLogin) -> String {
    let query: BTreeMap<_, _> = started.url.query_pairs().collect();
    format!("{}?code={}&state={}", query["redirect_uri"], query["nonce"], started.state)
}
