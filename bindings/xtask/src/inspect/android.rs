//! A shared library for Android: what its dynamic linker sees of it.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail};
use object::read::elf::{Dyn, ElfFile, ElfFile32, ElfFile64, FileHeader, ProgramHeader};
use object::{Architecture, Endianness, FileKind, Object, ObjectSymbol, elf};

use super::problem_with;
use super::system::System;
use crate::targets::AndroidTarget;

/// By this name the generated Kotlin has the library loaded.
pub(crate) const FILE_NAME: &str = "libhallpass.so";

/// What is wrong with `library`, which should be for `target`, export exactly `exports`, and need nothing that `system`
/// does not list. An empty list is the good news.
///
/// # Errors
/// When it is no shared library in ELF.
pub(crate) fn problems(
    library: &[u8],
    target: AndroidTarget,
    exports: &BTreeSet<String>,
    system: &System,
) -> Result<Vec<String>> {
    Ok(Facts::read(library)?.judge(target, exports, system))
}

/// The least alignment of what of `library` is loaded, in bytes.
///
/// # Errors
/// When it is no shared library in ELF, or nothing of it is loaded.
pub(crate) fn least_alignment(library: &[u8]) -> Result<u64> {
    Facts::read(library)?.alignments.into_iter().min().context("nothing of it is loaded")
}

#[derive(Debug, Clone)]
struct Facts {
    architecture: Architecture,
    name: Option<String>,
    needed: BTreeSet<String>,
    exported: BTreeSet<String>,
    undefined: BTreeSet<String>,
    /// Of each segment that is loaded, in bytes.
    alignments: Vec<u64>,
    /// The loader would have to write to code, which Android refuses.
    has_text_relocations: bool,
    has_executable_stack: bool,
    /// Addresses are resolved once, at the start, and cannot be overwritten then.
    is_sealed: bool,
}

impl Facts {
    fn read(library: &[u8]) -> Result<Self> {
        let kind = FileKind::parse(library).context("it is no object file")?;
        if kind == FileKind::Elf32 {
            Self::of(&ElfFile32::parse(library)?)
        } else if kind == FileKind::Elf64 {
            Self::of(&ElfFile64::parse(library)?)
        } else {
            bail!("it is {kind:?} instead of ELF")
        }
    }

    fn of<Elf: FileHeader<Endian = Endianness>>(file: &ElfFile<'_, Elf>) -> Result<Self> {
        let mut facts = Self {
            architecture: file.architecture(),
            name: None,
            needed: BTreeSet::new(),
            exported: BTreeSet::new(),
            undefined: BTreeSet::new(),
            alignments: Vec::new(),
            has_text_relocations: false,
            has_executable_stack: true,
            is_sealed: false,
        };
        for symbol in file.dynamic_symbols() {
            let name = symbol.name()?.to_owned();
            // The first entry of the table has no name.
            if symbol.is_undefined() && !name.is_empty() {
                facts.undefined.insert(name);
            } else if symbol.is_global() && !symbol.is_undefined() {
                facts.exported.insert(name);
            }
        }
        facts.add_segments(file);
        facts.add_dynamic_section(file)?;
        Ok(facts)
    }

    fn add_segments<Elf: FileHeader<Endian = Endianness>>(&mut self, file: &ElfFile<'_, Elf>) {
        let endian = file.endian();
        let mut has_relocations_made_read_only = false;
        for segment in file.elf_program_headers() {
            match segment.p_type(endian) {
                elf::PT_LOAD => self.alignments.push(segment.p_align(endian).into()),
                elf::PT_GNU_STACK => self.has_executable_stack = segment.p_flags(endian).intersects(elf::PF_X),
                elf::PT_GNU_RELRO => has_relocations_made_read_only = true,
                _ => {}
            }
        }
        self.is_sealed = has_relocations_made_read_only;
    }

