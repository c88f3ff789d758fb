//! The record of an account, locked: the only way to change it.

use hallpass_protocol::secret::Fingerprint;
use tokio::sync::MutexGuard;

use super::super::moment::Moment;
use super::super::record::{Content, Record, SignedIn};
use super::super::state::State;
use super::super::vault::Vault;
use super::{Account, Intent};
use crate::error::{Error, LoginReason, Result};

/// The record, locked. What changes it saves it and publishes it, in this order.
pub(crate) struct Guard<'a> {
    pub(super) account: &'a Account,
    pub(super) vault: MutexGuard<'a, Vault>,
}

impl Guard<'_> {
    pub(crate) fn record(&self) -> Option<&Record> {
        self.vault.record()
    }

    /// Whether the record is what the store holds.
    pub(crate) fn is_saved(&self) -> bool {
        self.vault.is_saved()
    }

    /// Who is signed in, and the name of the session.
    ///
    /// # Errors
    /// [`Error::LoginRequired`] with the reason why nobody is.
    pub(crate) fn signed_in(&self) -> Result<(&str, &SignedIn)> {
        match self.record().map(|record| (&record.lineage, &record.content)) {
            Some((lineage, Content::SignedIn(signed_in))) => Ok((lineage, signed_in)),
            Some((_, Content::SignedOut(reason))) => Err(Error::LoginRequired { reason: *reason }),
            None => Err(Error::LoginRequired { reason: LoginReason::NotSignedIn }),
        }
    }

    /// The refresh token, if the outcome of its last use is unknown.
    pub(crate) fn token_in_doubt(&self) -> Option<Fingerprint> {
        self.vault.token_in_doubt()
    }

    /// Brings memory and store together; see [`Account::synchronized`].
    ///
    /// # Errors
    /// [`Error::Storage`]; the record is then as it was.
    pub(crate) async fn synchronize(&mut self) -> Result<()> {
        match self.vault.synchronize(Moment::now(&*self.account.clock)).await {
            Ok(()) => {
                self.account.publish(&self.vault);
                Ok(())
            }
            Err(error) => {
                if let (Error::Storage { problem }, false) = (&error, self.vault.is_opened()) {
                    self.account.publish_state(&State::Restoring { problem: Some(*problem) });
                }
                Err(error)
            }
        }
    }

    /// Saves what the signed-in user's part of the record is now, then publishes it.
    ///
    /// # Errors
    /// [`Error::Storage`] when it could not be saved; it is kept in memory, unpublished, and saved by the next
    /// `synchronize`.
    pub(crate) async fn commit(&mut self, signed_in: SignedIn) -> Result<()> {
        let saved = self.vault.commit(Content::SignedIn(Box::new(signed_in))).await;
        self.account.publish(&self.vault);
        saved
    }

    /// Saves a note that is of no use unless it is durable. It changes nothing that is published.
    ///
    /// # Errors
    /// [`Error::Storage`] when it could not be saved; nothing has changed then.
    pub(crate) async fn commit_or_revert(&mut self, signed_in: SignedIn) -> Result<()> {
        let saved = self.vault.commit_or_revert(Content::SignedIn(Box::new(signed_in))).await;
        self.account.publish_outcome_unknown(&self.vault);
        saved
    }

    /// Saves a new session called `lineage` in place of what was there, then publishes it. The user came back from the
    /// browser when it had `begun`, and wanted nothing else since if `intent` is the latest one.
    ///
    /// # Errors
    /// As for `commit`; [`Error::Cancelled`] when the user has logged out since or begun another login, here or in another
    /// process. A record that a newer version of Hallpass wrote is not overwritten.
    pub(crate) async fn begin(
        &mut self,
        lineage: String,
        begun: Moment,
        signed_in: SignedIn,
        intent: Intent,
    ) -> Result<()> {
        let account = self.account;
        let content = Content::SignedIn(Box::new(signed_in));
        let now = Moment::now(&*account.clock);
        let saved = self.vault.begin(lineage, begun, now, content, || account.latest_intent() == intent).await;
        // As long as the record is not known, nobody can tell whether somebody is signed in.
        if self.vault.is_opened() {
            self.account.publish(&self.vault);
        }
        saved
    }

    /// Ends the session. It shows at once; what cannot be saved now is saved by the next `synchronize`.
    pub(crate) async fn end(&mut self, reason: LoginReason) {
        if let Err(error) = self.vault.commit(Content::SignedOut(reason)).await {
            tracing::debug!(%error, "the end of the session is not saved yet");
        }
        self.account.publish(&self.vault);
    }

    /// Whether the session that is there began after `moment`, by both clocks.
    pub(crate) fn has_begun_after(&self, moment: Moment) -> bool {
        let now = Moment::now(&*self.account.clock);
        self.record().is_some_and(|record| record.is_of_a_login_after(moment, now))
    }

    /// Deletes the record, also one that cannot be read, and leaves a tombstone for other processes. Returns who was
    /// signed in.
    ///
    /// # Errors
    /// [`Error::Storage`] when it is still there; nothing has changed then.
    pub(crate) async fn erase(&mut self) -> Result<Option<SignedIn>> {
        let erased = self.vault.erase(Moment::now(&*self.account.clock)).await?;
        self.account.publish(&self.vault);
        Ok(erased)
    }

    /// Remembers, in memory, whether the server may have acted on the last use of the refresh token `token` of the
    /// session called `lineage`.
    pub(crate) fn settle(&mut self, lineage: &str, token: Fingerprint, settled: bool) {
        self.vault.settle(lineage, token, settled);
        self.account.publish_outcome_unknown(&self.vault);
    }
}
