//! A store that fails on cue and counts. Clones are the same storage seen by the same process; `other_process` is the
//! same storage seen by another.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use hallpass_core::ports::{EntryName, SecureStore, StoreError, StoredValue};

#[derive(Clone)]
pub(crate) struct TestStore {
    process: usize,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    processes: usize,
    dead: Vec<usize>,
    entries: BTreeMap<String, String>,
    /// What the next operations fail with; `None` lets one pass.
    failures: VecDeque<(Operation, StoreError)>,
    broken: Option<StoreError>,
    log: Vec<(Operation, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Load,
    Save,
    Delete,
}

impl TestStore {
    pub(crate) fn new() -> Self {
        Self { process: 0, shared: Arc::default() }
    }

    /// The same storage as another process sees it.
    pub(crate) fn other_process(&self) -> Self {
        let mut shared = self.shared.lock().unwrap();
        shared.processes += 1;
        Self { process: shared.processes, shared: Arc::clone(&self.shared) }
    }

    /// This process is dead: nothing that it still asks for happens, and it never learns so.
    pub(crate) fn kill(&self) {
        self.shared.lock().unwrap().dead.push(self.process);
    }

    async fn live(&self) {
        tokio::task::yield_now().await;
        let dead = self.shared.lock().unwrap().dead.contains(&self.process);
        if dead {
            std::future::pending::<()>().await;
        }
    }

    /// The next `operation` on any entry fails with `error`.
    pub(crate) fn fail_next(&self, operation: Operation, error: StoreError) {
        self.shared.lock().unwrap().failures.push_back((operation, error));
    }

    /// From now on everything fails with `error`, until `repair`.
    pub(crate) fn break_with(&self, error: StoreError) {
        self.shared.lock().unwrap().broken = Some(error);
    }

    pub(crate) fn repair(&self) {
        self.shared.lock().unwrap().broken = None;
    }

    /// How often `operation` was asked for on entries of this kind (`session`, `login`, `provider`).
    pub(crate) fn count(&self, operation: Operation, kind: &str) -> usize {
        let shared = self.shared.lock().unwrap();
        shared.log.iter().filter(|(logged, name)| *logged == operation && name.starts_with(kind)).count()
    }

    /// How often anything was asked for.
    pub(crate) fn operations(&self) -> usize {
        self.shared.lock().unwrap().log.len()
    }

    pub(crate) fn forget_counts(&self) {
        self.shared.lock().unwrap().log.clear();
    }

    /// The text stored under the only entry of this kind.
    pub(crate) fn text(&self, kind: &str) -> Option<String> {
        let shared = self.shared.lock().unwrap();
        shared.entries.iter().find(|(name, _)| name.starts_with(kind)).map(|(_, text)| text.clone())
    }

    /// Changes the text stored under the only entry of this kind.
    pub(crate) fn tamper(&self, kind: &str, change: impl FnOnce(&mut String)) {
        let mut shared = self.shared.lock().unwrap();
        let entry = shared.entries.iter_mut().find(|(name, _)| name.starts_with(kind)).expect("an entry of that kind");
        change(entry.1);
    }

    fn operate<T>(
        &self,
        operation: Operation,
        name: &EntryName,
        work: impl FnOnce(&mut BTreeMap<String, String>) -> T,
    ) -> Result<T, StoreError> {
        let mut shared = self.shared.lock().unwrap();
        shared.log.push((operation, name.to_string()));
        if let Some(error) = shared.broken {
            return Err(error);
        }
        if shared.failures.front().is_some_and(|(failing, _)| *failing == operation) {
            let (_, error) = shared.failures.pop_front().unwrap();
            return Err(error);
        }
        Ok(work(&mut shared.entries))
    }
}

#[async_trait]
impl SecureStore for TestStore {
    fn identity(&self) -> String {
        format!("test:{:p}:{}", Arc::as_ptr(&self.shared), self.process)
    }

    async fn load(&self, name: &EntryName) -> Result<Option<StoredValue>, StoreError> {
        self.live().await;
        self.operate(Operation::Load, name, |entries| entries.get(name.as_str()).map(StoredValue::new))
    }

    async fn save(&self, name: &EntryName, value: &StoredValue) -> Result<(), StoreError> {
        self.live().await;
        self.operate(Operation::Save, name, |entries| {
            entries.insert(name.to_string(), value.expose().to_owned());
        })
    }

    async fn delete(&self, name: &EntryName) -> Result<(), StoreError> {
        self.live().await;
        self.operate(Operation::Delete, name, |entries| {
            entries.remove(name.as_str());
        })
    }

    async fn list(&self) -> Result<Vec<EntryName>, StoreError> {
        let shared = self.shared.lock().unwrap();
        Ok(shared.entries.keys().map(|name| EntryName::parse(name).unwrap()).collect())
    }
}
