//! What can be asked for on the command line.

use clap::{Parser, Subcommand, ValueEnum};

use crate::bench::Bench;
use crate::fuzz::Fuzz;
use crate::interop::Interop;
use crate::release::Release;
use crate::simulate::Simulate;
use crate::soak::Soak;
use crate::targets::{AndroidTarget, AppleTarget};
use crate::vectors::Vectors;

/// The project's own commands.
#[derive(Debug, Parser)]
#[command(name = "xtask", bin_name = "cargo xtask")]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Looks at the project without running it. Everything when no check is named.
    Check {
        /// The checks to make.
        checks: Vec<Check>,
    },
    /// Writes the generated Swift and Kotlin anew, from the compiled library.
    Bindgen,
    /// Builds the library for Apple's systems, looks into it, and puts `HallpassFFI.xcframework` together.
    Xcframework {
        /// The targets to build. All of them when none is named.
        targets: Vec<AppleTarget>,
    },
    /// Builds `libhallpass.so` for Android, and looks into it. A release takes the NDK, which ANDROID_NDK_HOME names.
    Android {
        /// The targets to build. All of them when none is named.
        targets: Vec<AndroidTarget>,
    },
    /// Builds Hallpass Lab as a package for Android: shrunk, aligned, signed and verified. A release takes the NDK, as above.
    Apk {
        /// The targets to build for. The one that the tests build when none is named.
        targets: Vec<AndroidTarget>,
    },
    /// Makes everything that ships, in one folder, and lists it with its checksums.
    ///
    /// The framework takes a Mac, and the libraries for Android the NDK: RELEASE.md in the folder says what is a preview.
    Release(Release),
    /// Looks for a user who is signed out by accident: the engine in virtual time, with everything that goes wrong.
    Simulate(Simulate),
    /// Hands made-up inputs to whatever reads what others wrote: every target, or those named, for a while.
    Fuzz(Fuzz),
    /// Measures what the core costs beyond what cannot be avoided, and writes the table and the charts.
    Bench(Bench),
    /// Kills, crowds and starves real processes on one store.
    Soak(Soak),
    /// Plays one story, from the first login to the last logout, at authorization servers that were not written here.
    Interop(Interop),
    /// Plays the conformance cases through the Rust, Swift and Kotlin drivers, and holds the page of results against them.
    Vectors(Vectors),
    /// Runs the test suites, and prepares what they need. All of them when none is named.
    ///
    /// A suite that cannot run on this machine is reported as missing, and that is a failure unless it is skipped.
    Test {
        /// The suites to run.
        suites: Vec<Suite>,
        /// Suites to leave out.
        #[arg(long, value_name = "SUITE", num_args = 1..)]
        skip: Vec<Suite>,
    },
    /// Fetches and builds the tools that checks and suites need, in a folder outside the checkout. All of them when
    /// none is named. What is there already is kept.
    ///
    /// The folder is `hallpass` in the user's cache folder; HALLPASS_CACHE names another.
    Setup {
        /// The tools to prepare.
        tools: Vec<Tool>,
    },
}

/// One look at the project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Check {
    /// Sources stand as rustfmt would write them.
    Format,
    /// Clippy has nothing to say, with all features and with none.
    Lint,
    /// The documentation builds without a warning.
    Doc,
    /// Licences, banned crates and sources of the dependencies (cargo-deny).
    Deny,
    /// No dependency has a published vulnerability (cargo-deny).
    Advisories,
    /// Each layer names only what it may.
    Layers,
    /// What the documents name exists.
    Facts,
    /// The workflows are such as the service that runs them understands (actionlint).
    Workflows,
    /// The subjects of commits are short and name an area.
    Commits,
    /// The committed Swift and Kotlin are what the generator writes.
    Bindings,
}

/// One set of tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Suite {
    /// Every Rust test of the workspace.
    Rust,
    /// The exercise, played from end to end by `cargo run`.
    Walk,
    /// The store contract against a real gnome-keyring on a bus of its own.
    SecretService,
    /// The core as a device from Apple would compile it, and the library for a device and a simulator.
    Apple,
    /// The library for Android, built and looked into.
    AndroidNative,
    /// The Kotlin library over the real core, and the Android sources under Robolectric.
    Kotlin,
    /// One story at node-oidc-provider, in three shapes, and at django-oauth-toolkit.
    Interop,
    /// Every fuzz target for a while: a minute where `CI` is set, else a few seconds.
    Fuzz,
    /// The tenant's pages and a whole login in Chromium.
    Browser,
    /// The Swift package and the iOS app, on the core as it is now, against `lab serve`.
    Swift,
    /// The conformance cases through the Rust, Swift and Kotlin drivers.
    Vectors,
    /// Apps in Rust, Kotlin and Swift, and a package for Android, of nothing but a release folder.
    Consumers,
}

/// Something that checks or suites need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Tool {
    /// cargo-deny, built from its published source.
    Deny,
    /// actionlint, built from its published source.
    Actionlint,
    /// gnome-keyring and a message bus, from the distribution.
    SecretService,
    /// The standard library for Apple's devices and simulators, and a C compiler that can aim at them.
    Apple,
    /// The standard library for Android, a C compiler that can aim at it, and what stands in for a missing NDK.
    AndroidNative,
    /// A Swift toolchain, from the distribution of the next release where none is installed.
    Swift,
    /// Chromium and Node from the distribution, and what the browser tests take from npm.
    Browser,
    /// A JDK and Maven from the distribution, and what links Android's resources and signs its packages.
    Kotlin,
    /// The servers of `cargo xtask interop`, each from its own registry.
    Interop,
}

/// The name that the command line has for `value`.
pub(crate) fn name_of(value: &impl ValueEnum) -> String {
    value.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn suites_and_skipped_suites_are_told_apart() {
        let cli = Cli::try_parse_from(["cargo xtask", "test", "rust", "--skip", "apple", "walk"]).unwrap();
        assert!(matches!(cli.command, Command::Test { suites, skip }
            if suites == [Suite::Rust] && skip == [Suite::Apple, Suite::Walk]));
    }

    #[test]
    fn suite_that_does_not_exist_is_refused() {
        assert!(Cli::try_parse_from(["cargo xtask", "test", "cobol"]).is_err());
    }
}
