//! `cargo xtask check`: looks at the project without running it.

mod cargo_deny;
mod commits;
mod facts;
mod layers;
mod workflows;

use std::time::Duration;

use anyhow::Result;
use clap::ValueEnum;

use crate::bindgen;
use crate::cli::{self, Check};
use crate::process;
use crate::report::{Outcome, Report};
use crate::workspace::{self, SourceFile, cargo};

/// A cold build of everything with all features on a small machine, with room to spare.
const COMPILE: Duration = Duration::from_secs(30 * 60);

/// Makes the checks named, or all of them, and prints the table. Returns whether all is in order.
///
/// # Errors
/// When the project's files cannot be read.
pub(crate) fn run(named: &[Check]) -> Result<bool> {
    let files = workspace::files()?;
    let mut report = Report::new("check");
    for &check in if named.is_empty() { Check::value_variants() } else { named } {
        report.run(cli::name_of(&check), |_| make(check, &files));
    }
    Ok(report.print())
}

fn make(check: Check, files: &[SourceFile]) -> Result<Outcome> {
    match check {
        Check::Format => process::run(&mut cargo(["fmt", "--all", "--check"]), COMPILE).map(|()| Outcome::Passed),
        Check::Lint => lint(),
        Check::Doc => doc(),
        Check::Deny => cargo_deny::policy(),
        Check::Advisories => cargo_deny::advisories(),
        Check::Layers => Ok(judged(layers::check(files)?)),
        Check::Facts => Ok(judged(facts::check(files)?)),
        Check::Workflows => workflows::check(),
        Check::Commits => commits::check(),
        Check::Bindings => bindgen::check().map(|()| Outcome::Passed),
    }
}

/// The core also stands without its features: what an app leaves out must not be needed.
fn lint() -> Result<Outcome> {
    let warnings = ["--", "-D", "warnings"];
    let mut workspace = cargo(["clippy", "--locked", "--workspace", "--all-targets", "--all-features"]);
    process::run(workspace.args(warnings), COMPILE)?;
    let mut bare_core = cargo(["clippy", "--locked", "--package", "hallpass-core", "--no-default-features"]);
    process::run(bare_core.args(warnings), COMPILE)?;
    Ok(Outcome::Passed)
}

fn doc() -> Result<Outcome> {
    let mut doc = cargo(["doc", "--locked", "--workspace", "--no-deps", "--all-features"]);
    process::run(doc.env("RUSTDOCFLAGS", "-D warnings"), COMPILE)?;
    Ok(Outcome::Passed)
}

/// A place in the project that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Finding {
    path: String,
    /// From 1.
    line: usize,
    what: String,
}

impl Finding {
    fn new(path: &str, line: usize, what: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, what: what.into() }
    }
}

fn judged(findings: Vec<Finding>) -> Outcome {
    if findings.is_empty() {
        return Outcome::Passed;
    }
    let count = match findings.len() {
        1 => "1 finding".to_owned(),
        several => format!("{several} findings"),
    };
    let lines = findings.into_iter().map(|Finding { path, line, what }| format!("{path}:{line}: {what}"));
    Outcome::Failed(std::iter::once(count).chain(lines).collect::<Vec<_>>().join("\n"))
}
