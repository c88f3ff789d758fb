//! cargo-deny: licences, banned crates and sources by `deny.toml`, and published vulnerabilities.

use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use crate::process;
use crate::report::Outcome;
use crate::setup;
use crate::workspace;

const LIMIT: Duration = Duration::from_secs(5 * 60);

/// Licences, bans and sources: judged from `Cargo.lock` and the crates alone.
pub(super) fn policy() -> Result<Outcome> {
    let Some(mut cargo_deny) = installed()? else { return Ok(not_installed()) };
    process::run(cargo_deny.args(["check", "bans", "licenses", "sources"]), LIMIT)?;
    Ok(Outcome::Passed)
}

/// Vulnerabilities, yanked and unmaintained crates: judged from the public database, which must be fetched first.
pub(super) fn advisories() -> Result<Outcome> {
    let Some(mut cargo_deny) = installed()? else { return Ok(not_installed()) };
    if let Err(error) = process::read(cargo_deny.args(["fetch", "db"]), LIMIT) {
        println!("{error:#}");
        return Ok(Outcome::Skipped("the advisory database cannot be fetched from here".to_owned()));
    }
    let Some(mut cargo_deny) = installed()? else { return Ok(not_installed()) };
    process::run(cargo_deny.args(["check", "advisories"]), LIMIT)?;
    Ok(Outcome::Passed)
}

fn installed() -> Result<Option<Command>> {
    let Some(program) = setup::deny::installed()? else { return Ok(None) };
    let mut command = Command::new(program);
    command.current_dir(workspace::root());
    Ok(Some(command))
}

fn not_installed() -> Outcome {
    Outcome::Skipped("cargo-deny is not installed: `cargo xtask setup deny`".to_owned())
}
