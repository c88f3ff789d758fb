//! Every Rust test of the workspace, those in the documentation included.

use std::process::Command;

use anyhow::Result;

use super::COMPILE;
use crate::process;
use crate::report::{Outcome, Tally};
use crate::workspace::cargo;

/// Runs the suite.
pub(super) fn run(tally: &mut Tally) -> Result<Outcome> {
    run_tests(&mut cargo(["test", "--workspace", "--locked", "--no-fail-fast"]), tally)
}

/// Runs a command that ends in Rust's own test runner and counts what it says. No test at all is a failure: a filter
/// that matches nothing must not look like success.
pub(super) fn run_tests(command: &mut Command, tally: &mut Tally) -> Result<Outcome> {
    let status = process::tee(command, COMPILE, |line| tally.add_libtest_line(line))?;
    Ok(match (status.success(), tally.failed, tally.passed) {
        (true, 0, 0) => Outcome::Failed("no test was run".to_owned()),
        (true, 0, _) => Outcome::Passed,
        (false, 0, _) => Outcome::Failed(format!("the tests did not run to their end ({status})")),
        (_, 1, _) => Outcome::Failed("1 test failed".to_owned()),
        (_, failed, _) => Outcome::Failed(format!("{failed} tests failed")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run_script(script: &str) -> (Outcome, Tally) {
        let mut tally = Tally::default();
        let outcome = run_tests(Command::new("sh").args(["-c", script]), &mut tally).unwrap();
        (outcome, tally)
    }

    #[test]
    fn runner_that_finds_no_test_is_a_failure() {
        let (outcome, _) = run_script("echo 'test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured'");
        assert_eq!(outcome, Outcome::Failed("no test was run".to_owned()));
    }

    #[test]
    fn runner_that_succeeds_is_counted() {
        let (outcome, tally) = run_script("echo 'test result: ok. 7 passed; 0 failed; 0 ignored; 0 measured'");
        assert_eq!((outcome, tally.passed), (Outcome::Passed, 7));
    }

    #[test]
    fn failed_tests_are_counted() {
        let script = "echo 'test result: FAILED. 7 passed; 2 failed; 0 ignored; 0 measured'; exit 101";
        assert_eq!(run_script(script).0, Outcome::Failed("2 tests failed".to_owned()));
    }

    #[test]
    fn runner_that_crashes_is_a_failure_whatever_passed_before() {
        let script = "echo 'test result: ok. 7 passed; 0 failed; 0 ignored; 0 measured'; exit 101";
        assert!(matches!(run_script(script).0, Outcome::Failed(why) if why.contains("to their end")));
    }
}
