//! `cargo xtask simulate`: looks for a user who is signed out by accident, and whether the search would find one.

mod mutants;

use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use clap::Args;

use crate::process;
use crate::workspace;

/// 100,000 seeds on a small machine, and the build before them.
const LIMIT: Duration = Duration::from_secs(4 * 60 * 60);

/// What to simulate; without a word, 2,000 seeds.
#[derive(Debug, Args)]
pub(crate) struct Simulate {
    /// How many seeds to run, or to look for each mutant in.
    #[arg(long, default_value_t = 2_000)]
    seeds: u64,
    /// The first of them. Unless given, a range that nobody has played before is drawn, and said.
    #[arg(long)]
    first: Option<u64>,
    /// Runs this seed only.
    #[arg(long, conflicts_with_all = ["seeds", "first"])]
    seed: Option<u64>,
    /// Tells the story of the seed, a line an event.
    #[arg(long, requires = "seed")]
    trace: bool,
    /// Breaks one rule of the engine after the other in a copy of the sources; each has to be found.
    #[arg(long, conflicts_with_all = ["seed", "first", "policies"])]
    mutants: bool,
    /// With `--mutants`: only those whose name holds this.
    #[arg(long, requires = "mutants", value_name = "PART OF A NAME")]
    only: Option<String>,
    /// Plays short stories with every fault at every point of them, and the shortest with every two.
    #[arg(long, conflicts_with_all = ["seed", "first", "seeds", "mutants", "policies"])]
    exhaustive: bool,
    /// Compares models of other policies with the engine, and draws the chart.
    #[arg(long, conflicts_with_all = ["seed", "first", "seeds"])]
    policies: bool,
}

/// Runs what is asked for. Returns whether all invariants held, or all mutants were found.
///
/// # Errors
/// When something cannot be built, or does not end.
pub(crate) fn run(asked: &Simulate) -> Result<bool> {
    if asked.mutants {
        return mutants::run(asked.seeds, asked.only.as_deref().unwrap_or_default());
    }
    let mut command = simulation();
    if asked.policies {
        command.args(["policies", "--chart", "tests/simulation/docs/sign-outs.svg"]);
    } else if asked.exhaustive {
        command.arg("scopes");
    } else if let Some(seed) = asked.seed {
        command.args(["run", "--seed", &seed.to_string()]).args(asked.trace.then_some("--trace"));
    } else {
        command.args(["run", "--seeds", &asked.seeds.to_string()]);
        if let Some(first) = asked.first {
            command.args(["--first", &first.to_string()]);
        }
    }
    Ok(process::tee(&mut command, LIMIT, |_| {})?.success())
}

/// The simulation, built for speed.
fn simulation() -> Command {
    workspace::cargo(["run", "--quiet", "--profile", "simulation", "--package", "hallpass-simulation", "--"])
}
