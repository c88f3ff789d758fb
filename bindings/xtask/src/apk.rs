//! `cargo xtask apk`: `android-app` as a package for a phone, made and looked into without Android's SDK.
//!
//! Maven compiles the app and aapt2 links its resources, the same that the tests of the screens draw; R8 shrinks it in full
//! mode with the rules that an app gets from the library; the libraries are stored on pages of 16 KiB; apksigner signs and
//! verifies it. The library for the processor is the one of `cargo xtask android`: without an NDK it is a trial.

mod dex;

use std::collections::BTreeSet;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::archive::{self, Entry};
use crate::inspect;
use crate::inspect::android::FILE_NAME;
use crate::native_library::table;
use crate::process;
use crate::release::maven;
use crate::setup::kotlin::{self, Tools};
use crate::targets::AndroidTarget;
use crate::{android, workspace};

/// By this name `tests/bench/counts.toml` has its size.
pub(crate) const NAME: &str = "hallpass-lab.apk";

/// The first and the last release of Android that the signature has to be good for, by API level.
const LEVELS: [&str; 2] = ["26", "36"];

/// R8 takes half a minute on a small machine that does nothing else.
const TOOL: Duration = Duration::from_secs(8 * 60);

/// What every app gets from Android's own build that this one needs: native methods are found by their names.
const RULES_OF_ANDROID: &str = "-keepclasseswithmembernames,includedescriptorclasses class * { native <methods>; }\n";

/// Whom a debug key belongs to, and its password, are the same everywhere: it protects nothing.
const DEBUG_KEY: [&str; 2] = ["CN=Android Debug,O=Android,C=US", "android"];

/// Compiles the app, packs it for the targets named, or for the one that the tests build, and prints how large it is.
/// Returns the size in bytes.
///
/// # Errors
/// When a tool is missing, something does not build, or the package is not as it should be.
pub(crate) fn run(named: &[AndroidTarget]) -> Result<u64> {
    let tools = kotlin::prepare()?;
    maven::compile(&tools, false)?;
    let targets = if named.is_empty() { &AndroidTarget::TESTED[..] } else { named };
    let libraries = targets.iter().map(|&target| Ok((target, android::build(target)?))).collect::<Result<Vec<_>>>()?;
    pack(&tools, &maven::aar(&libraries, "")?, targets)
}

/// Packs the app that Maven has compiled, with everything of Hallpass from the library's own archive; as [`run`].
///
/// # Errors
/// As [`run`].
pub(crate) fn pack(tools: &Tools, aar: &[u8], targets: &[AndroidTarget]) -> Result<u64> {
    let built = workspace::root().join("android-app/target");
    let app = App {
        parts: built.join("parts"),
        linked: built.join("linked"),
        output: built.join("apk"),
        library: archive::read(aar)?,
        tools,
    };
    fs::create_dir_all(&app.output).context("cannot write to android-app/target")?;
    let shrunk = app.shrink()?;
    let aligned = app.output.join("aligned.apk");
    fs::write(&aligned, archive::write(&app.entries(&shrunk, targets)?)?)?;
    let package = app.sign(&aligned)?;
    let content = fs::read(&package)?;
    inspect::judge(NAME, &app.problems(&package, &archive::read(&content)?, targets)?)?;
    println!("{} is signed, verified and as it should be", package.display());
    let size = u64::try_from(content.len())?;
    println!("\n{}", table(["package", "size"], &[(NAME.to_owned(), vec![size])]));
    Ok(size)
}

struct App<'a> {
    /// What the app is made of: the class path, R8, the framework, JNA.
    parts: PathBuf,
    /// What aapt2 made.
    linked: PathBuf,
    output: PathBuf,
    /// What is in the AAR.
    library: Vec<Entry>,
    tools: &'a Tools,
}

