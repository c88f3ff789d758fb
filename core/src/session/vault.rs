//! The record of an account, in memory and in the store: what is saved, what is not yet, and whose is newer.
//!
//! This file implements rules 5, 11 and 17. The vault decides nothing about tokens. It does not lose what it was given, does
//! not let an older record overwrite it, and does not take a missing record for a logout.

use std::collections::VecDeque;
use std::sync::Arc;

use hallpass_protocol::secret::Fingerprint;

use super::moment::Moment;
use super::record::{Content, Record, RecordError, Refresh, SignedIn};
use super::tombstone::Tombstone;
use crate::error::{Error, LoginReason, Result, StorageProblem};
use crate::ports::{EntryName, SecureStore, StoreError, StoredValue};

/// More sessions than a store can be behind by.
const RETIRED: usize = 64;

pub(crate) struct Vault {
    store: Arc<dyn SecureStore>,
    entries: Entries,
    writer: String,
    /// The current record; `None` when no one ever signed in.
    record: Option<Record>,
    /// What the store is known to hold of this session.
    durable: Option<Durable>,
    /// The refresh token with which the session ended here: its generation, and when it was received.
    ended_with: Option<(u64, Moment)>,
    opened: bool,
    /// The latest sessions that others took the place of here, each once. A store that gives one of their records again is
    /// behind the times.
    retired: VecDeque<String>,
    /// A damaged text found in the store, set aside before it is overwritten.
    damaged: Option<StoredValue>,
    /// A newer version of Hallpass had written what was read last.
    is_newer: bool,
}

/// Where the store keeps what belongs to the record.
pub(crate) struct Entries {
    /// The record.
    pub(crate) record: EntryName,
    /// A damaged record, set aside.
    pub(crate) quarantine: EntryName,
    /// Which sessions were logged out.
    pub(crate) tombstone: EntryName,
}

/// A record in the store.
struct Durable {
    version: Version,
    /// The stored text: when it is read again unchanged, it is not parsed again.
    text: StoredValue,
}

/// Names one state of one session's record.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Version {
    lineage: String,
    revision: u64,
    writer: String,
}

impl Vault {
    pub(crate) fn new(store: Arc<dyn SecureStore>, entries: Entries, writer: String) -> Self {
        Self {
            store,
            entries,
            writer,
            record: None,
            durable: None,
            ended_with: None,
            opened: false,
            retired: VecDeque::new(),
            damaged: None,
            is_newer: false,
        }
    }

    pub(crate) fn record(&self) -> Option<&Record> {
        self.record.as_ref()
    }

    /// Whether the record is known: it was read, or another one has taken its place.
    pub(crate) fn is_opened(&self) -> bool {
        self.opened
    }

    /// Remembers, in memory, whether the server may have acted on the last use of the refresh token `token` of the
    /// session called `lineage`.
    pub(crate) fn settle(&mut self, lineage: &str, token: Fingerprint, settled: bool) {
        if let Some(record) = self.record.as_mut().filter(|record| record.lineage == lineage)
            && let Some(signed_in) = record.signed_in_mut()
            && let Some(refresh) = signed_in.refresh_mut(token)
            && let Some(attempt) = &mut refresh.attempt
        {
            attempt.settled = settled;
        }
    }

    /// The refresh token, if a renewal with it may have been acted on without an answer arriving.
    pub(crate) fn token_in_doubt(&self) -> Option<Fingerprint> {
        let refresh = refresh(self.record.as_ref()?)?;
        refresh.attempt.filter(|attempt| !attempt.settled).map(|_| refresh.token.fingerprint())
    }

    /// Whether the record in memory is what the store holds.
    pub(crate) fn is_saved(&self) -> bool {
        match &self.record {
            Some(record) => self.is_durable(record),
            None => self.durable.is_none(),
        }
    }

