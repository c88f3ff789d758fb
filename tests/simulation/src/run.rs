//! One run: a seed, from which follow a server, a device, its user's deeds and everything that goes wrong.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::time::{Duration, sleep};

use crate::client::{Client, Kind, ends_session};
use crate::dice::Dice;
use crate::ending::Cause;
use crate::finale;
use crate::ports::Ports;
use crate::scenario::{self, Beat, Edition, Plan};
use crate::script::Script;
use crate::server::Rules;
use crate::watch;
use crate::world::World;

/// What a run came to.
#[derive(Debug)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// A number that stands for everything that happened, and when.
    pub hash: u64,
    /// The invariants that did not hold: milliseconds since the run began, which, what.
    pub violations: Vec<(u64, &'static str, String)>,
    /// The story, a line an event, if it was asked for.
    pub lines: Vec<String>,
    pub(crate) floor: BTreeMap<Cause, u64>,
    pub(crate) sign_outs: BTreeMap<&'static str, u64>,
    pub(crate) renewals: u64,
    pub(crate) answers: u64,
    pub(crate) days: u64,
}

/// Runs the engine with `seed`; `readable` keeps the story.
pub fn engine(seed: u64, edition: Edition, readable: bool) -> Report {
    let plan = scenario::plan(seed, edition);
    let (rules, processes) = (plan.rules, plan.processes);
    simulate(seed, rules, Script::default(), processes, readable, async |driver| driver.play(&plan).await).0
}

/// Lets `story` drive `processes` processes of the engine in a world of its own; returns what that came to, and the script
/// with the points along the way.
pub(crate) fn simulate(
    seed: u64,
    rules: Rules,
    script: Script,
    processes: usize,
    readable: bool,
    story: impl AsyncFnOnce(&mut Driver),
) -> (Report, Script) {
    let parks = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&parks);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .on_thread_park(move || {
            counted.fetch_add(1, Ordering::Relaxed);
        })
        .build()
        .expect("a runtime without I/O needs nothing of the system");
    let (world, days) = runtime.block_on(async {
        let world = Arc::new(World::new(seed, rules, readable));
        world.state().script = script;
        let _guard = tracing::subscriber::set_default(watch::Watch::new(&world));
        story(&mut Driver::new(Arc::clone(&world), Kind::Engine, &parks, processes)).await;
        let days = world.state().now() / 86_400_000;
        (world, days)
    });
    // Everything that is still pending in dead processes goes with the runtime, and lets go of the world.
    drop(runtime);
    let world = Arc::into_inner(world).expect("nobody but the runtime's tasks shares the world");
    let state = world.into_state();
    let report = Report {
        seed,
        hash: state.trace.hash(),
        days,
        violations: state.ledger.violations,
        lines: state.trace.into_lines(),
        floor: state.ledger.floor,
        sign_outs: state.ledger.sign_outs,
        renewals: state.ledger.renewals,
        answers: state.ledger.answers,
    };
    (report, state.script)
}

/// Plays the user, the system and fate.
pub(crate) struct Driver {
    pub(crate) world: Arc<World>,
    pub(crate) kind: Kind,
    pub(crate) parks: Arc<AtomicU64>,
    /// The running process of the app and, if there is one, of the extension.
    pub(crate) running: Vec<Option<Running>>,
    pub(crate) callers: u64,
    /// Callers that wait for an answer, by number: which process they belong to.
    pub(crate) waiting: Arc<std::sync::Mutex<BTreeMap<u64, usize>>>,
}

#[derive(Clone)]
pub(crate) struct Running {
    pub(crate) process: usize,
    pub(crate) client: Client,
    ports: Ports,
}

pub(crate) const AUDIENCES: [&str; 3] = ["", "reports", "files"];
const NAMES: [&str; 2] = ["app", "extension"];

impl Driver {
    /// A driver of `processes` processes, none of which is open yet.
    pub(crate) fn new(world: Arc<World>, kind: Kind, parks: &Arc<AtomicU64>, processes: usize) -> Self {
        Self {
            world,
            kind,
            parks: Arc::clone(parks),
            running: vec![None; processes],
            callers: 0,
            waiting: Arc::default(),
        }
    }

    async fn play(&mut self, plan: &Plan) {
        {
            let mut state = self.world.state();
            state.tell(&format!("server    {:?}", plan.rules));
            state.device.server_offset = plan.server_offset;
            state.device.wall_offset = plan.wall_offset;
            state.weather.latency = 200;
        }
        for place in 0..plan.processes {
            self.open(place);
        }
        self.log_in(0, "ada").await;
        self.world.state().weather = plan.weather;
        for (number, beat) in plan.beats.iter().enumerate() {
            self.reopen_dead(Dice::of(self.world.seed, &[REOPEN, number as u64]), false);
            self.beat(beat, number as u64).await;
            sleep(Duration::from_millis(beat.pause)).await;
            self.look();
        }
        finale::play(self).await;
    }

