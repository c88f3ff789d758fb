//! Ports that count: what a session has sent, and how often it has read and written its store.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use hallpass_core::ports::{EntryName, Lease, SecureStore, StoreError, StoredValue, Transport, TransportError};
use hallpass_core::protocol::http::{Method, Request, Response};
use serde_json::{Value, json};
use url::Url;

/// What one session has done to the outside.
#[derive(Default)]
pub(super) struct Counters {
    requests: Mutex<BTreeMap<String, u64>>,
    reads: AtomicU64,
    writes: AtomicU64,
    deletes: AtomicU64,
    has_refresh_token: AtomicBool,
}

impl Counters {
    /// Whether the answer to the latest exchange of a code had a refresh token in it. The core shows a refresh token to
    /// nobody, not even whether there is one, so this is taken from the wire.
    pub(super) fn has_refresh_token(&self) -> bool {
        self.has_refresh_token.load(Ordering::SeqCst)
    }

    /// As the answer of `counters`.
    pub(super) fn to_json(&self) -> Value {
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let count = |counter: &AtomicU64| counter.load(Ordering::SeqCst);
        json!({
            "requests": requests,
            "store": {"reads": count(&self.reads), "writes": count(&self.writes), "deletes": count(&self.deletes)},
        })
    }

    fn sent(&self, request: &Request) {
        let endpoint = format!("{} {}", request.method, without_query(&request.url));
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        *requests.entry(endpoint).or_default() += 1;
    }
}

fn without_query(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    url.into()
}

/// Whether it is the token request of a login (RFC 6749 §4.1.3, RFC 8628 §3.4), in either encoding.
fn exchanges_code(request: &Request) -> bool {
    const GRANT_TYPES: [&[u8]; 3] = [b"authorization_code", b"grant-type%3Adevice_code", b"grant-type:device_code"];
    let has = |name: &[u8]| request.body.as_bytes().windows(name.len()).any(|part| part == name);
    request.method == Method::Post && GRANT_TYPES.into_iter().any(has)
}

fn brings_refresh_token(response: &Response) -> bool {
    let answer: Option<Value> = serde_json::from_slice(&response.body).ok();
    let token = answer.as_ref().and_then(|answer| answer.get("refresh_token")?.as_str());
    response.is_success() && token.is_some_and(|token| !token.is_empty())
}

/// A transport whose requests are counted by method and URL.
pub(super) struct CountingTransport<T> {
    pub(super) inner: T,
    pub(super) counters: Arc<Counters>,
}

#[async_trait]
impl<T: Transport> Transport for CountingTransport<T> {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        self.counters.sent(&request);
        let exchanges_code = exchanges_code(&request);
        let response = self.inner.send(request).await?;
        if exchanges_code {
            self.counters.has_refresh_token.store(brings_refresh_token(&response), Ordering::SeqCst);
        }
        Ok(response)
    }
}

/// A store whose reads and writes are counted.
pub(super) struct CountingStore {
    pub(super) inner: Arc<dyn SecureStore>,
    pub(super) counters: Arc<Counters>,
}

#[async_trait]
impl SecureStore for CountingStore {
    fn identity(&self) -> String {
        self.inner.identity()
    }

    async fn load(&self, name: &EntryName) -> Result<Option<StoredValue>, StoreError> {
        self.counters.reads.fetch_add(1, Ordering::SeqCst);
        self.inner.load(name).await
    }

    async fn save(&self, name: &EntryName, value: &StoredValue) -> Result<(), StoreError> {
        self.counters.writes.fetch_add(1, Ordering::SeqCst);
        self.inner.save(name, value).await
    }

    async fn delete(&self, name: &EntryName) -> Result<(), StoreError> {
        self.counters.deletes.fetch_add(1, Ordering::SeqCst);
        self.inner.delete(name).await
    }

    async fn list(&self) -> Result<Vec<EntryName>, StoreError> {
        self.inner.list().await
    }

    fn default_lease(&self) -> Option<Box<dyn Lease>> {
        self.inner.default_lease()
    }
}
