//! A store of plain files: for tests, and for machines where nothing better runs.
//!
//! An entry is one file whose content is the value. A save writes a temporary file beside it, brings that to the disk and
//! renames it, so that a reader in any process, a crash and a full disk all see the old value or the new one.

// A platform has one file with the same four functions.
#[cfg_attr(unix, path = "plain_files/unix.rs")]
#[cfg_attr(not(unix), path = "plain_files/other.rs")]
mod private;

use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use zeroize::Zeroizing;

use super::FileLease;
use crate::ports::{EntryName, Lease, SecureStore, StoreError, StoredValue};

/// The most that an entry may hold, in bytes.
const MAX_VALUE: usize = 1024 * 1024;

/// A temporary file this old belongs to a save that died; one takes milliseconds.
const ABANDONED_AFTER: Duration = Duration::from_secs(60);

/// A directory with one unencrypted file an entry. **Whoever can read the user's files, or a backup of them, has the
/// tokens in it**: apps use the system's secure store instead.
///
/// Several processes may use one directory at once. Files are made readable by their owner only, where the system
/// knows owners. On a file system that ignores case, two names that differ in nothing else are one entry.
#[derive(Debug, Clone)]
pub struct DangerPlainFiles {
    directory: Arc<Path>,
}

impl DangerPlainFiles {
    /// Opens the store in `directory`, which is made if it is absent (for its owner only; its parent has to exist), and
    /// removes what died saves left there. Waits for the disk.
    ///
    /// # Errors
    /// [`StoreError::Failed`] when there can be no such directory, or when it is another user's or others may write to it
    /// (where the system knows users): who can replace a file there can send the refresh token to a server of their own.
    pub fn open(directory: impl AsRef<Path>) -> Result<Self, StoreError> {
        let directory = directory.as_ref();
        match private::create_directory(directory) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failure(&error)),
        }
        let directory: Arc<Path> = fs::canonicalize(directory).map_err(|error| failure(&error))?.into();
        private::check_directory(&directory)?;
        remove_abandoned(&directory).map_err(|error| failure(&error))?;
        Ok(Self { directory })
    }

    /// Runs `operation` where it may wait for the disk. It goes on to its end when the caller goes away.
    async fn on_disk<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&Path) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let directory = Arc::clone(&self.directory);
        let outcome = tokio::task::spawn_blocking(move || operation(&directory)).await;
        outcome.unwrap_or(Err(StoreError::Failed("the process is shutting down")))
    }
}

#[async_trait]
impl SecureStore for DangerPlainFiles {
    fn identity(&self) -> String {
        format!("plain files:{}", self.directory.display())
    }

    async fn load(&self, name: &EntryName) -> Result<Option<StoredValue>, StoreError> {
        let name = name.clone();
        self.on_disk(move |directory| load(directory, &name)).await
    }

    async fn save(&self, name: &EntryName, value: &StoredValue) -> Result<(), StoreError> {
        let (name, value) = (name.clone(), value.clone());
        self.on_disk(move |directory| save(directory, &name, &value)).await
    }

    async fn delete(&self, name: &EntryName) -> Result<(), StoreError> {
        let name = name.clone();
        self.on_disk(move |directory| {
            match fs::remove_file(directory.join(name.as_str())) {
                Ok(()) => private::sync_directory(directory),
                Err(error) => absent(directory, error),
            }
            .map_err(|error| failure(&error))
        })
        .await
    }

    fn default_lease(&self) -> Option<Box<dyn Lease>> {
        Some(Box::new(FileLease::beside_a_store(Arc::clone(&self.directory))))
    }

    async fn list(&self) -> Result<Vec<EntryName>, StoreError> {
        self.on_disk(|directory| {
            let entries = fs::read_dir(directory).map_err(|error| failure(&error))?;
            let mut names = Vec::new();
            for entry in entries {
                let name = entry.map_err(|error| failure(&error))?.file_name();
                // Temporary and lock files begin with a dot, which no name does.
                names.extend(name.to_str().and_then(EntryName::parse));
            }
            Ok(names)
        })
        .await
    }
}

