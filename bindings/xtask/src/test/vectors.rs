//! The conformance cases through the drivers of all three languages, which may not differ.

use anyhow::Result;

use super::missing;
use crate::report::{Outcome, Tally};
use crate::setup;
use crate::vectors::{self, Vectors};

/// Runs the suite. Each case counts once for each language, and so does each line.
pub(super) fn run(tally: &mut Tally) -> Result<Outcome> {
    if let Err(error) = setup::swift::prepare() {
        return Ok(missing(&error));
    }
    if let Err(error) = setup::kotlin::prepare() {
        return Ok(missing(&error));
    }
    let held = vectors::run(&Vectors::ALL, tally)?;
    Ok(match (held, tally.failed, tally.passed) {
        (true, 0, 0) => Outcome::Failed("no case was played".to_owned()),
        (true, _, _) => Outcome::Passed,
        (false, 0, _) => Outcome::Failed("tests/vectors/RESULTS.md says something else".to_owned()),
        (false, failed, _) => Outcome::Failed(format!("{failed} went otherwise")),
    })
}
