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
    /// Breaks one rule after the other in a model client, and looks whether that is found.
    Mutants {
        /// In how many seeds each is looked for.
        #[arg(long, default_value_t = 2_000)]
        seeds: u64,
    },
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
    /// Runs the model client that the mutants are made of instead of the engine.
    #[arg(long)]
    model: bool,
}

fn main() -> ExitCode {
    let passed = match Command::parse().task {
        Task::Run(run) => match run.seed {
            Some(seed) => one(seed, run.trace, run.model),
            None => many(run.from, run.seeds, run.model),
        },
        Task::Mutants { seeds } => mutants(seeds),
        Task::Policies { years } => policies(years),
    };
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn one(seed: u64, trace: bool, model: bool) -> bool {
    let play = if model { hallpass_simulation::model } else { hallpass_simulation::engine };
    let report = play(seed, trace);
    for line in &report.lines {
        println!("{line}");
    }
    println!("seed {seed}: hash {:016x}, {} violations", report.hash, report.violations.len());
    for (at, rule, what) in &report.violations {
        println!("  after {at} ms: {rule}: {what}");
    }
    report.violations.is_empty()
}

fn many(from: u64, seeds: u64, model: bool) -> bool {
    let begun = std::time::Instant::now();
    let play = if model { hallpass_simulation::summary::model } else { hallpass_simulation::summary::engine };
    let summary = play(from, seeds);
    print!("{summary}");
    println!("in {:.1} s", begun.elapsed().as_secs_f64());
    summary.failures.is_empty()
}

fn mutants(seeds: u64) -> bool {
    let control = hallpass_simulation::mutants::control(seeds);
    let mut passed = control.found.is_none();
    println!(
        "{}",
        if passed { "the model without a mutation passes".to_owned() } else { format!("CONTROL   {control}") }
    );
    for verdict in hallpass_simulation::mutants::hunt(seeds) {
        println!("{verdict}");
        passed &= verdict.found.is_some();
    }
    passed
}

fn policies(years: u64) -> bool {
    println!("spurious sign-outs per 1,000 user-years ({years} lived; in brackets: nobody could have prevented)");
    println!("| policy (model) | reuse interval 60 s | no reuse interval |\n|---|---|---|");
    for row in hallpass_simulation::policies::compare(years) {
        let ([with, without], [with_floor, without_floor]) = (row.per_thousand_years, row.floor);
        println!("| {} ({}) | {with:.0} [{with_floor:.0}] | {without:.0} [{without_floor:.0}] |", row.name, row.after);
    }
    true
}
