//! What is measured, by the name that `cargo xtask bench` has for it.

mod audiences;
mod callers;
mod credentials;
mod id_token;
pub mod idle;
mod login;
mod memory;
mod requests;
mod states;
pub mod store;
mod tls;

use anyhow::{Result, bail};
use tokio::runtime::Runtime;

/// The measures that this program takes, in the order of their rows.
pub const NAMES: [&str; 11] = [
    "id-token",
    "login",
    "requests",
    "credentials",
    "callers",
    "audiences",
    "store",
    "idle",
    "tls",
    "memory",
    "states",
];

/// Takes the measure `name` and prints what came of it.
///
/// # Errors
/// When there is no such measure, or what it stands on does not work.
pub fn take(name: &str) -> Result<()> {
    match name {
        "id-token" => id_token::take(),
        "login" => login::take(),
        "requests" => requests::take(),
        "credentials" => credentials::take(),
        "callers" => callers::take(),
        "audiences" => audiences::take(),
        "store" => store::take(),
        "idle" => idle::take(),
        "tls" => tls::take(),
        "memory" => memory::take(),
        "states" => states::take(),
        other => bail!("there is no measure `{other}`; there are {}", NAMES.join(", ")),
    }
}

/// A runtime of one thread: what is measured runs where it is asked for.
pub(crate) fn one_thread() -> Result<Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

/// The runtime that the bindings have: two threads.
fn two_threads() -> Result<Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?)
}
