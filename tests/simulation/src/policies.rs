//! Side by side: how often policies of public clients sign somebody out by accident, as *models* of those policies.
//!
//! A year of one user: four times a day the app is opened for forty seconds, in which four callers ask again and again;
//! sometimes it is killed. The faults are the same for all policies, and so is the server. A sign-out counts when neither
//! the user nor the server's own will asked for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::time::{Duration, sleep};

use crate::client::{Kind, Verb};
use crate::dice::Dice;
use crate::model::{Deviation, Policy};
use crate::run::{Driver, Running};
use crate::server::Rules;
use crate::world::{Weather, World};

/// A policy, and where it is to be seen. No code was taken from there.
struct Model {
    kind: Kind,
    name: &'static str,
    /// What the model was made after: repository, path and commit of the file, and what is in it.
    after: &'static str,
}

const fn policy(name: &'static str, after: &'static str, deviations: &'static [Deviation]) -> Model {
    Model { kind: Kind::Model(Policy { deviations }), name, after }
}

/// The name of the engine's row, and of its floor's.
pub const ENGINE: &str = "Hallpass";
/// What the engine lost in ways that no client can prevent.
pub const FLOOR: &str = "the floor, in the engine's years";

const POLICIES: &[Model] = &[
    Model { kind: Kind::Engine, name: ENGINE, after: "the engine itself" },
    policy("the rules of Hallpass, as a model", "model.rs, to see what the model adds by itself", &[]),
    policy(
        "one renewal for all who wait, tried once, no note",
        "okta/okta-mobile-swift Sources/AuthFoundation/OAuth2/OAuth2Client.swift (4fa7b87): `refresh` coalesces callers",
        &[Deviation::TakesNoLease, Deviation::KeepsNoJournal, Deviation::TriesOnce],
    ),
    policy(
        "a gate: one at a time, each tries for itself",
        "auth0/Auth0.swift Auth0/CredentialsManager.swift (568f15e): a dispatch group that each caller waits for",
        &[Deviation::TakesNoLease, Deviation::KeepsNoJournal, Deviation::TriesOnce, Deviation::SharesNoFailure],
    ),
    policy(
        "the same, and a short lifetime drops the answer",
        "auth0/Auth0.Android authentication/storage/SecureCredentialsManager.kt (b5cda34) and the file above: `LARGE_MIN_TTL`",
        &[
            Deviation::TakesNoLease,
            Deviation::KeepsNoJournal,
            Deviation::TriesOnce,
            Deviation::SharesNoFailure,
            Deviation::DropsShortLifetimes,
        ],
    ),
    policy(
        "one renewal for all, stored after it is handed out",
        "openid/AppAuth-iOS Source/OIDAuthState.m (018556d): pending actions run, and storing is the app's, by a delegate",
        &[Deviation::TakesNoLease, Deviation::KeepsNoJournal, Deviation::TriesOnce, Deviation::PublishesFirst],
    ),
    policy(
        "any error of the token endpoint ends the session",
        "the same file: each error of `OIDOAuthTokenErrorDomain` goes to `updateWithAuthorizationError`",
        &[Deviation::TakesNoLease, Deviation::KeepsNoJournal, Deviation::TriesOnce, Deviation::EndsOnAnyError],
    ),
    policy(
        "a renewal for each caller",
        "openid/AppAuth-Android library/java/net/openid/appauth/AuthState.java (047ccce): `performActionWithFreshTokens`",
        &[Deviation::TakesNoLease, Deviation::KeepsNoJournal, Deviation::TriesOnce, Deviation::RenewsPerCaller],
    ),
];

/// The faults of the comparison, each in a thousand requests.
const WEATHER: Weather = Weather {
    request_lost: 5,
    answer_lost: 5,
    truncated: 1,
    refused: 5,
    garbled: 2,
    unreachable: 20,
    late: 0,
    duplicated: 0,
    duplicated_later: 0,
    fails_afterwards: 0,
    cut_at_the_end: 0,
    latency: 300,
    offline_until: 0,
    metadata_hangs_until: 0,
};
/// In a thousand openings of the app, how many end with a kill at a step of the renewal.
const KILLS: u64 = 5;
/// In a thousand openings, in how many a caller asks for a longer life than the server gives.
const DEMANDING: u64 = 10;
const OPENINGS_A_DAY: u64 = 4;
/// For how long the server forgives a second use in the first of the two columns.
const REUSE_INTERVAL: u64 = 60_000;

