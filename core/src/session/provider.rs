//! The provider: its metadata and its keys, which are stored with their lifetimes, so that a start needs to fetch neither;
//! the revocation of a token; and the URL that ends the server's session.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hallpass_protocol::discovery::{self, ProviderMetadata};
use hallpass_protocol::http::{Request, Response};
use hallpass_protocol::jwk::{self, KeySet};
use hallpass_protocol::logout::{self, LogoutParameters};
use hallpass_protocol::revoke;
use hallpass_protocol::secret::{RawIdToken, RefreshToken, State};
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;
use url::Url;

use super::moment::Moment;
use super::wire::Wire;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::ports::{EntryName, SecureStore, StoredValue};

/// Used when the provider's caching headers are missing or extreme.
const METADATA_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);
const KEYS_LIFETIME: Duration = Duration::from_secs(60 * 60);
const SHORTEST_LIFETIME: Duration = Duration::from_secs(5 * 60);
const LONGEST_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);
/// Between two requests for what contradicts the cache: tokens with made-up key identifiers must not make us ask all the
/// time. The first is free, however young the cache is: a server that has just rolled its keys is no attack.
const COOLDOWN: Duration = Duration::from_secs(60);

/// More redirects than this go in circles.
const MOST_REDIRECTS: u8 = 3;

/// The provider, and the cache of what it says.
pub(crate) struct Provider {
    config: Arc<Config>,
    wire: Arc<Wire>,
    store: Arc<dyn SecureStore>,
    entry: EntryName,
    runtime: Handle,
    cache: Mutex<Cache>,
    /// Held while the cache is read from the store, and while something is fetched: one request for all who wait.
    fetching: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Cache {
    opened: bool,
    metadata: Option<Cached<Arc<ProviderMetadata>>>,
    keys: Option<Cached<Arc<KeySet>>>,
    /// When something was last fetched because it contradicted the cache.
    contradicted: Option<Moment>,
    /// When metadata was last fetched beside the use of an old one.
    refreshed: Option<Moment>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Cached<T> {
    value: T,
    received: Moment,
    lifetime: Duration,
}

/// The cache as stored. If it is of another version, the data is fetched again.
#[derive(Serialize, Deserialize)]
struct Stored<'a> {
    version: u32,
    metadata: Option<Cached<ProviderMetadata>>,
    /// The key set as it came.
    keys: Option<Cached<std::borrow::Cow<'a, str>>>,
}

const VERSION: u32 = 1;

impl Provider {
    pub(crate) fn new(
        config: Arc<Config>,
        wire: Arc<Wire>,
        store: Arc<dyn SecureStore>,
        entry: EntryName,
        runtime: Handle,
    ) -> Self {
        Self { config, wire, store, entry, runtime, cache: Mutex::default(), fetching: tokio::sync::Mutex::default() }
    }

    /// The provider's metadata: what the dialect knows, what is cached, or what the provider answers. Metadata past its
    /// age is used while newer is fetched beside (rule 15): endpoints hardly ever change.
    ///
    /// # Errors
    /// [`Error::Offline`] or [`Error::Untrusted`] when it has to be fetched and cannot.
    pub(crate) async fn metadata(self: &Arc<Self>) -> Result<Arc<ProviderMetadata>> {
        if let Some(metadata) = self.metadata_at_hand() {
            return Ok(metadata);
        }
        let _fetching = self.fetching.lock().await;
        self.open().await;
        if let Some(metadata) = self.metadata_at_hand() {
            return Ok(metadata);
        }
        let fetched = self.fetch_metadata().await?;
        let metadata = Arc::clone(&fetched.value);
        self.cache().metadata = Some(fetched);
        self.save().await;
        Ok(metadata)
    }

    /// The provider's keys, from the cache while they are fresh.
    ///
    /// # Errors
    /// [`Error::Offline`] or [`Error::Untrusted`] when they have to be fetched and cannot.
    pub(crate) async fn keys(&self, metadata: &ProviderMetadata) -> Result<Arc<KeySet>> {
        let _fetching = self.fetching.lock().await;
        self.open().await;
        let now = self.wire.now();
        let cached = self.cache().keys.as_ref().filter(|keys| keys.is_fresh(now)).map(|keys| Arc::clone(&keys.value));
        match cached {
            Some(keys) => Ok(keys),
            None => self.fetch_keys(metadata).await,
        }
    }

