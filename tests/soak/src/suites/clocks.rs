//! Clocks that are moved either way, in two processes that do not agree.

use anyhow::{Context, Result, ensure};
use serde_json::json;

use crate::child::Driver;
use crate::device::Device;
use crate::record::Record;

/// By how much a clock is moved, in seconds: hours, days, daylight saving, and years.
const STEPS: [i64; 10] =
    [3_600, -3_600, 36_000, -36_000, 86_400, -86_400, 1_000_000, -1_000_000, 300_000_000, -300_000_000];

/// Moves the clock of one process, then of another on the same store. Each still has credentials, and renews.
pub(crate) async fn run() -> Result<Vec<String>> {
    let device = Device::signed_in().await?;
    let mut moved = Driver::start()?;
    let session = device.open_signed_in(&mut moved).await?;
    let mut restarts = 0;
    for seconds in STEPS {
        moved.ok("advance", json!({ "seconds": seconds })).await?;
        for op in ["credentials", "renew", "credentials"] {
            moved.ok(op, session.clone()).await.with_context(|| format!("`{op}` after {seconds} s"))?;
        }
        // A process whose clock is right, and which reads what the other one wrote.
        let mut other = Driver::start()?;
        let theirs =
            device.open_signed_in(&mut other).await.with_context(|| format!("another process, after {seconds} s"))?;
        for op in ["credentials", "renew"] {
            other
                .ok(op, theirs.clone())
                .await
                .with_context(|| format!("`{op}` of another process, after {seconds} s"))?;
        }
        other.kill().await?;
        restarts += 1;
        let state = moved.ok("state", session.clone()).await?;
        ensure!(state["state"]["name"] == "signed_in", "the state is {state} after {seconds} s");
    }
    moved.ok("renew", session).await?;
    moved.kill().await?;
    device.judge(1)?;
    let generation = Record::read(&device.store())?.generation;
    Ok(vec![format!("{} steps of the clock, {restarts} other processes, {generation} renewals, 1 login", STEPS.len())])
}