    async fn beat(&mut self, beat: &Beat, number: u64) {
        use scenario::Deed;
        let place = beat.place;
        let Some(running) = self.running.get(place).cloned().flatten() else { return };
        match beat.deed {
            Deed::Callers { count, seed } => self.callers(&running, count, Dice::of(self.world.seed, &[CALLERS, seed])),
            Deed::Login(user) => self.log_in_aside(&running, user),
            Deed::Logout => self.log_out(&running),
            Deed::Kill => self.world.state().kill(running.process, "is killed"),
            Deed::KillSoon(steps) => {
                let mut state = self.world.state();
                let present = &mut state.processes[running.process];
                present.killed_at = Some(present.steps + steps);
            }
            Deed::Suspend(millis) => {
                self.world.state().suspend(running.process, millis);
            }
            Deed::SuspendSoon(steps, millis) => {
                let mut state = self.world.state();
                let present = &mut state.processes[running.process];
                present.frozen_at = Some((present.steps + steps, millis));
            }
            Deed::LoginAcrossDeath(user) => {
                drop(running);
                self.log_in_across_death(place, user).await;
            }
            Deed::AskAfterExpiry { anew } => {
                drop(running);
                self.ask_after_expiry(place, anew, number).await;
            }
            Deed::Race { user, then, after } => {
                drop(running);
                self.race(place, user, then, after).await;
            }
            Deed::CallInVain(calls) => {
                drop(running);
                self.call_in_vain(place, calls).await;
            }
            Deed::AskForTenants(count) => {
                drop(running);
                self.ask_for_tenants(place, count).await;
            }
            Deed::OpenLocked(millis) => {
                drop(running);
                self.open_locked(place, millis);
            }
            Deed::SecondSession => {
                if !running.client.refuses_a_second(&running.ports) {
                    self.world.state().violate("one session an account", "a second one was opened");
                }
            }
            Deed::World(change) => {
                let mut state = self.world.state();
                scenario::change(&mut state, change);
            }
        }
    }

    /// Opens a process in the place of the app or of the extension.
    pub(crate) fn open(&mut self, place: usize) {
        let process = self.world.state().start(NAMES[place]);
        let ports = Ports::new(&self.world, process);
        match Client::open(self.kind, &ports) {
            Ok(client) => {
                if let Some(mut events) = client.events() {
                    let world = Arc::clone(&self.world);
                    tokio::spawn(async move {
                        while let Some(event) = events.next().await {
                            let mut state = world.state();
                            if !state.processes[process].alive {
                                continue;
                            }
                            state.tell_of(process, &format!("event     {event:?}"));
                            state.check_shown(&format!("{event:?}"));
                            if let Some(reason) = ends_session(event) {
                                state.check_sign_out(process, reason);
                            }
                        }
                    });
                }
                self.watch_states(process, &client);
                self.expect_an_interrupted_renewal(process);
                self.running[place] = Some(Running { process, client, ports });
            }
            Err(error) => self.world.state().violate("a session opens", error.code()),
        }
    }

    /// Looks at each state that everybody can see.
    fn watch_states(&self, process: usize, client: &Client) {
        let Some(mut states) = client.states() else { return };
        let world = Arc::clone(&self.world);
        tokio::spawn(async move {
            while let Some(seen) = states.next().await {
                world.state().check_seen(process, &seen, &format!("{seen:?}"));
            }
        });
    }

    /// A process that finds a renewal begun and not ended finishes it at once (rule 4), if nothing keeps it.
    fn expect_an_interrupted_renewal(&self, process: usize) {
        let (begun, token) = {
            let mut state = self.world.state();
            let noted = state.storage.note().map(|(token, _)| token);
            state.processes[process].found_noted = noted;
            (state.now(), noted)
        };
        let Some(token) = token else { return };
        let world = Arc::clone(&self.world);
        tokio::spawn(async move {
            sleep(RESUMED).await;
            let mut state = world.state();
            let present = &state.processes[process];
            let was_suspended = present.frozen_until > begun;
            // A store that shows nothing, or lost its key, has no renewal to finish; the next caller who needs one asks
            // again.
            let was_hidden = present.found_hidden || state.ledger.invalidated;
            let excused =
                !present.alive || present.hindered || was_suspended || was_hidden || !present.read_of.contains(&token);
            let lasts = state.storage.note().is_some_and(|(noted, _)| noted == token);
            if !excused && !present.has_renewed && lasts {
                state.violate("an interrupted renewal is finished", "the process was opened and did not try");
            }
        });
    }

    /// Opens anew what was killed, at the latest when `all` are needed.
    pub(crate) fn reopen_dead(&mut self, mut dice: Dice, all: bool) {
        for place in 0..self.running.len() {
            let Some(running) = &self.running[place] else { continue };
            let dead = !self.world.state().processes[running.process].alive;
            if dead && (all || dice.chance(600)) {
                self.running[place] = None;
                self.open(place);
            }
        }
    }

    /// Looks at what everybody can see.
    pub(crate) fn look(&self) {
        for running in self.running.iter().flatten() {
            if let Some((seen, shown)) = running.client.state() {
                self.world.state().check_seen(running.process, &seen, &format!("{seen:?} {shown}"));
            }
        }
    }
}

const REOPEN: u64 = 10;
const CALLERS: u64 = 11;

/// By then a process has read the record, waited for the lease, asked for metadata, and begun to renew.
const RESUMED: Duration = Duration::from_secs(180);

pub(crate) fn lock<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