    fn add_dynamic_section<Elf: FileHeader<Endian = Endianness>>(&mut self, file: &ElfFile<'_, Elf>) -> Result<()> {
        let endian = file.endian();
        let table = file.elf_dynamic_table()?;
        let text = |entry: &Elf::Dyn| -> Result<String> {
            Ok(String::from_utf8_lossy(entry.string(endian, *table.strings())?).into_owned())
        };
        let mut binds_at_start = false;
        for entry in table.dynamics() {
            match entry.tag(endian) {
                elf::DT_NEEDED => {
                    self.needed.insert(text(entry)?);
                }
                elf::DT_SONAME => self.name = Some(text(entry)?),
                elf::DT_TEXTREL => self.has_text_relocations = true,
                elf::DT_BIND_NOW => binds_at_start = true,
                elf::DT_FLAGS => {
                    let flags = entry.val(endian);
                    self.has_text_relocations |= flags & elf::DF_TEXTREL.0 != 0;
                    binds_at_start |= flags & elf::DF_BIND_NOW.0 != 0;
                }
                _ => {}
            }
        }
        self.is_sealed &= binds_at_start;
        Ok(())
    }

    fn judge(&self, target: AndroidTarget, exports: &BTreeSet<String>, system: &System) -> Vec<String> {
        let mut problems = Vec::new();
        if self.architecture != target.architecture() {
            problems.push(format!("it is for {:?} instead of {}", self.architecture, target.abi()));
        }
        if self.name.as_deref() != Some(FILE_NAME) {
            problems.push(format!("it calls itself {:?} instead of {FILE_NAME}", self.name));
        }
        let known: BTreeSet<String> = system.libraries().map(|(library, _)| format!("{library}.so")).collect();
        let difference = |left: &BTreeSet<String>, right| left.difference(right).cloned().collect();
        problems.extend(problem_with(&difference(&self.needed, &known), "it needs libraries that apps may not load"));
        problems.extend(problem_with(&difference(exports, &self.exported), "Kotlin loads what it does not have"));
        problems.extend(problem_with(&difference(&self.exported, exports), "it exports what Kotlin does not load"));
        problems.extend(problem_with(&system.unknown(&self.undefined), "it needs what nobody has reviewed"));
        if let Some(alignment) = self.alignments.iter().copied().min().filter(|&least| least < target.page()) {
            problems.push(format!("it is aligned to {alignment} bytes instead of {}", target.page()));
        }
        if self.has_text_relocations {
            problems.push("it has relocations in its code".to_owned());
        }
        if self.has_executable_stack {
            problems.push("it asks for a stack that can be executed".to_owned());
        }
        if !self.is_sealed {
            problems.push("its addresses stay writable (no RELRO, or no immediate binding)".to_owned());
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    fn facts() -> Facts {
        Facts {
            architecture: Architecture::Aarch64,
            name: Some(FILE_NAME.to_owned()),
            needed: set(&["libc.so", "libm.so"]),
            exported: set(&["uniffi_a", "uniffi_b"]),
            undefined: set(&["malloc", "pow"]),
            alignments: vec![16 * 1024, 64 * 1024],
            has_text_relocations: false,
            has_executable_stack: false,
            is_sealed: true,
        }
    }

    fn judged(facts: &Facts) -> Vec<String> {
        let system = System::parse("libc = ['malloc']\nlibm = ['pow']").unwrap();
        facts.judge(AndroidTarget::Arm64, &set(&["uniffi_a", "uniffi_b"]), &system)
    }

    #[test]
    fn library_as_it_should_be_has_no_problem() {
        assert_eq!(judged(&facts()), <[String; 0]>::default());
    }

    #[test]
    fn library_for_another_processor_is_caught() {
        let other = Facts { architecture: Architecture::X86_64, ..facts() };
        assert_eq!(judged(&other), ["it is for X86_64 instead of arm64-v8a"]);
    }

    #[test]
    fn library_that_needs_one_too_many_is_caught() {
        let other = Facts { needed: set(&["libc.so", "libc++_shared.so"]), ..facts() };
        assert_eq!(judged(&other), ["it needs libraries that apps may not load: libc++_shared.so"]);
    }

    #[test]
    fn function_that_kotlin_loads_and_the_library_lacks_is_caught() {
        let other = Facts { exported: set(&["uniffi_a"]), ..facts() };
        assert_eq!(judged(&other), ["Kotlin loads what it does not have: uniffi_b"]);
    }

    #[test]
    fn function_that_the_library_exports_for_nobody_is_caught() {
        let other = Facts { exported: set(&["uniffi_a", "uniffi_b", "rust_eh_personality"]), ..facts() };
        assert_eq!(judged(&other), ["it exports what Kotlin does not load: rust_eh_personality"]);
    }

    #[test]
    fn function_of_the_system_that_nobody_reviewed_is_caught() {
        let other = Facts { undefined: set(&["malloc", "system"]), ..facts() };
        assert_eq!(judged(&other), ["it needs what nobody has reviewed: system"]);
    }

    #[test]
    fn segment_for_small_pages_is_caught_where_pages_may_be_large() {
        let other = Facts { alignments: vec![16 * 1024, 4096], ..facts() };
        assert_eq!(judged(&other), ["it is aligned to 4096 bytes instead of 16384"]);
    }

    #[test]
    fn library_without_hardening_is_caught() {
        let other =
            Facts { name: None, has_text_relocations: true, has_executable_stack: true, is_sealed: false, ..facts() };
        assert_eq!(judged(&other).len(), 4);
    }

    /// Reading is tested on what a linker really writes: this machine's.
    #[cfg(target_os = "linux")]
    mod linked {
        use super::*;
        use std::fs;
        use std::process::Command;
        use std::time::Duration;

        use crate::process;

        fn linked(source: &str, options: &[&str]) -> Facts {
            let folder = tempfile::tempdir().unwrap();
            let (input, output) = (folder.path().join("a.s"), folder.path().join("a.so"));
            fs::write(&input, source).unwrap();
            let mut compiler = Command::new("cc");
            compiler.args(["-shared", "-nostdlib", "-o"]).arg(&output).args(options).arg(&input);
            process::run(&mut compiler, Duration::from_secs(60)).unwrap();
            Facts::read(&fs::read(output).unwrap()).unwrap()
        }

        const SOURCE: &str = ".text\n.globl uniffi_a\n.type uniffi_a, @function\nuniffi_a:\n.data\n.quad malloc\n\
                              .section .note.GNU-stack,\"\",@progbits\n";

        #[test]
        fn linked_library_is_read_as_it_was_linked() {
            let options = ["-Wl,-soname,libhallpass.so", "-Wl,-z,max-page-size=16384", "-Wl,-z,relro,-z,now"];
            let facts = linked(SOURCE, &options);
            assert_eq!(facts.name.as_deref(), Some(FILE_NAME));
            assert_eq!((&facts.exported, &facts.undefined), (&set(&["uniffi_a"]), &set(&["malloc"])));
            assert_eq!(facts.needed, BTreeSet::new());
            assert!(!facts.alignments.is_empty() && facts.alignments.iter().all(|&bytes| bytes == 16 * 1024));
            assert!(!facts.has_text_relocations && !facts.has_executable_stack && facts.is_sealed, "{facts:?}");
        }

        #[test]
        fn library_linked_carelessly_is_read_as_such() {
            let source = SOURCE.replace(".data\n", "").replace("\"\",", "\"x\",");
            let options = ["-Wl,--no-as-needed", "-lc", "-Wl,-z,notext,-z,norelro,-z,lazy", "-Wl,-z,execstack"];
            let facts = linked(&source, &options);
            assert!(facts.needed.contains("libc.so.6"), "{facts:?}");
            assert!(facts.has_text_relocations && facts.has_executable_stack && !facts.is_sealed, "{facts:?}");
        }
    }
}
