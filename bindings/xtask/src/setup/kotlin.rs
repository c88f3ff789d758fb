//! What the Kotlin suite needs: a JDK, Maven, and the tool that links Android resources.

mod aapt2;

use std::process::Command;

use anyhow::{Context, Result, ensure};

pub(crate) use aapt2::Aapt2;

use super::{LIMIT, debian};
use crate::process::{self, is_installed};

/// The oldest release that the newest tests run on, and the one whose class files Android's tools take.
const OLDEST_JDK: u32 = 17;

/// What Debian and Ubuntu call them.
const PACKAGES: [&str; 2] = ["openjdk-17-jdk-headless", "maven"];

/// Finds the JDK and Maven, or installs them, and fetches aapt2.
///
/// # Errors
/// When one is missing and cannot be installed; the message says what to install.
pub(crate) fn prepare() -> Result<Aapt2> {
    if !is_installed("mvn") || !is_installed("javac") {
        debian::install(&PACKAGES).context("the Kotlin suite needs a JDK (17 or newer) and Maven")?;
    }
    let release = jdk_release(&process::read(Command::new("javac").arg("-version"), LIMIT)?);
    let release = release.context("`javac -version` does not say its version")?;
    ensure!(release >= OLDEST_JDK, "JDK {release} is too old: install JDK {OLDEST_JDK} and put it first on the path");
    println!("found JDK {release} and Maven");
    aapt2::prepare()
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
