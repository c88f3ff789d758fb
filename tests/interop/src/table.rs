//! The table in the README, made of the recorded runs.

use std::fmt::Write;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::record::{self, Run};
use crate::servers;

const BEGIN: &str = "<!-- made by `cargo xtask interop --record`: begin -->\n";
const END: &str = "<!-- end -->\n";

/// Writes the table of all recorded runs into the README.
///
/// # Errors
/// When the README has no place for it, or cannot be written.
pub(crate) fn write() -> Result<()> {
    let text = std::fs::read_to_string(readme())?;
    std::fs::write(readme(), with_table(&text, &record::recorded(servers::names())?)?)?;
    Ok(())
}

fn readme() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("README.md")
}

fn with_table(text: &str, runs: &[Run]) -> Result<String> {
    let (before, rest) = text.split_once(BEGIN).context("the README has no place for the table")?;
    let (_, after) = rest.split_once(END).context("the place for the table in the README does not end")?;
    Ok([before, BEGIN, "\n", &table(runs), "\n", END, after].concat())
}

/// A section for each server: a matrix would be wider than any page.
fn table(runs: &[Run]) -> String {
    let mut text = String::new();
    for run in runs {
        // Writing to a string does not fail.
        let _ = write!(text, "### {} {}\n\n| Step | What it came to |\n|---|---|\n", run.server, run.version);
        let _ = writeln!(text, "| start | {}.{} s |", run.start_tenths / 10, run.start_tenths % 10);
        for (step, outcome) in &run.steps {
            let _ = writeln!(text, "| {step} | {outcome} |");
        }
        text.push('\n');
        for deviation in &run.deviations {
            let _ = writeln!(text, "- {deviation}");
        }
        if !run.deviations.is_empty() {
            text.push('\n');
        }
    }
    text.trim_end().to_owned() + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_in_the_readme_is_that_of_the_recorded_runs() {
        let text = std::fs::read_to_string(readme()).unwrap();
        let runs = record::recorded(servers::names()).unwrap();
        assert!(!runs.is_empty());
        assert_eq!(with_table(&text, &runs).unwrap(), text, "write it with `cargo xtask interop --record`");
    }

    #[test]
    fn readme_without_a_place_for_the_table_is_an_error() {
        assert!(with_table("# Servers\n", &[]).is_err());
        assert!(with_table(BEGIN, &[]).is_err());
    }
}
