//! A store that fails on cue and counts. Clones are the same storage seen by the same process; `other_process` is the
//! same storage seen by another.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use hallpass_core::ports::{EntryName, SecureStore, StoreError, StoredValue};

use super::process::Process;

#[derive(Clone)]
pub(crate) struct TestStore {
    process: Process,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    entries: BTreeMap<String, String>,
    /// Entries that are out of sight for now.
    hidden: BTreeMap<String, String>,
    /// Entries whose present text cannot be read any more, and why.
    spoilt: BTreeMap<String, StoreError>,
    /// What the next operations fail with.
    failures: VecDeque<Failure>,
    broken: Option<StoreError>,
    /// What is never answered.
    silent: Option<Operation>,
    /// The longest text that fits.
    limit: Option<usize>,
    log: Vec<(Operation, String)>,
}

/// What the next operation of this sort on an entry of this kind fails with.
struct Failure {
    operation: Operation,
    kind: String,
    error: StoreError,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Load,
    Save,
    Delete,
}

impl TestStore {
    pub(crate) fn new(process: &Process) -> Self {
        Self { process: process.clone(), shared: Arc::default() }
    }

    /// The same storage as another process sees it.
    pub(crate) fn other_process(&self, process: &Process) -> Self {
        Self { process: process.clone(), shared: Arc::clone(&self.shared) }
    }

    /// The next `operation` on any entry fails with `error`.
    pub(crate) fn fail_next(&self, operation: Operation, error: StoreError) {
        self.fail_next_of("", operation, error);
    }

    /// The next `operation` on an entry of this kind (`session`, `login`, `quarantine`…) fails with `error`; on others it
    /// does not.
    pub(crate) fn fail_next_of(&self, kind: &str, operation: Operation, error: StoreError) {
        self.shared.lock().unwrap().failures.push_back(Failure { operation, kind: kind.to_owned(), error });
    }

    /// What stands under the only entry of this kind cannot be read any more; what is saved in its place can.
    pub(crate) fn spoil(&self, kind: &str, error: StoreError) {
        let mut shared = self.shared.lock().unwrap();
        let name = shared.entries.keys().find(|name| name.starts_with(kind)).expect("an entry of that kind").clone();
        shared.spoilt.insert(name, error);
    }

    /// From now on everything fails with `error`, until `repair`.
    pub(crate) fn break_with(&self, error: StoreError) {
        self.shared.lock().unwrap().broken = Some(error);
    }

    /// From now on this operation is never answered, until `repair`.
    pub(crate) fn fall_silent(&self, operation: Operation) {
        self.shared.lock().unwrap().silent = Some(operation);
    }

    /// From now on a text longer than this does not fit, until `repair`.
    pub(crate) fn limit_to(&self, bytes: usize) {
        self.shared.lock().unwrap().limit = Some(bytes);
    }

    pub(crate) fn repair(&self) {
        let mut shared = self.shared.lock().unwrap();
        (shared.broken, shared.silent, shared.limit) = (None, None, None);
        shared.failures.clear();
    }

    /// The entries of this kind are not there for now, as behind a collection that is not the default one any more. What
    /// is saved meanwhile goes elsewhere.
    pub(crate) fn hide(&self, kind: &str) {
        let mut shared = self.shared.lock().unwrap();
        let hidden: Vec<String> = shared.entries.keys().filter(|name| name.starts_with(kind)).cloned().collect();
        for name in hidden {
            let text = shared.entries.remove(&name).unwrap();
            shared.hidden.insert(name, text);
        }
    }

    /// What was hidden is there again, in place of what was saved meanwhile.
    pub(crate) fn show(&self) {
        let mut shared = self.shared.lock().unwrap();
        let hidden = std::mem::take(&mut shared.hidden);
        shared.entries.extend(hidden);
    }

    /// How often `operation` was asked for on entries of this kind.
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

    /// Whether this text is in any entry.
    pub(crate) fn holds(&self, text: &str) -> bool {
        let shared = self.shared.lock().unwrap();
        shared.entries.values().chain(shared.hidden.values()).any(|stored| stored.contains(text))
    }

    async fn operate<T>(
        &self,
        operation: Operation,
        name: &EntryName,
        work: impl FnOnce(&mut BTreeMap<String, String>) -> T,
    ) -> Result<T, StoreError> {
        self.process.live().await;
        if self.shared.lock().unwrap().silent == Some(operation) {
            self.shared.lock().unwrap().log.push((operation, name.to_string()));
            std::future::pending::<()>().await;
        }
        let mut shared = self.shared.lock().unwrap();
        shared.log.push((operation, name.to_string()));
        if let Some(error) = shared.broken {
            return Err(error);
        }
        match operation {
            Operation::Load => {
                if let Some(error) = shared.spoilt.get(name.as_str()) {
                    return Err(*error);
                }
            }
            Operation::Save | Operation::Delete => {
                shared.spoilt.remove(name.as_str());
            }
        }
        let next = shared
            .failures
            .iter()
            .position(|failure| failure.operation == operation && name.as_str().starts_with(&failure.kind));
        match next.and_then(|next| shared.failures.remove(next)) {
            Some(failure) => Err(failure.error),
            None => Ok(work(&mut shared.entries)),
        }
    }
}

#[async_trait]
impl SecureStore for TestStore {
    fn identity(&self) -> String {
        format!("test:{:p}:{}", Arc::as_ptr(&self.shared), self.process.number())
    }

    async fn load(&self, name: &EntryName) -> Result<Option<StoredValue>, StoreError> {
        self.operate(Operation::Load, name, |entries| entries.get(name.as_str()).map(StoredValue::new)).await
    }

    async fn save(&self, name: &EntryName, value: &StoredValue) -> Result<(), StoreError> {
        let limit = self.shared.lock().unwrap().limit;
        if limit.is_some_and(|limit| value.expose().len() > limit) {
            self.operate(Operation::Save, name, |_| ()).await?;
            return Err(StoreError::Failed("the value is too large"));
        }
        self.operate(Operation::Save, name, |entries| {
            entries.insert(name.to_string(), value.expose().to_owned());
        })
        .await
    }

    async fn delete(&self, name: &EntryName) -> Result<(), StoreError> {
        self.operate(Operation::Delete, name, |entries| {
            entries.remove(name.as_str());
        })
        .await
    }

    async fn list(&self) -> Result<Vec<EntryName>, StoreError> {
        let shared = self.shared.lock().unwrap();
        Ok(shared.entries.keys().map(|name| EntryName::parse(name).unwrap()).collect())
    }
}
