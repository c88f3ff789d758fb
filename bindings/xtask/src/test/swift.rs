//! The Swift package and the logic of the iOS app, on the core that was built just now: compiled without a warning, with
//! everything public documented, then tested with XCTest and Swift Testing against `lab serve`.

mod documentation;

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::{COMPILE, build_core, missing};
use crate::process;
use crate::report::{Outcome, Tally};
use crate::setup::swift::{self, SwiftToolchain};
use crate::workspace;

/// The package that apps import, below the checkout.
const LIBRARY: &str = "bindings/swift";

/// The packages. The app's is built on the first.
const PACKAGES: [&str; 2] = [LIBRARY, "ios-app/LabKit"];

/// All tests of one package take about a minute; the rest is for a busy machine.
const TESTS: Duration = Duration::from_secs(15 * 60);

/// Runs the suite.
pub(super) fn run(tally: &mut Tally) -> Result<Outcome> {
    let toolchain = match swift::prepare() {
        Ok(toolchain) => toolchain,
        Err(error) => return Ok(missing(&error)),
    };
    build_core()?;
    let library = keep_library()?;
    for package in PACKAGES {
        let warnings = compile(&toolchain, package, &library)?;
        if let Some(first) = warnings.first() {
            return Ok(Outcome::Failed(format!("{} warnings in {package}, the first: {first}", warnings.len())));
        }
        // The sources are the same everywhere; those for Apple's systems are compiled here over stubs.
        if package == LIBRARY && cfg!(target_os = "linux") {
            let silent = documentation::undocumented(&toolchain, &workspace::root().join(package), &scratch(package))?;
            if !silent.is_empty() {
                return Ok(Outcome::Failed(format!("public without a documentation comment: {}", silent.join(", "))));
            }
        }
        let outcome = test(&toolchain, package, &library, tally)?;
        if outcome != Outcome::Passed {
            return Ok(outcome);
        }
    }
    Ok(Outcome::Passed)
}

/// The command that measures what a call costs, built for speed, on the core that was built just now.
///
/// # Errors
/// When there is no toolchain for this machine, or the core was not built.
pub(crate) fn cost() -> Result<Command> {
    let toolchain = swift::prepare()?;
    let library = keep_library()?;
    let mut test = toolchain.command(["test", "--configuration", "release"], &workspace::root().join(LIBRARY));
    test.args(["-Xswiftc", "-enable-testing", "--filter", "CostTests", "--scratch-path"]).arg(scratch("release"));
    test.env("HALLPASS_LIBRARY", library).env("HALLPASS_LAB", workspace::target().join("debug/lab"));
    Ok(test)
}

/// The driver, on the core that is built now.
///
/// # Errors
/// When there is no toolchain for this machine, or it does not compile.
pub(crate) fn driver() -> Result<PathBuf> {
    let toolchain = swift::prepare()?;
    build_core()?;
    let library = keep_library()?;
    // As for the tests, so that nothing is compiled twice.
    process::run(&mut command(&toolchain, ["build", "--build-tests"], LIBRARY, &library), COMPILE)?;
    Ok(scratch(LIBRARY).join("debug/hallpass-drive"))
}

/// Copies the shared library to where nobody else's build replaces it while the tests run. Returns the folder.
fn keep_library() -> Result<PathBuf> {
    let folder = workspace::target().join("swift/library");
    fs::create_dir_all(&folder)?;
    let name = format!("{DLL_PREFIX}hallpass{DLL_SUFFIX}");
    let (built, kept) = (workspace::target().join("debug").join(&name), folder.join(&name));
    // Renamed into place: a program that has the old one mapped keeps it.
    let staged = folder.join("staged");
    fs::copy(&built, &staged).with_context(|| format!("cannot copy {}", built.display()))?;
    fs::rename(&staged, &kept)?;
    Ok(folder)
}

/// Compiles the package and its tests; returns the warnings.
fn compile(toolchain: &SwiftToolchain, package: &str, library: &Path) -> Result<Vec<String>> {
    let mut warnings = Vec::new();
    let mut build = command(toolchain, ["build", "--build-tests"], package, library);
    let status = process::tee(&mut build, COMPILE, |line| {
        if is_warning(line) {
            warnings.push(line.trim().to_owned());
        }
    })?;
    ensure!(status.success(), "{package} does not compile ({status})");
    if !warnings.is_empty() {
        // Only what is compiled warns: the next run has to compile it again.
        fs::remove_dir_all(scratch(package)).context("cannot remove what was built with warnings")?;
    }
    Ok(warnings)
}

