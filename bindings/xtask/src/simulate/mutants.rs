//! Mutants of the engine: does the simulation notice when a rule is broken?
//!
//! `tests/simulation/mutants.toml` lists them as changes of text. Each is made in a copy of the checkout, in a folder with
//! a target folder of its own, so that neither the sources nor what is built of them are touched.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use toml::{Table, Value};

use crate::process::{self, Group};
use crate::workspace;

/// The list, from the root of the checkout.
const LIST: &str = "tests/simulation/mutants.toml";
/// The engine and all that the simulation of it is built of.
const SOURCES: [&str; 3] = ["core/", "tests/simulation/", "Cargo.lock"];
const COMPILE: Duration = Duration::from_secs(30 * 60);
/// A mutant that has not been told from the engine by then is one that never ends.
const SEARCH: Duration = Duration::from_secs(20 * 60);

/// A deliberate breakage.
#[derive(Debug)]
struct Mutant {
    name: String,
    /// The rules of the design that it breaks.
    rule: String,
    file: String,
    find: String,
    replace: String,
}

/// Looks in `seeds` seeds for each mutant whose name holds `part`, and prints a table. Returns whether all were found.
///
/// # Errors
/// When the list does not fit the sources, a mutant does not compile, or the engine itself does not pass.
pub(crate) fn run(seeds: u64, part: &str) -> Result<bool> {
    let mutants = listed()?;
    let copy = Copy::make()?;
    println!("the engine itself, {seeds} seeds");
    if let Verdict::Found { seed, what } = copy.look(seeds)? {
        bail!("the engine does not pass: seed {seed}: {what}");
    }
    println!("| mutant | rule | seed | what did not hold | s |\n|---|---|---|---|---|");
    let (mut found, mut survivors) = (0, Vec::new());
    for mutant in mutants.iter().filter(|mutant| mutant.name.contains(part)) {
        let begun = Instant::now();
        let (seed, what) = match copy.mutated(mutant, || copy.look(seeds))? {
            Verdict::Found { seed, what } => (seed, what),
            Verdict::Survived => (String::new(), "NOT FOUND".to_owned()),
        };
        if seed.is_empty() {
            survivors.push(mutant.name.as_str());
        } else {
            found += 1;
        }
        println!("| {} | {} | {seed} | {what} | {} |", mutant.name, mutant.rule, begun.elapsed().as_secs());
    }
    println!("{found} found, {} not found", survivors.len());
    ensure!(found + survivors.len() > 0, "no mutant is called so");
    Ok(survivors.is_empty())
}

/// What became of a mutant.
enum Verdict {
    /// The first seed that finds it, or a story and the fault in it, and the invariant that did not hold in it.
    Found {
        seed: String,
        what: String,
    },
    Survived,
}

/// A copy of the sources.
struct Copy {
    folder: PathBuf,
}

impl Copy {
    /// Brings the copy up to date. What is the same is not written, so that nothing is built twice.
    fn make() -> Result<Self> {
        let folder = workspace::cache()?.join("mutants");
        for file in workspace::files()? {
            if SOURCES.iter().any(|source| file.path.starts_with(source)) {
                write_if_changed(&folder.join(&file.path), &file.text)?;
            } else if file.path == "Cargo.toml" {
                write_if_changed(&folder.join(&file.path), &reduced(&file.text)?)?;
            }
        }
        Ok(Self { folder })
    }

    /// Does `work` while the sources of the copy are those of `mutant`.
    fn mutated<T>(&self, mutant: &Mutant, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let path = self.folder.join(&mutant.file);
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        fs::write(&path, mutant.applied(&text)?)?;
        let outcome = work().with_context(|| format!("the mutant that {}", mutant.name));
        fs::write(&path, text)?;
        outcome
    }

    /// Builds the copy, and runs the simulation until an invariant does not hold: always with the same seeds, and then with
    /// every fault at every point of the short stories.
    fn look(&self, seeds: u64) -> Result<Verdict> {
        let mut build = self.cargo(["build", "--quiet"]);
        // A mutant leaves things unused; and it is found soon, so that what counts is how long it is built.
        build.env("RUSTFLAGS", "--allow=warnings").env("CARGO_PROFILE_SIMULATION_OPT_LEVEL", "1");
        process::run(&mut build, COMPILE)?;
        let by_seeds =
            self.search(&["run", "--until-failure", "--first", "0", "--seeds", &seeds.to_string()], "seed ")?;
        match by_seeds {
            Verdict::Found { .. } => Ok(by_seeds),
            Verdict::Survived => self.search(&["scopes", "--single", "--uncounted"], "\""),
        }
    }