/// What one policy came to.
pub struct Row {
    /// The policy.
    pub name: &'static str,
    /// What the model was made after.
    pub after: &'static str,
    /// Spurious sign-outs per 1,000 user-years: with a reuse interval of 60 s, and without one.
    pub per_thousand_years: [f64; 2],
}

/// Lets each policy whose name holds `part` live `years` years with and without a reuse interval. The row before the
/// engine's is the floor: what the engine lost in ways that no client can prevent.
pub fn compare(years: u64, part: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    for model in POLICIES.iter().filter(|model| model.name.contains(part)) {
        let [with, without] = [REUSE_INTERVAL, 0].map(|reuse_interval| live(years, model.kind, reuse_interval));
        if matches!(model.kind, Kind::Engine) {
            rows.push(Row {
                name: FLOOR,
                after: "the answer with the next token was lost for good, or the process died before it was saved",
                per_thousand_years: [with.1, without.1],
            });
        }
        rows.push(Row { name: model.name, after: model.after, per_thousand_years: [with.0, without.0] });
    }
    rows
}

/// Per 1,000 years: the spurious sign-outs, and those of them that nobody could have prevented.
fn live(years: u64, kind: Kind, reuse_interval: u64) -> (f64, f64) {
    let (next, spurious, floor) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= years {
                        return;
                    }
                    let (lost, unavoidable) = year(seed, kind, reuse_interval);
                    spurious.fetch_add(lost, Ordering::Relaxed);
                    floor.fetch_add(unavoidable, Ordering::Relaxed);
                }
            });
        }
    });
    let rate = |count: AtomicU64| count.into_inner() as f64 * 1_000.0 / years as f64;
    (rate(spurious), rate(floor))
}

/// One user's year; returns the spurious sign-outs, and those of them that nobody could have prevented.
fn year(seed: u64, kind: Kind, reuse_interval: u64) -> (u64, u64) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime without I/O needs nothing of the system");
    let rules = Rules { rotation: true, reuse_interval, ..Rules::PLAIN };
    let world = runtime.block_on(async {
        let world = Arc::new(World::new(seed, rules, false));
        let mut driver = Driver::new(Arc::clone(&world), kind, &Arc::new(AtomicU64::new(0)), 1);
        driver.open(0);
        for opening in 0..365 * OPENINGS_A_DAY {
            open_the_app(&mut driver, seed, opening).await;
        }
        driver.running.clear();
        world
    });
    drop(runtime);
    let state = world.state();
    (state.ledger.spurious, state.ledger.unavoidable())
}

async fn open_the_app(driver: &mut Driver, seed: u64, opening: u64) {
    let mut dice = Dice::of(seed, &[OPENING, opening]);
    driver.reopen_dead(Dice::of(0, &[]), true);
    let Some(running) = driver.running.first().cloned().flatten() else { return };
    if !is_signed_in(driver, &running) {
        driver.world.state().weather = Weather { latency: 100, ..Weather::default() };
        driver.log_in_aside(&running, "ada");
        sleep(Duration::from_secs(60)).await;
        driver.world.state().weather = WEATHER;
    }
    if dice.chance(KILLS) {
        let mut state = driver.world.state();
        let present = &mut state.processes[running.process];
        present.killed_at = Some(present.steps + dice.between(1, 12));
    }
    let demanding = dice.chance(DEMANDING);
    for round in 0..4 {
        // Whoever was killed is opened again at once: the user looks at the app.
        driver.reopen_dead(Dice::of(0, &[]), true);
        let Some(running) = driver.running.first().cloned().flatten() else { return };
        for caller in 0..4 {
            let min_ttl = if demanding && round == 0 && caller == 0 { 2 * 3_600 } else { 60 };
            driver.call(&running, Verb::Credentials(min_ttl), "", None);
        }
        sleep(Duration::from_secs(10)).await;
    }
    driver.reopen_dead(Dice::of(0, &[]), true);
    sleep(Duration::from_secs(6 * 3_600 - 40)).await;
}

/// Whether the stored session is one; read from where a restart would read it.
fn is_signed_in(driver: &Driver, running: &Running) -> bool {
    let state = driver.world.state();
    state.processes[running.process].last_reason.is_none() && state.storage.durable().is_some()
}

const OPENING: u64 = 30;
