//! The sign-in core of native apps: login, renew and secure storage.
#![forbid(unsafe_code)]

pub mod adapters;
pub mod ports;
