//! `cargo xtask release`: everything that ships, in one folder, from one commit and with one version.
//!
//! What is packed is packed alike each time: sorted, and without the times and owners of files. `--same-as` says whether two
//! machines made the same.

mod bill;
pub(crate) mod maven;
mod native;
pub(crate) mod swift;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args;
use sha2::Sha256;
use sha2::digest::Digest;

use crate::archive::Entry;
use crate::setup::cross::ndk;
use crate::workspace::{self, cargo};
use crate::{native_library, process};

/// What `cargo package` compiles again, and git: minutes on a small machine.
const LIMIT: Duration = Duration::from_secs(20 * 60);

/// The list of what is in the folder, as `sha256sum --check` reads it. It also marks a folder that may be replaced.
pub(crate) const SUMS: &str = "SHA256SUMS";

/// The file that lists the third parties' licences, wherever compiled code goes.
const NOTICES: &str = "THIRD-PARTY-LICENCES.txt";

/// What is asked of `cargo xtask release`.
#[derive(Debug, Default, Args)]
pub(crate) struct Release {
    /// The folder to make. One that an earlier release left there is replaced.
    #[arg(long, value_name = "FOLDER", default_value = "target/release-folder")]
    pub(crate) to: PathBuf,
    /// From development builds, for the processors that the tests build, and from files that are not committed: for trials.
    #[arg(long)]
    pub(crate) trial: bool,
    /// A framework that a Mac has made, instead of a preview that is built here.
    #[arg(long, value_name = "XCFRAMEWORK")]
    pub(crate) framework: Option<PathBuf>,
    /// Another release folder of the same commit: an error names what differs from it.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) same_as: Option<PathBuf>,
}

/// Makes the folder.
///
/// # Errors
/// When something does not build, or is not as it should be.
pub(crate) fn run(asked: &Release) -> Result<()> {
    let commit = commit()?;
    ensure!(
        asked.trial || !commit.ends_with("-dirty"),
        "a release is made of a commit: commit your changes, or use --trial"
    );
    // Read before anything is written: it may be what the last run left in the same folder.
    let others = asked.same_as.as_ref().map(|other| {
        fs::read_to_string(other.join(SUMS)).with_context(|| format!("{} has no {SUMS}", other.display()))
    });
    let others = others.transpose()?;
    let version = version()?;
    let folder = workspace::root().join(&asked.to);
    prepare(&folder)?;

    let bill = bill::Bill::read()?;
    fs::write(folder.join(format!("hallpass-{version}.cdx.json")), bill.cyclone_dx(&version)?)?;
    let notices = bill.notices()?;
    fs::write(folder.join(NOTICES), &notices)?;

    let built = native::build(asked)?;
    native::pack(&folder, &version, &built, &notices)?;
    maven::write(&folder.join("maven"), &version, &built, &notices, !asked.trial)?;
    swift::write(&folder, &version, &built.framework, &notices)?;
    crates(&folder, asked.trial)?;
    fs::write(folder.join("RELEASE.md"), note(asked, &version, &commit)?)?;

    let sums = sums(&folder)?;
    fs::write(folder.join(SUMS), &sums)?;
    println!("\n{}", native_library::table(["artefact", "size"], &sizes(&folder)?));
    println!("\n{}", folder.display());
    if let Some(others) = others {
        let differing = differing(&sums, &others);
        ensure!(differing.is_empty(), "not the same, byte for byte: {}", differing.join(", "));
        println!("the same as the other, byte for byte");
    }
    Ok(())
}

/// The version of everything: the one of the workspace.
pub(crate) fn version() -> Result<String> {
    workspace_field("version")
}

/// Of `[workspace.package]`.
fn workspace_field(name: &str) -> Result<String> {
    let manifest: toml::Table = fs::read_to_string(workspace::root().join("Cargo.toml"))?.parse()?;
    let field = manifest["workspace"]["package"].get(name).and_then(toml::Value::as_str);
    field.map(str::to_owned).with_context(|| format!("the workspace has no {name}"))
}