    /// Reads the record if that was not done yet: one read in the life of a session.
    ///
    /// # Errors
    /// [`Error::Storage`] when the store is locked or fails, or when a newer version of Hallpass wrote the record; the
    /// next call tries again.
    pub(crate) async fn open(&mut self) -> Result<()> {
        if !self.opened {
            match self.read().await? {
                Found::Record(record, text) => self.take_over(record, text),
                Found::Durable | Found::Absent => {}
                Found::Unreadable => self.record = Some(signed_out(LoginReason::StorageInvalidated)),
                Found::Newer => return Err(NEWER),
            }
            self.opened = true;
        }
        Ok(())
    }

    /// Brings memory and store together: saves what is not yet saved, or takes over what another process saved.
    ///
    /// # Errors
    /// [`Error::Storage`]; memory is then as it was.
    pub(crate) async fn synchronize(&mut self, now: Moment) -> Result<()> {
        if !self.opened {
            return self.open().await;
        }
        match self.read().await? {
            Found::Durable => {}
            Found::Record(stored, text) if self.is_superseded_by(&stored) => self.take_over(stored, text),
            // A logout missed it, because the store did not show it then.
            Found::Record(stored, _) if self.is_logged_out_here(&stored) => {
                self.store.delete(&self.entries.record).await?;
                return Ok(());
            }
            // Not yet saved, or written over by somebody who had read the record before it was saved. What is saved over
            // another's record has to count as the newer one everywhere.
            Found::Record(stored, _) if !self.is_durable(&stored) => {
                if let Some(ours) = &mut self.record {
                    if stored.writer != self.writer {
                        ours.keep_attempt_of(&stored);
                    }
                    ours.revision = ours.revision.max(stored.revision).saturating_add(1);
                }
            }
            Found::Record(..) | Found::Unreadable => {}
            Found::Newer => return Err(NEWER),
            // Absence says nothing: a collection may be closed, a folder not mounted. A logout leaves a tombstone.
            Found::Absent if self.record.as_ref().is_some_and(|record| record.signed_in().is_some()) => {
                if self.is_logged_out_elsewhere(now).await? {
                    self.has_been_logged_out();
                    return Ok(());
                }
            }
            Found::Absent => {}
        }
        if self.is_saved() || self.is_logged_out() { Ok(()) } else { self.save().await }
    }

    /// Makes `content` the record of the present session and saves it.
    ///
    /// # Errors
    /// [`Error::Storage`] when it could not be saved; it is kept in memory, and saved by the next `synchronize`.
    pub(crate) async fn commit(&mut self, content: Content) -> Result<()> {
        let before = self.record.take().unwrap_or_else(|| signed_out(LoginReason::NotSignedIn));
        let spent = refresh(&before).map(|refresh| (refresh.generation, refresh.received));
        self.ended_with = spent.filter(|_| matches!(content, Content::SignedOut(_)));
        let revision = before.revision.saturating_add(1);
        self.record = Some(Record { revision, writer: self.writer.clone(), content, ..before });
        self.save().await
    }

    /// As `commit`, but what could not be saved is forgotten: for a note that is of no use unless it is durable, and
    /// whose record must not stand in the way of what another process saves meanwhile.
    ///
    /// # Errors
    /// [`Error::Storage`] when it could not be saved; nothing has changed then.
    pub(crate) async fn commit_or_revert(&mut self, content: Content) -> Result<()> {
        let before = self.record.clone();
        let outcome = self.commit(content).await;
        if outcome.is_err() {
            self.record = before;
        }
        outcome
    }

