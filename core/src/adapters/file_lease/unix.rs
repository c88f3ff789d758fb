//! `flock(2)`, by rustix: the standard library has no locks on Android. Only the owner may open the file: a user who can
//! open it can lock it, and hold up every renewal.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use rustix::io::{Errno, retry_on_intr};

const OWNER_ONLY: u32 = 0o600;

/// Opens the file, and makes it when it is absent; its directory too, if `makes_directory`. Before the first unlock of a phone the directory
/// cannot be made either.
///
/// # Errors
/// When it cannot be opened.
pub(super) fn open(path: &Path, makes_directory: bool) -> io::Result<File> {
    let attempt = || OpenOptions::new().write(true).create(true).truncate(false).mode(OWNER_ONLY).open(path);
    let file = match (attempt(), path.parent().filter(|_| makes_directory)) {
        (Err(error), Some(directory)) if error.kind() == ErrorKind::NotFound => {
            DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
            attempt()?
        }
        (opened, _) => opened?,
    };
    // An earlier version left it readable.
    if file.metadata()?.mode() & 0o777 != OWNER_ONLY {
        file.set_permissions(Permissions::from_mode(OWNER_ONLY))?;
    }
    Ok(file)
}

/// Returns whether the lock is taken; does not wait.
///
/// # Errors
/// When files cannot be locked there.
pub(super) fn try_lock(file: &File) -> io::Result<bool> {
    match retry_on_intr(|| flock(file, FlockOperation::NonBlockingLockExclusive)) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
