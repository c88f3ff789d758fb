//! The ports of one simulated process: every call is a step at which it may be suspended or killed.

use std::sync::Arc;

use async_trait::async_trait;
use hallpass_core::ports::{
    Clock, EntryName, Lease, LeaseBusy, LeaseGuard, Random, RandomUnavailable, SecureStore, StoreError, StoredValue,
};
use hallpass_core::protocol::time::Timestamp;
use tokio::time::{Duration, sleep, sleep_until};

use crate::dice::Dice;
use crate::script::{Fault, Kind, Point};
use crate::storage::{Entry, NEWER, is_note};
use crate::token::Refresh;
use crate::world::{Gate, START, State, World, signed};

/// What process number `process` sees of the world.
#[derive(Clone)]
pub(crate) struct Ports {
    pub(crate) world: Arc<World>,
    pub(crate) process: usize,
    /// Names the storage in the engine's registry, which all runs of this binary share.
    pub(crate) identity: String,
    dice: Arc<std::sync::Mutex<Dice>>,
}

impl Ports {
    pub(crate) fn new(world: &Arc<World>, process: usize) -> Self {
        static RUNS: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        let run = RUNS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let dice = Dice::of(world.seed, &[RANDOM, process as u64]);
        Self {
            world: Arc::clone(world),
            process,
            identity: format!("simulated:{run}"),
            dice: Arc::new(std::sync::Mutex::new(dice)),
        }
    }

    /// One step of the process. It does not return in a dead one, and later in a suspended one.
    pub(crate) async fn step(&self) {
        tokio::task::yield_now().await;
        loop {
            let gate = self.world.state().step(self.process);
            match gate {
                Gate::Open => return,
                Gate::Frozen(until) => sleep_until(until).await,
                Gate::Dead => std::future::pending().await,
            }
        }
    }

    async fn wait_while_suspended(&self) {
        loop {
            let gate = self.world.state().gate(self.process);
            match gate {
                Gate::Open => return,
                Gate::Frozen(until) => sleep_until(until).await,
                Gate::Dead => std::future::pending().await,
            }
        }
    }

    /// Meets what the storage has in mind for an operation.
    async fn reach_storage(&self, point: Point, length: usize) -> Result<(), StoreError> {
        self.step().await;
        let slow = {
            let state = self.world.state();
            let key = [STORE, self.process as u64, state.processes[self.process].steps];
            (state.storage.slow_until > state.now()).then(|| state.dice(&key).between(10, 4_000))
        };
        if let Some(slow) = slow {
            sleep(Duration::from_millis(slow)).await;
            self.step().await;
        }
        let mut state = self.world.state();
        let now = state.now();
        let scripted = state.script.pass(point);
        match scripted {
            Some(Fault::KeyGone) => {
                state.ledger.invalidated = true;
                state.storage.invalidate();
            }
            Some(Fault::Vanishes(millis)) => state.storage.hidden_until = now + millis,
            Some(Fault::Stale) => state.storage.stale_reads = 1,
            Some(_) | None => {}
        }
        let storage = &mut state.storage;
        let refusal = if scripted == Some(Fault::Locked) || storage.locked_until > now {
            Some(StoreError::Locked)
        } else if scripted == Some(Fault::Fails) {
            Some(StoreError::Failed("it failed this once"))
        } else if storage.failing_until > now {
            Some(StoreError::Failed("it fails for a while"))
        } else if storage.failures > 0 {
            storage.failures -= 1;
            Some(StoreError::Failed("it failed this once"))
        } else if length > 0 && storage.full_until > now {
            Some(StoreError::Failed("the disk is full"))
        } else if storage.limit.is_some_and(|limit| length > limit) {
            Some(StoreError::Failed("it is too long"))
        } else {
            None
        };
        if refusal.is_some() {
            state.processes[self.process].hindered = true;
            state.processes[self.process].refused_at = Some(now);
        }
        refusal.map_or(Ok(()), Err)
    }

    fn take_lease(&self) -> bool {
        let mut state = self.world.state();
        let free = state.lease.is_none();
        if free {
            state.lease = Some(self.process);
        }
        free
    }

    fn tell(&self, line: &str) {
        self.world.state().tell_of(self.process, line);
    }
}

const RANDOM: u64 = 1;
const STORE: u64 = 2;
/// How long a slow store takes from the look at what the user wants to the save, in milliseconds.
const SLOWEST_INSTALLATION: u64 = 10_000;
pub(crate) const NETWORK: u64 = 3;

