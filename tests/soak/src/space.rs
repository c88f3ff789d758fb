//! A disk without space, as a limit on the size of the files that one process may write.
//!
//! It needs no rights and harms nobody else, and a write fails in the middle as on a full disk: what fits is written, then
//! comes an error (`EFBIG` in the place of `ENOSPC`).

#[cfg_attr(target_os = "linux", path = "space/linux.rs")]
#[cfg_attr(not(target_os = "linux"), path = "space/other.rs")]
mod platform;

pub(crate) use platform::{limit, survive_a_full_disk};
