//! The standard library of a target that the toolchain lacks, checked from its source.
//!
//! Debian packages the source of each compiler's library. It is checked once with the compiler in use, which needs the
//! compiler's own switch for unstable features; what comes out (metadata: enough to type-check, not to link) is laid
//! out as a sysroot, and from then on ordinary stable builds point at it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::super::{LIMIT, debian};
use super::{TARGET, variable};
use crate::process::{self, Group};
use crate::workspace::{self, cargo};

/// The sysroot, when [`build`] has made it for the compiler in use.
pub(super) fn installed() -> Result<Option<PathBuf>> {
    let sysroot = sysroot(&release()?)?;
    Ok(sysroot.is_dir().then_some(sysroot))
}

/// Makes the sysroot. It appears whole or not at all.
///
/// # Errors
/// When the compiler's source is not to be had, or does not compile.
pub(super) fn build() -> Result<PathBuf> {
    let release = release()?;
    ensure!(!release.contains('-'), "only the source of a stable compiler is packaged, and this is {release}");
    let sysroot = sysroot(&release)?;
    let cache = sysroot.parent().context("the sysroot is in the cache")?;
    fs::create_dir_all(cache)?;
    println!("making the standard library of {TARGET} for Rust {release} in {}", sysroot.display());

    let staging = tempfile::tempdir_in(cache)?;
    let package = debian::download("rust-src", &release, &staging.path().join("apt"))?;
    let library = unpack(&package, &release, staging.path())?;
    let built = check(&library, &staging.path().join("target"))?;
    let finished = staging.path().join("sysroot");
    copy_metadata(&built, &finished.join("lib/rustlib").join(TARGET).join("lib"))?;
    fs::rename(&finished, &sysroot)?;
    Ok(sysroot)
}

fn sysroot(release: &str) -> Result<PathBuf> {
    Ok(workspace::cache()?.join(format!("apple/sysroot-{release}-{TARGET}")))
}

/// The compiler's version, such as `1.95.0`.
fn release() -> Result<String> {
    let described = process::read(Command::new("rustc").arg("-vV").current_dir(workspace::root()), LIMIT)?;
    let release = described.lines().find_map(|line| line.strip_prefix("release: "));
    release.map(str::to_owned).context("rustc does not say which release it is")
}

/// Takes the library out of the package, and leaves the compiler and its tools in it.
fn unpack(package: &Path, release: &str, into: &Path) -> Result<PathBuf> {
    let library = format!("./usr/src/rustc-{release}/library");
    let mut open = Command::new("dpkg-deb");
    let mut open = Group::spawn(open.arg("--fsys-tarfile").arg(package).stdin(Stdio::null()).stdout(Stdio::piped()))?;
    let archive = open.child.stdout.take().context("the output was asked for above")?;
    let mut extract = Command::new("tar");
    let mut extract = Group::spawn(extract.args(["-x", "-C"]).arg(into).arg(&library).stdin(archive))?;
    ensure!(extract.wait(LIMIT)?.success(), "{} has no {library}", package.display());
    ensure!(open.wait(LIMIT)?.success(), "cannot open {}", package.display());
    Ok(into.join(library))
}

/// Returns the folder with the metadata of each crate.
fn check(library: &Path, target_folder: &Path) -> Result<PathBuf> {
    let mut check = cargo(["check", "--locked", "--release", "--target", TARGET, "--manifest-path"]);
    check.arg(library.join("sysroot/Cargo.toml"));
    check.env("CARGO_TARGET_DIR", target_folder).env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
    // What the compiler's own build sets: unstable features on a stable compiler, crates from the registry marked as
    // part of the library, and names that no crate of a later build can have.
    check.env("RUSTC_BOOTSTRAP", "1").env("__CARGO_DEFAULT_LIB_METADATA", "sysroot");
    let flags = format!("CARGO_TARGET_{}_RUSTFLAGS", variable(TARGET).to_uppercase());
    check.env(flags, "-Zforce-unstable-if-unmarked");
    process::run(&mut check, LIMIT)?;
    Ok(target_folder.join(TARGET).join("release/deps"))
}

fn copy_metadata(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let file = entry?.path();
        if let (Some("rmeta"), Some(name)) = (file.extension().and_then(|ending| ending.to_str()), file.file_name()) {
            fs::copy(&file, to.join(name))?;
        }
    }
    Ok(())
}
