//! The library for Android as an app would ship it: built, linked, and looked into.

use anyhow::Result;

use super::missing;
use crate::android;
use crate::bench::counts;
use crate::report::Outcome;
use crate::setup::cross;
use crate::targets::{AndroidTarget, Target};

/// Runs the suite.
pub(super) fn run() -> Result<Outcome> {
    for target in AndroidTarget::TESTED {
        if let Err(error) = cross::prepare(Target::Android(target)) {
            return Ok(missing(&error));
        }
    }
    for (name, size) in android::run(&AndroidTarget::TESTED)? {
        counts::judge_size(&name, size)?;
    }
    Ok(Outcome::Passed)
}
