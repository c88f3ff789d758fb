//! The phones and Macs that the library is compiled for.

use clap::ValueEnum;
use object::Architecture;
use object::macho;

/// The first API level of Android that the library runs on: Android 7.0, the first with a Network Security Config.
pub(crate) const ANDROID_API: u32 = 24;

/// A system and processor of Apple's, by the name that Rust has for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum AppleTarget {
    /// An iPhone or iPad.
    #[value(name = "aarch64-apple-ios")]
    Device,
    /// The simulator on a Mac with Apple's own processor.
    #[value(name = "aarch64-apple-ios-sim")]
    SimulatorArm64,
    /// The simulator on a Mac with a processor of Intel's.
    #[value(name = "x86_64-apple-ios")]
    SimulatorX86_64,
    /// A Mac with Apple's own processor.
    #[value(name = "aarch64-apple-darwin")]
    MacArm64,
    /// A Mac with a processor of Intel's.
    #[value(name = "x86_64-apple-darwin")]
    MacX86_64,
}

/// A processor that Android runs on, by the name that Rust has for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum AndroidTarget {
    /// Every phone of the last years.
    #[value(name = "aarch64-linux-android")]
    Arm64,
    /// The emulator on a PC, and Chromebooks.
    #[value(name = "x86_64-linux-android")]
    X86_64,
    /// Phones with 32 bits.
    #[value(name = "armv7-linux-androideabi")]
    Armv7,
}

/// Any of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// See [`AppleTarget`].
    Apple(AppleTarget),
    /// See [`AndroidTarget`].
    Android(AndroidTarget),
}

/// What Apple's tools call a platform. A framework has one library for each, whatever the number of processors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ApplePlatform {
    /// iPhones and iPads.
    Ios,
    /// Their simulator.
    IosSimulator,
    /// Macs.
    MacOs,
}

impl Target {
    /// The name that Rust has for it.
    pub(crate) fn triple(self) -> &'static str {
        match self {
            Self::Apple(target) => target.triple(),
            Self::Android(target) => target.triple(),
        }
    }
}

impl AppleTarget {
    /// What the tests build: an iPhone, and its simulator on a Mac of these days. The others are built on request.
    pub(crate) const TESTED: [Self; 2] = [Self::Device, Self::SimulatorArm64];

    /// The name that Rust has for it.
    pub(crate) fn triple(self) -> &'static str {
        match self {
            Self::Device => "aarch64-apple-ios",
            Self::SimulatorArm64 => "aarch64-apple-ios-sim",
            Self::SimulatorX86_64 => "x86_64-apple-ios",
            Self::MacArm64 => "aarch64-apple-darwin",
            Self::MacX86_64 => "x86_64-apple-darwin",
        }
    }

    /// Where it belongs in a framework.
    pub(crate) fn platform(self) -> ApplePlatform {
        match self {
            Self::Device => ApplePlatform::Ios,
            Self::SimulatorArm64 | Self::SimulatorX86_64 => ApplePlatform::IosSimulator,
            Self::MacArm64 | Self::MacX86_64 => ApplePlatform::MacOs,
        }
    }

    /// Its processor, as object files name it.
    pub(crate) fn architecture(self) -> Architecture {
        match self {
            Self::Device | Self::SimulatorArm64 | Self::MacArm64 => Architecture::Aarch64,
            Self::SimulatorX86_64 | Self::MacX86_64 => Architecture::X86_64,
        }
    }

    /// Its processor, as Apple names it.
    pub(crate) fn arch(self) -> &'static str {
        let known = ApplePlatform::ARCHITECTURES.iter().find(|(architecture, _)| *architecture == self.architecture());
        known.map(|(_, name)| *name).expect("each processor of `architecture` is in the table")
    }
}

impl ApplePlatform {
    /// The processors that Apple's systems run on, with Apple's own name for each.
    pub(crate) const ARCHITECTURES: [(Architecture, &str); 2] =
        [(Architecture::Aarch64, "arm64"), (Architecture::X86_64, "x86_64")];

