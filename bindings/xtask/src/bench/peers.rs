//! What Hallpass is compared with: other libraries, in the versions that their lock files name.
//!
//! None of it is in the workspace that ships. It is fetched by its ordinary clients and built below the folders for what
//! is built and for what is fetched.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use toml::{Table, Value};

use super::{BUILD, Measure};
use crate::process;
use crate::setup::node;
use crate::workspace;

/// The variable in which the benchmark's program finds its peers.
pub(super) const VARIABLE: &str = "HALLPASS_BENCH_PEERS";

/// A download of some megabytes over a slow line.
const FETCH: Duration = Duration::from_secs(10 * 60);

/// Programs that do what is measured.
pub(super) struct Peers {
    commands: Vec<(&'static str, Vec<PathBuf>)>,
    /// Of libraries, by name.
    pub(super) versions: BTreeMap<String, String>,
}

impl Peers {
    /// Nobody to compare with.
    pub(super) fn none() -> Self {
        Self { commands: Vec::new(), versions: BTreeMap::new() }
    }

    /// As the program reads it: a line each, words with tabs between them.
    pub(super) fn for_program(&self) -> String {
        let line = |(name, words): &(&str, Vec<PathBuf>)| {
            let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
            format!("{name}\t{}", words.join("\t"))
        };
        self.commands.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

/// Fetches and builds the peers, when one of the measures named has any.
///
/// # Errors
/// When one cannot be had; `--without-peers` does without.
pub(super) fn prepare(names: &[Measure]) -> Result<Peers> {
    if !names.iter().any(|name| matches!(name, Measure::IdToken | Measure::Login | Measure::Requests)) {
        return Ok(Peers::none());
    }
    let rust = rust()?;
    let npm = npm()?;
    let (python, script) = pypi()?;
    let mut commands: Vec<(&'static str, Vec<PathBuf>)> = ["openidconnect", "jsonwebtoken", "josekit"]
        .map(|library| (library, vec![rust.clone(), library.into()]))
        .into();
    for library in ["openid-client", "jose"] {
        commands.push((library, vec!["node".into(), npm.clone(), library.into()]));
    }
    commands.push(("authlib", vec![python, script]));
    Ok(Peers { commands, versions: versions()? })
}

/// The workspace of the peers in Rust.
pub(super) fn workspace_of_rust() -> PathBuf {
    folder("peers")
}

/// Where that workspace is built.
pub(super) fn target_of_rust() -> PathBuf {
    workspace::target().join("peers")
}

fn rust() -> Result<PathBuf> {
    let mut build = workspace::cargo(["build", "--locked", "--release", "--package", "hallpass-bench-peers"]);
    build.current_dir(workspace_of_rust()).arg("--target-dir").arg(target_of_rust());
    process::run(&mut build, BUILD).context("the peers in Rust (josekit needs OpenSSL: `libssl-dev`)")?;
    Ok(target_of_rust().join("release/hallpass-bench-peers"))
}

/// The script, with what it imports beside a copy of it: a checkout stays as it is.
fn npm() -> Result<PathBuf> {
    node::prepare()?;
    let copy = copied("peers-npm", &["package.json", "package-lock.json", "peer.mjs"])?;
    node::install_locked(&copy)?;
    Ok(copy.join("peer.mjs"))
}

/// An interpreter that has what the script imports, and the script.
fn pypi() -> Result<(PathBuf, PathBuf)> {
    ensure!(process::is_installed("python3"), "python3 is missing: the peer in Python needs 3.10 or later");
    let copy = copied("peers-pypi", &["requirements.txt", "peer.py"])?;
    let environment = copy.join("environment");
    let python = environment.join("bin/python");
    if !python.is_file() {
        process::run(Command::new("python3").args(["-m", "venv"]).arg(&environment), FETCH)?;
    }
    let mut install = Command::new(&python);
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]);
    process::run(install.arg(copy.join("requirements.txt")), FETCH)?;
    Ok((python, copy.join("peer.py")))
}

fn copied(name: &str, files: &[&str]) -> Result<PathBuf> {
    let copy = workspace::target().join(name);
    fs::create_dir_all(&copy).with_context(|| format!("cannot make {}", copy.display()))?;
    for file in files {
        let from = folder(name).join(file);
        fs::copy(&from, copy.join(file)).with_context(|| format!("cannot copy {}", from.display()))?;
    }
    Ok(copy)
}

fn folder(name: &str) -> PathBuf {
    workspace::root().join("tests/bench").join(name)
}

/// Of the libraries compared with, from the files that pin them.
fn versions() -> Result<BTreeMap<String, String>> {
    let read = |path: PathBuf| fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()));
    let mut versions = of_cargo(&read(folder("peers").join("Cargo.lock"))?)?;
    versions.extend(of_npm(&read(folder("peers-npm").join("package-lock.json"))?)?);
    versions.extend(of_pip(&read(folder("peers-pypi").join("requirements.txt"))?));
    Ok(versions)
}

fn of_cargo(lock: &str) -> Result<BTreeMap<String, String>> {
    let table: Table = lock.parse()?;
    let packages = table.get("package").and_then(Value::as_array).cloned().unwrap_or_default();
    let text = |package: &Value, key: &str| package.get(key).and_then(Value::as_str).map(str::to_owned);
    let wanted = ["openidconnect", "jsonwebtoken", "josekit"];
    Ok(packages
        .iter()
        .filter_map(|package| Some((text(package, "name")?, text(package, "version")?)))
        .filter(|(name, _)| wanted.contains(&name.as_str()))
        .collect())
}

fn of_npm(lock: &str) -> Result<BTreeMap<String, String>> {
    let lock: serde_json::Value = serde_json::from_str(lock)?;
    let version = |name: &str| lock["packages"][format!("node_modules/{name}")]["version"].as_str().map(str::to_owned);
    Ok(["openid-client", "jose"].iter().filter_map(|name| Some(((*name).to_owned(), version(name)?))).collect())
}

fn of_pip(requirements: &str) -> BTreeMap<String, String> {
    let pinned = requirements.lines().filter_map(|line| line.trim().split_once("=="));
    pinned
        .filter(|(name, _)| name.eq_ignore_ascii_case("authlib"))
        .map(|(name, version)| (name.to_ascii_lowercase(), version.to_owned()))
        .collect()
}

/// Whether a file names where it was fetched from, which is a matter of each machine.
#[cfg(test)]
fn names_a_registry(path: &std::path::Path) -> bool {
    fs::read_to_string(path).unwrap_or_default().contains("\"resolved\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_peer_is_pinned_in_one_version() {
        let versions = versions().unwrap();
        let names: Vec<&str> = versions.keys().map(String::as_str).collect();
        assert_eq!(names, ["authlib", "jose", "josekit", "jsonwebtoken", "openid-client", "openidconnect"]);
    }

    #[test]
    fn no_lock_file_says_where_packages_were_fetched_from() {
        assert!(!names_a_registry(&folder("peers-npm").join("package-lock.json")));
    }

    #[test]
    fn program_is_told_its_peers_a_line_each() {
        let peers = Peers {
            commands: vec![("jose", vec!["node".into(), "peer.mjs".into()]), ("authlib", vec!["python".into()])],
            versions: BTreeMap::new(),
        };
        assert_eq!(peers.for_program(), "jose\tnode\tpeer.mjs\nauthlib\tpython");
    }
}
