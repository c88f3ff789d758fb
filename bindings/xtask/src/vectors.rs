//! `cargo xtask vectors`: the conformance cases, played through the drivers of all languages.

use std::time::Duration;

use anyhow::Result;
use clap::{Args, ValueEnum};

use crate::cli;
use crate::process;
use crate::report::Tally;
use crate::test;
use crate::workspace::{self, cargo};

/// All cases take half a minute; the rest is for the build of the runner on a busy machine.
const LIMIT: Duration = Duration::from_secs(30 * 60);

/// What to play; without a word, all cases through all drivers.
#[derive(Debug, Args)]
pub(crate) struct Vectors {
    /// Words that the names of the cases have to contain. All cases when there are none.
    names: Vec<String>,
    /// The languages to play them in. All of them when none is given.
    #[arg(long = "driver", value_name = "LANGUAGE", value_delimiter = ',')]
    drivers: Vec<Language>,
    /// Prints what was asked and answered.
    #[arg(long)]
    trace: bool,
    /// Writes the page of results anew, where it is compared otherwise.
    #[arg(long)]
    renew: bool,
}

impl Vectors {
    /// Everything.
    pub(crate) const ALL: Self = Self { names: Vec::new(), drivers: Vec::new(), trace: false, renew: false };
}

/// The languages that have a driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Language {
    /// `lab drive`
    Rust,
    /// The Swift package's `hallpass-drive`
    Swift,
    /// The Kotlin library's `hallpass-drive`
    Kotlin,
}

/// Builds the drivers, plays the cases and counts them, once for each language. Returns whether all went as it should.
///
/// # Errors
/// When a driver cannot be built, for want of a toolchain for example, or the runner does not end.
pub(crate) fn run(asked: &Vectors, tally: &mut Tally) -> Result<bool> {
    let languages = if asked.drivers.is_empty() { Language::value_variants() } else { &asked.drivers };
    let mut play = cargo(["run", "--quiet", "--locked", "--package", "hallpass-vectors", "--"]);
    for language in languages {
        play.arg("--driver").arg(cli::name_of(language));
        match language {
            Language::Rust => test::build_core()?,
            Language::Swift => drop(play.arg("--swift").arg(test::swift_driver()?)),
            Language::Kotlin => drop(play.arg("--kotlin").arg(test::kotlin_driver()?)),
        }
    }
    play.arg("--lab").arg(workspace::target().join("debug/lab"));
    play.args(asked.trace.then_some("--trace")).args(asked.renew.then_some("--renew")).arg("--").args(&asked.names);
    Ok(process::tee(&mut play, LIMIT, |line| add_closing_line(tally, line))?.success())
}

/// Shape: `Kotlin  389 cases: 388 passed, 1 failed; 58 lines: 0 wrong`; any other line adds nothing.
fn add_closing_line(tally: &mut Tally, line: &str) {
    let counts = line.split_once(" cases: ").and_then(|(_, counts)| counts.split_once(" passed, "));
    let Some((passed, rest)) = counts else { return };
    let Some((failed, lines)) = rest.split_once(" failed; ") else { return };
    let Some((lines, wrong)) = lines.split_once(" lines: ") else { return };
    let numbers = [passed, failed, lines, wrong.trim_end_matches(" wrong")].map(str::parse::<u64>);
    if let [Ok(passed), Ok(failed), Ok(lines), Ok(wrong)] = numbers {
        tally.passed += passed + lines.saturating_sub(wrong);
        tally.failed += failed + wrong;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_line_of_each_language_is_counted_and_no_other_is() {
        let mut tally = Tally::default();
        for line in [
            "Rust    389 cases: 389 passed, 0 failed; 58 lines: 0 wrong",
            "Swift: two cases: expected success, seen the error Offline tls",
            "Kotlin  389 cases: 388 passed, 1 failed; 58 lines: 2 wrong",
        ] {
            add_closing_line(&mut tally, line);
        }
        assert_eq!(tally, Tally { passed: 389 + 58 + 388 + 56, failed: 3, ignored: 0 });
    }
}