impl App<'_> {
    /// The app's code and that of all that it needs, shrunk: an archive. What was shrunk from the same is kept.
    fn shrink(&self) -> Result<PathBuf> {
        let class_path = fs::read_to_string(self.parts.join("class-path")).context("Maven left no class path")?;
        let mut programs_of_app = vec![self.of_library("classes.jar")?];
        // What Maven has beside its modules are the same classes.
        let modules = workspace::root().join("bindings/kotlin");
        let others = class_path.trim().split(':').map(PathBuf::from).filter(|part| !is_below(part, &modules));
        for part in others.chain([self.classes()]) {
            programs_of_app.extend(programs(&part)?);
        }
        let rules = self.output.join("rules.pro");
        fs::write(&rules, RULES_OF_ANDROID)?;
        let rules = [rules, self.linked.join("rules.pro"), self.of_library("proguard.txt")?];
        let (shrunk, stamp) = (self.output.join("shrunk.zip"), self.output.join("shrunk.stamp"));
        let made_of = stamp_of(programs_of_app.iter().chain(&rules).chain([&self.parts.join("r8.jar")]))?;
        if shrunk.is_file() && fs::read_to_string(&stamp).is_ok_and(|before| before == made_of) {
            println!("found the app's code, shrunk");
            return Ok(shrunk);
        }
        let arguments = self.output.join("inputs");
        let inputs: Vec<String> = programs_of_app.iter().map(|file| file.display().to_string()).collect();
        fs::write(&arguments, inputs.join("\n"))?;
        println!("shrinking the app with R8");
        let mut r8 = self.r8("R8");
        // Full mode is what it does unless told to be compatible with ProGuard.
        r8.args(["--release", "--min-api", LEVELS[0]]).arg("--lib").arg(self.parts.join("framework.jar"));
        // Android has Java's own classes too; the framework's file does not.
        r8.arg("--lib").arg(java_home()?);
        r8.args(rules.iter().flat_map(|rules| ["--pg-conf".as_ref(), rules.as_os_str()]));
        r8.arg("--pg-map-output").arg(self.output.join("mapping.txt")).arg("--output").arg(&shrunk);
        // What it warns of is that two jars have the same licence.
        process::read(r8.arg(format!("@{}", arguments.display())), TOOL)?;
        fs::write(stamp, made_of)?;
        Ok(shrunk)
    }

    fn in_library(&self, name: &str) -> Result<Vec<u8>> {
        let entry = self.library.iter().find(|entry| entry.name == name);
        entry.with_context(|| format!("the AAR has no {name}"))?.content()
    }

    /// A file of the AAR, where programs can read it.
    fn of_library(&self, name: &str) -> Result<PathBuf> {
        let file = self.output.join(name);
        fs::write(&file, self.in_library(name)?)?;
        Ok(file)
    }

    fn classes(&self) -> PathBuf {
        self.parts.with_file_name("classes")
    }

    fn r8(&self, program: &str) -> Command {
        let mut java = Command::new("java");
        // It does not run for long enough to be worth the better of the two compilers.
        java.args(["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]);
        java.arg("-cp").arg(self.parts.join("r8.jar")).arg(format!("com.android.tools.r8.{program}"));
        java
    }

    /// All that is in the package: resources as aapt2 linked them, code, and libraries.
    fn entries(&self, shrunk: &Path, targets: &[AndroidTarget]) -> Result<Vec<Entry>> {
        let mut entries = read(&self.linked.join("lab.apk"))?;
        for entry in read(shrunk)? {
            if is_code(&entry) || entry.name.starts_with("META-INF/services/") {
                let content = entry.content()?;
                entries.push(Entry::deflated(entry.name, &content)?);
            }
        }
        let jna = read(&self.parts.join("jna.aar"))?;
        for &target in targets {
            let folder = format!("lib/{}", target.abi());
            let ours = self.in_library(&format!("jni/{}/{FILE_NAME}", target.abi()))?;
            entries.push(Entry::stored(format!("{folder}/{FILE_NAME}"), ours));
            let wanted = format!("jni/{}/{JNA}", target.abi());
            let library = jna.iter().find(|entry| entry.name == wanted).context("JNA has no such processor")?;
            entries.push(Entry::stored(format!("{folder}/{JNA}"), library.content()?));
        }
        Ok(entries)
    }

    /// Signed with a key for trials, which is made once.
    fn sign(&self, aligned: &Path) -> Result<PathBuf> {
        let [owner, password] = DEBUG_KEY;
        let keystore = workspace::cache()?.join("apksigner/debug.keystore");
        if !keystore.is_file() {
            let mut keytool = Command::new("keytool");
            keytool.args(["-genkeypair", "-alias", "androiddebugkey", "-dname", owner, "-validity", "10000"]);
            keytool.args(["-keyalg", "RSA", "-keysize", "2048", "-storepass", password, "-keystore"]);
            process::read(keytool.arg(&keystore), TOOL)?;
        }
        let package = self.output.join(NAME);
        let mut sign = self.tools.apksigner.command();
        sign.args([
            "sign",
            "--v4-signing-enabled",
            "false",
            "--min-sdk-version",
            LEVELS[0],
            "--ks-pass",
            &format!("pass:{password}"),
            "--ks",
        ]);
        process::run(sign.arg(keystore).arg("--out").arg(&package).arg(aligned), TOOL)?;
        Ok(package)
    }

    /// What is wrong with the package. An empty list is the good news.
    fn problems(&self, package: &Path, entries: &[Entry], targets: &[AndroidTarget]) -> Result<Vec<String>> {
        let mut problems: Vec<String> = entries.iter().filter_map(Entry::problem).collect();
        let mut defined = BTreeSet::new();
        for entry in entries {
            let content = entry.content()?;
            if is_code(entry) {
                defined.extend(dex::classes(&content)?);
            }
            if let Some(abi) = entry.name.strip_prefix("lib/").and_then(|rest| rest.split('/').next()) {
                let target = targets.iter().find(|target| target.abi() == abi);
                let is_ready = target.is_some_and(|target| {
                    inspect::android::least_alignment(&content).is_ok_and(|least| least >= target.page())
                });
                if !is_ready {
                    problems.push(format!("{} is for another processor or for smaller pages", entry.name));
                }
            }
        }
        let manifest = self.aapt2(&["dump", "xmltree", "--file", "AndroidManifest.xml"], package)?;
        let of_library = String::from_utf8(self.in_library("AndroidManifest.xml")?)?;
        let of_library = of_library.split("android:name=\"dev.").skip(1).filter_map(|rest| rest.split('"').next());
        let named = components(&manifest).into_iter().chain(of_library.map(|name| format!("dev.{name}")));
        let missing = named.filter(|component| !defined.contains(component));
        problems.extend(missing.map(|component| format!("a manifest names {component}, which the code does not have")));
        let badging = self.aapt2(&["dump", "badging"], package)?;
        problems.extend(problems_of_badging(&badging, targets));
        problems.extend(self.problems_of_signature(package)?);
        // Reads every class of it again, and says so where one is not well-formed.
        let mut d8 = self.r8("D8");
        d8.args(["--min-api", LEVELS[0], "--output"]).arg(self.output.join("read-again.zip"));
        process::read(d8.arg(self.output.join("shrunk.zip")), TOOL).context("the code cannot be read again")?;
        Ok(problems)
    }

    fn problems_of_signature(&self, package: &Path) -> Result<Vec<String>> {
        let mut verify = self.tools.apksigner.command();
        verify.args(["verify", "--verbose", "--min-sdk-version", LEVELS[0], "--max-sdk-version", LEVELS[1]]);
        let told = process::read(verify.arg(package), TOOL)?;
        Ok(["v2", "v3"]
            .iter()
            .filter(|scheme| !is_verified(&told, scheme))
            .map(|scheme| format!("it has no signature by scheme {scheme}"))
            .collect())
    }

    fn aapt2(&self, words: &[&str], package: &Path) -> Result<String> {
        process::read(Command::new(&self.tools.aapt2.program).args(words).arg(package), TOOL)
    }
}

/// The library by which Java's side of JNA reaches ours.
const JNA: &str = "libjnidispatch.so";

fn read(archive: &Path) -> Result<Vec<Entry>> {
    let content = fs::read(archive).with_context(|| format!("cannot read {}", archive.display()))?;
    archive::read(&content).with_context(|| archive.display().to_string())
}

fn is_code(entry: &Entry) -> bool {
    entry.name.starts_with("classes") && entry.name.ends_with(".dex")
}

/// By what the file system calls both.
fn is_below(part: &Path, folder: &Path) -> bool {
    part.canonicalize().is_ok_and(|part| folder.canonicalize().is_ok_and(|folder| part.starts_with(folder)))
}

/// Other files, or the same files with another content, have another stamp.
fn stamp_of<'a>(files: impl Iterator<Item = &'a PathBuf>) -> Result<String> {
    let mut hasher = DefaultHasher::new();
    for file in files {
        file.hash(&mut hasher);
        fs::read(file).with_context(|| format!("cannot read {}", file.display()))?.hash(&mut hasher);
    }
    Ok(format!("{:016x}", hasher.finish()))
}

