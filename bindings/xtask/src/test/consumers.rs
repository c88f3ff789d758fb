//! Apps that have nothing of Hallpass but a release folder, which is made for the purpose of what the other suites build.
//!
//! Each plays one story twice: a process that logs in, and another one that finds the session, calls the API, renews and logs
//! out. `tests/consumers/README.md` says what each takes from the folder.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::{COMPILE, missing};
use crate::apk;
use crate::bench::counts;
use crate::process::{self, Group};
use crate::release::{self, Release, maven, swift};
use crate::report::{Outcome, Tally};
use crate::setup::{self, cross};
use crate::targets::{AndroidTarget, AppleTarget, Target};
use crate::workspace::{self, cargo};

/// A story takes a second or two.
const STORY: Duration = Duration::from_secs(60);

/// Runs the suite. Each app counts as one test, and so does the folder.
pub(super) fn run(tally: &mut Tally) -> Result<Outcome> {
    let targets = AppleTarget::TESTED.map(Target::Apple).into_iter().chain(AndroidTarget::TESTED.map(Target::Android));
    let prepared = || -> Result<_> {
        for target in targets {
            cross::prepare(target)?;
        }
        Ok((setup::kotlin::prepare()?, setup::swift::prepare()?))
    };
    let (tools, toolchain) = match prepared() {
        Ok(tools) => tools,
        Err(error) => return Ok(missing(&error)),
    };
    let folder = workspace::target().join("consumers");
    let release = folder.join("release");
    release::run(&Release { to: release.clone(), trial: true, ..Release::default() })?;
    let consumers = Consumers { version: release::version()?, folder, release };
    consumers.unpack()?;
    let tenant = Tenant::start(&consumers.unpacked("lab").join("bin/lab"))?;

    let mut wrong = Vec::new();
    let stories: [(&str, &dyn Fn() -> Result<()>); 5] = [
        ("release", &|| verify(&consumers.release)),
        ("rust", &|| consumers.rust(&tenant)),
        ("kotlin", &|| consumers.kotlin(&tools, &tenant)),
        ("swift", &|| consumers.swift(&toolchain, &tenant)),
        ("android-app", &|| consumers.android(&tools)),
    ];
    for (name, story) in stories {
        println!("\n-- {name}");
        let started = Instant::now();
        if let Err(error) = story() {
            println!("{error:#}");
            wrong.push(name);
            tally.failed += 1;
        } else {
            println!("passed ({:.1} s)", started.elapsed().as_secs_f64());
            tally.passed += 1;
        }
    }
    Ok(if wrong.is_empty() {
        Outcome::Passed
    } else {
        Outcome::Failed(format!("not usable from: {}", wrong.join(", ")))
    })
}

/// Whether the folder has what its list says, and SwiftPM would accept the archive.
fn verify(release: &Path) -> Result<()> {
    let listed = fs::read_to_string(release.join(release::SUMS))?;
    ensure!(!listed.is_empty() && release::sums(release)? == listed, "a file is not what {} says", release::SUMS);
    let archive = listed.lines().find_map(|line| line.strip_suffix(&format!("  {}", swift::FRAMEWORK)));
    let manifest = fs::read_to_string(release.join(swift::PACKAGE).join("Package.swift"))?;
    let checksum = archive.with_context(|| format!("there is no {}", swift::FRAMEWORK))?;
    ensure!(
        manifest.contains(&format!("checksum: \"{checksum}\"")),
        "Package.swift has another checksum than the archive"
    );
    Ok(())
}

struct Consumers {
    version: String,
    /// Of everything that the suite writes.
    folder: PathBuf,
    release: PathBuf,
}

