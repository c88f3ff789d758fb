//! Measures what the core costs on top of what cannot be avoided.
//!
//! A time by itself says little: it depends on the machine and on what else it does. So each bench has contenders, of
//! which the first is the *limit* (what would have to be done in any case), and reports ratios to it, taken side by
//! side in one process ([`rounds`]). Allocations do not depend on the machine, so they are also asserted
//! ([`allocations`]).
//!
//! `cargo bench -p hallpass-bench` runs all of them.

pub mod allocations;
pub mod fixture;
pub mod rounds;
