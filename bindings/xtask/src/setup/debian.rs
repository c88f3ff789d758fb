//! Packages of Debian and of the distributions made from it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use super::LIMIT;
use crate::process::{self, is_installed};

/// Archives that carry packages newer than the distribution's own, the smallest index first.
const NEWER_SUITES: [&str; 3] = ["stable-backports", "testing", "unstable"];

/// Signs every archive of Debian; its package is part of every installation.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Installs `packages` for the whole machine.
///
/// # Errors
/// Without `apt-get`, or without the right to use it; the message has the command to type.
pub(super) fn install(packages: &[&str]) -> Result<()> {
    let wanted = packages.join(" ");
    ensure!(is_installed("apt-get"), "install {wanted} with this system's package manager");
    if !rustix::process::getuid().is_root() {
        bail!("not allowed to install packages: `sudo apt-get install --no-install-recommends {wanted}`");
    }
    println!("installing {wanted} with apt-get");
    update()?;
    let mut install = apt_get(["install", "--yes", "--quiet", "--no-install-recommends"]);
    process::run(install.args(packages).env("DEBIAN_FRONTEND", "noninteractive"), LIMIT)
}

/// Downloads, without installing it, the `package` whose version begins with `version`, from whichever newer archive
/// still has it. Needs no rights. Returns the file, which is in `folder`.
///
/// # Errors
/// When the machine uses no archive of Debian, or none of them has that version.
pub(super) fn download(package: &str, version: &str, folder: &Path) -> Result<PathBuf> {
    let mirror = mirror()?;
    fs::create_dir_all(folder.join("lists/partial"))?;
    fs::create_dir_all(folder.join("empty"))?;
    for suite in NEWER_SUITES {
        let apt = PrivateApt { folder, mirror: &mirror, suite };
        if let Some(found) = apt.newest(package, version)? {
            println!("downloading {package} {found} from {suite}");
            return apt.download(package, &found);
        }
    }
    bail!("no archive of Debian has {package} {version} any more")
}

/// Downloads, without installing them, `packages` of `suite` and nothing that they need. Needs no rights. Returns the files,
/// which are in `folder`.
///
/// # Errors
/// When the machine uses no archive of Debian, or `suite` lacks one of them.
pub(super) fn download_alone(packages: &[&str], suite: &str, folder: &Path) -> Result<Vec<PathBuf>> {
    let mirror = mirror()?;
    fs::create_dir_all(folder.join("lists/partial"))?;
    fs::create_dir_all(folder.join("empty"))?;
    let apt = PrivateApt { folder, mirror: &mirror, suite };
    fs::write(apt.source_list(), apt.source())?;
    process::run(&mut apt.command("apt-get", &["update"]), LIMIT)?;
    process::run(&mut apt.command("apt-get", &[&["download"], packages].concat()), LIMIT)?;
    packages_in(folder)
}

/// Downloads, without installing them, `packages` of `suite` and all that they need to run on no system at all, not even
/// this one. Needs no rights. Returns the files, which are in `folder`.
///
/// # Errors
/// When the machine uses no archive of Debian, or `suite` lacks one of them.
pub(super) fn download_with_dependencies(packages: &[&str], suite: &str, folder: &Path) -> Result<Vec<PathBuf>> {
    let mirror = mirror()?;
    fs::create_dir_all(folder.join("lists/partial"))?;
    fs::create_dir_all(folder.join("empty"))?;
    let apt = PrivateApt { folder, mirror: &mirror, suite };
    fs::write(apt.source_list(), apt.source())?;
    // Nothing is installed in this system, so that everything is downloaded.
    fs::write(folder.join("status"), "")?;
    let status = format!("Dir::State::Status={}/status", folder.display());
    let with_status = ["--option", &status, "--option", "Debug::NoLocking=true"];
    process::run(&mut apt.command("apt-get", &[&["update"], &with_status[..]].concat()), LIMIT)?;
    let install = ["install", "--yes", "--download-only", "--no-install-recommends"];
    process::run(&mut apt.command("apt-get", &[&install[..], &with_status, packages].concat()), LIMIT)?;
    packages_in(&folder.join("archives"))
}

fn packages_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).context("apt-get left no packages")? {
        let file = entry?.path();
        if file.extension().is_some_and(|ending| ending == "deb") {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}

/// apt with state of its own: it reads one archive, and changes nothing of the system's.
struct PrivateApt<'a> {
    folder: &'a Path,
    mirror: &'a str,
    suite: &'a str,
}

