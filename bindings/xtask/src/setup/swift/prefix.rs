//! Debian's Swift in a folder of its own.
//!
//! The packages of a suite that has Swift are unpacked together with the C library that they were built for, and each
//! program and library is told where its libraries are now (patchelf). Nothing is installed, and nothing of the system
//! is used: a program built with it runs with the folder's C library, and loads libraries that were built with the
//! system's older one. The folder cannot be moved: the paths in it are absolute.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use super::super::{LIMIT, debian};
use crate::process::{self, Group};
use crate::workspace;

/// The oldest suite with Swift 6. It is a release: what it has stays as it is.
const SUITE: &str = "trixie";

/// The compiler, and what it takes to link and to relocate. g++ brings the startup files and libgcc.
const PACKAGES: [&str; 4] = ["swiftlang", "libc6-dev", "g++", "patchelf"];

/// What nobody here needs, and what makes up a third of the size.
const LEFT_OUT: [&str; 8] = [
    "./usr/share/doc/*",
    "./usr/share/man/*",
    "./usr/share/locale/*",
    "*/bin/lldb*",
    "*/bin/clangd",
    "*/bin/sourcekit-lsp",
    "*/lib/liblldb*",
    "*/lib/swift_static/*",
];

/// The stamp of a finished folder; another number makes everybody's folder anew.
const STAMP: &str = ".hallpass-swift-1";

/// Returns the `swift` of the folder, made when it is not there.
///
/// # Errors
/// When the machine uses no archive of Debian, or is neither x86_64 nor aarch64.
pub(super) fn prepare() -> Result<PathBuf> {
    let machine = Machine::this()?;
    let folder = workspace::cache()?.join("swift");
    fs::create_dir_all(&folder)?;
    // Two commands at once would write over each other.
    let turn = File::create(folder.join("turn")).context("cannot write to the cache")?;
    turn.lock().context("cannot wait for another command that prepares Swift")?;
    let prefix = Prefix { root: folder.canonicalize()?.join(SUITE), machine };
    if !prefix.root.join(STAMP).is_file() {
        prefix.make()?;
    }
    Ok(prefix.programs().join("swift"))
}

/// What differs between the two architectures.
struct Machine {
    triplet: &'static str,
    /// The dynamic loader, below the root.
    loader: &'static str,
}

impl Machine {
    fn this() -> Result<Self> {
        match std::env::consts::ARCH {
            "x86_64" => Ok(Self { triplet: "x86_64-linux-gnu", loader: "usr/lib64/ld-linux-x86-64.so.2" }),
            "aarch64" => Ok(Self { triplet: "aarch64-linux-gnu", loader: "usr/lib/ld-linux-aarch64.so.1" }),
            other => bail!("Debian has no Swift for {other}"),
        }
    }
}

struct Prefix {
    root: PathBuf,
    machine: Machine,
}

impl Prefix {
    /// Makes the folder; the stamp comes last, and a folder without it is thrown away.
    fn make(&self) -> Result<()> {
        if self.root.exists() {
            fs::remove_dir_all(&self.root).context("cannot remove a half-made toolchain")?;
        }
        let staging = tempfile::tempdir_in(workspace::cache()?)?;
        println!("downloading Swift from Debian's {SUITE}, about 560 MB, for {}", self.root.display());
        let packages = debian::download_with_dependencies(&PACKAGES, SUITE, staging.path())?;
        println!("unpacking {} packages", packages.len());
        self.lay_out()?;
        for package in &packages {
            self.unpack(package)?;
        }
        println!("telling the programs where their libraries are");
        self.relocate(staging.path())?;
        self.wrap_clang()?;
        fs::write(self.root.join(STAMP), "")?;
        Ok(())
    }

    fn programs(&self) -> PathBuf {
        self.root.join("usr/libexec/swift/bin")
    }

    fn libraries(&self) -> PathBuf {
        self.root.join("usr/lib").join(self.machine.triplet)
    }

    fn loader(&self) -> PathBuf {
        self.root.join(self.machine.loader)
    }

