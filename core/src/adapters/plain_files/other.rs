//! Elsewhere: what a new file inherits from its directory, and a file system that brings names to the disk by itself.

use std::fs::{File, OpenOptions, create_dir};
use std::io;
use std::path::Path;

use crate::ports::StoreError;

pub(super) fn create_directory(directory: &Path) -> io::Result<()> {
    create_dir(directory)
}

/// Who may write there is in access lists, which are the user's affair.
#[expect(clippy::unnecessary_wraps, reason = "as on Unix")]
pub(super) fn check_directory(_directory: &Path) -> Result<(), StoreError> {
    Ok(())
}

pub(super) fn create_file(file: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(file)
}

/// Windows cannot open a directory as a file.
#[expect(clippy::unnecessary_wraps, reason = "as on Unix")]
pub(super) fn sync_directory(_directory: &Path) -> io::Result<()> {
    Ok(())
}
