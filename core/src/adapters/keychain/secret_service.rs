//! Linux: the Secret Service (freedesktop.org), which GNOME Keyring, KWallet and KeePassXC provide.
//!
//! Spoken to through the crate that the keyring family's store is built on. That store blocks a thread, unlocks what it
//! finds locked (a password prompt in the middle of a background renewal), and tells a locked collection from a
//! dismissed prompt only by text.
//!
//! Each call has a connection of its own. Calls are rare (one load a start, one save a renewal) and a connection costs
//! milliseconds; none is left open to be woken by the bus's signals, to outlive the runtime that made it, or to go on
//! using a session of a service that was restarted. What passes over the bus is encrypted for that session.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use secret_service::{EncryptionType, Error, Item, SecretService};
use zbus::DBusError;
use zeroize::Zeroizing;

use super::{Options, Protection};
use crate::ports::{EntryName, StoreError, StoredValue};

/// The longest that a call may take. A service that waits for the user answers nothing meanwhile.
const PATIENCE: Duration = Duration::from_secs(15);

/// Item attributes: the entry's schema, service and name. They are how an entry is found again: a stored format.
const SCHEMA: (&str, &str) = ("xdg:schema", "hallpass.Entry");
const SERVICE: &str = "service";
const ENTRY: &str = "entry";
const CONTENT_TYPE: &str = "text/plain";

pub(super) fn identity(options: &Options) -> String {
    format!("secret service:{}", options.service)
}

/// In the user's folder for state (XDG Base Directory Specification).
pub(super) fn lease_directory() -> Option<PathBuf> {
    let folder = |variable| std::env::var_os(variable).map(PathBuf::from).filter(|folder| folder.is_absolute());
    let state = folder("XDG_STATE_HOME").or_else(|| folder("HOME").map(|home| home.join(".local/state")))?;
    Some(state.join("hallpass"))
}

pub(super) async fn load(options: &Options, name: &EntryName) -> Result<Option<StoredValue>, StoreError> {
    bounded(options, async {
        let service = connect().await?;
        let Some(item) = newest(find(&service, attributes(options, Some(name))).await?).await else { return Ok(None) };
        match item.get_secret().await {
            Ok(secret) => text(secret).map(Some),
            // Deleted by another process since the search.
            Err(error) if is_named(&error, &GONE) => Ok(None),
            Err(error) => Err(failure(&error)),
        }
    })
    .await
}

pub(super) async fn save(options: &Options, name: &EntryName, value: &StoredValue) -> Result<(), StoreError> {
    bounded(options, async {
        let service = connect().await?;
        let label = format!("{} ({name})", options.service);
        let (attributes, secret) = (attributes(options, Some(name)), value.expose().as_bytes());
        // Where it is, also when another collection is the default by now: a second item would be an older one for the
        // next who looks.
        if let Some(item) = newest(find(&service, attributes.clone()).await?).await {
            match item.set_secret(secret, CONTENT_TYPE).await {
                Ok(()) => return Ok(()),
                // Deleted by another process since the search.
                Err(error) if is_named(&error, &GONE) => {}
                Err(error) => return Err(failure(&error)),
            }
        }
        let collection = service.get_default_collection().await.map_err(|error| failure(&error))?;
        // "Replace" makes the service change the item with these attributes, if there is one, in one step.
        let created = collection.create_item(&label, attributes, secret, true, CONTENT_TYPE).await;
        created.map(drop).map_err(|error| failure(&error))
    })
    .await
}

pub(super) async fn delete(options: &Options, name: &EntryName) -> Result<(), StoreError> {
    bounded(options, async {
        let service = connect().await?;
        for item in find(&service, attributes(options, Some(name))).await? {
            match item.delete().await {
                Err(error) if !is_named(&error, &GONE) => return Err(failure(&error)),
                _deleted_here_or_by_another_process => {}
            }
        }
        Ok(())
    })
    .await
}

pub(super) async fn list(options: &Options) -> Result<Vec<EntryName>, StoreError> {
    bounded(options, async {
        let service = connect().await?;
        let items = find(&service, attributes(options, None)).await?;
        let mut names = Vec::with_capacity(items.len());
        for item in items {
            match item.get_attributes().await {
                Ok(mut attributes) => names.extend(attributes.remove(ENTRY).and_then(EntryName::parse)),
                Err(error) if is_named(&error, &GONE) => {}
                Err(error) => return Err(failure(&error)),
            }
        }
        // Of two with one name the newest counts.
        names.sort_unstable();
        names.dedup();
        Ok(names)
    })
    .await
}

/// The items with these attributes, of all collections: which one is the default may change, as when another database
/// comes to the front in KeePassXC. One that is locked is [`StoreError::Locked`].
///
/// *None* is said only when the default collection is there and unlocked. Some services hide what is in a locked
/// collection, and have no default collection while the database is closed.
async fn find<'a>(
    service: &'a SecretService<'_>,
    attributes: HashMap<&str, &str>,
) -> Result<Vec<Item<'a>>, StoreError> {
    let found = service.search_items(attributes).await.map_err(|error| failure(&error))?;
    if !found.locked.is_empty() {
        return Err(StoreError::Locked);
    }
    if found.unlocked.is_empty() {
        let default = service.get_default_collection().await.map_err(|error| failure(&error))?;
        default.ensure_unlocked().await.map_err(|error| failure(&error))?;
    }
    Ok(found.unlocked)
}

