//! `lab`: see the library for what it does.

use std::process::ExitCode;

use clap::Parser;
use hallpass_lab::cli::Cli;

#[tokio::main]
async fn main() -> ExitCode {
    hallpass_lab::run(Cli::parse()).await.into()
}
