//! What the tenant does, seen over HTTP by an app and a browser.
#![allow(clippy::panic, clippy::unwrap_used, reason = "in a test's support a panic is a failed test")]

mod device;
mod exercise;
mod faults;
mod login;
mod misbehaving;
mod operator;
mod possession;
mod pushed;
mod resources;
mod support;
mod tokens;
