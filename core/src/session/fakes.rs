//! What the tests of the layers below the session run on: a server of canned answers, a store that can fail, a clock.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use hallpass_protocol::http::{Request, Response};
use hallpass_protocol::id_token::Claims;
use hallpass_protocol::scope::Scope;
use hallpass_protocol::secret::{AccessToken, RawIdToken, RefreshToken};
use hallpass_protocol::time::Timestamp;

use super::account::Account;
use super::moment::Moment;
use super::observer::Observer;
use super::record::{Grant, GrantKey, Refresh, SignedIn};
use super::vault::{Entries, Vault};
use super::wire::Wire;
use crate::adapters::{MemoryStore, SoftwareSigner, SystemRandom};
use crate::config::Config;
use crate::ports::{Clock, EntryName, SecureStore, StoreError, StoredValue, Transport, TransportError};

pub(crate) const ISSUER: &str = "https://issuer.example";

/// An answer, or why there is none.
pub(crate) type Answer = Result<Response, TransportError>;

/// Gives its answers in order, and then none.
#[derive(Clone, Default)]
pub(crate) struct Answers(Arc<Mutex<(VecDeque<Answer>, Vec<String>)>>);

impl Answers {
    pub(crate) fn of(answers: impl IntoIterator<Item = Answer>) -> Self {
        Self(Arc::new(Mutex::new((answers.into_iter().collect(), Vec::new()))))
    }

    /// The URLs that were asked for.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.0.lock().unwrap().1.clone()
    }
}

#[async_trait]
impl Transport for Answers {
    async fn send(&self, request: Request) -> Answer {
        let answer = {
            let mut inner = self.0.lock().unwrap();
            inner.1.push(request.url.to_string());
            inner.0.pop_front()
        };
        match answer {
            Some(answer) => answer,
            None => std::future::pending().await,
        }
    }
}

pub(crate) fn reply(status: u16, headers: &[(&str, &str)], body: &str) -> Answer {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Ok(Response { status, headers, body: body.as_bytes().to_vec() })
}

/// A clock that stands still until it is set.
#[derive(Clone, Default)]
pub(crate) struct StillClock(Arc<AtomicU64>, Arc<AtomicU64>);

impl StillClock {
    /// Both clocks, in seconds.
    pub(crate) fn at(wall: u64, elapsed: u64) -> Self {
        let clock = Self::default();
        clock.set(wall, elapsed);
        clock
    }

    pub(crate) fn set(&self, wall: u64, elapsed: u64) {
        self.0.store(wall, Ordering::SeqCst);
        self.1.store(elapsed, Ordering::SeqCst);
    }
}

impl Clock for StillClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_seconds(i64::try_from(self.0.load(Ordering::SeqCst)).unwrap())
    }

    fn elapsed(&self) -> Duration {
        Duration::from_secs(self.1.load(Ordering::SeqCst))
    }
}

/// A store that fails while it is told to.
#[derive(Clone, Default)]
pub(crate) struct FailingStore {
    pub(crate) entries: MemoryStore,
    pub(crate) full: Arc<AtomicBool>,
    pub(crate) locked: Arc<AtomicBool>,
    /// It saves, and says that it did not.
    pub(crate) untold: Arc<AtomicBool>,
}

#[async_trait]
impl SecureStore for FailingStore {
    fn identity(&self) -> String {
        self.entries.identity()
    }

    async fn load(&self, name: &EntryName) -> Result<Option<StoredValue>, StoreError> {
        if self.locked.load(Ordering::SeqCst) { Err(StoreError::Locked) } else { self.entries.load(name).await }
    }

    async fn save(&self, name: &EntryName, value: &StoredValue) -> Result<(), StoreError> {
        if self.full.load(Ordering::SeqCst) {
            return Err(StoreError::Failed("full"));
        }
        self.entries.save(name, value).await?;
        if self.untold.load(Ordering::SeqCst) { Err(StoreError::Failed("no answer")) } else { Ok(()) }
    }

    async fn delete(&self, name: &EntryName) -> Result<(), StoreError> {
        self.entries.delete(name).await
    }

    async fn list(&self) -> Result<Vec<EntryName>, StoreError> {
        self.entries.list().await
    }
}

pub(crate) fn entry(name: &str) -> EntryName {
    EntryName::parse(name).unwrap()
}

pub(crate) fn config() -> Config {
    Config::new(ISSUER, "client", "com.example.app:/callback").unwrap()
}

pub(crate) fn wire(answers: &Answers, clock: &StillClock) -> Arc<Wire> {
    let signer = SoftwareSigner::new(MemoryStore::new(), entry("key"));
    let random = Arc::new(SystemRandom::default());
    Arc::new(Wire::new(Arc::new(answers.clone()), Arc::new(clock.clone()), random, Arc::new(signer)))
}

pub(crate) fn account(store: &FailingStore, clock: &StillClock, observer: Option<Arc<dyn Observer>>) -> Arc<Account> {
    let entries = Entries { record: entry("session"), quarantine: entry("quarantine"), tombstone: entry("logout") };
    // Each is a process of its own.
    static WRITERS: AtomicU64 = AtomicU64::new(0);
    let writer = format!("writer-{}", WRITERS.fetch_add(1, Ordering::SeqCst));
    let vault = Vault::new(Arc::new(store.clone()), entries, writer);
    Arc::new(Account::new(vault, Arc::new(clock.clone()), observer))
}

/// What a login as `sub` brings: an access token that lives for `lifetime` seconds, and maybe a refresh token.
pub(crate) fn signed_in(sub: &str, lifetime: u64, refresh: Option<&str>, now: Moment) -> SignedIn {
    let claims = serde_json::json!({ "iss": ISSUER, "sub": sub, "aud": "client", "exp": 4_000_000_000_i64, "iat": 1 });
    // Claims are stored as the text that was signed.
    let identity: Claims = serde_json::from_value(claims.to_string().into()).unwrap();
    SignedIn {
        identity,
        id_token: RawIdToken::new("id-token"),
        refresh: refresh.map(|token| Refresh::new(RefreshToken::new(token), 0, now)),
        grants: vec![Grant {
            key: GrantKey::default(),
            access_token: AccessToken::new("access-0"),
            scope: Scope::parse("openid").unwrap(),
            received: now,
            lifetime: Some(Duration::from_secs(lifetime)),
        }],
        dpop_jkt: None,
        asked: None,
    }
}
