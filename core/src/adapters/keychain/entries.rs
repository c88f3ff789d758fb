//! Which items of Apple's Keychain an entry is, in which order they are written, and what it means that one is missing.
//!
//! An entry is the item with the service, and the entry's name as its account. Its protection is fixed when it is added,
//! and a save changes its data and its comment only: with an access control in the query or in the change, the system would
//! ask the user, or find nothing. The comment tells the protection and the revision, and can be read without asking.
//!
//! When an app asks for another protection, the entry *moves*: the new value is added under a second service, takes the
//! place of the old one, and leaves the second service. A reader meanwhile, or after a crash in it, finds the old value or
//! the new one.
//!
//! Only the record of the session, and one that was set aside, is protected. What a login in progress or the provider's
//! metadata needs is read without a prompt.
//!
//! A protected item whose key is gone (another face was enrolled, the passcode was removed) reads as *absent*, and the system
//! deletes it. So a *marker* without protection stands beside it: the marker without the item means that the key is lost. It is
//! written after the item and deleted before it, so that a crash between the two loses the distinction and no session.

use std::time::Duration;

use zeroize::Zeroizing;

use super::status::Status;
use super::unlocked::{Place, Value};
use super::{Options, Protection, Unlock};
use crate::ports::{EntryName, StoreError};

/// The system's calls. Each may wait for a daemon.
pub(super) trait Items {
    /// Whether there is a [`Place::Login`] beside the data-protection keychain.
    const HAS_LOGIN_KEYCHAIN: bool;

    /// The item's data. The system asks the user where the item is protected.
    fn read(&self, item: &Item<'_>) -> Result<Zeroizing<Vec<u8>>, Status>;
    /// The item's comment, empty when it has none. Asks no one.
    fn comment(&self, item: &Item<'_>) -> Result<String, Status>;
    fn add(&self, item: &Item<'_>, value: &[u8], comment: &str, protection: Protection) -> Result<(), Status>;
    /// Changes data and comment in one step. Asks no one.
    fn update(&self, item: &Item<'_>, value: &[u8], comment: &str) -> Result<(), Status>;
    fn remove(&self, item: &Item<'_>) -> Result<(), Status>;
    /// The accounts of all items of a service. Asks no one.
    fn accounts(&self, place: Place, service: &str) -> Result<Vec<String>, Status>;
}

/// What names an item.
pub(super) struct Item<'a> {
    pub(super) place: Place,
    pub(super) service: &'a str,
    pub(super) account: &'a str,
}

/// The entries of one store, over the system's calls.
pub(super) struct Entries<'a, I> {
    pub(super) items: I,
    pub(super) options: &'a Options,
    /// The clock that only runs, now.
    pub(super) now: Duration,
}

/// Why a call failed: by a status, or by a marker that has lost its item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Status(Status),
    KeyLost,
}

impl From<Status> for Fault {
    fn from(status: Status) -> Self {
        Self::Status(status)
    }
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Status(status) => status.into(),
            Fault::KeyLost => Self::Invalidated,
        }
    }
}

