//! What remains of the library in an app: linked as an app would be, with all that nobody calls left out.
//!
//! On a Mac with Apple's linker and libraries. Elsewhere with LLVM's linker, against text stubs that hold the reviewed
//! names: a name that is on no list does not link.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::inspect::system::System;
use crate::native_library;
use crate::process;
use crate::setup::cross::linker;
use crate::targets::{ApplePlatform, AppleTarget};

const LINK: Duration = Duration::from_secs(300);

/// Not a framework, and linked without being asked for.
const SYSTEM: &str = "libSystem";

/// Links `archive` for a trial. Returns the size in bytes of what comes out.
///
/// # Errors
/// When something is missing.
pub(super) fn size_in_an_app(
    target: AppleTarget,
    archive: &Path,
    exports: &BTreeSet<String>,
    system: &System,
) -> Result<u64> {
    let folder = tempfile::tempdir()?;
    let list = folder.path().join("exports");
    let names: String = exports.iter().map(|name| format!("_{name}\n")).collect();
    fs::write(&list, names)?;
    let output = folder.path().join("libhallpass.dylib");
    let mut linker = if cfg!(target_os = "macos") {
        apple_linker(target)
    } else {
        write_stubs(folder.path(), target, system)?;
        llvm_linker(target, folder.path())?
    };
    for (library, _) in system.libraries().filter(|(library, _)| *library != SYSTEM) {
        linker.arg("-framework").arg(library);
    }
    linker.arg("-exported_symbols_list").arg(&list).arg("-force_load").arg(archive).arg("-o").arg(&output);
    process::run(&mut linker, LINK).with_context(|| format!("{} does not link", target.triple()))?;
    native_library::size(&output)
}

/// The options that follow are spelled alike by the linker and by the compiler that drives it.
fn apple_linker(target: AppleTarget) -> Command {
    let platform = target.platform();
    let suffix = match platform {
        ApplePlatform::Ios | ApplePlatform::MacOs => "",
        ApplePlatform::IosSimulator => "-simulator",
    };
    let system = match platform {
        ApplePlatform::Ios | ApplePlatform::IosSimulator => "ios",
        ApplePlatform::MacOs => "macos",
    };
    let mut clang = Command::new("xcrun");
    clang.args(["--sdk", platform.sdk(), "clang", "-dynamiclib", "-Wl,-dead_strip,-x", "-target"]);
    clang.arg(format!("{}-apple-{system}{}{suffix}", target.arch(), platform.minimum_text()));
    clang
}

fn llvm_linker(target: AppleTarget, sdk: &Path) -> Result<Command> {
    let platform = target.platform();
    let mut lld = Command::new(linker::lld()?);
    lld.args(["-flavor", "darwin", "-arch", target.arch(), "-platform_version", platform.linker_name()]);
    lld.args([platform.minimum_text(), platform.minimum_text()]);
    lld.args(["-dylib", "-dead_strip", "-x", "-lSystem", "-syslibroot"]).arg(sdk);
    Ok(lld)
}

fn write_stubs(sdk: &Path, target: AppleTarget, system: &System) -> Result<()> {
    for (library, names) in system.libraries() {
        let (file, install_name) = if library == SYSTEM {
            ("usr/lib/libSystem.tbd".to_owned(), "/usr/lib/libSystem.B.dylib".to_owned())
        } else {
            let path = format!("System/Library/Frameworks/{library}.framework/{library}");
            (format!("{path}.tbd"), format!("/{path}"))
        };
        let file = sdk.join(file);
        fs::create_dir_all(file.parent().context("a stub is in a folder")?)?;
        fs::write(&file, stub(&install_name, target, names))
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}

/// The format in which Apple's SDKs list what a library has, in its version 4.
fn stub(install_name: &str, target: AppleTarget, names: &BTreeSet<String>) -> String {
    let target = format!("{}-{}", target.arch(), target.platform().linker_name());
    let mut symbols = String::new();
    for name in names {
        // Writing to a string cannot fail.
        let _ = write!(symbols, "{}'_{name}'", if symbols.is_empty() { "" } else { ", " });
    }
    format!(
        "--- !tapi-tbd\ntbd-version: 4\ntargets: [ {target} ]\ninstall-name: '{install_name}'\nexports:\n  \
         - targets: [ {target} ]\n    symbols: [ {symbols} ]\n...\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stub_lists_the_names_as_object_files_spell_them() {
        let names = BTreeSet::from(["SecItemAdd".to_owned(), "stat$INODE64".to_owned()]);
        let stub = stub("/System/x", AppleTarget::SimulatorArm64, &names);
        assert!(stub.contains("symbols: [ '_SecItemAdd', '_stat$INODE64' ]"), "{stub}");
        assert!(stub.contains("targets: [ arm64-ios-simulator ]"), "{stub}");
    }
}
