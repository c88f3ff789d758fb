//! The story of a run: a line an event, and one number that stands for all of them.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

/// What happened so far.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    /// Kept only when somebody wants to read them.
    lines: Option<Vec<String>>,
    hash: u64,
}

impl Trace {
    pub(crate) fn new(readable: bool) -> Self {
        Self { lines: readable.then(Vec::new), ..Self::default() }
    }

    /// Adds an event at `instant`, in milliseconds since the run began.
    pub(crate) fn add(&mut self, instant: u64, line: &str) {
        self.hash = hash_of(&(self.hash, instant, line));
        if let Some(lines) = &mut self.lines {
            lines.push(format!("{} {line}", clock_face(instant)));
        }
    }

    /// A number that two runs share when the same happened in both, at the same times and in the same order.
    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }

    pub(crate) fn into_lines(self) -> Vec<String> {
        self.lines.unwrap_or_default()
    }
}

fn hash_of<T: Hash>(value: &T) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

fn clock_face(instant: u64) -> String {
    let seconds = instant / 1_000;
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    format!("{days:>3}d {hours:02}:{minutes:02}:{:02}.{:03}", seconds % 60, instant % 1_000)
}
