//! Elsewhere: what a new file inherits from its directory.

use std::fs::{File, OpenOptions, create_dir_all};
use std::io::{self, ErrorKind};
use std::path::Path;

/// Opens the file, and makes it and its directory when they are absent.
pub(super) fn open(path: &Path) -> io::Result<File> {
    let attempt = || OpenOptions::new().write(true).create(true).truncate(false).open(path);
    match (attempt(), path.parent()) {
        (Err(error), Some(directory)) if error.kind() == ErrorKind::NotFound => {
            create_dir_all(directory)?;
            attempt()
        }
        (opened, _) => opened,
    }
}
