//! `cargo xtask simulate`, or `cargo run -p hallpass-simulation -- run --seeds 2000`: see `README.md`.

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use hallpass_simulation::{Edition, engine, policies, summary};

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
    /// Compares models of other policies with the engine, in spurious sign-outs per 1,000 user-years.
    Policies {
        /// How many user-years each policy lives with each server.
        #[arg(long, default_value_t = 20)]
        years: u64,
    },
}

#[derive(Args)]
struct Run {
    /// How many seeds to run.
    #[arg(long, default_value_t = 2_000, conflicts_with = "seed")]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 0)]
    from: u64,
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
    #[arg(long, value_enum, default_value_t = Vocabulary::Second)]
    edition: Vocabulary,
}

#[derive(Clone, Copy, ValueEnum)]
enum Vocabulary {
    First,
    Second,
}

impl From<Vocabulary> for Edition {
    fn from(vocabulary: Vocabulary) -> Self {
        match vocabulary {
            Vocabulary::First => Edition::First,
            Vocabulary::Second => Edition::Second,
        }
    }
}

fn main() -> ExitCode {
    let passed = match Command::parse().task {
        Task::Run(Run { seed: Some(seed), trace, edition, .. }) => one(seed, edition.into(), trace),
        Task::Run(Run { from, seeds, until_failure, edition, .. }) => many(from, seeds, edition.into(), until_failure),
        Task::Policies { years } => compare(years),
    };
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn one(seed: u64, edition: Edition, trace: bool) -> bool {
    let report = engine(seed, edition, trace);
    for line in &report.lines {
        println!("{line}");
    }
    println!("seed {seed}: hash {:016x}, {} violations", report.hash, report.violations.len());
    for (at, rule, what) in &report.violations {
        println!("  after {at} ms: {rule}: {what}");
    }
    report.violations.is_empty()
}

fn many(from: u64, seeds: u64, edition: Edition, until_failure: bool) -> bool {
    let begun = std::time::Instant::now();
    let summary = summary::engine(from, seeds, edition, until_failure);
    print!("{summary}");
    println!("in {:.1} s", begun.elapsed().as_secs_f64());
    summary.failures.is_empty()
}

fn compare(years: u64) -> bool {
    println!("spurious sign-outs per 1,000 user-years ({years} lived; in brackets: nobody could have prevented)");
    println!("| policy (model) | reuse interval 60 s | no reuse interval |\n|---|---|---|");
    for row in policies::compare(years) {
        let ([with, without], [with_floor, without_floor]) = (row.per_thousand_years, row.floor);
        println!("| {} ({}) | {with:.0} [{with_floor:.0}] | {without:.0} [{without_floor:.0}] |", row.name, row.after);
    }
    true
}
