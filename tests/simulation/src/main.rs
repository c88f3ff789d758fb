//! `cargo run -p hallpass-simulation -- run --seeds 2000`: see `README.md`.

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

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
}

fn main() -> ExitCode {
    let passed = match Command::parse().task {
        Task::Run(run) => match run.seed {
            Some(seed) => one(seed, run.trace),
            None => many(run.from, run.seeds),
        },
    };
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn one(seed: u64, trace: bool) -> bool {
    let report = hallpass_simulation::engine(seed, trace);
    for line in &report.lines {
        println!("{line}");
    }
    println!("seed {seed}: hash {:016x}, {} violations", report.hash, report.violations.len());
    for (at, rule, what) in &report.violations {
        println!("  after {at} ms: {rule}: {what}");
    }
    report.violations.is_empty()
}

fn many(from: u64, seeds: u64) -> bool {
    let begun = std::time::Instant::now();
    let summary = hallpass_simulation::summary::engine(from, seeds);
    print!("{summary}");
    println!("in {:.1} s", begun.elapsed().as_secs_f64());
    summary.failures.is_empty()
}
