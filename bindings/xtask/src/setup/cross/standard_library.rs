//! Where the standard library of a target comes from: the toolchain, rustup, or its source.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use super::{LIMIT, from_source};
use crate::process::{self, is_installed};
use crate::targets::Target;
use crate::workspace;

/// How long rustup may try: where it cannot reach its server it takes its time to say so.
const RUSTUP: Duration = Duration::from_secs(180);

/// The folder that rustc must take for its sysroot; none when the toolchain has the library itself.
pub(super) fn prepare(target: Target) -> Result<Option<PathBuf>> {
    let triple = target.triple();
    if toolchain_has(triple)? {
        println!("found the standard library of {triple} in the toolchain");
        return Ok(None);
    }
    if let Some(sysroot) = from_source::installed(target)? {
        println!("found {}", sysroot.display());
        return Ok(Some(sysroot));
    }
    if is_installed("rustup") {
        println!("adding {triple} to the toolchain with rustup");
        let mut add = Command::new("rustup");
        // A target that its server lacks is no crash of rustup's.
        add.args(["target", "add", triple]).env_remove("RUST_BACKTRACE");
        let added = process::run(&mut add, RUSTUP);
        match added {
            Ok(()) if toolchain_has(triple)? => return Ok(None),
            Ok(()) => println!("rustup has added it to another toolchain than the one in use"),
            Err(error) => println!("{error:#}"),
        }
    }
    let built = from_source::build(target);
    built.map(Some).context("rustup does not offer the target here, and it cannot be made either")
}

fn toolchain_has(triple: &str) -> Result<bool> {
    let mut ask = Command::new("rustc");
    ask.args(["--print", "target-libdir", "--target", triple]).current_dir(workspace::root());
    let folder = process::read(&mut ask, LIMIT)?;
    Ok(fs::read_dir(folder.trim()).is_ok_and(|mut entries| entries.next().is_some()))
}
