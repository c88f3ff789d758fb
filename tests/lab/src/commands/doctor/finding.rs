//! What was found, how bad it is, and what to do about it.

use serde_json::{Value, json};

use crate::terminal::in_one_line;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    /// As it should be.
    Ok,
    /// Good to know; nothing has to be done.
    Note,
    /// Works, and some day costs a user something.
    Warn,
    /// Does not work.
    Fail,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    /// What was looked at: a word that does not change between versions.
    pub(super) check: &'static str,
    pub(super) level: Level,
    pub(super) found: String,
    /// What to change, and where; none where nothing has to be.
    pub(super) fix: Option<String>,
}

/// All of them, in the order in which they were made.
#[derive(Debug, Default)]
pub(super) struct Findings(Vec<Finding>);

impl Level {
    const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

impl Findings {
    pub(super) fn ok(&mut self, check: &'static str, found: impl Into<String>) {
        self.0.push(Finding { check, level: Level::Ok, found: found.into(), fix: None });
    }

    pub(super) fn note(&mut self, check: &'static str, found: impl Into<String>, fix: impl Into<String>) {
        self.add(check, Level::Note, found, fix);
    }

    pub(super) fn warn(&mut self, check: &'static str, found: impl Into<String>, fix: impl Into<String>) {
        self.add(check, Level::Warn, found, fix);
    }

    pub(super) fn fail(&mut self, check: &'static str, found: impl Into<String>, fix: impl Into<String>) {
        self.add(check, Level::Fail, found, fix);
    }

    fn add(&mut self, check: &'static str, level: Level, found: impl Into<String>, fix: impl Into<String>) {
        let fix = Some(fix.into()).filter(|fix| !fix.is_empty());
        self.0.push(Finding { check, level, found: found.into(), fix });
    }

    pub(super) fn worst(&self) -> Level {
        self.0.iter().map(|finding| finding.level).max().unwrap_or(Level::Ok)
    }

    pub(super) fn to_json(&self) -> Value {
        let finding = |finding: &Finding| {
            json!({
                "check": finding.check, "level": finding.level.name(), "found": finding.found, "fix": finding.fix,
            })
        };
        self.0.iter().map(finding).collect()
    }

    /// Short lines, so that a narrow terminal breaks few of them: what was found, and beneath it what to do.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for Finding { check, level, found, fix } in &self.0 {
            lines.push(format!("{:<4}  {check}: {}", level.name(), in_one_line(found)));
            lines.extend(fix.as_ref().map(|fix| format!("      fix: {}", in_one_line(fix))));
        }
        let count = |level: Level| self.0.iter().filter(|finding| finding.level == level).count();
        lines.push(match (count(Level::Fail), count(Level::Warn)) {
            (0, 0) => "Nothing has to be changed.".to_owned(),
            (fails, warns) => format!("To be changed: {fails}. To be thought about: {warns}."),
        });
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_told_with_their_fix_and_the_worst_decides() {
        let mut findings = Findings::default();
        assert_eq!(findings.worst(), Level::Ok);
        findings.ok("a", "fine");
        findings.warn("b", "odd\nand long", "change it");
        assert_eq!(findings.worst(), Level::Warn);
        findings.fail("c", "broken", "");
        let lines = findings.lines();
        assert_eq!(lines[0], "ok    a: fine");
        assert_eq!(lines[1..3], ["warn  b: odd\\nand long", "      fix: change it"]);
        assert_eq!(lines.last().unwrap(), "To be changed: 1. To be thought about: 1.");
        assert_eq!(findings.to_json()[2]["fix"], Value::Null);
    }
}