impl Consumers {
    /// Unpacks what is packed for users of Rust and Linux.
    fn unpack(&self) -> Result<()> {
        let unpacked = self.folder.join("unpacked");
        if unpacked.exists() {
            fs::remove_dir_all(&unpacked)?;
        }
        for (name, file) in release::files(&self.release)? {
            if name.ends_with(".tar.gz") || name.ends_with(".crate") {
                let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(fs::File::open(file)?));
                // By the times in there, cargo would take a crate for the one that it has compiled before.
                archive.set_preserve_mtime(false);
                archive.unpack(&unpacked).with_context(|| format!("cannot unpack {name}"))?;
            }
        }
        Ok(())
    }

    fn unpacked(&self, name: &str) -> PathBuf {
        let name = format!("{name}-{}", self.version);
        let system = format!("{name}-{}-{}", std::env::consts::ARCH, std::env::consts::OS);
        let unpacked = self.folder.join("unpacked");
        if unpacked.join(&system).exists() { unpacked.join(system) } else { unpacked.join(name) }
    }

    /// A copy of the app, so that nothing is written into the checkout and nothing is found beside it.
    fn copy(&self, name: &str) -> Result<PathBuf> {
        let copy = self.folder.join("apps").join(name);
        for (path, file) in release::files(&workspace::root().join("tests/consumers").join(name))? {
            let file_of_copy = copy.join(path);
            fs::create_dir_all(file_of_copy.parent().context("a file is in a folder")?)?;
            fs::copy(file, file_of_copy)?;
        }
        Ok(copy)
    }

    fn rust(&self, tenant: &Tenant) -> Result<()> {
        let app = self.copy("rust")?;
        // The same versions, and what was compiled of them, serve again.
        fs::copy(workspace::root().join("Cargo.lock"), app.join("Cargo.lock"))?;
        let mut build = cargo(["build", "--target-dir"]);
        build.arg(workspace::target()).current_dir(&app);
        for name in ["hallpass-protocol", "hallpass-core"] {
            build.args(["--config", &format!("patch.crates-io.{name}.path = {:?}", self.unpacked(name))]);
        }
        process::run(&mut build, COMPILE)?;
        self.play("rust", tenant, || Command::new(workspace::target().join("debug/hallpass-consumer")))
    }

    fn kotlin(&self, tools: &setup::kotlin::Tools, tenant: &Tenant) -> Result<()> {
        let app = self.copy("kotlin")?;
        let output = self.folder.join("kotlin");
        let mut maven = tools.maven(["--quiet", "compile"]);
        maven.arg(format!("-Dmaven.repo.local={}", self.local_repository()?.display()));
        for (name, value) in [("release", &self.release), ("output", &output)] {
            maven.arg(format!("-Dhallpass.{name}={}", value.display()));
        }
        maven.arg(format!("-Dhallpass.version={}", self.version));
        maven.arg(format!("-Dkotlin.version={}", maven::property("kotlin.version")?));
        process::run(maven.current_dir(app), COMPILE)?;
        let class_path = fs::read_to_string(output.join("class-path")).context("Maven left no class path")?;
        let class_path = format!("{}:{}", output.join("classes").display(), class_path.trim());
        self.play("kotlin", tenant, || {
            let mut java = Command::new("java");
            java.args(["-cp", &class_path, "MainKt"]);
            java
        })
    }

    /// What was downloaded before serves again, but of Hallpass there is nothing in it.
    fn local_repository(&self) -> Result<PathBuf> {
        let repository = self.folder.join("local-repository");
        if repository.exists() {
            fs::remove_dir_all(&repository)?;
        }
        fs::create_dir_all(&repository)?;
        let home = std::env::var_os("HOME").context("set HOME")?;
        for entry in fs::read_dir(Path::new(&home).join(".m2/repository")).into_iter().flatten() {
            let entry = entry?;
            if entry.file_name() != "dev" {
                std::os::unix::fs::symlink(entry.path(), repository.join(entry.file_name()))?;
            }
        }
        Ok(repository)
    }

    fn swift(&self, toolchain: &setup::swift::SwiftToolchain, tenant: &Tenant) -> Result<()> {
        let repository = self.repository()?;
        let (app, native) = (self.copy("swift")?, self.unpacked("libhallpass").join("lib"));
        let scratch = self.folder.join("swift");
        let mut build = toolchain.command(["build", "--disable-sandbox", "-Xswiftc", "-use-ld=lld"], &app);
        for folder in ["scratch", "cache", "config", "security"] {
            build.arg(format!("--{folder}-path")).arg(scratch.join(folder));
        }
        build.env("PKG_CONFIG_PATH", native.join("pkgconfig"));
        build.env("HALLPASS_REPOSITORY", format!("file://{}", repository.display()));
        process::run(build.env("HALLPASS_VERSION", &self.version), COMPILE)?;
        self.play("swift", tenant, || {
            let mut program = Command::new(scratch.join("scratch/debug/Consumer"));
            program.env("LD_LIBRARY_PATH", &native);
            program
        })
    }

    /// The tree of the package as the repository that apps name, with the version as its tag. SwiftPM trusts one commit a
    /// version: where the tree is another one, it has to forget what it knows.
    fn repository(&self) -> Result<PathBuf> {
        let repository = self.folder.join(format!("{}.git", swift::PACKAGE));
        let git = |words: &[&str]| {
            let mut git = Command::new("git");
            git.arg("--git-dir").arg(&repository).arg("--work-tree").arg(self.release.join(swift::PACKAGE));
            git.args([
                "-c",
                "user.name=Hallpass",
                "-c",
                "user.email=hallpass@example.com",
                "-c",
                "commit.gpgsign=false",
            ]);
            process::read(git.args(words), STORY)
        };
        let before = git(&["rev-parse", "HEAD^{tree}"]).unwrap_or_default();
        if before.is_empty() {
            process::run(Command::new("git").args(["init", "--quiet", "--bare"]).arg(&repository), STORY)?;
        }
        git(&["add", "--all", "--force"])?;
        if git(&["write-tree"])? != before {
            git(&["commit", "--quiet", "--allow-empty", "--message", &self.version])?;
            git(&["tag", "--force", &self.version])?;
            for known in ["swift", "apps/swift"].map(|name| self.folder.join(name)) {
                if known.exists() {
                    fs::remove_dir_all(known)?;
                }
            }
        }
        Ok(repository)
    }

    fn android(&self, tools: &setup::kotlin::Tools) -> Result<()> {
        let name = "hallpass-android";
        let file = format!("maven/dev/hallpass/{name}/{0}/{name}-{0}.aar", self.version);
        let aar = fs::read(self.release.join(file))?;
        counts::judge_size(apk::NAME, apk::pack(tools, &aar, &AndroidTarget::TESTED)?)
    }

    /// The two processes of a story, which share a folder for the session.
    fn play(&self, name: &str, tenant: &Tenant, program: impl Fn() -> Command) -> Result<()> {
        let store = self.folder.join("sessions").join(name);
        if store.exists() {
            fs::remove_dir_all(&store)?;
        }
        fs::create_dir_all(&store)?;
        for (phase, ending) in [("login", "login: "), ("later", "restart, call, renewal, logout")] {
            let mut program = program();
            program.arg(phase).args([&tenant.issuer, &tenant.api]).arg(&store);
            let mut has_ended = false;
            let status = process::tee(&mut program, STORY, |line| has_ended |= line.starts_with(ending))?;
            ensure!(status.success() && has_ended, "{phase}: it did not come to its end ({status})");
        }
        Ok(())
    }
}

