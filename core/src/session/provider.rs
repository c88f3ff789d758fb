//! What the provider says of itself: its metadata and its keys, kept in the store with their lifetimes, so that a cold
//! start asks for neither.

use std::sync::Arc;
use std::time::Duration;

use hallpass_protocol::discovery::{self, ProviderMetadata};
use hallpass_protocol::http::Response;
use hallpass_protocol::jwk::{self, KeySet};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::engine::Engine;
use super::moment::Moment;
use crate::error::Result;
use crate::ports::{EntryName, StoredValue};

/// A provider that says nothing about caching, or something extreme.
const METADATA_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);
const KEYS_LIFETIME: Duration = Duration::from_secs(60 * 60);
const SHORTEST_LIFETIME: Duration = Duration::from_secs(5 * 60);
const LONGEST_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);
/// Between two requests for keys that the cached ones lack: tokens with made-up key identifiers must not make us ask all
/// the time. The first is free, however young the cached keys are: a server that has just rolled its keys is no attack.
const KEYS_COOLDOWN: Duration = Duration::from_secs(60);

/// The cache of one provider.
pub(crate) struct Provider {
    entry: EntryName,
    cache: Mutex<Cache>,
}

#[derive(Default)]
struct Cache {
    opened: bool,
    metadata: Option<Cached<Arc<ProviderMetadata>>>,
    keys: Option<Cached<Arc<KeySet>>>,
    /// When keys were last asked for because the cached ones lacked one.
    missed: Option<Moment>,
}

#[derive(Serialize, Deserialize)]
struct Cached<T> {
    value: T,
    received: Moment,
    lifetime: Duration,
}

/// The cache as stored. A text of another version is fetched anew, which is all that a cache owes anybody.
#[derive(Serialize, Deserialize)]
struct Stored<'a> {
    version: u32,
    metadata: Option<Cached<ProviderMetadata>>,
    /// The key set as it came.
    keys: Option<Cached<std::borrow::Cow<'a, str>>>,
}

const VERSION: u32 = 1;

impl Provider {
    pub(crate) fn new(entry: EntryName) -> Self {
        Self { entry, cache: Mutex::default() }
    }
}

impl Engine {
    /// The provider's metadata: what the dialect knows, what is cached, or what the provider answers.
    ///
    /// # Errors
    /// [`Error::Offline`] or [`Error::Untrusted`] when it has to be fetched and cannot.
    pub(crate) async fn metadata(&self) -> Result<Arc<ProviderMetadata>> {
        let mut cache = self.provider.cache.lock().await;
        self.open_provider(&mut cache).await;
        let now = Moment::now(&*self.clock);
        if let Some(cached) = &cache.metadata
            && cached.is_fresh(now)
        {
            return Ok(Arc::clone(&cached.value));
        }
        match self.fetch_metadata().await {
            Ok(fetched) => {
                let metadata = Arc::clone(&fetched.value);
                cache.metadata = Some(fetched);
                self.save_provider(&cache).await;
                Ok(metadata)
            }
            // Endpoints hardly ever change; old ones are better than none.
            Err(error) => cache.metadata.as_ref().map(|cached| Arc::clone(&cached.value)).ok_or(error),
        }
    }

    /// The provider's keys, from the cache while they are fresh.
    ///
    /// # Errors
    /// [`Error::Offline`] or [`Error::Untrusted`] when they have to be fetched and cannot.
    pub(crate) async fn keys(&self, metadata: &ProviderMetadata) -> Result<Arc<KeySet>> {
        let mut cache = self.provider.cache.lock().await;
        self.open_provider(&mut cache).await;
        let now = Moment::now(&*self.clock);
        match &cache.keys {
            Some(cached) if cached.is_fresh(now) => Ok(Arc::clone(&cached.value)),
            Some(_) | None => self.fetch_keys(&mut cache, metadata, now).await,
        }
    }

    /// The provider's keys, fetched again unless that was done for the same reason within the last minute: for a token
    /// signed with a key that the cached ones lack (OpenID Connect Core §10.1.1).
    ///
    /// # Errors
    /// As for `keys`.
    pub(crate) async fn newer_keys(&self, metadata: &ProviderMetadata) -> Result<Arc<KeySet>> {
        let mut cache = self.provider.cache.lock().await;
        self.open_provider(&mut cache).await;
        let now = Moment::now(&*self.clock);
        let just_missed = cache.missed.and_then(|missed| missed.age(now)).is_some_and(|age| age < KEYS_COOLDOWN);
        match &cache.keys {
            Some(cached) if just_missed && cached.is_fresh(now) => Ok(Arc::clone(&cached.value)),
            Some(_) | None => {
                cache.missed = Some(now);
                self.fetch_keys(&mut cache, metadata, now).await
            }
        }
    }