impl<I: Items> Entries<'_, I> {
    pub(super) fn load(&self, name: &EntryName) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
        self.somewhere(|place| {
            if let Some(value) = self.look(place, name)? {
                return Ok(Some(value));
            }
            if !may_be_protected(name) || found(self.items.comment(&self.marker(place, name)))?.is_none() {
                return Ok(None);
            }
            // Another process may have added both since the item was looked for.
            self.look(place, name)?.map(Some).ok_or(Fault::KeyLost)
        })
    }

    pub(super) fn save(&self, name: &EntryName, value: &[u8]) -> Result<(), StoreError> {
        let protection = self.protection(name);
        let revision = revision();
        let comment = comment(protection, revision.as_deref());
        self.somewhere(|place| {
            self.write(place, name, value, &comment, protection)?;
            let marker = self.marker(place, name);
            if protection == Protection::AfterFirstUnlock {
                found(self.items.remove(&marker))?;
            } else if found(self.items.comment(&marker))?.is_none() {
                match self.items.add(&marker, &[], MARKER_COMMENT, Protection::AfterFirstUnlock) {
                    Err(Status::DUPLICATE_ITEM) | Ok(()) => {}
                    Err(status) => return Err(status.into()),
                }
            }
            Ok(())
        })?;
        if let (Some(revision), true) = (revision, self.is_remembered(protection)) {
            let bytes = Zeroizing::new(value.to_vec());
            self.options.unlocked.replace(name.clone(), Value { revision, bytes, since: self.now });
        }
        Ok(())
    }

    pub(super) fn delete(&self, name: &EntryName) -> Result<(), StoreError> {
        self.somewhere(|place| {
            found(self.items.remove(&self.marker(place, name)))?;
            // In this order, because without an entry what was being moved would count.
            found(self.items.remove(&self.moving(place, name)))?;
            found(self.items.remove(&self.entry(place, name)))?;
            Ok(())
        })?;
        self.options.unlocked.remove(name);
        Ok(())
    }

    pub(super) fn list(&self) -> Result<Vec<EntryName>, StoreError> {
        self.somewhere(|place| {
            let mut names = Vec::new();
            for service in [&self.options.service, &self.options.services.moving] {
                let accounts = found(self.items.accounts(place, service))?.unwrap_or_default();
                names.extend(accounts.into_iter().filter_map(EntryName::parse));
            }
            names.sort();
            names.dedup();
            Ok(names)
        })
    }

    /// Runs `call` where the items are. A program without the entitlement has no data-protection keychain; on a Mac it has the
    /// user's login keychain, unless the app asked for what that one cannot give.
    fn somewhere<T>(&self, call: impl Fn(Place) -> Result<T, Fault>) -> Result<T, StoreError> {
        let unlocked = &self.options.unlocked;
        let place = unlocked.place().unwrap_or(Place::DataProtection);
        let outcome = call(place);
        let is_refused = matches!(outcome, Err(Fault::Status(Status::MISSING_ENTITLEMENT)));
        if !is_refused {
            unlocked.settle(place);
            return Ok(outcome?);
        }
        // Where it has worked before in this process, the refusal is one of the daemon's passing failures.
        let is_plain = self.options.access_group.is_none() && self.options.protection == Protection::AfterFirstUnlock;
        if I::HAS_LOGIN_KEYCHAIN && is_plain && unlocked.place().is_none() {
            let outcome = call(Place::Login);
            if outcome.is_ok() {
                unlocked.settle(Place::Login);
            }
            return Ok(outcome?);
        }
        Ok(outcome?)
    }

    fn look(&self, place: Place, name: &EntryName) -> Result<Option<Zeroizing<Vec<u8>>>, Fault> {
        let remembers = self.is_remembered(self.protection(name));
        let before = if remembers { self.revision_of(place, name)? } else { None };
        if let Some(revision) = &before {
            let unlocked = self.options.unlocked.value(name, revision, self.now, self.longest());
            if unlocked.is_some() {
                return Ok(unlocked);
            }
        }
        // A move that another process finishes between the first two looks has the entry in its place at the third.
        let (entry, moving) = (self.entry(place, name), self.moving(place, name));
        for item in [&entry, &moving, &entry] {
            let Some(value) = found(self.items.read(item))? else { continue };
            // What was read is of that revision when no one has written since.
            if let Some(revision) = before.as_ref().filter(|_| item.service == entry.service)
                && self.revision_of(place, name)?.as_ref() == Some(revision)
            {
                let value = Value { revision: revision.clone(), bytes: value.clone(), since: self.now };
                self.options.unlocked.insert(name.clone(), value);
            }
            return Ok(Some(value));
        }
        Ok(None)
    }

    fn write(
        &self,
        place: Place,
        name: &EntryName,
        value: &[u8],
        comment: &str,
        protection: Protection,
    ) -> Result<(), Fault> {
        let (entry, moving) = (self.entry(place, name), self.moving(place, name));
        // Another process may add or delete the entry between two steps; then the steps begin anew.
        let mut repetitions = 3;
        loop {
            let outcome = match found(self.items.comment(&entry))? {
                None => self.items.add(&entry, value, comment, protection).and_then(|()| self.forget(&moving)),
                Some(present) if protection_of(&present) == protection_of(comment) => {
                    self.items.update(&entry, value, comment)
                }
                Some(_) => self.change_protection(&entry, &moving, value, comment, protection),
            };
            match outcome {
                Err(Status::DUPLICATE_ITEM | Status::ITEM_NOT_FOUND | Status::PARAMETER) if repetitions > 0 => {
                    repetitions -= 1;
                }
                outcome => return Ok(outcome?),
            }
        }
    }

    fn change_protection(
        &self,
        entry: &Item<'_>,
        moving: &Item<'_>,
        value: &[u8],
        comment: &str,
        protection: Protection,
    ) -> Result<(), Status> {
        self.forget(moving)?;
        self.items.add(moving, value, comment, protection)?;
        self.forget(entry)?;
        self.items.add(entry, value, comment, protection)?;
        self.forget(moving)
    }

    fn forget(&self, item: &Item<'_>) -> Result<(), Status> {
        found(self.items.remove(item)).map(drop)
    }

    /// The revision of the entry's item; `None` when there is none, or it has none.
    fn revision_of(&self, place: Place, name: &EntryName) -> Result<Option<String>, Status> {
        let comment = found(self.items.comment(&self.entry(place, name)))?;
        Ok(comment.as_deref().and_then(revision_in).map(str::to_owned))
    }

    /// What it takes to read the entry.
    fn protection(&self, name: &EntryName) -> Protection {
        if may_be_protected(name) { self.options.protection } else { Protection::AfterFirstUnlock }
    }

    /// Whether a prompt spares the next ones.
    fn is_remembered(&self, protection: Protection) -> bool {
        protection != Protection::AfterFirstUnlock && self.options.unlock != Unlock::EachRead
    }

    fn longest(&self) -> Option<Duration> {
        match self.options.unlock {
            Unlock::EachRead => Some(Duration::ZERO),
            Unlock::For(longest) => Some(longest),
            Unlock::OncePerProcess => None,
        }
    }

    fn entry<'a>(&'a self, place: Place, name: &'a EntryName) -> Item<'a> {
        Item { place, service: &self.options.service, account: name.as_str() }
    }

    fn moving<'a>(&'a self, place: Place, name: &'a EntryName) -> Item<'a> {
        Item { place, service: &self.options.services.moving, account: name.as_str() }
    }

    fn marker<'a>(&'a self, place: Place, name: &'a EntryName) -> Item<'a> {
        Item { place, service: &self.options.services.markers, account: name.as_str() }
    }
}