/// Where the files of the release can be had.
fn address(version: &str) -> Result<String> {
    Ok(format!("{}/releases/download/v{version}", workspace_field("repository")?))
}

fn commit() -> Result<String> {
    let mut describe = Command::new("git");
    describe.args(["describe", "--always", "--abbrev=40", "--exclude=*", "--dirty"]).current_dir(workspace::root());
    Ok(process::read(&mut describe, LIMIT)?.trim().to_owned())
}

/// An empty folder. What is no release is not deleted.
fn prepare(folder: &Path) -> Result<()> {
    if folder.exists() {
        let is_ours = folder.join(SUMS).is_file() || fs::read_dir(folder)?.next().is_none();
        ensure!(is_ours, "{} is no release: delete it yourself, or name another folder", folder.display());
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    // From here on a release that fails half-way can be replaced.
    fs::write(folder.join(SUMS), "").context("cannot write to the folder")
}

/// The crates as they are published.
fn crates(folder: &Path, is_trial: bool) -> Result<()> {
    let built = workspace::target().join("crates");
    let mut package = cargo(["package", "--locked", "--package", "hallpass-protocol", "--package", "hallpass-core"]);
    if is_trial {
        // A trial is compiled by whoever consumes it.
        package.args(["--no-verify", "--allow-dirty"]);
    }
    process::run(package.arg("--target-dir").arg(&built), LIMIT)?;
    fs::create_dir(folder.join("crates"))?;
    for name in ["hallpass-protocol", "hallpass-core"] {
        let file = format!("{name}-{}.crate", version()?);
        fs::copy(built.join("package").join(&file), folder.join("crates").join(&file))?;
    }
    Ok(())
}

/// What changed, what it was made of, and what of it nobody should publish.
fn note(asked: &Release, version: &str, commit: &str) -> Result<String> {
    let changelog = fs::read_to_string(workspace::root().join("CHANGELOG.md"))?;
    let changes = changes(&changelog, version).context("CHANGELOG.md has no section for this version")?;
    let compiler = process::read(Command::new("rustc").arg("--version"), LIMIT)?;
    let mut note =
        format!("# Hallpass {version}\n\n{changes}\n\n## How it was made\n\nFrom commit {commit}, by {compiler}");
    if asked.trial {
        note += "\nThis is a trial: development builds for some processors. Publish none of it.\n";
    }
    if ndk::installed()?.is_none() {
        note += "\nThe libraries for Android were linked without the NDK. Do not publish `hallpass-android`.\n";
    }
    if asked.framework.is_none() && !cfg!(target_os = "macos") {
        note += "\nThe framework was not made on a Mac. Do not publish it, nor `hallpass-swift`.\n";
    }
    note += "\nAnother machine makes the same files, byte for byte, with the same compilers (Rust, Kotlin, C) and the same system \
        libraries: `cargo xtask release --same-as FOLDER` names those that differ. This note names the compiler.\n";
    Ok(note)
}

/// The section of `version`, or what is not released yet.
fn changes<'a>(changelog: &'a str, version: &str) -> Option<&'a str> {
    let section = |name: &str| {
        let (_, rest) = changelog.split_once(&format!("\n## [{name}]"))?;
        let (_, body) = rest.split_once('\n')?;
        Some(body.split("\n## [").next()?.trim())
    };
    section(version).or_else(|| section("Unreleased"))
}

/// Every file but the list itself, with its checksum.
pub(crate) fn sums(folder: &Path) -> Result<String> {
    let mut sums = String::new();
    for (name, file) in files(folder)?.into_iter().filter(|(name, _)| name != SUMS) {
        sums += &format!("{}  {name}\n", hex(&Sha256::digest(fs::read(file)?)));
    }
    Ok(sums)
}