/// The folder of the JDK: the one that is named, or that of the program that is started.
fn java_home() -> Result<PathBuf> {
    if let Some(named) = std::env::var_os("JAVA_HOME") {
        return Ok(PathBuf::from(named));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let java = std::env::split_paths(&path).map(|folder| folder.join("java")).find(|java| java.is_file());
    let java = java.context("there is no java on the path")?.canonicalize()?;
    java.ancestors().nth(2).map(Path::to_owned).context("java stands in no JDK")
}

/// The archive, or each class in the folder.
fn programs(part: &Path) -> Result<Vec<PathBuf>> {
    if !part.is_dir() {
        return Ok(vec![part.to_owned()]);
    }
    let mut found = Vec::new();
    let mut folders = vec![part.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "class") {
                found.push(path);
            }
        }
    }
    // The order of a folder is nobody's, and the same app makes the same package.
    found.sort();
    Ok(found)
}

/// The classes that a manifest names, as `aapt2 dump xmltree` prints it: elements by their indentation, each attribute on a
/// line of its own.
fn components(manifest: &str) -> BTreeSet<String> {
    const ELEMENTS: [&str; 5] = ["application", "activity", "service", "receiver", "provider"];
    let mut names = BTreeSet::new();
    let mut element = "";
    for line in manifest.lines().map(str::trim) {
        if let Some(begun) = line.strip_prefix("E: ") {
            element = begun.split(' ').next().unwrap_or_default();
        } else if ELEMENTS.contains(&element)
            && let Some((_, value)) = line.split_once(":name(0x01010003)=\"")
        {
            names.extend(value.split('"').next().map(str::to_owned));
        }
    }
    names
}

