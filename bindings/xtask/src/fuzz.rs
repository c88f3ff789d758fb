//! `cargo xtask fuzz`: inputs that nobody thought of, for whatever reads what others wrote.
//!
//! The fuzzer is libFuzzer, with the instrumentation that a stable compiler has as well: coverage and comparisons guide it
//! from the committed seeds. All targets are in one program; two of them run at a time.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::process;
use crate::workspace::{self, cargo};

/// A cold build of everything, instrumented, on a small and busy machine.
const BUILD: Duration = Duration::from_secs(30 * 60);

/// The longest that a target may take beyond what was asked for: reading its corpus, and the last input.
const GRACE: Duration = Duration::from_secs(5 * 60);

/// No input takes a thousandth of this. In seconds.
const SLOWEST_INPUT: u32 = 10;

/// No input needs a tenth of this. In MiB.
const MOST_MEMORY: u32 = 1024;

/// Longer inputs say nothing that shorter ones do not, and are slower. In bytes.
const LONGEST_INPUT: u32 = 16 * 1024;

/// What instruments a program for libFuzzer (`cargo-fuzz` sets the same), and makes a warning of ours an error: this is
/// the only build that sees what stands under `cfg(fuzzing)`.
const INSTRUMENTED: &str = "-Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares \
    --cfg fuzzing -Cdebug-assertions -Ccodegen-units=1 -Dwarnings";

/// What to fuzz; without a word, every target for a minute.
#[derive(Debug, Args)]
pub(crate) struct Fuzz {
    /// The targets. All of them when none is named.
    targets: Vec<String>,
    /// How long to fuzz each of them.
    #[arg(long, default_value_t = 60, value_name = "N")]
    seconds: u64,
    /// How many to fuzz at a time.
    #[arg(long, default_value_t = 2, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=64))]
    jobs: u8,
}

impl Fuzz {
    /// All targets, each for `seconds`, `jobs` at a time.
    pub(crate) fn all(seconds: u64, jobs: u8) -> Self {
        Self { targets: Vec::new(), seconds, jobs }
    }
}

/// What became of one target.
#[derive(Debug)]
pub(crate) struct Fuzzed {
    pub(crate) target: String,
    /// How many inputs were run; zero when the fuzzer did not say.
    pub(crate) executions: u64,
    /// How many edges of the program were seen; zero when the fuzzer did not say.
    pub(crate) coverage: u64,
    /// What it said at the end, when something was found.
    pub(crate) finding: Option<String>,
}

