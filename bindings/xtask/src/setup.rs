//! `cargo xtask setup`: what checks and suites need, fetched and built once, outside the checkout.

pub(crate) mod actionlint;
pub(crate) mod browser;
pub(crate) mod cross;
mod debian;
pub(crate) mod deny;
pub(crate) mod interop;
pub(crate) mod kotlin;
pub(crate) mod node;
pub(crate) mod secret_service;
pub(crate) mod swift;

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::ValueEnum;

use crate::cli::{self, Tool};
use crate::workspace;

/// The longest that one download or one build may take.
const LIMIT: Duration = Duration::from_secs(20 * 60);

/// Prepares the tools named, or all of them.
///
/// # Errors
/// When one cannot be had on this machine; the message says what to do about it.
pub(crate) fn run(named: &[Tool]) -> Result<()> {
    println!("The cache is {} (HALLPASS_CACHE names another folder).", workspace::cache()?.display());
    for &tool in if named.is_empty() { Tool::value_variants() } else { named } {
        let name = cli::name_of(&tool);
        println!("\n== {name}");
        let started = Instant::now();
        prepare(tool).with_context(|| format!("cannot prepare {name}"))?;
        println!("{name} is ready ({:.1} s)", started.elapsed().as_secs_f64());
    }
    Ok(())
}

fn prepare(tool: Tool) -> Result<()> {
    match tool {
        Tool::Deny => deny::prepare(),
        Tool::Actionlint => actionlint::prepare(),
        Tool::SecretService => secret_service::prepare(),
        Tool::Apple => cross::prepare_apple(),
        Tool::AndroidNative => cross::prepare_android(),
        Tool::Swift => swift::prepare().map(drop),
        Tool::Browser => browser::prepare(),
        Tool::Kotlin => kotlin::prepare().map(drop),
        Tool::Interop => interop::prepare_all(),
    }
}
