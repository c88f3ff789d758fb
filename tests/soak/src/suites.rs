//! The suites. Each returns what it did and counted, a line each, or the first violation.

pub(crate) mod clocks;
pub(crate) mod crowd;
pub(crate) mod damage;
pub(crate) mod disk;
pub(crate) mod kills;
