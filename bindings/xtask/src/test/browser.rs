//! The tenant's pages and a whole login in Chromium, with Node's own test runner.

use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use super::{COMPILE, missing};
use crate::process;
use crate::report::{Outcome, Tally};
use crate::setup;
use crate::workspace::{self, cargo};

/// They take one to two minutes; the rest is for a busy machine.
const TESTS: Duration = Duration::from_secs(15 * 60);

/// Runs the suite.
pub(super) fn run(tally: &mut Tally) -> Result<Outcome> {
    if let Err(error) = setup::browser::prepare() {
        return Ok(missing(&error));
    }
    process::run(&mut cargo(["build", "--locked", "--package", "hallpass-lab"]), COMPILE)?;
    let mut node = Command::new("node");
    node.args(["--test", "--test-reporter=tap", "--test-timeout=300000", "tests/"]);
    node.current_dir(workspace::root().join("tests/browser"));
    node.env("HALLPASS_LAB", workspace::target().join("debug/lab"));
    let status = process::tee(&mut node, TESTS, |line| add_line(tally, line))?;
    Ok(match (status.success(), tally.failed, tally.passed) {
        (true, 0, 0) => Outcome::Failed("no test was run".to_owned()),
        (true, 0, _) => Outcome::Passed,
        (_, 0, _) => Outcome::Failed(format!("the tests did not run to their end ({status})")),
        (_, failed, _) => Outcome::Failed(format!("{failed} failed")),
    })
}

/// Adds the totals at the end: `# pass 7`, and so on. What was cancelled has not passed.
fn add_line(tally: &mut Tally, line: &str) {
    let Some((name, count)) = line.strip_prefix("# ").and_then(|line| line.split_once(' ')) else { return };
    let Ok(count) = count.parse::<u64>() else { return };
    match name {
        "pass" => tally.passed += count,
        "fail" | "cancelled" => tally.failed += count,
        "skipped" | "todo" => tally.ignored += count,
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_are_added_and_other_lines_are_not() {
        let mut tally = Tally::default();
        for line in
            ["# Subtest: pass 3", "ok 1 - pass", "# tests 9", "# pass 5", "# fail 1", "# cancelled 2", "# skipped 1"]
        {
            add_line(&mut tally, line);
        }
        assert_eq!(tally, Tally { passed: 5, failed: 3, ignored: 1 });
    }
}
