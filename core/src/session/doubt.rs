//! An answer that never came: nobody knows whether the refresh token is spent, so the engine goes on asking (rules 4
//! and 8; ADR 8).
//!
//! A server with a reuse interval forgives a second use of a token for some seconds, most of which are over when a
//! request has timed out. So the engine asks again by itself, with the same token, until there is an answer or a minute
//! is over. Each time is a renewal like any other: it takes the lease and the turn, looks at the record again, and is
//! joined by those who come meanwhile. Between two of them nothing is held but a timer.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use hallpass_protocol::secret::Fingerprint;
use tokio::task::AbortHandle;

use super::engine::{Engine, LONGEST_ANSWER};
use super::record::GrantKey;
use super::renewal::{Renewed, TURNS, Trigger};
use super::vault::Vault;
use crate::error::Error;

/// The pauses before the engine asks again, in seconds, plus up to a quarter.
const PAUSES: [u64; 5] = [1, 2, 4, 8, 16];
/// How long after the first loss it goes on: longer than the reuse intervals that servers have.
const WINDOW: Duration = Duration::from_secs(60);
/// The shortest time that a request for a lost answer is given.
const SHORTEST_PATIENCE: Duration = Duration::from_secs(10);

/// What the engine does about lost answers, and how long answers take.
#[derive(Default)]
pub(crate) struct Doubt {
    asking: Mutex<Asking>,
    /// How long the slowest answer lately took, in milliseconds; 0 before the first.
    slowest: AtomicU64,
}

#[derive(Default)]
struct Asking {
    /// The refresh token that is asked with, or was.
    token: Option<Fingerprint>,
    task: Option<AbortHandle>,
}

impl Doubt {
    /// How long a request for a lost answer is waited for: three times what answers took lately, so that the next one
    /// can follow within the reuse interval, and where they are slow, or this process has had none, as long as any.
    pub(super) fn patience(&self) -> Duration {
        match self.slowest.load(Ordering::Relaxed) {
            0 => LONGEST_ANSWER,
            slowest => Duration::from_millis(slowest.saturating_mul(3)).clamp(SHORTEST_PATIENCE, LONGEST_ANSWER),
        }
    }

    /// An answer of the token endpoint took this long. What was longer before counts half.
    pub(super) fn answered_after(&self, took: Duration) {
        let took = u64::try_from(took.as_millis()).unwrap_or(u64::MAX).max(1);
        let slowest = self.slowest.load(Ordering::Relaxed);
        self.slowest.store(took.max(slowest / 2), Ordering::Relaxed);
    }

    /// Stops asking unless the token in `vault` is the one that is asked with, and still in doubt.
    pub(crate) fn look_at(&self, vault: &Vault) {
        let mut asking = self.lock();
        if asking.task.is_some() && vault.token_in_doubt() != asking.token {
            asking.stop();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Asking> {
        self.asking.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Asking {
    fn stop(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
        }
    }
}

impl Engine {
    /// Goes on asking with `token`, as a task of the engine's; once for each token, from the first loss on.
    pub(super) fn ask_again(self: &Arc<Self>, key: &GrantKey, token: Fingerprint, first_loss: Duration) {
        let mut asking = self.doubt.lock();
        if asking.token != Some(token) {
            asking.stop();
            let task = ask_again(Arc::downgrade(self), key.clone(), token, first_loss.saturating_add(WINDOW));
            *asking = Asking { token: Some(token), task: Some(self.runtime.spawn(task).abort_handle()) };
        }
    }

    /// Finishes a renewal that the last process left behind (rule 4): at once, as an issuer with a reuse interval forgives
    /// the second use for some seconds only.
    pub(crate) async fn finish_interrupted(self: &Arc<Self>, token: Fingerprint) {
        let begun = self.clock.elapsed();
        for _ in 0..TURNS {
            match self.fly(GrantKey::default(), Trigger::Interrupted(token), self.user().as_ref()).await {
                // Shared with callers to whom the present access token was good enough: that was no renewal.
                Ok(Renewed::Credentials(credentials)) if !credentials.renewed() => {}
                Ok(Renewed::Credentials(_) | Renewed::Needless) => return,
                Err(error) => {
                    tracing::debug!(%error, "the interrupted renewal was tried again");
                    // Shared with callers who have gone further: then it is another token whose answer was lost.
                    let is_in_doubt = self.vault.lock().await.token_in_doubt() == Some(token);
                    if may_change(&error) && is_in_doubt {
                        self.ask_again(&GrantKey::default(), token, begun);
                    }
                    return;
                }
            }
        }
    }

    /// How long to wait before asking again: `pause`, or as long as the server said.
    fn pause(&self, pause: Duration) -> Duration {
        let pause = pause + pause.mul_f64(f64::from(self.jitter()) / 255.0 / 4.0);
        self.patience.told(self.clock.elapsed()).map_or(pause, |(left, _)| pause.max(left))
    }
}

/// Asks with `token` until there is an answer or `until` has passed.
async fn ask_again(engine: Weak<Engine>, key: GrantKey, token: Fingerprint, until: Duration) {
    for pause in PAUSES {
        let Some(pause) = engine.upgrade().and_then(|engine| {
            let pause = engine.pause(Duration::from_secs(pause));
            (engine.clock.elapsed() + pause <= until).then_some(pause)
        }) else {
            return;
        };
        tokio::time::sleep(pause).await;
        let Some(engine) = engine.upgrade() else { return };
        // A device that slept meanwhile is too late, and whoever wakes it asks anyway.
        if engine.clock.elapsed() > until.saturating_add(SHORTEST_PATIENCE) {
            return;
        }
        match engine.fly(key.clone(), Trigger::InDoubt(token), engine.user().as_ref()).await {
            // Shared with callers who needed no renewal.
            Ok(Renewed::Credentials(credentials)) if !credentials.renewed() => {}
            Ok(Renewed::Credentials(_) | Renewed::Needless) => return,
            Err(error) if may_change(&error) => {}
            Err(_) => return,
        }
    }
}

/// Whether the same request may be answered differently in some seconds.
fn may_change(error: &Error) -> bool {
    match error {
        Error::Offline { .. } | Error::Storage { .. } | Error::Untrusted { .. } => true,
        Error::Cancelled
        | Error::LoginRequired { .. }
        | Error::Denied { .. }
        | Error::Misconfigured { .. }
        | Error::Internal { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_without_an_answer_yet_waits_as_long_as_for_any_request() {
        assert_eq!(Doubt::default().patience(), LONGEST_ANSWER);
    }

    #[test]
    fn where_answers_come_soon_a_lost_one_is_not_waited_for_for_long_and_where_they_are_slow_it_is() {
        let doubt = Doubt::default();
        let after = |millis| {
            doubt.answered_after(Duration::from_millis(millis));
            doubt.patience().as_secs()
        };
        assert_eq!([after(0), after(200), after(5_000), after(20_000)], [10, 10, 15, 30]);
        assert_eq!([after(200), after(200), after(200)], [30, 15, 10], "what was long ago is forgotten by halves");
    }
}
