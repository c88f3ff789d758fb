//! Many callers on expired credentials: how many requests they make, and when the last of them goes on.
//!
//! The transport holds the answer until every caller waits for it. The limit is as many tasks on one `Notify`.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use hallpass_core::{MinTtl, Session};
use tokio::runtime::Runtime;
use tokio::sync::Notify;
use tokio::task::yield_now;

use super::two_threads;
use crate::provider::{Direct, Gate, ISSUER, Provider, open, sign_in};
use crate::report::{counted, measured};
use crate::rounds::{Contender, Plan, compare};
use crate::store::CountingStore;

const CROWDS: [(usize, Plan); 3] =
    [(1_000, Plan::ONE_BY_ONE), (10_000, Plan::ONE_BY_ONE), (100_000, Plan { rounds: 9, ..Plan::ONE_BY_ONE })];

pub(super) fn take() -> Result<()> {
    let runtime = two_threads()?;
    for (callers, plan) in CROWDS {
        let scene = runtime.block_on(Scene::set());
        let (mut rounds, mut most) = (0, 0);
        let timings = compare(
            plan,
            vec![
                Contender::timed("notify", |iterations| {
                    (0..iterations).map(|_| runtime.block_on(notified(&runtime, callers))).sum()
                }),
                Contender::timed("callers", |iterations| {
                    let mut time = Duration::ZERO;
                    for _ in 0..iterations {
                        let told = runtime.block_on(scene.ask(&runtime, callers, false));
                        (rounds, most) = (rounds + 1, most.max(told.requests));
                        time += told.time;
                    }
                    time
                }),
            ],
        );
        ensure!(rounds > 0, "nobody asked");
        let failed = runtime.block_on(scene.ask(&runtime, callers, true));
        measured(&format!("callers.{callers}.last.ratio"), timings[1].ratio);
        measured(&format!("callers.{callers}.last.milliseconds"), timings[1].time.as_secs_f64() * 1e3);
        counted(&format!("callers.{callers}.requests"), most);
        counted(&format!("callers.{callers}.requests-of-a-failure"), failed.requests);
    }
    Ok(())
}

/// A device that is signed in, and the gate before its provider.
struct Scene {
    provider: Arc<Provider>,
    gate: Arc<Gate>,
    session: Session,
}

struct Told {
    requests: usize,
    time: Duration,
}

impl Scene {
    async fn set() -> Self {
        let (provider, gate) = (Provider::new(ISSUER), Arc::new(Gate::default()));
        let transport = Direct::to(&provider).through(&gate);
        let session = open(ISSUER, transport, CountingStore::default(), provider.clock().clone());
        sign_in(&session).await;
        Self { provider, gate, session }
    }

    async fn ask(&self, runtime: &Runtime, callers: usize, fails: bool) -> Told {
        self.provider.clock().expire();
        self.provider.refuse(fails);
        let before = self.provider.requests_to("/token");
        let crowd = Crowd::gather(runtime, callers, || {
            let session = self.session.clone();
            async move {
                let outcome = session.credentials(MinTtl::default()).await;
                assert_eq!(outcome.is_err(), fails, "{outcome:?}");
            }
        });
        crowd.waits().await;
        while self.gate.held() == 0 {
            yield_now().await;
        }
        let time = crowd.goes_on(|| self.gate.open()).await;
        self.provider.refuse(false);
        Told { requests: self.provider.requests_to("/token") - before, time }
    }
}

async fn notified(runtime: &Runtime, callers: usize) -> Duration {
    let notify = Arc::new(Notify::new());
    let crowd = Crowd::gather(runtime, callers, || {
        let notify = Arc::clone(&notify);
        async move { notify.notified().await }
    });
    crowd.waits().await;
    crowd.goes_on(|| notify.notify_waiters()).await
}

/// Tasks that all wait for one thing.
struct Crowd {
    size: usize,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    waiting: AtomicUsize,
    gone: AtomicUsize,
    last: Mutex<Option<Instant>>,
    all_gone: Notify,
}

impl Crowd {
    fn gather<F>(runtime: &Runtime, size: usize, one: impl Fn() -> F) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let shared = Arc::new(Shared::default());
        for _ in 0..size {
            let (work, shared) = (one(), Arc::clone(&shared));
            runtime.spawn(async move {
                let mut work = pin!(work);
                let mut waits = false;
                poll_fn(|context| {
                    let polled = work.as_mut().poll(context);
                    if polled.is_pending() && !std::mem::replace(&mut waits, true) {
                        shared.waiting.fetch_add(1, Ordering::SeqCst);
                    }
                    polled
                })
                .await;
                if shared.gone.fetch_add(1, Ordering::SeqCst) + 1 == size {
                    *shared.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
                    shared.all_gone.notify_one();
                }
            });
        }
        Self { size, shared }
    }

    /// Until each of them waits.
    async fn waits(&self) {
        while self.shared.waiting.load(Ordering::SeqCst) < self.size {
            yield_now().await;
        }
    }

    /// From `begin` to when the last of them is done.
    async fn goes_on(self, begin: impl FnOnce()) -> Duration {
        let begun = Instant::now();
        begin();
        self.shared.all_gone.notified().await;
        let last = *self.shared.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.map_or(Duration::ZERO, |last| last - begun)
    }
}
