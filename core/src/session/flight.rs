//! One piece of work in the air, shared by all who wait for it (rule 1), and not ended by those who leave (rule 2).

use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tokio::runtime::Handle;
use tokio::sync::Notify;

use crate::error::{Error, Result};

/// The work in the air, one piece a key.
pub(crate) struct Flights<K, T>(Mutex<HashMap<K, Arc<Flight<T>>>>);

/// One piece of work, and whoever waits for it. Who waits is a link in a list, and costs no allocation.
struct Flight<T> {
    outcome: OnceLock<Result<T>>,
    landed: Notify,
}

impl<K, T> Default for Flights<K, T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K, T> Flights<K, T>
where
    K: Clone + Eq + Hash + Send + 'static,
    T: Clone + Send + Sync + 'static,
{
    /// Joins the work under `key`, or starts it on `runtime`, and waits for its outcome.
    ///
    /// `flights` finds this map again when the work has landed: the work owns what it needs, and this is part of it.
    /// `begin` makes the work; who only joins has no room for it, or each of 100,000 callers had several kilobytes more.
    pub(crate) async fn join<O, W>(
        owner: &Arc<O>,
        runtime: &Handle,
        key: K,
        flights: fn(&O) -> &Self,
        begin: impl FnOnce() -> W,
    ) -> Result<T>
    where
        O: Send + Sync + 'static,
        W: Future<Output = Result<T>> + Send + 'static,
    {
        // Nothing of the arguments is there any more while this waits.
        let flight = Self::board(owner, runtime, key, flights, begin);
        flight.outcome().await
    }

    fn board<O, W>(
        owner: &Arc<O>,
        runtime: &Handle,
        key: K,
        flights: fn(&O) -> &Self,
        begin: impl FnOnce() -> W,
    ) -> Arc<Flight<T>>
    where
        O: Send + Sync + 'static,
        W: Future<Output = Result<T>> + Send + 'static,
    {
        let mut in_the_air = flights(owner).0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = in_the_air.get(&key) {
            return Arc::clone(flight);
        }
        let flight = Arc::new(Flight { outcome: OnceLock::new(), landed: Notify::new() });
        in_the_air.insert(key.clone(), Arc::clone(&flight));
        let work = begin();
        let landing = Landing { owner: Arc::clone(owner), flights, key, flight: Arc::clone(&flight) };
        runtime.spawn(async move {
            let outcome = work.await;
            // It is set once.
            let _ = landing.flight.outcome.set(outcome);
        });
        flight
    }
}

impl<T: Clone> Flight<T> {
    async fn outcome(&self) -> Result<T> {
        // Told of a landing from here on, so that none can come between the look and the wait.
        let landed = self.landed.notified();
        if self.outcome.get().is_none() {
            landed.await;
        }
        // Without an outcome the task panicked, or its runtime is gone.
        self.outcome.get().cloned().unwrap_or(Err(Error::Internal { reference: "renewal_task_ended" }))
    }
}

/// Ends a flight when it is dropped, however the work ended, a panic included.
struct Landing<O, K: Eq + Hash, T> {
    owner: Arc<O>,
    flights: fn(&O) -> &Flights<K, T>,
    key: K,
    flight: Arc<Flight<T>>,
}

impl<O, K: Eq + Hash, T> Drop for Landing<O, K, T> {
    fn drop(&mut self) {
        // Off the map before anyone wakes: whoever asks from here on sees the result, or starts anew.
        (self.flights)(&self.owner).0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
        self.flight.landed.notify_waiters();
    }
}
