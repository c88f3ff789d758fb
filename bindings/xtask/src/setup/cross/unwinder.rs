//! What unwinds a panic on Android: the NDK's `libunwind.a` where there is one, and a stand-in where there is none.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use super::{CrossCargo, LIMIT, compiler, folder};
use crate::process;
use crate::targets::AndroidTarget;
use crate::workspace;

/// The crate, below the checkout.
const CRATE: &str = "bindings/xtask/native/unwinder";

/// The stand-in, compiled when it is not there yet.
///
/// # Errors
/// When it does not compile.
pub(crate) fn prepare(cargo: &CrossCargo, target: AndroidTarget) -> Result<PathBuf> {
    let library = folder()?.join(format!("unwinder-{}-{}.a", compiler("release")?, target.triple()));
    if library.is_file() {
        println!("found {}", library.display());
        return Ok(library);
    }
    println!("compiling an unwinder for {}", target.triple());
    let staging = tempfile::tempdir_in(folder()?)?;
    let mut build = cargo.command(["build", "--locked", "--release"]);
    build
        .arg("--manifest-path")
        .arg(workspace::root().join(CRATE).join("Cargo.toml"))
        .env("CARGO_TARGET_DIR", staging.path());
    // It walks the stack with what a stable compiler does not offer.
    process::run(build.env("RUSTC_BOOTSTRAP", "1"), LIMIT)?;
    let built = staging.path().join(target.triple()).join("release/libunwind.a");
    fs::rename(&built, &library).with_context(|| format!("cannot keep {}", built.display()))?;
    Ok(library)
}
