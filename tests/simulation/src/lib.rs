//! The simulation that looks for a user who is signed out by accident. `README.md` tells how it works.

mod asking;
pub mod chart;
mod client;
mod deeds;
mod dice;
mod ending;
mod fate;
mod finale;
mod intents;
mod ledger;
mod mischief;
mod model;
mod network;
mod ports;
mod run;
mod scenario;
mod script;
mod server;
mod storage;
mod token;
mod trace;
mod watch;
mod world;

pub mod policies;
pub mod scopes;
pub mod summary;

pub use run::{Report, engine};
pub use scenario::Edition;
