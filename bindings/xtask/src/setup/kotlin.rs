//! What the Kotlin suite needs: a JDK, Maven, and the tools that link Android resources and sign Android packages.

mod aapt2;
mod apksigner;

use std::process::Command;

use anyhow::{Context, Result, ensure};

pub(crate) use aapt2::Aapt2;
pub(crate) use apksigner::ApkSigner;

use super::{LIMIT, debian};
use crate::process::{self, is_installed};
use crate::workspace;

/// The oldest release that the newest tests run on, and the one whose class files Android's tools take.
const OLDEST_JDK: u32 = 17;

/// What Debian and Ubuntu call them.
const PACKAGES: [&str; 2] = ["openjdk-17-jdk-headless", "maven"];

/// What stands in for Android's SDK.
pub(crate) struct Tools {
    pub(crate) aapt2: Aapt2,
    pub(crate) apksigner: ApkSigner,
}

impl Tools {
    /// Maven with these words, at the root of its project.
    pub(crate) fn maven<const N: usize>(&self, words: [&str; N]) -> Command {
        let mut maven = Command::new("mvn");
        maven.args(["--batch-mode", "--no-transfer-progress"]).args(words);
        maven.arg(format!("-Dhallpass.aapt2={}", self.aapt2.program.display()));
        maven.arg(format!("-Dhallpass.framework.resources={}", self.aapt2.framework.display()));
        maven.current_dir(workspace::root().join("bindings/kotlin"));
        maven
    }
}

/// Finds the JDK and Maven, or installs them, and fetches aapt2 and apksigner.
///
/// # Errors
/// When one is missing and cannot be installed; the message says what to install.
pub(crate) fn prepare() -> Result<Tools> {
    if !is_installed("mvn") || !is_installed("javac") {
        debian::install(&PACKAGES).context("the Kotlin suite needs a JDK (17 or newer) and Maven")?;
    }
    let release = jdk_release(&process::read(Command::new("javac").arg("-version"), LIMIT)?);
    let release = release.context("`javac -version` does not say its version")?;
    ensure!(release >= OLDEST_JDK, "JDK {release} is too old: install JDK {OLDEST_JDK} and put it first on the path");
    println!("found JDK {release} and Maven");
    Ok(Tools { aapt2: aapt2::prepare()?, apksigner: apksigner::prepare()? })
}

/// From `javac 17.0.15`.
fn jdk_release(told: &str) -> Option<u32> {
    told.trim().strip_prefix("javac ")?.split(['.', '-', '+']).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jdk_says_its_version_and_the_release_is_read() {
        assert_eq!(jdk_release("javac 17.0.15\n"), Some(17));
        assert_eq!(jdk_release("javac 21"), Some(21));
        assert_eq!(jdk_release("javac 26-ea"), Some(26));
        assert_eq!(jdk_release("command not found"), None);
    }
}
