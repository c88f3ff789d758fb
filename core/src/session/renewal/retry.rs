//! A lost response: nobody knows whether the refresh token is spent, so the engine goes on asking (rules 4 and 8; ADR 8).
//!
//! A server with a reuse interval forgives a second use of a token for some seconds, most of which are over when a
//! request has timed out. So the engine asks again by itself, with the same token, until there is an answer or a minute
//! is over. Each try is a renewal like any other: it takes the lease and the turn, looks at the record again, and is joined
//! by callers who come meanwhile. Between two tries nothing is held but a timer.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use hallpass_protocol::secret::Fingerprint;
use tokio::sync::watch;

use super::super::record::GrantKey;
use super::pace::SHORTEST_LIMIT;
use super::{Renewals, Renewed, TURNS, Trigger};
use crate::error::{Error, Result};

/// The pauses before the engine asks again, in seconds, plus up to a quarter.
const PAUSES: [u64; 5] = [1, 2, 4, 8, 16];
/// How long after the first loss it goes on: longer than the reuse intervals that servers have.
const WINDOW: Duration = Duration::from_secs(60);

/// For which refresh token the engine asks again, or did: once for each.
#[derive(Default)]
pub(super) struct AskedAgain(Mutex<Option<Fingerprint>>);

impl AskedAgain {
    /// Returns whether nobody has begun to ask with `token` yet.
    pub(super) fn begin(&self, token: Fingerprint) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).replace(token) != Some(token)
    }
}

impl Renewals {
    /// Reads the record if that was not done yet, and finishes a renewal that the last process left behind (rule 4): at
    /// once, as a server with a reuse interval forgives the second use for some seconds only.
    ///
    /// # Errors
    /// [`Error::Storage`] when the record cannot be read now.
    pub(crate) async fn restore(self: &Arc<Self>) -> Result<()> {
        let interrupted = self.account.open().await?.token_in_doubt();
        if let Some(token) = interrupted {
            let renewals = Arc::clone(self);
            self.runtime.spawn(async move { renewals.finish_interrupted(token).await });
        }
        Ok(())
    }

    async fn finish_interrupted(self: &Arc<Self>, token: Fingerprint) {
        let begun = self.wire.elapsed();
        for _ in 0..TURNS {
            match self.join(GrantKey::default(), Trigger::Interrupted(token), self.account.user().as_ref()).await {
                // Shared with callers to whom the present access token was good enough: that was no renewal.
                Ok(Renewed::Credentials(credentials)) if !credentials.renewed() => {}
                Ok(Renewed::Credentials(_) | Renewed::Needless) => return,
                Err(error) => {
                    tracing::debug!(%error, "the interrupted renewal was tried again");
                    // Shared with callers who have gone further: then the outcome of another token is unknown.
                    let is_unknown = self.account.lock().await.token_in_doubt() == Some(token);
                    if may_change(&error) && is_unknown {
                        self.ask_again(&GrantKey::default(), token, begun);
                    }
                    return;
                }
            }
        }
    }

    /// Goes on asking with `token`, on a task of its own; once for each token, from the first loss on.
    pub(super) fn ask_again(self: &Arc<Self>, key: &GrantKey, token: Fingerprint, lost_since: Duration) {
        let until = lost_since.saturating_add(WINDOW);
        // One that has to wait for longer is not begun, so that a later loss of the same token is asked for again.
        let is_in_time = self.wire.elapsed() + self.pause(Duration::from_secs(PAUSES[0])) <= until;
        if is_in_time && self.asked_again.begin(token) {
            self.runtime.spawn(ask_again(Arc::downgrade(self), key.clone(), token, until));
        }
    }

    /// How long to wait before asking again: `pause`, or as long as the server said.
    fn pause(&self, pause: Duration) -> Duration {
        let pause = self.wire.with_jitter(pause);
        self.backoff.told(self.wire.elapsed()).map_or(pause, |(left, _)| pause.max(left))
    }
}

/// Asks with `token` until there is an answer or `until` has passed. Between two tries nothing is held but a timer.
async fn ask_again(renewals: Weak<Renewals>, key: GrantKey, token: Fingerprint, until: Duration) {
    for pause in PAUSES {
        let Some((pause, unknown)) = renewals.upgrade().and_then(|renewals| {
            let pause = renewals.pause(Duration::from_secs(pause));
            let unknown = renewals.account.watch_outcome_unknown();
            (renewals.wire.elapsed() + pause <= until).then_some((pause, unknown))
        }) else {
            return;
        };
        if !is_still_unknown(unknown, token, pause).await {
            return;
        }
        let Some(renewals) = renewals.upgrade() else { return };
        // A device that slept meanwhile is too late, and the next caller asks anyway.
        if renewals.wire.elapsed() > until.saturating_add(SHORTEST_LIMIT) {
            return;
        }
        let try_once = || async {
            renewals.join_or_start(key.clone(), Trigger::InDoubt(token), renewals.account.user().as_ref()).await
        };
        let (mut outcome, started) = try_once().await;
        // A caller's renewal, which may have been told to wait: then nothing was sent, and this was no try.
        if !started && outcome.as_ref().is_err_and(may_change) {
            outcome = try_once().await.0;
        }
        match outcome {
            // Shared with callers who needed no renewal.
            Ok(Renewed::Credentials(credentials)) if !credentials.renewed() => {}
            Ok(Renewed::Credentials(_) | Renewed::Needless) => return,
            Err(error) if may_change(&error) => {}
            Err(_) => return,
        }
    }
}

/// Waits for `pause`. Returns whether the outcome of the last use of `token` is unknown all the while.
async fn is_still_unknown(
    mut unknown: watch::Receiver<Option<Fingerprint>>,
    token: Fingerprint,
    pause: Duration,
) -> bool {
    let known = async {
        // An error says that the session was dropped, and then nobody is interested.
        let _ = unknown.wait_for(|unknown| *unknown != Some(token)).await;
    };
    tokio::time::timeout(pause, known).await.is_err()
}

/// Whether the same request may be answered differently in some seconds.
fn may_change(error: &Error) -> bool {
    match error {
        Error::Offline { .. } | Error::Storage { .. } | Error::Untrusted { .. } => true,
        Error::Cancelled
        | Error::LoginRequired { .. }
        | Error::StepUpRequired { .. }
        | Error::Denied { .. }
        | Error::Misconfigured { .. }
        | Error::Internal { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_asked_with_again_once_and_another_one_once_more() {
        let asked = AskedAgain::default();
        let [first, second] = ["a", "b"].map(|token| hallpass_protocol::secret::RefreshToken::new(token).fingerprint());
        assert_eq!([first, first, second, second].map(|token| asked.begin(token)), [true, false, true, false]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_wait_ends_as_soon_as_the_outcome_is_known() {
        let token = hallpass_protocol::secret::RefreshToken::new("a").fingerprint();
        let unknown = watch::Sender::new(Some(token));
        assert!(is_still_unknown(unknown.subscribe(), token, Duration::from_secs(1)).await);
        let begun = tokio::time::Instant::now();
        let waiting = tokio::spawn(is_still_unknown(unknown.subscribe(), token, Duration::from_secs(16)));
        tokio::task::yield_now().await;
        unknown.send_replace(None);
        assert!(!waiting.await.unwrap());
        assert_eq!(begun.elapsed(), Duration::ZERO);
    }
}
