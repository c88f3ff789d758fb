//! What the verbs of a session share: the ports, the record, and what is published of it.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use hallpass_protocol::http::{Request, Response};
use hallpass_protocol::time::Timestamp;
use tokio::runtime::Handle;
use tokio::sync::{broadcast, watch};

use super::doubt::Doubt;
use super::flight::Flights;
use super::lease::SharedLease;
use super::login::Transaction;
use super::moment::Moment;
use super::observer::Observer;
use super::patience::{self, Patience};
use super::proof::Prover;
use super::provider::Provider;
use super::published::{Published, Snapshot};
use super::record::GrantKey;
use super::registry::Registration;
use super::renewal::Renewed;
use super::state::{Event, State};
use super::vault::Vault;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::ports::{Browser, Clock, EntryName, Random, SecureStore, Transport, TransportError};

/// What a transport may take by its contract.
pub(crate) const LONGEST_ANSWER: Duration = Duration::from_secs(30);
/// Twice that, for one that breaks its word.
pub(crate) const LONGEST_REQUEST: Duration = Duration::from_secs(60);

/// A session's engine. It is owned by the session and by the tasks that must not end with a caller.
pub(crate) struct Engine {
    pub(crate) config: Config,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) store: Arc<dyn SecureStore>,
    pub(crate) browser: Option<Arc<dyn Browser>>,
    pub(crate) runtime: Handle,
    /// Read on the hot path, without a lock.
    pub(crate) published: Published,
    pub(crate) states: watch::Sender<State>,
    pub(crate) events: broadcast::Sender<Event>,
    pub(crate) observer: Option<Arc<dyn Observer>>,
    /// The record. Held over the store's answers, never over the network's.
    pub(crate) vault: tokio::sync::Mutex<Vault>,
    pub(crate) renewals: Flights<GrantKey, Renewed>,
    /// Taken whole by a renewal with a token that can be used only once, shared by those with a reusable one.
    pub(crate) refresh_token: tokio::sync::RwLock<()>,
    pub(crate) lease: SharedLease,
    pub(crate) patience: Patience,
    pub(crate) doubt: Doubt,
    pub(crate) provider: Provider,
    /// The key that tokens are bound to, for a session that has one.
    pub(crate) prover: Prover,
    pub(crate) login: tokio::sync::Mutex<Option<Transaction>>,
    /// Where the login in progress is stored.
    pub(crate) login_entry: EntryName,
    /// How far the server's clock is ahead of the device's, in milliseconds.
    pub(crate) skew: AtomicI64,
    /// Held by the session and by the renewals that outlive it: for as long as anybody here may use the refresh token.
    pub(crate) registration: Weak<Registration>,
}

impl Engine {
    /// Sends a request to the provider and learns the server's time from the answer (rule 10).
    ///
    /// # Errors
    /// [`Error::Offline`] or [`Error::Untrusted`] when no whole answer came.
    pub(crate) async fn send(&self, request: Request) -> Result<Response> {
        let response = self.transmit(request).await?;
        self.observe_time(&response);
        Ok(response)
    }

    /// Sends a request to anybody. A transport that breaks its word about giving up does not keep callers for ever.
    pub(crate) async fn transmit(&self, request: Request) -> Result<Response, TransportError> {
        self.transmit_within(LONGEST_REQUEST, request).await
    }

    /// Sends a request and waits for the answer for so long. Later nobody knows what became of it.
    pub(crate) async fn transmit_within(&self, limit: Duration, request: Request) -> Result<Response, TransportError> {
        tokio::time::timeout(limit, self.transport.send(request)).await.unwrap_or(Err(TransportError::NoAnswer))
    }

    pub(crate) fn observe_time(&self, response: &Response) {
        if let Some(date) = response.headers.get("date").and_then(patience::date) {
            let skew = date.unix_millis().saturating_sub(self.clock.now().unix_millis());
            // The header has a resolution of a second, and the answer took its time: less than two is no difference.
            let skew = if skew.unsigned_abs() < 2_000 { 0 } else { skew };
            self.skew.store(skew, Ordering::Relaxed);
        }
    }

    /// The time by the server's clock, as far as it is known.
    pub(crate) fn server_now(&self) -> Timestamp {
        self.clock.now().saturating_offset_millis(self.skew.load(Ordering::Relaxed))
    }

    pub(crate) fn now(&self) -> Moment {
        Moment::now(&*self.clock)
    }

    /// 32 unpredictable bytes.
    pub(crate) fn entropy(&self) -> Result<[u8; 32]> {
        let mut bytes = [0; 32];
        self.random.fill(&mut bytes)?;
        Ok(bytes)
    }

    /// A byte of randomness for jitter, where a weak one does no harm.
    pub(crate) fn jitter(&self) -> u8 {
        let mut byte = [u8::MAX / 2];
        // The middle does as well when there is no randomness.
        let _ = self.random.fill(&mut byte);
        byte[0]
    }

    /// The record, read from the store if that was not done yet, and what it says published.
    ///
    /// # Errors
    /// [`Error::Storage`] when it cannot be read.
    pub(crate) async fn opened_vault(&self) -> Result<tokio::sync::MutexGuard<'_, Vault>> {
        let mut vault = self.vault.lock().await;
        let restoring = matches!(*self.states.borrow(), State::Restoring { .. });
        vault.open().await?;
        if restoring {
            self.publish(&vault);
        }
        Ok(vault)
    }

    /// Lets everybody see the record. To be called with the vault in the hand, so that publications keep their order.
    ///
    /// Credentials that are not durable yet stay unpublished (rule 3); the end of a session shows at once.
    pub(crate) fn publish(&self, vault: &Vault) {
        self.doubt.look_at(vault);
        let signed_in = vault.record().and_then(|record| record.signed_in());
        if signed_in.is_some() && !vault.is_saved() {
            return;
        }
        let snapshot = signed_in.map(|signed_in| Snapshot::of(signed_in, self.now())).unwrap_or_default();
        if let Some(observer) = &self.observer {
            observer.credentials_changed(snapshot.of_login(self.clock.elapsed()));
        }
        self.published.replace(snapshot);
        let next = State::of(vault.record());
        let (mut event, mut changed) = (None, false);
        self.states.send_if_modified(|state| {
            event = state.change_to(&next);
            let differs = state.differs_from(&next);
            if differs {
                state.clone_from(&next);
            }
            changed = differs;
            differs
        });
        if let Some(observer) = self.observer.as_ref().filter(|_| changed) {
            observer.state_changed(&next);
        }
        if let Some(event) = event {
            self.emit(event);
        }
    }

    pub(crate) fn emit(&self, event: Event) {
        tracing::debug!(?event, "session");
        if let Some(observer) = &self.observer {
            observer.happened(event);
        }
        // Nobody listening is no error.
        let _ = self.events.send(event);
    }

    /// Reads the record in the background, and finishes a renewal that the last process left behind.
    pub(crate) fn restore(engine: &Weak<Self>, runtime: &Handle) {
        let engine = Weak::clone(engine);
        runtime.spawn(async move {
            let Some(engine) = engine.upgrade() else { return };
            let interrupted = match engine.opened_vault().await {
                Ok(vault) => vault.token_in_doubt(),
                Err(error) => {
                    tracing::debug!(%error, "the record could not be read yet");
                    None
                }
            };
            if let Some(token) = interrupted {
                engine.finish_interrupted(token).await;
            }
        });
    }
}

impl Error {
    /// The same error as an event.
    pub(crate) fn as_renewal_failure(&self) -> Event {
        Event::RenewalFailed { retryable: self.is_retryable(), code: self.code() }
    }
}
