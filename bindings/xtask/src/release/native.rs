//! The compiled parts: the library for desktops and phones, and the `lab` command; and what is packed for Linux.

use std::env::consts::{ARCH, DLL_PREFIX, DLL_SUFFIX, OS};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use flate2::{Compression, GzBuilder};

use super::{LIMIT, NOTICES, Release, licences};
use crate::inspect::{self, names};
use crate::setup::cross;
use crate::targets::{AndroidTarget, AppleTarget};
use crate::{android, native_library, process, test, workspace, xcframework};

/// The compiled files of a release.
pub(super) struct Built {
    /// For this machine, as a JVM or a program in C loads it.
    pub(super) library: PathBuf,
    pub(super) android: Vec<(AndroidTarget, PathBuf)>,
    pub(super) framework: PathBuf,
    lab: PathBuf,
}

/// Builds them all. A trial takes what the other suites build.
///
/// # Errors
/// When one does not build, or tells where it was built.
pub(super) fn build(asked: &Release) -> Result<Built> {
    let library = format!("{DLL_PREFIX}hallpass{DLL_SUFFIX}");
    let (targets, slices, folder) = if asked.trial {
        test::build_core()?;
        (&AndroidTarget::TESTED[..], &AppleTarget::TESTED[..], workspace::target().join("debug"))
    } else {
        (AndroidTarget::value_variants(), AppleTarget::value_variants(), build_for_this_machine(&library)?)
    };
    let framework = match &asked.framework {
        Some(made) => made.clone(),
        None => xcframework::assemble(&slices.iter().map(|&one| xcframework::build(one)).collect::<Result<Vec<_>>>()?)?,
    };
    let android = targets.iter().map(|&target| Ok((target, android::build(target)?))).collect::<Result<_>>()?;
    Ok(Built { library: folder.join(library), android, framework, lab: folder.join("lab") })
}

/// In a folder of its own, because the paths in the code are other ones than in a build for development.
fn build_for_this_machine(library: &str) -> Result<PathBuf> {
    let target = workspace::target().join("shipped");
    let folder = target.join("release");
    let kind = ["--lib", "--crate-type", "cdylib"];
    for (words, options, file) in
        [(["rustc", "hallpass"], &kind[..], library), (["build", "hallpass-lab"], &[][..], "lab")]
    {
        let mut build = cross::for_this_machine([words[0], "--locked", "--release", "--package", words[1]])?;
        process::run(build.args(options).arg("--target-dir").arg(&target), native_library::COMPILE)?;
        let content = native_library::read(&folder.join(file))?;
        inspect::judge(
            file,
            &inspect::tells_where_it_was_built(&content, &[&workspace::root(), &workspace::cache()?]),
        )?;
    }
    Ok(folder)
}

/// Packs `lab`, and the library for programs that find it by pkg-config, as a Swift package on Linux does.
///
/// # Errors
/// When `lab` does not run, or a file cannot be written.
pub(super) fn pack(folder: &Path, version: &str, built: &Built, notices: &str) -> Result<()> {
    let name = format!("lab-{version}-{ARCH}-{OS}");
    let mut files = vec![("bin/lab".to_owned(), fs::read(&built.lab)?)];
    let told = |words: &[&str]| process::read(Command::new(&built.lab).args(words), LIMIT).map(String::into_bytes);
    files.push(("share/man/man1/lab.1".to_owned(), told(&["man"])?));
    for (shell, path) in [
        ("bash", "share/bash-completion/completions/lab"),
        ("zsh", "share/zsh/site-functions/_lab"),
        ("fish", "share/fish/vendor_completions.d/lab.fish"),
    ] {
        files.push((path.to_owned(), told(&["completion", shell])?));
    }
    write(&folder.join(format!("{name}.tar.gz")), &name, with_licences(files, notices)?)?;

    let name = format!("libhallpass-{version}-{ARCH}-{OS}");
    let library = built.library.file_name().context("a library has a name")?.to_string_lossy();
    let mut files = vec![(format!("lib/{library}"), fs::read(&built.library)?)];
    for file in ["HallpassFFI.h", "module.modulemap"] {
        files.push((format!("include/{file}"), fs::read(workspace::root().join(names::HEADERS).join(file))?));
    }
    files.push(("lib/pkgconfig/hallpass.pc".to_owned(), package_config(version).into_bytes()));
    write(&folder.join(format!("{name}.tar.gz")), &name, with_licences(files, notices)?)
}

/// Found from where the file stands, so that the folder may be anywhere.
fn package_config(version: &str) -> String {
    format!(
        "prefix=${{pcfiledir}}/../..\n\nName: hallpass\nDescription: The sign-in core of native apps\nVersion: {version}\n\
         Cflags: -I${{prefix}}/include\nLibs: -L${{prefix}}/lib -lhallpass\n"
    )
}

fn with_licences(mut files: Vec<(String, Vec<u8>)>, notices: &str) -> Result<Vec<(String, Vec<u8>)>> {
    files.extend(licences()?);
    files.push((NOTICES.to_owned(), notices.into()));
    files.sort();
    Ok(files)
}

/// A compressed archive of `files` in a folder called `name`.
fn write(archive: &Path, name: &str, files: Vec<(String, Vec<u8>)>) -> Result<()> {
    let file = File::create(archive).with_context(|| format!("cannot write {}", archive.display()))?;
    let mut tar = tar::Builder::new(GzBuilder::new().mtime(0).write(file, Compression::default()));
    for (path, content) in files {
        ensure!(!content.is_empty(), "{path} is empty");
        let mut header = tar::Header::new_gnu();
        header.set_mode(if path.starts_with("bin/") { 0o755 } else { 0o644 });
        header.set_size(u64::try_from(content.len())?);
        // The first second of 1980: some tools complain of the beginning of time itself.
        header.set_mtime(315_532_800);
        tar.append_data(&mut header, format!("{name}/{path}"), content.as_slice())?;
    }
    tar.into_inner()?.finish()?.sync_all().context("cannot write the archive")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn archive_is_the_same_each_time_and_its_programs_can_be_run() {
        let folder = tempfile::tempdir().unwrap();
        let archives = ["one", "two"].map(|name| {
            let path = folder.path().join(name);
            let files = vec![("bin/lab".to_owned(), b"program".to_vec()), ("LICENSE".to_owned(), b"MIT".to_vec())];
            write(&path, "lab-1", files).unwrap();
            fs::read(path).unwrap()
        });
        assert_eq!(archives[0], archives[1]);
        let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(archives[0].as_slice()));
        let mut read = tar.entries().unwrap().map(|entry| {
            let mut entry = entry.unwrap();
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            (entry.path().unwrap().display().to_string(), entry.header().mode().unwrap(), text)
        });
        assert_eq!(read.next().unwrap(), ("lab-1/bin/lab".to_owned(), 0o755, "program".to_owned()));
        assert_eq!(read.next().unwrap(), ("lab-1/LICENSE".to_owned(), 0o644, "MIT".to_owned()));
    }
}
