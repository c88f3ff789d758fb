//! What it takes to compile Rust for an iPhone: the target's standard library, and a C compiler for `ring`.
//!
//! A Mac has both. Elsewhere rustup may offer the library; where it does not, it is made from its source. The C
//! compiler is clang, which knows every target, with the one header of Apple's SDK that `ring` includes.

mod std_from_source;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use super::{LIMIT, debian};
use crate::process::{self, is_installed};
use crate::workspace::{self, cargo};

/// An iPhone or iPad.
pub(crate) const TARGET: &str = "aarch64-apple-ios";

/// Cargo, prepared to compile for [`TARGET`].
pub(crate) struct AppleCargo {
    environment: Vec<(String, OsString)>,
}

impl AppleCargo {
    /// `cargo` with these words and `--target`, at the root of the checkout.
    pub(crate) fn command<const N: usize>(&self, words: [&str; N]) -> Command {
        let mut command = cargo(words);
        // Flags for every target would take precedence over those for this one.
        command.args(["--target", TARGET]).env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// Finds or makes the standard library and the C compiler.
///
/// # Errors
/// When one of them cannot be had on this machine; the message says what to do about it.
pub(crate) fn prepare() -> Result<AppleCargo> {
    let mut environment = Vec::new();
    if let Some(sysroot) = standard_library()? {
        let mut flag = OsString::from("--sysroot=");
        flag.push(sysroot);
        environment.push((format!("CARGO_TARGET_{}_RUSTFLAGS", variable(TARGET).to_uppercase()), flag));
    }
    if !cfg!(target_os = "macos") {
        environment.extend(c_compiler()?);
    }
    Ok(AppleCargo { environment })
}

/// The folder that rustc must take for its sysroot; none when the toolchain has the library itself.
fn standard_library() -> Result<Option<PathBuf>> {
    if toolchain_has_it()? {
        println!("found the standard library of {TARGET} in the toolchain");
        return Ok(None);
    }
    if let Some(sysroot) = std_from_source::installed()? {
        println!("found {}", sysroot.display());
        return Ok(Some(sysroot));
    }
    if is_installed("rustup") {
        println!("adding {TARGET} to the toolchain with rustup");
        let added = process::run(Command::new("rustup").args(["target", "add", TARGET]), Duration::from_secs(180));
        match added {
            Ok(()) if toolchain_has_it()? => return Ok(None),
            Ok(()) => println!("rustup has added it to another toolchain than the one in use"),
            Err(error) => println!("{error:#}"),
        }
    }
    std_from_source::build().map(Some).context("rustup does not offer the target here, and it cannot be made either")
}

fn toolchain_has_it() -> Result<bool> {
    let mut ask = Command::new("rustc");
    ask.args(["--print", "target-libdir", "--target", TARGET]).current_dir(workspace::root());
    let folder = process::read(&mut ask, LIMIT)?;
    Ok(fs::read_dir(folder.trim()).is_ok_and(|mut entries| entries.next().is_some()))
}

/// The variables that make the `cc` crate use clang without an SDK.
fn c_compiler() -> Result<Vec<(String, OsString)>> {
    let clang = match installed_clang() {
        Some(clang) => clang,
        None => {
            debian::install(&["clang"])?;
            installed_clang().context("clang was installed and is not on the path")?
        }
    };
    println!("found {clang}");
    let sdk = workspace::cache()?.join("apple/sdk");
    let headers = sdk.join("usr/include");
    write_headers(&headers)?;
    // With its own RING_CORE_NOSTDLIBINC, `ring` needs no header of a C library.
    let mut flags = OsString::from("-nostdlibinc -DRING_CORE_NOSTDLIBINC=1 -isystem ");
    flags.push(&headers);
    let target = variable(TARGET);
    Ok(vec![
        (format!("CC_{target}"), clang.into()),
        (format!("CFLAGS_{target}"), flags),
        // Without it both rustc and the `cc` crate ask Xcode for one.
        ("SDKROOT".to_owned(), sdk.into()),
    ])
}

fn installed_clang() -> Option<String> {
    let versioned = (14..=24).rev().map(|version| format!("clang-{version}"));
    std::iter::once("clang".to_owned()).chain(versioned).find(|name| is_installed(name))
}

fn write_headers(folder: &Path) -> Result<()> {
    let text = "#pragma once\n#define TARGET_OS_MAC 1\n#define TARGET_OS_IPHONE 1\n#define TARGET_OS_IOS 1\n\
                #define TARGET_OS_OSX 0\n#define TARGET_OS_SIMULATOR 0\n";
    fs::create_dir_all(folder)?;
    fs::write(folder.join("TargetConditionals.h"), text).context("cannot write the headers for clang")
}

/// The target, as the names of variables spell it.
fn variable(target: &str) -> String {
    target.replace('-', "_")
}