/// What a process reads of a session's record.
#[derive(Debug, Default)]
struct Read {
    /// When the record was to be seen; not said of other entries.
    at: Option<Option<u64>>,
    is_newer: bool,
    token: Option<Refresh>,
    /// Whether another process has noted a renewal with the token.
    is_noted: bool,
    /// Whether the record says that the session is over.
    is_end: bool,
}

impl Ports {
    /// What is stored under `name` now, and what it says to who has it.
    fn look(&self, name: &EntryName, kind: &str) -> (Result<Option<StoredValue>, StoreError>, Read) {
        let mut state = self.world.state();
        let entry = state.storage.entries.get(name.as_str()).cloned();
        let is_session = kind == "session";
        let is_hidden = is_session && state.storage.hidden_until > state.now();
        let entry = entry.filter(|_| !is_hidden);
        state.processes[self.process].found_hidden |= is_hidden;
        state.ledger.vanished |= is_hidden;
        let mut read = Read { at: is_session.then(|| (!is_hidden).then(|| state.now())), ..Read::default() };
        let Some(entry) = entry else {
            state.processes[self.process].found_nothing |= is_session;
            return (Ok(None), read);
        };
        if entry.unreadable {
            return (Err(StoreError::Invalidated), read);
        }
        let stale = is_session && entry.writer == self.process && state.storage.stale_reads > 0;
        let text = match entry.before {
            Some(before) if stale => {
                state.storage.stale_reads -= 1;
                state.tell_of(self.process, "store     gives the value before the last one");
                before
            }
            Some(_) | None => entry.text,
        };
        read.is_newer = text.starts_with(NEWER);
        read.token = Refresh::within(&text).filter(|_| is_session);
        read.is_end = is_session && text.contains("\"content\":{\"signed_out\":");
        read.is_noted = is_note(&text) && entry.writer != self.process;
        (Ok(Some(StoredValue::new(text))), read)
    }
}

impl State {
    /// A process has what it read of a session's record.
    fn takes_note(&mut self, process: usize, read: &Read) {
        let present = &mut self.processes[process];
        present.read_at = read.at.unwrap_or(present.read_at);
        present.hindered |= read.is_newer;
        if read.is_end || read.is_newer {
            present.nothing_to_ask_at = present.read_at;
        }
        let Some(token) = read.token else { return };
        let is_first = present.newest.is_empty();
        self.learns(process, token);
        if read.is_noted {
            let present = &mut self.processes[process];
            if is_first {
                present.found_noted = Some(token);
            }
            present.read_of.insert(token);
        }
    }
}

#[async_trait]
impl SecureStore for Ports {
    fn identity(&self) -> String {
        self.identity.clone()
    }

    async fn load(&self, name: &EntryName) -> Result<Option<StoredValue>, StoreError> {
        let kind = kind(name);
        if let Err(error) = self.reach_storage(Point::Load(Kind::of(kind)), 0).await {
            self.tell(&format!("store     load {kind}: {error}"));
            return Err(error);
        }
        let (found, read) = self.look(name, kind);
        self.tell(&format!("store     load {kind}: {}", shown(&found)));
        self.step().await;
        // Only now: who was suspended meanwhile may have given it up.
        self.world.state().takes_note(self.process, &read);
        found
    }

    async fn save(&self, name: &EntryName, value: &StoredValue) -> Result<(), StoreError> {
        let kind = kind(name);
        let entered = self.world.state().now();
        if let Err(error) = self.reach_storage(Point::Save(Kind::of(kind)), value.expose().len()).await {
            self.tell(&format!("store     save {kind}: {error}"));
            // Who logs out with a full store leaves no word of it for other processes.
            self.world.state().ledger.untold |= kind == "logout";
            return Err(error);
        }
        {
            let mut state = self.world.state();
            let read_at = state.processes[self.process].read_at;
            let is_hidden = state.storage.hidden_until > state.now();
            let upgraded = if kind == "session" { state.storage.upgraded.take() } else { None };
            // What is not to be seen is not saved over: it is elsewhere.
            if !is_hidden && upgraded.is_some_and(|(at, _)| read_at >= Some(at)) {
                state.violate("a newer record is left alone", "it was saved over");
            }
            if kind == "session" {
                // What is saved now is where it is looked for.
                state.storage.hidden_until = 0;
            }
            let entry = state.storage.entries.entry(name.to_string()).or_default();
            let before = (!entry.text.is_empty() && !entry.unreadable).then(|| std::mem::take(&mut entry.text));
            *entry = Entry { text: value.expose().to_owned(), before, writer: self.process, unreadable: false };
            let token = Refresh::within(value.expose()).filter(|_| kind == "session");
            if kind == "session" {
                let family = state.processes[self.process].family.filter(|_| token.is_none());
                state.processes[self.process].has_ended = family;
            }
            if let Some(token) = token {
                // What a slow store has begun is not called back.
                let patience = if state.storage.slow_until > entered { SLOWEST_INSTALLATION } else { 0 };
                // What was installed before goes on until it is replaced.
                let is_first = !state.ledger.saved_at.contains_key(&token.family);
                if is_first && state.ledger.was_withdrawn(token.family, entered.saturating_sub(patience)) {
                    state.violate("a withdrawn login installs nothing", &format!("{token} is saved"));
                }
                state.ledger.durable.insert(token);
                let now = state.now();
                state.ledger.saved_at.entry(token.family).or_insert(now);
                let over = state.processes.iter().filter_map(|present| present.logged_out).max();
                if over >= Some(token.family) && state.is_told() {
                    state.violate("a logout is not undone", &format!("{token} is saved"));
                }
                if is_note(value.expose()) {
                    state.processes[self.process].noted.insert(token);
                }
                state.learns(self.process, token);
            }
            let what = token.map_or(String::new(), |token| format!(" with {token}"));
            state.tell_of(self.process, &format!("store     save {kind}{what}"));
        }
        self.step().await;
        Ok(())
    }

