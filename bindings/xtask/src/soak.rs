//! `cargo xtask soak`: real processes on one store, killed, crowded, and short of disk, at length.

use std::time::Duration;

use anyhow::Result;
use clap::Args;

use crate::process;
use crate::workspace::cargo;

/// Beyond the time of the crowd: the build, a second for each kill, and the rest, on a small and busy machine.
const GRACE: Duration = Duration::from_secs(45 * 60);

/// What to soak; without a word, 1,000 kills and eight processes for a minute. The short version is a test of the crate.
#[derive(Debug, Args)]
pub(crate) struct Soak {
    /// How many times a process is killed during a renewal.
    #[arg(long, default_value_t = 1_000, value_name = "N")]
    kills: u32,
    /// How many processes share one store.
    #[arg(long, default_value_t = 8, value_name = "N")]
    processes: u32,
    /// For how many minutes they do.
    #[arg(long, default_value_t = 1, value_name = "N")]
    minutes: u64,
    /// What chance is drawn from; printed by every run.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

/// Runs it. Returns whether nobody was signed out and nothing was damaged.
///
/// # Errors
/// When it cannot be built, or does not end.
pub(crate) fn run(asked: &Soak) -> Result<bool> {
    let seconds = asked.minutes.saturating_mul(60);
    let mut soak = cargo(["run", "--quiet", "--locked", "--package", "hallpass-soak", "--"]);
    soak.args(["--kills", &asked.kills.to_string(), "--processes", &asked.processes.to_string()]);
    soak.args(["--seconds", &seconds.to_string()]);
    if let Some(seed) = asked.seed {
        soak.args(["--seed", &seed.to_string()]);
    }
    let limit = GRACE + Duration::from_secs(seconds.saturating_add(u64::from(asked.kills)));
    Ok(process::tee(&mut soak, limit, |_| {})?.success())
}
