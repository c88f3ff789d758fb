//! What all sessions of the process share: the runtime on which they work, and the connections of the core's transport.

use std::sync::{Mutex, PoisonError};

use hallpass_core::{Error, Result, SessionBuilder};
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

/// Has the session send its requests with the core's own transport, where the library has it. All sessions share one:
/// making one means reading the system's certificates.
///
/// # Errors
/// [`Error::Misconfigured`] when it cannot be made.
#[cfg(all(feature = "reqwest", not(target_os = "android")))]
pub(crate) fn with_own_transport(builder: SessionBuilder) -> Result<SessionBuilder> {
    use hallpass_core::adapters::Reqwest;

    static TRANSPORT: Mutex<Option<Reqwest>> = Mutex::new(None);

    let mut shared = TRANSPORT.lock().unwrap_or_else(PoisonError::into_inner);
    let transport = match &*shared {
        Some(transport) => transport.clone(),
        None => {
            let made = Reqwest::new();
            let made = made.map_err(|error| Error::Misconfigured { field: "transport", fix: error.fix() })?;
            shared.insert(made).clone()
        }
    };
    Ok(builder.transport(transport))
}

#[cfg(not(all(feature = "reqwest", not(target_os = "android"))))]
#[expect(clippy::unnecessary_wraps, reason = "with the feature it may fail")]
pub(crate) fn with_own_transport(builder: SessionBuilder) -> Result<SessionBuilder> {
    Ok(builder)
}
