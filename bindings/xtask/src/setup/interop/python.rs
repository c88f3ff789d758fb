//! Environments of Python packages.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::process;
use crate::setup::{LIMIT, debian};

/// Makes an environment in `folder` with `packages`, as pip takes them, and returns its Python.
///
/// # Errors
/// Without Python 3 and its `venv`, or when the registry cannot be reached.
pub(super) fn environment(folder: &Path, packages: &[&str]) -> Result<PathBuf> {
    // Debian has Python without `ensurepip`, which `venv` needs.
    let has_venv = process::read(Command::new("python3").args(["-c", "import venv, ensurepip"]), LIMIT).is_ok();
    if !has_venv {
        debian::install(&["python3-venv"]).context("a virtual environment of Python is needed")?;
    }
    process::run(Command::new("python3").args(["-m", "venv"]).arg(folder), LIMIT)?;
    let python = folder.join("bin/python");
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--disable-pip-version-check"]).args(packages);
    process::run(&mut pip, LIMIT)?;
    Ok(python)
}