    /// Makes `content` the record of a new session called `lineage`, in place of what was there, and saves it, unless it
    /// is not wanted any more.
    ///
    /// # Errors
    /// As for `commit`; [`Error::Cancelled`] when it is not wanted, or another process has saved a later login or logged
    /// out since. A record that a newer version of Hallpass wrote is not overwritten.
    pub(crate) async fn begin(
        &mut self,
        lineage: String,
        begun: Moment,
        now: Moment,
        content: Content,
        is_wanted: impl FnOnce() -> bool + Send,
    ) -> Result<()> {
        // The session that this process knows is the one that the user signs in to replace, whatever the clocks say.
        let mut replaced = self.record.clone().map(Record::into_lineages).unwrap_or_default();
        let mut logout_before = self.record.as_ref().and_then(|record| record.logout_before);
        let found = self.read().await;
        // Now, as the store may have taken its time.
        if !is_wanted() {
            if let Ok(Found::Record(stored, text)) = found
                && self.opened
                && self.is_superseded_by(&stored)
            {
                self.take_over(stored, text);
            }
            return Err(Error::Cancelled);
        }
        match found {
            Ok(Found::Record(stored, text)) if stored.is_of_a_login_after(begun, now) => {
                self.take_over(stored, text);
                self.opened = true;
                return Err(Error::Cancelled);
            }
            Ok(Found::Durable) if self.record.as_ref().is_some_and(|known| known.is_of_a_login_after(begun, now)) => {
                return Err(Error::Cancelled);
            }
            Ok(Found::Record(stored, _)) => {
                self.retire(stored.lineage.clone());
                logout_before = stored.logout_before;
                replaced = stored.into_lineages();
            }
            Ok(Found::Newer) => return Err(NEWER),
            Ok(Found::Absent) => {
                if let Ok(tombstone) = self.tombstone().await {
                    // Another process may have logged out while the code was exchanged.
                    if tombstone.is_later_than(begun, now) {
                        self.has_been_logged_out();
                        return Err(Error::Cancelled);
                    }
                    logout_before = tombstone.latest();
                }
            }
            // What cannot be read now cannot be saved now either; then the next `synchronize` looks again.
            Ok(Found::Durable | Found::Unreadable) | Err(_) => {}
        }
        self.opened = true;
        if let Some(damaged) = self.damaged.take()
            && let Err(error) = self.store.save(&self.entries.quarantine, &damaged).await
        {
            self.damaged = Some(damaged);
            return Err(error.into());
        }
        let writer = self.writer.clone();
        self.replace(Record { lineage, revision: 1, writer, begun: Some(begun), replaced, logout_before, content });
        self.durable = None;
        self.save().await
    }

    /// Deletes the record from store and memory, also one that cannot be read, and leaves a tombstone. Returns who was
    /// signed in.
    ///
    /// # Errors
    /// [`Error::Storage`] when it is still there; memory is then as it was.
    pub(crate) async fn erase(&mut self, now: Moment) -> Result<Option<SignedIn>> {
        self.store.delete(&self.entries.quarantine).await?;
        let lineage = self.record.as_ref().map(|record| record.lineage.clone()).unwrap_or_default();
        // Before the record goes, so that no process sees the one without the other. A full store takes no tombstone and
        // keeps nobody from logging out: other processes then learn of it from the server.
        let before = self.tombstone().await.unwrap_or_default();
        // The sessions that this one took the place of are over as well, for a process that has not heard of it. Where it
        // is known that nobody ever signed in, there is nothing to tell.
        let is_nobody = self.opened && !self.is_newer && self.record.is_none();
        let replaced = self.record.as_ref().map(|record| record.replaced.as_slice()).unwrap_or_default();
        let ended = self.retired.iter().chain(replaced).chain((!is_nobody).then_some(&lineage));
        let tombstone = ended.fold(before.clone(), |tombstone, lineage| tombstone.with(lineage, now));
        if tombstone != before
            && let Err(error) = self.store.save(&self.entries.tombstone, &tombstone.to_stored()).await
        {
            tracing::debug!(%error, "the logout leaves no tombstone");
        }
        if let Err(error) = self.store.delete(&self.entries.record).await {
            // Nothing has ended, so nothing is to say so.
            if tombstone != before
                && let Err(error) = self.store.save(&self.entries.tombstone, &before.to_stored()).await
            {
                tracing::debug!(%error, "the tombstone of a logout that failed is still there");
            }
            return Err(error.into());
        }
        let erased = self.record.take().and_then(Record::into_signed_in);
        self.record = Some(Record { lineage, ..signed_out(LoginReason::LoggedOut) });
        self.durable = None;
        self.damaged = None;
        self.is_newer = false;
        self.opened = true;
        Ok(erased)
    }

