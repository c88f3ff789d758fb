//! Elsewhere: who may write to a file is in access lists, which are the user's affair.

use std::io;
use std::path::Path;

/// Whether nobody else may have written the file, as far as can be told.
pub(super) fn is_trusted(file: &Path) -> io::Result<bool> {
    std::fs::metadata(file).map(|_| true)
}