fn load(directory: &Path, name: &EntryName) -> Result<Option<StoredValue>, StoreError> {
    let file = directory.join(name.as_str());
    let mut bytes = Zeroizing::new(Vec::new());
    let read = fs::symlink_metadata(&file).and_then(|metadata| {
        if !metadata.is_file() {
            // Opening a pipe or a device could wait for ever.
            return Err(ErrorKind::IsADirectory.into());
        }
        fs::File::open(&file)?.take(MAX_VALUE as u64 + 1).read_to_end(&mut bytes)
    });
    match read {
        Ok(length) if length > MAX_VALUE => Err(StoreError::Failed("the entry is larger than 1 MiB")),
        Ok(_) => Ok(Some(as_text(std::mem::take(&mut *bytes)))),
        Err(error) => absent(directory, error).map(|()| None).map_err(|error| failure(&error)),
    }
}

/// What is no text any more is damaged, not out of reach: whoever saved it has to see that, or it would stand in the way of
/// every later save. Its check fails on the characters that take the place of what is not UTF-8.
fn as_text(bytes: Vec<u8>) -> StoredValue {
    match String::from_utf8(bytes) {
        Ok(text) => StoredValue::new(text),
        Err(error) => StoredValue::new(String::from_utf8_lossy(&Zeroizing::new(error.into_bytes()))),
    }
}

/// Whether `error` means that an entry is absent. It does not when the whole directory is.
fn absent(directory: &Path, error: io::Error) -> io::Result<()> {
    if error.kind() == ErrorKind::NotFound { fs::metadata(directory).map(|_| ()) } else { Err(error) }
}

fn save(directory: &Path, name: &EntryName, value: &StoredValue) -> Result<(), StoreError> {
    if value.expose().len() > MAX_VALUE {
        return Err(StoreError::Failed("the entry would be larger than 1 MiB"));
    }
    let temporary = temporary_file(directory, name);
    let replaced =
        write_durably(&temporary, value).and_then(|()| fs::rename(&temporary, directory.join(name.as_str())));
    if let Err(error) = replaced {
        // What matters is why the save failed; a file that stays behind is removed the next time the store is opened.
        drop(fs::remove_file(&temporary));
        return Err(failure(&error));
    }
    private::sync_directory(directory).map_err(|error| failure(&error))
}

fn write_durably(file: &Path, value: &StoredValue) -> io::Result<()> {
    let mut file = private::create_file(file)?;
    file.write_all(value.expose().as_bytes())?;
    file.sync_all()
}

/// A name that no other save uses, in this process or in another.
fn temporary_file(directory: &Path, name: &EntryName) -> PathBuf {
    static SAVES: AtomicU64 = AtomicU64::new(0);
    let save = SAVES.fetch_add(1, Ordering::Relaxed);
    directory.join(format!(".{name}.{}-{save}{TEMPORARY}", std::process::id()))
}

const TEMPORARY: &str = ".tmp";

fn remove_abandoned(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        let temporary = name.to_str().is_some_and(|name| name.starts_with('.') && name.ends_with(TEMPORARY));
        if temporary && entry.metadata().is_ok_and(|metadata| is_abandoned(&metadata)) {
            // Another process may be clearing up as well.
            drop(fs::remove_file(entry.path()));
        }
    }
    Ok(())
}

fn is_abandoned(metadata: &fs::Metadata) -> bool {
    let age = metadata.modified().map(|modified| SystemTime::now().duration_since(modified));
    matches!(age, Ok(Ok(age)) if age > ABANDONED_AFTER)
}

/// Says what to do about it, without the path, which may hold the user's name.
fn failure(error: &io::Error) -> StoreError {
    let kind = error.kind();
    StoreError::Failed(if kind == ErrorKind::PermissionDenied {
        "the directory or a file in it may not be accessed"
    } else if kind == ErrorKind::ReadOnlyFilesystem {
        "the directory is on a read-only file system"
    } else if kind == ErrorKind::StorageFull {
        "the disk is full"
    } else if kind == ErrorKind::QuotaExceeded {
        "the user's share of the disk is full"
    } else if kind == ErrorKind::NotADirectory {
        "the directory is a file"
    } else if kind == ErrorKind::NotFound {
        "the directory does not exist"
    } else if kind == ErrorKind::IsADirectory {
        "the entry is not a file"
    } else {
        "the disk could not be read or written"
    })
}

#[cfg(test)]
#[path = "plain_files/tests.rs"]
mod tests;
