//! A static library for one of Apple's systems: an archive of Mach-O objects.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use object::read::archive::ArchiveFile;
use object::read::macho::{LoadCommandVariant, MachOFile64};
use object::{Endianness, Object, ObjectSymbol, macho};

use super::privacy::Manifests;
use super::problem_with;
use super::system::System;
use crate::targets::AppleTarget;

/// What is wrong with `library`, which should be for `target`, define every one of `exports`, and need nothing that
/// `system` does not list, and nothing that the manifests in `privacy` do not declare. Names are as C spells them. An empty list
/// is the good news.
///
/// # Errors
/// When it is no archive of 64-bit Mach-O objects.
pub(crate) fn problems(
    library: &[u8],
    target: AppleTarget,
    exports: &BTreeSet<String>,
    system: &System,
    privacy: &Manifests,
) -> Result<Vec<String>> {
    let mut found = Contents::default();
    let archive = ArchiveFile::parse(library).context("it is no archive")?;
    for member in archive.members() {
        let member = member.context("the archive is damaged")?;
        let name = String::from_utf8_lossy(member.name()).into_owned();
        let data = member.data(library).with_context(|| format!("{name} is cut off"))?;
        let file = MachOFile64::parse(data).with_context(|| format!("{name} is no 64-bit Mach-O object"))?;
        found.add(&name, &file, target).with_context(|| format!("{name} is damaged"))?;
    }
    Ok(found.judge(target, exports, system, privacy))
}

/// What all objects of the archive say together.
#[derive(Default)]
struct Contents {
    problems: BTreeSet<String>,
    newest_minimum: Option<(u16, u8)>,
    /// Names that other libraries see.
    exported: BTreeSet<String>,
    /// Names that one object has for another, the exported ones included.
    defined: BTreeSet<String>,
    undefined: BTreeSet<String>,
}

impl Contents {
    fn add(&mut self, name: &str, file: &MachOFile64<'_, Endianness>, target: AppleTarget) -> Result<()> {
        if file.architecture() != target.architecture() {
            self.problems.insert(format!("{name} is for {:?} instead of {}", file.architecture(), target.arch()));
        }
        self.add_version(name, file, target)?;
        for symbol in file.symbols().filter(|symbol| symbol.is_global() || symbol.is_undefined()) {
            let symbol_name = symbol.name()?;
            let symbol_name = symbol_name.strip_prefix('_').unwrap_or(symbol_name).to_owned();
            if symbol.is_undefined() {
                self.undefined.insert(symbol_name);
            } else {
                if symbol.scope() == object::SymbolScope::Dynamic {
                    self.exported.insert(symbol_name.clone());
                }
                self.defined.insert(symbol_name);
            }
        }
        Ok(())
    }

    fn add_version(&mut self, name: &str, file: &MachOFile64<'_, Endianness>, target: AppleTarget) -> Result<()> {
        let Some((platform, minimum)) = built_for(file, target)? else {
            self.problems.insert(format!("{name} does not say which system it is for"));
            return Ok(());
        };
        if platform != target.platform().number() {
            self.problems.insert(format!("{name} is for {} instead of {:?}", named(platform), target.platform()));
        }
        self.newest_minimum = self.newest_minimum.max(Some((minimum.major(), minimum.minor())));
        Ok(())
    }

    fn judge(
        self,
        target: AppleTarget,
        exports: &BTreeSet<String>,
        system: &System,
        privacy: &Manifests,
    ) -> Vec<String> {
        let mut problems: Vec<String> = self.problems.into_iter().collect();
        if self.newest_minimum != Some(target.platform().minimum()) {
            let (major, minor) = self.newest_minimum.unwrap_or_default();
            problems.push(format!("it needs version {major}.{minor}, not {}", target.platform().minimum_text()));
        }
        let missing = exports.difference(&self.exported).cloned().collect();
        problems.extend(problem_with(&missing, "the header declares what it does not have"));
        let needed: BTreeSet<String> = self.undefined.difference(&self.defined).cloned().collect();
        problems.extend(problem_with(&system.unknown(&needed), "it needs what nobody has reviewed"));
        problems.extend(privacy.problems(&needed));
        problems
    }
}

/// The platform, and the oldest version of it. Objects for very old versions, such as those of the published standard
/// library, have a command for each system, which does not tell a simulator from a device: the processor does.
#[expect(clippy::wildcard_enum_match_arm, reason = "the format's commands are not ours to enumerate")]
fn built_for(
    file: &MachOFile64<'_, Endianness>,
    target: AppleTarget,
) -> Result<Option<(macho::Platform, macho::Version)>> {
    let endian = file.endian();
    let mut commands = file.macho_load_commands()?;
    while let Some(command) = commands.next()? {
        match command.variant()? {
            LoadCommandVariant::BuildVersion(command, _) => {
                return Ok(Some((command.platform.get(endian), command.minos.get(endian))));
            }
            LoadCommandVariant::VersionMin(command) => {
                let platform = match (command.cmd.get(endian), target) {
                    (macho::LC_VERSION_MIN_MACOSX, _) => macho::PLATFORM_MACOS,
                    (macho::LC_VERSION_MIN_IPHONEOS, AppleTarget::SimulatorX86_64) => macho::PLATFORM_IOSSIMULATOR,
                    (macho::LC_VERSION_MIN_IPHONEOS, _) => macho::PLATFORM_IOS,
                    _ => return Ok(None),
                };
                return Ok(Some((platform, command.version.get(endian))));
            }
            // Of the file format's many commands, no other says so.
            _ => {}
        }
    }
    Ok(None)
}

