//! What all processes of an account share, and what storages are known to do.

use std::collections::BTreeMap;

use crate::token::Refresh;

/// What all processes of the account share. Times are instants of the run until which something is the matter.
#[derive(Debug, Default)]
pub(crate) struct Storage {
    pub(crate) entries: BTreeMap<String, Entry>,
    pub(crate) locked_until: u64,
    pub(crate) full_until: u64,
    pub(crate) failing_until: u64,
    pub(crate) slow_until: u64,
    /// How many of the next operations fail.
    pub(crate) failures: u32,
    /// The record that a newer version has put its own in the place of, and when.
    pub(crate) upgraded: Option<(u64, String)>,
    /// Until when a session's entry is not to be seen, although it is there.
    pub(crate) hidden_until: u64,
    /// The longest text that it takes.
    pub(crate) limit: Option<usize>,
    /// How many of the next reads, by whoever wrote last, return the value before.
    pub(crate) stale_reads: u32,
}

#[derive(Debug, Default, Clone)]
pub(crate) struct Entry {
    pub(crate) text: String,
    pub(crate) before: Option<String>,
    pub(crate) writer: usize,
    /// Its key is gone.
    pub(crate) unreadable: bool,
}

impl Storage {
    /// The refresh token that a new process would find.
    pub(crate) fn durable(&self) -> Option<Refresh> {
        let entry = self.record()?;
        if entry.unreadable { None } else { Refresh::within(&entry.text) }
    }

    /// The token that somebody noted to be about to send, and who.
    pub(crate) fn note(&self) -> Option<(Refresh, usize)> {
        let entry = self.record().filter(|entry| !entry.unreadable && is_note(&entry.text))?;
        Some((Refresh::within(&entry.text)?, entry.writer))
    }

    pub(crate) fn record(&self) -> Option<&Entry> {
        self.entries.iter().find(|(name, _)| name.starts_with("session.")).map(|(_, entry)| entry)
    }

    /// The key is gone: nothing that is stored now will ever be read.
    pub(crate) fn invalidate(&mut self) {
        self.entries.values_mut().for_each(|entry| entry.unreadable = true);
        self.upgraded = None;
    }

    /// A newer version of the app writes the record in its own way.
    pub(crate) fn upgrade(&mut self, now: u64) {
        let record = self.entries.iter_mut().find(|(name, _)| name.starts_with("session.")).map(|(_, entry)| entry);
        if let Some(entry) = record.filter(|entry| !entry.unreadable && !entry.text.starts_with(NEWER)) {
            let text = std::mem::replace(&mut entry.text, format!("{NEWER}whatever it says"));
            self.upgraded = Some((now, text));
            entry.before = None;
        }
    }

    /// It is put back in the way of this version.
    pub(crate) fn downgrade(&mut self) {
        let Some((_, text)) = self.upgraded.take() else { return };
        if let Some((_, entry)) = self.entries.iter_mut().find(|(name, _)| name.starts_with("session.")) {
            entry.text = text;
        }
    }

    pub(crate) fn repair(&mut self, now: u64) {
        self.downgrade();
        (self.locked_until, self.full_until, self.failing_until) = (0, 0, 0);
        // What was begun while it was slow still takes its time.
        self.slow_until = self.slow_until.min(now);
        (self.failures, self.stale_reads, self.hidden_until) = (0, 0, 0);
    }
}

/// Whether a record says that its token is about to be sent.
pub(crate) fn is_note(text: &str) -> bool {
    text.contains("\"attempt\":{")
}

/// How a record of a newer version begins.
pub(crate) const NEWER: &str = "2.";
