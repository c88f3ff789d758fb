//! `credentials()` from Kotlin and from Swift. Both packages have a test that measures it and prints one line.

use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::{MEASURE, Measured};
use crate::process;
use crate::setup;
use crate::workspace::{self, cargo};

/// Takes both.
///
/// # Errors
/// When one does not build, or does not tell.
pub(super) fn take() -> Result<Measured> {
    let packages = ["--package", "hallpass", "--package", "hallpass-lab"];
    process::run(cargo(["build", "--locked"]).args(packages), super::BUILD)?;
    let mut measured = Measured::new();
    for (language, mut command) in [("kotlin", kotlin()?), ("swift", crate::test::swift_cost()?)] {
        let mut told = None;
        let status = process::tee(&mut command, MEASURE, |line| told = told.take().or_else(|| costs(line)))?;
        ensure!(status.success(), "the cost of a call from {language} was not measured ({status})");
        let [hit, crossing] = told.with_context(|| format!("no line told the cost of a call from {language}"))?;
        measured.insert(format!("foreign.{language}.hit.nanoseconds"), hit);
        measured.insert(format!("foreign.{language}.crossing.nanoseconds"), crossing);
        measured.insert(format!("foreign.{language}.ratio"), crossing / hit);
    }
    Ok(measured)
}

fn kotlin() -> Result<Command> {
    setup::kotlin::prepare()?;
    let mut maven = Command::new("mvn");
    maven.args(["--batch-mode", "--no-transfer-progress", "test", "--projects", "hallpass", "--also-make"]);
    maven.args(["-Dtest=CostTest", "-Dsurefire.failIfNoSpecifiedTests=false"]);
    maven.current_dir(workspace::root().join("bindings/kotlin"));
    Ok(maven)
}

/// Of the line `credentials(): 28 ns in memory, 20300 ns across, ratio 725`, the first two numbers.
fn costs(line: &str) -> Option<[f64; 2]> {
    let (_, told) = line.split_once("credentials(): ")?;
    let mut numbers = told.split(", ").filter_map(|part| part.split(' ').next()?.parse::<f64>().ok());
    Some([numbers.next()?, numbers.next()?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_are_read_from_the_line_that_the_tests_print() {
        assert_eq!(costs("credentials(): 28 ns in memory, 20300 ns across, ratio 725"), Some([28.0, 20300.0]));
        assert_eq!(costs("[INFO] Tests run: 2"), None);
    }
}