    /// The provider's keys as they are cached, however old: enough for a token that they fit.
    pub(crate) fn keys_at_hand(&self) -> Option<Arc<KeySet>> {
        self.cache().keys.as_ref().map(|keys| Arc::clone(&keys.value))
    }

    /// Metadata and keys, fetched once more unless that was done within the last minute: for a token that contradicts
    /// what is cached (OpenID Connect Core §10.1.1), and for keys that are not where they were.
    ///
    /// # Errors
    /// As for `keys`.
    pub(crate) async fn newer(&self, metadata: &ProviderMetadata) -> Result<(Arc<ProviderMetadata>, Arc<KeySet>)> {
        let _fetching = self.fetching.lock().await;
        self.open().await;
        if self.is_cooling()
            && let Some(known) = self.cache().known()
        {
            return Ok(known);
        }
        let metadata = match self.fetch_metadata_anew().await {
            Some(newer) => newer,
            None => self.cached_metadata().unwrap_or_else(|| Arc::new(metadata.clone())),
        };
        let keys = self.fetch_keys(&metadata).await?;
        Ok((metadata, keys))
    }

    /// The metadata as it is now, where the token endpoint is not the one that `metadata` names: for an endpoint that is
    /// gone. Asks at most once a minute.
    pub(crate) async fn moved(&self, metadata: &ProviderMetadata) -> Option<Arc<ProviderMetadata>> {
        let _fetching = self.fetching.lock().await;
        let newer = if self.is_cooling() { self.cached_metadata() } else { self.fetch_metadata_anew().await };
        newer.filter(|newer| newer.token_endpoint != metadata.token_endpoint)
    }

    /// Whether something was fetched within the last minute because it contradicted the cache; if not, it is now.
    fn is_cooling(&self) -> bool {
        let now = self.wire.now();
        let mut cache = self.cache();
        let is_cooling = cache.contradicted.and_then(|when| when.age(now)).is_some_and(|age| age < COOLDOWN);
        if !is_cooling {
            cache.contradicted = Some(now);
        }
        is_cooling
    }

    /// Revokes a refresh token, and with it what was issued for it (RFC 7009 §2.1).
    ///
    /// # Errors
    /// [`Error::Misconfigured`] when the provider has no such endpoint; else as for any request.
    pub(crate) async fn revoke(&self, metadata: &ProviderMetadata, refresh_token: &RefreshToken) -> Result<()> {
        let request = revoke::request(&self.config.client, metadata, refresh_token)
            .ok_or(Error::Misconfigured { field: "issuer", fix: "this provider has no revocation endpoint" })?;
        let response = self.wire.send(request).await?;
        revoke::parse(&response).map_err(|error| self.wire.unusable(&response, error))
    }

    /// The page that ends the server's own session (OpenID Connect RP-Initiated Logout 1.0 §2).
    ///
    /// # Errors
    /// [`Error::Misconfigured`] when the provider has no such page.
    pub(crate) fn end_session_url(
        &self,
        metadata: &ProviderMetadata,
        post_logout_redirect_uri: Option<&str>,
        id_token_hint: Option<&RawIdToken>,
        federated: bool,
    ) -> Result<Url> {
        let state = State::from_entropy(self.wire.entropy()?);
        let parameters = LogoutParameters {
            post_logout_redirect_uri,
            id_token_hint,
            state: post_logout_redirect_uri.map(|_| &state),
            federated,
            ..LogoutParameters::default()
        };
        let url = logout::url(&self.config.client, metadata, parameters)
            .ok_or(Error::Misconfigured { field: "issuer", fix: "this provider has no end-session endpoint" })?;
        Ok(url?)
    }

    /// The cached metadata of any age; newer is fetched beside when it is old.
    pub(crate) fn metadata_at_hand(self: &Arc<Self>) -> Option<Arc<ProviderMetadata>> {
        let cached = self.cache().metadata.clone()?;
        if !cached.is_fresh(self.wire.now()) {
            self.refresh_beside();
        }
        Some(cached.value)
    }

    fn cached_metadata(&self) -> Option<Arc<ProviderMetadata>> {
        self.cache().metadata.as_ref().map(|metadata| Arc::clone(&metadata.value))
    }

