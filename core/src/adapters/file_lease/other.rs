//! The locks of the standard library.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::Error;
use std::path::Path;

/// Opens the file that is locked.
///
/// # Errors
/// When it cannot be opened.
pub(super) fn open(path: &Path) -> Result<File, Error> {
    OpenOptions::new().write(true).create(true).truncate(false).open(path)
}

/// Returns whether the lock is taken; does not wait.
///
/// # Errors
/// When files cannot be locked there.
pub(super) fn try_lock(file: &File) -> Result<bool, Error> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}
