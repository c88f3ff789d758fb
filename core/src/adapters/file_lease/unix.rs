//! Unix: the owner alone may open the file, for whoever can open it can lock it and hold up every renewal.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

const OWNER_ONLY: u32 = 0o600;

/// Opens the file, and makes it and its directory when they are absent.
pub(super) fn open(path: &Path) -> io::Result<File> {
    let attempt = || OpenOptions::new().write(true).create(true).truncate(false).mode(OWNER_ONLY).open(path);
    let file = match (attempt(), path.parent()) {
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
