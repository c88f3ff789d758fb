//! `cargo xtask bindgen`: the generated side of the bindings, written anew from the compiled library.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::{process, workspace};

/// A cold build of everything on a small machine, with room to spare.
const COMPILE: Duration = Duration::from_secs(30 * 60);
const GENERATE: Duration = Duration::from_secs(120);

/// Where generated files are committed, below the checkout: the generator's argument and the folder.
const FOLDERS: [(&str, &str); 3] = [
    ("--swift-sources", "bindings/swift/Sources/HallpassBindings"),
    ("--swift-headers", "bindings/swift/Sources/HallpassFFI"),
    ("--kotlin", "bindings/kotlin/src/ffi/kotlin"),
];

/// Writes the generated files into the checkout, and prints which have changed.
///
/// # Errors
/// When the library does not build or a file cannot be written.
pub(crate) fn run() -> Result<()> {
    let outdated = outdated()?;
    for file in &outdated {
        let path = workspace::root().join(&file.path);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(&path, &file.content).with_context(|| format!("cannot write {}", file.path.display()))?;
        println!("wrote {}", file.path.display());
    }
    if outdated.is_empty() {
        println!("the generated files are up to date");
    }
    Ok(())
}

/// Fails when the committed files are not what the generator writes.
///
/// # Errors
/// Naming the files that differ, and when the library does not build.
pub(crate) fn check() -> Result<()> {
    let outdated = outdated()?;
    if !outdated.is_empty() {
        let names: Vec<_> = outdated.iter().map(|file| file.path.display().to_string()).collect();
        bail!("not what `cargo xtask bindgen` writes: {}", names.join(", "));
    }
    Ok(())
}

/// A file as the generator writes it; its path is below the checkout.
struct Generated {
    path: PathBuf,
    content: Vec<u8>,
}

/// The generated files that are not committed as they are generated.
fn outdated() -> Result<Vec<Generated>> {
    let (library, generator) = build()?;
    let folder = tempfile::tempdir().context("cannot make a folder for the generated files")?;
    let mut generator = Command::new(generator);
    generator.current_dir(workspace::root()).arg("--library").arg(&library);
    for (argument, committed) in FOLDERS {
        generator.arg(argument).arg(folder.path().join(committed));
    }
    process::run(&mut generator, GENERATE)?;
    let mut files = Vec::new();
    for (_, committed) in FOLDERS {
        collect(folder.path(), &folder.path().join(committed), &mut files)?;
    }
    files.retain(|file| std::fs::read(workspace::root().join(&file.path)).ok().as_ref() != Some(&file.content));
    Ok(files)
}

/// The compiled library with its metadata, and the generator. The whole workspace is built, since cargo compiles what both
/// depend on once more for each choice of packages, and the tests need this choice anyway.
fn build() -> Result<(PathBuf, PathBuf)> {
    process::run(&mut workspace::cargo(["build", "--locked", "--workspace"]), COMPILE)?;
    let built = workspace::target().join("debug");
    let library = format!("{}hallpass{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let generator = format!("hallpass-bindgen{}", std::env::consts::EXE_SUFFIX);
    Ok((built.join(library), built.join(generator)))
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<Generated>) -> Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| format!("nothing was generated in {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            collect(root, &path, files)?;
        } else {
            let content = without_trailing_spaces(&std::fs::read_to_string(&path)?);
            files.push(Generated { path: path.strip_prefix(root)?.to_owned(), content: content.into_bytes() });
        }
    }
    Ok(())
}

/// The generator leaves spaces at the ends of lines, which every editor and `git diff --check` complains of.
fn without_trailing_spaces(text: &str) -> String {
    let mut clean: String = text.lines().flat_map(|line| [line.trim_end(), "\n"]).collect();
    clean.truncate(clean.trim_end().len());
    clean.push('\n');
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_their_indentation_and_lose_what_nobody_sees() {
        assert_eq!(without_trailing_spaces("a  \n\n    b\t\n\n\n"), "a\n\n    b\n");
    }
}
