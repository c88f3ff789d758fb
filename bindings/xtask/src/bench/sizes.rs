//! How large the library is that an app ships, against one that can send a request and verify a signature, and no more.
//!
//! Both are built alike: the profile `release` of the workspace is the profile `library` of the peers' workspace.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::{BUILD, Measured, median, peers};
use crate::native_library;
use crate::process;
use crate::targets::{AndroidTarget, AppleTarget};
use crate::{android, apk, workspace, xcframework};

/// How often a process is started with each library.
const ROUNDS: usize = 201;

/// A process that does nothing takes a millisecond.
const START: Duration = Duration::from_secs(60);

/// One way to build Hallpass.
#[derive(Debug, Clone, Copy)]
enum Variant {
    /// With a transport of its own; the store is the platform's.
    Full,
    /// Transport and store are the platform's.
    Slim,
}

/// Sizes for Linux, the simulator and Android, in bytes over a thousand.
///
/// # Errors
/// When something does not build.
pub(super) fn take() -> Result<Measured> {
    let mut measured = Measured::new();
    let bare = native_library::size(&bare_for_linux()?)?;
    let full = native_library::size(&for_linux(Variant::Full)?)?;
    let slim = native_library::size(&for_linux(Variant::Slim)?)?;
    add(&mut measured, "linux-x86_64", bare, full, slim);

    let target = AppleTarget::SimulatorArm64;
    let bare = xcframework::linked_size_of_bare(target, &peers::workspace_of_rust(), &peers::target_of_rust())?;
    let full = xcframework::linked_size(target, Some("reqwest"))?;
    let slim = xcframework::linked_size(target, None)?;
    add(&mut measured, "ios-simulator-arm64", bare, full, slim);

    let android = native_library::size(&android::build(AndroidTarget::Arm64)?)?;
    measured.insert("size.android-arm64.slim.kilobytes".to_owned(), kilobytes(android));
    Ok(measured)
}

/// The libraries as they ship, by the name that `tests/bench/counts.toml` has for each: what is left of it in an app, in
/// bytes.
///
/// # Errors
/// When one does not build.
pub(super) fn of_libraries() -> Result<Vec<(String, u64)>> {
    let mut sizes = xcframework::run(&AppleTarget::TESTED)?;
    sizes.extend(android::run(&AndroidTarget::TESTED)?);
    sizes.push((apk::NAME.to_owned(), apk::run(&AndroidTarget::TESTED)?));
    Ok(sizes)
}

/// What it takes to start a process with the full library, to one with an empty library.
///
/// # Errors
/// When something does not build or start.
pub(super) fn load() -> Result<Measured> {
    let full = for_linux(Variant::Full)?;
    let empty = empty()?;
    let mut ratios = Vec::with_capacity(ROUNDS);
    for round in 0..ROUNDS {
        let ratio = if round % 2 == 0 {
            let limit = start_with(&empty)?;
            start_with(&full)? / limit
        } else {
            let with_library = start_with(&full)?;
            with_library / start_with(&empty)?
        };
        ratios.push(ratio);
    }
    Ok(Measured::from([("store.load.ratio".to_owned(), median(ratios))]))
}

/// In seconds.
fn start_with(library: &Path) -> Result<f64> {
    let start = Instant::now();
    let status = Command::new("/bin/true").env("LD_PRELOAD", library).status()?;
    let taken = start.elapsed();
    ensure!(status.success() && taken < START, "a process with {} did not start", library.display());
    Ok(taken.as_secs_f64())
}

fn for_linux(variant: Variant) -> Result<PathBuf> {
    // A folder of its own, so that nobody else's build waits for this one.
    let folder = workspace::target().join("native");
    let mut build = workspace::cargo(["rustc", "--locked", "--package", "hallpass", "--lib", "--release"]);
    build.args(["--no-default-features", "--crate-type", "cdylib", "--target-dir"]).arg(&folder);
    match variant {
        Variant::Full => {
            build.args(["--features", "reqwest"]);
        }
        Variant::Slim => {}
    }
    process::run(&mut build, BUILD)?;
    let built = folder.join("release/libhallpass.so");
    // Kept apart, as both are built in the same place.
    let kept = folder.join(match variant {
        Variant::Full => "libhallpass-full.so",
        Variant::Slim => "libhallpass-slim.so",
    });
    std::fs::copy(&built, &kept)?;
    Ok(kept)
}

fn bare_for_linux() -> Result<PathBuf> {
    let mut build = workspace::cargo(["rustc", "--locked", "--package", "hallpass-bench-bare", "--lib"]);
    build.args(["--profile", "library", "--crate-type", "cdylib", "--target-dir"]).arg(peers::target_of_rust());
    process::run(build.current_dir(peers::workspace_of_rust()), BUILD)?;
    Ok(peers::target_of_rust().join("library/libhallpass_bench_bare.so"))
}

/// A shared library with nothing in it but what every one in Rust has.
fn empty() -> Result<PathBuf> {
    let folder = workspace::target().join("native");
    let (source, library) = (folder.join("empty.rs"), folder.join("libempty.so"));
    std::fs::write(&source, "")?;
    let mut rustc = Command::new("rustc");
    rustc.args(["--crate-type", "cdylib", "-C", "opt-level=s", "-C", "strip=symbols", "-o"]).arg(&library).arg(&source);
    process::run(&mut rustc, BUILD)?;
    Ok(library)
}

fn add(measured: &mut Measured, target: &str, bare: u64, full: u64, slim: u64) {
    for (name, size) in [("bare", bare), ("full", full), ("slim", slim)] {
        measured.insert(format!("size.{target}.{name}.kilobytes"), kilobytes(size));
    }
    measured.insert(format!("size.{target}.full.ratio"), kilobytes(full) / kilobytes(bare));
    measured.insert(format!("size.{target}.slim.ratio"), kilobytes(slim) / kilobytes(bare));
}

#[expect(clippy::cast_precision_loss, reason = "no library is that large")]
fn kilobytes(bytes: u64) -> f64 {
    bytes as f64 / 1e3
}
