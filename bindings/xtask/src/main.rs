//! `cargo xtask`: the project's own commands, the same for a developer and for continuous integration.

mod android;
mod apk;
mod archive;
mod bench;
mod bindgen;
mod check;
mod cli;
mod fuzz;
mod inspect;
mod interop;
mod native_library;
mod process;
mod release;
mod report;
mod setup;
mod simulate;
mod soak;
mod targets;
mod test;
mod tokens;
mod vectors;
mod workspace;
mod xcframework;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

use cli::{Cli, Command};

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Returns whether everything that was asked for is in order.
fn run(command: Command) -> Result<bool> {
    process::stop_children_on_interrupt()?;
    match command {
        Command::Check { checks } => check::run(&checks),
        Command::Bindgen => bindgen::run().map(|()| true),
        Command::Xcframework { targets } => xcframework::run(&targets).map(|_| true),
        Command::Android { targets } => android::run(&targets).map(|_| true),
        Command::Apk { targets } => apk::run(&targets).map(|_| true),
        Command::Simulate(asked) => simulate::run(&asked),
        Command::Bench(asked) => bench::run(&asked),
        Command::Soak(asked) => soak::run(&asked),
        Command::Interop(asked) => interop::run(&asked, &mut report::Tally::default()),
        Command::Vectors(asked) => vectors::run(&asked, &mut report::Tally::default()),
        Command::Fuzz(asked) => Ok(fuzz::run(&asked)?.iter().all(|one| one.finding.is_none())),
        Command::Release(asked) => release::run(&asked).map(|()| true),
        Command::Test { suites, skip } => test::run(&suites, &skip),
        Command::Setup { tools } => setup::run(&tools).map(|()| true),
    }
}
