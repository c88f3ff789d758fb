//! `cargo xtask android`: the library for each of Android's processors, linked and looked into.

mod link;
mod trial;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::ValueEnum;

use crate::inspect::android::FILE_NAME;
use crate::inspect::system::System;
use crate::inspect::{self, names};
use crate::native_library::{self, Features, table};
use crate::setup::cross::{self, ndk};
use crate::targets::{AndroidTarget, Target};
use crate::workspace;

/// Builds the library for the targets named, or for all, and prints where it is and how large. Returns the sizes, in bytes.
///
/// # Errors
/// When it does not build, or is not as it should be.
pub(crate) fn run(named: &[AndroidTarget]) -> Result<Vec<(String, u64)>> {
    let targets = if named.is_empty() { AndroidTarget::value_variants() } else { named };
    let mut rows = Vec::new();
    for &target in targets {
        let library = build(target)?;
        println!("{} is as it should be", library.display());
        if trial::is_possible(target) {
            trial::run(&library)?;
            println!("and it runs on this machine");
        }
        rows.push((target.abi().to_owned(), vec![native_library::size(&library)?]));
    }
    println!("\n{}", table(["processor", FILE_NAME], &rows));
    if ndk::installed()?.is_none() {
        println!(
            "\nThere is no NDK: this was linked without Android's own libraries. It proves that the library builds and \
             is no release. With ANDROID_NDK_HOME set, the same command makes one."
        );
    }
    Ok(rows.into_iter().flat_map(|(name, sizes)| sizes.into_iter().map(move |size| (name.clone(), size))).collect())
}

/// Builds, links and inspects the library for `target`. Returns the file.
///
/// # Errors
/// When it does not build, or is not as it should be.
pub(crate) fn build(target: AndroidTarget) -> Result<PathBuf> {
    let cargo = cross::prepare(Target::Android(target))?;
    let exports = names::loaded_by_kotlin()?;
    let system = System::android()?;
    let archive = native_library::build(&cargo, Target::Android(target), Features::Shipped)?;

    // As an Android package has them: a folder for each processor.
    let folder = workspace::target().join("android").join(target.abi());
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let library = folder.join(FILE_NAME);
    let link = link::Link { target, archive: &archive, exports: &exports, system: &system, output: &library };
    match ndk::installed()? {
        Some(ndk) => link.with_ndk(&ndk)?,
        None => link.without_ndk(&cargo)?,
    }
    let content = native_library::read(&library)?;
    inspect::judge(target.abi(), &inspect::android::problems(&content, target, &exports, &system)?)?;
    Ok(library)
}
