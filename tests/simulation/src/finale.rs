//! The end of a run: with all faults over, everything has to come right by itself.

use std::sync::atomic::Ordering;

use hallpass_core::{Error, LoginReason, State};
use tokio::time::error::Elapsed;
use tokio::time::{Duration, sleep};

use crate::asking::OF_ITS_OWN;
use crate::client::{Answered, Verb};
use crate::dice::Dice;
use crate::run::{Driver, Running, lock};
use crate::token::Refresh;
use crate::world::Weather;

/// Longer than any server may ask to wait, and than any request or lease may take.
const CALM: Duration = Duration::from_secs(2 * 60 * 60);
/// By then every caller has an answer: the longest a renewal waits for a lease, a suspended process and the network.
const ANSWERED: Duration = Duration::from_secs(30 * 60);
/// How many requests a renewal may take: another one, when the first meets an endpoint that has moved.
const AT_MOST: u64 = 2;
const IDLE: Duration = Duration::from_secs(24 * 60 * 60);
/// Tokio's timer wheel wakes a few times on its way to one distant deadline.
const WAKE_UPS_OF_ONE_TIMER: u64 = 12;

pub(crate) async fn play(driver: &mut Driver) {
    {
        let mut state = driver.world.state();
        state.tell("world     all faults are over");
        state.weather = Weather { latency: 100, ..Weather::default() };
        state.server.rules.rate_limit = None;
        (state.server.rules.odd, state.server.rules.hiccups) = (0, 0);
        (state.server.refuses_until, state.server.api_refuses_until) = (0, 0);
        (state.server.denied, state.server.next_oddity) = (None, None);
        let now = state.now();
        state.storage.repair(now);
        for present in &mut state.processes {
            (present.killed_at, present.frozen_at) = (None, None);
        }
    }
    driver.reopen_dead(Dice::of(0, &[]), true);
    let asleep = {
        let state = driver.world.state();
        let last = state.processes.iter().map(|present| present.frozen_until).max().unwrap_or_default();
        Duration::from_millis(last.saturating_sub(state.now()))
    };
    sleep(asleep + CALM).await;
    driver.look();
    everybody_is_answered(driver);
    let running: Vec<Running> = driver.running.iter().flatten().cloned().collect();
    for process in &running {
        let works = a_session_that_the_server_honours_works(driver, process).await;
        nobody_is_left_without_a_next_step(driver, process, works).await;
    }
    nothing_is_lost(driver);
    driver.world.state().check_withdrawn_logins();
    idle_means_idle(driver).await;
    requests_are_bounded(driver);
    if let Some(first) = running.first() {
        a_login_helps(driver, first).await;
    }
    drop(running);
    a_login_outlives_the_process(driver).await;
    driver.running.clear();
}

/// What is over before a request arrives is not honoured. In milliseconds.
const A_MOMENT: u64 = 10_000;

fn everybody_is_answered(driver: &Driver) {
    let waiting = lock(&driver.waiting).clone();
    let mut state = driver.world.state();
    for (caller, process) in waiting {
        if state.processes[process].alive {
            state.violate("every caller is answered", &format!("caller {caller} still waits"));
        }
    }
}

/// Asks twice: what the first answer brought has to be good for the next one. Returns whether it was.
async fn a_session_that_the_server_honours_works(driver: &mut Driver, running: &Running) -> bool {
    for time in ["usable within one renewal", "usable once more"] {
        let (honoured, before) = {
            let state = driver.world.state();
            (state.is_honoured(running.process), state.ledger.renewals)
        };
        let mut outcome = ask(driver, running).await;
        // Who asked for the user before is told that another one has signed in, and is served when asking again.
        if matches!(outcome, Ok(Err(Error::LoginRequired { reason: LoginReason::LoggedOut }))) {
            outcome = ask(driver, running).await;
        }
        let mut state = driver.world.state();
        let requests = state.ledger.renewals - before;
        match outcome {
            Err(_) => {
                state.violate("every caller is answered", "no answer in half an hour without faults");
                return false;
            }
            Ok(Ok(answered)) => {
                state.tell_of(running.process, "liveness  works");
                if let Some(token) = answered.access_token {
                    let asked = state.asked(running.process, running.client.user(), "");
                    state.check_access_token(running.process, &token, &asked);
                }
                if requests > AT_MOST {
                    state.violate(time, &format!("it took {requests} requests"));
                }
            }
            Ok(Err(error)) => {
                state.tell_of(running.process, &format!("liveness  {}", error.code()));
                if honoured {
                    let what = format!("the server honours the stored session, the caller gets `{}`", error.code());
                    state.violate(time, &what);
                }
                state.check_error(running.process, &error);
                return false;
            }
        }
    }
    true
}

/// Renews, as a caller who has half an hour.
async fn ask(driver: &Driver, running: &Running) -> Result<hallpass_core::Result<Answered>, Elapsed> {
    driver.world.state().ledger.verbs += 1;
    tokio::time::timeout(ANSWERED, running.client.answer(Verb::Renew, "", 0)).await
}

