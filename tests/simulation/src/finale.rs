//! The end of a run: with all faults over, everything has to come right by itself.

use std::sync::atomic::Ordering;

use hallpass_core::{Error, LoginReason};
use tokio::time::{Duration, sleep};

use crate::asking::OF_ITS_OWN;
use crate::client::Verb;
use crate::dice::Dice;
use crate::run::{Driver, Running, lock};
use crate::token::Refresh;
use crate::world::Weather;

/// Longer than any server may ask to wait, and than any request or lease may take.
const CALM: Duration = Duration::from_secs(2 * 60 * 60);
/// By then every caller has an answer: the longest a renewal waits for a lease, a suspended process and the network.
const ANSWERED: Duration = Duration::from_secs(30 * 60);
const IDLE: Duration = Duration::from_secs(24 * 60 * 60);
/// Tokio's timer wheel wakes a few times on its way to one distant deadline.
const WAKE_UPS_OF_ONE_TIMER: u64 = 12;

pub(crate) async fn play(driver: &mut Driver) {
    {
        let mut state = driver.world.state();
        state.tell("world     all faults are over");
        state.weather = Weather { latency: 100, ..Weather::default() };
        state.server.rules.rate_limit = None;
        state.storage.repair();
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
        a_session_that_the_server_honours_works(driver, process).await;
    }
    nothing_is_lost(driver);
    idle_means_idle(driver).await;
    requests_are_bounded(driver);
    if let Some(first) = running.first() {
        a_login_helps(driver, first).await;
    }
    drop(running);
    a_login_outlives_the_process(driver).await;
    driver.running.clear();
}

fn everybody_is_answered(driver: &Driver) {
    let waiting = lock(&driver.waiting).clone();
    let mut state = driver.world.state();
    for (caller, process) in waiting {
        if state.processes[process].alive {
            state.violate("every caller is answered", &format!("caller {caller} still waits"));
        }
    }
}

async fn a_session_that_the_server_honours_works(driver: &mut Driver, running: &Running) {
    let honoured = {
        let state = driver.world.state();
        let now = state.now();
        // What the process would find, or holds already; unless it knows of a later login.
        let present = &state.processes[running.process];
        let counts = |token: Refresh| {
            present.newest.keys().copied().chain(present.login).all(|family| family <= token.family)
                && present.logged_out < Some(token.family)
        };
        state.storage.durable().is_some_and(|token| counts(token) && state.server.honours(token, now))
    };
    let audience = "";
    let ask = || tokio::time::timeout(ANSWERED, running.client.answer(Verb::Renew, audience, 0));
    let mut outcome = ask().await;
    // Who asked for the user before is told that another one has signed in, and is served when asking again.
    if matches!(outcome, Ok(Err(Error::LoginRequired { reason: LoginReason::LoggedOut }))) {
        outcome = ask().await;
    }
    let mut state = driver.world.state();
    match outcome {
        Err(_) => state.violate("every caller is answered", "no answer in half an hour without faults"),
        Ok(Ok(answered)) => {
            state.tell_of(running.process, "liveness  works");
            if let Some(token) = answered.access_token {
                let asked = state.asked(running.process, running.client.user(), audience);
                state.check_access_token(running.process, &token, &asked);
            }
        }
        Ok(Err(error)) => {
            state.tell_of(running.process, &format!("liveness  {}", error.code()));
            if honoured {
                let what = format!("the server honours the stored session, the caller gets `{}`", error.code());
                state.violate("usable within one renewal", &what);
            }
            state.check_error(running.process, &error);
        }
    }
}

/// A token that reached a process which is still there is in the store, or one that came after it.
fn nothing_is_lost(driver: &Driver) {
    let mut state = driver.world.state();
    let Some(durable) = state.storage.durable() else { return };
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

/// Each verb, each start and each repeat of the finale is good for two requests, and each token that a process had no
/// answer to, or found noted, for as many as it may send of its own.
fn requests_are_bounded(driver: &Driver) {
    let mut state = driver.world.state();
    let verbs = state.ledger.verbs + state.processes.len() as u64 + driver.running.len() as u64;
    let renewals = state.ledger.renewals;
    let doubts: usize = state.processes.iter().map(|present| present.losses.len()).sum();
    if renewals > 2 * verbs + OF_ITS_OWN * doubts as u64 {
        state.violate("no storm", &format!("{renewals} renewals for {verbs} verbs and starts, {doubts} doubts"));
    }
}

async fn a_login_helps(driver: &mut Driver, running: &Running) {
    driver.log_in_aside(running, "ada");
    sleep(Duration::from_secs(60)).await;
    let outcome = tokio::time::timeout(ANSWERED, running.client.answer(Verb::Credentials(60), "", 0)).await;
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
