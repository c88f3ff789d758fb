//! Glewlwyd as Debian builds it, unpacked with all that it needs: nothing is installed, and no service is started.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::made_of;
use crate::process;
use crate::setup::{LIMIT, debian};
use crate::workspace;

/// A release that has it: what it has stays as it is.
const SUITE: &str = "bookworm";

/// `dbconfig-no-thanks` stands for the set-up of a database server, which is not wanted.
const PACKAGES: [&str; 3] = ["glewlwyd", "dbconfig-no-thanks", "sqlite3"];

/// Another number makes everybody's folder anew.
const RECIPE: &str = "glewlwyd 1";

/// Unpacks it into `folder`: 33 MB to download.
///
/// # Errors
/// When the machine uses no archive of Debian, or is neither x86_64 nor aarch64.
pub(super) fn prepare(folder: &Path) -> Result<()> {
    let (triplet, loader) = match std::env::consts::ARCH {
        "x86_64" => ("x86_64-linux-gnu", "ld-linux-x86-64.so.2"),
        "aarch64" => ("aarch64-linux-gnu", "ld-linux-aarch64.so.1"),
        other => bail!("Debian's Glewlwyd is not unpacked for {other}"),
    };
    made_of(RECIPE, folder, || {
        let root = folder.join("root");
        let staging = tempfile::tempdir_in(workspace::cache()?)?;
        println!("downloading Glewlwyd from Debian's {SUITE}");
        let packages = debian::download_with_dependencies(&PACKAGES, SUITE, staging.path())?;
        for package in &packages {
            process::run(Command::new("dpkg-deb").arg("--extract").arg(package).arg(&root), LIMIT)?;
        }
        let libraries = ["lib", "usr/lib"].map(|folder| root.join(folder).join(triplet));
        let wrap = |program: &str| wrap(folder, program, &libraries[0].join(loader), &libraries, &root);
        wrap("glewlwyd")?;
        let tables = root.join("usr/share/dbconfig-common/data/glewlwyd/install/sqlite3");
        let mut sqlite = Command::new(wrap("sqlite3")?);
        sqlite.args(["-bail", "-init"]).arg(tables).arg(folder.join("empty.sqlite3")).arg(".quit");
        process::run(&mut sqlite, LIMIT).context("the database cannot be made")?;
        let version = packages.iter().find_map(|package| version(package)).context("no package has its version")?;
        fs::write(folder.join("version"), version)?;
        Ok(())
    })
}

/// Writes a script that runs `program` of `root` with the C library that it was built for.
fn wrap(folder: &Path, program: &str, loader: &Path, libraries: &[PathBuf; 2], root: &Path) -> Result<PathBuf> {
    let script = folder.join(program);
    let [first, second] = libraries;
    let text = format!(
        "#!/bin/sh\nexec '{}' --library-path '{}:{}' '{}' \"$@\"\n",
        loader.display(),
        first.display(),
        second.display(),
        root.join("usr/bin").join(program).display()
    );
    fs::write(&script, text)?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
    Ok(script)
}

/// From `glewlwyd_2.7.5-3+deb12u1_amd64.deb`.
fn version(package: &Path) -> Option<String> {
    package.file_name()?.to_str()?.strip_prefix("glewlwyd_")?.split(['-', '_']).next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_is_read_from_the_package_and_from_no_other() {
        let of = |name: &str| version(Path::new(name));
        assert_eq!(of("archives/glewlwyd_2.7.5-3+deb12u1_amd64.deb").as_deref(), Some("2.7.5"));
        assert_eq!(of("archives/glewlwyd-common_2.7.5-3_all.deb"), None);
    }
}
