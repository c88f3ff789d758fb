//! A Swift toolchain: the one installed, or the one that Debian packages, unpacked where nobody needs rights for it.

mod prefix;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::LIMIT;
use crate::process::{self, is_installed};

/// The oldest release that knows the language mode 6 and brings Swift Testing.
const OLDEST: (u32, u32) = (6, 0);

/// A `swift` that is new enough.
pub(crate) struct SwiftToolchain {
    swift: PathBuf,
}

impl SwiftToolchain {
    /// `swift` with these words, in `package`.
    pub(crate) fn command<const N: usize>(&self, words: [&str; N], package: &Path) -> Command {
        let mut command = Command::new(&self.swift);
        command.args(words).current_dir(package);
        command
    }

    /// The compiler's tool that writes the symbol graph of a module built for this machine. It stands beside `swift`, but on
    /// a Mac, where what is on the path is not the toolchain itself.
    ///
    /// # Errors
    /// When the compiler does not say what machine this is.
    pub(crate) fn symbol_graph(&self, module: &str) -> Result<Command> {
        let told = process::read(Command::new(&self.swift).arg("-print-target-info"), LIMIT)?;
        let told: serde_json::Value = serde_json::from_str(&told).context("`swift -print-target-info` is not JSON")?;
        let target = told["target"]["triple"].as_str().context("`swift -print-target-info` names no target")?;
        let mut command = Command::new(self.swift.with_file_name("swift-symbolgraph-extract"));
        command.args(["-module-name", module, "-target", target]);
        Ok(command)
    }
}

/// Finds a toolchain, or fetches one: about 560 MB, which take 1.6 GB of the cache.
///
/// # Errors
/// When there is none on this machine and none can be had; the message says what to install.
pub(crate) fn prepare() -> Result<SwiftToolchain> {
    if let Some(release) = installed_release() {
        if release >= OLDEST {
            println!("found Swift {}.{} on the path", release.0, release.1);
            return Ok(SwiftToolchain { swift: PathBuf::from("swift") });
        }
        println!("Swift {}.{} on the path is too old", release.0, release.1);
    }
    ensure!(
        cfg!(target_os = "linux"),
        "install Swift {}.{} or newer (on a Mac, it comes with Xcode)",
        OLDEST.0,
        OLDEST.1
    );
    let swift =
        prefix::prepare().context("no Swift is installed (see swift.org/install), and Debian's cannot be had")?;
    let told = process::read(Command::new(&swift).arg("--version"), LIMIT)?;
    let release = release_in(&told).context("the toolchain that was fetched does not say its version")?;
    ensure!(release >= OLDEST, "the Swift that was fetched is too old: {}.{}", release.0, release.1);
    println!("found {}", swift.display());
    Ok(SwiftToolchain { swift })
}

fn installed_release() -> Option<(u32, u32)> {
    if !is_installed("swift") {
        return None;
    }
    // OpenStack's client has the same name.
    let told = process::read(Command::new("swift").arg("--version"), LIMIT).ok()?;
    release_in(&told)
}

/// `swift-driver version: 1.115 Apple Swift version 6.0.3 (…)` or `Swift version 6.0.3 (swift-6.0.3-RELEASE)`.
fn release_in(told: &str) -> Option<(u32, u32)> {
    let (_, rest) = told.split_once("Swift version ")?;
    let mut numbers = rest.split(|character: char| !character.is_ascii_digit()).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn release_is_read_from_what_each_swift_says() {
        let mac = "swift-driver version: 1.127.14 Apple Swift version 6.2.1 (swiftlang-6.2.1.4.8 clang-1700.4.4.1)";
        assert_eq!(release_in(mac), Some((6, 2)));
        assert_eq!(release_in("Swift version 6.0.3 (swift-6.0.3-RELEASE)\nTarget: x86_64"), Some((6, 0)));
        assert_eq!(release_in("Swift version 6.1-dev (LLVM 1)"), Some((6, 1)));
    }

    #[test]
    fn other_program_of_the_same_name_has_no_release() {
        assert_eq!(release_in("python-swiftclient 4.2.0"), None);
        assert_eq!(release_in("Swift version unknown"), None);
    }
}
