//! What a run came to, kept in the project: a later run that goes otherwise is an error.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::server::Facts;

/// The steps of one story and what each came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Run {
    /// The name of the server.
    pub(crate) server: String,
    /// Its version.
    pub(crate) version: String,
    /// How long its first start took when this was recorded, in tenths of a second.
    pub(crate) start_tenths: u64,
    /// Name and outcome of each step, in order.
    pub(crate) steps: Vec<(String, String)>,
    /// What the server does other than the specifications say.
    pub(crate) deviations: Vec<String>,
}

impl Run {
    /// A run without steps yet, of a server that took `start` to be ready.
    pub(crate) fn new(facts: &Facts, start: Duration) -> Self {
        Self {
            server: facts.name.to_owned(),
            version: facts.version.clone(),
            start_tenths: u64::try_from(start.as_millis() / 100).unwrap_or(u64::MAX),
            steps: Vec::new(),
            deviations: facts.deviations.iter().map(|&deviation| deviation.to_owned()).collect(),
        }
    }

    /// Adds what a step came to.
    pub(crate) fn add(&mut self, step: &str, outcome: String) {
        self.steps.push((step.to_owned(), outcome));
    }

    /// Writes the run into the project.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn save(&self) -> Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        std::fs::create_dir_all(folder())?;
        std::fs::write(file(&self.server), text + "\n").context("the run cannot be recorded")
    }

    /// Holds the run against the one in the project. How long a start took may differ.
    ///
    /// # Errors
    /// When they differ in anything else, or there is none.
    pub(crate) fn compare_with_recorded(&self) -> Result<()> {
        let text = std::fs::read_to_string(file(&self.server)).context("no run is recorded: use `--record`")?;
        let recorded: Self = serde_json::from_str(&text).context("the recorded run cannot be read")?;
        for (now, then) in self.steps.iter().zip(&recorded.steps) {
            ensure!(now == then, "recorded is `{}: {}`, and now it is `{}: {}`", then.0, then.1, now.0, now.1);
        }
        ensure!(
            *self == Self { start_tenths: self.start_tenths, ..recorded },
            "version, steps or deviations are not those recorded: use `--record`"
        );
        Ok(())
    }
}

/// All runs in the project, in the order of the table.
///
/// # Errors
/// When one cannot be read.
pub(crate) fn recorded(servers: impl Iterator<Item = &'static str>) -> Result<Vec<Run>> {
    let mut runs = Vec::new();
    for name in servers {
        if let Ok(text) = std::fs::read_to_string(file(name)) {
            runs.push(serde_json::from_str(&text).with_context(|| format!("the run of {name} cannot be read"))?);
        }
    }
    Ok(runs)
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("runs")
}

fn file(server: &str) -> PathBuf {
    folder().join(format!("{server}.json"))
}
