//! Real processes on one store of plain files: killed at any instant, in a crowd, without space on the disk, with damaged
//! records and with clocks that are moved. Nobody may be signed out by any of it.
//!
//! Each process is this program again as the driver of the `lab` command. The judge is the tenant's own log of requests,
//! never what a process believes of itself.
#![forbid(unsafe_code)]

mod child;
mod device;
mod random;
mod record;
mod report;
mod space;
mod suites;

use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use anyhow::Result;
use clap::Parser;

use report::Report;
use suites::{clocks, crowd, damage, disk, kills};

/// Looks for a user who is signed out by accident among real processes.
#[derive(Debug, Parser)]
#[command(name = "hallpass-soak")]
struct Arguments {
    /// How many times a process is killed during a renewal.
    #[arg(long, default_value_t = 1_000)]
    kills: u32,
    /// How many processes share one store.
    #[arg(long, default_value_t = 8)]
    processes: u32,
    /// For how many seconds they do.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// What chance is drawn from. A number of the clock unless given; it is printed.
    #[arg(long)]
    seed: Option<u64>,
    /// Runs as the driver instead: what the processes are.
    #[arg(long, hide = true)]
    drive: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = if arguments.drive { child::be().await.map(|()| true) } else { soak(&arguments).await };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs all suites and prints the table. Returns whether nothing was violated.
async fn soak(arguments: &Arguments) -> Result<bool> {
    let seed = arguments.seed.unwrap_or_else(seed_of_the_clock);
    println!("seed {seed}");
    let mut report = Report::default();
    let crowd = crowd::Crowd { processes: arguments.processes, time: Duration::from_secs(arguments.seconds) };
    report.add("killed during renewals", kills::run(arguments.kills, seed).await);
    report.add("many processes", crowd::run(crowd).await);
    report.add("disk full", disk::full().await);
    report.add("no folder", disk::without_folder().await);
    report.add("files", disk::files().await);
    report.add("record cut short", damage::cut_short().await);
    report.add("record with a flipped bit", damage::flipped_bits(seed).await);
    report.add("login after damage", damage::login_after().await);
    report.add("record of a newer version", damage::newer_version().await);
    report.add("clocks moved", clocks::run().await);
    Ok(report.print())
}

fn seed_of_the_clock() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::from(now.subsec_nanos())
}
