//! A repository as Maven and Gradle read it: `hallpass` for a JVM, `hallpass-android`, and `hallpass-okhttp` for both.
//!
//! Gradle reads the module metadata: to an Android app `hallpass` stands for `hallpass-android`, whoever asks for it. Maven
//! reads the POMs, and takes `hallpass` for a JVM.

use std::env::consts::{ARCH, OS};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use md5::Md5;
use serde_json::json;
use sha1::Sha1;
use sha2::digest::Digest;
use sha2::{Sha256, Sha512};

use super::native::Built;
use super::{NOTICES, entries, hex, licences, workspace_field};
use crate::archive::{self, Entry};
use crate::inspect::android::FILE_NAME;
use crate::setup::kotlin::{self, Tools};
use crate::targets::AndroidTarget;
use crate::{process, test, workspace};

/// The folder that Maven and the sources share.
const KOTLIN: &str = "bindings/kotlin";

/// The modules of Maven's project that ship, and where each has its sources.
const MODULES: [&str; 4] = ["ffi", "hallpass", "android", "okhttp"];

/// What is published under one name; `bindings/kotlin/release` has its POM and its module metadata.
struct Module<'a> {
    name: &'static str,
    version: &'a str,
    packaging: &'static str,
    content: Vec<u8>,
    sources: Vec<Entry>,
}

/// Writes the repository.
///
/// # Errors
/// When Maven does not compile the modules, or a file cannot be written.
pub(super) fn write(repository: &Path, version: &str, built: &Built, notices: &str, from_nothing: bool) -> Result<()> {
    compile(&kotlin::prepare()?, from_nothing)?;
    for module in modules(version, built, notices)? {
        module.write(&repository.join("dev/hallpass"))?;
    }
    Ok(())
}

fn kotlin() -> PathBuf {
    workspace::root().join(KOTLIN)
}

/// Compiles the modules and the app. What another suite has compiled from the sources as they are is not compiled again; a
/// release begins anew, so that no class is left of a source that is gone.
///
/// # Errors
/// When there is no Maven, or something does not compile.
pub(crate) fn compile(tools: &Tools, from_nothing: bool) -> Result<()> {
    let app = workspace::root().join("android-app");
    let mut pairs: Vec<(PathBuf, PathBuf)> = MODULES
        .map(|module| (kotlin().join("src").join(module).join("kotlin"), kotlin().join(module).join("target/classes")))
        .into();
    if from_nothing {
        for (_, classes) in pairs.iter().filter(|(_, classes)| classes.exists()) {
            fs::remove_dir_all(classes)?;
        }
    }
    pairs.push((app.join("app/src/main"), app.join("target/classes")));
    if pairs.iter().all(|(sources, classes)| is_newer(classes, sources).unwrap_or(false)) {
        println!("found the Kotlin modules, compiled");
        return Ok(());
    }
    let words = ["--quiet", "--projects", ":hallpass-lab-android,:hallpass-okhttp", "--also-make", "process-classes"];
    process::run(&mut tools.maven(words), test::COMPILE)
}

/// Whether every file of one folder was written after every file of the other.
fn is_newer(classes: &Path, sources: &Path) -> Result<bool> {
    let times = |folder| -> Result<Vec<_>> {
        super::files(folder)?.values().map(|file| Ok(fs::metadata(file)?.modified()?)).collect()
    };
    Ok(times(sources)?.into_iter().max() < times(classes)?.into_iter().min())
}

fn modules<'a>(version: &'a str, built: &Built, notices: &str) -> Result<[Module<'a>; 3]> {
    // By this name JNA finds it on the class path.
    let place = format!("{}-{}/", if OS == "macos" { "darwin" } else { OS }, ARCH.replace('_', "-"));
    let file = built.library.file_name().context("a library has a name")?.to_string_lossy();
    let native = Entry::deflated(format!("{place}{file}"), &fs::read(&built.library)?)?;
    let module = |name, packaging, content, parts| -> Result<Module<'a>> {
        Ok(Module { name, version, packaging, content, sources: sources(parts)? })
    };
    Ok([
        module("hallpass", "jar", jar(&MODULES[..2], vec![native], Some(notices))?, &MODULES[..2])?,
        module("hallpass-android", "aar", aar(&built.android, notices)?, &MODULES[..3])?,
        module("hallpass-okhttp", "jar", jar(&MODULES[3..], Vec::new(), None)?, &MODULES[3..])?,
    ])
}

