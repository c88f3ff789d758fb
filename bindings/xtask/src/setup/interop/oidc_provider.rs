//! node-oidc-provider, with npm: exactly what the lock file names, and no script of a package is run.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::{made_of, sources};
use crate::process::{self, is_installed};
use crate::setup::{LIMIT, debian};

/// The oldest release that the package runs on.
const OLDEST_NODE: u32 = 20;

/// Installs the package and what it needs into `folder`: 4 MB.
///
/// # Errors
/// Without Node and npm, or when the registry cannot be reached.
pub(super) fn prepare(folder: &Path) -> Result<()> {
    if !is_installed("node") || !is_installed("npm") {
        debian::install(&["nodejs", "npm"]).context("node-oidc-provider needs Node and npm")?;
    }
    let told = process::read(Command::new("node").arg("--version"), LIMIT)?;
    let release = node_release(&told).context("`node --version` does not say its version")?;
    ensure!(release >= OLDEST_NODE, "Node {release} is too old: install Node {OLDEST_NODE} or newer");

    let sources = sources("oidc-provider");
    let lock = fs::read_to_string(sources.join("package-lock.json"))?;
    made_of(&lock, folder, || {
        for name in ["package.json", "package-lock.json"] {
            fs::copy(sources.join(name), folder.join(name))?;
        }
        let mut npm = Command::new("npm");
        npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(folder);
        process::run(&mut npm, LIMIT)
    })
}

/// From `v20.20.2`.
fn node_release(told: &str) -> Option<u32> {
    told.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_says_its_version_and_the_release_is_read() {
        assert_eq!(node_release("v20.20.2\n"), Some(20));
        assert_eq!(node_release("command not found"), None);
    }
}