    /// Whether the store says that the session in memory was logged out, or that somebody logged out after it began.
    ///
    /// # Errors
    /// [`Error::Storage`] when the store cannot tell now.
    async fn is_logged_out_elsewhere(&self, now: Moment) -> Result<bool> {
        let Some(record) = &self.record else { return Ok(false) };
        let tombstone = self.tombstone().await?;
        // A logout that was known at the login was before it, whatever the clocks say by now.
        let is_known = tombstone.latest() == record.logout_before;
        let is_older = !is_known && record.begun.is_some_and(|begun| tombstone.is_later_than(begun, now));
        Ok(tombstone.names(&record.lineage) || is_older)
    }

    async fn tombstone(&self) -> Result<Tombstone> {
        match self.store.load(&self.entries.tombstone).await {
            Ok(stored) => Ok(stored.as_ref().map(Tombstone::from_stored).unwrap_or_default()),
            // One that can never be read again names nobody, as a damaged one.
            Err(StoreError::Invalidated) => Ok(Tombstone::default()),
            Err(error @ (StoreError::Locked | StoreError::Failed(_))) => Err(error.into()),
        }
    }

    /// Saves the record. A store that has no room for it gets it without the access tokens for other audiences, which the
    /// refresh token brings again (rule 17).
    async fn save(&mut self) -> Result<()> {
        if self.is_newer {
            return Err(NEWER);
        }
        let Some(record) = &mut self.record else { return Ok(()) };
        let mut text = record.to_stored();
        let mut saved = self.store.save(&self.entries.record, &text).await;
        while matches!(saved, Err(StoreError::Failed(_))) && record.signed_in_mut().is_some_and(SignedIn::shed_grants) {
            text = record.to_stored();
            saved = self.store.save(&self.entries.record, &text).await;
        }
        saved?;
        self.durable = Some(Durable { version: Version::of(record), text });
        Ok(())
    }

    async fn read(&mut self) -> Result<Found> {
        let found = self.look().await?;
        self.is_newer = matches!(found, Found::Newer);
        Ok(found)
    }

    async fn look(&mut self) -> Result<Found> {
        let value = match self.store.load(&self.entries.record).await {
            Ok(Some(value)) => value,
            Ok(None) => return Ok(Found::Absent),
            Err(StoreError::Invalidated) => return Ok(Found::Unreadable),
            Err(error @ (StoreError::Locked | StoreError::Failed(_))) => return Err(error.into()),
        };
        if self.durable.as_ref().is_some_and(|durable| durable.text.expose() == value.expose()) {
            return Ok(Found::Durable);
        }
        match Record::from_stored(&value) {
            Ok(record) => Ok(Found::Record(record, value)),
            Err(RecordError::Damaged) => {
                self.damaged = Some(value);
                Ok(Found::Unreadable)
            }
            Err(RecordError::Newer) => Ok(Found::Newer),
        }
    }

    fn is_durable(&self, record: &Record) -> bool {
        self.durable.as_ref().is_some_and(|durable| durable.version == Version::of(record))
    }

    /// Takes `record`, which stands in the store as `text`. Access tokens that this process got later stay, and are not
    /// saved yet: a store may show what it held before.
    fn take_over(&mut self, mut record: Record, text: StoredValue) {
        self.durable = Some(Durable { version: Version::of(&record), text });
        if let Some(ours) = self.record.as_ref().filter(|ours| ours.lineage == record.lineage)
            && record.keep_later_grants_of(ours)
        {
            record.revision = record.revision.max(ours.revision).saturating_add(1);
            record.writer.clone_from(&self.writer);
        }
        self.replace(record);
        self.damaged = None;
    }

