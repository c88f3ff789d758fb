//! The core and its unit tests, type-checked and linted as they would be compiled for an iPhone; then the library as an
//! app would ship it, for a device and for a simulator: built, linked for a trial, and looked into. Nothing runs.

use anyhow::Result;

use super::{COMPILE, missing};
use crate::bench::counts;
use crate::process;
use crate::report::Outcome;
use crate::setup::cross::{self, CrossCargo};
use crate::targets::{AppleTarget, Target};
use crate::xcframework;

/// Runs the suite.
pub(super) fn run() -> Result<Outcome> {
    for target in AppleTarget::TESTED {
        let cargo = match cross::prepare(Target::Apple(target)) {
            Ok(cargo) => cargo,
            Err(error) => return Ok(missing(&error)),
        };
        if target == AppleTarget::Device {
            lint(&cargo)?;
        }
    }
    for (name, size) in xcframework::run(&AppleTarget::TESTED)? {
        counts::judge_size(&name, size)?;
    }
    Ok(Outcome::Passed)
}

/// With the profile `test` the library is compiled as its unit tests see it.
fn lint(cargo: &CrossCargo) -> Result<()> {
    for profile in ["dev", "test"] {
        let mut lint = cargo.command(["clippy", "--locked", "--package", "hallpass-core", "--lib", "--all-features"]);
        process::run(lint.args(["--profile", profile, "--", "-D", "warnings"]), COMPILE)?;
    }
    Ok(())
}
