//! What it costs to tell subscribers that the state has changed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use hallpass_core::adapters::SystemClock;
use hallpass_core::{Logout, Session};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::one_thread;
use crate::provider::{Direct, ISSUER, Provider, open, sign_in};
use crate::report::measured;
use crate::rounds::{Contender, Plan, compare};
use crate::store::CountingStore;

const FEW: usize = 1_000;
const MANY: usize = 10_000;

pub(super) fn take() -> Result<()> {
    let runtime = one_thread()?;
    let provider = Provider::new(ISSUER);
    let session = |runtime: &tokio::runtime::Runtime| {
        runtime.block_on(async { open(ISSUER, Direct::to(&provider), CountingStore::default(), SystemClock) })
    };
    let [none, few, many] = [0, FEW, MANY].map(|subscribers| Subscribed::new(&runtime, session(&runtime), subscribers));
    let contender = |name, subscribed: &Subscribed| {
        let subscribed = subscribed.clone();
        let runtime = &runtime;
        Contender::timed(name, move |iterations| runtime.block_on(subscribed.change(iterations)))
    };
    let timings = compare(Plan::LONG, vec![contender("none", &none), contender("few", &few), contender("many", &many)]);
    let beyond = |index: usize| timings[index].time.saturating_sub(timings[0].time).as_secs_f64();
    // Two changes an iteration.
    let each = [beyond(1) / 2_000.0, beyond(2) / 20_000.0];
    measured("states.each-of-1000.microseconds", each[0] * 1e6);
    measured("states.10000-against-1000.ratio", each[1] / each[0]);
    Ok(())
}

/// A session and how many of its changes have been seen.
#[derive(Clone)]
struct Subscribed {
    session: Session,
    subscribers: usize,
    all_have_seen: Arc<Notify>,
    _tasks: Arc<JoinSet<()>>,
}

impl Subscribed {
    fn new(runtime: &tokio::runtime::Runtime, session: Session, subscribers: usize) -> Self {
        let (seen, all_have_seen) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
        let mut tasks = JoinSet::new();
        runtime.block_on(async {
            session.restored().await.expect("an empty store can be read");
            for _ in 0..subscribers {
                let (mut states, seen, all) = (session.states(), Arc::clone(&seen), Arc::clone(&all_have_seen));
                tasks.spawn(async move {
                    // The present state is the first.
                    states.next().await;
                    while states.next().await.is_some() {
                        if (seen.fetch_add(1, Ordering::SeqCst) + 1).is_multiple_of(subscribers) {
                            all.notify_one();
                        }
                    }
                });
            }
            tokio::task::yield_now().await;
        });
        Self { session, subscribers, all_have_seen, _tasks: Arc::new(tasks) }
    }

    /// Signs in and out, and waits each time until every subscriber knows.
    async fn change(&self, iterations: u32) -> Duration {
        let start = Instant::now();
        for _ in 0..iterations {
            sign_in(&self.session).await;
            self.told().await;
            self.session.logout(Logout::default()).await.expect("what is in memory can be erased");
            self.told().await;
        }
        start.elapsed()
    }

    async fn told(&self) {
        if self.subscribers > 0 {
            self.all_have_seen.notified().await;
        }
    }
}
