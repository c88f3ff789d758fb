//! The `lab` command from outside: a process, its input, its output and its exit code.

mod drive;
mod shared_store;
mod support;
