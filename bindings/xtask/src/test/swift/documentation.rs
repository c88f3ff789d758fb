//! Whether everything public of a Swift module has its documentation comment, by the compiler's own account of it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::process;
use crate::setup::swift::SwiftToolchain;

/// The modules that apps and their tests import.
const MODULES: [&str; 2] = ["Hallpass", "HallpassTesting"];

/// It takes less than a second.
const EXTRACTION: Duration = Duration::from_secs(120);

/// Returns what is public and has no documentation comment, as `Module.Type.member`. The package has to be built.
///
/// # Errors
/// When the symbols cannot be had, or are none.
pub(super) fn undocumented(toolchain: &SwiftToolchain, package: &Path, built: &Path) -> Result<Vec<String>> {
    let folder = built.join("symbols");
    let mut found = Vec::new();
    for module in MODULES {
        let mut extract = toolchain.symbol_graph(module)?;
        extract.arg("-I").arg(built.join("debug/Modules")).arg("-I").arg(package.join("Sources/HallpassFFI"));
        fs::create_dir_all(&folder)?;
        extract.args(["-minimum-access-level", "public", "-output-dir"]).arg(&folder);
        process::run(&mut extract, EXTRACTION)?;
        let file = folder.join(format!("{module}.symbols.json"));
        let graph = fs::read(&file).with_context(|| format!("no symbols in {}", file.display()))?;
        let graph: Value = serde_json::from_slice(&graph).context("the compiler's symbols are not JSON")?;
        found.extend(without_comment(module, &graph)?);
    }
    Ok(found)
}

/// Those of one symbol graph. What the compiler wrote itself (`hashValue` of an enumeration) has nobody to document it.
fn without_comment(module: &str, graph: &Value) -> Result<Vec<String>> {
    let symbols = graph["symbols"].as_array().filter(|symbols| !symbols.is_empty());
    let symbols = symbols.with_context(|| format!("{module} has no public symbols"))?;
    let mut names = Vec::new();
    for symbol in symbols {
        let identifier = symbol["identifier"]["precise"].as_str().context("a symbol without an identifier")?;
        let path = symbol["pathComponents"].as_array().context("a symbol without a name")?;
        ensure!(!path.is_empty(), "a symbol without a name");
        if identifier.contains("::SYNTHESIZED::") || is_commented(symbol) {
            continue;
        }
        let path: Vec<&str> = path.iter().filter_map(Value::as_str).collect();
        names.push(format!("{module}.{}", path.join(".")));
    }
    names.sort();
    Ok(names)
}

fn is_commented(symbol: &Value) -> bool {
    let lines = symbol["docComment"]["lines"].as_array();
    lines
        .is_some_and(|lines| lines.iter().any(|line| line["text"].as_str().is_some_and(|text| !text.trim().is_empty())))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn symbol_without_a_comment_is_named_and_what_the_compiler_wrote_is_not() {
        let comment = |text: &str| json!({"lines": [{"text": ""}, {"text": text}]});
        let graph = json!({"symbols": [
            {"identifier": {"precise": "s:1"}, "pathComponents": ["Session", "login(_:)"], "docComment": comment("Signs in.")},
            {"identifier": {"precise": "s:2"}, "pathComponents": ["Session", "silent()"]},
            {"identifier": {"precise": "s:3"}, "pathComponents": ["Session", "empty"], "docComment": comment("  ")},
            {"identifier": {"precise": "s:4::SYNTHESIZED::s:5"}, "pathComponents": ["Reason", "hashValue"]},
        ]});
        assert_eq!(
            without_comment("Hallpass", &graph).unwrap(),
            ["Hallpass.Session.empty", "Hallpass.Session.silent()"]
        );
    }

    #[test]
    fn graph_without_symbols_is_an_error_rather_than_a_module_that_is_documented() {
        assert!(without_comment("Hallpass", &json!({"symbols": []})).is_err());
        assert!(without_comment("Hallpass", &json!({})).is_err());
    }
}
