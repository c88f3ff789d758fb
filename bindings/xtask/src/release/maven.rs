//! A repository as Maven and Gradle read it: `hallpass` for a JVM, `hallpass-android`, and `hallpass-okhttp` for both.
//!
//! Gradle reads the module metadata: to an Android app `hallpass` stands for `hallpass-android`, whoever asks for it. Maven
//! reads the POMs, and takes `hallpass` for a JVM.

use std::env::consts::{ARCH, OS};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use md5::Md5;
use serde_json::{Value, json};
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

const GROUP: &str = "dev.hallpass";

/// The folder that Maven and the sources share.
const KOTLIN: &str = "bindings/kotlin";

/// The modules of Maven's project that ship, and where each has its sources.
const MODULES: [&str; 4] = ["ffi", "hallpass", "android", "okhttp"];

/// What a module needs: the coordinates for Gradle, the name that Maven has for the same, the version, and whether those who
/// use the module use it too.
struct Dependency {
    group: &'static str,
    name: &'static str,
    maven: &'static str,
    version: String,
    is_public: bool,
    /// Of the file, where it is no JAR.
    kind: Option<&'static str>,
}

struct Module<'a> {
    name: &'static str,
    description: &'static str,
    version: &'a str,
    packaging: &'static str,
    dependencies: Vec<Dependency>,
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
    let library = |group, name, maven, stated, is_public| -> Result<Dependency> {
        Ok(Dependency { group, name, maven, version: property(stated)?, is_public, kind: None })
    };
    let stdlib = || library("org.jetbrains.kotlin", "kotlin-stdlib", "kotlin-stdlib", "kotlin.version", true);
    let jna = |kind| -> Result<Dependency> {
        Ok(Dependency { kind, ..library("net.java.dev.jna", "jna", "jna", "jna.version", false)? })
    };
    let coroutines = || {
        let name = "kotlinx-coroutines-core";
        library("org.jetbrains.kotlinx", name, "kotlinx-coroutines-core-jvm", "coroutines.version", true)
    };
    let own = Dependency {
        group: GROUP,
        name: "hallpass",
        maven: "hallpass",
        version: version.to_owned(),
        is_public: true,
        kind: None,
    };

    // By this name JNA finds it on the class path.
    let place = format!("{}-{}/", if OS == "macos" { "darwin" } else { OS }, ARCH.replace('_', "-"));
    let file = built.library.file_name().context("a library has a name")?.to_string_lossy();
    let native = Entry::deflated(format!("{place}{file}"), &fs::read(&built.library)?)?;
    Ok([
        Module {
            name: "hallpass",
            description: "Sign-in for native apps: login, renewal and secure storage.",
            version,
            packaging: "jar",
            dependencies: vec![stdlib()?, coroutines()?, jna(None)?],
            content: jar(&["ffi", "hallpass"], vec![native], Some(notices))?,
            sources: sources(&["ffi", "hallpass"])?,
        },
        Module {
            name: "hallpass-android",
            description: "Hallpass for Android: the Keystore, Auth and Custom Tabs.",
            version,
            packaging: "aar",
            dependencies: vec![stdlib()?, coroutines()?, jna(Some("aar"))?],
            content: aar(&built.android, notices)?,
            sources: sources(&["ffi", "hallpass", "android"])?,
        },
        Module {
            name: "hallpass-okhttp",
            description: "Hallpass for OkHttp: an interceptor and an authenticator.",
            version,
            packaging: "jar",
            dependencies: vec![
                stdlib()?,
                own,
                library("com.squareup.okhttp3", "okhttp", "okhttp-jvm", "okhttp.version", true)?,
            ],
            content: jar(&["okhttp"], Vec::new(), None)?,
            sources: sources(&["okhttp"])?,
        },
    ])
}

/// A version that the project's POM states.
///
/// # Errors
/// When it states none by this name.
pub(crate) fn property(name: &str) -> Result<String> {
    property_of(&fs::read_to_string(kotlin().join("pom.xml"))?, name)
}

