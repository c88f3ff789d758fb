//! Where things are: the checkout, its files, and the folder for what is downloaded or built outside it.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::process;

/// The root of the checkout.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).expect("this crate stands two folders below the root").to_owned()
}

/// The folder outside the checkout that keeps what `setup` has fetched and built: `HALLPASS_CACHE`, or
/// `hallpass` in the user's own cache folder.
///
/// # Errors
/// When neither that variable nor one that names the user's folders is set.
pub(crate) fn cache() -> Result<PathBuf> {
    if let Some(folder) = env::var_os("HALLPASS_CACHE") {
        return Ok(PathBuf::from(folder));
    }
    let user = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || env::var_os("HOME").map(|home| Path::new(&home).join(".cache"));
    let folder = user.or_else(home).context("set HALLPASS_CACHE: there is no HOME to keep a cache in")?;
    Ok(folder.join("hallpass"))
}

/// Where cargo builds.
pub(crate) fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |folder| root().join(folder))
}

/// `cargo` with these words, run at the root of the checkout.
pub(crate) fn cargo<const N: usize>(words: [&str; N]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(words).current_dir(root());
    command
}

/// A file of the project: tracked, or new and not ignored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SourceFile {
    /// From the root, with `/` between folders.
    pub(crate) path: String,
    /// Its text; lossy where it is not UTF-8.
    pub(crate) text: String,
}

/// Every file of the project that exists, in the order of its path.
///
/// # Errors
/// When git cannot list the files, or one cannot be read.
pub(crate) fn files() -> Result<Vec<SourceFile>> {
    let root = root();
    let mut list = Command::new("git");
    list.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).current_dir(&root);
    let listed = process::read(&mut list, Duration::from_secs(60)).context("cannot list the project's files")?;
    let mut paths: Vec<&str> = listed.split('\0').filter(|path| root.join(path).is_file()).collect();
    paths.sort_unstable();
    let read = |path: &str| {
        let bytes = std::fs::read(root.join(path)).with_context(|| format!("cannot read {path}"))?;
        Ok(SourceFile { path: path.to_owned(), text: String::from_utf8_lossy(&bytes).into_owned() })
    };
    paths.into_iter().map(read).collect()
}
