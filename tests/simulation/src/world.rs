//! The world that a run takes place in: time, storage, network, server, and the processes of one device.
//!
//! There is one world a run, behind one lock that is never held over an await. What processes ask of it goes through
//! their ports (`ports.rs`); what the user and chance do to it comes from the driver (`run.rs`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::{Duration, Instant};

use crate::asking::{Loss, Lost};
use crate::dice::Dice;
use crate::ledger::Ledger;
use crate::script::{Fault, Point, Script};
use crate::server::{Rules, Server};
use crate::storage::Storage;
use crate::token::Refresh;
use crate::trace::Trace;

/// 2026-01-01T00:00:00Z, in milliseconds since the epoch.
pub(crate) const START: i64 = 1_767_225_600_000;

pub(crate) struct World {
    pub(crate) seed: u64,
    state: Mutex<State>,
}

pub(crate) struct State {
    pub(crate) seed: u64,
    begun: Instant,
    pub(crate) trace: Trace,
    pub(crate) server: Server,
    pub(crate) storage: Storage,
    pub(crate) weather: Weather,
    pub(crate) device: DeviceClock,
    /// The process that holds the lease.
    pub(crate) lease: Option<usize>,
    /// The process that let go of it last, and when.
    pub(crate) lease_let_go: Option<(usize, u64)>,
    pub(crate) processes: Vec<Process>,
    pub(crate) ledger: Ledger,
    pub(crate) script: Script,
}

/// How likely a request is to meet which fate, each in a thousand; the rest arrives.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Weather {
    pub(crate) request_lost: u64,
    pub(crate) answer_lost: u64,
    pub(crate) truncated: u64,
    pub(crate) refused: u64,
    pub(crate) garbled: u64,
    pub(crate) unreachable: u64,
    pub(crate) late: u64,
    pub(crate) duplicated: u64,
    pub(crate) duplicated_later: u64,
    pub(crate) fails_afterwards: u64,
    pub(crate) cut_at_the_end: u64,
    /// The longest a message travels one way, in milliseconds.
    pub(crate) latency: u64,
    pub(crate) offline_until: u64,
    pub(crate) metadata_hangs_until: u64,
}

/// The clocks of the device, as offsets to true time in milliseconds.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct DeviceClock {
    pub(crate) wall_offset: i64,
    pub(crate) booted: u64,
    pub(crate) server_offset: i64,
    pub(crate) set_back: bool,
    pub(crate) set_forward: bool,
    pub(crate) rebooted: bool,
}

impl DeviceClock {
    /// Whether nobody can tell the age of what was received before: the wall clock was set back *and* the clock of the
    /// boot began anew. One of them alone misleads no client.
    pub(crate) fn is_lost(&self) -> bool {
        self.set_back && self.rebooted
    }

    /// Whether what was received before may look older than it is, by the same two.
    pub(crate) fn may_age(&self) -> bool {
        self.set_forward && self.rebooted
    }
}

