//! `flock(2)`, by rustix: the standard library has no locks on Android.

use std::fs::{File, OpenOptions};
use std::io::Error;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use rustix::io::{Errno, retry_on_intr};

/// Opens the file that is locked, which only its owner may open: another could lock it as well.
///
/// # Errors
/// When it cannot be opened.
pub(super) fn open(path: &Path) -> Result<File, Error> {
    OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)
}

/// Returns whether the lock is taken; does not wait.
///
/// # Errors
/// When files cannot be locked there.
pub(super) fn try_lock(file: &File) -> Result<bool, Error> {
    match retry_on_intr(|| flock(file, FlockOperation::NonBlockingLockExclusive)) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
