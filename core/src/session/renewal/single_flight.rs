//! Single flight: at most one renewal in flight, shared by all callers that need it (rule 1). Callers that leave do not end
//! it (rule 2).

use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tokio::runtime::Handle;
use tokio::sync::Notify;

use crate::error::{Error, Result};

/// The work in flight, one piece a key.
pub(crate) struct SingleFlight<K, T>(Mutex<HashMap<K, Arc<Flight<T>>>>);

/// One piece of work and those who wait for it. A waiter is a link in a list, and costs no allocation.
struct Flight<T> {
    outcome: OnceLock<Result<T>>,
    done: Notify,
}

impl<K, T> Default for SingleFlight<K, T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K, T> SingleFlight<K, T>
where
    K: Clone + Eq + Hash + Send + 'static,
    T: Clone + Send + Sync + 'static,
{
    /// Joins the work under `key`, or starts it on `runtime`, and waits for its outcome. Returns whether it was started
    /// here.
    ///
    /// `flights` finds this map again when the work is done: the work owns what it needs, and this is part of it.
    /// `begin` makes the work. It is a closure, so that callers who only join do not carry the work's future, which is
    /// several kilobytes.
    ///
    /// # Errors
    /// Those of the work; [`Error::Internal`] when it panicked, or when the runtime is gone.
    pub(crate) async fn join<O, W>(
        owner: &Arc<O>,
        runtime: &Handle,
        key: K,
        flights: fn(&O) -> &Self,
        begin: impl FnOnce() -> W,
    ) -> (Result<T>, bool)
    where
        O: Send + Sync + 'static,
        W: Future<Output = Result<T>> + Send + 'static,
    {
        // The arguments are gone while this waits.
        let (flight, started) = Self::join_or_start(owner, runtime, key, flights, begin);
        (flight.outcome().await, started)
    }

    fn join_or_start<O, W>(
        owner: &Arc<O>,
        runtime: &Handle,
        key: K,
        flights: fn(&O) -> &Self,
        begin: impl FnOnce() -> W,
    ) -> (Arc<Flight<T>>, bool)
    where
        O: Send + Sync + 'static,
        W: Future<Output = Result<T>> + Send + 'static,
    {
        let flight = {
            let mut in_flight = flights(owner).0.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(flight) = in_flight.get(&key) {
                return (Arc::clone(flight), false);
            }
            let flight = Arc::new(Flight { outcome: OnceLock::new(), done: Notify::new() });
            in_flight.insert(key.clone(), Arc::clone(&flight));
            flight
        };
        let completion = Completion { owner: Arc::clone(owner), flights, key, flight: Arc::clone(&flight) };
        let work = begin();
        // Not under the lock: a runtime that is shutting down drops the task at once, and the completion takes the lock.
        runtime.spawn(async move {
            let outcome = work.await;
            // It is set once.
            let _ = completion.flight.outcome.set(outcome);
        });
        (flight, true)
    }
}

impl<T: Clone> Flight<T> {
    async fn outcome(&self) -> Result<T> {
        // Registered from here on, so that no completion can come between the look and the wait.
        let done = self.done.notified();
        if let Some(outcome) = self.outcome.get() {
            return outcome.clone();
        }
        done.await;
        self.outcome.get().cloned().unwrap_or(Err(TASK_ENDED))
    }
}

/// The work panicked, or its runtime is gone.
const TASK_ENDED: Error = Error::Internal { reference: "renewal_task_ended" };

/// Completes a flight when it is dropped, however the work ended, a panic included.
struct Completion<O, K: Eq + Hash, T> {
    owner: Arc<O>,
    flights: fn(&O) -> &SingleFlight<K, T>,
    key: K,
    flight: Arc<Flight<T>>,
}

impl<O, K: Eq + Hash, T> Drop for Completion<O, K, T> {
    fn drop(&mut self) {
        // Nothing to do where the work has set it.
        let _ = self.flight.outcome.set(Err(TASK_ENDED));
        // Off the map before anyone wakes: callers from here on see the result, or start anew.
        (self.flights)(&self.owner).0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
        self.flight.done.notify_waiters();
    }
}
