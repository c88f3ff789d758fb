//! A hit of `credentials()`, against the physical limit: one reading of the clock.
//!
//! Contenders take turns within a round, and what counts is the ratio of each round, so that a machine that is busy for a
//! while slows both. The session is a real one, signed in at the embedded tenant.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use hallpass_core::adapters::{MemoryStore, Reqwest, SystemClock};
use hallpass_core::ports::Clock;
use hallpass_core::{Config, Login, MinTtl, Session};
use hallpass_lab::user_agent::{ScriptedBrowser, UserAgent};
use hallpass_tenant::{Tenant, TenantOptions};

const ROUNDS: usize = 201;
const CALLS: u32 = 5_000;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let tenant = Tenant::start(TenantOptions::default()).await.expect("the tenant starts on free ports");
    let session = sign_in(&tenant).await;

    let mut ratios = Vec::with_capacity(ROUNDS);
    let (mut fastest_clock, mut fastest_hit) = (Duration::MAX, Duration::MAX);
    for round in 0..ROUNDS {
        let (clock, hit) = if round % 2 == 0 {
            let clock = read_clock();
            (clock, ask(&session).await)
        } else {
            let hit = ask(&session).await;
            (read_clock(), hit)
        };
        ratios.push(hit.as_secs_f64() / clock.as_secs_f64());
        (fastest_clock, fastest_hit) = (fastest_clock.min(clock), fastest_hit.min(hit));
    }
    ratios.sort_unstable_by(f64::total_cmp);
    let nanoseconds = |duration: Duration| duration.as_secs_f64() * 1e9 / f64::from(CALLS);
    println!("credentials(), a hit, against SystemTime::now() ({ROUNDS} rounds of {CALLS} calls, goal at most 1.25)");
    println!("  SystemTime::now()  {:6.1} ns", nanoseconds(fastest_clock));
    println!("  the boot's clock   {:6.1} ns", nanoseconds(read_boot_clock()));
    println!("  credentials()      {:6.1} ns", nanoseconds(fastest_hit));
    println!("  ratio, median      {:6.2}", ratios[ROUNDS / 2]);
    tenant.stop().await;
}

fn read_clock() -> Duration {
    let began = Instant::now();
    for _ in 0..CALLS {
        black_box(SystemTime::now());
    }
    began.elapsed()
}

/// What a hit reads instead: `CLOCK_BOOTTIME` on Linux, which goes on while the device sleeps.
fn read_boot_clock() -> Duration {
    let rounds = (0..ROUNDS).map(|_| {
        let began = Instant::now();
        for _ in 0..CALLS {
            black_box(SystemClock.elapsed());
        }
        began.elapsed()
    });
    rounds.min().unwrap_or_default()
}

async fn ask(session: &Session) -> Duration {
    let began = Instant::now();
    for _ in 0..CALLS {
        black_box(session.credentials(MinTtl::default()).await.expect("valid credentials in memory"));
    }
    began.elapsed()
}

async fn sign_in(tenant: &Tenant) -> Session {
    let transport = Reqwest::new().expect("the system has certificate authorities");
    let browser = ScriptedBrowser::new(UserAgent::new(Arc::new(transport)), "ada@example.com", "correct horse");
    let config = Config::auth0(&tenant.issuer(), &tenant.client_id(), "http://127.0.0.1/callback")
        .expect("the tenant's own settings")
        .danger_allow_loopback_http();
    let session =
        Session::builder(config).store(MemoryStore::default()).browser(browser).build().expect("all ports are there");
    session.login(Login::default()).await.expect("ada signs in");
    session
}
