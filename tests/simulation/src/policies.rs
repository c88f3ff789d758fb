//! Side by side: how often policies of public SDKs sign somebody out by accident, as *models* of those policies.
//!
//! A year of one user: four times a day the app is opened by several callers at once, and sometimes killed. The faults
//! are the same for all policies, and so is the server. A sign-out counts when the server's own will did not ask for it.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use tokio::time::{Duration, sleep};

use crate::client::{Kind, Verb};
use crate::dice::Dice;
use crate::ledger::Cause;
use crate::model::{Deviation, Policy};
use crate::run::{Driver, Running};
use crate::server::Rules;
use crate::world::{Weather, World};

/// A policy, and where it is to be seen.
struct Model {
    kind: Kind,
    name: &'static str,
    /// What the model was made after.
    after: &'static str,
}

const fn policy(name: &'static str, after: &'static str, deviations: &'static [Deviation]) -> Model {
    Model { kind: Kind::Model(Policy { name, deviations }), name, after }
}

/// The model that keeps all rules.
const CORRECT: Policy = Policy { name: "the sixteen rules, as a model", deviations: &[] };

const POLICIES: &[Model] = &[
    Model { kind: Kind::Engine, name: "Hallpass", after: "the engine itself" },
    Model { kind: Kind::Model(CORRECT), name: "the sixteen rules, as a model", after: "model.rs" },
    policy("renewal per caller, no coordination", "a pattern", &[Deviation::RenewsPerCaller, Deviation::TakesNoLease]),
    policy("mutex gate without shared failure", "a pattern", &[Deviation::SharesNoFailure]),
    policy("single flight, no second try, no journal", "a pattern", &[Deviation::TriesOnce, Deviation::KeepsNoJournal]),
    policy("single flight, stores after publishing", "a pattern", &[Deviation::PublishesFirst]),
    policy("any 4xx signs out", "a pattern", &[Deviation::EndsOnClientError]),
    policy("a lifetime below the minimum drops the answer", "DESIGN.md", &[Deviation::DropsShortLifetimes]),
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
    latency: 300,
    offline_until: 0,
};
/// In a thousand openings of the app, how many end with a kill at a step of the renewal.
const KILLS: u64 = 5;
const OPENINGS_A_DAY: u64 = 4;

/// What one policy came to at one server.
pub struct Row {
    /// The policy.
    pub name: &'static str,
    /// What the model was made after.
    pub after: &'static str,
    /// Spurious sign-outs per 1,000 user-years: with a reuse interval of 60 s, and without one.
    pub per_thousand_years: [f64; 2],
    /// The part of it that nobody could have prevented.
    pub floor: [f64; 2],
}

/// Lets each policy live `years` years with and without a reuse interval.
pub fn compare(years: u64) -> impl Iterator<Item = Row> {
    POLICIES.iter().map(move |model| {
        let measure = |reuse_interval| {
            let (mut spurious, mut floor) = (0, 0);
            for seed in 0..years {
                let (lost, unavoidable) = year(seed, model.kind, reuse_interval);
                spurious += lost;
                floor += unavoidable;
            }
            let rate = |count: u64| f64::from(u32::try_from(count).unwrap_or(u32::MAX)) * 1_000.0 / years as f64;
            (rate(spurious), rate(floor))
        };
        let (with, without) = (measure(60_000), measure(0));
        Row {
            name: model.name,
            after: model.after,
            per_thousand_years: [with.0, without.0],
            floor: [with.1, without.1],
        }
    })
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
    let unavoidable =
        state.ledger.floor.iter().filter(|(cause, _)| **cause != Cause::Avoidable).map(|(_, count)| count);
    (state.ledger.spurious, unavoidable.sum())
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
    for _ in 0..4 {
        driver.call(&running, Verb::Credentials(60), "", None);
    }
    sleep(Duration::from_secs(40)).await;
    // Whoever was killed is opened again soon: the user looks at the app.
    driver.reopen_dead(Dice::of(0, &[]), true);
    sleep(Duration::from_secs(6 * 3_600 - 40)).await;
}

/// Whether the stored session is one; read from where a restart would read it.
fn is_signed_in(driver: &Driver, running: &Running) -> bool {
    let state = driver.world.state();
    state.processes[running.process].last_reason.is_none() && state.storage.durable().is_some()
}

const OPENING: u64 = 30;
