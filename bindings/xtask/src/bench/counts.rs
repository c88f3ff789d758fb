//! `tests/bench/counts.toml`: every count and size as it was when somebody last looked. Suites hold the project to it.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use toml::{Table, Value};

use super::{lines, sizes};
use crate::workspace;

/// By how much a size may differ, in hundredths: another compiler or dependency makes that much. What grows by more has a
/// reason, and the reason is in the commit that renews the file.
const TOLERANCE: u64 = 3;

/// Writes the file anew: the counts that `program` tells, and, when asked for, the sizes of freshly built libraries.
///
/// # Errors
/// When something cannot be counted, built or written.
pub(crate) fn renew(program: &Path, with_sizes: bool) -> Result<()> {
    let known = read()?;
    let counts = lines(Command::new(program).arg("counts"))?;
    let mut text = "# Renewed by `cargo xtask bench --renew`, sizes by `cargo xtask bench --renew size`.\n\
        # `cargo xtask test` (rust, apple, android-native, consumers) fails where the project differs.\n\n[counts]\n"
        .to_owned();
    for (name, count) in counts {
        let _ = writeln!(text, "{name:?} = {count}");
    }
    let sizes: Vec<(String, u64)> = if with_sizes { sizes::of_libraries()? } else { sizes_of(&known) };
    text += "\n# In bytes; three hundredths more or less are let pass.\n[sizes]\n";
    for (name, size) in sizes {
        let _ = writeln!(text, "{name:?} = {size}");
    }
    fs::write(file(), text).context("cannot write tests/bench/counts.toml")
}

/// Fails when the library called `name` is not about as large as it was.
///
/// # Errors
/// When it grew, or shrank: then the file should say so, or the next growth passes unseen.
pub(crate) fn judge_size(name: &str, size: u64) -> Result<()> {
    let known = sizes_of(&read()?);
    let (_, was) = known
        .iter()
        .find(|(known, _)| known == name)
        .with_context(|| format!("tests/bench/counts.toml does not say how large {name} is: it is {size} bytes"))?;
    ensure!(
        is_about(size, *was),
        "{name} was {was} bytes and is {size}. Where that is meant, `cargo xtask bench --renew size` writes it down."
    );
    Ok(())
}

fn is_about(size: u64, was: u64) -> bool {
    size.abs_diff(was) * 100 <= was * TOLERANCE
}

fn read() -> Result<Table> {
    let text = fs::read_to_string(file()).context("cannot read tests/bench/counts.toml")?;
    text.parse().context("tests/bench/counts.toml")
}

fn sizes_of(known: &Table) -> Vec<(String, u64)> {
    let sizes = known.get("sizes").and_then(Value::as_table).cloned().unwrap_or_default();
    sizes.into_iter().filter_map(|(name, size)| Some((name, size.as_integer()?.try_into().ok()?))).collect()
}

fn file() -> PathBuf {
    workspace::root().join("tests/bench/counts.toml")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn size_that_grows_by_more_than_the_tolerance_is_told() {
        assert!(is_about(103, 100) && is_about(97, 100));
        assert!(!is_about(104, 100) && !is_about(96, 100));
    }

    #[test]
    fn library_that_nobody_has_measured_is_told_by_name() {
        let error = judge_size("cobol", 7).unwrap_err().to_string();
        assert!(error.contains("cobol") && error.contains('7'), "{error}");
    }
}
