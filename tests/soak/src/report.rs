//! What was done, and whether anything was violated.

use std::fmt::Write;
use std::time::{Duration, Instant};

use anyhow::Result;

/// The rows so far.
pub(crate) struct Report {
    rows: Vec<Row>,
    since: Instant,
}

struct Row {
    name: &'static str,
    /// What was done and counted, a line each; or what was violated.
    outcome: Result<Vec<String>, String>,
    time: Duration,
}

impl Default for Report {
    fn default() -> Self {
        Self { rows: Vec::new(), since: Instant::now() }
    }
}

impl Report {
    /// Adds how a suite ended that began when the one before it was added.
    pub(crate) fn add(&mut self, name: &'static str, outcome: Result<Vec<String>>) {
        let row =
            Row { name, outcome: outcome.map_err(|violation| format!("{violation:#}")), time: self.since.elapsed() };
        self.since = Instant::now();
        println!("{}", row.text().trim_end());
        self.rows.push(row);
    }

    /// Prints the last line. Returns whether nothing was violated.
    pub(crate) fn print(&self) -> bool {
        let violated = self.rows.iter().filter(|row| row.outcome.is_err()).count();
        println!("{} suites, {violated} violated", self.rows.len());
        violated == 0
    }
}

impl Row {
    fn text(&self) -> String {
        let (word, lines) = match &self.outcome {
            Ok(lines) => ("held", lines.clone()),
            Err(violation) => ("VIOLATED", violation.lines().map(str::to_owned).collect()),
        };
        let mut text = format!("{:<26} {word:<8} {:>7.1} s\n", self.name, self.time.as_secs_f64());
        for line in lines {
            // Writing to a string does not fail.
            let _ = writeln!(text, "    {line}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_violation_makes_the_whole_run_red() {
        let mut report = Report::default();
        report.add("kills", Ok(vec!["60 kills".to_owned()]));
        assert!(report.print());
        report.add("disk", Err(anyhow::anyhow!("signed out")));
        assert!(!report.print());
        assert!(report.rows[1].text().contains("VIOLATED") && report.rows[1].text().contains("signed out"));
    }
}
