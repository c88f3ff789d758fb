//! A C compiler that can aim at a target, for the C files of `ring`.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::{debian, folder, ndk, variable};
use crate::process::is_installed;
use crate::targets::{ApplePlatform, AppleTarget, Target};

type Variables = Vec<(String, OsString)>;

/// The variables that tell the `cc` crate which compiler to take, and how.
///
/// # Errors
/// When there is no compiler and none can be installed.
pub(super) fn prepare(target: Target) -> Result<Variables> {
    let name = variable(target);
    let (mut environment, mut flags) = match target {
        // Xcode's, which the `cc` crate finds by itself.
        Target::Apple(_) if cfg!(target_os = "macos") => (Vec::new(), Vec::new()),
        Target::Apple(apple) => without_apple_sdk(apple, &name)?,
        Target::Android(android) => match ndk::installed()? {
            Some(ndk) => {
                let programs = [("CC", ndk.clang(android)), ("AR", ndk.archiver())];
                (programs.map(|(kind, path)| (format!("{kind}_{name}"), path.into())).to_vec(), Vec::new())
            }
            None => {
                let (environment, mut flags) = without_sdk(&name)?;
                // The `cc` crate names a 32-bit ARM that has none of version 7's instructions.
                flags.push(format!("--target={}", android.clang_triple()).into());
                (environment, flags)
            }
        },
    };
    // `ring` asks for lines of its source, which name folders of this machine; the last word counts.
    flags.push("-g0".into());
    // With quotation marks, for the sake of folders with spaces in their names.
    environment.push(("CC_SHELL_ESCAPED_FLAGS".to_owned(), "1".into()));
    environment.push((format!("CFLAGS_{name}"), quoted(&flags)));
    Ok(environment)
}

/// The name of a clang on the path, installed when there is none.
///
/// # Errors
/// When it cannot be installed.
pub(crate) fn clang() -> Result<String> {
    if let Some(clang) = installed_clang() {
        return Ok(clang);
    }
    debian::install(&["clang"])?;
    installed_clang().context("clang was installed and is not on the path")
}

fn installed_clang() -> Option<String> {
    let versioned = (14..=24).rev().map(|version| format!("clang-{version}"));
    std::iter::once("clang".to_owned()).chain(versioned).find(|name| is_installed(name))
}

/// With its own RING_CORE_NOSTDLIBINC, `ring` needs no header of a C library.
fn without_sdk(name: &str) -> Result<(Variables, Vec<OsString>)> {
    let clang = clang()?;
    println!("found {clang}");
    // Freestanding, for else the compiler's own headers for vectors include those of a C library.
    let flags = ["-nostdlibinc", "-ffreestanding", "-DRING_CORE_NOSTDLIBINC=1"].map(OsString::from).to_vec();
    Ok((vec![(format!("CC_{name}"), clang.into())], flags))
}

/// Of Apple's SDK, `ring` needs a single header.
fn without_apple_sdk(target: AppleTarget, name: &str) -> Result<(Variables, Vec<OsString>)> {
    let (mut environment, mut flags) = without_sdk(name)?;
    let sdk = folder()?.join("sdk").join(target.triple());
    let headers = sdk.join("usr/include");
    write_target_conditionals(&headers, target)?;
    flags.extend(["-isystem".into(), headers.into()]);
    // Without it both rustc and the `cc` crate ask Xcode for one.
    environment.push(("SDKROOT".to_owned(), sdk.into()));
    Ok((environment, flags))
}

/// As a shell would take them apart again.
fn quoted(flags: &[OsString]) -> OsString {
    let mut text = OsString::new();
    for flag in flags {
        let escaped = flag.to_string_lossy().replace('\'', "'\\''");
        text.push(format!("{}'{escaped}'", if text.is_empty() { "" } else { " " }));
    }
    text
}

fn write_target_conditionals(folder: &Path, target: AppleTarget) -> Result<()> {
    let (mobile, simulated) = match target.platform() {
        ApplePlatform::Ios => (1, 0),
        ApplePlatform::IosSimulator => (1, 1),
        ApplePlatform::MacOs => (0, 0),
    };
    let text = format!(
        "#pragma once\n#define TARGET_OS_MAC 1\n#define TARGET_OS_IPHONE {mobile}\n#define TARGET_OS_IOS {mobile}\n\
         #define TARGET_OS_OSX {}\n#define TARGET_OS_SIMULATOR {simulated}\n",
        1 - mobile
    );
    fs::create_dir_all(folder)?;
    fs::write(folder.join("TargetConditionals.h"), text).context("cannot write the headers for clang")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flag_with_spaces_and_quotation_marks_stays_one_flag() {
        let flags = ["-isystem".into(), "/a folder".into(), "-Dname=it's".into()];
        assert_eq!(quoted(&flags), r"'-isystem' '/a folder' '-Dname=it'\''s'");
    }
}
