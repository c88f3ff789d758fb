//! What the browser tests need: Chromium and Node from the distribution, and two packages of npm beside the tests.

use std::fs;

use anyhow::{Context, Result};

use super::{debian, node};
use crate::process::is_installed;
use crate::workspace;

/// Installs what is missing, and exactly the packages that the lock file names. No browser is downloaded.
///
/// # Errors
/// When something is missing and cannot be installed from here.
pub(crate) fn prepare() -> Result<()> {
    if !is_installed("chromium") {
        debian::install(&["chromium"]).context("the browser tests need Chromium")?;
    }
    let release = node::prepare()?;

    let folder = workspace::root().join("tests/browser");
    let lock = fs::read_to_string(folder.join("package-lock.json"))?;
    let stamp = folder.join("node_modules/.made-of-lock.json");
    if fs::read_to_string(&stamp).is_ok_and(|made_of| made_of == lock) {
        println!("found Chromium, Node {release} and the packages");
        return Ok(());
    }
    node::install_locked(&folder)?;
    fs::write(stamp, lock).context("cannot write beside the packages")
}
