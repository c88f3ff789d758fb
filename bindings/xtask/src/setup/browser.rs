//! What the browser tests need: Chromium and Node from the distribution, and two packages of npm beside the tests.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::{LIMIT, debian};
use crate::process::{self, is_installed};
use crate::workspace;

/// What the tests start, and the packages of Debian and Ubuntu that have it.
const PROGRAMS: [(&str, &str); 3] = [("chromium", "chromium"), ("node", "nodejs"), ("npm", "npm")];

/// The oldest release that the packages run on.
const OLDEST_NODE: u32 = 20;

/// Installs what is missing, and exactly the packages that the lock file names. No script of a package is run, and no
/// browser is downloaded.
///
/// # Errors
/// When something is missing and cannot be installed from here.
pub(crate) fn prepare() -> Result<()> {
    let missing: Vec<&str> =
        PROGRAMS.into_iter().filter(|(program, _)| !is_installed(program)).map(|(_, package)| package).collect();
    if !missing.is_empty() {
        debian::install(&missing).context("the browser tests need Chromium, Node and npm")?;
    }
    let told = process::read(Command::new("node").arg("--version"), LIMIT)?;
    let release = node_release(&told).context("`node --version` does not say its version")?;
    ensure!(release >= OLDEST_NODE, "Node {release} is too old: install Node {OLDEST_NODE} or newer");

    let folder = workspace::root().join("tests/browser");
    let lock = fs::read_to_string(folder.join("package-lock.json"))?;
    let stamp = folder.join("node_modules/.made-of-lock.json");
    if fs::read_to_string(&stamp).is_ok_and(|made_of| made_of == lock) {
        println!("found Chromium, Node {release} and the packages");
        return Ok(());
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(&folder);
    process::run(&mut npm, LIMIT)?;
    fs::write(stamp, lock).context("cannot write beside the packages")
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