impl PrivateApt<'_> {
    /// The newest version that begins with `version`.
    fn newest(&self, package: &str, version: &str) -> Result<Option<String>> {
        fs::write(self.source_list(), self.source())?;
        process::run(&mut self.command("apt-get", &["update"]), LIMIT)?;
        let listed = process::read(&mut self.command("apt-cache", &["madison", package]), LIMIT)?;
        Ok(newest_listed(&listed, version).map(str::to_owned))
    }

    fn download(&self, package: &str, version: &str) -> Result<PathBuf> {
        process::run(&mut self.command("apt-get", &["download", &format!("{package}={version}")]), LIMIT)?;
        let mut files = fs::read_dir(self.folder)?.filter_map(Result::ok).map(|entry| entry.path());
        files.find(|file| file.extension().is_some_and(|ending| ending == "deb")).context("apt-get left no package")
    }

    fn command(&self, program: &str, words: &[&str]) -> Command {
        let mut command = Command::new(program);
        let state = self.folder.display();
        let options = [
            "quiet=1".to_owned(),
            "Acquire::Languages=none".to_owned(),
            "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false".to_owned(),
            // Else apt complains that its own user may not write here.
            "APT::Sandbox::User=".to_owned(),
            format!("Dir::State::Lists={state}/lists"),
            format!("Dir::Cache={state}"),
            format!("Dir::Etc::SourceList={}", self.source_list().display()),
            format!("Dir::Etc::SourceParts={state}/empty"),
        ];
        command.current_dir(self.folder).args(options.iter().flat_map(|option| ["--option", option])).args(words);
        command
    }

    fn source(&self) -> String {
        format!("Types: deb\nURIs: {}\nSuites: {}\nComponents: main\nSigned-By: {KEYRING}\n", self.mirror, self.suite)
    }

    fn source_list(&self) -> PathBuf {
        self.folder.join(format!("{}.sources", self.suite))
    }
}

/// The archive that the machine's own apt uses.
fn mirror() -> Result<String> {
    ensure!(is_installed("apt-get"), "this is no Debian: it has no apt-get");
    let archives = || {
        let filter = ["Created-By: Packages", "Label: Debian", "Component: main"];
        process::read(apt_get(["indextargets", "--format", "$(REPO_URI)"]).args(filter), LIMIT)
    };
    let mut listed = archives()?;
    if listed.trim().is_empty() && rustix::process::getuid().is_root() {
        update()?;
        listed = archives()?;
    }
    let first = listed.lines().next().map(str::to_owned);
    first.context("this machine's apt knows no archive of Debian (has `apt-get update` been run?)")
}

fn update() -> Result<()> {
    process::run(&mut apt_get(["update", "--quiet"]), LIMIT)
}

fn apt_get<const N: usize>(words: [&str; N]) -> Command {
    let mut command = Command::new("apt-get");
    command.args(words);
    command
}

/// `apt-cache madison` lists the newest first: `rust-src | 1.95.0+dfsg1-2~bpo13+1 | http://… main amd64 Packages`.
fn newest_listed<'a>(listed: &'a str, version: &str) -> Option<&'a str> {
    let mut versions = listed.lines().filter_map(|line| line.split('|').nth(1)).map(str::trim);
    let is_wanted = |found: &&str| {
        found.strip_prefix(version).is_some_and(|rest| rest.starts_with(['+', '-', '~']) || rest.is_empty())
    };
    versions.find(is_wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTED: &str = "  rust-src | 1.95.10+dfsg1-1 | http://mirror testing/main amd64 Packages\n\
                            rust-src | 1.95.1+dfsg1-2 | http://mirror testing/main amd64 Packages\n\
                            rust-src | 1.95.1+dfsg1-1 | http://mirror testing/main amd64 Packages\n";

    #[test]
    fn newest_build_of_exactly_that_version_is_taken() {
        assert_eq!(newest_listed(LISTED, "1.95.1"), Some("1.95.1+dfsg1-2"));
    }

    #[test]
    fn version_that_is_gone_is_not_replaced_by_a_neighbour() {
        assert_eq!(newest_listed(LISTED, "1.95.2"), None);
        assert_eq!(newest_listed("", "1.95.1"), None);
    }
}
