//! Unix: the owner alone may read, and a directory can be brought to the disk.

use std::fs::{DirBuilder, File, OpenOptions, metadata};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use crate::ports::StoreError;

pub(super) fn create_directory(directory: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(directory)
}

/// The group too: who may write to a directory may replace any file in it.
const OTHERS_MAY_WRITE: u32 = 0o022;

/// Whether this user alone decides what is in the directory.
pub(super) fn check_directory(directory: &Path) -> Result<(), StoreError> {
    let metadata = metadata(directory).map_err(|error| super::failure(&error))?;
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(StoreError::Failed("the directory belongs to another user"));
    }
    if metadata.mode() & OTHERS_MAY_WRITE != 0 {
        return Err(StoreError::Failed("other users may write to the directory; take that away (chmod go-w)"));
    }
    Ok(())
}

pub(super) fn create_file(file: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)
}

/// A rename is durable once the directory is.
pub(super) fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}
