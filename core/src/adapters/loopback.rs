//! The system browser, answered on a loopback port (RFC 8252 §7.3).
//!
//! The server that listens for the redirect is on the same machine as every web page the user has open, and each of
//! them can send requests to it. So it answers one path of one host name, ends the visit only for the `state` of the page
//! that it opened, and neither a request that never ends nor many at once keep the real one out.

mod listener;
mod page;
mod request;
mod server;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hallpass_protocol::client::RedirectUri;
use hallpass_protocol::secret::State;
use tokio::sync::oneshot;
use tokio::time::timeout;
use url::Url;

use self::listener::Listeners;
use self::server::Expected;
use crate::ports::{Browser, BrowserError, Visit};

/// Opens the user's own browser and receives the redirect on `127.0.0.1` or `::1`, on a port that the system chooses
/// unless the redirect URI names one. For desktops and terminals.
///
/// The user is shown a page that says to go back to the app. Nothing is loaded from elsewhere for it.
#[derive(Clone)]
pub struct LoopbackBrowser {
    open: Arc<Opener>,
    patience: Duration,
}

type Opener = dyn Fn(&Url) -> Result<(), BrowserError> + Send + Sync;

impl LoopbackBrowser {
    /// Opens pages in the system's default browser and waits five minutes for the redirect.
    #[must_use]
    pub fn new() -> Self {
        Self::with_opener(|url| {
            webbrowser::open(url.as_str()).map_err(|_| BrowserError::Failed("no browser could be opened"))
        })
    }

    /// Opens pages by calling `open`, on a thread of its own, so that it may block (as a text browser does) or print the
    /// URL for the user to copy.
    #[must_use]
    pub fn with_opener(open: impl Fn(&Url) -> Result<(), BrowserError> + Send + Sync + 'static) -> Self {
        Self { open: Arc::new(open), patience: Duration::from_secs(5 * 60) }
    }

    /// Waits this long for the redirect; then the visit is cancelled. Nobody tells when a browser's tab is closed.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }
}

impl Default for LoopbackBrowser {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for LoopbackBrowser {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("LoopbackBrowser").field("patience", &self.patience).finish_non_exhaustive()
    }
}

#[async_trait]
impl Browser for LoopbackBrowser {
    async fn begin(&self, configured: &RedirectUri) -> Result<Box<dyn Visit>, BrowserError> {
        let (listeners, redirect_uri) = listener::bind(configured)?;
        Ok(Box::new(LoopbackVisit { browser: self.clone(), listeners, redirect_uri }))
    }
}

struct LoopbackVisit {
    browser: LoopbackBrowser,
    listeners: Listeners,
    redirect_uri: RedirectUri,
}

#[async_trait]
impl Visit for LoopbackVisit {
    fn redirect_uri(&self) -> RedirectUri {
        self.redirect_uri.clone()
    }

    async fn navigate(self: Box<Self>, url: Url) -> Result<String, BrowserError> {
        let Self { browser, listeners, redirect_uri } = *self;
        let state = url.query_pairs().find(|(name, _)| name == "state").map(|(_, value)| State::new(value));
        let state = state.ok_or(BrowserError::Failed("the page's URL has no state to tell its answer by"))?;
        let expected = Expected::new(redirect_uri, state);
        let redirect = async {
            tokio::select! {
                redirect = server::receive(listeners, expected) => Ok(redirect),
                error = failure_to_open(browser.open, url) => Err(error),
            }
        };
        timeout(browser.patience, redirect).await.unwrap_or(Err(BrowserError::Cancelled))
    }
}

/// Opens the page, and returns only when that failed.
async fn failure_to_open(open: Arc<Opener>, url: Url) -> BrowserError {
    let (failed, failure) = oneshot::channel();
    // Not one of the runtime's threads: the runtime would wait for it when it shuts down.
    std::thread::spawn(move || {
        if let Err(error) = open(&url) {
            // Nobody listens any more when the visit is over.
            let _ = failed.send(error);
        }
    });
    match failure.await {
        Ok(error) => error,
        Err(_opened) => std::future::pending().await,
    }
}

#[cfg(test)]
#[path = "loopback/tests.rs"]
mod tests;