/// A version that the project's POM states.
///
/// # Errors
/// When it states none by this name.
pub(crate) fn property(name: &str) -> Result<String> {
    let pom = fs::read_to_string(kotlin().join("pom.xml"))?;
    let value = pom.split_once(&format!("<{name}>")).and_then(|(_, rest)| rest.split_once('<'));
    value.map(|(value, _)| value.to_owned()).with_context(|| format!("{KOTLIN}/pom.xml has no {name}"))
}

/// The classes of these modules of Maven's project, and whatever else there is to be on the class path.
fn jar(modules: &[&str], more: Vec<Entry>, notices: Option<&str>) -> Result<Vec<u8>> {
    let mut all = more;
    for module in modules {
        all.extend(entries(&kotlin().join(module).join("target/classes"), "")?);
    }
    for (name, content) in licences()?.into_iter().chain(notices.map(|text| (NOTICES.to_owned(), text.into()))) {
        all.push(Entry::deflated(format!("META-INF/dev.hallpass/{name}"), &content)?);
    }
    archive_of(all)
}

/// Sorted, but that the manifest comes first, as the tools of Java want it.
fn archive_of(mut entries: Vec<Entry>) -> Result<Vec<u8>> {
    entries.sort_by(|one, other| one.name.cmp(&other.name));
    entries.insert(0, Entry::deflated("META-INF/MANIFEST.MF".to_owned(), b"Manifest-Version: 1.0\r\n\r\n")?);
    archive::write(&entries)
}

fn sources(modules: &[&str]) -> Result<Vec<Entry>> {
    modules.iter().try_fold(Vec::new(), |mut all, module| {
        all.extend(entries(&kotlin().join("src").join(module).join("kotlin"), "")?);
        Ok(all)
    })
}

/// As Android's own build makes one: manifest, classes, rules for those who shrink, and a library for each processor.
///
/// # Errors
/// When a part of it cannot be read.
pub(crate) fn aar(libraries: &[(AndroidTarget, PathBuf)], notices: &str) -> Result<Vec<u8>> {
    let android = kotlin().join("src/android");
    // Gradle's plugin takes both from the build script, and refuses them in the source.
    let manifest = fs::read_to_string(android.join("AndroidManifest.xml"))?
        .replacen("<manifest ", "<manifest package=\"dev.hallpass.android\" ", 1)
        .replacen("    <uses-permission", "    <uses-sdk android:minSdkVersion=\"26\" />\n    <uses-permission", 1);
    let metadata = "aarFormatVersion=1.0\naarMetadataVersion=1.0\nminCompileSdk=26\nminCompileSdkExtension=0\n\
        minAndroidGradlePluginVersion=1.0.0\ncoreLibraryDesugaringEnabled=false\n";
    let files = [
        ("AndroidManifest.xml", manifest.into_bytes()),
        ("META-INF/com/android/build/gradle/aar-metadata.properties", metadata.into()),
        ("R.txt", Vec::new()),
        ("classes.jar", jar(&["ffi", "hallpass", "android"], Vec::new(), Some(notices))?),
        ("proguard.txt", fs::read(android.join("consumer-rules.pro"))?),
    ];
    let mut all = files
        .into_iter()
        .map(|(name, content)| Entry::deflated(name.to_owned(), &content))
        .collect::<Result<Vec<_>>>()?;
    for (target, library) in libraries {
        all.push(Entry::deflated(format!("jni/{}/{FILE_NAME}", target.abi()), &fs::read(library)?)?);
    }
    all.sort_by(|one, other| one.name.cmp(&other.name));
    archive::write(&all)
}

impl Module<'_> {
    /// All files of one version, each with its checksums.
    fn write(self, group: &Path) -> Result<()> {
        let folder = group.join(self.name).join(self.version);
        fs::create_dir_all(&folder)?;
        let stem = format!("{}-{}", self.name, self.version);
        let documentation = format!("The documentation stands in the sources: {stem}-sources.jar.\n");
        let documentation = vec![Entry::deflated("README.md".to_owned(), documentation.as_bytes())?];
        for (ending, content) in [
            (".pom".to_owned(), self.description("pom")?),
            (".module".to_owned(), self.description("module")?),
            (format!(".{}", self.packaging), self.content),
            ("-sources.jar".to_owned(), archive_of(self.sources)?),
            ("-javadoc.jar".to_owned(), archive_of(documentation)?),
        ] {
            let file = folder.join(format!("{stem}{ending}"));
            for (name, sum) in checksums(&content) {
                fs::write(format!("{}.{name}", file.display()), sum)?;
            }
            fs::write(file, content)?;
        }
        Ok(())
    }

    /// How Maven or Gradle is told of it, with the versions that the project's own POM states.
    fn description(&self, ending: &str) -> Result<Vec<u8>> {
        let name = format!("{}-{}.{}", self.name, self.version, self.packaging);
        let mut file = json!({ "name": name, "url": name, "size": self.content.len() });
        for (name, sum) in checksums(&self.content) {
            file[name] = sum.into();
        }
        let template = fs::read_to_string(kotlin().join("release").join(format!("{}.{ending}", self.name)))?;
        let mut text = template.replace("{version}", self.version).replace("{file}", &file.to_string());
        text = text.replace("{repository}", &workspace_field("repository")?);
        for name in ["kotlin.version", "coroutines.version", "jna.version", "okhttp.version"] {
            text = text.replace(&format!("{{{name}}}"), &property(name)?);
        }
        Ok(text.into_bytes())
    }
}

