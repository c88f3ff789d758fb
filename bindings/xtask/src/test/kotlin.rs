//! The Kotlin library over the real core and the tenant, and what of Android runs on a JVM: sources against the framework's
//! classes, activities under Robolectric, resources through aapt2.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;

use super::{build_core, missing};
use crate::report::{Outcome, Tally};
use crate::{process, setup, workspace};

/// A first run also downloads the compiler, the framework and the libraries: about 1 GB.
const TESTS: Duration = Duration::from_secs(40 * 60);

/// Runs the suite.
pub(super) fn run(tally: &mut Tally) -> Result<Outcome> {
    let tools = match setup::kotlin::prepare() {
        Ok(tools) => tools,
        Err(error) => return Ok(missing(&error)),
    };
    build_core()?;
    let mut maven = tools.maven(["--fail-at-end", "test"]);
    let status = process::tee(&mut maven, TESTS, |line| add_surefire_line(tally, line))?;
    Ok(match (status.success(), tally.failed, tally.passed) {
        (true, 0, 0) => Outcome::Failed("no test was run".to_owned()),
        (true, 0, _) => Outcome::Passed,
        (_, 0, _) => Outcome::Failed(format!("the tests did not run to their end ({status})")),
        (_, failed, _) => Outcome::Failed(format!("{failed} failed")),
    })
}

/// The driver, on the core that is built now: a script that starts it.
///
/// # Errors
/// When there is no JDK or no Maven, or it does not compile.
pub(crate) fn driver() -> Result<PathBuf> {
    let tools = setup::kotlin::prepare()?;
    build_core()?;
    process::run(&mut tools.maven(["--quiet", "--projects", "drive", "--also-make", "compile"]), TESTS)?;
    Ok(workspace::root().join("bindings/kotlin/drive/hallpass-drive"))
}

/// Adds the totals of one module; any other line adds nothing, those of single classes among them.
///
/// Shape: `[INFO] Tests run: 12, Failures: 0, Errors: 0, Skipped: 1`, with `[ERROR]` or `[WARNING]` as it went.
fn add_surefire_line(tally: &mut Tally, line: &str) {
    let Some(counts) = line.split_once("] Tests run: ").map(|(_, counts)| counts) else { return };
    let numbers: Option<Vec<u64>> =
        counts.split(", ").map(|part| part.rsplit(' ').next().unwrap_or(part).parse().ok()).collect();
    // The line of a class goes on with the time that it took, which is no number.
    let Some([run, failures, errors, skipped]) = numbers.as_deref() else { return };
    tally.passed += run.saturating_sub(failures + errors + skipped);
    tally.failed += failures + errors;
    tally.ignored += skipped;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_of_modules_are_added_and_those_of_classes_are_not() {
        let mut tally = Tally::default();
        for line in [
            "[INFO] Tests run: 13, Failures: 0, Errors: 0, Skipped: 0, Time elapsed: 5.1 s -- in dev.hallpass.SessionTest",
            "[INFO] Tests run: 20, Failures: 0, Errors: 0, Skipped: 2",
            "[ERROR] Tests run: 10, Failures: 1, Errors: 2, Skipped: 0",
            "[INFO] Results:",
        ] {
            add_surefire_line(&mut tally, line);
        }
        assert_eq!(tally, Tally { passed: 25, failed: 3, ignored: 2 });
    }
}
