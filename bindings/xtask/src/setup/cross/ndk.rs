//! Android's NDK: compilers and libraries of the real system. It is not fetched: its licence is to be accepted first.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::targets::AndroidTarget;

/// An installed NDK.
pub(crate) struct Ndk {
    bin: PathBuf,
}

/// The NDK that ANDROID_NDK_HOME or ANDROID_NDK_ROOT names, or the newest of the SDK that ANDROID_HOME names.
///
/// # Errors
/// When a variable names a folder that holds no NDK for this machine.
pub(crate) fn installed() -> Result<Option<Ndk>> {
    for name in ["ANDROID_NDK_HOME", "ANDROID_NDK_ROOT"] {
        if let Some(folder) = env::var_os(name) {
            return Ndk::at(Path::new(&folder)).map(Some).with_context(|| format!("{name} names no NDK"));
        }
    }
    let Some(sdk) = env::var_os("ANDROID_HOME").or_else(|| env::var_os("ANDROID_SDK_ROOT")) else { return Ok(None) };
    newest(&Path::new(&sdk).join("ndk")).map(|folder| Ndk::at(&folder)).transpose()
}

impl Ndk {
    fn at(folder: &Path) -> Result<Self> {
        let system = if cfg!(target_os = "macos") { "darwin-x86_64" } else { "linux-x86_64" };
        let bin = folder.join("toolchains/llvm/prebuilt").join(system).join("bin");
        ensure!(bin.is_dir(), "{} is not there", bin.display());
        Ok(Self { bin })
    }

    /// The compiler for `target`, which also drives the linker.
    pub(crate) fn clang(&self, target: AndroidTarget) -> PathBuf {
        self.bin.join(format!("{}-clang", target.clang_triple()))
    }

    /// The program that makes static libraries.
    pub(crate) fn archiver(&self) -> PathBuf {
        self.bin.join("llvm-ar")
    }
}

/// The folder with the highest version, such as `28.1.13356709`, as numbers count.
fn newest(folder: &Path) -> Option<PathBuf> {
    let folders = fs::read_dir(folder).ok()?.filter_map(Result::ok);
    let versions = folders.filter_map(|entry| Some((version(entry.file_name().to_str()?)?, entry.path())));
    versions.max().map(|(_, path)| path)
}

fn version(name: &str) -> Option<Vec<u64>> {
    name.split('.').map(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newest_version_is_the_highest_number() {
        let sdk = tempfile::tempdir().unwrap();
        for name in ["9.0.1", "28.1.13356709", "27.3.13750724", "side-by-side"] {
            fs::create_dir(sdk.path().join(name)).unwrap();
        }
        assert_eq!(newest(sdk.path()), Some(sdk.path().join("28.1.13356709")));
    }

    #[test]
    fn folder_without_compilers_is_no_ndk() {
        assert!(Ndk::at(tempfile::tempdir().unwrap().path()).is_err());
    }
}