    /// The oldest version that runs the library; the Swift package asks for the same.
    pub(crate) fn minimum(self) -> (u16, u8) {
        match self {
            Self::Ios | Self::IosSimulator => (16, 0),
            Self::MacOs => (13, 0),
        }
    }

    /// [`Self::minimum`] as text.
    pub(crate) fn minimum_text(self) -> String {
        let (major, minor) = self.minimum();
        format!("{major}.{minor}")
    }

    /// The environment variable by which compilers learn of [`Self::minimum`].
    pub(crate) fn minimum_variable(self) -> &'static str {
        match self {
            Self::Ios | Self::IosSimulator => "IPHONEOS_DEPLOYMENT_TARGET",
            Self::MacOs => "MACOSX_DEPLOYMENT_TARGET",
        }
    }

    /// The number in object files.
    pub(crate) fn number(self) -> macho::Platform {
        match self {
            Self::Ios => macho::PLATFORM_IOS,
            Self::IosSimulator => macho::PLATFORM_IOSSIMULATOR,
            Self::MacOs => macho::PLATFORM_MACOS,
        }
    }

    /// As linkers name it.
    pub(crate) fn linker_name(self) -> &'static str {
        match self {
            Self::Ios => "ios",
            Self::IosSimulator => "ios-simulator",
            Self::MacOs => "macos",
        }
    }

    /// As Xcode names its SDK.
    pub(crate) fn sdk(self) -> &'static str {
        match self {
            Self::Ios => "iphoneos",
            Self::IosSimulator => "iphonesimulator",
            Self::MacOs => "macosx",
        }
    }
}

impl AndroidTarget {
    /// What the tests build: nearly every phone. The others are built on request.
    pub(crate) const TESTED: [Self; 1] = [Self::Arm64];

    /// The name that Rust has for it.
    pub(crate) fn triple(self) -> &'static str {
        match self {
            Self::Arm64 => "aarch64-linux-android",
            Self::X86_64 => "x86_64-linux-android",
            Self::Armv7 => "armv7-linux-androideabi",
        }
    }

    /// The folder that Android's packages have for it.
    pub(crate) fn abi(self) -> &'static str {
        match self {
            Self::Arm64 => "arm64-v8a",
            Self::X86_64 => "x86_64",
            Self::Armv7 => "armeabi-v7a",
        }
    }

    /// As clang names it, with [`ANDROID_API`].
    pub(crate) fn clang_triple(self) -> String {
        match self {
            Self::Arm64 | Self::X86_64 => format!("{}{ANDROID_API}", self.triple()),
            Self::Armv7 => format!("armv7a-linux-androideabi{ANDROID_API}"),
        }
    }

    /// As the linker names what it writes.
    pub(crate) fn emulation(self) -> &'static str {
        match self {
            Self::Arm64 => "aarch64linux",
            Self::X86_64 => "elf_x86_64",
            Self::Armv7 => "armelf_linux_eabi",
        }
    }

    /// Its processor, as object files name it.
    pub(crate) fn architecture(self) -> Architecture {
        match self {
            Self::Arm64 => Architecture::Aarch64,
            Self::X86_64 => Architecture::X86_64,
            Self::Armv7 => Architecture::Arm,
        }
    }

    /// The least alignment of what is loaded, in bytes. Systems with 64 bits may have pages of 16 KiB.
    pub(crate) fn page(self) -> u64 {
        match self {
            Self::Arm64 | Self::X86_64 => 16 * 1024,
            Self::Armv7 => 4 * 1024,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli;

    #[test]
    fn name_on_the_command_line_is_the_one_that_rust_has() {
        for target in AppleTarget::value_variants() {
            assert_eq!(cli::name_of(target), target.triple());
        }
        for target in AndroidTarget::value_variants() {
            assert_eq!(cli::name_of(target), target.triple());
        }
    }
}
