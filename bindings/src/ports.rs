//! Ports that the foreign side implements, and the core's view of each.
//!
//! A foreign port is called on a thread of this library's runtime. What it throws, also against its own declaration,
//! becomes the port's error; what it was told or answered is never part of a message.

pub(crate) mod browser;
pub(crate) mod code_display;
pub(crate) mod lease;
pub(crate) mod signer;
pub(crate) mod store;
pub(crate) mod transport;
