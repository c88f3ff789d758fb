//! A process of the device, which may be killed at any moment.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use hallpass_core::ports::{Transport, TransportError};
use hallpass_core::protocol::http::{Request, Response};

use super::server::Server;

/// Clones are the same process. Once it is dead, nothing that its session asks for happens, and it never learns so.
#[derive(Clone)]
pub(crate) struct Process {
    number: usize,
    dead: Arc<AtomicBool>,
}

impl Process {
    pub(crate) fn new() -> Self {
        static BEGUN: AtomicUsize = AtomicUsize::new(0);
        Self { number: BEGUN.fetch_add(1, Ordering::Relaxed), dead: Arc::default() }
    }

    pub(crate) fn number(&self) -> usize {
        self.number
    }

    pub(crate) fn kill(&self) {
        self.dead.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::SeqCst)
    }

    /// Goes on in a process that lives, and nowhere else.
    pub(crate) async fn live(&self) {
        tokio::task::yield_now().await;
        if self.is_dead() {
            std::future::pending::<()>().await;
        }
    }
}

/// The network, as one process has it.
pub(crate) struct Network {
    pub(crate) process: Process,
    pub(crate) server: Server,
}

#[async_trait]
impl Transport for Network {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        self.process.live().await;
        let answer = self.server.send(request).await;
        self.process.live().await;
        answer
    }
}
