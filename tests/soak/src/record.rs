//! The stored record, looked at from outside: written anew from its description, so that a bug of the core's own reader
//! cannot hide a damaged file.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use ring::digest::{SHA256, digest};
use serde_json::Value;

/// What the record says of a signed-in user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    /// How often the refresh token of the login has been replaced.
    pub(crate) generation: u64,
    /// Whether a renewal was begun whose answer is not stored.
    pub(crate) interrupted: bool,
}

impl Record {
    /// Reads the file of the session in `folder`.
    ///
    /// # Errors
    /// When it is not a whole record of somebody who is signed in.
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let text = fs::read_to_string(file(folder)?).context("the record cannot be read")?;
        let mut parts = text.splitn(3, '.');
        let (version, check, body) = (parts.next(), parts.next(), parts.next());
        ensure!(version == Some("1"), "the record has version {version:?}");
        let body = body.context("the record has no body")?;
        let expected: String =
            digest(&SHA256, body.as_bytes()).as_ref()[..16].iter().map(|byte| format!("{byte:02x}")).collect();
        ensure!(check == Some(expected.as_str()), "the record is damaged");
        let body: Value = serde_json::from_str(body).context("the record is not JSON")?;
        let refresh = &body["content"]["signed_in"]["refresh"];
        ensure!(refresh["token"].is_string(), "the record has no refresh token: {}", body["content"]["signed_out"]);
        Ok(Self {
            generation: refresh["generation"].as_u64().context("the record has no generation")?,
            interrupted: !refresh["attempt"].is_null(),
        })
    }
}

/// The file of the one session in `folder`.
pub(crate) fn file(folder: &Path) -> Result<PathBuf> {
    let files = files(folder)?;
    let mut sessions = files.into_iter().filter(|(name, _)| name.starts_with("session."));
    let (_, path) = sessions.next().context("the store has no session")?;
    ensure!(sessions.next().is_none(), "the store has two sessions");
    Ok(path)
}

/// Whether a save was going on when its process ended: its temporary file is still there.
pub(crate) fn unfinished_saves(folder: &Path) -> Result<usize> {
    Ok(files(folder)?.iter().filter(|(name, _)| name.starts_with(".session.") && name.ends_with(".tmp")).count())
}

/// All files of the store with their names.
pub(crate) fn files(folder: &Path) -> Result<Vec<(String, PathBuf)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).context("the store cannot be listed")? {
        let entry = entry?;
        files.push((entry.file_name().to_string_lossy().into_owned(), entry.path()));
    }
    Ok(files)
}
