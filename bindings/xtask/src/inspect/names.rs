//! The functions that the generated code calls, read from the committed files themselves.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result, ensure};

use crate::workspace;

/// The folder of the C header and its module map, below the checkout.
pub(crate) const HEADERS: &str = "bindings/swift/Sources/HallpassFFI";

const HEADER: &str = "HallpassFFI.h";
const KOTLIN: &str = "bindings/kotlin/src/ffi/kotlin/dev/hallpass/ffi/hallpass.kt";

/// What the committed C header declares, and Swift therefore calls.
///
/// # Errors
/// When there is no header, or it declares nothing.
pub(crate) fn called_by_swift() -> Result<BTreeSet<String>> {
    let path = format!("{HEADERS}/{HEADER}");
    let names = declared(&read(&path)?);
    ensure!(!names.is_empty(), "{path} declares no function");
    Ok(names)
}

/// What the committed Kotlin declares as external, and JNA therefore looks up when the class is loaded.
///
/// # Errors
/// When there is no such file, or it declares nothing.
pub(crate) fn loaded_by_kotlin() -> Result<BTreeSet<String>> {
    let names = external(&read(KOTLIN)?);
    ensure!(!names.is_empty(), "{KOTLIN} loads no function");
    Ok(names)
}

fn read(path: &str) -> Result<String> {
    fs::read_to_string(workspace::root().join(path)).with_context(|| format!("cannot read {path}"))
}

/// A declaration is the function's name and an open parenthesis. Types begin with a capital, macros are in capitals.
fn declared(header: &str) -> BTreeSet<String> {
    let lines = header.lines().filter(|line| !line.trim_start().starts_with(['#', '/', '*']));
    let candidates = lines.flat_map(|line| line.match_indices('(').map(|(at, _)| word_before(line, at)));
    candidates.filter(|word| is_generated(word)).map(str::to_owned).collect()
}

fn external(kotlin: &str) -> BTreeSet<String> {
    let declarations = kotlin.lines().filter_map(|line| line.trim_start().strip_prefix("external fun "));
    declarations.filter_map(|line| line.split('(').next()).map(|name| name.trim_matches('`').to_owned()).collect()
}

fn word_before(line: &str, end: usize) -> &str {
    let is_of_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let start = line[..end].rfind(|character| !is_of_name(character)).map_or(0, |at| at + 1);
    &line[start..end]
}

fn is_generated(name: &str) -> bool {
    name.starts_with("uniffi_") || name.starts_with("ffi_")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn header_declares_functions_and_not_the_types_of_functions() {
        let header = "#ifdef UNIFFI_FFIDEF_X\n// uniffi_comment(\n\
            typedef void (*UniffiRustFutureContinuationCallback)(uint64_t, int8_t);\n\
            uint64_t uniffi_hallpass_fn_clone_session(uint64_t handle, RustCallStatus *_Nonnull out_status\n);\n\
            RustBuffer ffi_hallpass_rustbuffer_alloc(uint64_t size, RustCallStatus *_Nonnull out_status\n);\n\
            void uniffi_hallpass_fn_init(const UniffiVTable* _Nonnull vtable\n);\n";
        let expected = ["ffi_hallpass_rustbuffer_alloc", "uniffi_hallpass_fn_clone_session", "uniffi_hallpass_fn_init"];
        assert_eq!(declared(header), set(&expected));
    }

    #[test]
    fn kotlin_loads_its_external_functions() {
        let kotlin =
            "internal object Lib {\n    external fun uniffi_a(`handle`: Long,\n    ): Long\n    fun own() = 1\n}";
        assert_eq!(external(kotlin), set(&["uniffi_a"]));
    }

    #[test]
    fn committed_swift_and_kotlin_call_the_same_library() {
        let (swift, kotlin) = (called_by_swift().unwrap(), loaded_by_kotlin().unwrap());
        let only_kotlin: Vec<_> = kotlin.difference(&swift).collect();
        assert!(only_kotlin.is_empty(), "the header does not declare {only_kotlin:?}");
    }
}
