//! Command lines in documents: each must be one that its program understands.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use clap::Parser;

use super::document::Document;
use super::project::Project;
use crate::cli::Cli;
use crate::process;
use crate::workspace::cargo;

/// Cargo's own commands that a document may show.
const CARGO: &[&str] = &["add", "bench", "build", "clippy", "doc", "fmt", "install", "run", "test", "tree", "update"];

/// Programs that are not ours, and whose words are taken as they are.
const FOREIGN: &[&str] = &["bash", "cd", "echo", "export", "git", "openssl", "rustup"];

/// Whether the command in `words` can be run as it stands. `lab` judges the words after `lab`.
pub(super) fn check(
    words: &[String],
    document: &Document,
    project: &Project,
    lab: &mut dyn FnMut(&[String]) -> Result<(), String>,
) -> Result<(), String> {
    // `[TOOL…]` stands for what the reader may add.
    let given: Vec<String> = words.iter().filter(|word| !word.starts_with('[')).cloned().collect();
    match given.split_first() {
        None => Ok(()),
        Some((assignment, rest)) if is_assignment(assignment) => {
            let variable = assignment.split('=').next().unwrap_or_default();
            project.check_names(&[variable.to_owned()])?;
            check(rest, document, project, lab)
        }
        Some((program, rest)) => match program.as_str() {
            "cargo" => cargo_command(rest, project, lab),
            "lab" => lab_command(rest, lab),
            path if path.contains('/') => project.check_path(&document.path, path),
            program if FOREIGN.contains(&program) => Ok(()),
            program => Err(format!("`{program}` is no command that the checker knows")),
        },
    }
}

fn is_assignment(word: &str) -> bool {
    let variable = word.split_once('=').map(|(variable, _)| variable);
    let letter = |letter: char| letter.is_ascii_uppercase() || letter == '_' || letter.is_ascii_digit();
    variable.is_some_and(|variable| !variable.is_empty() && variable.chars().all(letter))
}

fn cargo_command(
    words: &[String],
    project: &Project,
    lab: &mut dyn FnMut(&[String]) -> Result<(), String>,
) -> Result<(), String> {
    let Some((command, rest)) = words.split_first() else { return Ok(()) };
    if command == "xtask" {
        return own_command(rest);
    }
    if !CARGO.contains(&command.as_str()) {
        return Err(format!("`cargo {command}` is no command that the checker knows"));
    }
    let mut halves = rest.split(|word| word == "--");
    let of_cargo = halves.next().unwrap_or_default();
    let package = package_named(of_cargo);
    if let Some(gone) = package.filter(|package| !project.has_package(package)) {
        return Err(format!("no package `{gone}`"));
    }
    let runs_the_lab = command == "run" && package.is_none_or(|package| package == "hallpass-lab");
    match halves.next() {
        Some(of_the_lab) if runs_the_lab => lab_command(of_the_lab, lab),
        Some(_) | None => Ok(()),
    }
}

/// What follows `-p` or `--package`.
fn package_named(words: &[String]) -> Option<&str> {
    let after_flag = words.windows(2).find(|pair| matches!(pair[0].as_str(), "-p" | "--package"));
    let joined = words.iter().find_map(|word| word.strip_prefix("--package="));
    after_flag.map(|pair| pair[1].as_str()).or(joined)
}

/// `lab COMMAND` is any command; after the command a word in capitals is a value like another.
fn lab_command(words: &[String], lab: &mut dyn FnMut(&[String]) -> Result<(), String>) -> Result<(), String> {
    match words {
        [command, ..] if is_placeholder(command) => Ok(()),
        words => lab(words),
    }
}

/// A word in capitals stands for what the reader puts there.
fn is_placeholder(word: &str) -> bool {
    word.chars().all(|letter| letter.is_ascii_uppercase() || matches!(letter, '_' | '…'))
}

fn own_command(words: &[String]) -> Result<(), String> {
    let line = || format!("`cargo xtask {}`", words.join(" "));
    let given = words.iter().map(String::as_str).filter(|word| !is_placeholder(word));
    let words = std::iter::once("cargo xtask").chain(given);
    match Cli::try_parse_from(words) {
        Ok(_) => Ok(()),
        Err(error) if !error.use_stderr() => Ok(()),
        Err(error) => Err(format!("{}: {}", line(), first_line(&error.to_string()))),
    }
}

/// The `lab` command, built when the first document names it.
#[derive(Default)]
pub(super) struct LabBinary {
    built: Option<Result<PathBuf, String>>,
}

impl LabBinary {
    /// Asks `lab` itself. It reads its words in order, so that `--help` at their end is reached, and answered, only
    /// when it has understood all the others.
    pub(super) fn parse(&mut self, words: &[String]) -> Result<(), String> {
        let program = self.built.get_or_insert_with(build).clone()?;
        let answer = process::read(Command::new(program).args(words).arg("--help"), Duration::from_secs(30));
        answer.map(drop).map_err(|error| format!("`lab {}`: {}", words.join(" "), first_line(&format!("{error:#}"))))
    }
}

/// Returns where the program is.
fn build() -> Result<PathBuf, String> {
    let mut build = cargo(["build", "--quiet", "--locked", "--package", "hallpass-lab", "--message-format", "json"]);
    let told = process::read(&mut build, Duration::from_secs(30 * 60)).map_err(|error| format!("{error:#}"))?;
    let executable = |line: &str| -> Option<PathBuf> {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        message.get("executable")?.as_str().map(PathBuf::from)
    };
    told.lines().find_map(executable).ok_or_else(|| "the package of the lab has no program".to_owned())
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}
