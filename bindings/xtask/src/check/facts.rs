//! The documents, held against the project: each path, link, command and name in code font must exist.
//!
//! A document that names what is gone is worse than none. What a document says in plain prose is not judged here.

mod commands;
mod document;
mod project;

use anyhow::Result;

use self::commands::LabBinary;
use self::document::{Claim, Document};
use self::project::Project;
use super::Finding;
use crate::workspace::SourceFile;

/// Every claim of the documents that does not hold.
///
/// # Errors
/// When the project's packages or a Rust source cannot be read.
pub(super) fn check(files: &[SourceFile]) -> Result<Vec<Finding>> {
    let project = Project::of(files)?;
    let mut lab = LabBinary::default();
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| is_checked(&file.path)) {
        findings.extend(check_document(&Document::of(file), &project, &mut |words| lab.parse(words)));
    }
    Ok(findings)
}

/// The history of changes names what is gone, and a decision what was never built: both rightly.
fn is_checked(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    matches!(name, "README.md" | "ARCHITECTURE.md" | "CONTRIBUTING.md" | "SECURITY.md")
}

/// `lab` says whether the words after `lab` are a command line that it understands.
fn check_document(
    document: &Document,
    project: &Project,
    lab: &mut dyn FnMut(&[String]) -> Result<(), String>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (line, claim) in &document.claims {
        let held = match claim {
            Claim::Link(target) => project.check_link(document, target),
            Claim::Path(path) => project.check_path(&document.path, path),
            Claim::Names(names) => project.check_names(names),
            Claim::Command(words) => commands::check(words, document, project, lab),
        };
        if let Err(what) = held {
            findings.push(Finding::new(&document.path, *line, what));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project() -> Project {
        let files = [
            ("Cargo.toml", "[workspace]"),
            ("core/Cargo.toml", "[package]\nname = \"hallpass-core\""),
            ("core/src/session.rs", "/// NotThere\npub struct Session; impl Session { pub fn renew(&self) {} }"),
            ("core/docs/adr/0001-layers.md", "# Layers\n\n## Why not one crate?\n"),
            (".ci/run", "export HALLPASS_CACHE"),
        ];
        let files = files.map(|(path, text)| SourceFile { path: path.to_owned(), text: text.to_owned() });
        Project::of(&files).unwrap()
    }

    /// What is wrong with a README of this text, in a project where `lab` knows `walk` and `serve --port`.
    fn found(text: &str) -> Vec<String> {
        let readme = SourceFile { path: "README.md".to_owned(), text: text.to_owned() };
        let mut lab = |words: &[String]| match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            [] | ["walk"] | ["serve", "--port", _] => Ok(()),
            _ => Err(format!("`lab {}`: no such command", words.join(" "))),
        };
        let findings = check_document(&Document::of(&readme), &project(), &mut lab);
        findings.into_iter().map(|finding| format!("{}: {}", finding.line, finding.what)).collect()
    }

    #[test]
    fn true_document_has_no_findings() {
        let text = "# Hallpass\n\n`core/src/session.rs` has `Session::renew()`; read [why](core/docs/adr/0001-layers.md#why-not-one-crate).\n\n\
            ```sh\n# the exercise\ncargo run\ncargo xtask test rust --skip apple   # quicker\nHALLPASS_CACHE=/tmp/x cargo xtask setup\n\
            cargo test -p hallpass-core\n.ci/run\ncargo run -- serve --port 3000\n```\n\nThe crate `hallpass-core`, [above](#hallpass).\n";
        assert_eq!(found(text), Vec::<String>::new());
    }

    #[test]
    fn path_that_does_not_exist_is_found_with_its_line() {
        assert_eq!(found("one\n\n`core/src/gone.rs`"), ["3: no file or folder `core/src/gone.rs`"]);
    }

    #[test]
    fn path_may_leave_out_the_folders_it_begins_with() {
        assert!(found("`session.rs` in `src/session.rs`").is_empty());
        assert_eq!(found("`sion.rs`").len(), 1);
    }

    #[test]
    fn outline_is_checked_where_it_names_files_and_methods() {
        assert!(found("is:\n\n    Session::renew   (session.rs): and anything else, tokens\n").is_empty());
        assert_eq!(found("is:\n\n    Session::renew\n      Session::gone  gone.rs\n").len(), 2);
        assert_eq!(found("```text\ncore/src/gone.rs\n```"), ["2: no file or folder `core/src/gone.rs`"]);
    }

    #[test]
    fn folder_is_a_path_and_the_beginning_of_its_name_is_not() {
        assert!(found("`core/src/` and `core/docs`").is_empty());
        assert_eq!(found("`core/sr`").len(), 1);
    }

    #[test]
    fn link_to_nothing_is_found_in_every_notation() {
        assert_eq!(found("[a](gone.md)").len(), 1);
        assert_eq!(found("![a](gone.svg)").len(), 1);
        assert_eq!(found("[a][b]\n\n[b]: gone.md").len(), 1);
        assert_eq!(found("<img src=\"gone.svg\">").len(), 1);
        assert_eq!(found("<p>\n<a href='gone.md'>a</a>\n</p>").len(), 1);
        assert!(found("[a](https://example.com/gone.md)").is_empty());
    }

    #[test]
    fn link_to_a_heading_that_is_gone_is_found() {
        assert_eq!(found("# One\n[a](#two)").len(), 1);
        assert_eq!(found("[a](core/docs/adr/0001-layers.md#who)").len(), 1);
    }

    #[test]
    fn name_that_no_source_has_is_found_also_when_a_comment_has_it() {
        assert_eq!(found("`Session::forget`"), ["1: no source names `forget`"]);
        assert_eq!(found("`NotThere`"), ["1: no source names `NotThere`"]);
        assert_eq!(found("set `HALLPASS_GONE`").len(), 1);
    }

    #[test]
    fn example_that_calls_what_is_gone_is_found() {
        assert!(found("```rust\nlet mine = Session::renew();\n```").is_empty());
        assert_eq!(found("```rust\nlet mine = session.forget();\n```"), ["2: no source names `forget`"]);
        assert_eq!(found("```swift\nlet mine = Gone()\n```"), ["2: no source names `Gone`"]);
        assert!(found("```text\nanything at all: Gone\n```").is_empty());
    }

    #[test]
    fn command_of_the_project_that_does_not_parse_is_found() {
        assert_eq!(found("`cargo xtask tset`").len(), 1);
        assert_eq!(found("```sh\ncargo xtask test rust --skipp apple\n```").len(), 1);
        assert_eq!(found("```console\n$ cargo xtask setup nothing\nany output\n```").len(), 1);
        assert!(found("`cargo xtask setup [TOOL…]` and `cargo xtask test SUITE`").is_empty());
    }

    #[test]
    fn command_of_the_lab_that_does_not_parse_is_found() {
        assert_eq!(found("`lab dance`"), ["1: `lab dance`: no such command"]);
        assert_eq!(found("```sh\ncargo run -- serve --prot 3000\n```").len(), 1);
        assert!(found("`lab walk`, or `lab COMMAND`").is_empty());
    }

    #[test]
    fn cargo_command_on_a_package_that_is_gone_is_found() {
        assert_eq!(found("`cargo test --package hallpass-gone`").len(), 1);
        assert_eq!(found("`cargo frobnicate --all`").len(), 1);
    }

    #[test]
    fn command_that_nobody_can_check_is_found() {
        assert_eq!(found("```sh\nmake all\n```"), ["2: `make` is no command that the checker knows"]);
        assert_eq!(found("```sh\n.ci/gone\n```"), ["2: no file or folder `.ci/gone`"]);
    }

    #[test]
    fn every_command_of_a_chain_is_checked() {
        assert_eq!(found("```sh\ncargo run && cargo xtask gone\n```").len(), 1);
        assert_eq!(found("```sh\ncargo run && \\\n  cargo xtask gone\n```").len(), 1);
    }
}