    async fn delete(&self, name: &EntryName) -> Result<(), StoreError> {
        let point = Point::Delete(Kind::of(kind(name)));
        self.reach_storage(point, 0).await?;
        {
            let mut state = self.world.state();
            let is_hidden = kind(name) == "session" && state.storage.hidden_until > state.now();
            if kind(name) == "session" {
                if !is_hidden {
                    state.storage.upgraded = None;
                }
                // A logout that waits for its turn behind others of its own process goes on without it, too.
                state.ledger.passed_over |= state.lease.is_some_and(|holder| holder != self.process);
                // What is not to be seen is not erased either; then it is over at the server. Nor is it known which token
                // goes when another process has saved one meanwhile.
                let entry = state.storage.entries.get(name.as_str()).filter(|entry| !is_hidden && !entry.unreadable);
                let token = entry.and_then(|entry| Refresh::within(&entry.text));
                let present = &mut state.processes[self.process];
                let known = token.filter(|token| present.newest.get(&token.family) == Some(token));
                present.erased = known.map(|token| token.family);
            }
            if !is_hidden && state.storage.entries.remove(name.as_str()).is_some() {
                state.tell_of(self.process, &format!("store     delete {}", kind(name)));
            }
        }
        self.step().await;
        Ok(())
    }

    async fn list(&self) -> Result<Vec<EntryName>, StoreError> {
        self.reach_storage(Point::Load(Kind::Other), 0).await?;
        let state = self.world.state();
        Ok(state.storage.entries.keys().filter_map(EntryName::parse).collect())
    }
}

fn kind(name: &EntryName) -> &str {
    name.as_str().split('.').next().unwrap_or_default()
}

fn shown(found: &Result<Option<StoredValue>, StoreError>) -> String {
    match found {
        Ok(None) => "nothing".to_owned(),
        Ok(Some(value)) => Refresh::within(value.expose()).map_or("found".to_owned(), |token| token.to_string()),
        Err(error) => error.to_string(),
    }
}

#[async_trait]
impl Lease for Ports {
    async fn acquire(&self, _: &EntryName, patience: Duration) -> Result<LeaseGuard, LeaseBusy> {
        const PAUSE: Duration = Duration::from_millis(50);
        self.step().await;
        let mut left = patience;
        loop {
            // Who is dead or suspended takes nothing.
            self.wait_while_suspended().await;
            if self.take_lease() {
                let held = Held(self.clone());
                self.step().await;
                return Ok(LeaseGuard::new(held));
            }
            if left.is_zero() {
                let mut state = self.world.state();
                state.ledger.passed_over = true;
                state.tell_of(self.process, "lease     goes on without it");
                return Err(LeaseBusy);
            }
            sleep(PAUSE.min(left)).await;
            left = left.saturating_sub(PAUSE);
        }
    }
}

struct Held(Ports);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.world.state().let_go_of_lease(self.0.process);
    }
}

impl Clock for Ports {
    fn now(&self) -> Timestamp {
        let state = self.world.state();
        Timestamp::from_unix_millis(START + signed(state.now()) + state.device.wall_offset)
    }

    fn elapsed(&self) -> Duration {
        let state = self.world.state();
        Duration::from_millis(5_000 + state.now() - state.device.booted)
    }
}

impl Random for Ports {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomUnavailable> {
        let mut dice = self.dice.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for byte in bytes {
            *byte = dice.next().to_le_bytes()[0];
        }
        Ok(())
    }
}
