//! `cargo xtask simulate`, or `cargo run -p hallpass-simulation -- run --seeds 2000`: see `README.md`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use hallpass_simulation::{Edition, Report, chart, engine, policies, scopes, summary};

#[derive(Parser)]
#[command(about = "Looks for a user who is signed out by accident.")]
struct Command {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Runs the engine.
    Run(Run),
    /// Plays short stories with every fault at every point of them, and the shortest with every two.
    Scopes(Scopes),
    /// Compares models of other policies with the engine, in spurious sign-outs per 1,000 user-years.
    Policies {
        /// How many user-years each policy lives with each server.
        #[arg(long, default_value_t = 20)]
        years: u64,
        /// Only those whose name holds this.
        #[arg(long, default_value = "", value_name = "PART OF A NAME")]
        only: String,
        /// Draws the result there, as an SVG.
        #[arg(long)]
        chart: Option<PathBuf>,
    },
}

#[derive(Args)]
struct Scopes {
    /// Only stories whose name holds this.
    #[arg(long, default_value = "", value_name = "PART OF A NAME")]
    only: String,
    /// With one fault at a time only.
    #[arg(long)]
    single: bool,
    /// Without looking how often each story was played.
    #[arg(long)]
    uncounted: bool,
    /// Writes down how often each story was played, for the next time.
    #[arg(long, conflicts_with_all = ["only", "single", "uncounted"])]
    write: bool,
    /// Tells the story called so, a line an event, with the faults given, each as the number of its point, a dot, and its number
    /// in the list of that point.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["only", "single"])]
    tell: Option<String>,
    /// The faults of the story that is told.
    #[arg(requires = "tell", value_parser = fault)]
    faults: Vec<(usize, usize)>,
}

/// Reads a fault as `12.3`.
fn fault(text: &str) -> Result<(usize, usize), String> {
    let numbers = text.split_once('.').and_then(|(at, fault)| Some((at.parse().ok()?, fault.parse().ok()?)));
    numbers.ok_or_else(|| "give the numbers of a point and of a fault, as 12.3".to_owned())
}

#[derive(Args)]
struct Run {
    /// How many seeds to run.
    #[arg(long, default_value_t = 2_000, conflicts_with = "seed")]
    seeds: u64,
    /// The first of them; drawn anew for each run unless given.
    #[arg(long)]
    first: Option<u64>,
    /// Runs this seed only.
    #[arg(long)]
    seed: Option<u64>,
    /// Tells the story of the seed, a line an event.
    #[arg(long, requires = "seed")]
    trace: bool,
    /// Stops at the first seed whose invariants do not hold.
    #[arg(long)]
    until_failure: bool,
    /// The vocabulary of faults that the seeds are read with.
    #[arg(long, value_enum, default_value_t = Vocabulary::Third)]
    edition: Vocabulary,
}

#[derive(Clone, Copy, ValueEnum)]
enum Vocabulary {
    First,
    Second,
    Third,
}

impl From<Vocabulary> for Edition {
    fn from(vocabulary: Vocabulary) -> Self {
        match vocabulary {
            Vocabulary::First => Edition::First,
            Vocabulary::Second => Edition::Second,
            Vocabulary::Third => Edition::Third,
        }
    }
}

