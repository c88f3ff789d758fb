//! Tests of the crate from outside: ID tokens signed with real keys, published vectors, and hostile input.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod id_token;
mod jws;
mod renewed_id_token;
mod robustness;
mod signer;