/// `lab serve` from the folder, on free ports; stopped when this is dropped.
struct Tenant {
    issuer: String,
    api: String,
    _server: Group,
}

impl Tenant {
    fn start(lab: &Path) -> Result<Self> {
        let mut serve = Command::new(lab);
        serve.args(["serve", "--json", "--port", "0", "--api-port", "0"]);
        let mut server = Group::spawn(serve.stdin(Stdio::null()).stdout(Stdio::piped()))?;
        let output = server.child.stdout.take().context("the output was asked for above")?;
        let (line, first) = mpsc::channel();
        thread::spawn(move || {
            let mut output = BufReader::new(output);
            let mut told = String::new();
            drop(output.read_line(&mut told));
            drop(line.send(told));
            // Whoever writes to a pipe that nobody reads is ended.
            drop(output.read_to_string(&mut String::new()));
        });
        let told: Value = serde_json::from_str(&first.recv_timeout(STORY).context("the lab does not start")?)?;
        let text =
            |name: &str| told[name].as_str().map(str::to_owned).with_context(|| format!("the lab tells no {name}"));
        Ok(Self { issuer: text("issuer")?, api: text("api")?, _server: server })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_documents_show_of_a_session_is_what_the_apps_do() {
        for (document, language, app) in [
            ("README.md", "rust", "rust/src/main.rs"),
            ("bindings/kotlin/docs/jvm.md", "kotlin", "kotlin/src/Main.kt"),
            ("bindings/swift/README.md", "swift", "swift/Sources/Consumer/main.swift"),
        ] {
            let text = fs::read_to_string(workspace::root().join(document)).unwrap();
            let app = fs::read_to_string(workspace::root().join("tests/consumers").join(app)).unwrap();
            let shown = statements(&text, language);
            assert!(shown.len() >= 3, "{document} shows too little: {shown:?}");
            for statement in shown {
                assert!(
                    app.lines().any(|line| line.trim() == statement),
                    "{document} shows `{statement}`, which no app does"
                );
            }
        }
    }

    /// What the first example in `language` that logs out does with a session, without its comments.
    fn statements<'a>(document: &'a str, language: &str) -> Vec<&'a str> {
        let begin = format!("```{language}\n");
        let mut blocks = document.split(&begin).skip(1).filter_map(|rest| rest.split("```").next());
        let shown = blocks.find(|block| block.contains("session.logout(")).unwrap_or_default();
        let lines = shown.lines().map(|line| line.split("//").next().unwrap_or_default().trim());
        lines
            .filter(|line| ["session.", "Session::builder", "Session.open"].iter().any(|one| line.contains(one)))
            .collect()
    }

    #[test]
    fn file_that_was_changed_after_the_list_was_made_is_caught() {
        let release = tempfile::tempdir().unwrap();
        let package = release.path().join(swift::PACKAGE);
        fs::create_dir(&package).unwrap();
        fs::write(release.path().join(swift::FRAMEWORK), "abc").unwrap();
        let list = || fs::write(release.path().join(release::SUMS), release::sums(release.path()).unwrap()).unwrap();
        let sum = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        fs::write(package.join("Package.swift"), format!("checksum: \"{sum}\"")).unwrap();
        list();
        verify(release.path()).unwrap();
        fs::write(release.path().join(swift::FRAMEWORK), "abd").unwrap();
        assert!(verify(release.path()).unwrap_err().to_string().contains("SHA256SUMS"));
        list();
        assert!(verify(release.path()).unwrap_err().to_string().contains("another checksum"));
    }
}
