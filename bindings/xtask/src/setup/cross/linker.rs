//! A linker for every target: LLVM's, which the toolchain brings.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};

use super::{LIMIT, compiler};
use crate::process::{self, is_installed};
use crate::workspace;

/// The program; its first words must be `-flavor` and which linker to be.
///
/// # Errors
/// When neither the toolchain nor the machine has one.
pub(crate) fn lld() -> Result<PathBuf> {
    let sysroot =
        process::read(Command::new("rustc").args(["--print", "sysroot"]).current_dir(workspace::root()), LIMIT)?;
    let bundled = PathBuf::from(sysroot.trim()).join("lib/rustlib").join(compiler("host")?).join("bin/rust-lld");
    if bundled.is_file() {
        return Ok(bundled);
    }
    if is_installed("lld") {
        return Ok(PathBuf::from("lld"));
    }
    bail!("the toolchain brings no rust-lld: install the package `lld`")
}