    /// Fetches metadata on a task of its own, unless that was tried within the last minute. A provider that does not answer
    /// delays nobody.
    fn refresh_beside(self: &Arc<Self>) {
        let now = self.wire.now();
        {
            let mut cache = self.cache();
            if cache.refreshed.and_then(|when| when.age(now)).is_some_and(|age| age < COOLDOWN) {
                return;
            }
            cache.refreshed = Some(now);
        }
        let provider = Arc::clone(self);
        self.runtime.spawn(async move {
            // Not under the lock: nobody waits for this answer.
            provider.fetch_metadata_anew().await;
        });
    }

    /// Fetches metadata and saves it; `None` when that fails, or when the dialect knows it.
    async fn fetch_metadata_anew(&self) -> Option<Arc<ProviderMetadata>> {
        if ProviderMetadata::of_dialect(&self.config.client).is_some() {
            return None;
        }
        match self.fetch_metadata().await {
            Ok(fetched) => {
                let metadata = Arc::clone(&fetched.value);
                self.cache().metadata = Some(fetched);
                self.save().await;
                Some(metadata)
            }
            Err(error) => {
                tracing::debug!(%error, "newer metadata could not be had");
                None
            }
        }
    }

    async fn fetch_keys(&self, metadata: &ProviderMetadata) -> Result<Arc<KeySet>> {
        let now = self.wire.now();
        let response = self.wire.send(jwk::request(&metadata.jwks_uri)).await?;
        let keys = Arc::new(jwk::parse(&response).map_err(|error| self.wire.unusable(&response, error))?);
        self.cache().keys =
            Some(Cached { value: Arc::clone(&keys), received: now, lifetime: lifetime(&response, KEYS_LIFETIME) });
        self.save().await;
        Ok(keys)
    }

    async fn fetch_metadata(&self) -> Result<Cached<Arc<ProviderMetadata>>> {
        let client = &self.config.client;
        let request = match &self.config.metadata_url {
            Some(url) => discovery::request_at(url.clone()),
            None => discovery::request(client),
        };
        let mut response = self.document(request).await?;
        // A server that knows OAuth alone has its document elsewhere (RFC 8414 §3.1).
        if response.status == 404 && self.config.metadata_url.is_none() {
            let other = self.document(discovery::oauth_request(client)).await?;
            if other.status == 200 {
                response = other;
            }
        }
        let metadata = discovery::parse(&response, &self.config.client, self.config.loopback)
            .map_err(|error| self.wire.unusable(&response, error))?;
        Ok(Cached {
            value: Arc::new(metadata),
            received: self.wire.now(),
            lifetime: lifetime(&response, METADATA_LIFETIME),
        })
    }

    /// The answer to a request for metadata, after the redirects within its host.
    async fn document(&self, mut request: Request) -> Result<Response> {
        let mut left = MOST_REDIRECTS;
        loop {
            let asked = request.url.clone();
            let response = self.wire.send(request).await?;
            match discovery::redirected(&asked, &response) {
                Some(next) if left > 0 => request = next,
                Some(_) | None => return Ok(response),
            }
            left -= 1;
        }
    }

    /// Reads the cache from the store, once.
    async fn open(&self) {
        if self.cache().opened {
            return;
        }
        let stored = self.load().await;
        let mut cache = self.cache();
        cache.opened = true;
        if let Some(stored) = stored {
            // What was stored passes the checks of what comes from the net (rule 15): others may write there.
            cache.metadata = stored
                .metadata
                .filter(|cached| cached.value.check(&self.config.client, self.config.loopback).is_ok())
                .map(|cached| cached.map(Arc::new));
            cache.keys = stored.keys.and_then(|cached| {
                let keys = KeySet::parse(cached.value.as_bytes()).ok()?;
                Some(Cached { value: Arc::new(keys), received: cached.received, lifetime: cached.lifetime })
            });
        }
        // Where the endpoints follow from the issuer, what is cached cannot be better.
        if let Some(metadata) = ProviderMetadata::of_dialect(&self.config.client) {
            let received = self.wire.now();
            cache.metadata = Some(Cached { value: Arc::new(metadata), received, lifetime: Duration::MAX });
        }
    }

    async fn load(&self) -> Option<Stored<'static>> {
        let value = self.store.load(&self.entry).await.ok()??;
        serde_json::from_str::<Stored<'static>>(value.expose()).ok().filter(|stored| stored.version == VERSION)
    }

