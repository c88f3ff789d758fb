//! What ships besides our own code: a bill of materials (CycloneDX 1.6), and the licences with their texts.
//!
//! Both are read from the dependencies as cargo resolves them for the systems that a release is made for. Crates that only
//! build, test or measure are not in them. What a JVM or Android fetches for itself is not in them either: the POMs name it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::LIMIT;
use crate::process;
use crate::workspace::{self, cargo};

/// Of each, the code of the others is contained.
const SHIPPED: [&str; 2] = ["hallpass", "hallpass-lab"];

const SYSTEMS: [&str; 7] = [
    "x86_64-unknown-linux-gnu",
    "aarch64-unknown-linux-gnu",
    "aarch64-apple-ios",
    "aarch64-apple-darwin",
    "x86_64-apple-darwin",
    "aarch64-linux-android",
    "armv7-linux-androideabi",
];

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
        let mut metadata = cargo(["metadata", "--locked", "--format-version", "1"]);
        metadata.args(SYSTEMS.iter().flat_map(|system| ["--filter-platform", system]));
        let metadata: Value = serde_json::from_str(&process::read(&mut metadata, LIMIT)?)?;
        let lock: toml::Table = fs::read_to_string(workspace::root().join("Cargo.lock"))?.parse()?;
        let packages = lock["package"].as_array().context("Cargo.lock names no package")?;
        let field = |package: &toml::Value, name| Some(package.get(name)?.as_str()?.to_owned());
        let sum = |package| Some(((field(package, "name")?, field(package, "version")?), field(package, "checksum")?));
        Ok(Self { crates: shipped(&metadata)?, sums: packages.iter().filter_map(sum).collect() })
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

/// The crates whose code is in what ships. Ours are under the licence that stands beside, and are passed over.
fn shipped(metadata: &Value) -> Result<BTreeMap<(String, String), Value>> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let packages: BTreeMap<String, Value> =
        list(&metadata["packages"]).into_iter().map(|one| (text(&one["id"]), one)).collect();
    let nodes: BTreeMap<String, Value> =
        list(&metadata["resolve"]["nodes"]).into_iter().map(|one| (text(&one["id"]), one)).collect();
    let roots = packages.iter().filter(|(_, one)| SHIPPED.contains(&text(&one["name"]).as_str()));
    let mut waiting: Vec<String> = roots.map(|(id, _)| id.clone()).collect();
    let (mut seen, mut crates) = (BTreeSet::new(), BTreeMap::new());
    while let Some(id) = waiting.pop() {
        if !seen.insert(id.clone()) {
            continue;
        }
        let (Some(package), Some(node)) = (packages.get(&id), nodes.get(&id)) else { bail!("cargo knows no {id}") };
        if package["source"].is_string() {
            crates.insert((text(&package["name"]), text(&package["version"])), package.clone());
        }
        for dependency in list(&node["deps"]) {
            if list(&dependency["dep_kinds"]).iter().any(|kind| kind["kind"].is_null()) {
                waiting.push(text(&dependency["pkg"]));
            }
        }
    }
    Ok(crates)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_that_only_build_or_test_are_not_in_the_bill() {
        let package = |name: &str, source: Value| json!({ "id": name, "name": name, "version": "1.0.0", "source": source, "license": "MIT/Apache-2.0" });
        let dependency = |name: &str, kind: Value| json!({ "pkg": name, "dep_kinds": [{ "kind": kind }] });
        let registry = json!("registry");
        let metadata = json!({
            "packages": [
                package("hallpass", Value::Null), package("ring", registry.clone()), package("cc", registry.clone()),
                package("proptest", registry.clone()), package("untrusted", registry),
            ],
            "resolve": { "nodes": [
                { "id": "hallpass", "deps": [dependency("ring", Value::Null), dependency("proptest", json!("dev"))] },
                { "id": "ring", "deps": [dependency("cc", json!("build")), dependency("untrusted", Value::Null)] },
                { "id": "cc", "deps": [] }, { "id": "proptest", "deps": [] }, { "id": "untrusted", "deps": [] },
            ] },
        });
        let bill = Bill { crates: shipped(&metadata).unwrap(), sums: BTreeMap::new() };
        let names: Vec<&str> = bill.crates.keys().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["ring", "untrusted"]);
        let told: Value = serde_json::from_str(&bill.cyclone_dx("0.1.0").unwrap()).unwrap();
        assert_eq!(told["components"][0]["purl"], "pkg:cargo/ring@1.0.0");
        assert_eq!(told["components"][0]["licenses"][0]["expression"], "MIT OR Apache-2.0");
    }

    #[test]
    fn crate_without_a_licence_is_an_error() {
        assert!(expression(&json!({ "name": "odd", "license": null })).unwrap_err().to_string().contains("odd"));
    }
}