fn main() -> ExitCode {
    let passed = match Command::parse().task {
        Task::Run(Run { seed: Some(seed), trace, edition, .. }) => one(seed, edition.into(), trace),
        Task::Run(Run { first, seeds, until_failure, edition, .. }) => {
            many(first.unwrap_or_else(summary::fresh), seeds, edition.into(), until_failure)
        }
        Task::Scopes(Scopes { tell: Some(name), faults, .. }) => told(scopes::tell(&name, &faults)),
        Task::Scopes(asked) => explored(&asked),
        Task::Policies { years, only, chart } => compare(years, &only, chart.as_deref()).unwrap_or_else(|error| {
            eprintln!("error: {error}");
            false
        }),
    };
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn one(seed: u64, edition: Edition, trace: bool) -> bool {
    told(Some(engine(seed, edition, trace)))
}

fn told(report: Option<Report>) -> bool {
    let Some(report) = report else {
        eprintln!("error: no story is called so");
        return false;
    };
    let seed = report.seed;
    for line in &report.lines {
        println!("{line}");
    }
    println!("seed {seed}: hash {:016x}, {} violations", report.hash, report.violations.len());
    for (at, rule, what) in &report.violations {
        println!("  after {at} ms: {rule}: {what}");
    }
    report.violations.is_empty()
}

/// Plays the scopes, and says how often each story was played and what did not hold.
fn explored(asked: &Scopes) -> bool {
    let begun = std::time::Instant::now();
    let tallies = scopes::explore(&asked.only, !asked.single);
    println!("| story | with one fault | with two | did not hold |\n|---|---:|---:|---:|");
    for (story, tally) in &tallies {
        let [one, two] = tally.played;
        println!("| {} | {one} | {two} | {} |", story.name, tally.failures.len());
    }
    let played: u64 = tallies.iter().flat_map(|(_, tally)| tally.played).sum();
    println!("{played} stories played in {:.1} s", begun.elapsed().as_secs_f64());
    let mut found = 0;
    for (story, tally) in &tallies {
        for (chosen, rule, what) in &tally.failures {
            let faults: Vec<String> = chosen.iter().map(|(at, fault)| format!("{at}.{fault}")).collect();
            let reason = scopes::known(chosen);
            found += u32::from(reason.is_none());
            let reason = reason.map(|reason| format!(" (known: {reason})")).unwrap_or_default();
            println!("  \"{}\" {}: {rule}: {what}{reason}", story.name, faults.join(" "));
        }
    }
    if asked.write
        && let Err(error) = scopes::write(&tallies)
    {
        eprintln!("error: the numbers are not written down: {error}");
        return false;
    }
    let miscounted =
        if asked.uncounted || asked.write { Vec::new() } else { scopes::miscounted(&tallies, !asked.single) };
    for line in &miscounted {
        println!("  {line}");
    }
    miscounted.is_empty() && found == 0
}

fn many(from: u64, seeds: u64, edition: Edition, until_failure: bool) -> bool {
    let begun = std::time::Instant::now();
    println!("{seeds} seeds from {from} on; `--first {from}` plays them again");
    let mut summary = summary::Summary::default();
    let end = from + seeds;
    for block in (from..end).step_by(BLOCK) {
        let count = (end - block).min(BLOCK as u64);
        summary = summary.merge(summary::engine(block, count, edition, until_failure));
        if seeds > BLOCK as u64 {
            eprintln!("{} of {seeds}: {:?}", block + count - from, summary.failures.keys());
        }
        if until_failure && !summary.failures.is_empty() {
            break;
        }
    }
    print!("{summary}");
    println!("in {:.1} s", begun.elapsed().as_secs_f64());
    summary.failures.is_empty()
}

/// After how many seeds a long run says how far it is, and which of them failed.
const BLOCK: usize = 2_000;

/// Returns whether the engine is at its floor, if it is among them.
fn compare(years: u64, part: &str, picture: Option<&Path>) -> std::io::Result<bool> {
    println!("Spurious sign-outs per 1,000 user-years, {years} years lived by each:\n");
    println!("| Policy (models but for the engine) | Reuse interval 60 s | None | After |\n|---|---:|---:|---|");
    let rows = policies::compare(years, part);
    for row in &rows {
        let [with, without] = row.per_thousand_years.map(chart::thousands);
        println!("| {} | {with} | {without} | {} |", row.name, row.after);
    }
    if let Some(path) = picture {
        std::fs::write(path, chart::svg(&rows, years))?;
    }
    let of = |name: &str| rows.iter().find(|row| row.name == name).map(|row| row.per_thousand_years);
    Ok(!rows.is_empty() && of(policies::ENGINE) == of(policies::FLOOR))
}
