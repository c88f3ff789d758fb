//! The standard library of a target that the toolchain lacks, compiled from its source.
//!
//! Debian packages the source of each compiler's library. It is compiled once with the compiler in use, which needs the
//! compiler's own switch for unstable features; what comes out is laid out as a sysroot, and from then on ordinary
//! stable builds point at it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::{LIMIT, compiler, debian, encoded, folder, minimum_version, nameless_paths, remapped};
use crate::process::{self, Group};
use crate::targets::Target;
use crate::workspace::cargo;

/// The sysroot, when [`build`] has made it for the compiler in use.
pub(super) fn installed(target: Target) -> Result<Option<PathBuf>> {
    let sysroot = sysroot(&compiler("release")?, target)?;
    Ok(sysroot.is_dir().then_some(sysroot))
}

/// Makes the sysroot. It appears whole or not at all.
///
/// # Errors
/// When the compiler's source is not to be had, or does not compile.
pub(super) fn build(target: Target) -> Result<PathBuf> {
    let release = compiler("release")?;
    let source = source(&release)?;
    let sysroot = sysroot(&release, target)?;
    println!("making the standard library of {} for Rust {release} in {}", target.triple(), sysroot.display());

    let staging = tempfile::tempdir_in(folder()?)?;
    let built = compile(&source, target, &staging.path().join("target"))?;
    let finished = staging.path().join("sysroot");
    copy_libraries(&built, &finished.join("lib/rustlib").join(target.triple()).join("lib"))?;
    fs::rename(&finished, &sysroot)?;
    Ok(sysroot)
}

fn sysroot(release: &str, target: Target) -> Result<PathBuf> {
    Ok(folder()?.join(format!("sysroot-{release}-{}", target.triple())))
}

/// The folder `library` of the compiler's source, fetched when it is not there yet.
fn source(release: &str) -> Result<PathBuf> {
    ensure!(!release.contains('-'), "only the source of a stable compiler is packaged, and this is {release}");
    let folder = folder()?;
    let library = folder.join(format!("library-{release}"));
    if !library.is_dir() {
        fs::create_dir_all(&folder)?;
        let staging = tempfile::tempdir_in(&folder)?;
        let package = debian::download("rust-src", release, &staging.path().join("apt"))?;
        let unpacked = unpack(&package, release, staging.path())?;
        leave_out_shared_library(&unpacked)?;
        fs::rename(unpacked, &library)?;
    }
    Ok(library)
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

/// A shared library of it would have to be linked, with a linker and a system of the target's.
fn leave_out_shared_library(library: &Path) -> Result<()> {
    let manifest = library.join("std/Cargo.toml");
    let text = fs::read_to_string(&manifest)?;
    let changed = text.replace(r#"crate-type = ["dylib", "rlib"]"#, r#"crate-type = ["rlib"]"#);
    ensure!(changed != text, "{} does not read as it used to", manifest.display());
    fs::write(&manifest, changed).with_context(|| format!("cannot write {}", manifest.display()))
}

/// Returns the folder with the library of each crate.
fn compile(library: &Path, target: Target, target_folder: &Path) -> Result<PathBuf> {
    let mut build = cargo(["build", "--locked", "--release", "--target", target.triple(), "--manifest-path"]);
    // With what the published library has: a panic that tells where it came from.
    build.arg(library.join("sysroot/Cargo.toml")).args(["--features", "backtrace"]);
    // What the compiler's own build sets: unstable features on a stable compiler, crates from the registry marked as
    // part of the library, names that no crate of a later build can have, and one unit, which optimises best.
    build.env("CARGO_TARGET_DIR", target_folder).env("RUSTC_BOOTSTRAP", "1");
    build.env("__CARGO_DEFAULT_LIB_METADATA", "sysroot").env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1");
    build.envs(minimum_version(target));
    // Link-time optimisation reaches into the library only where it carries bitcode.
    let mut flags = vec!["-Zforce-unstable-if-unmarked".into(), "-Cembed-bitcode=yes".into()];
    flags.extend(nameless_paths()?);
    flags.push(remapped(library, &format!("/rustc/{}/library", compiler("commit-hash")?)));
    process::run(build.env("CARGO_ENCODED_RUSTFLAGS", encoded(&flags)), LIMIT)?;
    Ok(target_folder.join(target.triple()).join("release/deps"))
}

fn copy_libraries(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let file = entry?.path();
        if let (Some("rlib"), Some(name)) = (file.extension().and_then(|ending| ending.to_str()), file.file_name()) {
            fs::copy(&file, to.join(name))?;
        }
    }
    Ok(())
}