/// Fuzzes what is asked for, prints a table, and returns what became of each target, in their order.
///
/// # Errors
/// When the targets cannot be built, or there is no such target.
pub(crate) fn run(asked: &Fuzz) -> Result<Vec<Fuzzed>> {
    let targets = targets(&asked.targets)?;
    let program = build()?;
    let left: Mutex<VecDeque<&str>> = Mutex::new(targets.iter().map(String::as_str).collect());
    let done: Mutex<Vec<Fuzzed>> = Mutex::default();
    thread::scope(|scope| {
        for _ in 0..asked.jobs {
            scope.spawn(|| {
                loop {
                    // Taken in a statement of its own, so that nobody waits for the lock while a target runs.
                    let next = left.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                    let Some(target) = next else { break };
                    println!("{target}: {} s", asked.seconds);
                    let fuzzed = fuzz_one(&program, target, asked.seconds).unwrap_or_else(|error| Fuzzed {
                        target: target.to_owned(),
                        executions: 0,
                        coverage: 0,
                        finding: Some(format!("{error:#}")),
                    });
                    done.lock().unwrap_or_else(PoisonError::into_inner).push(fuzzed);
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|one| targets.iter().position(|target| *target == one.target));
    println!("\n{}", table(&done));
    for one in &done {
        if let Some(finding) = &one.finding {
            println!("\n== {}\n{finding}", one.target);
        }
    }
    Ok(done)
}

/// The targets named, or all: each has a folder of seeds, and a test of the crate says that no folder is without one.
fn targets(named: &[String]) -> Result<Vec<String>> {
    let mut all = Vec::new();
    let folder = seeds("");
    for entry in fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
        all.extend(entry?.file_name().into_string().ok());
    }
    all.sort();
    for name in named {
        ensure!(all.contains(name), "there is no target `{name}`; there are {}", all.join(", "));
    }
    Ok(if named.is_empty() { all } else { named.to_vec() })
}

/// Builds the one program that has all targets, in a folder of its own: everything in it is instrumented.
fn build() -> Result<PathBuf> {
    let host = host()?;
    let mut build = cargo(["build", "--locked", "--package", "hallpass-fuzz", "--profile", "fuzz"]);
    // With `--target`, the flags are not for build scripts and macros, which run on the way.
    build.args(["--target", &host]).arg("--target-dir").arg(folder()).env("RUSTFLAGS", INSTRUMENTED);
    process::run(&mut build, BUILD).context("cannot build the fuzz targets")?;
    Ok(folder().join(host).join("fuzz/hallpass-fuzz"))
}

fn host() -> Result<String> {
    let said = process::read(Command::new("rustc").arg("-vV"), Duration::from_secs(60))?;
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).context("`rustc -vV` did not say what it builds for")
}

fn fuzz_one(program: &Path, target: &str, seconds: u64) -> Result<Fuzzed> {
    let grown = folder().join("corpus").join(target);
    let findings = folder().join("findings").join(target);
    for folder in [&grown, &findings] {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let mut fuzzer = Command::new(program);
    fuzzer.env("HALLPASS_FUZZ_TARGET", target).args([
        format!("-max_total_time={seconds}"),
        format!("-timeout={SLOWEST_INPUT}"),
        format!("-rss_limit_mb={MOST_MEMORY}"),
        format!("-max_len={LONGEST_INPUT}"),
        format!("-dict={}", workspace::root().join("tests/fuzz/dictionary.txt").display()),
        format!("-artifact_prefix={}/", findings.display()),
        "-print_final_stats=1".to_owned(),
    ]);
    // What is found goes into the first folder; the committed seeds are only read.
    fuzzer.arg(&grown).arg(seeds(target));
    // Kept in a file, which tells how far it got while it runs.
    let log = findings.with_extension("log");
    let file = fs::File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
    fuzzer.stdin(Stdio::null()).stdout(Stdio::null()).stderr(file);
    let status = process::Group::spawn(&mut fuzzer)?.wait(Duration::from_secs(seconds) + GRACE)?;
    let said = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
    let executions = last_number(&said, "stat::number_of_executed_units:");
    // A program without instrumentation runs as well, and finds nothing.
    ensure!(!status.success() || executions > 0, "the fuzzer ran no input:\n{}", last_lines(&said));
    ensure!(said.contains("inline 8-bit counters"), "the program is not instrumented:\n{}", last_lines(&said));
    Ok(Fuzzed {
        target: target.to_owned(),
        executions,
        coverage: last_number(&said, " cov: "),
        finding: (!status.success()).then(|| last_lines(&said)),
    })
}

/// Where all of it is built and kept, the inputs that a target was given before included.
fn folder() -> PathBuf {
    workspace::target().join("fuzz")
}

fn seeds(target: &str) -> PathBuf {
    workspace::root().join("tests/fuzz/corpus").join(target)
}

/// The number behind the last `label`; zero when there is none.
fn last_number(text: &str, label: &str) -> u64 {
    let number = text.rsplit_once(label).map(|(_, rest)| rest.trim_start());
    number.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}

/// What libFuzzer says last is where the input is that it stopped at.
fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(30)..].join("\n")
}

fn table(fuzzed: &[Fuzzed]) -> String {
    let mut table = format!("{:<16} {:>12} {:>9}  result", "target", "executions", "coverage");
    for Fuzzed { target, executions, coverage, finding } in fuzzed {
        let result = if finding.is_some() { "FOUND" } else { "nothing found" };
        table += &format!("\n{target:<16} {executions:>12} {coverage:>9}  {result}");
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "INFO: Loaded 1 modules   (9 inline 8-bit counters): 9 [0x1, 0xa),\n\
        #2\tINITED cov: 5 ft: 6 corp: 1/1b exec/s: 0 rss: 30Mb\n\
        #90\tDONE   cov: 17 ft: 20 corp: 4/9b lim: 4 exec/s: 45 rss: 30Mb\n\
        Done 90 runs in 2 second(s)\nstat::number_of_executed_units: 90\n";

    #[test]
    fn counts_are_read_from_what_the_fuzzer_says_last() {
        assert_eq!(last_number(SAID, " cov: "), 17);
        assert_eq!(last_number(SAID, "stat::number_of_executed_units:"), 90);
        assert_eq!(last_number("", " cov: "), 0);
    }

    #[test]
    fn target_that_does_not_exist_is_refused_by_name() {
        let error = targets(&["cobol".to_owned()]).unwrap_err().to_string();
        assert!(error.contains("`cobol`") && error.contains("callback"), "{error}");
    }

    #[test]
    fn targets_not_named_are_all() {
        assert!(targets(&[]).unwrap().len() >= 10);
    }

    #[test]
    fn table_says_which_target_found_something() {
        let one = |target: &str, finding| Fuzzed { target: target.to_owned(), executions: 9, coverage: 5, finding };
        let table = table(&[one("callback", None), one("key_set", Some("panicked".to_owned()))]);
        assert!(table.contains("nothing found") && table.ends_with("FOUND"), "{table}");
    }
}
