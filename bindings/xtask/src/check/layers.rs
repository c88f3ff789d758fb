//! The layers of ARCHITECTURE.md, as rules that can be broken: who may depend on whom, and what a layer may name.

use anyhow::{Context, Result};
use toml::{Table, Value};

use super::Finding;
use crate::tokens;
use crate::workspace::{self, SourceFile};

/// What may stand at the top of the checkout.
const TOP_LEVEL: &[&str] = &[
    ".cargo",
    ".ci",
    ".github",
    ".gitattributes",
    ".gitignore",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "SECURITY.md",
    "android-app",
    "bindings",
    "clippy.toml",
    "core",
    "deny.toml",
    "ios-app",
    "rustfmt.toml",
    "tests",
];

/// Names that no source below `inside` may use, outside its tests and outside the folders in `except`.
struct NameRule {
    inside: &'static str,
    except: &'static [&'static str],
    never: &'static [&'static str],
    because: &'static str,
}

/// What the size of the library is measured against: the least that a library with the same foreign function interface is.
const BARE_PEER: &str = "tests/bench/peers/bare/";

const NAME_RULES: &[NameRule] = &[
    NameRule {
        inside: "core/protocol/src/",
        except: &[],
        never: &["std", "tokio", "reqwest", "getrandom", "rand", "SystemTime", "Instant"],
        because: "the protocol has no clock, network, storage or randomness: they are arguments",
    },
    NameRule {
        inside: "core/src/",
        except: &["core/src/adapters.rs", "core/src/adapters/"],
        never: &[
            "SystemTime::now",
            "Instant::now",
            "std::env",
            "std::fs",
            "std::net",
            "tokio::fs",
            "tokio::net",
            "reqwest",
            "getrandom",
            "rand",
        ],
        because: "the engine reaches the outside through its ports; adapters alone name it",
    },
    NameRule {
        inside: "",
        except: &["bindings/", BARE_PEER],
        never: &["uniffi"],
        because: "the bindings are the only crate that knows the foreign function interface",
    },
    NameRule {
        inside: "tests/tenant/",
        except: &[],
        never: &["hallpass", "hallpass_core", "hallpass_protocol"],
        because: "both sides of a test must not share one bug",
    },
];

/// Crates that the manifest in folder `of` may not depend on.
struct DependencyRule {
    of: &'static str,
    except: &'static [&'static str],
    never: &'static [&'static str],
    because: &'static str,
    development_too: bool,
}

const DEPENDENCY_RULES: &[DependencyRule] = &[
    DependencyRule {
        of: "core/protocol/",
        except: &[],
        never: &["hallpass-core", "tokio", "reqwest", "getrandom", "rand"],
        because: "the protocol is the innermost layer and has no input or output",
        development_too: false,
    },
    DependencyRule {
        of: "core/",
        except: &[],
        never: &["hallpass", "hallpass-tenant", "hallpass-lab"],
        because: "the core knows nobody who uses it",
        development_too: false,
    },
    DependencyRule {
        of: "tests/tenant/",
        except: &[],
        never: &["hallpass", "hallpass-core", "hallpass-protocol"],
        because: "both sides of a test must not share one bug",
        development_too: true,
    },
    DependencyRule {
        of: "",
        except: &["bindings/", BARE_PEER],
        never: &["uniffi", "uniffi_bindgen"],
        because: "the bindings are the only crate that knows the foreign function interface",
        development_too: true,
    },
];

/// Every place where a rule is broken.
///
/// # Errors
/// When a Rust source or a manifest cannot be read as such.
pub(super) fn check(files: &[SourceFile]) -> Result<Vec<Finding>> {
    let home = std::env::var("HOME").unwrap_or_default();
    let here = workspace::root().display().to_string();
    let mut findings = top_level(files);
    findings.extend(machine_paths(files, &[&home, &here]));
    let test_files = test_files(files)?;
    for file in files {
        if file.path.ends_with(".rs") && !test_files.iter().any(|test| file.path.starts_with(test)) {
            findings.extend(names(file).with_context(|| file.path.clone())?);
        }
        if file.path.ends_with("Cargo.toml") {
            findings.extend(dependencies(file).with_context(|| file.path.clone())?);
        }
    }
    findings.extend(protocol_without_std(files));
    Ok(findings)
}

fn top_level(files: &[SourceFile]) -> Vec<Finding> {
    let mut unknown: Vec<&str> = files.iter().filter_map(|file| file.path.split('/').next()).collect();
    unknown.retain(|name| !TOP_LEVEL.contains(name));
    unknown.dedup();
    unknown.into_iter().map(|name| Finding::new(name, 1, "has no place at the top of the checkout")).collect()
}

