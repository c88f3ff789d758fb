//! What the engine needs from the platform, one small trait each.
//!
//! The engine names no clock, network, key store or browser; a session is given them. Every port has a contract suite that
//! its implementations pass (`adapters::contract`), so that a platform can have its own.

mod browser;
mod clock;
mod code_display;
mod lease;
mod random;
mod signer;
mod store;
mod transport;

pub use browser::{Browser, BrowserError, Visit};
pub use clock::Clock;
pub use code_display::{CodeDisplay, UserCode};
pub use lease::{Lease, LeaseBusy, LeaseGuard};
pub use random::{Random, RandomUnavailable};
pub use signer::{KeySigner, SignerError};
pub use store::{EntryName, SecureStore, StoreError, StoredValue};
pub use transport::{Transport, TransportError};
