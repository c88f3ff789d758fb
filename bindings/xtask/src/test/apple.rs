//! The core and its unit tests, type-checked and linted as they would be compiled for an iPhone. Nothing is linked and
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
    // With the profile `test` the library is compiled as its unit tests see it.
    for profile in ["dev", "test"] {
        let mut lint = cargo.command(["clippy", "--locked", "--package", "hallpass-core", "--lib", "--all-features"]);
        process::run(lint.args(["--profile", profile, "--", "-D", "warnings"]), COMPILE)?;
    }
    Ok(Outcome::Passed)
}
