//! `cargo xtask interop`: the story at real authorization servers, with servers from the cache.

use std::time::Duration;

use anyhow::Result;
use clap::Args;

use crate::process;
use crate::report::Tally;
use crate::setup;
use crate::setup::interop::InteropServer;
use crate::workspace::{self, cargo};

/// The build, and what the slowest server takes on a busy machine.
const LIMIT: Duration = Duration::from_secs(45 * 60);

/// Which servers to play the story at.
#[derive(Debug, Args)]
pub(crate) struct Interop {
    /// The servers, which are installed if need be. All that `cargo xtask setup` has installed when none is named.
    pub(crate) servers: Vec<InteropServer>,
    /// Writes what happened into the README and the runs that are kept, instead of holding it against them.
    #[arg(long)]
    pub(crate) record: bool,
}

/// Runs it. Each server at which all went as it should counts as a test that passed.
///
/// # Errors
/// When a server cannot be installed, or the program cannot be built or does not end.
pub(crate) fn run(asked: &Interop, tally: &mut Tally) -> Result<bool> {
    for server in &asked.servers {
        setup::interop::prepare(*server)?;
    }
    let mut play = cargo(["run", "--quiet", "--locked", "--package", "hallpass-interop", "--"]);
    play.arg("--tools").arg(setup::interop::folder()?).arg("--work").arg(workspace::target().join("interop"));
    play.args(asked.servers.iter().flat_map(|server| server.stories()));
    if asked.record {
        play.arg("--record");
    }
    Ok(process::tee(&mut play, LIMIT, |line| add_closing_line(tally, line))?.success())
}

/// Shape: `3 passed, 0 failed`; any other line adds nothing.
fn add_closing_line(tally: &mut Tally, line: &str) {
    let counts = line.strip_suffix(" failed").and_then(|counts| counts.split_once(" passed, "));
    if let Some((passed, failed)) = counts
        && let (Ok(passed), Ok(failed)) = (passed.parse::<u64>(), failed.parse::<u64>())
    {
        tally.passed += passed;
        tally.failed += failed;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_line_is_counted_and_no_other_is() {
        let mut tally = Tally::default();
        for line in ["    restart   kept", "2 passed, 1 failed", "keycloak: FAILED", "all passed, none failed"] {
            add_closing_line(&mut tally, line);
        }
        assert_eq!(tally, Tally { passed: 2, failed: 1, ignored: 0 });
    }
}