/// A path of somebody's machine works on that machine alone.
fn machine_paths(files: &[SourceFile], of_this_machine: &[&str]) -> Vec<Finding> {
    let folders = ["home", "root", "Users", "work"].map(|name| format!("/{name}/"));
    // A home of `/` or `/x` would be found in every file.
    let own = of_this_machine.iter().filter(|path| path.matches('/').count() > 1).map(|path| (*path).to_owned());
    let patterns: Vec<String> = folders.into_iter().chain(own).collect();
    let mut findings = Vec::new();
    for file in files {
        for (index, line) in file.text.lines().enumerate() {
            if let Some(pattern) = patterns.iter().find(|pattern| names_root_folder(line, pattern)) {
                findings.push(Finding::new(&file.path, index + 1, format!("names `{pattern}`, a path of one machine")));
            }
        }
    }
    findings
}

/// Whether `line` has `pattern` where a path can begin, and not in the middle of an address.
fn names_root_folder(line: &str, pattern: &str) -> bool {
    let part_of_a_longer_path = |before: char| before.is_alphanumeric() || "_.-}>*".contains(before);
    line.match_indices(pattern).any(|(at, _)| !line[..at].ends_with(part_of_a_longer_path))
}

fn names(file: &SourceFile) -> Result<Vec<Finding>> {
    let applies = |rule: &&NameRule| covers(rule.inside, rule.except, &file.path);
    let rules: Vec<&NameRule> = NAME_RULES.iter().filter(applies).collect();
    if rules.is_empty() {
        return Ok(Vec::new());
    }
    let mut findings = Vec::new();
    for path in tokens::paths(&file.text)? {
        for rule in &rules {
            if let Some(name) = rule.never.iter().find(|name| path.names(name)) {
                let what = format!("names `{name}`, but {}", rule.because);
                findings.push(Finding::new(&file.path, path.line, what));
            }
        }
    }
    Ok(findings)
}

/// The beginnings of the paths of modules that exist for tests only: `core/src/vault/tests.` for the file and
/// `core/src/vault/tests/` for what is below it.
fn test_files(files: &[SourceFile]) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for file in files.iter().filter(|file| file.path.ends_with(".rs")) {
        let stem = file.path.trim_end_matches(".rs");
        let folder = ["/lib", "/main", "/mod"].iter().find_map(|root| stem.strip_suffix(root)).unwrap_or(stem);
        for module in tokens::test_modules(&file.text).with_context(|| file.path.clone())? {
            found.extend(['.', '/'].map(|end| format!("{folder}/{module}{end}")));
        }
    }
    Ok(found)
}

fn dependencies(file: &SourceFile) -> Result<Vec<Finding>> {
    let manifest: Table = file.text.parse()?;
    let mut findings = Vec::new();
    for rule in DEPENDENCY_RULES.iter().filter(|rule| covers(rule.of, rule.except, &file.path)) {
        let kinds: &[&str] = if rule.development_too {
            &["dependencies", "build-dependencies", "dev-dependencies"]
        } else {
            &["dependencies", "build-dependencies"]
        };
        for name in kinds.iter().flat_map(|kind| depended_on(&manifest, kind)) {
            if rule.never.contains(&name.as_str()) {
                let line = file.text.lines().position(|line| line.starts_with(&name)).unwrap_or_default() + 1;
                findings.push(Finding::new(&file.path, line, format!("depends on `{name}`, but {}", rule.because)));
            }
        }
    }
    Ok(findings)
}

/// The crates in the tables called `kind`, for every platform. A renamed one goes by its real name. The versions that
/// a workspace pins for its members are no dependency.
fn depended_on(manifest: &Table, kind: &str) -> Vec<String> {
    let platforms = manifest.get("target").and_then(Value::as_table).into_iter().flat_map(Table::values);
    let tables = platforms.filter_map(Value::as_table).chain([manifest]);
    let entries = tables.filter_map(|table| table.get(kind)).filter_map(Value::as_table).flatten();
    let real_name = |(name, value): (&String, &Value)| {
        value.get("package").and_then(Value::as_str).map_or_else(|| name.clone(), str::to_owned)
    };
    entries.map(real_name).collect()
}

fn covers(inside: &str, except: &[&str], path: &str) -> bool {
    path.starts_with(inside) && !except.iter().any(|folder| path.starts_with(folder))
}

