//! The signer and verifier of Android packages, as Debian builds it: two files that any JVM runs.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::super::{LIMIT, debian};
use crate::process;
use crate::workspace;

/// The same as aapt2's.
const SUITE: &str = "trixie";

const PACKAGES: [&str; 2] = ["apksigner", "libapksig-java"];

/// The stamp of a finished folder; another number makes everybody's folder anew.
const STAMP: &str = ".hallpass-apksigner-1";

/// A signer of packages.
pub(crate) struct ApkSigner {
    jars: PathBuf,
}

impl ApkSigner {
    /// To be run with its own words.
    pub(crate) fn command(&self) -> Command {
        let mut java = Command::new("java");
        let class_path = format!("{0}/apksigner.jar:{0}/apksig.jar", self.jars.display());
        java.args(["-cp", &class_path, "com.android.apksigner.ApkSignerTool"]);
        java
    }
}

/// Finds it in the cache, or fetches it: about 1 MB.
///
/// # Errors
/// When the machine uses no archive of Debian.
pub(super) fn prepare() -> Result<ApkSigner> {
    let cache = workspace::cache()?.join("apksigner");
    fs::create_dir_all(&cache)?;
    // Two commands at once would write over each other.
    let turn = File::create(cache.join("turn")).context("cannot write to the cache")?;
    turn.lock().context("cannot wait for another command that prepares apksigner")?;
    let root = cache.canonicalize()?.join(SUITE);
    if !root.join(STAMP).is_file() {
        if root.exists() {
            fs::remove_dir_all(&root).context("cannot remove a half-made folder")?;
        }
        unpack(&root)?;
        fs::write(root.join(STAMP), "")?;
    }
    let signer = ApkSigner { jars: root.join("usr/share/java") };
    process::read(signer.command().arg("--version"), LIMIT).context("apksigner does not run")?;
    println!("found apksigner");
    Ok(signer)
}

fn unpack(root: &Path) -> Result<()> {
    let staging = tempfile::tempdir_in(workspace::cache()?)?;
    println!("downloading apksigner from Debian's {SUITE}, about 1 MB");
    fs::create_dir_all(root)?;
    for package in debian::download_alone(&PACKAGES, SUITE, staging.path())? {
        process::run(Command::new("dpkg-deb").arg("--extract").arg(package).arg(root), LIMIT)?;
    }
    Ok(())
}
