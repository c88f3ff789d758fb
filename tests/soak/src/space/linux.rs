//! `RLIMIT_FSIZE` of another process (prlimit(2)).

use anyhow::{Context, Result};
use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use tokio::signal::unix::{SignalKind, signal};

/// SIGXFSZ: what a process gets at the limit, and dies of unless it listens. A full disk sends no signal.
const FILE_SIZE_EXCEEDED: SignalKind = SignalKind::from_raw(25);

/// Lets a write at the limit fail instead of ending this process.
pub(crate) fn survive_a_full_disk() -> Result<()> {
    // The handler stays when the listener is dropped.
    drop(signal(FILE_SIZE_EXCEEDED).context("cannot listen for SIGXFSZ")?);
    Ok(())
}

/// Limits the files that `process` may write to so many bytes each, or not at all. Returns whether that can be done here.
pub(crate) fn limit(process: u32, bytes: Option<u64>) -> Result<bool> {
    let process = i32::try_from(process).ok().and_then(Pid::from_raw).context("not a process")?;
    // The soft limit only, so that it can be lifted again.
    let maximum = getrlimit(Resource::Fsize).maximum;
    let limit = Rlimit { current: bytes.or(maximum), maximum };
    prlimit(Some(process), Resource::Fsize, limit).context("cannot limit the process's files")?;
    Ok(true)
}
