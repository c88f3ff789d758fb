//! A hit of `credentials()`, against the physical limit: one reading of the clock.

use std::hint::black_box;
use std::sync::Barrier;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Result;
use hallpass_core::adapters::SystemClock;
use hallpass_core::{MinTtl, Session};
use tokio::runtime::Runtime;

use super::one_thread;
use crate::allocations::count;
use crate::provider::{Direct, ISSUER, Provider, config, open, sign_in};
use crate::report::{counted, measured};
use crate::rounds::{Contender, Plan, compare};
use crate::store::CountingStore;

/// How many accounts are open at most.
const ACCOUNTS: usize = 1_000;

/// Long enough for starting two threads not to count.
const IN_PARALLEL: Plan = Plan { rounds: 201, turn: Duration::from_millis(2) };

pub(super) fn take() -> Result<()> {
    let runtime = one_thread()?;
    let (provider, store) = (Provider::new(ISSUER), CountingStore::default());
    let session = runtime.block_on(async {
        let session = open(ISSUER, Direct::to(&provider), store.clone(), SystemClock);
        sign_in(&session).await;
        session
    });
    store.forget();
    alone(&runtime, &session);
    in_parallel(&session)?;
    counted("credentials.store-reads", store.reads());
    counted("credentials.allocations", count(|| runtime.block_on(hits(&session, 1_000))) / 1_000);
    among_accounts(&runtime)
}

fn alone(runtime: &Runtime, session: &Session) {
    let timings = compare(
        Plan::SHORT,
        vec![
            Contender::new("clock", SystemTime::now),
            Contender::timed("hit", |iterations| runtime.block_on(hits(session, iterations))),
        ],
    );
    measured("credentials.clock.nanoseconds", timings[0].time.as_secs_f64() * 1e9);
    measured("credentials.hit.nanoseconds", timings[1].time.as_secs_f64() * 1e9);
    measured("credentials.hit.ratio", timings[1].ratio);
}

async fn hits(session: &Session, iterations: u32) -> Duration {
    let start = Instant::now();
    for _ in 0..iterations {
        let credentials = session.credentials(MinTtl::default()).await.expect("they are valid");
        // What a caller does with them: it looks at the token, and lets go.
        black_box(credentials.access_token());
    }
    start.elapsed()
}

/// Two threads that ask at the same time, against two threads that read the clock.
fn in_parallel(session: &Session) -> Result<()> {
    let runtimes = [one_thread()?, one_thread()?];
    let timings = compare(
        IN_PARALLEL,
        vec![
            Contender::timed("clock", |iterations| {
                slower_of_two(|_| {
                    let start = Instant::now();
                    for _ in 0..iterations {
                        black_box(SystemTime::now());
                    }
                    start.elapsed()
                })
            }),
            Contender::timed("hit", |iterations| {
                slower_of_two(|thread| runtimes[thread].block_on(hits(session, iterations)))
            }),
        ],
    );
    measured("credentials.two-threads.ratio", timings[1].ratio);
    Ok(())
}

fn slower_of_two(work: impl Fn(usize) -> Duration + Sync) -> Duration {
    let barrier = Barrier::new(2);
    let (barrier, work) = (&barrier, &work);
    let [one, other] = std::thread::scope(|scope| {
        let threads = [0, 1].map(|thread| {
            scope.spawn(move || {
                barrier.wait();
                work(thread)
            })
        });
        threads.map(|thread| thread.join().expect("the work does not panic"))
    });
    one.max(other)
}

/// One account asked while 1,000 are open, and all 1,000 asked in turn, against one that is alone.
fn among_accounts(runtime: &Runtime) -> Result<()> {
    let (provider, store) = (Provider::new(ISSUER), CountingStore::default());
    let account = |name: String| {
        Session::builder(config(ISSUER)).account(name).store(store.clone()).transport(Direct::to(&provider)).build()
    };
    let alone = runtime.block_on(async {
        let session = account("alone".to_owned())?;
        sign_in(&session).await;
        anyhow::Ok(session)
    })?;
    let before = compare(Plan::SHORT, vec![clock(), hit(runtime, &alone)])[1].ratio;
    let all = runtime.block_on(async {
        let mut all = Vec::with_capacity(ACCOUNTS);
        for number in 0..ACCOUNTS {
            let session = account(format!("account-{number}"))?;
            sign_in(&session).await;
            all.push(session);
        }
        anyhow::Ok(all)
    })?;
    let mut in_turn = all.iter().cycle();
    let timings = compare(
        Plan::SHORT,
        vec![
            clock(),
            hit(runtime, &alone),
            Contender::timed("in turn", |iterations| {
                runtime.block_on(async {
                    let start = Instant::now();
                    for session in in_turn.by_ref().take(iterations.try_into().unwrap_or(usize::MAX)) {
                        let credentials = session.credentials(MinTtl::default()).await.expect("they are valid");
                        black_box(credentials.access_token());
                    }
                    start.elapsed()
                })
            }),
        ],
    );
    measured("credentials.one-of-1000-accounts.ratio", timings[1].ratio / before);
    measured("credentials.1000-accounts-in-turn.ratio", timings[2].ratio / before);
    Ok(())
}

fn clock<'a>() -> Contender<'a> {
    Contender::new("clock", SystemTime::now)
}

fn hit<'a>(runtime: &'a Runtime, session: &'a Session) -> Contender<'a> {
    Contender::timed("hit", |iterations| runtime.block_on(hits(session, iterations)))
}
