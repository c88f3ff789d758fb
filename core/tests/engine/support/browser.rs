//! A system browser whose user does what the test says. Clones are the same browser.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use hallpass_core::ports::{Browser, BrowserError, Visit};
use hallpass_core::protocol::client::RedirectUri;
use url::Url;

use super::server::Server;

/// What the user makes of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum User {
    SignsIn(&'static str),
    /// Comes back from the page with this query, whatever the page asked for.
    ReturnsWith(&'static str),
    ClosesThePage,
    /// The page stays open.
    Waits,
}

#[derive(Clone)]
pub(crate) struct TestBrowser {
    server: Server,
    user: Arc<Mutex<User>>,
    open: Arc<AtomicUsize>,
    /// Every page that was shown.
    shown: Arc<Mutex<Vec<Url>>>,
}

struct Page {
    browser: TestBrowser,
    redirect_uri: RedirectUri,
    expected: Option<String>,
}

impl TestBrowser {
    pub(crate) fn new(server: &Server) -> Self {
        let user = Arc::new(Mutex::new(User::SignsIn("ada")));
        Self { server: server.clone(), user, open: Arc::default(), shown: Arc::default() }
    }

    /// What the user makes of the next pages.
    pub(crate) fn user(&self, user: User) {
        *self.user.lock().unwrap() = user;
    }

    /// How many pages are open.
    pub(crate) fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    pub(crate) fn shown(&self) -> Vec<Url> {
        self.shown.lock().unwrap().clone()
    }
}

#[async_trait]
impl Browser for TestBrowser {
    async fn begin(&self, configured: &RedirectUri) -> Result<Box<dyn Visit>, BrowserError> {
        tokio::task::yield_now().await;
        self.open.fetch_add(1, Ordering::SeqCst);
        Ok(Box::new(Page { browser: self.clone(), redirect_uri: configured.clone(), expected: None }))
    }
}

#[async_trait]
impl Visit for Page {
    fn redirect_uri(&self) -> RedirectUri {
        self.redirect_uri.clone()
    }

    fn expect_state(&mut self, state: &str) {
        self.expected = Some(state.to_owned());
    }

    async fn navigate(self: Box<Self>, url: Url) -> Result<String, BrowserError> {
        let told = url.query_pairs().find(|(name, _)| name == "state").map(|(_, value)| value.into_owned());
        if url.path() == "/authorize" {
            let expected = self.expected.as_ref().expect("the session says which redirect it waits for");
            assert!(told.is_none_or(|told| told == *expected), "{url}");
        }
        self.browser.shown.lock().unwrap().push(url.clone());
        tokio::task::yield_now().await;
        let user = self.browser.user.lock().unwrap().clone();
        match user {
            User::SignsIn(_) if url.path() == "/logout" => {
                let query: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
                Ok(format!("{}?state={}", query["post_logout_redirect_uri"], query["state"]))
            }
            User::ReturnsWith(query) => Ok(format!("{}{query}", self.redirect_uri)),
            User::SignsIn(user) => Ok(self.browser.server.sign_in(&url, user)),
            User::ClosesThePage => Err(BrowserError::Cancelled),
            User::Waits => std::future::pending().await,
        }
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        self.browser.open.fetch_sub(1, Ordering::SeqCst);
    }
}
