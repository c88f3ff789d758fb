//! cargo-deny, which judges what enters the dependency tree.

use std::path::PathBuf;

use anyhow::Result;

use super::LIMIT;
use crate::process;
use crate::workspace::{self, cargo};

/// `deny.toml` is written for this version.
const VERSION: &str = "0.20.2";

/// The program, when [`prepare`] has built it or the machine has one of its own.
///
/// # Errors
/// When there is no folder to look for it in.
pub(crate) fn installed() -> Result<Option<PathBuf>> {
    let ours = folder()?.join("bin/cargo-deny");
    if ours.is_file() {
        return Ok(Some(ours));
    }
    Ok(process::is_installed("cargo-deny").then(|| PathBuf::from("cargo-deny")))
}

/// Builds the program from its published source, unless it is there already.
pub(super) fn prepare() -> Result<()> {
    if let Some(program) = installed()? {
        println!("found {}", program.display());
        return Ok(());
    }
    let folder = folder()?;
    println!("building cargo-deny {VERSION} into {}", folder.display());
    // Its optimised build takes several times as long, and a check of this tree takes a second either way.
    let mut install = cargo(["install", "cargo-deny", "--version", VERSION, "--locked", "--debug", "--root"]);
    process::run(install.arg(&folder).env("CARGO_PROFILE_DEV_DEBUG", "0"), LIMIT)
}

fn folder() -> Result<PathBuf> {
    Ok(workspace::cache()?.join(format!("cargo-deny-{VERSION}")))
}
