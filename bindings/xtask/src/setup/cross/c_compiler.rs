//! A C compiler that can aim at a target, for the C files of `ring`.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::{debian, folder, joined, ndk, variable};
use crate::process::is_installed;
use crate::targets::{ApplePlatform, AppleTarget, Target};

/// The variables that tell the `cc` crate which compiler to take, and how.
///
/// # Errors
/// When there is no compiler and none can be installed.
pub(super) fn prepare(target: Target) -> Result<Vec<(String, OsString)>> {
    match target {
        // Xcode's, which the `cc` crate finds by itself.
        Target::Apple(_) if cfg!(target_os = "macos") => Ok(Vec::new()),
        Target::Apple(apple) => without_sdk(target, Some(apple)),
        Target::Android(android) => match ndk::installed()? {
            Some(ndk) => Ok(vec![
                (format!("CC_{}", variable(target)), ndk.clang(android).into()),
                (format!("AR_{}", variable(target)), ndk.archiver().into()),
            ]),
            None => without_sdk(target, None),
        },
    }
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

/// With its own RING_CORE_NOSTDLIBINC, `ring` needs no header of a C library, and of Apple's SDK a single one.
fn without_sdk(target: Target, apple: Option<AppleTarget>) -> Result<Vec<(String, OsString)>> {
    let clang = clang()?;
    println!("found {clang}");
    let mut flags = OsString::from("-nostdlibinc -DRING_CORE_NOSTDLIBINC=1");
    let mut environment = vec![(format!("CC_{}", variable(target)), clang.into())];
    if let Some(apple) = apple {
        let sdk = folder()?.join("sdk").join(apple.triple());
        let headers = sdk.join("usr/include");
        write_target_conditionals(&headers, apple)?;
        flags.push(joined(" -isystem ", &headers));
        // Without it both rustc and the `cc` crate ask Xcode for one.
        environment.push(("SDKROOT".to_owned(), sdk.into()));
    }
    environment.push((format!("CFLAGS_{}", variable(target)), flags));
    Ok(environment)
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
