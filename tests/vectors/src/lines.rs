//! What a driver makes of lines that are wrong, and of its own operations: the same in every language.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result};
use hallpass_tenant::misbehaving::expand;
use serde::Deserialize;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;
use tokio::time::timeout;

use crate::case::{self, CaseError};
use crate::driver::Program;

/// A virtual machine that starts on a busy computer, and a line of some megabytes.
const ANSWER: Duration = Duration::from_secs(60);

/// A line of input and its answer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// What it is, in words.
    pub name: String,
    /// The line, as a template.
    pub line: String,
    /// The `id` of the answer; null unless given.
    #[serde(default)]
    pub id: Value,
    /// The kind and code of its error; else it has to succeed.
    pub error: Option<String>,
    /// What its message names, so that whoever wrote the line finds the mistake.
    pub names: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    line: Vec<Line>,
}

/// Reads the lines, in the order in which they are to be sent.
///
/// # Errors
/// [`CaseError`].
pub fn read(path: &Path) -> Result<Vec<Line>, CaseError> {
    case::read_toml::<File>(path).map(|file| file.line)
}

/// Sends all lines to a driver of their own, one after another, and returns how each answer differs from the expected one.
///
/// # Errors
/// When the driver cannot be started, does not answer, or does not end at the end of its input.
pub async fn play(program: &Program, lines: &[Line]) -> Result<Vec<Option<String>>> {
    let mut process = Command::new(&program.path)
        .args(&program.arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("cannot start the {} driver", program.language))?;
    let mut input = process.stdin.take().context("the input was asked for above")?;
    let mut output = BufReader::new(process.stdout.take().context("the output was asked for above")?).lines();
    let mut differences = Vec::new();
    for line in lines {
        let text = format!("{}\n", expand(&line.line, &|_| None)?);
        // A driver that reads while it answers is not waited for: both sides' pipes could be full.
        let (written, answer) = tokio::join!(input.write_all(text.as_bytes()), timeout(ANSWER, output.next_line()));
        written?;
        let answer = answer.with_context(|| format!("no answer to `{}`", line.name))??;
        differences.push(difference(line, &answer.with_context(|| format!("the driver ended at `{}`", line.name))?));
    }
    drop(input);
    let status = timeout(ANSWER, process.wait()).await.context("the driver goes on after the end of its input")??;
    anyhow::ensure!(status.success(), "the driver ended with {status}");
    Ok(differences)
}

/// How the answer differs from the expected one.
fn difference(line: &Line, answer: &str) -> Option<String> {
    let Ok(seen) = serde_json::from_str::<Value>(answer) else { return Some(format!("seen no JSON: {answer}")) };
    if seen["id"] != line.id {
        return Some(format!("expected the id {}, seen {answer}", line.id));
    }
    let text = |name: &str| seen["error"][name].as_str().unwrap_or_default().to_owned();
    match &line.error {
        None => seen.get("ok").is_none().then(|| format!("expected success, seen {answer}")),
        Some(error) if *error != format!("{} {}", text("kind"), text("code")) => {
            Some(format!("expected {error}, seen {answer}"))
        }
        Some(_) => {
            let named = line.names.as_deref().unwrap_or_default();
            (!text("message").contains(named)).then(|| format!("expected a message that names {named}, seen {answer}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(error: Option<&str>) -> Line {
        Line {
            name: "n".to_owned(),
            line: "l".to_owned(),
            id: 7.into(),
            error: error.map(str::to_owned),
            names: error.map(|_| "`op`".to_owned()),
        }
    }

    #[test]
    fn all_lines_are_read() {
        let lines = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("driver-lines.toml")).unwrap();
        assert!(lines.iter().all(|line| expand(&line.line, &|_| None).is_ok_and(|text| !text.contains('\n'))));
    }

    #[test]
    fn answer_is_the_expected_one_or_different() {
        let refused =
            r#"{"id":7,"error":{"kind":"InvalidRequest","code":"not_a_request","message":"`op` is missing"}}"#;
        assert_eq!(difference(&line(Some("InvalidRequest not_a_request")), refused), None);
        assert_eq!(difference(&line(None), r#"{"id":7,"ok":{}}"#), None);
        for (line, answer) in [
            (line(None), refused),
            (line(Some("InvalidRequest not_json")), refused),
            (line(Some("InvalidRequest not_a_request")), &refused.replace("`op`", "it")),
            (line(None), r#"{"id":8,"ok":{}}"#),
            (line(None), "nonsense"),
        ] {
            assert!(difference(&line, answer).is_some(), "{answer}");
        }
    }
}