/// Under the names that they have as endings of files.
fn checksums(content: &[u8]) -> [(&'static str, String); 4] {
    [
        ("md5", hex(&Md5::digest(content))),
        ("sha1", hex(&Sha1::digest(content))),
        ("sha256", hex(&Sha256::digest(content))),
        ("sha512", hex(&Sha512::digest(content))),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn module(name: &'static str, packaging: &'static str) -> Module<'static> {
        Module { name, version: "1.2.3", packaging, content: b"abc".to_vec(), sources: Vec::new() }
    }

    fn metadata(name: &'static str, packaging: &'static str) -> Value {
        serde_json::from_slice(&module(name, packaging).description("module").unwrap()).unwrap()
    }

    #[test]
    fn android_app_that_asks_for_the_library_is_led_to_the_one_for_android() {
        let (library, android) = (metadata("hallpass", "jar"), metadata("hallpass-android", "aar"));
        for place in [0, 1] {
            let (variant, there) = (&library["variants"][place + 2], &android["variants"][place]);
            let url = "../../hallpass-android/1.2.3/hallpass-android-1.2.3.module";
            assert_eq!((&variant["available-at"]["url"], &variant["name"]), (&json!(url), &there["name"]));
            assert_eq!(variant["attributes"], there["attributes"]);
        }
    }

    #[test]
    fn maven_and_gradle_are_told_of_the_same_needs_and_of_the_file_as_it_is() {
        for (name, packaging) in [("hallpass", "jar"), ("hallpass-android", "aar"), ("hallpass-okhttp", "jar")] {
            let pom = String::from_utf8(module(name, packaging).description("pom").unwrap()).unwrap();
            let told = metadata(name, packaging);
            let needs = told["variants"][1]["dependencies"].as_array().unwrap();
            assert_eq!(pom.matches("<dependency>").count(), needs.len(), "{name}");
            for need in needs {
                let [artifact, version] =
                    [&need["module"], &need["version"]["requires"]].map(|text| text.as_str().unwrap());
                let place =
                    pom.find(&format!("<artifactId>{artifact}")).unwrap_or_else(|| panic!("{name}: {artifact}"));
                assert!(
                    pom[place..].split("</dependency>").next().unwrap().contains(&format!("<version>{version}<")),
                    "{artifact}"
                );
            }
            let file = &told["variants"][0]["files"][0];
            assert_eq!(file["name"], format!("{name}-1.2.3.{packaging}"));
            assert_eq!((&file["size"], &file["md5"]), (&json!(3), &json!("900150983cd24fb0d6963f7d28e17f72")));
            assert!(!pom.contains('{') && pom.contains(&format!("<packaging>{packaging}<")), "{pom}");
        }
    }

    #[test]
    fn jna_for_android_is_an_archive_for_android() {
        let need = metadata("hallpass-android", "aar")["variants"][1]["dependencies"][2].clone();
        assert_eq!(need["thirdPartyCompatibility"]["artifactSelector"]["type"], "aar");
        let pom = module("hallpass-android", "aar").description("pom").unwrap();
        assert!(String::from_utf8(pom).unwrap().contains("<type>aar</type>"));
    }

    #[test]
    fn checksums_are_those_of_the_file_beside_which_they_stand() {
        let folder = tempfile::tempdir().unwrap();
        module("hallpass", "jar").write(folder.path()).unwrap();
        let file = folder.path().join("hallpass/1.2.3/hallpass-1.2.3.jar");
        let sum = |ending: &str| fs::read_to_string(format!("{}.{ending}", file.display())).unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"abc");
        assert_eq!(sum("md5"), "900150983cd24fb0d6963f7d28e17f72");
        assert_eq!(sum("sha1"), "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert!(sum("sha512").starts_with("ddaf35a193617aba"));
    }
}