    /// The folders that Debian has merged into `usr`, without which `/lib/…` of a package would be a second tree.
    fn lay_out(&self) -> Result<()> {
        for name in ["lib", "lib64", "bin", "sbin"] {
            fs::create_dir_all(self.root.join("usr").join(name))?;
            std::os::unix::fs::symlink(format!("usr/{name}"), self.root.join(name))?;
        }
        Ok(())
    }

    fn unpack(&self, package: &Path) -> Result<()> {
        let mut open = Command::new("dpkg-deb");
        open.arg("--fsys-tarfile").arg(package);
        let mut open = Group::spawn(open.stdin(Stdio::null()).stdout(Stdio::piped()))?;
        let archive = open.child.stdout.take().context("the output was asked for above")?;
        let mut extract = Command::new("tar");
        extract.args(["--extract", "--keep-directory-symlink", "--no-same-owner", "--directory"]).arg(&self.root);
        extract.args(LEFT_OUT.map(|pattern| format!("--exclude={pattern}")));
        let extracted = Group::spawn(extract.stdin(archive))?.wait(LIMIT)?;
        ensure!(extracted.success() && open.wait(LIMIT)?.success(), "cannot unpack {}", package.display());
        Ok(())
    }

    fn relocate(&self, staging: &Path) -> Result<()> {
        let patchelf = Patchelf::copy_from(self, &staging.join("patchelf"))?;
        let swift = self.root.join("usr/libexec/swift");
        for file in binaries_below(&self.programs())? {
            patchelf.set_interpreter(&file)?;
            patchelf.add_library_folder(&file)?;
        }
        // Libraries too: one with a path of its own would not be searched for along the program's.
        for file in binaries_below(&swift.join("lib"))?.into_iter().chain(binaries_below(&self.libraries())?) {
            if is_relocatable_library(&file) {
                patchelf.add_library_folder(&file)?;
            }
        }
        Ok(())
    }

    /// Swift links through clang, which would take the system's C library and start programs with the system's loader.
    fn wrap_clang(&self) -> Result<()> {
        let programs = self.programs();
        let clang = programs.join("clang").canonicalize().context("the packages have no clang")?;
        for (name, mode) in [("clang", ""), ("clang++", "--driver-mode=g++")] {
            let script = format!(
                "#!/bin/sh\n\
                 for word in \"$@\"; do\n  \
                   case \"$word\" in\n    \
                     -c|-E|-S|-r|-fsyntax-only|--version|-cc1*|-print-*) exec '{clang}' {mode} \"$@\" ;;\n  \
                   esac\n\
                 done\n\
                 # lld: Swift 6.0's libswiftObservation.so has a symbol that ld.bfd refuses (swiftlang/swift#75670).\n\
                 exec '{clang}' {mode} \"$@\" --sysroot='{root}' -fuse-ld=lld -Wl,--dynamic-linker='{loader}' \\\n  \
                   -Wl,--disable-new-dtags -Wl,-rpath,'{swift}:{libraries}'\n",
                clang = clang.display(),
                root = self.root.display(),
                loader = self.loader().display(),
                swift = self.root.join("usr/libexec/swift/lib/swift/linux").display(),
                libraries = self.libraries().display(),
            );
            let wrapper = programs.join(name);
            if wrapper.symlink_metadata().is_ok() {
                ensure!(wrapper != clang, "clang is not a link, and a wrapper in its place would call itself");
                fs::remove_file(&wrapper)?;
            }
            fs::write(&wrapper, script)?;
            fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755))?;
        }
        Ok(())
    }
}

/// The packaged patchelf, run from a copy with copies of its libraries: it rewrites files in place, its own included.
struct Patchelf {
    folder: PathBuf,
    loader: PathBuf,
    /// What the files are told.
    interpreter: PathBuf,
    libraries: PathBuf,
}

