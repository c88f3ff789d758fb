//! The library for Android as an app would ship it: built, linked, and looked into. Phones have the processor that is
//! built here; the others take `cargo xtask android`.

use anyhow::Result;

use super::missing;
use crate::android;
use crate::report::Outcome;
use crate::setup::cross;
use crate::targets::{AndroidTarget, Target};

const TARGET: AndroidTarget = AndroidTarget::Arm64;

/// Runs the suite.
pub(super) fn run() -> Result<Outcome> {
    if let Err(error) = cross::prepare(Target::Android(TARGET)) {
        return Ok(missing(&error));
    }
    android::run(&[TARGET])?;
    Ok(Outcome::Passed)
}
