//! One piece of work in the air, shared by all who wait for it (rule 1), and not ended by those who leave (rule 2).

use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::error::{Error, Result};

/// The work in the air, and who waits for it, one piece a key.
pub(crate) struct Flights<K, T>(Mutex<HashMap<K, Vec<oneshot::Sender<Result<T>>>>>);

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
        let (sender, receiver) = oneshot::channel();
        {
            let mut in_the_air = flights(owner).0.lock().unwrap_or_else(PoisonError::into_inner);
            match in_the_air.get_mut(&key) {
                Some(waiting) => waiting.push(sender),
                None => {
                    in_the_air.insert(key.clone(), vec![sender]);
                    let work = begin();
                    let mut landing = Landing { owner: Arc::clone(owner), key: Some(key), flights };
                    runtime.spawn(async move {
                        let outcome = work.await;
                        // Off the map before anyone wakes: whoever asks from here on sees the result, or starts anew.
                        for waiting in landing.take_off_the_map() {
                            // Who has left is not told.
                            let _ = waiting.send(outcome.clone());
                        }
                    });
                }
            }
        }
        // Without an answer the task panicked, or its runtime is gone.
        receiver.await.unwrap_or(Err(Error::Internal { reference: "renewal_task_ended" }))
    }
}

/// Takes the work off the map once, however it ends, a panic included.
struct Landing<O, K: Eq + Hash, T> {
    owner: Arc<O>,
    key: Option<K>,
    flights: fn(&O) -> &Flights<K, T>,
}

impl<O, K: Eq + Hash, T> Landing<O, K, T> {
    /// Those who wait, in the order in which they came.
    fn take_off_the_map(&mut self) -> Vec<oneshot::Sender<Result<T>>> {
        let Some(key) = self.key.take() else { return Vec::new() };
        let mut in_the_air = (self.flights)(&self.owner).0.lock().unwrap_or_else(PoisonError::into_inner);
        in_the_air.remove(&key).unwrap_or_default()
    }
}

impl<O, K: Eq + Hash, T> Drop for Landing<O, K, T> {
    fn drop(&mut self) {
        self.take_off_the_map();
    }
}