fn property_of(pom: &str, name: &str) -> Result<String> {
    let value = pom.split_once(&format!("<{name}>")).and_then(|(_, rest)| rest.split_once('<'));
    value.map(|(value, _)| value.to_owned()).with_context(|| format!("{KOTLIN}/pom.xml has no {name}"))
}

/// The classes of these modules of Maven's project, and whatever else there is to be on the class path.
fn jar(modules: &[&str], more: Vec<Entry>, notices: Option<&str>) -> Result<Vec<u8>> {
    let mut all = more;
    for module in modules {
        all.extend(entries(&kotlin().join(module).join("target/classes"), "", |_| true)?);
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
        all.extend(entries(&kotlin().join("src").join(module).join("kotlin"), "", |_| true)?);
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
        let documentation = format!(
            "# {}\n\nThe sources carry the documentation of everything public: {stem}-sources.jar.\n",
            self.name
        );
        let documentation = vec![Entry::deflated("README.md".to_owned(), documentation.as_bytes())?];
        let metadata = serde_json::to_string_pretty(&self.metadata())?;
        for (ending, content) in [
            (format!(".{}", self.packaging), self.content.clone()),
            (".pom".to_owned(), self.pom()?.into_bytes()),
            (".module".to_owned(), metadata.into_bytes()),
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

    fn pom(&self) -> Result<String> {
        let url = workspace_field("repository")?;
        let dependencies: String = self.dependencies.iter().map(Dependency::pom).collect();
        let licences: String = [("MIT", "LICENSE-MIT"), ("Apache-2.0", "LICENSE-APACHE")]
            .map(|(name, file)| {
                format!("    <license><name>{name}</name><url>{url}/blob/v{}/{file}</url></license>\n", self.version)
            })
            .concat();
        let Module { name, description, version, packaging, .. } = self;
        Ok(format!(
            r#"<?xml version="1.0" encoding="UTF-8"?>
<!-- do_not_remove: published-with-gradle-metadata -->
<project xmlns="http://maven.apache.org/POM/4.0.0" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="http://maven.apache.org/POM/4.0.0 http://maven.apache.org/xsd/maven-4.0.0.xsd">
  <modelVersion>4.0.0</modelVersion>
  <groupId>{GROUP}</groupId>
  <artifactId>{name}</artifactId>
  <version>{version}</version>
  <packaging>{packaging}</packaging>
  <name>{name}</name>
  <description>{description}</description>
  <url>{url}</url>
  <licenses>
{licences}  </licenses>
  <developers>
    <developer><name>The Hallpass maintainers</name></developer>
  </developers>
  <scm>
    <connection>scm:git:{url}.git</connection>
    <url>{url}</url>
  </scm>
  <dependencies>
{dependencies}  </dependencies>
</project>
"#
        ))
    }

    /// Gradle's module metadata, version 1.1.
    fn metadata(&self) -> Value {
        let (platform, environment) =
            if self.packaging == "aar" { ("androidJvm", "android") } else { ("jvm", "standard-jvm") };
        let mut variants = Vec::new();
        for (name, usage) in USAGES {
            let wanted = self.dependencies.iter().filter(|one| usage == "java-runtime" || one.is_public);
            variants.push(json!({
                "name": format!("{environment}{name}"),
                "attributes": attributes(platform, environment, usage, self.packaging),
                "dependencies": wanted.map(Dependency::metadata).collect::<Vec<_>>(),
                "files": [self.file()],
            }));
        }
        if self.name == "hallpass" {
            for (name, usage) in USAGES {
                let (module, version) = ("hallpass-android", self.version);
                variants.push(json!({
                    "name": format!("android{name}"),
                    "attributes": attributes("androidJvm", "android", usage, "aar"),
                    "available-at": {
                        "url": format!("../../{module}/{version}/{module}-{version}.module"),
                        "group": GROUP, "module": module, "version": version,
                    },
                }));
            }
        }
        json!({
            "formatVersion": "1.1",
            "component": {
                "group": GROUP, "module": self.name, "version": self.version,
                "attributes": { "org.gradle.status": "release" },
            },
            "variants": variants,
        })
    }

    fn file(&self) -> Value {
        let name = format!("{}-{}.{}", self.name, self.version, self.packaging);
        let mut file = json!({ "name": name, "url": name, "size": self.content.len() });
        for (name, sum) in checksums(&self.content) {
            file[name] = sum.into();
        }
        file
    }
}

/// What a variant is called, and what it is for.
const USAGES: [(&str, &str); 2] = [("ApiElements", "java-api"), ("RuntimeElements", "java-runtime")];

fn attributes(platform: &str, environment: &str, usage: &str, kind: &str) -> Value {
    let mut attributes = json!({
        "org.gradle.category": "library",
        "org.gradle.dependency.bundling": "external",
        "org.gradle.jvm.environment": environment,
        "org.gradle.libraryelements": kind,
        "org.gradle.usage": usage,
        "org.jetbrains.kotlin.platform.type": platform,
    });
    if environment == "standard-jvm" {
        attributes["org.gradle.jvm.version"] = 17.into();
    }
    attributes
}

impl Dependency {
    fn pom(&self) -> String {
        let scope = if self.is_public { "compile" } else { "runtime" };
        let kind = self.kind.map(|kind| format!("<type>{kind}</type>")).unwrap_or_default();
        format!(
            "    <dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version>{kind}<scope>{scope}</scope></dependency>\n",
            self.group, self.maven, self.version
        )
    }

    fn metadata(&self) -> Value {
        let mut told = json!({ "group": self.group, "module": self.name, "version": { "requires": self.version } });
        if let Some(kind) = self.kind {
            told["thirdPartyCompatibility"] =
                json!({ "artifactSelector": { "name": self.name, "type": kind, "extension": kind } });
        }
        told
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

    fn module(name: &'static str, packaging: &'static str) -> Module<'static> {
        let jna = Dependency {
            group: "net.java.dev.jna",
            name: "jna",
            maven: "jna",
            version: "5.1.0".to_owned(),
            is_public: false,
            kind: (packaging == "aar").then_some("aar"),
        };
        Module {
            name,
            description: "",
            version: "1.2.3",
            packaging,
            dependencies: vec![jna],
            content: b"abc".to_vec(),
            sources: Vec::new(),
        }
    }

    #[test]
    fn android_app_that_asks_for_the_library_is_led_to_the_one_for_android() {
        let told = module("hallpass", "jar").metadata();
        let android = told["variants"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|one| one["attributes"]["org.gradle.jvm.environment"] == "android");
        let target = module("hallpass-android", "aar").metadata();
        for (variant, there) in android.zip(target["variants"].as_array().unwrap()) {
            assert_eq!(variant["available-at"]["url"], "../../hallpass-android/1.2.3/hallpass-android-1.2.3.module");
            assert_eq!(variant["attributes"], there["attributes"]);
        }
        assert_eq!(told["variants"].as_array().unwrap().len(), 4);
    }

    #[test]
    fn jna_is_asked_for_at_run_time_and_on_android_as_an_archive_for_android() {
        let module = module("hallpass-android", "aar");
        let told = module.metadata();
        assert_eq!(told["variants"][0]["dependencies"], json!([]));
        assert_eq!(
            told["variants"][1]["dependencies"][0]["thirdPartyCompatibility"]["artifactSelector"]["type"],
            "aar"
        );
        assert!(module.pom().unwrap().contains("<version>5.1.0</version><type>aar</type><scope>runtime</scope>"));
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

    #[test]
    fn version_that_the_project_does_not_state_is_an_error() {
        assert_eq!(property_of("<a><jna.version>5.1</jna.version></a>", "jna.version").unwrap(), "5.1");
        assert!(property_of("<a/>", "jna.version").is_err());
    }
}
