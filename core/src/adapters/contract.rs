//! What every implementation of a port does, as suites that run on it.
//!
//! Each suite is a function that panics with what went wrong. It takes something that makes the implementation, so that
//! it can ask for several handles on the same thing. A platform's own adapters run the same suites as those here do.
//! They expect a Tokio runtime with its drivers on, and every wait in them has a limit.

mod browser;
mod lease;
mod origin;
mod signer;
mod store;
mod transport;

use std::time::Duration;

pub use browser::{User, browser};
pub use lease::lease;
pub use signer::key_signer;
pub use store::secure_store;
pub use transport::{Limits, transport, transport_with_trust};

use crate::ports::EntryName;

/// The longest that a suite waits for a single step.
const STEP: Duration = Duration::from_secs(20);

fn entry_name(name: &str) -> EntryName {
    EntryName::parse(name).expect("the suites' names are names")
}
