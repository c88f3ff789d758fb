//! Plays the conformance cases through the drivers, and holds the page of results against what came.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use hallpass_tenant::misbehaving::MisbehavingIssuer;
use hallpass_vectors::case::{self, Case, Topic};
use hallpass_vectors::driver::{Driver, Language, Program};
use hallpass_vectors::lines::{self, Line};
use hallpass_vectors::play::{Verdict, play};
use hallpass_vectors::results::{self, Passed};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// How many cases one driver plays at a time.
const AT_A_TIME: usize = 12;

/// Plays the conformance cases.
#[derive(Debug, Parser)]
#[command(name = "hallpass-vectors")]
struct Arguments {
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
    /// The program `lab`.
    #[arg(long, value_name = "PROGRAM", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/debug/lab"))]
    lab: PathBuf,
    /// The Swift driver.
    #[arg(long, value_name = "PROGRAM", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/swift/bindings-swift/debug/hallpass-drive"))]
    swift: PathBuf,
    /// The Kotlin driver.
    #[arg(long, value_name = "PROGRAM", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../../bindings/kotlin/drive/hallpass-drive"))]
    kotlin: PathBuf,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(&Arguments::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Returns whether everything is as it should be.
async fn run(arguments: &Arguments) -> Result<bool> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let topics = case::read_all(&folder.join("cases"))?;
    let lines = lines::read(&folder.join("driver-lines.toml"))?;
    let wanted =
        |case: &Case| arguments.names.is_empty() || arguments.names.iter().any(|name| case.name.contains(name));
    let cases: Vec<Case> = topics.iter().flat_map(|topic| &topic.cases).filter(|case| wanted(case)).cloned().collect();
    ensure!(!cases.is_empty(), "no case has such a name");

    let languages = if arguments.drivers.is_empty() { Language::ALL.to_vec() } else { arguments.drivers.clone() };
    let server = Arc::new(MisbehavingIssuer::start().await?);
    let mut playing = JoinSet::new();
    for &language in &languages {
        let (program, server, cases) = (program(arguments, language), Arc::clone(&server), cases.clone());
        let lines = if arguments.names.is_empty() { lines.clone() } else { Vec::new() };
        playing.spawn(async move { (language, play_all(&program, &server, cases, &lines).await) });
    }
    let mut played = BTreeMap::new();
    while let Some(one) = playing.join_next().await {
        let (language, outcome) = one.context("a player ended early")?;
        played.insert(language, outcome?);
    }
    let mut all_passed = true;
    let mut passed = Passed::new();
    for (language, Played { verdicts, lines, ended_badly }) in &played {
        for (name, verdict) in verdicts {
            report(*language, name, verdict, arguments.trace);
            passed.insert((name.clone(), *language), verdict.differences.is_empty());
        }
        let failed = verdicts.values().filter(|verdict| !verdict.differences.is_empty()).count();
        let wrong: Vec<&String> = lines.iter().flatten().collect();
        for difference in &wrong {
            println!("{language}: a line: {difference}");
        }
        if let Some(error) = ended_badly {
            println!("{error}");
        }
        println!(
            "{language:<7} {} cases: {} passed, {failed} failed; {} lines: {} wrong",
            verdicts.len(),
            verdicts.len() - failed,
            lines.len(),
            wrong.len()
        );
        all_passed &= failed == 0 && wrong.is_empty() && ended_badly.is_none();
    }
    let is_whole = arguments.names.is_empty() && languages.len() == Language::ALL.len();
    let page_is_right = !is_whole || hold_page(&folder.join("RESULTS.md"), &topics, &passed, arguments.renew)?;
    Ok(all_passed && page_is_right)
}

fn program(arguments: &Arguments, language: Language) -> Program {
    let (path, words): (&PathBuf, &[&str]) = match language {
        Language::Rust => (&arguments.lab, &["drive"]),
        Language::Swift => (&arguments.swift, &[]),
        Language::Kotlin => (&arguments.kotlin, &[]),
    };
    Program { language, path: path.clone(), arguments: words.iter().map(|&word| word.to_owned()).collect() }
}

/// What one driver made of everything.
struct Played {
    verdicts: BTreeMap<String, Verdict>,
    lines: Vec<Option<String>>,
    /// How the driver ended, if not well.
    ended_badly: Option<String>,
}

async fn play_all(
    program: &Program,
    server: &Arc<MisbehavingIssuer>,
    cases: Vec<Case>,
    lines: &[Line],
) -> Result<Played> {
    let differences = async { if lines.is_empty() { Ok(Vec::new()) } else { lines::play(program, lines).await } };
    let (differences, driver) = tokio::join!(differences, Driver::start(program));
    let named = |(line, difference): (&Line, Option<String>)| difference.map(|why| format!("{}: {why}", line.name));
    let lines = lines.iter().zip(differences?).map(named).collect();
    let driver = Arc::new(driver?);
    let slots = Arc::new(Semaphore::new(AT_A_TIME));
    // All cases share the driver's clock: those that move it come last, one at a time.
    let (alone, together): (Vec<_>, Vec<_>) =
        cases.into_iter().enumerate().partition(|(_, case)| case.moves_the_clock());
    let mut playing = JoinSet::new();
    for (number, case) in together {
        let (driver, server, slots) = (Arc::clone(&driver), Arc::clone(server), Arc::clone(&slots));
        playing.spawn(async move {
            // The semaphore is never closed.
            let _slot = slots.acquire().await;
            let verdict = play(&server, &driver, &issuer_name(&driver, number), &case).await;
            (case.name, verdict)
        });
    }
    let mut verdicts = BTreeMap::new();
    while let Some(played) = playing.join_next().await {
        let (name, verdict) = played.context("the player of a case ended early")?;
        verdicts.insert(name, verdict);
    }
    for (number, case) in alone {
        let verdict = play(server, &driver, &issuer_name(&driver, number), &case).await;
        verdicts.insert(case.name, verdict);
    }
    let Some(driver) = Arc::into_inner(driver) else { bail!("a player still holds the driver") };
    let ended_badly = driver.end().await.err().map(|error| format!("{error:#}"));
    Ok(Played { verdicts, lines, ended_badly })
}

fn issuer_name(driver: &Driver, number: usize) -> String {
    format!("{}-{number}", driver.language.to_string().to_lowercase())
}

fn report(language: Language, name: &str, verdict: &Verdict, trace: bool) {
    if trace {
        println!("{language}: {name}");
        for line in &verdict.conversation {
            println!("    {line}");
        }
    }
    for difference in &verdict.differences {
        println!("{language}: {name}: {difference}");
    }
}

/// Whether the page says what came. With `renew` it is made to.
fn hold_page(path: &Path, topics: &[Topic], passed: &Passed, renew: bool) -> Result<bool> {
    let page = results::page(topics, passed);
    if renew {
        fs::write(path, page).with_context(|| format!("cannot write {}", path.display()))?;
        return Ok(true);
    }
    let is_right = fs::read_to_string(path).is_ok_and(|committed| committed == page);
    if !is_right {
        println!("tests/vectors/RESULTS.md says something else; `cargo xtask vectors --renew` writes it anew");
    }
    Ok(is_right)
}