impl Patchelf {
    fn copy_from(prefix: &Prefix, folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder)?;
        let loader = folder.join("loader");
        fs::copy(prefix.loader(), &loader).context("the packages have no dynamic loader")?;
        fs::copy(prefix.root.join("usr/bin/patchelf"), folder.join("patchelf"))?;
        for library in ["libc.so.6", "libm.so.6", "libstdc++.so.6", "libgcc_s.so.1"] {
            fs::copy(prefix.libraries().join(library), folder.join(library))?;
        }
        let (interpreter, libraries) = (prefix.loader(), prefix.libraries());
        Ok(Self { folder: folder.to_owned(), loader, interpreter, libraries })
    }

    fn set_interpreter(&self, file: &Path) -> Result<()> {
        process::run(self.command("--set-interpreter").arg(&self.interpreter).arg(file), LIMIT)
    }

    /// Puts the prefix's libraries behind the folders that the file looks through already.
    fn add_library_folder(&self, file: &Path) -> Result<()> {
        let own = process::read(self.command("--print-rpath").arg(file), LIMIT)?;
        let folders = match own.trim() {
            "" => self.libraries.display().to_string(),
            own => format!("{own}:{}", self.libraries.display()),
        };
        process::run(self.command("--force-rpath").arg("--set-rpath").arg(folders).arg(file), LIMIT)
    }

    fn command(&self, option: &str) -> Command {
        let mut command = Command::new(&self.loader);
        command.arg("--library-path").arg(&self.folder).arg(self.folder.join("patchelf")).arg(option);
        command
    }
}

/// Dynamic programs and libraries below `folder`; links are not followed.
fn binaries_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            found.extend(binaries_below(&entry.path())?);
        } else if kind.is_file() && is_dynamic_elf(&entry.path())? {
            found.push(entry.path());
        }
    }
    Ok(found)
}

/// Whether `file` is an ELF program or library: not an object, not a script, not an archive.
fn is_dynamic_elf(file: &Path) -> Result<bool> {
    use std::io::Read;
    let mut head = Vec::new();
    File::open(file)?.take(18).read_to_end(&mut head)?;
    // The type is at offset 16, in the byte order of the two machines that this is for; 2 is EXEC, 3 is DYN.
    Ok(head.len() == 18 && head.starts_with(b"\x7fELF") && matches!(head[16], 2 | 3))
}

/// Whether a library may be changed: the loader and the C library itself find nothing along a path, and sanitizers'
/// runtimes are linked rather than loaded.
fn is_relocatable_library(file: &Path) -> bool {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let is_library = name.contains(".so");
    let is_c_library = name.starts_with("ld-linux") || name.starts_with("libc.so");
    is_library && !is_c_library && !file.to_string_lossy().contains("/lib/clang/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_and_libraries_are_found_and_the_rest_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let elf = |kind: u8| [b"\x7fELF".as_slice(), &[0; 12], &[kind, 0]].concat();
        fs::create_dir(folder.path().join("below")).unwrap();
        fs::write(folder.path().join("object.o"), elf(1)).unwrap();
        fs::write(folder.path().join("program"), elf(2)).unwrap();
        fs::write(folder.path().join("below/library.so"), elf(3)).unwrap();
        fs::write(folder.path().join("script"), "#!/bin/sh\n").unwrap();
        std::os::unix::fs::symlink("program", folder.path().join("link")).unwrap();

        let mut found = binaries_below(folder.path()).unwrap();
        found.sort();
        assert_eq!(found, ["below/library.so", "program"].map(|name| folder.path().join(name)));
    }

    #[test]
    fn c_library_and_loader_are_never_changed() {
        for (name, changed) in [
            ("/p/usr/lib/x86_64-linux-gnu/libstdc++.so.6.0.33", true),
            ("/p/usr/lib/x86_64-linux-gnu/libc.so.6", false),
            ("/p/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", false),
            ("/p/usr/libexec/swift/lib/clang/17/lib/linux/libclang_rt.asan-x86_64.so", false),
        ] {
            assert_eq!(is_relocatable_library(Path::new(name)), changed, "{name}");
        }
    }
}
