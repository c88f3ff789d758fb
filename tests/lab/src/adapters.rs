//! The core's adapters, as the commands use them.

use std::path::PathBuf;

use hallpass_core::Error;
use hallpass_core::adapters::{DangerPlainFiles, Reqwest};

const ENDED: Error = Error::Internal { reference: "lab_task_ended" };

/// The default transport. Reads the system's certificate authorities, so it is made once.
///
/// # Errors
/// [`Error::Misconfigured`] when this machine has none.
pub(crate) async fn transport() -> Result<Reqwest, Error> {
    let made = tokio::task::spawn_blocking(Reqwest::new).await.map_err(|_| ENDED)?;
    made.map_err(|error| {
        tracing::debug!(%error, "there is no transport");
        Error::Misconfigured {
            field: "transport",
            fix: "install the system's certificate authorities (the package `ca-certificates`)",
        }
    })
}

/// A store of plain files in the folder at `path`, which is made if need be.
///
/// # Errors
/// [`Error::Storage`].
pub(crate) async fn plain_files(path: PathBuf) -> Result<DangerPlainFiles, Error> {
    Ok(tokio::task::spawn_blocking(move || DangerPlainFiles::open(path)).await.map_err(|_| ENDED)??)
}
