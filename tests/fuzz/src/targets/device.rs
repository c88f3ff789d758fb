//! A whole session on a device that stands still: its store holds one text, its server gives one answer.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use hallpass_core::adapters::MemoryStore;
use hallpass_core::ports::{Clock, EntryName, SecureStore, StoredValue, Transport, TransportError};
use hallpass_core::protocol::http::{Request, Response};
use hallpass_core::protocol::time::Timestamp;
use hallpass_core::{Config, Session};
use tokio::runtime::{Builder, Runtime};

/// The session's entry in the store: it stands for issuer, client and account.
const ACCOUNT: &str = "default";

/// What a server answers to everything; no answer when there is none.
pub(crate) type Answer = Box<dyn Fn(&Request) -> Option<Response> + Send + Sync>;

/// The device.
pub(crate) struct Device {
    pub(crate) runtime: Runtime,
    pub(crate) store: Arc<MemoryStore>,
    entry: EntryName,
}

impl Device {
    /// A device whose store holds `record`.
    pub(crate) fn holding(record: &str) -> Self {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let store = Arc::new(MemoryStore::new());
        let entry = runtime.block_on(entry_of_the_session());
        runtime.block_on(store.save(&entry, &StoredValue::new(record))).unwrap();
        Self { runtime, store, entry }
    }

    /// What the store holds now.
    pub(crate) fn stored(&self) -> Option<String> {
        let value = self.runtime.block_on(self.store.load(&self.entry)).unwrap();
        value.map(|value| value.expose().to_owned())
    }

    /// The app starts.
    pub(crate) fn session(&self, answer: Answer) -> Session {
        let _entered = self.runtime.enter();
        Session::builder(config())
            .account(ACCOUNT)
            .store(Arc::clone(&self.store))
            .transport(Server(answer))
            .clock(Still)
            .build()
            .unwrap()
    }
}

fn config() -> Config {
    Config::auth0("issuer.example", "client-1", "com.example.app:/callback").unwrap()
}

/// The name under which a session of this client stores itself: learnt from one that signs nobody in and logs out.
async fn entry_of_the_session() -> EntryName {
    static NAME: Mutex<Option<EntryName>> = Mutex::new(None);
    if let Some(name) = &*NAME.lock().unwrap() {
        return name.clone();
    }
    let store = Arc::new(Listening::default());
    let session = Session::builder(config()).store(Arc::clone(&store)).transport(Server(Box::new(|_| None))).build();
    let session = session.unwrap();
    session.restored().await.unwrap();
    drop(session);
    let name = store.0.lock().unwrap().clone().expect("a session reads its record when it is opened");
    *NAME.lock().unwrap() = Some(name.clone());
    name
}

/// A store that remembers which entry was read first.
#[derive(Default)]
struct Listening(Mutex<Option<EntryName>>);

#[async_trait]
impl SecureStore for Listening {
    fn identity(&self) -> String {
        "listening".to_owned()
    }

    async fn load(&self, name: &EntryName) -> Result<Option<StoredValue>, hallpass_core::ports::StoreError> {
        self.0.lock().unwrap().get_or_insert_with(|| name.clone());
        Ok(None)
    }

    async fn save(&self, _: &EntryName, _: &StoredValue) -> Result<(), hallpass_core::ports::StoreError> {
        Ok(())
    }

    async fn delete(&self, _: &EntryName) -> Result<(), hallpass_core::ports::StoreError> {
        Ok(())
    }

    async fn list(&self) -> Result<Vec<EntryName>, hallpass_core::ports::StoreError> {
        Ok(Vec::new())
    }
}

struct Server(Answer);

#[async_trait]
impl Transport for Server {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        (self.0)(&request).ok_or(TransportError::Unreachable)
    }
}

/// Two hours after the record of the corpus was written.
struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_seconds(1_767_232_800)
    }

    fn elapsed(&self) -> Duration {
        Duration::from_secs(8_200)
    }
}
