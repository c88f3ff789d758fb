//! The sessions that a driver has open, and how one is opened and closed.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hallpass_core::adapters::{MemoryStore, Reqwest};
use hallpass_core::ports::SecureStore;
use hallpass_core::{Config, Error, Session, User};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::answer::Failure;
use super::clock::MovableClock;
use super::counting::{Counters, CountingStore, CountingTransport};
use super::events::EventLog;
use super::operations;
use super::request::{Open, OpenConfig, OpenDialect, RefusalCode};
use crate::adapters;

/// How long the work of a session that is closed may go on: longer than any request.
const CLOSING: Duration = Duration::from_secs(60);
const CLOSING_PAUSE: Duration = Duration::from_millis(2);

/// All that a driver has: its sessions by name, and the one clock that they share.
pub(super) struct Driver {
    pub(super) clock: MovableClock,
    transport: tokio::sync::OnceCell<Reqwest>,
    sessions: Mutex<BTreeMap<String, OpenSession>>,
    opened: AtomicU64,
}

/// A session, and what it has done to the outside.
#[derive(Clone)]
pub(super) struct OpenSession {
    pub(super) session: Session,
    pub(super) counters: Arc<Counters>,
    pub(super) events: EventLog,
    /// The device login that waits for its user, if there is one. It ends when the session is closed.
    pub(super) device: Arc<tokio::sync::Mutex<JoinSet<hallpass_core::Result<User>>>>,
}

impl Driver {
    pub(super) fn new() -> Self {
        Self {
            clock: MovableClock::default(),
            transport: tokio::sync::OnceCell::new(),
            sessions: Mutex::default(),
            opened: AtomicU64::new(0),
        }
    }

    /// The session called `name`.
    pub(super) fn session(&self, name: &str) -> Result<OpenSession, Failure> {
        self.sessions().get(name).cloned().ok_or_else(|| unknown(name))
    }

    /// Opens a session and waits until it is restored. When its store cannot be read now, it is open all the same.
    pub(super) async fn open(&self, open: Open) -> Result<Value, Failure> {
        let config = config(&open.config)?;
        let counters = Arc::new(Counters::default());
        let transport = CountingTransport { inner: self.transport().await?, counters: Arc::clone(&counters) };
        let builder = Session::builder(config).account(open.account).transport(transport).clock(self.clock.clone());
        let store: Arc<dyn SecureStore> = match store_path(&open.store)? {
            None => Arc::new(MemoryStore::new()),
            // With the lease that it brings.
            Some(path) => Arc::new(adapters::plain_files(path).await?),
        };
        let session = builder.store(CountingStore { inner: store, counters: Arc::clone(&counters) }).build()?;
        let events = EventLog::new(session.events());
        let state = match session.restored().await {
            Ok(state) => state,
            Err(error) => {
                tracing::debug!(%error, "the session is not restored yet");
                session.state()
            }
        };
        let name = format!("s{}", self.opened.fetch_add(1, Ordering::SeqCst) + 1);
        self.sessions().insert(name.clone(), OpenSession { session, counters, events, device: Arc::default() });
        Ok(json!({ "session": name, "state": operations::state(&state) }))
    }

    /// Closes the session called `name`, and waits until all its work has ended: then the account may be opened again.
    pub(super) async fn close(&self, name: &str) -> Result<Value, Failure> {
        let OpenSession { session, counters, events: _, device } =
            self.sessions().remove(name).ok_or_else(|| unknown(name))?;
        drop((session, device));
        // The ports of the session hold the counters for as long as the session lives.
        let closed = async {
            while Arc::strong_count(&counters) > 1 {
                tokio::time::sleep(CLOSING_PAUSE).await;
            }
        };
        tokio::time::timeout(CLOSING, closed).await.map_err(|_| Failure::Request {
            code: RefusalCode::SessionBusy,
            message: format!("work of `{name}` goes on after {} seconds", CLOSING.as_secs()),
        })?;
        Ok(json!({}))
    }

    async fn transport(&self) -> Result<Reqwest, Failure> {
        let made = || async { adapters::transport().await.map_err(Failure::Core) };
        self.transport.get_or_try_init(made).await.cloned()
    }

    fn sessions(&self) -> MutexGuard<'_, BTreeMap<String, OpenSession>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unknown(name: &str) -> Failure {
    Failure::Request {
        code: RefusalCode::UnknownSession,
        message: format!("no session `{}` is open", name.escape_debug()),
    }
}

fn config(open: &OpenConfig) -> Result<Config, Error> {
    let mut config = match open.dialect {
        OpenDialect::Oidc => Config::new(&open.issuer, &open.client_id, &open.redirect_uri)?,
        OpenDialect::Auth0 => Config::auth0(&open.issuer, &open.client_id, &open.redirect_uri)?,
    };
    if let Some(scope) = &open.scope {
        config = config.scope(scope)?;
    }
    if let Some(audience) = &open.audience {
        config = config.audience(audience);
    }
    for resource in &open.resource {
        config = config.resource(resource);
    }
    if let Some(organization) = &open.organization {
        config = config.organization(organization);
    }
    if let Some(seconds) = open.max_age {
        config = config.max_age(Duration::from_secs(seconds));
    }
    if let Some(seconds) = open.leeway_seconds {
        config = config.leeway(Duration::from_secs(seconds));
    }
    if let Some(seconds) = open.login_lifetime_seconds {
        config = config.login_lifetime(Duration::from_secs(seconds));
    }
    for origin in &open.api_origins {
        config = config.api_origin(origin)?;
    }
    if let Some(uri) = &open.post_logout_redirect_uri {
        config = config.post_logout_redirect_uri(uri)?;
    }
    if let Some(enabled) = open.telemetry {
        config = config.telemetry(enabled);
    }
    if open.dpop {
        config = config.dpop();
    }
    if open.par {
        config = config.par();
    }
    if let Some(url) = &open.metadata_url {
        config = config.metadata_url(url)?;
    }
    if let Some(template) = &open.issuer_template {
        config = config.issuer_template(template)?;
    }
    if open.accept_missing_nonce {
        config = config.danger_accept_missing_nonce();
    }
    if open.allow_any_redirect_scheme {
        config = config.danger_allow_any_redirect_scheme();
    }
    Ok(if open.allow_loopback_http { config.danger_allow_loopback_http() } else { config })
}

/// The folder of a file store; `None` for a store in memory.
fn store_path(store: &str) -> Result<Option<PathBuf>, Failure> {
    match store.strip_prefix("file:") {
        Some(path) if !path.is_empty() => Ok(Some(PathBuf::from(path))),
        None if store == "memory" => Ok(None),
        Some(_) | None => Err(Failure::Request {
            code: RefusalCode::NotARequest,
            message: "`open`: `store` is `memory`, or `file:` and the path of a folder".to_owned(),
        }),
    }
}