    async fn fetch_keys(&self, cache: &mut Cache, metadata: &ProviderMetadata, now: Moment) -> Result<Arc<KeySet>> {
        let response = self.send(jwk::request(&metadata.jwks_uri)).await?;
        let keys = Arc::new(jwk::parse(&response).map_err(|error| self.unusable(&response, error))?);
        cache.keys =
            Some(Cached { value: Arc::clone(&keys), received: now, lifetime: lifetime(&response, KEYS_LIFETIME) });
        self.save_provider(cache).await;
        Ok(keys)
    }

    async fn fetch_metadata(&self) -> Result<Cached<Arc<ProviderMetadata>>> {
        let response = self.send(discovery::request(&self.config.client)).await?;
        let metadata = discovery::parse(&response, &self.config.client, self.config.loopback)
            .map_err(|error| self.unusable(&response, error))?;
        Ok(Cached {
            value: Arc::new(metadata),
            received: Moment::now(&*self.clock),
            lifetime: lifetime(&response, METADATA_LIFETIME),
        })
    }

    async fn open_provider(&self, cache: &mut Cache) {
        if std::mem::replace(&mut cache.opened, true) {
            return;
        }
        if let Ok(Some(value)) = self.store.load(&self.provider.entry).await
            && let Ok(stored) = serde_json::from_str::<Stored<'_>>(value.expose())
            && stored.version == VERSION
        {
            cache.metadata = stored.metadata.map(|cached| cached.map(Arc::new));
            cache.keys = stored.keys.and_then(|cached| {
                let keys = KeySet::parse(cached.value.as_bytes()).ok()?;
                Some(Cached { value: Arc::new(keys), received: cached.received, lifetime: cached.lifetime })
            });
        }
        // Where the endpoints follow from the issuer, what is cached cannot be better.
        if let Some(metadata) = ProviderMetadata::of_dialect(&self.config.client) {
            let received = Moment::now(&*self.clock);
            cache.metadata = Some(Cached { value: Arc::new(metadata), received, lifetime: Duration::MAX });
        }
    }

    /// Saves the cache; a failure costs a request at the next start and nothing else.
    async fn save_provider(&self, cache: &Cache) {
        let known = ProviderMetadata::of_dialect(&self.config.client).is_some();
        let stored = Stored {
            version: VERSION,
            metadata: cache
                .metadata
                .as_ref()
                .filter(|_| !known)
                .map(|cached| cached.as_ref().map(|value| (**value).clone())),
            keys: cache.keys.as_ref().map(|cached| cached.as_ref().map(|keys| keys.source().into())),
        };
        match serde_json::to_string(&stored) {
            Ok(text) => {
                if let Err(error) = self.store.save(&self.provider.entry, &StoredValue::new(text)).await {
                    tracing::debug!(%error, "the provider's metadata and keys were not saved");
                }
            }
            Err(_) => tracing::debug!("the provider's metadata and keys cannot be written as JSON"),
        }
    }
}

impl<T> Cached<T> {
    fn is_fresh(&self, now: Moment) -> bool {
        self.received.age(now).is_some_and(|age| age < self.lifetime)
    }

    fn as_ref(&self) -> Cached<&T> {
        Cached { value: &self.value, received: self.received, lifetime: self.lifetime }
    }

    fn map<U>(self, change: impl FnOnce(T) -> U) -> Cached<U> {
        Cached { value: change(self.value), received: self.received, lifetime: self.lifetime }
    }
}

/// How long an answer stays fresh: `max-age` of its `Cache-Control` (RFC 9111 §5.2.2.1) within bounds.
fn lifetime(response: &Response, default: Duration) -> Duration {
    let told = response.headers.get("cache-control").and_then(|value| {
        let max_age = value.split(',').find_map(|directive| directive.trim().strip_prefix("max-age="))?;
        max_age.parse().ok().map(Duration::from_secs)
    });
    told.unwrap_or(default).clamp(SHORTEST_LIFETIME, LONGEST_LIFETIME)
}
