//! One piece of work in the air, shared by all who wait for it (rule 1), and not ended by those who leave (rule 2).

use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::error::{Error, Result};

/// The work in the air, one piece a key.
pub(crate) struct Flights<K, T>(Mutex<HashMap<K, watch::Receiver<Option<Result<T>>>>>);

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
    pub(crate) async fn join<O, W>(
        owner: &Arc<O>,
        runtime: &Handle,
        key: K,
        flights: fn(&O) -> &Self,
        work: W,
    ) -> Result<T>
    where
        O: Send + Sync + 'static,
        W: Future<Output = Result<T>> + Send + 'static,
    {
        let mut receiver = {
            let mut in_the_air = flights(owner).0.lock().unwrap_or_else(PoisonError::into_inner);
            match in_the_air.get(&key) {
                Some(receiver) => receiver.clone(),
                None => {
                    let (sender, receiver) = watch::channel(None);
                    in_the_air.insert(key.clone(), receiver.clone());
                    let landing = Landing { owner: Arc::clone(owner), key, flights };
                    runtime.spawn(async move {
                        let outcome = work.await;
                        // Off the map before anyone wakes: whoever asks from here on sees the result, or starts anew.
                        drop(landing);
                        sender.send_replace(Some(outcome));
                    });
                    receiver
                }
            }
        };
        match receiver.wait_for(Option::is_some).await {
            Ok(outcome) => outcome.clone().unwrap_or(Err(LANDED_WITHOUT_OUTCOME)),
            // The task panicked, or its runtime is gone.
            Err(_) => Err(LANDED_WITHOUT_OUTCOME),
        }
    }
}

const LANDED_WITHOUT_OUTCOME: Error = Error::Internal { reference: "renewal_task_ended" };

/// Takes the work off the map however it ends, a panic included.
struct Landing<O, K: Eq + Hash, T> {
    owner: Arc<O>,
    key: K,
    flights: fn(&O) -> &Flights<K, T>,
}

impl<O, K: Eq + Hash, T> Drop for Landing<O, K, T> {
    fn drop(&mut self) {
        (self.flights)(&self.owner).0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}
