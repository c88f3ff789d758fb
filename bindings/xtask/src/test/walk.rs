//! The exercise from end to end, as a newcomer starts it: `cargo run`.

use std::time::Duration;

use anyhow::Result;

use super::COMPILE;
use crate::process;
use crate::report::Outcome;
use crate::workspace::cargo;

/// The walk waits out one expiry of ten seconds, and must end within thirty; the rest is for a busy machine.
const WALK: Duration = Duration::from_secs(120);

/// Runs the suite: the exit code says whether every step went as it should.
pub(super) fn run() -> Result<Outcome> {
    process::run(&mut cargo(["build", "--locked"]), COMPILE)?;
    process::run(&mut cargo(["run", "--quiet", "--locked"]), WALK)?;
    Ok(Outcome::Passed)
}
