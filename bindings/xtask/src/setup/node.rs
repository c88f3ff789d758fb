//! Node and npm: for the browser tests, and for servers and peers that are written in JavaScript.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::{LIMIT, debian};
use crate::process::{self, is_installed};

/// The oldest release that the packages run on.
const OLDEST: u32 = 20;

/// Installs Node and npm where they are missing. Returns Node's release.
///
/// # Errors
/// When they cannot be installed from here, or are too old.
pub(crate) fn prepare() -> Result<u32> {
    if !is_installed("node") || !is_installed("npm") {
        debian::install(&["nodejs", "npm"]).context("Node and npm are missing")?;
    }
    let told = process::read(Command::new("node").arg("--version"), LIMIT)?;
    let release = release(&told).context("`node --version` does not say its version")?;
    ensure!(release >= OLDEST, "Node {release} is too old: install Node {OLDEST} or newer");
    Ok(release)
}

/// Installs exactly the packages that the lock file in `folder` names. No script of a package is run.
///
/// # Errors
/// When the registry cannot be reached.
pub(crate) fn install_locked(folder: &Path) -> Result<()> {
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(folder);
    process::run(&mut npm, LIMIT)
}

/// From `v20.20.2`.
fn release(told: &str) -> Option<u32> {
    told.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_says_its_version_and_the_release_is_read() {
        assert_eq!(release("v20.20.2\n"), Some(20));
        assert_eq!(release("command not found"), None);
    }
}
