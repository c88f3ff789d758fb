//! What ran, how it ended, and the one table at the end.

use std::time::{Duration, Instant};

use anyhow::Result;

/// How one check or suite ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It ran and found nothing wrong.
    Passed,
    /// It ran and found something, told in the words given.
    Failed(String),
    /// It cannot run on this machine; the words say what is missing and how to get it. As red as a failure.
    Missing(String),
    /// It was left out, for the reason given. Never green, but not red either.
    Skipped(String),
}

/// Tests counted. A check that is not made of tests counts as one.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) ignored: u64,
}

/// The rows so far, in the order they ran.
pub(crate) struct Report {
    title: &'static str,
    rows: Vec<Row>,
}

struct Row {
    name: String,
    outcome: Outcome,
    tally: Tally,
    time: Duration,
}

impl Report {
    /// An empty report; `title` heads the first column.
    pub(crate) fn new(title: &'static str) -> Self {
        Self { title, rows: Vec::new() }
    }

    /// Announces `name`, runs it, and keeps how it ended.
    pub(crate) fn run(&mut self, name: String, work: impl FnOnce(&mut Tally) -> Result<Outcome>) {
        println!("\n== {name}");
        let started = Instant::now();
        let mut tally = Tally::default();
        let outcome = work(&mut tally).unwrap_or_else(|error| Outcome::Failed(format!("{error:#}")));
        if let Outcome::Failed(why) | Outcome::Missing(why) | Outcome::Skipped(why) = &outcome {
            println!("{why}");
        }
        self.rows.push(Row { name, outcome, tally, time: started.elapsed() });
    }

    /// Keeps that `name` was left out, and why.
    pub(crate) fn skip(&mut self, name: String, why: &str) {
        self.rows.push(Row {
            name,
            outcome: Outcome::Skipped(why.to_owned()),
            tally: Tally::default(),
            time: Duration::ZERO,
        });
    }

    /// Prints the table and, under it, the count of all tests. Returns whether nothing failed and nothing is missing.
    pub(crate) fn print(&self) -> bool {
        println!("\n{}\n{}", self.table(), self.closing_line());
        self.rows.iter().all(Row::is_green)
    }

    fn table(&self) -> String {
        let width = self.rows.iter().map(|row| row.name.len()).chain([self.title.len()]).max().unwrap_or_default();
        let head = format!("{:width$}  result       time  tests", self.title);
        let rows = self.rows.iter().map(|row| row.line(width));
        std::iter::once(head).chain(rows).collect::<Vec<_>>().join("\n")
    }

    fn closing_line(&self) -> String {
        let passed: u64 = self.rows.iter().map(Row::passed).sum();
        let failed: u64 = self.rows.iter().map(Row::failed).sum();
        let skipped: u64 = self.rows.iter().map(Row::skipped).sum();
        format!("{passed} passed, {failed} failed, {skipped} skipped")
    }
}

impl Row {
    fn line(&self, width: usize) -> String {
        let (word, why) = match &self.outcome {
            Outcome::Passed => ("passed", ""),
            Outcome::Failed(why) => ("FAILED", why.as_str()),
            Outcome::Missing(why) => ("MISSING", why.as_str()),
            Outcome::Skipped(why) => ("skipped", why.as_str()),
        };
        let tests = if self.tally == Tally::default() { String::new() } else { self.tally.passed.to_string() };
        let why = why.lines().next().unwrap_or_default();
        let line = format!("{:width$}  {word:8} {:6.1} s  {tests:>5}  {why}", self.name, self.time.as_secs_f64());
        line.trim_end().to_owned()
    }

    fn is_green(&self) -> bool {
        matches!(self.outcome, Outcome::Passed | Outcome::Skipped(_))
    }

    fn passed(&self) -> u64 {
        match self.outcome {
            Outcome::Passed => self.tally.passed.max(1),
            Outcome::Failed(_) | Outcome::Missing(_) | Outcome::Skipped(_) => self.tally.passed,
        }
    }

    fn failed(&self) -> u64 {
        if self.is_green() { 0 } else { self.tally.failed.max(1) }
    }

    fn skipped(&self) -> u64 {
        self.tally.ignored + u64::from(matches!(self.outcome, Outcome::Skipped(_)))
    }
}

impl Tally {
    /// Adds what a closing line of Rust's test runner says; any other line adds nothing.
    ///
    /// Shape: `test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.10s`.
    pub(crate) fn add_libtest_line(&mut self, line: &str) {
        let Some((_, counts)) = line.strip_prefix("test result: ").and_then(|rest| rest.split_once(". ")) else {
            return;
        };
        for count in counts.split("; ") {
            let Some((number, what)) = count.split_once(' ') else { continue };
            let Ok(number) = number.parse::<u64>() else { continue };
            match what {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.ignored += number,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(rows: Vec<(&'static str, Outcome, Tally)>) -> Report {
        let rows = rows.into_iter().map(|(name, outcome, tally)| Row {
            name: name.to_owned(),
            outcome,
            tally,
            time: Duration::ZERO,
        });
        Report { title: "suite", rows: rows.collect() }
    }

    #[test]
    fn every_suite_passed_is_green_and_counted() {
        let tests = Tally { passed: 12, failed: 0, ignored: 1 };
        let report = report(vec![("rust", Outcome::Passed, tests), ("walk", Outcome::Passed, Tally::default())]);
        assert!(report.print());
        assert_eq!(report.closing_line(), "13 passed, 0 failed, 1 skipped");
    }

    #[test]
    fn suite_that_cannot_run_here_is_red() {
        let report = report(vec![("apple", Outcome::Missing("no clang".to_owned()), Tally::default())]);
        assert!(!report.print());
        assert_eq!(report.closing_line(), "0 passed, 1 failed, 0 skipped");
    }

    #[test]
    fn suite_left_out_on_request_is_neither_green_nor_red() {
        let report = report(vec![("apple", Outcome::Skipped("--skip".to_owned()), Tally::default())]);
        assert!(report.print());
        assert_eq!(report.closing_line(), "0 passed, 0 failed, 1 skipped");
    }

    #[test]
    fn suite_that_fails_without_a_failed_test_counts_once() {
        let tests = Tally { passed: 3, failed: 0, ignored: 0 };
        let report = report(vec![("rust", Outcome::Failed("does not compile".to_owned()), tests)]);
        assert_eq!(report.closing_line(), "3 passed, 1 failed, 0 skipped");
    }

    #[test]
    fn work_that_returns_an_error_is_a_failure_told_in_one_line_of_the_table() {
        let mut report = Report::new("suite");
        report.run("rust".to_owned(), |_| anyhow::bail!("first line\nsecond line"));
        let table = report.table();
        assert!(table.contains("FAILED") && table.contains("first line") && !table.contains("second"), "{table}");
    }

    #[test]
    fn closing_lines_of_several_binaries_add_up() {
        let mut tally = Tally::default();
        for line in [
            "running 3 tests",
            "test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s",
            "test result: FAILED. 4 passed; 1 failed; 0 ignored; 0 measured; 9 filtered out; finished in 1.20s",
        ] {
            tally.add_libtest_line(line);
        }
        assert_eq!(tally, Tally { passed: 6, failed: 1, ignored: 1 });
    }
}
