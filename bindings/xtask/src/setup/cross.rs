//! What it takes to compile Rust for a phone: the target's standard library, and a C compiler for `ring`.
//!
//! A Mac with Xcode and a machine with Android's NDK have a C compiler, and rustup offers the library: those are used
//! where they are. Elsewhere the library is made from its source, and clang, which knows every target, compiles the few
//! C files without an SDK. What comes out is the real code for the real target; what it cannot be is a release, because
//! nothing of the target's own system has taken part in it.

mod c_compiler;
mod from_source;
pub(crate) mod linker;
pub(crate) mod ndk;
mod standard_library;
pub(crate) mod unwinder;

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

pub(crate) use c_compiler::clang;

use super::{LIMIT, debian};
use crate::process;
use crate::targets::{AndroidTarget, AppleTarget, Target};
use crate::workspace::{self, cargo};

/// Cargo, prepared to compile for one target.
pub(crate) struct CrossCargo {
    target: Target,
    environment: Vec<(String, OsString)>,
    flags: Vec<OsString>,
}

impl CrossCargo {
    /// `cargo` with these words and `--target`, at the root of the checkout.
    pub(crate) fn command<const N: usize>(&self, words: [&str; N]) -> Command {
        let mut command = cargo(words);
        command.args(["--target", self.target.triple()]);
        command.env("CARGO_ENCODED_RUSTFLAGS", encoded(&self.flags));
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// Finds or makes what the tests need of Apple's targets. Other targets are prepared when they are built.
///
/// # Errors
/// When something cannot be had on this machine; the message says what to do about it.
pub(crate) fn prepare_apple() -> Result<()> {
    for target in AppleTarget::TESTED {
        prepare(Target::Apple(target))?;
    }
    if cfg!(target_os = "linux") {
        println!("found {}", linker::lld()?.display());
    }
    Ok(())
}

/// Finds or makes what the tests need of Android's targets. Other targets are prepared when they are built.
///
/// # Errors
/// As [`prepare_apple`].
pub(crate) fn prepare_android() -> Result<()> {
    for target in AndroidTarget::TESTED {
        let cargo = prepare(Target::Android(target))?;
        if ndk::installed()?.is_none() {
            linker::lld()?;
            unwinder::prepare(&cargo, target)?;
        }
    }
    Ok(())
}

/// Finds or makes the standard library and the C compiler for `target`.
///
/// # Errors
/// When one of them cannot be had on this machine; the message says what to do about it.
pub(crate) fn prepare(target: Target) -> Result<CrossCargo> {
    let mut flags = nameless_paths()?;
    if let Some(sysroot) = standard_library::prepare(target)? {
        flags.push(joined("--sysroot=", &sysroot));
    }
    let mut environment = c_compiler::prepare(target)?;
    environment.extend(minimum_version(target));
    Ok(CrossCargo { target, environment, flags })
}

/// `cargo` with these words for this machine's own system, whose result does not tell where it was built.
///
/// # Errors
/// When nobody says where cargo keeps its sources.
pub(crate) fn for_this_machine<const N: usize>(words: [&str; N]) -> Result<Command> {
    let mut command = cargo(words);
    command.env("CARGO_ENCODED_RUSTFLAGS", encoded(&nameless_paths()?));
    Ok(command)
}

/// Panics carry the path of the source that they come from. A library must not tell where on whose machine it was
/// built, nor which registry its crates were fetched from.
fn nameless_paths() -> Result<Vec<OsString>> {
    let home = || env::var_os("HOME").map(|home| Path::new(&home).join(".cargo"));
    let cargo = env::var_os("CARGO_HOME").map(PathBuf::from).or_else(home).context("set HOME or CARGO_HOME")?;
    let mut renamed = vec![remapped(&workspace::root(), "hallpass")];
    if let Ok(registries) = fs::read_dir(cargo.join("registry/src")) {
        renamed.extend(registries.filter_map(Result::ok).map(|registry| remapped(&registry.path(), "crates")));
    }
    Ok(renamed)
}

fn remapped(path: &Path, name: &str) -> OsString {
    let mut flag = joined("--remap-path-prefix=", path);
    flag.push("=");
    flag.push(name);
    flag
}

fn joined(option: &str, path: &Path) -> OsString {
    let mut flag = OsString::from(option);
    flag.push(path);
    flag
}

/// As `CARGO_ENCODED_RUSTFLAGS` wants them, which takes precedence over every other source of flags. With `--target`
/// they are for the target alone, not for what runs on this machine.
fn encoded(flags: &[OsString]) -> OsString {
    flags.join(OsString::from("\u{1f}").as_os_str())
}

fn minimum_version(target: Target) -> Option<(String, OsString)> {
    match target {
        Target::Apple(target) => {
            let platform = target.platform();
            Some((platform.minimum_variable().to_owned(), platform.minimum_text().into()))
        }
        Target::Android(_) => None,
    }
}

/// The target, as the names of variables spell it.
fn variable(target: Target) -> String {
    target.triple().replace('-', "_")
}

/// The folder of all this in the cache.
fn folder() -> Result<PathBuf> {
    Ok(workspace::cache()?.join("cross"))
}

/// What `rustc -vV` says after `key: `.
fn compiler(key: &str) -> Result<String> {
    let described = process::read(Command::new("rustc").arg("-vV").current_dir(workspace::root()), LIMIT)?;
    let value = described.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(": "));
    value.map(str::to_owned).with_context(|| format!("rustc does not say its {key}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_with_spaces_stay_one_flag() {
        let flags = [OsString::from("--sysroot=/a folder"), OsString::from("-Cx")];
        assert_eq!(encoded(&flags), "--sysroot=/a folder\u{1f}-Cx");
    }

    #[test]
    fn folders_of_this_machine_are_renamed() {
        let flags = nameless_paths().unwrap();
        assert!(flags.contains(&remapped(&workspace::root(), "hallpass")), "{flags:?}");
    }
}
