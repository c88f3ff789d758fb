//! Many processes that share one store, and access tokens that live for a second.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::child::Driver;
use crate::device::Device;

/// How long an access token lives.
const LIFETIME: Duration = Duration::from_secs(1);

/// Between two questions of one process.
const PAUSE: Duration = Duration::from_millis(5);

/// How many share the store, and for how long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Crowd {
    pub(crate) processes: u32,
    pub(crate) time: Duration,
}

/// Lets every process ask for credentials all the time. Each has to get them each time, and the tenant has to be asked
/// once a lifetime.
pub(crate) async fn run(crowd: Crowd) -> Result<Vec<String>> {
    let device = Device::new().await?;
    device.tenant.set(|settings| settings.token_expiration_seconds = LIFETIME.as_secs());
    let mut first = Driver::start()?;
    let session = device.open(&mut first).await?;
    device.log_in(&mut first, &session).await?;
    first.kill().await?;
    device.tenant.clear_requests();

    let mut opened = Vec::new();
    for _ in 0..crowd.processes {
        let mut driver = Driver::start()?;
        let session = device.open_signed_in(&mut driver).await?;
        opened.push((driver, session));
    }
    let begun = Instant::now();
    let mut processes = JoinSet::new();
    for (driver, session) in opened {
        processes.spawn(ask_for(driver, session, crowd.time));
    }
    let mut answers = 0;
    while let Some(ended) = processes.join_next().await {
        answers += ended.context("a task ended early")??;
    }
    let elapsed = begun.elapsed();

    device.judge(0)?;
    let renewals = device.renewals();
    let mut uses: BTreeMap<&str, u32> = BTreeMap::new();
    for renewal in &renewals {
        let token = renewal.parameters.get("refresh_token").context("a renewal without a refresh token")?;
        *uses.entry(token).or_default() += 1;
    }
    // Each renewal replaces the token, so a token that is used once is the newest at that time.
    let twice = uses.values().filter(|&&count| count > 1).count();
    ensure!(twice == 0, "{twice} of {} refresh tokens were used by two renewals", uses.len());
    // The login's token may be over at the start, and one may end at the end: one request more than whole lifetimes. A
    // token counts from the instant before it is asked for, so none is renewed before its second is over.
    let most = elapsed.as_secs() / LIFETIME.as_secs() + 2;
    let asked = renewals.len() as u64;
    ensure!(asked <= most, "{asked} renewals in {:.1} s, at most {most} were needed", elapsed.as_secs_f64());
    ensure!(asked >= 2, "{asked} renewals in {:.1} s: nothing was tried", elapsed.as_secs_f64());
    Ok(vec![
        format!("{} processes, {:.1} s, {answers} answers, no error", crowd.processes, elapsed.as_secs_f64()),
        format!("{asked} renewals, at most {most} were needed; each refresh token was used once"),
    ])
}

/// Asks for credentials until the time is up. Returns how often it was answered.
async fn ask_for(mut driver: Driver, session: serde_json::Value, time: Duration) -> Result<u64> {
    let begun = Instant::now();
    let mut answers = 0;
    while begun.elapsed() < time {
        let credentials = driver.ok("credentials", json!({ "session": session["session"], "min_ttl": 0 })).await?;
        ensure!(credentials["access_token"].is_string(), "credentials without a token");
        answers += 1;
        sleep(PAUSE).await;
    }
    let state = driver.ok("state", session).await?;
    ensure!(state["state"]["name"] == "signed_in", "the state is {state}");
    driver.kill().await?;
    Ok(answers)
}
