//! `cargo xtask bench`: measures, takes medians, and writes down what came of it.
//!
//! Every measure runs three times. What is printed as `measured NAME VALUE` becomes a row of the table, with the goal that
//! `tests/bench/goals.toml` has for it. A goal that is missed is told, and is no failure: a time depends on the machine.
//! Counts and sizes do not; `tests/bench/counts.toml` says what they were, and suites hold the project to it.

mod charts;
pub(crate) mod counts;
mod foreign;
mod goals;
mod peers;
mod results;
mod sizes;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::{Args, ValueEnum};

use crate::cli;
use crate::process;
use crate::workspace;

use goals::Goals;
use results::Results;

/// A build with link-time optimisation on a small and busy machine.
const BUILD: Duration = Duration::from_secs(40 * 60);

/// The longest that one measure takes, once.
const MEASURE: Duration = Duration::from_secs(30 * 60);

/// How often each measure is taken.
const RUNS: usize = 3;

/// What to measure; everything without a word.
#[derive(Debug, Args)]
pub(crate) struct Bench {
    /// The measures to take. All of them when none is named.
    names: Vec<Measure>,
    /// Leaves out the libraries that Hallpass is compared with: they are fetched and built.
    #[arg(long)]
    without_peers: bool,
    /// Takes each measure once instead of three times, and writes nothing down.
    #[arg(long)]
    trial: bool,
    /// Only counts, and writes `tests/bench/counts.toml` anew: the counts always, the sizes with the measure `size`.
    #[arg(long, conflicts_with_all = ["without_peers", "trial"])]
    renew: bool,
}

/// One kind of measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Measure {
    /// An ID token validated, against its signature verified.
    IdToken,
    /// A login and a renewal, against two bare requests.
    Login,
    /// What is asked for after the browser has come back.
    Requests,
    /// A hit of `credentials()`, against a clock.
    Credentials,
    /// The same from Kotlin and from Swift, against a call into the library.
    Foreign,
    /// Up to 100,000 callers on expired credentials.
    Callers,
    /// Fifty audiences at once.
    Audiences,
    /// The size of the library, against one that can hardly do anything.
    Size,
    /// Reads and writes of the store, and what it takes to load the library.
    Store,
    /// Two minutes of doing nothing.
    Idle,
    /// A resumed connection, against a new one.
    Tls,
    /// What ten thousand logins leave behind.
    Memory,
    /// A thousand subscribers.
    States,
}

/// What was measured, by name.
type Measured = BTreeMap<String, f64>;

/// Measures what is asked for, prints the table, and writes it down. Returns whether all of it could be measured.
///
/// # Errors
/// When something does not build, does not run, or measures what nobody knows.
pub(crate) fn run(asked: &Bench) -> Result<bool> {
    let names = if asked.names.is_empty() { Measure::value_variants() } else { &asked.names };
    let program = build()?;
    if asked.renew {
        return counts::renew(&program, asked.names.contains(&Measure::Size)).map(|()| true);
    }
    let goals = Goals::read()?;
    let peers = if asked.without_peers { peers::Peers::none() } else { peers::prepare(names)? };
    let mut measured = Measured::new();
    for &name in names {
        let runs = if asked.trial || name.is_exact() { 1 } else { RUNS };
        let taken = (0..runs)
            .map(|run| {
                println!("\n== {}, {} of {runs}", cli::name_of(&name), run + 1);
                take(name, &program, &peers)
            })
            .collect::<Result<Vec<_>>>()?;
        measured.extend(medians(taken));
    }
    for name in measured.keys() {
        ensure!(goals.knows(name), "`{name}` was measured, and tests/bench/goals.toml does not know it");
    }
    let results = Results::read()?.with(measured, &peers.versions);
    println!("\n{}", results::for_terminal(&goals, &results, names));
    if !asked.trial {
        results.write(&goals)?;
        charts::write(&results)?;
    }
    Ok(true)
}

impl Measure {
    /// Whether it says the same every time.
    fn is_exact(self) -> bool {
        match self {
            Self::Size => true,
            Self::IdToken
            | Self::Login
            | Self::Requests
            | Self::Credentials
            | Self::Foreign
            | Self::Callers
            | Self::Audiences
            | Self::Store
            | Self::Idle
            | Self::Tls
            | Self::Memory
            | Self::States => false,
        }
    }
}

/// The benchmark's program, in a folder of its own, so that no other build waits for it.
fn build() -> Result<PathBuf> {
    let folder = workspace::target().join("bench");
    let mut build = workspace::cargo(["build", "--locked", "--profile", "bench", "--package", "hallpass-bench"]);
    build.args(["--bin", "hallpass-bench", "--target-dir"]).arg(&folder);
    process::run(&mut build, BUILD)?;
    Ok(folder.join("release/hallpass-bench"))
}

fn take(name: Measure, program: &PathBuf, peers: &peers::Peers) -> Result<Measured> {
    match name {
        Measure::Foreign => foreign::take(),
        Measure::Size => sizes::take(),
        Measure::Store => {
            let mut measured = of_program(name, program, peers)?;
            measured.extend(sizes::load()?);
            Ok(measured)
        }
        Measure::IdToken
        | Measure::Login
        | Measure::Requests
        | Measure::Credentials
        | Measure::Callers
        | Measure::Audiences
        | Measure::Idle
        | Measure::Tls
        | Measure::Memory
        | Measure::States => of_program(name, program, peers),
    }
}

fn of_program(name: Measure, program: &PathBuf, peers: &peers::Peers) -> Result<Measured> {
    let mut command = Command::new(program);
    command.arg(cli::name_of(&name)).env(peers::VARIABLE, peers.for_program());
    lines(&mut command)
}

/// Runs a command and collects what it measures.
///
/// # Errors
/// When it fails, or measures nothing.
fn lines(command: &mut Command) -> Result<Measured> {
    let mut measured = Measured::new();
    let status = process::tee(command, MEASURE, |line| measured.extend(number(line)))?;
    ensure!(status.success(), "the measure failed ({status})");
    ensure!(!measured.is_empty(), "nothing was measured");
    Ok(measured)
}

/// Name and value of a line `measured NAME VALUE`.
fn number(line: &str) -> Option<(String, f64)> {
    let (name, value) = line.strip_prefix("measured ")?.split_once(' ')?;
    Some((name.to_owned(), value.parse().ok()?))
}

/// The median of each number over the runs.
fn medians(runs: Vec<Measured>) -> Measured {
    let mut all: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for (name, value) in runs.into_iter().flatten() {
        all.entry(name).or_default().push(value);
    }
    all.into_iter().map(|(name, values)| (name, median(values))).collect()
}

/// The middle one, or the upper of the two.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_tell_a_number_are_told_from_others() {
        assert_eq!(number("measured idle.wake-ups 0"), Some(("idle.wake-ups".to_owned(), 0.0)));
        assert_eq!(number("measured idle.wake-ups many"), None);
        assert_eq!(number("running 3 tests"), None);
    }

    #[test]
    fn median_of_three_runs_is_the_middle_one_for_each_number() {
        let run = |value| Measured::from([("a".to_owned(), value)]);
        assert_eq!(medians(vec![run(3.0), run(1.0), run(2.0)]), run(2.0));
    }

    #[test]
    fn every_measure_of_the_program_has_its_name_here() {
        let source = include_str!("../../../tests/bench/src/measures.rs");
        for name in Measure::value_variants() {
            let is_program = !matches!(name, Measure::Foreign | Measure::Size);
            assert_eq!(source.contains(&format!("\"{}\" =>", cli::name_of(name))), is_program, "{name:?}");
        }
    }
}
