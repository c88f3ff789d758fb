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
use crate::native_library::{self, table};
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

/// Builds the slices named, or all, puts them together, and prints where that is and how large.
///
/// # Errors
/// When one does not build, or is not as it should be.
pub(crate) fn run(named: &[AppleTarget]) -> Result<()> {
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
    Ok(())
}

/// Builds, inspects and links the library for `target`.
///
/// # Errors
/// When it does not build, or is not as it should be.
pub(crate) fn build(target: AppleTarget) -> Result<Slice> {
    let cargo = cross::prepare(Target::Apple(target))?;
    let exports = names::called_by_swift()?;
    let system = System::apple()?;
    let archive = native_library::build(&cargo, Target::Apple(target))?;
    let content = native_library::read(&archive)?;
    inspect::judge(target.triple(), &inspect::apple::problems(&content, target, &exports, &system)?)?;
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
