//! Killed at any instant of a renewal.

mod instant;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::json;

use crate::child::Driver;
use crate::device::Device;
use crate::random::Random;
use crate::record::{self, Record};
use instant::{Aim, Hit, Scene};

/// At most so much of the tenant's time passes between two processes. The reuse interval is five seconds of it: two kills
/// in a row fit in, however busy this machine is.
const LONGEST_GAP: Duration = Duration::from_secs(1);

/// Kills a process `kills` times during a renewal, and each time lets another one renew, which has to succeed. Now and
/// then that one is killed as well.
pub(crate) async fn run(kills: u32, seed: u64) -> Result<Vec<String>> {
    let mut random = Random::new(seed);
    let device = Device::with_slow_clock().await?;
    device.judge(1)?;
    device.tenant.clear_requests();
    let mut hits: BTreeMap<Hit, u32> = BTreeMap::new();
    let mut killed = 0;
    let mut unfinished = 0;
    while killed < kills {
        let in_a_row = if random.below(4) == 0 && killed + 1 < kills { 2 } else { 1 };
        for _ in 0..in_a_row {
            let aim = Aim::drawn(&mut random);
            let hit = kill_one(&device, aim, &mut random).await.with_context(|| format!("kill {killed}: {aim:?}"))?;
            *hits.entry(hit).or_default() += 1;
            killed += 1;
        }
        unfinished += record::unfinished_saves(&device.store())?;
        recover(&device).await.with_context(|| format!("after kill {killed}"))?;
        remove_unfinished(&device)?;
        device.judge(0)?;
        device.tenant.clear_requests();
    }
    ensure_spread(killed, &hits)?;
    device.tenant.clear_faults();
    let mut lines = vec![format!("{killed} kills, 1 login, 0 refused renewals, 0 damaged records")];
    lines.extend(Hit::ALL.iter().map(|hit| {
        let count = hits.get(hit).copied().unwrap_or_default();
        format!("{:<34} {count:>5}  {}", hit.describe(), "▪".repeat((count * 40 / kills.max(1)) as usize))
    }));
    lines.push(format!("{unfinished} saves left a temporary file behind, and none of them was taken for a record"));
    Ok(lines)
}

/// Starts a process, lets it renew and kills it.
async fn kill_one(device: &Device, aim: Aim, random: &mut Random) -> Result<Hit> {
    let begun = Instant::now();
    let known = device.renewals().len();
    // Of the process before, if that one was killed as well.
    let left_behind = record::unfinished_saves(&device.store())?;
    let mut driver = Driver::start()?;
    let session = device.open_signed_in(&mut driver).await?;
    let before = Record::read(&device.store())?;
    let seen = device.renewals().len();
    device.tenant.clear_faults();
    if let Some(fault) = aim.fault(random) {
        device.tenant.fault(fault);
    }
    let renewal = driver.send("renew", session).await?;
    let now = Scene { device, seen, left_behind };
    aim.wait(now, &mut driver, renewal, random).await?;
    driver.kill().await?;
    let at_the_kill = device.renewals().split_off(known).last().map(|renewal| renewal.outcome);
    device.tenant.clear_faults();
    device.pass(begun.elapsed().min(LONGEST_GAP));
    // The tenant goes on with a request whose sender is gone; what it does then is part of the story.
    device.settled().await?;
    let after = Record::read(&device.store()).context("killed")?;
    // The store removes what was left behind a minute ago.
    let unfinished = record::unfinished_saves(&device.store())?.saturating_sub(left_behind);
    Ok(Hit::of(&before, &after, at_the_kill, unfinished))
}

/// Another process has to find the user signed in, and to renew.
async fn recover(device: &Device) -> Result<()> {
    let begun = Instant::now();
    let mut driver = Driver::start()?;
    let session = device.open_signed_in(&mut driver).await?;
    let asked = json!({ "session": session["session"], "min_ttl": 0 });
    driver.ok("credentials", asked).await?;
    let renewed = driver.ok("renew", session.clone()).await?;
    ensure!(renewed["renewed"] == true, "a renewal renewed nothing");
    let state = driver.ok("state", session).await?;
    ensure!(state["state"]["name"] == "signed_in", "the state is {state}");
    driver.kill().await?;
    device.pass(begun.elapsed().min(LONGEST_GAP));
    let record = Record::read(&device.store())?;
    ensure!(!record.interrupted, "a renewal that was answered is still noted as interrupted");
    Ok(())
}

/// What died saves leave is removed by the store after a minute; counted here, it is removed at once.
fn remove_unfinished(device: &Device) -> Result<()> {
    for (name, path) in record::files(&device.store())? {
        if name.ends_with(".tmp") {
            std::fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// Kills that never hit anything prove nothing.
fn ensure_spread(killed: u32, hits: &BTreeMap<Hit, u32>) -> Result<()> {
    let expected: &[Hit] = match killed {
        0..60 => &[],
        60..1_000 => &Hit::ESSENTIAL,
        1_000.. => &Hit::ALL_THAT_LOSE,
    };
    if !expected.is_empty() {
        let missed: Vec<&str> =
            expected.iter().filter(|hit| !hits.contains_key(hit)).map(|hit| hit.describe()).collect();
        ensure!(missed.is_empty(), "{killed} kills, and none of them: {}", missed.join(", "));
    }
    Ok(())
}
