//! actionlint, which reads the workflows as the service that runs them would.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, ensure};

use super::LIMIT;
use crate::process::{self, is_installed};
use crate::workspace;

/// Pinned: a newer one finds more.
const VERSION: &str = "1.7.12";

/// The program, when [`prepare`] has built it.
///
/// # Errors
/// When there is no folder to look for it in.
pub(crate) fn installed() -> Result<Option<PathBuf>> {
    let program = folder()?.join("actionlint");
    Ok(program.is_file().then_some(program))
}

/// Builds the program from its published source, unless it is there already. Go's own checksum database vouches for it.
pub(super) fn prepare() -> Result<()> {
    if let Some(program) = installed()? {
        println!("found {}", program.display());
        return Ok(());
    }
    ensure!(is_installed("go"), "actionlint is built from source: install Go 1.24 or newer");
    let folder = folder()?;
    println!("building actionlint {VERSION} into {}", folder.display());
    fs::create_dir_all(&folder)?;
    let mut install = Command::new("go");
    install.args(["install", &format!("github.com/rhysd/actionlint/cmd/actionlint@v{VERSION}")]);
    process::run(install.env("GOBIN", &folder), LIMIT)
}

fn folder() -> Result<PathBuf> {
    Ok(workspace::cache()?.join(format!("actionlint-{VERSION}")))
}
