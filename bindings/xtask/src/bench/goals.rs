//! What each number means, and what it should be.

use std::fs;

use anyhow::{Context, Result, bail, ensure};
use toml::{Table, Value};

use crate::workspace;

/// `tests/bench/goals.toml`: the rows of the table, in its order.
pub(crate) struct Goals(Vec<Row>);

/// A number that is measured.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    /// The measure that it belongs to.
    pub(crate) measure: String,
    pub(crate) name: String,
    /// In words.
    pub(crate) what: String,
    pub(crate) unit: String,
    pub(crate) goal: Goal,
    pub(crate) remark: String,
}

/// What a number should be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Goal {
    AtMost(f64),
    AtLeast(f64),
    Exactly(f64),
    /// It is told for what it is.
    None,
}

impl Goals {
    /// Reads the file.
    ///
    /// # Errors
    /// When it is not as it should be.
    pub(crate) fn read() -> Result<Self> {
        let file = workspace::root().join("tests/bench/goals.toml");
        Self::parse(&fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?)
    }

    fn parse(text: &str) -> Result<Self> {
        let table: Table = text.parse()?;
        let rows = table.get("row").and_then(Value::as_array).context("no [[row]] in tests/bench/goals.toml")?;
        let rows = rows.iter().map(Row::parse).collect::<Result<Vec<_>>>()?;
        for (index, row) in rows.iter().enumerate() {
            ensure!(rows[..index].iter().all(|other| other.name != row.name), "`{}` has two rows", row.name);
        }
        Ok(Self(rows))
    }

    pub(crate) fn knows(&self, name: &str) -> bool {
        self.0.iter().any(|row| row.name == name)
    }

    pub(crate) fn rows(&self) -> &[Row] {
        &self.0
    }
}

impl Row {
    fn parse(value: &Value) -> Result<Self> {
        let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        let number = |key: &str| {
            value.get(key).and_then(|value| value.as_float().or_else(|| value.as_integer().map(|whole| whole as f64)))
        };
        let name = text("name").with_context(|| format!("a row without a name: {value}"))?;
        let goal = match (number("most"), number("least"), number("exactly")) {
            (Some(most), None, None) => Goal::AtMost(most),
            (None, Some(least), None) => Goal::AtLeast(least),
            (None, None, Some(exactly)) => Goal::Exactly(exactly),
            (None, None, None) => Goal::None,
            _ => bail!("`{name}` has more than one goal"),
        };
        Ok(Self {
            measure: name.split('.').next().unwrap_or_default().to_owned(),
            what: text("what").with_context(|| format!("`{name}` says not what it is"))?,
            unit: text("unit").unwrap_or_default(),
            remark: text("remark").unwrap_or_default(),
            goal,
            name,
        })
    }
}

impl Goal {
    /// Whether `value` is as it should be; `None` where nothing was asked for.
    pub(crate) fn is_met(self, value: f64) -> Option<bool> {
        match self {
            Self::AtMost(most) => Some(value <= most),
            Self::AtLeast(least) => Some(value >= least),
            Self::Exactly(exactly) => Some(value.to_bits() == exactly.to_bits()),
            Self::None => None,
        }
    }

    /// As the table has it.
    pub(crate) fn told(self) -> String {
        match self {
            Self::AtMost(most) => format!("≤ {most}"),
            Self::AtLeast(least) => format!("≥ {least}"),
            Self::Exactly(exactly) => exactly.to_string(),
            Self::None => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn committed_file_can_be_read() {
        assert!(Goals::read().unwrap().rows().len() > 20);
    }

    #[test]
    fn a_row_has_one_goal_and_one_name() {
        let row = |goals: &str| format!("[[row]]\nname = \"a.b\"\nwhat = \"it\"\n{goals}\n");
        assert_eq!(Goals::parse(&row("most = 2")).unwrap().rows()[0].goal, Goal::AtMost(2.0));
        assert!(Goals::parse(&row("most = 2\nleast = 1")).is_err());
        assert!(Goals::parse(&(row("") + &row(""))).is_err());
    }

    #[test]
    fn a_goal_is_met_at_its_bound() {
        assert_eq!(Goal::AtMost(1.25).is_met(1.25), Some(true));
        assert_eq!(Goal::AtMost(1.25).is_met(1.26), Some(false));
        assert_eq!(Goal::AtLeast(300.0).is_met(299.0), Some(false));
        assert_eq!(Goal::Exactly(0.0).is_met(0.0), Some(true));
        assert_eq!(Goal::None.is_met(7.0), None);
    }
}
