//! The runtime on which all sessions work.

use std::sync::{Mutex, PoisonError};

use hallpass_core::{Error, Result};
use tokio::runtime::{Builder, Handle, Runtime};

/// Requests are few and waiting is most of the work; a second thread keeps one slow port from holding up the others.
const THREADS: usize = 2;

static RUNTIME: Mutex<Option<Runtime>> = Mutex::new(None);

/// The runtime, started when it is first needed and kept until the process ends. Its threads sleep while nothing is
/// asked of them.
///
/// # Errors
/// [`Error::Internal`] when the system gives no thread; the next call tries again.
pub(crate) fn handle() -> Result<Handle> {
    let mut runtime = RUNTIME.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(runtime) = &*runtime {
        return Ok(runtime.handle().clone());
    }
    let started = Builder::new_multi_thread()
        .worker_threads(THREADS)
        .thread_name("hallpass")
        .enable_all()
        .build()
        .map_err(|_| Error::Internal { reference: "no_runtime" })?;
    Ok(runtime.insert(started).handle().clone())
}
