//! The library for Android's emulator, loaded and called on a PC: both run the same instructions on the same kernel.
//!
//! Between them stand three libraries of a few lines, which have the names of Android's and pass on to this machine's.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::inspect::names;
use crate::process;
use crate::setup::cross::clang;
use crate::targets::AndroidTarget;
use crate::workspace;

const LIMIT: Duration = Duration::from_secs(120);

/// The program that loads and calls, below the checkout.
const PROGRAM: &str = "bindings/xtask/native/trial.c";

/// What Android's library has under another name, and what it passes on to.
const LIBRARIES: [(&str, &str, &str); 3] = [
    ("libc.so", "#include <errno.h>\nint *__errno(void) { return &errno; }\n", "-lc"),
    ("libm.so", "", "-lm"),
    ("libdl.so", "", "-lc"),
];

/// Whether a library for `target` runs on this machine.
pub(super) fn is_possible(target: AndroidTarget) -> bool {
    cfg!(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu")) && target == AndroidTarget::X86_64
}

/// Loads and calls `library`.
///
/// # Errors
/// When it does not load, or does not do as Kotlin expects.
pub(super) fn run(library: &Path) -> Result<()> {
    let folder = tempfile::tempdir()?;
    for (name, source, behind) in LIBRARIES {
        let input = folder.path().join("shim.c");
        fs::write(&input, source)?;
        let mut compiler = Command::new(clang()?);
        compiler.args(["-shared", "-fPIC", "-Wl,--no-as-needed", "-o"]).arg(folder.path().join(name));
        process::run(compiler.arg(format!("-Wl,-soname,{name}")).arg(&input).arg(behind), LIMIT)?;
    }
    let trial = folder.path().join("trial");
    let mut compiler = Command::new(clang()?);
    compiler.args(["-Wall", "-Werror", "-Wno-nullability-completeness"]);
    compiler.arg("-I").arg(workspace::root().join(names::HEADERS)).arg("-o").arg(&trial);
    process::run(compiler.arg(workspace::root().join(PROGRAM)).arg("-ldl"), LIMIT)?;
    let mut run = Command::new(&trial);
    run.arg(library).env("LD_LIBRARY_PATH", folder.path());
    process::run(&mut run, LIMIT).with_context(|| format!("{} does not run", library.display()))
}
