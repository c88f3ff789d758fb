//! The system browser, answered on a loopback port (RFC 8252 §7.3).
//!
//! The server that listens for the redirect is on the same machine as every web page the user has open, and each of
//! them can send requests to it. So it answers one path under this machine's own names, ends a login only for the `state` of
//! the page that it opened, and neither a request that never ends nor many at once keep the real one out.

mod listener;
mod opener;
mod page;
mod request;
mod server;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hallpass_protocol::client::RedirectUri;
use hallpass_protocol::error::ErrorCode;
use hallpass_protocol::secret::State;
use tokio::sync::oneshot;
use tokio::time::timeout;
use url::Url;

use self::listener::Listeners;
pub use self::opener::{OpenedPage, open_page};
use self::server::{Back, Expected};
use crate::ports::{Browser, BrowserError, Visit};

/// Opens the user's own browser and receives the redirect on `127.0.0.1` or `::1`, on a port that the system chooses
/// unless the redirect URI names one. For desktops and terminals.
///
/// The user is shown a page that says to go back to the app. Nothing is loaded from elsewhere for it.
#[derive(Clone)]
pub struct LoopbackBrowser {
    open: Arc<Opener>,
    listener: Arc<Listener>,
    patience: Duration,
}

type Opener = dyn Fn(&Url) -> Result<Option<OpenedPage>, BrowserError> + Send + Sync;
type Listener = dyn Fn(Notice) + Send + Sync;

/// A redirect that did not end the visit, because any page could have sent it. A waiting user may want to know of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// With another `state`: of another login, or forged.
    AnotherState,
    /// Without `state`. Some servers leave it out of errors; for them the login is then over.
    NoState {
        /// The error in it, if there is one.
        error: Option<ErrorCode>,
    },
}

impl LoopbackBrowser {
    /// Opens pages in the system's default browser ([`open_page`]) and waits five minutes for the redirect.
    #[must_use]
    pub fn new() -> Self {
        Self::opening(|url| open_page(url).map(Some))
    }

    /// Opens pages by calling `open` on a separate thread, so that it may block (as a text browser does) or print the URL for
    /// the user to copy.
    #[must_use]
    pub fn with_opener(open: impl Fn(&Url) -> Result<(), BrowserError> + Send + Sync + 'static) -> Self {
        Self::opening(move |url| open(url).map(|()| None))
    }

    /// The same for an opener that may open the page in the system's browser ([`open_page`]): what it returns is kept
    /// until the visit is over.
    #[must_use]
    pub fn opening(open: impl Fn(&Url) -> Result<Option<OpenedPage>, BrowserError> + Send + Sync + 'static) -> Self {
        Self { open: Arc::new(open), listener: Arc::new(|_| {}), patience: Duration::from_secs(5 * 60) }
    }

    /// Calls `listener` for each redirect that does not belong to this visit, so that the app can inform the user.
    #[must_use]
    pub fn on_notice(mut self, listener: impl Fn(Notice) + Send + Sync + 'static) -> Self {
        self.listener = Arc::new(listener);
        self
    }

    /// Waits this long for the redirect; then the visit is cancelled. A browser does not report that its tab was closed.
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
        Ok(Box::new(LoopbackVisit { browser: self.clone(), listeners, redirect_uri, state: None }))
    }
}

struct LoopbackVisit {
    browser: LoopbackBrowser,
    listeners: Listeners,
    redirect_uri: RedirectUri,
    /// Of the login, where the page's URL need not have it.
    state: Option<State>,
}

#[async_trait]
impl Visit for LoopbackVisit {
    fn redirect_uri(&self) -> RedirectUri {
        self.redirect_uri.clone()
    }

    fn expect_state(&mut self, state: &str) {
        self.state = Some(State::new(state));
    }

    async fn navigate(self: Box<Self>, url: Url) -> Result<String, BrowserError> {
        let Self { browser, listeners, redirect_uri, state } = *self;
        let expected = Expected::new(redirect_uri, back_from(&url, state)?);
        let redirect = async {
            tokio::select! {
                redirect = server::receive(listeners, expected, browser.listener) => Ok(redirect),
                error = failure_to_open(browser.open, url) => Err(error),
            }
        };
        timeout(browser.patience, redirect).await.unwrap_or(Err(BrowserError::Cancelled))
    }
}

/// What has to come back from the page: a logout says where to return under one of two names (OpenID Connect RP-Initiated
/// Logout 1.0 §2, Auth0's own), which no login has.
fn back_from(page: &Url, state: Option<State>) -> Result<Back, BrowserError> {
    let value = |wanted: &str| page.query_pairs().find(|(name, _)| name == wanted).map(|(_, value)| value);
    if value("post_logout_redirect_uri").or_else(|| value("returnTo")).is_some() {
        return Ok(Back::Logout);
    }
    let state = state.or_else(|| value("state").map(State::new));
    state.map(Back::Login).ok_or(BrowserError::Failed("the page's URL has no state to tell its answer by"))
}

/// Opens the page, and returns only when that failed. What it opened is kept until this is dropped.
async fn failure_to_open(open: Arc<Opener>, url: Url) -> BrowserError {
    let (tell, told) = oneshot::channel();
    // Not one of the runtime's threads: the runtime would wait for it when it shuts down.
    std::thread::spawn(move || {
        // Nobody listens any more when the visit is over; then what was opened goes.
        drop(tell.send(open(&url)));
    });
    match told.await {
        Ok(Err(error)) => error,
        Ok(Ok(_opened)) => std::future::pending().await,
        Err(_ended) => std::future::pending().await,
    }
}

#[cfg(test)]
#[path = "loopback/tests.rs"]
mod tests;
