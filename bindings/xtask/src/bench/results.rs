//! What was measured and when: `tests/bench/results.toml` for programs, `tests/bench/RESULTS.md` for people.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use toml::{Table, Value};

use super::goals::{Goals, Row};
use super::{Measure, Measured};
use crate::cli;
use crate::process;
use crate::workspace;

/// Every number that was measured last, with the day and the processor of it.
pub(crate) struct Results {
    numbers: BTreeMap<String, Number>,
    /// What it was compared with, and in which version.
    versions: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq)]
struct Number {
    value: f64,
    on: String,
}

impl Results {
    /// What the file says; nothing when there is none.
    ///
    /// # Errors
    /// When the file is not as this wrote it.
    pub(crate) fn read() -> Result<Self> {
        let Ok(text) = fs::read_to_string(file("results.toml")) else {
            return Ok(Self { numbers: BTreeMap::new(), versions: BTreeMap::new() });
        };
        Self::parse(&text)
    }

    fn parse(text: &str) -> Result<Self> {
        let table: Table = text.parse().context("tests/bench/results.toml")?;
        let section = |name: &str| table.get(name).and_then(Value::as_table).cloned().unwrap_or_default();
        let number = |(name, entry): (String, Value)| {
            let value = entry.get("value").and_then(Value::as_float)?;
            Some((name, Number { value, on: entry.get("on")?.as_str()?.to_owned() }))
        };
        Ok(Self {
            numbers: section("measured").into_iter().filter_map(number).collect(),
            versions: section("versions")
                .into_iter()
                .filter_map(|(name, version)| Some((name, version.as_str()?.to_owned())))
                .collect(),
        })
    }

    /// With what was measured now.
    pub(crate) fn with(mut self, measured: Measured, versions: &BTreeMap<String, String>) -> Self {
        let on = format!("{}, {}", today(), processor());
        self.numbers.extend(measured.into_iter().map(|(name, value)| (name, Number { value, on: on.clone() })));
        self.versions.extend(versions.clone());
        self
    }

    /// The number of this name, if it was ever measured.
    pub(crate) fn value(&self, name: &str) -> Option<f64> {
        self.numbers.get(name).map(|number| number.value)
    }

    /// Writes both files.
    ///
    /// # Errors
    /// When one cannot be written.
    pub(crate) fn write(&self, goals: &Goals) -> Result<()> {
        fs::write(file("results.toml"), self.for_programs()).context("cannot write tests/bench/results.toml")?;
        fs::write(file("RESULTS.md"), self.for_people(goals)).context("cannot write tests/bench/RESULTS.md")
    }

    fn for_programs(&self) -> String {
        let mut text =
            "# Written by `cargo xtask bench`, and read by it again when only some measures are taken.\n\n[measured]\n"
                .to_owned();
        for (name, Number { value, on }) in &self.numbers {
            let _ = writeln!(text, "{name:?} = {{ value = {value:?}, on = {on:?} }}");
        }
        text += "\n[versions]\n";
        for (name, version) in &self.versions {
            let _ = writeln!(text, "{name:?} = {version:?}");
        }
        text
    }

    fn for_people(&self, goals: &Goals) -> String {
        let mut text =
            "# Results\n\nWritten by `cargo xtask bench`; the [README](README.md) says how each number is come by.\n\
            Medians of three runs; a ratio is to the limit that ran beside it.\n\n"
                .to_owned();
        let mut days: Vec<&str> = self.numbers.values().map(|number| number.on.as_str()).collect();
        days.sort_unstable();
        days.dedup();
        let _ = writeln!(text, "Measured on: {}.", days.join("; "));
        if !self.versions.is_empty() {
            let versions: Vec<String> =
                self.versions.iter().map(|(name, version)| format!("{name} {version}")).collect();
            let _ = writeln!(text, "Compared with: {}.", versions.join(", "));
        }
        text += "\n| Measure | Measured | Goal | Met | Remark |\n|---|---:|---:|---|---|\n";
        for row in goals.rows() {
            let measured = self.value(&row.name).map_or_else(|| "not measured".to_owned(), |value| told(value, row));
            let _ = writeln!(
                text,
                "| {} | {measured} | {} | {} | {} |",
                row.what,
                row.goal.told(),
                met(row, self.value(&row.name)),
                row.remark
            );
        }
        text
    }
}

/// The rows of the measures named, for a terminal.
pub(crate) fn for_terminal(goals: &Goals, results: &Results, names: &[Measure]) -> String {
    let named: Vec<String> = names.iter().map(cli::name_of).collect();
    let mut text = format!("{:<78} {:>14} {:>10}  met", "measure", "measured", "goal");
    for row in goals.rows().iter().filter(|row| named.contains(&row.measure)) {
        let value = results.value(&row.name);
        let measured = value.map_or_else(|| "not measured".to_owned(), |value| told(value, row));
        let _ = write!(text, "\n{:<78} {measured:>14} {:>10}  {}", row.what, row.goal.told(), met(row, value));
    }
    text
}

fn told(value: f64, row: &Row) -> String {
    let digits = match value.abs() {
        whole if whole.fract() == 0.0 => 0,
        large if large >= 100.0 => 0,
        middle if middle >= 10.0 => 1,
        small if small >= 0.1 => 2,
        _ => 3,
    };
    format!("{value:.digits$} {}", row.unit).trim_end().to_owned()
}

fn met(row: &Row, value: Option<f64>) -> &'static str {
    match value.and_then(|value| row.goal.is_met(value)) {
        Some(true) => "yes",
        Some(false) => "**no**",
        None => "",
    }
}

fn file(name: &str) -> PathBuf {
    workspace::root().join("tests/bench").join(name)
}

/// The date in UTC.
fn today() -> String {
    let date = process::read(Command::new("date").args(["-u", "+%Y-%m-%d"]), Duration::from_secs(10));
    date.map_or_else(|_| "an unknown day".to_owned(), |date| date.trim().to_owned())
}

/// What the machine says that it is.
fn processor() -> String {
    let known = fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("model name"))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    });
    let name = known.unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let count = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    format!("{name}, {count} processors, {}", std::env::consts::OS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let measured = Measured::from([("credentials.hit.ratio".to_owned(), 1.25)]);
        let versions = BTreeMap::from([("jose".to_owned(), "6.2.18".to_owned())]);
        let results = Results::parse("").unwrap().with(measured, &versions);
        let again = Results::parse(&results.for_programs()).unwrap();
        assert_eq!((again.numbers, again.versions), (results.numbers, results.versions));
    }

    #[test]
    fn a_goal_that_is_missed_stands_in_the_table() {
        let goals = Goals::read().unwrap();
        let row = goals.rows().iter().find(|row| row.name == "credentials.hit.ratio").unwrap();
        assert_eq!(met(row, Some(1.6)), "**no**");
        assert_eq!(met(row, Some(1.2)), "yes");
        assert_eq!(met(row, None), "");
    }

    #[test]
    fn numbers_are_told_with_the_digits_that_matter() {
        let goals = Goals::read().unwrap();
        let row = &Row { unit: "×".to_owned(), ..goals.rows()[0].clone() };
        assert_eq!(told(1.0, row), "1 ×");
        assert_eq!(told(1.256, row), "1.26 ×");
        assert_eq!(told(0.0123, row), "0.012 ×");
        assert_eq!(told(2017.4, row), "2017 ×");
    }
}