    /// Runs the simulation as `words` say; a line that begins with `mark` tells what did not hold.
    fn search(&self, words: &[&str], mark: &str) -> Result<Verdict> {
        let said = self.folder.join("said");
        let mut search = Command::new(self.folder.join("target/simulation/hallpass-simulation"));
        search.args(words);
        search.stdin(std::process::Stdio::null()).stdout(fs::File::create(&said)?).stderr(std::process::Stdio::null());
        let Ok(status) = Group::spawn(&mut search)?.wait(SEARCH) else {
            return Ok(Verdict::Found { seed: "?".to_owned(), what: "it does not end".to_owned() });
        };
        if status.success() {
            return Ok(Verdict::Survived);
        }
        let said = fs::read_to_string(said)?;
        let first = said.lines().find_map(|line| line.trim_start().strip_prefix(mark)?.split_once(": "));
        let (seed, what) = first.unwrap_or(("?", "it does not even run"));
        let seed = if mark == "\"" { format!("story \"{seed}") } else { seed.to_owned() };
        Ok(Verdict::Found { seed, what: what.to_owned() })
    }

    fn cargo<const N: usize>(&self, words: [&str; N]) -> Command {
        let mut command = workspace::cargo(words);
        command.args(["--profile", "simulation", "--package", "hallpass-simulation"]);
        command.current_dir(&self.folder).env("CARGO_TARGET_DIR", self.folder.join("target"));
        command
    }
}

impl Mutant {
    fn parse(entry: &Value) -> Result<Self> {
        let text = |name: &str| {
            let value = entry.get(name).and_then(Value::as_str);
            value.map(str::to_owned).with_context(|| format!("{LIST}: a mutant without `{name}`"))
        };
        Ok(Self {
            name: text("name")?,
            rule: text("rule")?,
            file: text("file")?,
            find: text("find")?,
            replace: text("replace")?,
        })
    }

    /// `text` with the breakage in it.
    fn applied(&self, text: &str) -> Result<String> {
        let count = text.matches(&self.find).count();
        ensure!(count == 1, "{LIST}: what \"{}\" changes stands {count} times in {}", self.name, self.file);
        Ok(text.replace(&self.find, &self.replace))
    }
}

fn listed() -> Result<Vec<Mutant>> {
    let text = fs::read_to_string(workspace::root().join(LIST)).with_context(|| format!("cannot read {LIST}"))?;
    let table: Table = text.parse().with_context(|| format!("{LIST} is not TOML"))?;
    let entries = table.get("mutant").and_then(Value::as_array).with_context(|| format!("{LIST} lists nothing"))?;
    entries.iter().map(Mutant::parse).collect()
}

/// The workspace's manifest with only those members that the copy has.
fn reduced(manifest: &str) -> Result<String> {
    let mut table: Table = manifest.parse().context("the workspace's manifest is not TOML")?;
    let workspace = table.get_mut("workspace").and_then(Value::as_table_mut).context("it is no workspace")?;
    let members = ["core", "core/protocol", "tests/simulation"].map(|member| Value::String(member.to_owned()));
    workspace.insert("members".to_owned(), Value::Array(members.to_vec()));
    workspace.remove("default-members");
    Ok(toml::to_string(&table)?)
}

fn write_if_changed(path: &Path, text: &str) -> Result<()> {
    if fs::read(path).is_ok_and(|present| present == text.as_bytes()) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mutant_changes_a_text_that_stands_once_in_the_engine() {
        let mutants = listed().unwrap();
        assert!(mutants.len() >= 12, "{} mutants", mutants.len());
        for mutant in mutants {
            assert!(mutant.file.starts_with("core/src/"), "{}", mutant.file);
            let text = fs::read_to_string(workspace::root().join(&mutant.file)).unwrap();
            assert_ne!(mutant.applied(&text).unwrap(), text, "{}", mutant.name);
        }
    }

    #[test]
    fn mutant_whose_text_stands_twice_is_refused() {
        let [name, rule, file, find, replace] = ["breaks", "1", "a.rs", "x", "y"].map(str::to_owned);
        let mutant = Mutant { name, rule, file, find, replace };
        assert!(mutant.applied("x and x").is_err());
        assert_eq!(mutant.applied("x and z").unwrap(), "y and z");
    }

    #[test]
    fn manifest_of_the_copy_has_the_members_of_the_copy() {
        let manifest = "[workspace]\nmembers = [\"core\", \"bindings\"]\ndefault-members = [\"bindings\"]\n";
        let table: Table = reduced(manifest).unwrap().parse().unwrap();
        let workspace = table["workspace"].as_table().unwrap();
        assert_eq!(workspace["members"].as_array().unwrap().len(), 3);
        assert!(!workspace.contains_key("default-members"));
    }
}
