//! `cargo xtask xcframework`: the library for Apple's systems, linked for a trial, looked into, and put together.
//!
//! A framework has one static library a platform; two processors of one platform share a universal file.

mod link;
mod manifest;
mod universal;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::ValueEnum;

use crate::inspect::system::System;
use crate::inspect::{self, names};
use crate::native_library::{self, Features, table};
use crate::process;
use crate::setup::cross;
use crate::targets::{ApplePlatform, AppleTarget, Target};
use crate::workspace;

use manifest::Entry;

/// One file of this name for each platform.
const LIBRARY: &str = "libhallpass.a";

/// The module that the Swift package imports.
const MODULE: &str = "HallpassFFI";

/// The Swift package, which takes its binary from the framework beside its manifest. Git does not see it there.
const PACKAGE: &str = "bindings/swift";
const FRAMEWORK: &str = "HallpassFFI.xcframework";

/// The library for one target, inspected.
pub(crate) struct Slice {
    target: AppleTarget,
    archive: PathBuf,
    /// What remains of it in an app, in bytes.
    linked: u64,
}

/// Builds the slices named, or all, puts them together, and prints where that is and how large. Returns what is left of
/// each in an app, in bytes.
///
/// # Errors
/// When one does not build, or is not as it should be.
pub(crate) fn run(named: &[AppleTarget]) -> Result<Vec<(String, u64)>> {
    let targets = if named.is_empty() { AppleTarget::value_variants() } else { named };
    let slices = targets.iter().map(|&target| build(target)).collect::<Result<Vec<_>>>()?;
    let framework = assemble(&slices)?;
    println!("\n{}\n\n{}", summary(&slices)?, framework.display());
    if !cfg!(target_os = "macos") {
        println!(
            "This is no Mac: the slices were linked against lists of names instead of Apple's libraries. They are real \
             objects for real devices, and a preview until the same command has run on a Mac."
        );
    }
    Ok(slices.iter().map(|slice| (slice.target.triple().to_owned(), slice.linked)).collect())
}

/// What is left in an app of the library with this feature and no other, or with none; in bytes.
///
/// # Errors
/// When it does not build or link.
pub(crate) fn linked_size(target: AppleTarget, feature: Option<&'static str>) -> Result<u64> {
    let cargo = cross::prepare(Target::Apple(target))?;
    let features = feature.map_or(Features::None, Features::Only);
    let archive = native_library::build(&cargo, Target::Apple(target), features)?;
    link::size_in_an_app(target, &archive, &names::called_by_swift()?, &System::apple()?)
}

/// The same of the library that the size of Hallpass is measured against, from a workspace of its own.
///
/// # Errors
/// When it does not build or link.
pub(crate) fn linked_size_of_bare(target: AppleTarget, workspace: &Path, folder: &Path) -> Result<u64> {
    let cargo = cross::prepare(Target::Apple(target))?;
    let mut build = cargo.command(["rustc", "--locked", "--package", "hallpass-bench-bare", "--lib"]);
    build.args(["--profile", "library", "--crate-type", "staticlib", "--target-dir"]).arg(folder);
    process::run(build.current_dir(workspace), native_library::COMPILE)?;
    let archive = folder.join(target.triple()).join("library/libhallpass_bench_bare.a");
    // A linker's list may have wildcards: everything that the bindings of this library call.
    let exports = ["uniffi_hallpass_bench_bare_*", "ffi_hallpass_bench_bare_*"].map(str::to_owned);
    link::size_in_an_app(target, &archive, &exports.into(), &System::apple()?)
}

/// Builds, inspects and links the library for `target`.
///
/// # Errors
/// When it does not build, or is not as it should be.
pub(crate) fn build(target: AppleTarget) -> Result<Slice> {
    let cargo = cross::prepare(Target::Apple(target))?;
    let exports = names::called_by_swift()?;
    let system = System::apple()?;
    let archive = native_library::build(&cargo, Target::Apple(target), Features::Shipped)?;
    let content = native_library::read(&archive)?;
    let privacy = inspect::privacy::Manifests::read()?;
    inspect::judge(target.triple(), &inspect::apple::problems(&content, target, &exports, &system, &privacy)?)?;
    let linked = link::size_in_an_app(target, &archive, &exports, &system)?;
    println!("{} is as it should be: {} functions, and it links", target.triple(), exports.len());
    Ok(Slice { target, archive, linked })
}

/// The sizes of the slices.
///
/// # Errors
/// When one is gone.
pub(crate) fn summary(slices: &[Slice]) -> Result<String> {
    let row = |slice: &Slice| {
        Ok((slice.target.triple().to_owned(), vec![native_library::size(&slice.archive)?, slice.linked]))
    };
    let rows = slices.iter().map(row).collect::<Result<Vec<_>>>()?;
    Ok(table(["slice", LIBRARY, "in the app"], &rows))
}

/// Puts the framework together and reads it back. Returns its folder.
///
/// # Errors
/// When a file cannot be written, or the framework is not what its property list says.
pub(crate) fn assemble(slices: &[Slice]) -> Result<PathBuf> {
    let parent = workspace::root().join(PACKAGE);
    let staging = tempfile::tempdir_in(&parent)?;
    let mut platforms: BTreeMap<ApplePlatform, Vec<&Slice>> = BTreeMap::new();
    for slice in slices {
        platforms.entry(slice.target.platform()).or_default().push(slice);
    }
    let mut entries = Vec::new();
    for (platform, slices) in platforms {
        let entry = Entry { platform, architectures: slices.iter().map(|slice| slice.target.arch()).collect() };
        add_platform(&staging.path().join(entry.identifier()), &slices)?;
        entries.push(entry);
    }
    manifest::write(staging.path(), &entries)?;
    manifest::verify(staging.path(), &entries)?;

    let framework = parent.join(FRAMEWORK);
    if framework.exists() {
        fs::remove_dir_all(&framework).with_context(|| format!("cannot replace {}", framework.display()))?;
    }
    fs::rename(staging.keep(), &framework)?;
    Ok(framework)
}

fn add_platform(folder: &Path, slices: &[&Slice]) -> Result<()> {
    // A folder of the module's own: two frameworks in one app would else overwrite each other's module map.
    let headers = folder.join("Headers").join(MODULE);
    fs::create_dir_all(&headers)?;
    for entry in fs::read_dir(workspace::root().join(names::HEADERS))? {
        let file = entry?.path();
        fs::copy(&file, headers.join(file.file_name().context("an entry of a folder has a name")?))?;
    }
    let library = folder.join(LIBRARY);
    match slices {
        [only] => fs::copy(&only.archive, &library).map(drop)?,
        several => {
            let read = |slice: &&Slice| Ok((slice.target.architecture(), native_library::read(&slice.archive)?));
            let archives = several.iter().map(read).collect::<Result<Vec<_>>>()?;
            fs::write(&library, universal::joined(&archives)?)?;
        }
    }
    Ok(())
}
