//! `cargo xtask test`: prepares what the suites need, runs them, and ends with one table.

mod android_native;
mod apple;
mod browser;
mod consumers;
mod fuzz;
mod interop;
mod kotlin;
mod rust;
mod secret_service;
mod swift;
mod vectors;
mod walk;

use std::time::Duration;

use anyhow::Result;
use clap::ValueEnum;

use crate::cli::{self, Suite};
use crate::process;
use crate::report::{Outcome, Report, Tally};
use crate::workspace::cargo;

/// A cold build of everything on a small machine, with room to spare.
pub(crate) const COMPILE: Duration = Duration::from_secs(30 * 60);

/// Runs the suites named, or all of them, but for those in `skip`. Returns whether none failed and none is missing.
///
/// # Errors
/// None so far: a suite that cannot even start is a row of the table.
pub(crate) fn run(named: &[Suite], skip: &[Suite]) -> Result<bool> {
    let mut report = Report::new("suite");
    for &suite in if named.is_empty() { Suite::value_variants() } else { named } {
        let name = cli::name_of(&suite);
        if skip.contains(&suite) {
            report.skip(name, "asked for with --skip");
        } else {
            report.run(name, |tally| run_suite(suite, tally));
        }
    }
    Ok(report.print())
}

fn run_suite(suite: Suite, tally: &mut Tally) -> Result<Outcome> {
    match suite {
        Suite::Rust => rust::run(tally),
        Suite::Walk => walk::run(),
        Suite::SecretService => secret_service::run(tally),
        Suite::Kotlin => kotlin::run(tally),
        Suite::Apple => apple::run(),
        Suite::AndroidNative => android_native::run(),
        Suite::Browser => browser::run(tally),
        Suite::Fuzz => fuzz::run(tally),
        Suite::Interop => interop::run(tally),
        Suite::Swift => swift::run(tally),
        Suite::Vectors => vectors::run(tally),
        Suite::Consumers => consumers::run(tally),
    }
}

/// The command that measures a call from Swift; see `bench foreign`.
pub(crate) use swift::cost as swift_cost;

/// The drivers of the other languages, built; see `vectors`.
pub(crate) use {kotlin::driver as kotlin_driver, swift::driver as swift_driver};

/// Builds the shared library, which Swift and Kotlin load, and `lab`, which their tests start.
pub(crate) fn build_core() -> Result<()> {
    let packages = ["--package", "hallpass", "--package", "hallpass-lab"];
    process::run(cargo(["build", "--locked"]).args(packages), COMPILE)
}

/// A suite whose tools cannot be had here is missing, and the table says why.
fn missing(error: &anyhow::Error) -> Outcome {
    Outcome::Missing(format!("{error:#}"))
}
