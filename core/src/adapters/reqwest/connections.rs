//! Connections that are used again, and not for ever.
//!
//! `reqwest` would close idle ones by a timer, which wakes a process that has nothing to do, and which does not run while the
//! device sleeps: the connection that is found after a night looks as good as new, and a request on it waits for an answer
//! until it gives up. So nothing is closed by the clock here; when a request comes after too long a time, it gets a client
//! without connections. The old ones end with the old client, once nobody waits for an answer on them any more.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ::reqwest::{Client, redirect, retry};
use rustls::ClientConfig;

use super::ReqwestError;
use crate::adapters::SystemClock;
use crate::ports::Clock;

/// The connections of one transport.
pub(super) struct Connections {
    /// Clients made from it know the same TLS sessions, so that a new connection resumes the last one.
    tls: ClientConfig,
    connect: Duration,
    idle: Duration,
    way: Way,
    current: Mutex<Current>,
}

/// How a host is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// By a connection to it.
    Direct,
    /// By the proxy that the environment names for it, if it names one.
    AsTheEnvironmentSays,
}

struct Current {
    client: Client,
    /// When it was used last, by the clock that goes on while the device sleeps.
    used: Duration,
}

impl Connections {
    /// None yet. `connect` is how long one may take to be made, `idle` how long one may rest and be used again.
    ///
    /// # Errors
    /// [`ReqwestError::Client`].
    pub(super) fn new(tls: ClientConfig, connect: Duration, idle: Duration, way: Way) -> Result<Self, ReqwestError> {
        let client = made(&tls, connect, way)?;
        Ok(Self { tls, connect, idle, way, current: Mutex::new(Current { client, used: SystemClock.elapsed() }) })
    }

    /// A client for a request that is sent now.
    pub(super) fn client(&self) -> Client {
        let now = SystemClock.elapsed();
        let mut current = self.current();
        // Where no other client can be made, this one still does: the request may meet a connection that is closed.
        if now.saturating_sub(current.used) >= self.idle
            && let Ok(client) = made(&self.tls, self.connect, self.way)
        {
            current.client = client;
        }
        current.used = now;
        current.client.clone()
    }

    /// An answer has come: from now on they rest.
    pub(super) fn were_used(&self) {
        self.current().used = SystemClock.elapsed();
    }

    fn current(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Connections {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tls: _, connect, idle, way, current: _ } = self;
        let mut shown = formatter.debug_struct("Connections");
        shown.field("connect", connect).field("idle", idle).field("way", way).finish_non_exhaustive()
    }
}

fn made(tls: &ClientConfig, connect: Duration, way: Way) -> Result<Client, ReqwestError> {
    let builder = match way {
        Way::Direct => Client::builder().no_proxy(),
        Way::AsTheEnvironmentSays => Client::builder(),
    };
    builder
        .tls_backend_preconfigured(tls.clone())
        .http1_only()
        .redirect(redirect::Policy::none())
        .referer(false)
        .retry(retry::never())
        .user_agent(concat!("hallpass/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(connect)
        .pool_idle_timeout(None)
        // Keep-alive probes would wake a phone's radio while nothing is going on.
        .tcp_keepalive(None)
        .build()
        .map_err(|_| ReqwestError::Client)
}
