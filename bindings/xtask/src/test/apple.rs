//! The core and its tests, type-checked and linted as they would be compiled for an iPhone. Nothing is linked and
//! nothing runs.

use anyhow::Result;

use super::{COMPILE, missing};
use crate::process;
use crate::report::Outcome;
use crate::setup;

/// Runs the suite.
pub(super) fn run() -> Result<Outcome> {
    let cargo = match setup::apple::prepare() {
        Ok(cargo) => cargo,
        Err(error) => return Ok(missing(&error)),
    };
    let mut lint =
        cargo.command(["clippy", "--locked", "--package", "hallpass-core", "--all-targets", "--all-features"]);
    process::run(lint.args(["--", "-D", "warnings"]), COMPILE)?;
    Ok(Outcome::Passed)
}
