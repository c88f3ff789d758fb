//! What SwiftPM downloads: the framework as an archive, and the tree of the package that names its address and checksum.
//!
//! The tree is what the repository `hallpass-swift` holds. SwiftPM calls a package after its repository, so that this is the
//! name by which apps depend on it.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use sha2::Sha256;
use sha2::digest::Digest;

use super::{NOTICES, address, entries, files, hex, licences};
use crate::{archive, workspace};

/// The archive, and the repository.
pub(crate) const FRAMEWORK: &str = "HallpassFFI.xcframework.zip";
pub(crate) const PACKAGE: &str = "hallpass-swift";

/// The sources that apps compile, below `Sources`.
const MODULES: [&str; 4] = ["Hallpass", "HallpassBindings", "HallpassFFI", "HallpassTesting"];

/// Writes both into `folder`.
///
/// # Errors
/// When something cannot be read or written.
pub(super) fn write(folder: &Path, version: &str, framework: &Path, notices: &str) -> Result<()> {
    let archive = archive::write(&entries(framework, "HallpassFFI.xcframework/")?)?;
    fs::write(folder.join(FRAMEWORK), &archive)?;

    let (from, package) = (workspace::root().join("bindings/swift"), folder.join(PACKAGE));
    for module in MODULES {
        for (name, file) in files(&from.join("Sources").join(module))? {
            let copy = package.join("Sources").join(module).join(name);
            fs::create_dir_all(copy.parent().context("a file is in a folder")?)?;
            fs::copy(file, copy)?;
        }
    }
    let manifest = fs::read_to_string(from.join("Release/Package.swift"))?;
    let url = format!("{}/{FRAMEWORK}", address(version)?);
    let manifest = manifest.replace("{url}", &url).replace("{checksum}", &hex(&Sha256::digest(&archive)));
    fs::write(package.join("Package.swift"), manifest)?;
    fs::copy(from.join("README.md"), package.join("README.md"))?;
    fs::write(package.join(NOTICES), notices)?;
    for (name, content) in licences()? {
        fs::write(package.join(name), content)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manifest_has_no_flags_that_swiftpm_refuses_in_a_package_with_a_version() {
        let manifest = fs::read_to_string(workspace::root().join("bindings/swift/Release/Package.swift")).unwrap();
        assert!(!manifest.contains("unsafeFlags") && manifest.contains("{url}") && manifest.contains("{checksum}"));
    }
}