    /// Saves the cache; a failure costs a request at the next start and nothing else.
    async fn save(&self) {
        let text = {
            let cache = self.cache();
            let known = ProviderMetadata::of_dialect(&self.config.client).is_some();
            let metadata = cache.metadata.as_ref().filter(|_| !known);
            serde_json::to_string(&Stored {
                version: VERSION,
                metadata: metadata.map(|cached| cached.as_ref().map(|value| (**value).clone())),
                keys: cache.keys.as_ref().map(|cached| cached.as_ref().map(|keys| keys.source().into())),
            })
        };
        match text {
            Ok(text) => {
                if let Err(error) = self.store.save(&self.entry, &StoredValue::new(text)).await {
                    tracing::debug!(%error, "the provider's metadata and keys were not saved");
                }
            }
            Err(_) => tracing::debug!("the provider's metadata and keys cannot be written as JSON"),
        }
    }

    fn cache(&self) -> MutexGuard<'_, Cache> {
        // Each use is one step, so a panic elsewhere cannot have left it half changed.
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cache {
    fn known(&self) -> Option<(Arc<ProviderMetadata>, Arc<KeySet>)> {
        Some((Arc::clone(&self.metadata.as_ref()?.value), Arc::clone(&self.keys.as_ref()?.value)))
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

#[cfg(test)]
mod tests {
    use super::super::fakes::{Answer, Answers, FailingStore, ISSUER, StillClock, config, entry, reply, wire};
    use super::*;
    use crate::ports::TransportError;

    const DAY: u64 = 24 * 60 * 60;

    fn metadata(token_endpoint: &str) -> Answer {
        let document = serde_json::json!({
            "issuer": ISSUER,
            "authorization_endpoint": format!("{ISSUER}/authorize"),
            "token_endpoint": token_endpoint,
            "jwks_uri": format!("{ISSUER}/keys"),
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
        });
        reply(200, &[("Content-Type", "application/json")], &document.to_string())
    }

    fn keys() -> Answer {
        let key = r#"{"keys":[{"kty":"EC","crv":"P-256","kid":"k1","alg":"ES256","use":"sig",
            "x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#;
        reply(200, &[("Content-Type", "application/json")], key)
    }

    fn provider(answers: &Answers, store: &FailingStore, clock: &StillClock) -> Arc<Provider> {
        let (config, wire) = (Arc::new(config()), wire(answers, clock));
        Arc::new(Provider::new(config, wire, Arc::new(store.clone()), entry("provider"), Handle::current()))
    }

    fn token_endpoint(metadata: &ProviderMetadata) -> String {
        metadata.token_endpoint.to_string()
    }

    /// Lets tasks that were spawned do what they can.
    async fn settle() {
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn metadata_past_its_age_is_used_at_once_and_renewed_beside() {
        let (store, clock) = (FailingStore::default(), StillClock::at(1_000, 0));
        let old = format!("{ISSUER}/token");
        let answers = Answers::of([metadata(&old), metadata(&format!("{ISSUER}/new"))]);
        let provider = provider(&answers, &store, &clock);
        assert_eq!(token_endpoint(&provider.metadata().await.unwrap()), old);
        clock.set(1_000 + DAY, DAY);
        assert_eq!(token_endpoint(&provider.metadata().await.unwrap()), old, "nobody waits");
        settle().await;
        assert_eq!(token_endpoint(&provider.metadata().await.unwrap()), format!("{ISSUER}/new"));
        assert_eq!(answers.asked().len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_discovery_endpoint_that_hangs_delays_nobody_and_is_asked_once_a_minute() {
        let (store, clock) = (FailingStore::default(), StillClock::at(1_000, 0));
        let answers = Answers::of([metadata(&format!("{ISSUER}/token"))]);
        let provider = provider(&answers, &store, &clock);
        provider.metadata().await.unwrap();
        clock.set(1_000 + DAY, DAY);
        let begun = tokio::time::Instant::now();
        for _ in 0..10 {
            provider.metadata().await.unwrap();
            settle().await;
        }
        assert_eq!(begun.elapsed(), Duration::ZERO);
        assert_eq!(answers.asked().len(), 2);
        clock.set(1_000 + DAY, DAY + 61);
        provider.metadata().await.unwrap();
        settle().await;
        assert_eq!(answers.asked().len(), 3);
    }

    #[tokio::test]
    async fn stored_metadata_is_checked_as_if_it_came_from_the_network() {
        let clock = StillClock::at(1_000, 0);
        for (from, to) in [
            (format!("\"issuer\":\"{ISSUER}\""), "\"issuer\":\"https://evil.example\"".to_owned()),
            (format!("{ISSUER}/token"), "http://issuer.example/token".to_owned()),
        ] {
            let store = FailingStore::default();
            let answers = Answers::of([metadata(&format!("{ISSUER}/token"))]);
            provider(&answers, &store, &clock).metadata().await.unwrap();
            let stored = store.load(&entry("provider")).await.unwrap().unwrap().expose().to_owned();
            assert!(stored.contains(&from), "{stored}");
            store.save(&entry("provider"), &StoredValue::new(stored.replace(&from, &to))).await.unwrap();

            let answers = Answers::of([metadata(&format!("{ISSUER}/token"))]);
            let next_process = provider(&answers, &store, &clock);
            assert_eq!(token_endpoint(&next_process.metadata().await.unwrap()), format!("{ISSUER}/token"));
            assert_eq!(answers.asked().len(), 1, "fetched anew: {to}");
        }
    }

    #[tokio::test]
    async fn a_contradiction_fetches_metadata_and_keys_once_a_minute() {
        let (store, clock) = (FailingStore::default(), StillClock::at(1_000, 0));
        let endpoint = format!("{ISSUER}/token");
        let answers =
            Answers::of([metadata(&endpoint), keys(), metadata(&endpoint), keys(), metadata(&endpoint), keys()]);
        let provider = provider(&answers, &store, &clock);
        let known = provider.metadata().await.unwrap();
        provider.keys(&known).await.unwrap();
        for (elapsed, asked) in [(1, 4), (2, 4), (60, 4), (62, 6)] {
            clock.set(1_000, elapsed);
            provider.newer(&known).await.unwrap();
            assert_eq!(answers.asked().len(), asked, "after {elapsed} s");
        }
    }

    #[tokio::test]
    async fn an_endpoint_that_has_moved_is_found_and_one_that_has_not_is_none() {
        let (store, clock) = (FailingStore::default(), StillClock::at(1_000, 0));
        let old = format!("{ISSUER}/token");
        let answers = Answers::of([metadata(&old), metadata(&old), metadata(&format!("{ISSUER}/new"))]);
        let provider = provider(&answers, &store, &clock);
        let known = provider.metadata().await.unwrap();
        assert!(provider.moved(&known).await.is_none());
        clock.set(1_000, 61);
        assert_eq!(token_endpoint(&provider.moved(&known).await.unwrap()), format!("{ISSUER}/new"));
        assert!(provider.moved(&known).await.is_some(), "within the minute from the cache");
        assert_eq!(answers.asked().len(), 3);
    }

    #[tokio::test]
    async fn a_redirect_of_the_metadata_is_followed_within_the_host_and_not_in_circles() {
        let (store, clock) = (FailingStore::default(), StillClock::at(1_000, 0));
        let to = |place: &str| reply(301, &[("Location", place)], "");
        let answers = Answers::of([to("/canonical"), metadata(&format!("{ISSUER}/token"))]);
        let provider_of = |answers: &Answers| provider(answers, &store, &clock);
        assert!(provider_of(&answers).metadata().await.is_ok());
        assert_eq!(answers.asked().len(), 2);

        let store = FailingStore::default();
        let provider_of = |answers: &Answers| provider(answers, &store, &clock);
        let answers = Answers::of([to("https://elsewhere.example/")]);
        assert!(matches!(provider_of(&answers).metadata().await, Err(Error::Misconfigured { field: "issuer", .. })));
        assert_eq!(answers.asked().len(), 1);

        let answers = Answers::of([to("/a"), to("/b"), to("/a"), to("/b")]);
        assert!(provider_of(&answers).metadata().await.is_err());
        assert_eq!(answers.asked().len(), 4);
    }

    #[tokio::test]
    async fn keys_are_fetched_once_for_all_who_ask_and_an_error_is_told() {
        let (store, clock) = (FailingStore::default(), StillClock::at(1_000, 0));
        let answers = Answers::of([metadata(&format!("{ISSUER}/token")), Err(TransportError::Unreachable), keys()]);
        let provider = provider(&answers, &store, &clock);
        let known = provider.metadata().await.unwrap();
        assert!(provider.keys_at_hand().is_none());
        assert!(matches!(provider.keys(&known).await, Err(Error::Offline { .. })));
        let (first, second) = tokio::join!(provider.keys(&known), provider.keys(&known));
        assert!(first.is_ok() && second.is_ok());
        assert_eq!(answers.asked().len(), 3);
        assert!(provider.keys_at_hand().is_some());
    }
}
