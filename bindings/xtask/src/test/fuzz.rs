//! Every fuzz target for a while: twenty seconds where `CI` is set, a few on a developer's machine.

use anyhow::Result;

use crate::fuzz::{self, Fuzz};
use crate::report::{Outcome, Tally};

/// More than a small machine has processors: a time is promised to each target, not a number of inputs.
const JOBS: u8 = 3;

/// Runs the suite. Each target counts as one test.
pub(super) fn run(tally: &mut Tally) -> Result<Outcome> {
    let seconds = if std::env::var_os("CI").is_some() { 20 } else { 5 };
    let fuzzed = fuzz::run(&Fuzz::all(seconds, JOBS))?;
    for one in &fuzzed {
        if one.finding.is_some() { tally.failed += 1 } else { tally.passed += 1 }
    }
    let found: Vec<&str> = fuzzed.iter().filter(|one| one.finding.is_some()).map(|one| one.target.as_str()).collect();
    Ok(if found.is_empty() {
        Outcome::Passed
    } else {
        Outcome::Failed(format!("found something: {}", found.join(", ")))
    })
}