/// One process, from its start to its death.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) name: &'static str,
    pub(crate) alive: bool,
    /// Suspended until this instant.
    pub(crate) frozen_until: u64,
    /// How many steps it has made at its ports, and the one at which it is killed.
    pub(crate) steps: u64,
    pub(crate) killed_at: Option<u64>,
    /// The step at which it is suspended, and for how long.
    pub(crate) frozen_at: Option<(u64, u64)>,
    /// How many requests it has sent.
    pub(crate) requests: u64,
    /// The newest token of each family that it has seen: read, saved or received.
    pub(crate) newest: BTreeMap<usize, Refresh>,
    /// The latest family that it has seen.
    pub(crate) family: Option<usize>,
    pub(crate) presented: Option<Refresh>,
    /// Renewals in the air, by token and audience.
    pub(crate) renewals: BTreeSet<(Refresh, String)>,
    /// What there was no answer to.
    pub(crate) losses: BTreeMap<Lost, Loss>,
    /// The token that was noted in the store when it started, or when it read a record first.
    pub(crate) found_noted: Option<Refresh>,
    /// How many requests that are no renewals it waits for.
    pub(crate) asks_otherwise: u64,
    /// When it had the last outcome of one of those.
    pub(crate) asked_otherwise_at: u64,
    /// When the store last refused it something.
    pub(crate) refused_at: Option<u64>,
    /// Whether it ever sent a renewal, and whether a store or a network ever failed it.
    pub(crate) has_renewed: bool,
    pub(crate) hindered: bool,
    /// The families up to this one ended here with a logout: the erased ones, and once the logout has returned.
    pub(crate) erased: Option<usize>,
    pub(crate) logged_out: Option<usize>,
    /// Until when the server told it to wait, when it did, and until when a client may add to that.
    pub(crate) told_until: u64,
    pub(crate) told_at: u64,
    pub(crate) may_wait_until: u64,
    /// The latest login whose tokens it was given.
    pub(crate) login: Option<usize>,
    /// The tokens about which it noted that it would send them, and those about which it read that of another process.
    pub(crate) noted: BTreeSet<Refresh>,
    pub(crate) read_of: BTreeSet<Refresh>,
    /// It was suspended once: a request may have been given up before it left.
    pub(crate) was_suspended: bool,
    /// It gave up a request that had not left yet, which it cannot know.
    pub(crate) gave_up_unsent: bool,
    /// When it last read the record.
    pub(crate) read_at: Option<u64>,
    /// When it last read a record with which nothing can be asked: the session is over, or a newer version wrote it.
    pub(crate) nothing_to_ask_at: Option<u64>,
    /// The token of which it was told that it is over, and which it has not asked with since.
    pub(crate) second_ask_due: Option<Refresh>,
    /// The token of which it was told that it is over, and when.
    pub(crate) told_over: Option<(Refresh, u64)>,
    /// It once read the store while the record was not to be seen.
    pub(crate) found_hidden: bool,
    /// It once read the store and there was no record.
    pub(crate) found_nothing: bool,
    pub(crate) last_reason: Option<hallpass_core::LoginReason>,
    /// The session whose end it has saved itself.
    pub(crate) has_ended: Option<usize>,
}

/// Whether a process may go on.
pub(crate) enum Gate {
    Open,
    Frozen(Instant),
    Dead,
}

