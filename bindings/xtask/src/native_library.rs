//! The library as an app ships it: one static library for each target, optimised as a whole.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, fs};

use anyhow::{Context, Result};

use crate::inspect;
use crate::process;
use crate::setup::cross::CrossCargo;
use crate::targets::Target;
use crate::workspace;

/// A cold build with link-time optimisation on a small and busy machine.
pub(crate) const COMPILE: Duration = Duration::from_secs(40 * 60);

/// What of the library is built.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Features {
    /// As an app gets it. Android's has neither transport nor store: the platform layer brings both.
    Shipped,
    /// This one and no other.
    Only(&'static str),
    /// No transport and no store of its own.
    None,
}

/// Builds the static library for `target`.
///
/// # Errors
/// When it does not compile, or tells where it was built.
pub(crate) fn build(cargo: &CrossCargo, target: Target, features: Features) -> Result<PathBuf> {
    // A folder of its own, so that nobody else's build waits for this one.
    let folder = workspace::target().join("native");
    // As a command-line option, the kind of crate is the only one: a shared library would need the target's linker.
    let mut build = cargo.command(["rustc", "--locked", "--package", "hallpass", "--lib", "--release"]);
    build.args(["--crate-type", "staticlib"]).env("CARGO_TARGET_DIR", &folder);
    match (features, target) {
        (Features::Shipped, Target::Apple(_)) => {}
        (Features::Shipped, Target::Android(_)) | (Features::None, _) => {
            build.arg("--no-default-features");
        }
        (Features::Only(feature), _) => {
            build.args(["--no-default-features", "--features", feature]);
        }
    }
    process::run(&mut build, COMPILE)?;
    let library = folder.join(target.triple()).join("release/libhallpass.a");
    let content = read(&library)?;
    let home = env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let folders = [home.as_path(), &workspace::root(), &workspace::cache()?];
    inspect::judge(target.triple(), &inspect::tells_where_it_was_built(&content, &folders))?;
    Ok(library)
}

/// The bytes of a library.
///
/// # Errors
/// When there is none.
pub(crate) fn read(library: &Path) -> Result<Vec<u8>> {
    fs::read(library).with_context(|| format!("cannot read {}", library.display()))
}

/// The size of a file in bytes.
///
/// # Errors
/// When there is none.
pub(crate) fn size(file: &Path) -> Result<u64> {
    Ok(fs::metadata(file).with_context(|| format!("cannot read {}", file.display()))?.len())
}

/// A table of sizes, given in bytes and shown in millions of them; the first of `titles` heads the names.
pub(crate) fn table<const N: usize>(titles: [&str; N], rows: &[(String, Vec<u64>)]) -> String {
    let width = rows.iter().map(|(name, _)| name.len()).chain([titles[0].len()]).max().unwrap_or_default();
    let mut table = format!("{:width$}", titles[0]);
    for title in &titles[1..] {
        // Writing to a string cannot fail.
        let _ = write!(table, "  {title:>16}");
    }
    for (name, sizes) in rows {
        let _ = write!(table, "\n{name:width$}");
        for &size in sizes {
            let _ = write!(table, "  {:>13.2} MB", megabytes(size));
        }
    }
    table
}

#[expect(clippy::cast_precision_loss, reason = "two digits are shown")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_stand_under_their_titles() {
        let rows = [("ios".to_owned(), vec![5_870_784, 1_990_000])];
        assert_eq!(
            table(["target", "library", "in the app"], &rows),
            "target           library        in the app\nios              5.87 MB           1.99 MB"
        );
    }
}
