//! actionlint over `.github/workflows`: expressions, keys, inputs of actions, and names of runners.

use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use crate::process;
use crate::report::Outcome;
use crate::setup;
use crate::workspace;

const LIMIT: Duration = Duration::from_secs(60);

/// Judges every workflow.
pub(super) fn check() -> Result<Outcome> {
    let Some(program) = setup::actionlint::installed()? else {
        return Ok(Outcome::Missing("actionlint is not installed: `cargo xtask setup actionlint`".to_owned()));
    };
    let mut actionlint = Command::new(program);
    // What else is installed here must not decide what is found.
    actionlint.args(["-shellcheck=", "-pyflakes=", "-oneline"]).current_dir(workspace::root());
    process::run(&mut actionlint, LIMIT)?;
    Ok(Outcome::Passed)
}
