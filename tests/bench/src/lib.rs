//! Measures what the core costs on top of what cannot be avoided.
//!
//! A time by itself says little: it depends on the machine and on what else it does. So each measure has contenders, of
//! which the first is the *limit* (what would have to be done in any case), and reports ratios to it, taken side by
//! side ([`rounds`]). What does not depend on the machine (allocations, requests, reads and writes of the store, wake-ups)
//! is counted, and asserted by the tests of this crate too.
//!
//! `cargo xtask bench` runs all of it; `tests/bench/README.md` says how each number is come by.

pub mod allocations;
pub mod counts;
pub mod fixture;
pub mod measures;
pub mod mill;
pub mod peers;
pub mod provider;
pub mod report;
pub mod rounds;
pub mod store;