impl World {
    pub(crate) fn new(seed: u64, rules: Rules, readable: bool) -> Self {
        let begun = Instant::now();
        let state = State {
            seed,
            begun,
            trace: Trace::new(readable),
            server: Server::new(rules, seed),
            storage: Storage::default(),
            weather: Weather::default(),
            device: DeviceClock::default(),
            lease: None,
            lease_let_go: None,
            processes: Vec::new(),
            ledger: Ledger::default(),
            script: Script::default(),
        };
        Self { seed, state: Mutex::new(state) }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn into_state(self) -> State {
        self.state.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Milliseconds of true time since the run began.
    pub(crate) fn now(&self) -> u64 {
        millis(self.begun.elapsed())
    }

    pub(crate) fn tell(&mut self, line: &str) {
        let now = self.now();
        self.trace.add(now, line);
    }

    pub(crate) fn tell_of(&mut self, process: usize, line: &str) {
        let line = format!("{:<9} {line}", self.processes[process].name);
        self.tell(&line);
    }

    /// An invariant does not hold.
    pub(crate) fn violate(&mut self, rule: &'static str, what: &str) {
        self.tell(&format!("VIOLATION {rule}: {what}"));
        let now = self.now();
        self.ledger.violations.push((now, rule, what.to_owned()));
    }

    /// Starts a process and returns its number.
    pub(crate) fn start(&mut self, name: &'static str) -> usize {
        self.processes.push(Process {
            name,
            alive: true,
            frozen_until: 0,
            steps: 0,
            killed_at: None,
            frozen_at: None,
            requests: 0,
            newest: BTreeMap::new(),
            family: None,
            presented: None,
            renewals: BTreeSet::new(),
            losses: BTreeMap::new(),
            found_noted: None,
            asks_otherwise: 0,
            asked_otherwise_at: 0,
            refused_at: None,
            has_renewed: false,
            hindered: false,
            erased: None,
            logged_out: None,
            told_until: 0,
            told_at: 0,
            may_wait_until: 0,
            login: None,
            noted: BTreeSet::new(),
            read_of: BTreeSet::new(),
            was_suspended: false,
            gave_up_unsent: false,
            read_at: None,
            nothing_to_ask_at: None,
            second_ask_due: None,
            told_over: None,
            found_hidden: false,
            found_nothing: false,
            last_reason: None,
            has_ended: None,
        });
        let process = self.processes.len() - 1;
        self.tell_of(process, &format!("starts as process {process}"));
        process
    }

    /// Whether a process may go on.
    pub(crate) fn gate(&self, process: usize) -> Gate {
        let present = &self.processes[process];
        if !present.alive {
            Gate::Dead
        } else if present.frozen_until > self.now() {
            Gate::Frozen(self.begun + Duration::from_millis(present.frozen_until))
        } else {
            Gate::Open
        }
    }

    /// A process makes a step at one of its ports; it may be its last.
    pub(crate) fn step(&mut self, process: usize) -> Gate {
        let gate = self.gate(process);
        if !matches!(gate, Gate::Open) {
            return gate;
        }
        match self.script.pass(Point::Step) {
            Some(Fault::Kill) => {
                self.kill(process, "is killed in the middle of its work");
                return Gate::Dead;
            }
            Some(Fault::Suspend(millis)) => {
                self.suspend(process, millis);
                return self.gate(process);
            }
            Some(_) | None => {}
        }
        let present = &mut self.processes[process];
        present.steps += 1;
        if present.killed_at.is_some_and(|last| present.steps >= last) {
            self.kill(process, "is killed in the middle of its work");
            return Gate::Dead;
        }
        if let Some((_, millis)) = present.frozen_at.take_if(|(step, _)| present.steps >= *step) {
            self.suspend(process, millis);
            return self.gate(process);
        }
        Gate::Open
    }

    /// A process does nothing for a while.
    pub(crate) fn suspend(&mut self, process: usize, millis: u64) {
        let until = self.now() + millis;
        self.tell_of(process, &format!("is suspended for {millis} ms"));
        let present = &mut self.processes[process];
        present.frozen_until = until.max(present.frozen_until);
        present.was_suspended = true;
    }

    /// What `process` held of the lease is free again.
    pub(crate) fn let_go_of_lease(&mut self, process: usize) {
        if self.lease == Some(process) {
            self.lease = None;
            self.lease_let_go = Some((process, self.now()));
        }
    }

    /// Ends a process: nothing that it still wants happens, and what it held is released by the system.
    pub(crate) fn kill(&mut self, process: usize, how: &str) {
        if !std::mem::replace(&mut self.processes[process].alive, false) {
            return;
        }
        self.tell_of(process, how);
        self.let_go_of_lease(process);
        // It may have noted its intent, and nobody else knows how far it came.
        let known: Vec<Refresh> =
            self.processes[process].newest.values().copied().chain(self.storage.durable()).collect();
        for token in known {
            self.ledger.attempted(token, process, true);
        }
    }

    /// The server's clock in seconds since the epoch.
    pub(crate) fn server_unix(&self) -> i64 {
        (START + signed(self.now()) + self.device.server_offset).div_euclid(1_000)
    }

    /// A process learns of a token: by reading, saving or receiving it.
    pub(crate) fn learns(&mut self, process: usize, token: Refresh) {
        let present = &mut self.processes[process];
        present.family = Some(token.family);
        let newest = present.newest.entry(token.family).or_insert(token);
        *newest = (*newest).max(token);
    }

    /// Dice for one event of a process.
    pub(crate) fn dice(&self, key: &[u64]) -> Dice {
        Dice::of(self.seed, key)
    }
}

pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

pub(crate) fn signed(millis: u64) -> i64 {
    i64::try_from(millis).unwrap_or(i64::MAX)
}