/// The kinds of entries that hold a refresh token, by the first part of their names.
fn may_be_protected(name: &EntryName) -> bool {
    ["session.", "quarantine."].iter().any(|kind| name.as_str().starts_with(kind))
}

/// How a protection is told later: a stored format. The revision follows after a semicolon.
fn comment(protection: Protection, revision: Option<&str>) -> String {
    let told = match protection {
        Protection::AfterFirstUnlock => return "hallpass: after first unlock".to_owned(),
        Protection::UserPresence => "hallpass: user presence",
        Protection::Biometry => "hallpass: biometry",
        Protection::CurrentBiometry => "hallpass: current biometry",
    };
    revision.map_or_else(|| told.to_owned(), |revision| format!("{told}; {revision}"))
}

/// The comment of a marker: a stored format.
const MARKER_COMMENT: &str = "hallpass: there is a protected item";

fn protection_of(comment: &str) -> &str {
    comment.split_once("; ").map_or(comment, |(protection, _)| protection)
}

fn revision_in(comment: &str) -> Option<&str> {
    comment.split_once("; ").map(|(_, revision)| revision)
}

/// A number that no other save has; none without randomness, and the value is then asked for at the next read.
fn revision() -> Option<String> {
    use crate::ports::Random;

    let mut bytes = [0; 8];
    crate::adapters::SystemRandom::default().fill(&mut bytes).ok()?;
    Some(format!("{:016x}", u64::from_be_bytes(bytes)))
}

fn found<T>(outcome: Result<T, Status>) -> Result<Option<T>, Status> {
    match outcome {
        Ok(found) => Ok(Some(found)),
        Err(Status::ITEM_NOT_FOUND) => Ok(None),
        Err(status) => Err(status),
    }
}

#[cfg(test)]
#[path = "entries/tests.rs"]
mod tests;