/// A session that works is told as such, and for any other a login is offered: at the latest after some more tries.
async fn nobody_is_left_without_a_next_step(driver: &mut Driver, running: &Running, works: bool) {
    let seen = running.client.state().map(|(seen, _)| seen);
    if works && seen.is_some_and(|seen| seen.user().is_some() && !offers_a_login(&seen)) {
        return;
    }
    for pause in [0, 5, 30, 180, 600, 1_500] {
        sleep(Duration::from_secs(pause)).await;
        let works = if driver.world.state().server.rules.offline_access {
            matches!(ask(driver, running).await, Ok(Ok(_)))
        } else {
            running.client.answer(Verb::Credentials(60), "", 0).await.is_ok()
        };
        let Some((seen, _)) = running.client.state() else { return };
        let offers_a_login = offers_a_login(&seen);
        if works && seen.user().is_some() && !offers_a_login || !works && offers_a_login {
            return;
        }
    }
    let seen = running.client.state().map(|(_, shown)| shown).unwrap_or_default();
    driver.world.state().violate("nobody is left without a next step", &format!("the app is shown {seen}"));
}

fn offers_a_login(seen: &State) -> bool {
    match seen {
        State::SignedOut { .. } | State::LoginRequired { .. } => true,
        State::SignedIn { .. } | State::Restoring { .. } => false,
    }
}

impl crate::world::State {
    /// Whether the server takes what `process` would find in the store, or holds already; unless it knows of a later login.
    fn is_honoured(&self, process: usize) -> bool {
        let present = &self.processes[process];
        let counts = |token: Refresh| {
            present.newest.keys().copied().chain(present.login).all(|family| family <= token.family)
                && !self.was_ended_by_the_user(token.family)
        };
        // With the clock set back and the device restarted, a logout of before may look like one of after the login.
        !self.device.is_lost()
            && self
                .storage
                .durable()
                .is_some_and(|token| counts(token) && self.server.honours(token, self.now() + A_MOMENT))
    }
}

/// A token that reached a process which is still there is in the store, or one that came after it.
fn nothing_is_lost(driver: &Driver) {
    let mut state = driver.world.state();
    let Some(durable) = state.storage.durable().filter(|_| !state.ledger.vanished) else { return };
    // A logout of which the store took no word, or whose word it lost, is undone by a process that has not heard of it.
    if state.is_unheard(durable.family) {
        return;
    }
    for running in driver.running.iter().flatten() {
        let newest = state.processes[running.process].newest.get(&durable.family).copied();
        if let Some(newest) = newest.filter(|newest| newest.generation > durable.generation) {
            state.violate("no token is lost", &format!("{newest} reached the process, the store has {durable}"));
        }
    }
}

async fn idle_means_idle(driver: &Driver) {
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    sleep(Duration::from_secs(600)).await;
    let (before, parks) = (tasks(), driver.parks.load(Ordering::Relaxed));
    sleep(IDLE).await;
    let wake_ups = driver.parks.load(Ordering::Relaxed) - parks;
    let mut state = driver.world.state();
    if wake_ups > WAKE_UPS_OF_ONE_TIMER || tasks() != before {
        state.violate("idle means no timer", &format!("{wake_ups} wake-ups in a day"));
    }
}

/// Each verb and each start is good for two requests, each token that a process had no answer to, or found noted, for as
/// many as it may send of its own, and each `invalid_grant` for one.
fn requests_are_bounded(driver: &Driver) {
    let mut state = driver.world.state();
    let verbs = state.ledger.verbs + state.processes.len() as u64;
    let renewals = state.ledger.renewals;
    let doubts: usize = state.processes.iter().map(|present| present.losses.len()).sum();
    if renewals > 2 * verbs + OF_ITS_OWN * doubts as u64 + state.ledger.invalid_grants {
        state.violate("no storm", &format!("{renewals} renewals for {verbs} verbs and starts, {doubts} doubts"));
    }
}

async fn a_login_helps(driver: &mut Driver, running: &Running) {
    driver.log_in_aside(running, "ada");
    // Sooner than any access token expires.
    sleep(Duration::from_secs(10)).await;
    let outcome = tokio::time::timeout(ANSWERED, running.client.answer(Verb::Credentials(0), "", 0)).await;
    if !matches!(outcome, Ok(Ok(_))) {
        driver.world.state().violate("a login helps", "no token after a login without faults");
    }
}

/// The app dies while the browser is open, and the next process gets the callback (rule 12).
async fn a_login_outlives_the_process(driver: &mut Driver) {
    driver.log_in_across_death(0, "grace").await;
    sleep(Duration::from_secs(60)).await;
    let user = driver.running[0].as_ref().and_then(|running| running.client.user());
    if user.as_deref() != Some("grace") {
        driver.world.state().violate("a login outlives the process", "the next process did not finish it");
    }
}
