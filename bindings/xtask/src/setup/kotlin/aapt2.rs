//! The linker of Android resources, with the framework's resources, as Debian builds them: in a folder of their own, with
//! the C library that they were built for.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use super::super::{LIMIT, debian};
use crate::process::{self, Group};
use crate::workspace;

/// The oldest suite whose aapt2 knows what Android 12 brought, such as `dataExtractionRules`.
const SUITE: &str = "trixie";

/// aapt2 is in `aapt`; the resources of API 33 are in the other one.
const PACKAGES: [&str; 2] = ["aapt", "android-framework-res"];

/// The stamp of a finished folder; another number makes everybody's folder anew.
const STAMP: &str = ".hallpass-aapt2-1";

/// A linker of resources.
pub(crate) struct Aapt2 {
    /// To be run.
    pub(crate) program: PathBuf,
    /// The framework's resources, for `-I`.
    pub(crate) framework: PathBuf,
}

/// Finds it in the cache, or fetches it: about 30 MB.
///
/// # Errors
/// When the machine uses no archive of Debian, or is neither x86_64 nor aarch64.
pub(super) fn prepare() -> Result<Aapt2> {
    let (triplet, loader) = match std::env::consts::ARCH {
        "x86_64" => ("x86_64-linux-gnu", "usr/lib64/ld-linux-x86-64.so.2"),
        "aarch64" => ("aarch64-linux-gnu", "usr/lib/ld-linux-aarch64.so.1"),
        other => bail!("Debian has no aapt2 for {other}"),
    };
    let cache = workspace::cache()?.join("aapt2");
    fs::create_dir_all(&cache)?;
    // Two commands at once would write over each other.
    let turn = File::create(cache.join("turn")).context("cannot write to the cache")?;
    turn.lock().context("cannot wait for another command that prepares aapt2")?;
    let root = cache.canonicalize()?.join(SUITE);
    let program = root.join("aapt2");
    if !root.join(STAMP).is_file() {
        if root.exists() {
            fs::remove_dir_all(&root).context("cannot remove a half-made folder")?;
        }
        unpack(&root)?;
        wrap(&root, triplet, loader, &program)?;
        fs::write(root.join(STAMP), "")?;
    }
    process::read(Command::new(&program).arg("version"), LIMIT).context("aapt2 does not run")?;
    println!("found aapt2");
    Ok(Aapt2 { program, framework: root.join("usr/share/android-framework-res/framework-res.apk") })
}

fn unpack(root: &Path) -> Result<()> {
    let staging = tempfile::tempdir_in(workspace::cache()?)?;
    println!("downloading aapt2 from Debian's {SUITE}, about 30 MB");
    let packages = debian::download_with_dependencies(&PACKAGES, SUITE, staging.path())?;
    for folder in ["lib", "lib64", "bin", "sbin"] {
        fs::create_dir_all(root.join("usr").join(folder))?;
        std::os::unix::fs::symlink(format!("usr/{folder}"), root.join(folder))?;
    }
    for package in &packages {
        let mut contents = Command::new("dpkg-deb");
        contents.arg("--fsys-tarfile").arg(package).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut contents = Group::spawn(&mut contents)?;
        let tar = contents.child.stdout.take().context("the output was asked for above")?;
        let mut extract = Command::new("tar");
        extract.args(["--extract", "--keep-directory-symlink", "--no-same-owner", "--exclude=./usr/share/doc/*"]);
        let status = Group::spawn(extract.arg("--directory").arg(root).stdin(tar))?.wait(LIMIT)?;
        ensure!(status.success() && contents.wait(LIMIT)?.success(), "cannot unpack {}", package.display());
    }
    Ok(())
}

/// The folder's own loader and libraries, whatever the system has.
fn wrap(root: &Path, triplet: &str, loader: &str, program: &Path) -> Result<()> {
    let libraries = root.join("usr/lib").join(triplet);
    let script = format!(
        "#!/bin/sh\nexec '{loader}' --library-path '{libraries}:{libraries}/android:{seven_zip}' \
         '{root}/usr/lib/android-sdk/build-tools/debian/aapt2' \"$@\"\n",
        loader = root.join(loader).display(),
        libraries = libraries.display(),
        seven_zip = root.join("usr/lib/7zip").display(),
        root = root.display(),
    );
    fs::write(program, script)?;
    fs::set_permissions(program, fs::Permissions::from_mode(0o755)).context("cannot make aapt2 executable")
}