/// With `#![no_std]` it is the compiler that keeps the protocol away from the outside, and not a reviewer.
fn protocol_without_std(files: &[SourceFile]) -> Option<Finding> {
    let root = files.iter().find(|file| file.path == "core/protocol/src/lib.rs")?;
    let stands = root.text.lines().any(|line| line.trim() == "#![no_std]");
    (!stands).then(|| Finding::new(&root.path, 1, "must be `#![no_std]`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> SourceFile {
        SourceFile { path: path.to_owned(), text: text.to_owned() }
    }

    /// The findings of a project made of this one file.
    fn found(path: &str, text: &str) -> Vec<String> {
        let findings = check(&[file(path, text)]).unwrap();
        findings.into_iter().map(|finding| format!("{}: {}", finding.line, finding.what)).collect()
    }

    #[test]
    fn folder_that_the_design_does_not_know_is_found() {
        assert_eq!(found("utils/mod.rs", ""), ["1: has no place at the top of the checkout"]);
        assert!(found("tests/README.md", "").is_empty());
    }

    #[test]
    fn clock_in_the_protocol_is_found_with_its_line() {
        let found = found("core/protocol/src/token.rs", "\nuse core::time::Duration;\nfn now() { Instant::now(); }");
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("3: names `Instant`"), "{found:?}");
    }

    #[test]
    fn protocol_that_leaves_no_std_out_is_found() {
        assert!(found("core/protocol/src/lib.rs", "//! Protocol.")[0].contains("no_std"));
        assert!(found("core/protocol/src/lib.rs", "#![no_std]").is_empty());
    }

    #[test]
    fn clock_of_the_engine_is_found_and_that_of_an_adapter_is_not() {
        let source = "fn now() { std::time::SystemTime::now(); }";
        assert_eq!(found("core/src/session/renewal.rs", source).len(), 1);
        assert!(found("core/src/adapters/clock.rs", source).is_empty());
    }

    #[test]
    fn module_for_tests_may_name_anything_and_its_neighbour_may_not() {
        let files = [
            file("core/src/session/vault.rs", "#[cfg(test)]\nmod tests;\nmod record;"),
            file("core/src/session/vault/tests.rs", "use std::fs;\nmod more;"),
            file("core/src/session/vault/tests/more.rs", "use std::fs;"),
            file("core/src/session/vault/record.rs", "use std::fs;"),
        ];
        let findings = check(&files).unwrap();
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].path, "core/src/session/vault/record.rs");
    }

    #[test]
    fn foreign_function_interface_outside_the_bindings_is_found() {
        assert_eq!(found("core/src/error.rs", "#[derive(uniffi::Error)] enum E {}").len(), 1);
        assert_eq!(found("core/Cargo.toml", "[dependencies]\nuniffi = \"1\"").len(), 1);
        for allowed in ["bindings/src/lib.rs", "tests/bench/peers/bare/src/lib.rs"] {
            assert!(found(allowed, "uniffi::setup_scaffolding!();").is_empty(), "{allowed}");
        }
    }

    #[test]
    fn tenant_that_imports_the_core_is_found() {
        assert_eq!(found("tests/tenant/src/lib.rs", "use hallpass_core::Session;").len(), 1);
        assert_eq!(found("tests/tenant/Cargo.toml", "[dev-dependencies]\nhallpass-protocol = {}").len(), 1);
        assert!(found("tests/tenant/src/main.rs", "use hallpass_tenant::Tenant;").is_empty());
    }

    #[test]
    fn renamed_or_platform_dependency_is_found() {
        let renamed = "[dependencies]\nhttp-client = { package = \"reqwest\", version = \"1\" }";
        assert_eq!(found("core/protocol/Cargo.toml", renamed).len(), 1);
        let platform = "[target.'cfg(unix)'.dependencies]\ntokio.workspace = true";
        assert_eq!(found("core/protocol/Cargo.toml", platform).len(), 1);
    }

    #[test]
    fn versions_pinned_by_the_workspace_and_development_dependencies_are_no_layer() {
        assert!(found("Cargo.toml", "[workspace.dependencies]\nuniffi = \"1\"").is_empty());
        assert!(found("core/Cargo.toml", "[dev-dependencies]\nhallpass-tenant = {}").is_empty());
        assert_eq!(found("core/Cargo.toml", "[dependencies]\nhallpass-tenant = {}").len(), 1);
    }

    #[test]
    fn path_of_a_machine_is_found_and_an_address_is_not() {
        let folder = "home";
        let files = [file("README.md", &format!("run\n(/{folder}/me/x)\nhttps://example.com/{folder}/me"))];
        let findings = machine_paths(&files, &["/srv/checkouts/mine", "/"]);
        assert_eq!(findings.iter().map(|finding| finding.line).collect::<Vec<_>>(), [2]);
        let own = [file("README.md", "cd /srv/checkouts/mine")];
        assert_eq!(machine_paths(&own, &["/srv/checkouts/mine", "/"]).len(), 1);
    }

    #[test]
    fn source_that_cannot_be_read_is_an_error_naming_the_file() {
        let error = check(&[file("core/src/lib.rs", "fn f( {")]).unwrap_err();
        assert!(format!("{error:#}").contains("core/src/lib.rs"), "{error:#}");
    }
}
