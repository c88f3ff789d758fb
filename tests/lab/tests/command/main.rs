//! The `lab` command from outside: a process, its input, its output and its exit code.
#![allow(
    clippy::panic,
    clippy::unreachable,
    clippy::unwrap_used,
    reason = "in a test's support a panic is a failed test"
)]

mod codes;
mod doctor;
mod drive;
mod serve;
mod sessions;
mod settings;
mod shared_store;
mod support;
mod terminal;
mod trouble;
mod walk;
