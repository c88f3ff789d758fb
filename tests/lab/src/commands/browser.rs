//! The system browser, with a word for the user wherever they would wait without one.

use std::time::Duration;

use async_trait::async_trait;
use hallpass_core::adapters::LoopbackBrowser;
use hallpass_core::adapters::loopback::{Notice, OpenedPage, open_page};
use hallpass_core::ports::{Browser, BrowserError, Visit};
use hallpass_core::protocol::client::RedirectUri;
use url::Url;

use crate::terminal::note;
use crate::watch::Watch;

/// After how long a user who has not come back gets a hint.
const HINT_AFTER: Duration = Duration::from_secs(10);

/// What a page is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Login,
    Logout,
}

/// The loopback browser that speaks to the user.
pub(super) struct TalkingBrowser {
    inner: LoopbackBrowser,
    watch: Watch,
    /// What the hint says may be wrong.
    hint: String,
}

impl TalkingBrowser {
    /// Opens pages in the system's browser unless `no_open`, and prints their address.
    pub(super) fn new(purpose: Purpose, no_open: bool, hint: String, watch: Watch) -> Self {
        let inner = LoopbackBrowser::opening(move |url| Ok(show(purpose, url, no_open))).on_notice(tell);
        Self { inner, watch, hint }
    }

    /// Waits this long for the user to come back.
    pub(super) fn patience(mut self, patience: Duration) -> Self {
        self.inner = self.inner.patience(patience);
        self
    }
}

/// Prints the page's address, and opens it unless told not to. Where no browser can be opened, the user may still do it.
fn show(purpose: Purpose, url: &Url, no_open: bool) -> Option<OpenedPage> {
    let page = match purpose {
        Purpose::Login => "the login page",
        Purpose::Logout => "the page that ends the server's own session",
    };
    if no_open {
        note(&format!("Open this address in a browser on this machine; it is {page}:\n\n{url}\n"));
        return None;
    }
    match open_page(url) {
        Ok(opened) => {
            note(&format!("A browser was asked to show {page}. If it does not, open this address:\n\n{url}\n"));
            Some(opened)
        }
        Err(_) => {
            note(&format!("No browser could be opened. Open this address on this machine; it is {page}:\n\n{url}\n"));
            None
        }
    }
}

fn tell(notice: Notice) {
    note(match notice {
        Notice::AnotherState => {
            "The browser came back for another login than this one. Still waiting: go on in the page that was opened last."
        }
        Notice::NoState { error: Some(_) } => {
            "The browser came back with an error and without the `state` of this login, so any page may have sent it. If \
             the login page showed an error, stop this with control-C: the login is over for the provider."
        }
        Notice::NoState { error: None } => {
            "The browser came back without the `state` of this login, so any page may have sent it. Still waiting."
        }
    });
}

#[async_trait]
impl Browser for TalkingBrowser {
    async fn begin(&self, configured: &RedirectUri) -> Result<Box<dyn Visit>, BrowserError> {
        let inner = self.inner.begin(configured).await?;
        Ok(Box::new(TalkingVisit { inner, watch: self.watch.clone(), hint: self.hint.clone() }))
    }
}

struct TalkingVisit {
    inner: Box<dyn Visit>,
    watch: Watch,
    hint: String,
}

#[async_trait]
impl Visit for TalkingVisit {
    fn redirect_uri(&self) -> RedirectUri {
        self.inner.redirect_uri()
    }

    fn expect_state(&mut self, state: &str) {
        self.inner.expect_state(state);
    }

    async fn navigate(self: Box<Self>, url: Url) -> Result<String, BrowserError> {
        let Self { inner, watch, hint } = *self;
        let mut coming_back = inner.navigate(url);
        let back = match tokio::time::timeout(HINT_AFTER, &mut coming_back).await {
            Ok(back) => back,
            Err(_) => {
                note(&hint);
                coming_back.await
            }
        }?;
        watch.came_back(&back);
        Ok(back)
    }
}