/// The item that was changed last.
async fn newest(items: Vec<Item<'_>>) -> Option<Item<'_>> {
    let mut items = items.into_iter();
    let mut newest = items.next()?;
    for item in items {
        // Asked only where there are two. What does not say when it was changed is older.
        if item.get_modified().await.unwrap_or(0) > newest.get_modified().await.unwrap_or(0) {
            newest = item;
        }
    }
    Some(newest)
}

async fn bounded<T>(options: &Options, call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    match options.protection {
        Protection::AfterFirstUnlock => {}
        Protection::UserPresence | Protection::Biometry | Protection::CurrentBiometry => {
            return Err(StoreError::Failed("the Secret Service cannot ask for the user's presence"));
        }
    }
    let silence = Err(StoreError::Failed("the Secret Service does not answer"));
    tokio::time::timeout(PATIENCE, call).await.unwrap_or(silence)
}

async fn connect() -> Result<SecretService<'static>, StoreError> {
    SecretService::connect(EncryptionType::Dh).await.map_err(|error| failure(&error))
}

fn attributes<'a>(options: &'a Options, name: Option<&'a EntryName>) -> HashMap<&'a str, &'a str> {
    let entry = name.map(|name| (ENTRY, name.as_str()));
    [SCHEMA, (SERVICE, &options.service)].into_iter().chain(entry).collect()
}

fn text(secret: Vec<u8>) -> Result<StoredValue, StoreError> {
    String::from_utf8(secret).map(StoredValue::new).map_err(|error| {
        drop(Zeroizing::new(error.into_bytes()));
        StoreError::Failed("the entry is not UTF-8")
    })
}

fn failure(error: &Error) -> StoreError {
    if matches!(error, Error::Locked | Error::Prompt | Error::PromptDisconnected) || is_named(error, &LOCKED) {
        StoreError::Locked
    } else if matches!(error, Error::NoResult) {
        StoreError::Failed("the Secret Service has no default collection; open or create one in the password manager")
    } else if matches!(error, Error::Unavailable) || is_of_the_bus(error) || is_named(error, &NOBODY) {
        StoreError::Failed("no Secret Service answers on the session bus")
    } else if matches!(error, Error::Crypto(_)) {
        StoreError::Failed("the Secret Service's answer could not be decrypted")
    } else {
        StoreError::Failed("the Secret Service reported an error")
    }
}

/// Whether there is no bus, or it does not let us in, or it is gone.
fn is_of_the_bus(error: &Error) -> bool {
    use zbus::Error::{Address, Connection, Handshake, InputOutput};
    matches!(error, Error::Zbus(Connection(..) | InputOutput(_) | Address(_) | Handshake(_)))
}

/// What the service says of a collection that was locked since it was looked at.
const LOCKED: [&str; 1] = ["org.freedesktop.Secret.Error.IsLocked"];

/// What the bus says when nobody has the service's name and nobody can be started for it, or when he who had it died.
const NOBODY: [&str; 8] = [
    "org.freedesktop.DBus.Error.ServiceUnknown",
    "org.freedesktop.DBus.Error.NameHasNoOwner",
    "org.freedesktop.DBus.Error.NoReply",
    "org.freedesktop.DBus.Error.TimedOut",
    "org.freedesktop.DBus.Error.Spawn.ExecFailed",
    "org.freedesktop.DBus.Error.Spawn.ChildExited",
    "org.freedesktop.DBus.Error.Spawn.ChildSignaled",
    "org.freedesktop.DBus.Error.Spawn.Failed",
];

/// What the service says of an item that was there a moment ago.
const GONE: [&str; 3] = [
    "org.freedesktop.Secret.Error.NoSuchObject",
    "org.freedesktop.DBus.Error.UnknownObject",
    "org.freedesktop.DBus.Error.UnknownMethod",
];

/// Whether the error is an answer over the bus with one of these names.
fn is_named(error: &Error, names: &[&str]) -> bool {
    let name = if let Error::Zbus(error) = error {
        name(error)
    } else if let Error::ZbusFdo(error) = error {
        standard_name(error)
    } else {
        None
    };
    name.is_some_and(|name| names.contains(&name.as_str()))
}

fn name(error: &zbus::Error) -> Option<String> {
    if let zbus::Error::FDO(error) = error {
        return standard_name(error);
    }
    if let zbus::Error::MethodError(name, ..) = error { Some(name.to_string()) } else { None }
}

fn standard_name(error: &zbus::fdo::Error) -> Option<String> {
    if let zbus::fdo::Error::ZBus(error) = error { name(error) } else { Some(error.name().to_string()) }
}