/// The names of what is not in both lists, or not the same. The checksums that stand beside a file follow from it.
fn differing(sums: &str, others: &str) -> Vec<String> {
    fn lines(list: &str) -> BTreeMap<&str, &str> {
        list.lines().filter_map(|line| line.split_once("  ")).map(|(sum, name)| (name, sum)).collect()
    }
    let (sums, others) = (lines(sums), lines(others));
    let names: std::collections::BTreeSet<_> = sums.keys().chain(others.keys()).collect();
    let own =
        names.into_iter().filter(|name| !["md5", "sha1", "sha256", "sha512"].iter().any(|sum| name.ends_with(sum)));
    own.filter(|name| sums.get(*name) != others.get(*name)).map(|name| (*name).to_owned()).collect()
}

/// What people download.
fn sizes(folder: &Path) -> Result<Vec<(String, Vec<u64>)>> {
    let endings = [".zip", ".gz", ".aar", ".jar", ".crate"];
    let shown = files(folder)?.into_iter().filter(|(name, _)| endings.iter().any(|ending| name.ends_with(ending)));
    shown.map(|(name, file)| Ok((name, vec![native_library::size(&file)?]))).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Every file below `folder`, by its name from there, in order.
pub(crate) fn files(folder: &Path) -> Result<BTreeMap<String, PathBuf>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).with_context(|| format!("cannot read {}", next.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder)?.to_str().context("a name that is no text")?.to_owned();
                found.insert(name, path);
            }
        }
    }
    Ok(found)
}

/// What an archive has of `folder`, below `prefix`.
fn entries(folder: &Path, prefix: &str) -> Result<Vec<Entry>> {
    files(folder)?
        .into_iter()
        .map(|(name, file)| Entry::deflated(format!("{prefix}{name}"), &fs::read(file)?))
        .collect()
}

/// The project's licences, by the names that they have wherever they go.
fn licences() -> Result<Vec<(String, Vec<u8>)>> {
    let read = |name: &str| Ok((name.to_owned(), fs::read(workspace::root().join(name))?));
    ["LICENSE-APACHE", "LICENSE-MIT"].into_iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_that_states_the_version_states_this_one() {
        let version = version().unwrap();
        let files = workspace::files().unwrap();
        let pom = format!("<version>{version}</version>");
        for file in files.iter().filter(|file| file.path.ends_with("pom.xml") && !file.path.starts_with("tests/")) {
            assert!(file.text.contains(&format!("{pom}\n")), "{} is of another version", file.path);
        }
        let manifest = files.iter().find(|file| file.path == "Cargo.toml").unwrap();
        for line in manifest.text.lines().filter(|line| line.starts_with("hallpass-") && line.contains("path")) {
            assert!(line.contains(&format!("version = \"{version}\"")), "{line}");
        }
    }

    #[test]
    fn changes_are_those_of_the_version_or_else_those_that_are_not_released() {
        let log = "# Changelog\n\n## [Unreleased]\n\n- new\n\n## [0.2.0] - 2026-12-01\n- two\n\n## [0.1.0]\n- one\n";
        assert_eq!(changes(log, "0.2.0"), Some("- two"));
        assert_eq!(changes(log, "0.3.0"), Some("- new"));
        assert_eq!(changes("# Changelog\n", "0.1.0"), None);
    }

    #[test]
    fn folder_that_is_no_release_is_not_deleted() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("thesis.txt"), "years of work").unwrap();
        assert!(prepare(folder.path()).unwrap_err().to_string().contains("is no release"));
        assert!(folder.path().join("thesis.txt").is_file());
    }

    #[test]
    fn file_that_differs_or_is_missing_is_named() {
        let sums = "aa  one\nbb  two\nbb  two.md5\ncc  three\n";
        assert_eq!(differing(sums, sums), <[String; 0]>::default());
        assert_eq!(differing(sums, "aa  one\nb0  two\ndd  four\n"), ["four", "three", "two"]);
    }

    #[test]
    fn sums_are_of_every_file_but_the_list() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("b")).unwrap();
        for (name, text) in [("b/empty", ""), ("a", "abc"), (SUMS, "old")] {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let sums = sums(folder.path()).unwrap();
        assert_eq!(
            sums,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  a\n\
             e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  b/empty\n"
        );
    }
}
