//! node-oidc-provider, with npm: exactly what the lock file names.

use std::fs;
use std::path::Path;

use anyhow::Result;

use super::{made_of, sources};
use crate::setup::node;

/// Installs the package and what it needs into `folder`: 4 MB.
///
/// # Errors
/// Without Node and npm, or when the registry cannot be reached.
pub(super) fn prepare(folder: &Path) -> Result<()> {
    node::prepare()?;
    let sources = sources("oidc-provider");
    let lock = fs::read_to_string(sources.join("package-lock.json"))?;
    made_of(&lock, folder, || {
        for name in ["package.json", "package-lock.json"] {
            fs::copy(sources.join(name), folder.join(name))?;
        }
        node::install_locked(folder)
    })
}
