//! `Info.plist` of a framework: which folder is for which platform and processors.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use object::archive;
use object::macho::FatArch32;
use object::read::macho::{FatArch, MachOFatFile32};
use plist::{Dictionary, Value};

use super::{LIBRARY, MODULE};
use crate::native_library;
use crate::targets::ApplePlatform;

const FILE: &str = "Info.plist";

/// One platform of the framework.
pub(super) struct Entry {
    pub(super) platform: ApplePlatform,
    /// As Apple names them.
    pub(super) architectures: Vec<&'static str>,
}

impl Entry {
    /// The folder, such as `ios-arm64_x86_64-simulator`.
    pub(super) fn identifier(&self) -> String {
        let (name, variant) = self.names();
        let variant = variant.map(|variant| format!("-{variant}")).unwrap_or_default();
        format!("{name}-{}{variant}", self.architectures.join("_"))
    }

    fn names(&self) -> (&'static str, Option<&'static str>) {
        match self.platform {
            ApplePlatform::Ios => ("ios", None),
            ApplePlatform::IosSimulator => ("ios", Some("simulator")),
            ApplePlatform::MacOs => ("macos", None),
        }
    }

    fn dictionary(&self) -> Dictionary {
        let (name, variant) = self.names();
        let mut entry = Dictionary::new();
        for (key, value) in [("BinaryPath", LIBRARY), ("HeadersPath", "Headers"), ("LibraryPath", LIBRARY)] {
            entry.insert(key.to_owned(), value.into());
        }
        entry.insert("LibraryIdentifier".to_owned(), self.identifier().into());
        let architectures = self.architectures.iter().map(|&name| name.into()).collect();
        entry.insert("SupportedArchitectures".to_owned(), Value::Array(architectures));
        entry.insert("SupportedPlatform".to_owned(), name.into());
        if let Some(variant) = variant {
            entry.insert("SupportedPlatformVariant".to_owned(), variant.into());
        }
        entry.sort_keys();
        entry
    }
}

/// Writes the property list into `framework`.
///
/// # Errors
/// When the file cannot be written.
pub(super) fn write(framework: &Path, entries: &[Entry]) -> Result<()> {
    let file = framework.join(FILE);
    Value::Dictionary(contents(entries)).to_file_xml(&file).with_context(|| format!("cannot write {}", file.display()))
}

/// Reads the framework as a stranger would: what the property list says is there, and nothing is there besides.
///
/// # Errors
/// Naming what is not as it says.
pub(super) fn verify(framework: &Path, entries: &[Entry]) -> Result<()> {
    let read = Value::from_file(framework.join(FILE)).context("Info.plist is no property list")?;
    ensure!(read.as_dictionary() == Some(&contents(entries)), "Info.plist does not say what it should: {read:?}");
    for entry in entries {
        let folder = framework.join(entry.identifier());
        for path in [LIBRARY, &format!("Headers/{MODULE}/{MODULE}.h"), &format!("Headers/{MODULE}/module.modulemap")] {
            ensure!(folder.join(path).is_file(), "{} has no {path}", entry.identifier());
        }
        let found = architectures(&native_library::read(&folder.join(LIBRARY))?)?;
        let is_right = found.is_none_or(|found| found == entry.architectures);
        ensure!(is_right, "{} is not for {}", entry.identifier(), entry.architectures.join(" and "));
    }
    let folders = std::fs::read_dir(framework)?.count();
    ensure!(folders == entries.len() + 1, "the framework has more in it than Info.plist says");
    Ok(())
}

fn contents(entries: &[Entry]) -> Dictionary {
    let libraries = entries.iter().map(|entry| Value::Dictionary(entry.dictionary())).collect();
    let mut contents = Dictionary::new();
    contents.insert("AvailableLibraries".to_owned(), Value::Array(libraries));
    contents.insert("CFBundlePackageType".to_owned(), "XFWK".into());
    contents.insert("XCFrameworkFormatVersion".to_owned(), "1.0".into());
    contents
}

/// The processors of a universal file; none for an archive, whose objects have been looked into already.
fn architectures(library: &[u8]) -> Result<Option<Vec<&'static str>>> {
    if library.starts_with(&archive::MAGIC) {
        return Ok(None);
    }
    let file = MachOFatFile32::parse(library)?;
    let name = |arch: &FatArch32| {
        let known = ApplePlatform::ARCHITECTURES.iter().find(|(architecture, _)| *architecture == arch.architecture());
        known.map(|(_, name)| *name).with_context(|| format!("it has a part for {:?}", arch.architecture()))
    };
    file.arches().iter().map(name).collect::<Result<Vec<_>>>().map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use object::Architecture;
    use std::fs;

    use super::super::universal;

    fn framework() -> (tempfile::TempDir, Vec<Entry>) {
        let folder = tempfile::tempdir().unwrap();
        let entries = vec![
            Entry { platform: ApplePlatform::Ios, architectures: vec!["arm64"] },
            Entry { platform: ApplePlatform::IosSimulator, architectures: vec!["arm64", "x86_64"] },
        ];
        let both = [(Architecture::Aarch64, vec![0; 8]), (Architecture::X86_64, vec![0; 8])];
        let libraries = [b"!<arch>\n".to_vec(), universal::joined(&both).unwrap()];
        for (entry, library) in entries.iter().zip(libraries) {
            let platform = folder.path().join(entry.identifier());
            fs::create_dir_all(platform.join("Headers/HallpassFFI")).unwrap();
            for file in ["HallpassFFI.h", "module.modulemap"] {
                fs::write(platform.join("Headers/HallpassFFI").join(file), "").unwrap();
            }
            fs::write(platform.join(LIBRARY), library).unwrap();
        }
        write(folder.path(), &entries).unwrap();
        (folder, entries)
    }

    #[test]
    fn framework_as_written_is_verified() {
        let (folder, entries) = framework();
        verify(folder.path(), &entries).unwrap();
        assert!(folder.path().join("ios-arm64_x86_64-simulator").is_dir());
    }

    #[test]
    fn folder_that_the_list_does_not_name_is_caught() {
        let (folder, entries) = framework();
        fs::create_dir(folder.path().join("tvos-arm64")).unwrap();
        assert!(verify(folder.path(), &entries).unwrap_err().to_string().contains("more in it"));
    }

    #[test]
    fn header_that_is_missing_is_caught() {
        let (folder, entries) = framework();
        fs::remove_file(folder.path().join("ios-arm64/Headers/HallpassFFI/HallpassFFI.h")).unwrap();
        assert!(verify(folder.path(), &entries).unwrap_err().to_string().contains("HallpassFFI.h"));
    }

    #[test]
    fn universal_file_without_one_of_the_processors_is_caught() {
        let (folder, entries) = framework();
        let only = universal::joined(&[(Architecture::Aarch64, vec![0; 8])]).unwrap();
        fs::write(folder.path().join("ios-arm64_x86_64-simulator").join(LIBRARY), only).unwrap();
        assert!(verify(folder.path(), &entries).unwrap_err().to_string().contains("arm64 and x86_64"));
    }

    #[test]
    fn list_that_names_another_platform_is_caught() {
        let (folder, mut entries) = framework();
        entries[0].platform = ApplePlatform::MacOs;
        assert!(verify(folder.path(), &entries).unwrap_err().to_string().contains("Info.plist"));
    }
}
