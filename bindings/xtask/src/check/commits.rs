//! The subjects of commits: `area: summary`, with at most 72 characters.
//!
//! Only commits after [`BASE`] are checked: older ones were made before this rule. Whether a summary is imperative is
//! for the reviewer; this finds the most common way to get it wrong, a summary that begins with an article.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use crate::process;
use crate::report::Outcome;
use crate::workspace;

/// The last commit that is not checked.
const BASE: &str = "be74bfd50f2367cc55ad6975301a84383fd4865d";

/// As much as fits into a line of `git log --oneline`.
const LONGEST: usize = 72;

const NOT_IMPERATIVE: &[&str] = &["a", "an", "it", "its", "the", "their", "this", "what", "who"];

const LIMIT: Duration = Duration::from_secs(60);

/// Checks every commit from [`BASE`] to the current one. A shallow clone may lack `BASE`: then only the current commit.
///
/// # Errors
/// When git cannot be asked.
pub(super) fn check() -> Result<Outcome> {
    check_since(workspace::root(), BASE)
}

fn check_since(checkout: impl AsRef<Path>, base: &str) -> Result<Outcome> {
    let git = |words: &[&str]| process::read(Command::new("git").args(words).current_dir(&checkout), LIMIT);
    let log = ["log", "--no-merges", "--format=%h %s"];
    if git(&["cat-file", "-e", &format!("{base}^{{commit}}")]).is_ok() {
        let range = format!("{base}..HEAD");
        return Ok(judged(&git(&[log.as_slice(), &[range.as_str()]].concat())?));
    }
    if git(&["rev-parse", "--is-shallow-repository"])?.trim() != "true" {
        return Ok(Outcome::Failed(format!("there is no commit {base}: `BASE` in {} is wrong", file!())));
    }
    let last = judged(&git(&[log.as_slice(), &["--max-count=1"]].concat())?);
    if last == Outcome::Passed {
        return Ok(Outcome::Skipped(format!("a shallow clone without {base}: only the last commit was checked")));
    }
    Ok(last)
}

/// `log` has a commit a line: its hash, a space, its subject.
fn judged(log: &str) -> Outcome {
    let findings: Vec<String> = log
        .lines()
        .filter_map(|line| line.split_once(' '))
        .filter_map(|(hash, subject)| problem(subject).map(|problem| format!("{hash}: {problem}: {subject}")))
        .collect();
    if findings.is_empty() { Outcome::Passed } else { Outcome::Failed(findings.join("\n")) }
}

/// What is wrong with `subject`, if anything.
fn problem(subject: &str) -> Option<String> {
    let length = subject.chars().count();
    if length > LONGEST {
        return Some(format!("{length} characters, at most {LONGEST} fit"));
    }
    let is_part = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || "/-_.".contains(letter);
    let Some((area, summary)) = subject.split_once(": ").filter(|(area, _)| area.chars().all(is_part)) else {
        return Some("not of the form `area: summary`, with an area like `core/session`".to_owned());
    };
    let first = summary.split(' ').next().unwrap_or_default();
    if area.is_empty() || first.is_empty() {
        return Some("the area or the summary is missing".to_owned());
    }
    let first = first.to_lowercase();
    NOT_IMPERATIVE
        .contains(&first.as_str())
        .then(|| format!("a summary is imperative; it does not begin with `{first}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(outcome: Outcome) -> String {
        let Outcome::Failed(why) = outcome else { panic!("{outcome:?}") };
        why
    }

    #[test]
    fn subject_with_an_area_and_an_imperative_summary_is_right() {
        for subject in [
            "core/session: retry a lost response",
            "tests/lab: add `lab doctor`: checks of a tenant",
            ".ci: install git",
        ] {
            assert_eq!(problem(subject), None, "{subject}");
        }
    }

    #[test]
    fn subject_is_measured_in_characters() {
        let of = |length: usize| format!("core: {}", "ä".repeat(length - 6));
        assert_eq!(problem(&of(72)), None);
        assert!(problem(&of(73)).unwrap().starts_with("73 characters"));
    }

    #[test]
    fn subject_without_an_area_or_a_summary_is_found() {
        for subject in
            ["retry a lost response", "Core: retry", "core:retry", ": retry", "core: ", "core and tests: retry"]
        {
            assert!(problem(subject).is_some(), "{subject}");
        }
    }

    #[test]
    fn summary_that_begins_with_an_article_is_found() {
        assert!(problem("core: the engine retries").unwrap().contains("`the`"));
        assert!(problem("core: What a store says").unwrap().contains("`what`"));
    }

    /// A repository with these commits, the first one first.
    fn repository(subjects: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        git(folder.path(), &["init", "--quiet"]);
        for subject in subjects {
            git(folder.path(), &["commit", "--quiet", "--allow-empty", "--message", subject]);
        }
        folder
    }

    /// Runs git without the settings of whoever runs the test.
    fn git(folder: &Path, words: &[&str]) -> String {
        let identity = ["-c", "user.name=test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false"];
        let mut command = Command::new("git");
        command.args(identity).args(words).current_dir(folder);
        command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null");
        process::read(&mut command, LIMIT).unwrap().trim().to_owned()
    }

    #[test]
    fn commits_after_the_base_are_checked_and_older_ones_are_not() {
        let folder = repository(&["Everything", "core: begin", "Something", "core: go on"]);
        let base = |back: &str| git(folder.path(), &["rev-parse", back]);
        let found = failure(check_since(folder.path(), &base("HEAD~2")).unwrap());
        assert!(found.contains("Something") && found.lines().count() == 1, "{found}");
        assert_eq!(check_since(folder.path(), &base("HEAD~1")).unwrap(), Outcome::Passed);
    }

    #[test]
    fn shallow_clone_without_the_base_checks_the_last_commit() {
        let clone = |subjects: &[&str]| {
            let (origin, clone) = (repository(subjects), tempfile::tempdir().unwrap());
            let base = git(origin.path(), &["rev-parse", "HEAD~2"]);
            let url = format!("file://{}", origin.path().display());
            git(clone.path(), &["clone", "--quiet", "--depth=2", &url, "."]);
            check_since(clone.path(), &base).unwrap()
        };
        assert!(matches!(clone(&["core: begin", "Old", "core: go on"]), Outcome::Skipped(_)));
        assert!(failure(clone(&["core: begin", "core: go on", "New"])).contains("New"));
    }

    #[test]
    fn base_that_the_whole_history_lacks_is_found() {
        let folder = repository(&["core: begin"]);
        assert!(failure(check_since(folder.path(), &"0".repeat(40)).unwrap()).contains("no commit"));
    }
}