    /// Another process has logged out.
    fn has_been_logged_out(&mut self) {
        self.durable = None;
        self.record =
            self.record.take().map(|record| Record { content: Content::SignedOut(LoginReason::LoggedOut), ..record });
    }

    fn replace(&mut self, record: Record) {
        if let Some(before) = self.record.take().filter(|before| before.lineage != record.lineage) {
            self.retire(before.lineage);
        }
        self.ended_with = None;
        self.record = Some(record);
    }

    fn retire(&mut self, lineage: String) {
        if !self.retired.contains(&lineage) {
            self.retired.push_back(lineage);
        }
        if self.retired.len() > RETIRED {
            self.retired.pop_front();
        }
    }

    /// Whether `stored` was written by somebody else after what this process last saved, and wins over what it holds.
    fn is_superseded_by(&self, stored: &Record) -> bool {
        let Some(ours) = &self.record else { return true };
        if self.is_durable(stored) || self.retired.contains(&stored.lineage) {
            return false;
        }
        if self.is_logged_out() {
            // Somebody has signed in since. What is left of the session that ended here does not come back.
            return ours.lineage != stored.lineage;
        }
        if ours.lineage != stored.lineage {
            // Another login. One that is older than ours comes from a store that is behind the times. One of ours that
            // is not saved yet came later than any that this process has seen saved, and another process may have signed
            // in since.
            let begun = stored.begun.zip(ours.begun);
            let is_older = begun.is_some_and(|(theirs, ours)| ours.is_surely_after(theirs));
            let is_later = begun.is_some_and(|(theirs, ours)| theirs.is_after(ours));
            return !is_older && (self.is_saved() || self.durable.is_some() || is_later);
        }
        match (refresh(stored), refresh(ours)) {
            (Some(theirs), Some(ours)) if theirs.token.fingerprint() != ours.token.fingerprint() => {
                theirs.is_ahead_of(ours.generation, ours.received)
            }
            // This process saw how the session ended. A record of the token that was refused, or of one before it, is no news,
            // however often somebody saved it.
            (Some(theirs), None) if self.ended_with.is_some() => {
                self.ended_with.is_some_and(|(generation, received)| theirs.is_ahead_of(generation, received))
            }
            (_, _) if self.is_saved() => stored.revision >= ours.revision,
            (Some(_), Some(_)) => false,
            (Some(_), None) => true,
            (None, None) => true,
            (None, Some(_)) => matches!(stored.content, Content::SignedOut(_)),
        }
    }

    /// Whether `stored` is of the session that the user has logged out of in this process.
    fn is_logged_out_here(&self, stored: &Record) -> bool {
        self.record.as_ref().is_some_and(|record| {
            matches!(record.content, Content::SignedOut(LoginReason::LoggedOut)) && record.lineage == stored.lineage
        })
    }

    fn is_logged_out(&self) -> bool {
        self.record.as_ref().is_none_or(|record| {
            matches!(record.content, Content::SignedOut(LoginReason::LoggedOut | LoginReason::StorageInvalidated))
        })
    }
}

impl Version {
    fn of(record: &Record) -> Self {
        Self { lineage: record.lineage.clone(), revision: record.revision, writer: record.writer.clone() }
    }
}

enum Found {
    /// What is known to be there.
    Durable,
    /// Another record, and how it stands there.
    Record(Record, StoredValue),
    Absent,
    Unreadable,
    /// Written by a newer version of Hallpass.
    Newer,
}

/// The record is not for this version to read or to overwrite.
pub(crate) const NEWER: Error =
    Error::Storage { problem: StorageProblem::Failed("a newer version wrote the record; update the app") };

/// What stands in memory for a record that is not in the store.
fn signed_out(reason: LoginReason) -> Record {
    Record {
        lineage: String::new(),
        revision: 0,
        writer: String::new(),
        begun: None,
        replaced: Vec::new(),
        logout_before: None,
        content: Content::SignedOut(reason),
    }
}

fn refresh(record: &Record) -> Option<&Refresh> {
    record.signed_in()?.refresh.as_ref()
}
