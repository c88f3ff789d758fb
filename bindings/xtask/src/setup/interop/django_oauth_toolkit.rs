//! django-oauth-toolkit, from the registry of Python packages: exactly what the requirements name.

use std::fs;
use std::path::Path;

use anyhow::Result;

use super::{made_of, python, sources};

/// Makes `folder` an environment with the package and what it needs: 60 MB.
///
/// # Errors
/// Without Python, or when the registry cannot be reached.
pub(super) fn prepare(folder: &Path) -> Result<()> {
    let requirements = fs::read_to_string(sources("django-oauth-toolkit").join("requirements.txt"))?;
    let packages: Vec<&str> = requirements.lines().collect();
    made_of(&requirements, folder, || {
        python::environment(folder, &packages)?;
        fs::write(folder.join("requirements.txt"), &requirements)?;
        Ok(())
    })
}
