//! From a static library to the shared one that Android loads.
//!
//! Linked here rather than by rustc, which would also export what UniFFI's generator reads, and needs a whole NDK.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use crate::inspect::android::FILE_NAME;
use crate::inspect::system::System;
use crate::process;
use crate::setup::cross::ndk::Ndk;
use crate::setup::cross::{CrossCargo, clang, linker, unwinder};
use crate::targets::AndroidTarget;

const LINK: Duration = Duration::from_secs(300);

/// What is linked, and into what.
pub(super) struct Link<'a> {
    pub(super) target: AndroidTarget,
    /// The static library.
    pub(super) archive: &'a Path,
    /// What the shared library offers, and nothing else.
    pub(super) exports: &'a BTreeSet<String>,
    /// What it may be linked with where there is no NDK.
    pub(super) system: &'a System,
    pub(super) output: &'a Path,
}

impl Link<'_> {
    /// Links with Android's own libraries.
    ///
    /// # Errors
    /// When something is missing.
    pub(super) fn with_ndk(&self, ndk: &Ndk) -> Result<()> {
        let folder = tempfile::tempdir()?;
        let mut clang = Command::new(ndk.clang(self.target));
        clang.args(self.ndk_arguments(self.options(folder.path())?));
        process::run(&mut clang, LINK)
    }

    /// What the NDK's driver is told. A library that is named and not needed would be asked for at each start all the same, and
    /// the driver does not say `--as-needed` by itself.
    fn ndk_arguments(&self, options: Vec<OsString>) -> Vec<OsString> {
        let mut arguments: Vec<OsString> =
            vec!["-shared".into(), "-o".into(), self.output.into(), "-Wl,--as-needed".into()];
        arguments.extend(options.into_iter().flat_map(|option| ["-Xlinker".into(), option]));
        arguments.push(self.archive.into());
        arguments.extend(["-ldl", "-lm"].map(OsString::from));
        arguments
    }

    /// Links with libraries that hold the reviewed names and nothing behind them, and an unwinder of our own.
    ///
    /// # Errors
    /// When something is missing.
    pub(super) fn without_ndk(&self, cargo: &CrossCargo) -> Result<()> {
        let unwinder = unwinder::prepare(cargo, self.target)?;
        let folder = tempfile::tempdir()?;
        let mut lld = self.lld()?;
        lld.arg("-o").arg(self.output).args(self.options(folder.path())?);
        lld.arg("--eh-frame-hdr").arg(self.archive).arg(unwinder);
        for (library, names) in self.system.libraries() {
            let stub = folder.path().join(format!("{library}.so"));
            self.write_stub(library, names, &stub)?;
            lld.arg("--as-needed").arg(stub);
        }
        process::run(&mut lld, LINK)
    }

    /// What both linkers are told, in the words of `ld`.
    fn options(&self, folder: &Path) -> Result<Vec<OsString>> {
        let script = folder.join("exports.version");
        fs::write(&script, version_script(self.exports))?;
        let mut options: Vec<OsString> = vec!["--version-script".into(), script.into()];
        options.extend(["-soname", FILE_NAME, "--no-undefined", "--gc-sections", "--strip-all"].map(OsString::from));
        options.extend(["-z", "relro", "-z", "now", "-z", "noexecstack", "--build-id=sha1"].map(OsString::from));
        options.extend(["-z".into(), format!("max-page-size={}", self.target.page()).into()]);
        // Nothing else asks for the objects in the archive.
        options.extend(self.exports.iter().map(|name| format!("--undefined={name}").into()));
        Ok(options)
    }

    fn write_stub(&self, library: &str, names: &BTreeSet<String>, output: &Path) -> Result<()> {
        let (source, object) = (output.with_extension("s"), output.with_extension("o"));
        fs::write(&source, assembly(names))?;
        let mut assembler = Command::new(clang()?);
        assembler.arg(format!("--target={}", self.target.clang_triple())).arg("-c").arg(&source);
        process::run(assembler.arg("-o").arg(&object), LINK)?;
        let mut lld = self.lld()?;
        lld.arg("-o").arg(output).arg("-soname").arg(format!("{library}.so")).arg(object);
        process::run(&mut lld, LINK)
    }

    fn lld(&self) -> Result<Command> {
        let mut lld = Command::new(linker::lld()?);
        lld.args(["-flavor", "gnu", "-m", self.target.emulation(), "-shared"]);
        Ok(lld)
    }
}

fn version_script(exports: &BTreeSet<String>) -> String {
    let names: String = exports.iter().map(|name| format!("    {name};\n")).collect();
    format!("{{\n  global:\n{names}  local:\n    *;\n}};\n")
}

fn assembly(names: &BTreeSet<String>) -> String {
    names.iter().map(|name| format!(".globl {name}\n.type {name}, %function\n{name}:\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn library_that_is_named_and_not_needed_is_not_asked_for() {
        let exports = BTreeSet::new();
        let system = System::parse("libc = ['malloc']").unwrap();
        let link = Link {
            target: AndroidTarget::Arm64,
            archive: Path::new("libhallpass.a"),
            exports: &exports,
            system: &system,
            output: Path::new("libhallpass.so"),
        };
        let arguments = link.ndk_arguments(vec!["--no-undefined".into()]);
        let place = |wanted: &str| arguments.iter().position(|argument| argument == wanted).unwrap();
        assert!(place("-Wl,--as-needed") < place("libhallpass.a"));
        assert!(place("libhallpass.a") < place("-lm"));
        assert!(!arguments.iter().any(|argument| argument == "-llog"));
    }

    #[test]
    fn everything_but_the_exports_is_local() {
        let exports = BTreeSet::from(["uniffi_a".to_owned(), "uniffi_b".to_owned()]);
        assert_eq!(version_script(&exports), "{\n  global:\n    uniffi_a;\n    uniffi_b;\n  local:\n    *;\n};\n");
    }
}
