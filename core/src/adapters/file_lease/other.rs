//! The locks of the standard library, and what a new file inherits from its directory.

use std::fs::{File, OpenOptions, TryLockError, create_dir_all};
use std::io::{self, ErrorKind};
use std::path::Path;

/// Opens the file, and makes it when it is absent; its directory too, if `makes_directory`.
///
/// # Errors
/// When it cannot be opened.
pub(super) fn open(path: &Path, makes_directory: bool) -> io::Result<File> {
    let attempt = || OpenOptions::new().write(true).create(true).truncate(false).open(path);
    match (attempt(), path.parent().filter(|_| makes_directory)) {
        (Err(error), Some(directory)) if error.kind() == ErrorKind::NotFound => {
            create_dir_all(directory)?;
            attempt()
        }
        (opened, _) => opened,
    }
}

/// Returns whether the lock is taken; does not wait.
///
/// # Errors
/// When files cannot be locked there.
pub(super) fn try_lock(file: &File) -> io::Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}
