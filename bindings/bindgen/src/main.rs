//! Generates the Swift and the Kotlin side of the bindings from the metadata in the compiled library.
//!
//! `cargo xtask bindgen` calls it with the paths of this project.

mod kotlin;

use anyhow::{Context, Error, Result};
use camino::Utf8PathBuf;
use clap::Parser;
use uniffi::{GenerateOptions, SwiftBindingsOptions, TargetLanguage};

/// Where from and where to.
#[derive(Debug, Parser)]
struct Arguments {
    /// The compiled library, with its symbols.
    #[arg(long)]
    library: Utf8PathBuf,
    /// The folder for the Swift source.
    #[arg(long)]
    swift_sources: Utf8PathBuf,
    /// The folder for the C header and its module map.
    #[arg(long)]
    swift_headers: Utf8PathBuf,
    /// The folder for the Kotlin package.
    #[arg(long)]
    kotlin: Utf8PathBuf,
}

/// The source below the folder for Kotlin, by the package and the name of the library.
const KOTLIN: &str = "dev/hallpass/ffi/hallpass.kt";

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let swift = |out_dir: &Utf8PathBuf, is_header: bool| SwiftBindingsOptions {
        generate_swift_sources: !is_header,
        generate_headers: is_header,
        generate_modulemap: is_header,
        source: arguments.library.clone(),
        out_dir: out_dir.clone(),
        xcframework: false,
        module_name: Some("HallpassFFI".to_owned()),
        modulemap_filename: Some("module.modulemap".to_owned()),
        metadata_no_deps: false,
        link_frameworks: Vec::new(),
        config: None,
    };
    uniffi::generate_swift_bindings(swift(&arguments.swift_sources, false))
        .context("cannot generate the Swift source")?;
    uniffi::generate_swift_bindings(swift(&arguments.swift_headers, true)).context("cannot generate the C header")?;
    uniffi::generate(GenerateOptions {
        languages: vec![TargetLanguage::Kotlin],
        source: arguments.library.clone(),
        out_dir: arguments.kotlin.clone(),
        format: false,
        ..GenerateOptions::default()
    })
    .context("cannot generate the Kotlin source")?;
    let source = arguments.kotlin.join(KOTLIN);
    let generated = std::fs::read_to_string(&source).with_context(|| format!("cannot read {source}"))?;
    let adapted = kotlin::adapted(&generated).map_err(Error::msg).context("the Kotlin source is not as expected")?;
    std::fs::write(&source, adapted).with_context(|| format!("cannot write {source}"))
}