fn problems_of_badging(badging: &str, targets: &[AndroidTarget]) -> Vec<String> {
    let abis: Vec<String> = targets.iter().map(|target| format!("'{}'", target.abi())).collect();
    let [least, target] = LEVELS;
    let wanted = [
        "package: name='com.example.hallpass.lab' versionCode='1'".to_owned(),
        format!("sdkVersion:'{least}'"),
        format!("targetSdkVersion:'{target}'"),
        "launchable-activity: name='com.example.hallpass.lab.MainActivity'".to_owned(),
        format!("native-code: {}", abis.join(" ")),
    ];
    let missing = wanted.iter().filter(|wanted| !badging.lines().any(|line| line.starts_with(wanted.as_str())));
    let mut problems: Vec<String> = missing.map(|wanted| format!("it does not say {wanted}")).collect();
    if badging.contains("application-debuggable") {
        problems.push("it can be debugged".to_owned());
    }
    problems
}

/// From `Verified using v2 scheme (APK Signature Scheme v2): true`.
fn is_verified(told: &str, scheme: &str) -> bool {
    let begin = format!("Verified using {scheme} scheme ");
    told.lines().any(|line| line.starts_with(&begin) && line.ends_with(": true"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn components_are_read_from_the_manifest_and_nothing_else() {
        let manifest = "N: android=http://schemas.android.com/apk/res/android (line=2)\n\
            \x20 E: manifest (line=2)\n\
            \x20     E: uses-permission (line=4)\n\
            \x20       A: http://schemas.android.com/apk/res/android:name(0x01010003)=\"android.permission.INTERNET\" (Raw: \"a\")\n\
            \x20     E: application (line=18)\n\
            \x20       A: http://schemas.android.com/apk/res/android:name(0x01010003)=\"com.example.App\" (Raw: \"x\")\n\
            \x20         E: activity (line=30)\n\
            \x20           A: http://schemas.android.com/apk/res/android:name(0x01010003)=\"com.example.Main\" (Raw: \"y\")\n\
            \x20             E: action (line=35)\n\
            \x20               A: http://schemas.android.com/apk/res/android:name(0x01010003)=\"android.intent.action.MAIN\"\n";
        assert_eq!(components(manifest), BTreeSet::from(["com.example.App".to_owned(), "com.example.Main".to_owned()]));
    }

    #[test]
    fn class_that_changes_is_shrunk_again() {
        let folder = tempfile::tempdir().unwrap();
        let class = folder.path().join("A.class");
        let stamp = |content: &str| {
            fs::write(&class, content).unwrap();
            stamp_of([&class].into_iter()).unwrap()
        };
        let before = stamp("one");
        assert_eq!(stamp("one"), before);
        assert_ne!(stamp("two"), before);
    }

    #[test]
    fn signature_counts_only_when_it_is_verified() {
        let told = "Verified using v2 scheme (APK Signature Scheme v2): true\nVerified using v3 scheme (x): false\n";
        assert!(is_verified(told, "v2"));
        assert!(!is_verified(told, "v3") && !is_verified(told, "v4") && !is_verified("", "v2"));
    }

    #[test]
    fn package_for_another_processor_or_to_be_debugged_is_caught() {
        let good = "package: name='com.example.hallpass.lab' versionCode='1' versionName='0.1.0'\nsdkVersion:'26'\n\
            targetSdkVersion:'36'\nlaunchable-activity: name='com.example.hallpass.lab.MainActivity'  label=''\n\
            native-code: 'arm64-v8a'\n";
        assert_eq!(problems_of_badging(good, &[AndroidTarget::Arm64]), <[String; 0]>::default());
        assert_eq!(problems_of_badging(good, &[AndroidTarget::X86_64]).len(), 1);
        let other = format!("{}application-debuggable\n", good.replace("'26'", "'21'"));
        assert_eq!(problems_of_badging(&other, &[AndroidTarget::Arm64]).len(), 2);
    }
}
