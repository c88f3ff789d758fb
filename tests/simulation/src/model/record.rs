//! What a model remembers, and what it stores of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use hallpass_core::ports::{Clock, SecureStore, StoreError, StoredValue};
use hallpass_core::{LoginReason, Result};
use serde_json::{Value, json};

use super::{Model, entry};
use crate::token::Refresh;

#[derive(Default, Clone)]
pub(super) struct Memory {
    pub(super) opened: bool,
    pub(super) refresh: Option<Refresh>,
    pub(super) reason: Option<LoginReason>,
    /// A renewal with `refresh` was begun, and nobody knows how it ended.
    pub(super) in_doubt: bool,
    /// The process that noted its intent to use `refresh`.
    pub(super) journal: Option<usize>,
    pub(super) unsaved: bool,
    pub(super) access: BTreeMap<String, Held>,
    pub(super) wait_until: Duration,
    /// The token with which it went on asking by itself.
    pub(super) asked_again: Option<Refresh>,
    pub(super) unwanted: BTreeSet<Refresh>,
}

#[derive(Clone)]
pub(super) struct Held {
    pub(super) token: String,
    pub(super) expires: Duration,
    pub(super) expires_by_wall: i64,
    pub(super) lifetime: Duration,
}

impl Model {
    pub(super) async fn opened(&self) -> Result<()> {
        if self.read(|memory| memory.opened) {
            return Ok(());
        }
        match self.ports.load(&entry()).await {
            Ok(Some(value)) => self.take_over(&value, true),
            Ok(None) => self.change(|memory| memory.opened = true),
            Err(StoreError::Invalidated) => self.change(|memory| {
                (memory.opened, memory.reason) = (true, Some(LoginReason::StorageInvalidated));
            }),
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Saves what is not saved, or takes over what another process saved.
    pub(super) async fn synchronize(&self) -> Result<()> {
        let unsaved = self.read(|memory| memory.unsaved);
        match self.ports.load(&entry()).await {
            Ok(Some(value)) => self.take_over(&value, false),
            Ok(None) if !unsaved => self.change(|memory| {
                if memory.refresh.is_some() {
                    (memory.refresh, memory.reason) = (None, Some(LoginReason::LoggedOut));
                    memory.access.clear();
                }
            }),
            Ok(None) | Err(StoreError::Invalidated) => {}
            Err(error) => return Err(error.into()),
        }
        if self.read(|memory| memory.unsaved) { self.save().await } else { Ok(()) }
    }

    pub(super) fn take_over(&self, value: &StoredValue, opening: bool) {
        let Ok(stored) = serde_json::from_str::<Value>(value.expose()) else { return };
        let theirs = stored["refresh"].as_str().and_then(Refresh::parse);
        let wall = self.ports.now().unix_millis();
        self.change(|memory| {
            memory.opened = true;
            let newer = match (theirs, memory.refresh) {
                (Some(theirs), Some(ours)) => theirs > ours,
                (Some(theirs), None) => opening || !memory.unwanted.contains(&theirs),
                (None, _) => {
                    !memory.unsaved && stored["family"].as_u64() >= memory.refresh.map(|ours| ours.family as u64)
                }
            };
            let journal = stored["attempt"].as_u64().and_then(|process| usize::try_from(process).ok());
            if !newer {
                let by_another = journal.is_some_and(|process| process != self.ports.process);
                memory.in_doubt |= theirs == memory.refresh && by_another;
                return;
            }
            memory.refresh = theirs;
            memory.unsaved = false;
            memory.journal = journal;
            memory.in_doubt = journal.is_some();
            memory.reason = match stored["reason"].as_str() {
                Some("answer_lost") => Some(LoginReason::AnswerLost),
                Some(_) => Some(LoginReason::Revoked),
                None => None,
            };
            memory.access.clear();
            for (audience, held) in stored["access"].as_object().into_iter().flatten() {
                let expires_by_wall = held["expires"].as_i64().unwrap_or_default();
                let left = Duration::from_millis(u64::try_from(expires_by_wall - wall).unwrap_or_default());
                let lifetime = Duration::from_secs(held["lifetime"].as_u64().unwrap_or_default());
                let token = held["token"].as_str().unwrap_or_default().to_owned();
                let expires = self.ports.elapsed() + left.min(lifetime);
                memory.access.insert(audience.clone(), Held { token, expires, expires_by_wall, lifetime });
            }
        });
    }

    pub(super) async fn save(&self) -> Result<()> {
        let memory = self.read(Memory::clone);
        self.save_as(&memory).await
    }

    pub(super) async fn save_as(&self, memory: &Memory) -> Result<()> {
        self.ports.save(&entry(), &memory.text()).await?;
        self.change(|memory| memory.unsaved = false);
        Ok(())
    }
}

impl Memory {
    pub(super) fn text(&self) -> StoredValue {
        let access: BTreeMap<&String, Value> = self
            .access
            .iter()
            .map(|(audience, held)| {
                let lifetime = held.lifetime.as_secs();
                (audience, json!({ "token": held.token, "expires": held.expires_by_wall, "lifetime": lifetime }))
            })
            .collect();
        let stored = json!({
            "refresh": self.refresh.map(Refresh::text),
            "reason": self.reason.map(|reason| reason.code()),
            "family": self.refresh.or(self.unwanted.last().copied()).map(|refresh| refresh.family),
            "attempt": self.journal,
            "access": access,
        });
        StoredValue::new(stored.to_string())
    }
}
