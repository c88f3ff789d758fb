//! The core against real authorization servers: those that start within seconds. `cargo xtask interop` has the others.

use anyhow::Result;

use super::missing;
use crate::interop::{self, Interop};
use crate::report::{Outcome, Tally};
use crate::setup;
use crate::setup::interop::InteropServer;

/// Runs the suite. Each server counts as one test.
pub(super) fn run(tally: &mut Tally) -> Result<Outcome> {
    let asked =
        Interop { servers: vec![InteropServer::OidcProvider, InteropServer::DjangoOauthToolkit], record: false };
    for server in &asked.servers {
        if let Err(error) = setup::interop::prepare(*server) {
            return Ok(missing(&error));
        }
    }
    let held = interop::run(&asked, tally)?;
    Ok(match (held, tally.passed) {
        (true, 0) => Outcome::Failed("no server was played at".to_owned()),
        (true, _) => Outcome::Passed,
        (false, _) => Outcome::Failed(format!("{} went otherwise", tally.failed)),
    })
}