fn test(toolchain: &SwiftToolchain, package: &str, library: &Path, tally: &mut Tally) -> Result<Outcome> {
    let mut tests = command(toolchain, ["test", "--skip-build"], package, library);
    let mut seen = Counts::default();
    let status = process::tee(&mut tests, TESTS, |line| seen.add_line(line))?;
    let (passed, failed) = (seen.passed(), seen.failed());
    tally.passed += passed;
    tally.failed += failed;
    Ok(match (status.success(), failed, passed) {
        (true, 0, 0) => Outcome::Failed(format!("no test of {package} was run")),
        (true, 0, _) => Outcome::Passed,
        (_, 0, _) => Outcome::Failed(format!("the tests of {package} did not run to their end ({status})")),
        (_, failed, _) => Outcome::Failed(format!("{failed} tests of {package} failed")),
    })
}

fn command<const N: usize>(toolchain: &SwiftToolchain, words: [&str; N], package: &str, library: &Path) -> Command {
    let mut command = toolchain.command(words, &workspace::root().join(package));
    command.arg("--scratch-path").arg(scratch(package));
    command.env("HALLPASS_LIBRARY", library).env("HALLPASS_LAB", workspace::target().join("debug/lab"));
    command
}

/// Where the package is built.
fn scratch(package: &str) -> PathBuf {
    workspace::target().join("swift").join(package.replace('/', "-"))
}

/// `/path/File.swift:12:5: warning: …`, and a warning without a place. Lines that draw the source repeat it indented.
fn is_warning(line: &str) -> bool {
    line.starts_with("warning: ") || (line.starts_with('/') && line.contains(": warning: "))
}

/// What the two test libraries say of each test.
#[derive(Debug, Default)]
struct Counts {
    /// Of XCTest, from its lines about single tests.
    xctest: Tally,
    /// Of Swift Testing, the same.
    testing: Tally,
}

impl Counts {
    /// XCTest: `Test Case 'Suite.test' passed (0.1 seconds)`. Swift Testing: `✔ Test name() passed after 0.1 seconds.`, and
    /// `✔ Test run with 5 tests passed after …` at the end, which counts tests rather than being one.
    fn add_line(&mut self, line: &str) {
        let line = line.trim_start_matches(|character: char| !character.is_ascii_alphabetic());
        let (tally, rest) = if let Some(rest) = line.strip_prefix("Test Case ") {
            (&mut self.xctest, rest)
        } else if let Some(rest) = line.strip_prefix("Test ").filter(|rest| !rest.starts_with("run ")) {
            (&mut self.testing, rest)
        } else {
            return;
        };
        if rest.contains(" passed after ") || rest.contains(" passed (") {
            tally.passed += 1;
        } else if rest.contains(" failed after ") || rest.contains(" failed (") {
            tally.failed += 1;
        }
    }

    fn passed(&self) -> u64 {
        self.xctest.passed + self.testing.passed
    }

    fn failed(&self) -> u64 {
        self.xctest.failed + self.testing.failed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_of_both_libraries_are_counted_once_each() {
        let mut counts = Counts::default();
        for line in [
            "Test Suite 'MemoryTests' passed at 2026-11-24 10:46:34.000",
            "Test Case 'MemoryTests.testFreed' started at 2026-11-24 10:46:34.000",
            "Test Case 'MemoryTests.testFreed' passed (12.9 seconds)",
            "Test Case 'MemoryTests.testOther' failed (0.1 seconds)",
            "\t Executed 2 tests, with 1 failure (0 unexpected) in 12.957 (12.957) seconds",
            "◇ Test loginSucceeds() started.",
            "✔ Test loginSucceeds() passed after 0.045 seconds.",
            "✘ Test loginFails() recorded an issue at LoginTests.swift:3:9: Expectation failed",
            "✘ Test loginFails() failed after 0.045 seconds with 1 issue.",
            "✘ Suite LoginTests failed after 1.4 seconds with 1 issue.",
            "✘ Test run with 2 tests failed after 3.0 seconds with 1 issue.",
        ] {
            counts.add_line(line);
        }
        assert_eq!((counts.passed(), counts.failed()), (2, 2));
    }

    #[test]
    fn warning_is_told_from_the_drawing_of_it() {
        assert!(is_warning("/checkout/Sources/Session.swift:12:5: warning: unused"));
        assert!(is_warning("warning: 'swift': unknown platform"));
        assert!(!is_warning("   |  `- warning: unused"));
        assert!(!is_warning("[5/70] Compiling Hallpass warning.swift"));
    }
}
