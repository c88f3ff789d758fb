//! The core against authorization servers that were not written here: one story, played at each of them from the first
//! login to the last logout. Nobody may be signed out but by the server or the user.
//!
//! `cargo xtask interop` installs the servers and hands over the folder that they are in.
#![forbid(unsafe_code)]

mod http;
mod person;
mod process;
mod record;
mod server;
mod servers;
mod story;
mod table;
mod wire;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::Parser;

use record::Run;
use server::Place;
use servers::Make;

/// Plays the story at real authorization servers.
#[derive(Debug, Parser)]
#[command(name = "hallpass-interop")]
struct Arguments {
    /// The servers to play it at; all that are installed when none is named.
    servers: Vec<String>,
    /// The folder that has one folder for each installed server.
    #[arg(long)]
    tools: PathBuf,
    /// Where the servers keep their files and write their logs.
    #[arg(long)]
    work: PathBuf,
    /// Writes what happened into the README, instead of holding it against what is written there.
    #[arg(long)]
    record: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    match play(&Arguments::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Plays the story at all servers at once: most of its time is waiting. Returns whether it went as it should at each.
async fn play(arguments: &Arguments) -> Result<bool> {
    let servers = servers::installed(&arguments.tools, &arguments.servers)?;
    ensure!(!servers.is_empty(), "no server is installed; `cargo xtask setup` names them");
    let plays: Vec<_> = servers
        .into_iter()
        .map(|(name, server)| {
            let place = Place::new(name, &arguments.tools, &arguments.work);
            let record = arguments.record;
            (name, tokio::spawn(async move { played(server, place, record).await }))
        })
        .collect();
    let (mut held, mut failed) = (0, 0);
    for (name, play) in plays {
        match play.await.context("the story ended by itself").flatten() {
            Ok(told) => {
                held += 1;
                println!("{told}");
            }
            Err(error) => {
                failed += 1;
                println!("{name}: FAILED\n    {error:#}");
                for line in process::last_lines(&arguments.work.join(name).join(process::LOG), 40) {
                    println!("    | {line}");
                }
            }
        }
    }
    if arguments.record {
        table::write()?;
    }
    println!("{held} passed, {failed} failed");
    Ok(failed == 0)
}

/// Plays the story at one server, and returns what to tell about it.
async fn played(make: Make, place: Place, record: bool) -> Result<String> {
    let begun = Instant::now();
    let server = make(&place)?;
    let run = story::play(&*server).await?;
    if record {
        run.save()?;
    } else {
        run.compare_with_recorded()?;
    }
    Ok(told(&run, begun))
}

fn told(run: &Run, begun: Instant) -> String {
    let head = format!("{} {}: held, {:.1} s", run.server, run.version, begun.elapsed().as_secs_f64());
    let steps = run.steps.iter().map(|(step, outcome)| format!("    {step:<26} {outcome}"));
    std::iter::once(head).chain(steps).collect::<Vec<_>>().join("\n")
}
