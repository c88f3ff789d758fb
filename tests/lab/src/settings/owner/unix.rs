//! Unix: a file has an owner, and says who may write to it.

use std::fs::{Metadata, metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Whether this user owns the file and not every other may write to it.
pub(super) fn is_trusted(file: &Path) -> io::Result<bool> {
    Ok(is_of(rustix::process::geteuid().as_raw(), &metadata(file)?))
}

fn is_of(user: u32, metadata: &Metadata) -> bool {
    metadata.uid() == user && metadata.mode() & 0o002 == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_is_trusted_by_its_owner_and_by_no_other_user() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let metadata = metadata(file.path()).unwrap();
        assert!(is_of(metadata.uid(), &metadata));
        assert!(!is_of(metadata.uid() + 1, &metadata));
    }
}
