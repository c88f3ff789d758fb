//! A lease that is a lock on a file.

// A platform has one file with the same two functions.
#[cfg_attr(unix, path = "file_lease/unix.rs")]
#[cfg_attr(not(unix), path = "file_lease/other.rs")]
mod lock;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::{Instant, sleep};

use crate::ports::{EntryName, Lease, LeaseBusy, LeaseGuard};

/// How long a waiter sleeps before it looks again: soon at first, because a renewal takes about a tenth of a second, and
/// never often, because the one who holds the lease may be suspended.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// Leases as locked files in one directory, for processes that share it: an app and its extensions in their group's
/// container, two terminals in the user's state directory.
///
/// The system takes the lock back when the process ends, however it ends. The files stay, empty. The lock is advisory
/// and local: over a network file system it may do nothing, which costs a request and no correctness.
///
/// iOS ends an app that is suspended while it has a file in a shared container locked (`0xdead10cc`); an app there asks
/// for background time around what it awaits of the engine, or goes without a lease.
#[derive(Debug, Clone)]
pub struct FileLease {
    directory: Arc<Path>,
    makes_directory: bool,
}

impl FileLease {
    /// Keeps its files in `directory`, which is made for its owner only when a lease is taken. The directory of a
    /// [`DangerPlainFiles`](super::DangerPlainFiles) will do: it does not take the locks for entries.
    pub fn in_directory(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into().into(), makes_directory: true }
    }

    /// Keeps its files in the directory of a store, which is not made here: one that is absent may be on a volume that is
    /// not there yet.
    pub(super) fn beside_a_store(directory: Arc<Path>) -> Self {
        Self { directory, makes_directory: false }
    }
}

#[async_trait]
impl Lease for FileLease {
    async fn acquire(&self, name: &EntryName, patience: Duration) -> Result<LeaseGuard, LeaseBusy> {
        let start = Instant::now();
        let path = self.directory.join(format!(".{name}.lock"));
        // Every acquisition opens the file anew, because the lock belongs to the opened file: so that two in one
        // process exclude each other as well.
        let makes_directory = self.makes_directory;
        let opened = tokio::task::spawn_blocking(move || lock::open(&path, makes_directory));
        let file = opened.await.map_err(|_| LeaseBusy)?.map_err(|error| {
            tracing::warn!(kind = %error.kind(), "the lease's file cannot be opened: processes that share the account may both renew");
            LeaseBusy
        })?;

        let mut pause = FIRST_PAUSE;
        // It does not wait, so it needs no thread of its own.
        while !lock::try_lock(&file).map_err(|_| LeaseBusy)? {
            let left = patience.checked_sub(start.elapsed()).filter(|left| !left.is_zero()).ok_or(LeaseBusy)?;
            sleep(pause.min(left)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        Ok(LeaseGuard::new(file))
    }
}