fn named(platform: macho::Platform) -> String {
    match platform {
        macho::PLATFORM_MACOS => "MacOs".to_owned(),
        macho::PLATFORM_IOS => "Ios".to_owned(),
        macho::PLATFORM_IOSSIMULATOR => "IosSimulator".to_owned(),
        other => format!("platform {}", other.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use object::write::{MachOBuildVersion, Object as Writer, StandardSection, Symbol, SymbolSection};
    use object::{Architecture, BinaryFormat, SymbolFlags, SymbolKind, SymbolScope};

    /// An archive of one object.
    struct Library {
        architecture: Architecture,
        platform: Option<macho::Platform>,
        minimum: (u16, u8),
        defined: &'static [&'static str],
        undefined: &'static [&'static str],
    }

    impl Default for Library {
        fn default() -> Self {
            Self {
                architecture: Architecture::Aarch64,
                platform: Some(macho::PLATFORM_IOSSIMULATOR),
                minimum: (16, 0),
                defined: &["uniffi_a", "uniffi_b"],
                undefined: &["malloc", "SecItemAdd"],
            }
        }
    }

    impl Library {
        fn problems(&self) -> Vec<String> {
            let exports = BTreeSet::from(["uniffi_a".to_owned(), "uniffi_b".to_owned()]);
            let system = System::parse("libSystem = ['malloc']\nSecurity = ['SecItemAdd']").unwrap();
            problems(&self.archive(), AppleTarget::SimulatorArm64, &exports, &system, &Manifests::read().unwrap())
                .unwrap()
        }

        fn archive(&self) -> Vec<u8> {
            let mut object = self.object();
            if object.len() % 2 == 1 {
                object.push(0);
            }
            let header = format!("{:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", "a.o/", 0, 0, 0, "644", object.len());
            [b"!<arch>\n", header.as_bytes(), &object].concat()
        }

        fn object(&self) -> Vec<u8> {
            let mut object = Writer::new(BinaryFormat::MachO, self.architecture, Endianness::Little);
            if let Some(platform) = self.platform {
                let mut version = MachOBuildVersion::default();
                version.platform = platform;
                version.minos = macho::Version::new(self.minimum.0, self.minimum.1, 0);
                object.set_macho_build_version(version);
            }
            let text = object.section_id(StandardSection::Text);
            for name in self.defined {
                let id = object.add_symbol(symbol(name, SymbolKind::Text));
                object.add_symbol_data(id, text, &[0, 0, 0, 0], 4);
            }
            for name in self.undefined {
                object.add_symbol(symbol(name, SymbolKind::Unknown));
            }
            object.write().unwrap()
        }
    }

    fn symbol(name: &str, kind: SymbolKind) -> Symbol {
        Symbol {
            name: name.as_bytes().to_vec(),
            value: 0,
            size: 0,
            kind,
            scope: if kind == SymbolKind::Text { SymbolScope::Dynamic } else { SymbolScope::Unknown },
            weak: false,
            section: SymbolSection::Undefined,
            flags: SymbolFlags::None,
        }
    }

    #[test]
    fn library_as_it_should_be_has_no_problem() {
        assert_eq!(Library::default().problems(), <[String; 0]>::default());
    }

    #[test]
    fn library_for_the_device_is_not_taken_for_the_simulators() {
        let library = Library { platform: Some(macho::PLATFORM_IOS), ..Library::default() };
        assert_eq!(library.problems(), ["a.o is for Ios instead of IosSimulator"]);
    }

    #[test]
    fn library_that_names_no_system_is_caught() {
        let problems = Library { platform: None, ..Library::default() }.problems();
        assert!(problems.contains(&"a.o does not say which system it is for".to_owned()), "{problems:?}");
    }

    #[test]
    fn library_for_another_processor_is_caught() {
        let library = Library { architecture: Architecture::X86_64, ..Library::default() };
        assert_eq!(library.problems(), ["a.o is for X86_64 instead of arm64"]);
    }

    #[test]
    fn library_that_needs_a_newer_system_is_caught() {
        let library = Library { minimum: (17, 4), ..Library::default() };
        assert_eq!(library.problems(), ["it needs version 17.4, not 16.0"]);
    }

    #[test]
    fn function_that_the_header_declares_and_the_library_lacks_is_caught() {
        let library = Library { defined: &["uniffi_a"], ..Library::default() };
        assert_eq!(library.problems(), ["the header declares what it does not have: uniffi_b"]);
    }

    #[test]
    fn function_of_the_system_that_nobody_reviewed_is_caught() {
        let library = Library { undefined: &["malloc", "system"], ..Library::default() };
        assert_eq!(library.problems(), ["it needs what nobody has reviewed: system"]);
    }

    #[test]
    fn function_that_another_object_has_is_not_needed_from_the_system() {
        let library = Library { undefined: &["malloc", "uniffi_b"], ..Library::default() };
        assert_eq!(library.problems(), <[String; 0]>::default());
    }

    #[test]
    fn file_that_is_no_archive_is_an_error() {
        let system = System::parse("").unwrap();
        let privacy = Manifests::read().unwrap();
        assert!(problems(b"not an archive", AppleTarget::Device, &BTreeSet::new(), &system, &privacy).is_err());
    }
}
