//! What has happened to a session, kept until a test asks for it.

use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use hallpass_core::{Event, Events};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

/// How long events that are asked for may take to come.
const PATIENCE: Duration = Duration::from_secs(5);

/// The events of a session, each told once. Clones share them.
#[derive(Clone)]
pub(super) struct EventLog(Arc<Mutex<Events>>);

impl EventLog {
    pub(super) fn new(events: Events) -> Self {
        Self(Arc::new(Mutex::new(events)))
    }

    /// The events that nobody has asked for yet. Waits for `count` of them, but not for ever: what came until then is
    /// returned.
    pub(super) async fn taken(&self, count: usize) -> Vec<Event> {
        let mut events = self.0.lock().await;
        let mut taken = Vec::new();
        let deadline = Instant::now() + PATIENCE;
        while taken.len() < count {
            let Ok(Some(event)) = timeout_at(deadline, events.next()).await else { return taken };
            taken.push(event);
        }
        loop {
            tokio::select! {
                biased;
                event = events.next() => match event {
                    Some(event) => taken.push(event),
                    None => return taken,
                },
                () = ready(()) => return taken,
            }
        }
    }
}
