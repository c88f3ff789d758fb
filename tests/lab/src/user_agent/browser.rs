//! The core's browser port, served by somebody who is always there and types fast.

use std::sync::Arc;

use async_trait::async_trait;
use hallpass_core::ports::{Browser, BrowserError, Visit};
use hallpass_core::protocol::client::RedirectUri;
use tokio::sync::Mutex;
use url::Url;

use super::{Arrival, Form, Page, UserAgent, UserAgentError};

/// Pages between the authorization request and the redirect: login, consent, and some to spare.
const MAX_PAGES: usize = 8;
/// Nobody listens there: the user agent stops at the redirect instead of following it.
const LOOPBACK_PORT: u16 = 9;

/// A browser in which one user signs in by name and password, and agrees to whatever is asked.
#[derive(Clone)]
pub struct ScriptedBrowser {
    agent: Arc<Mutex<UserAgent>>,
    username: String,
    password: String,
}

impl ScriptedBrowser {
    /// A browser for this user. Its cookies outlive a visit, as a browser's do.
    pub fn new(agent: UserAgent, username: impl Into<String>, password: impl Into<String>) -> Self {
        Self { agent: Arc::new(Mutex::new(agent)), username: username.into(), password: password.into() }
    }

    /// Forgets all cookies, so that the next login asks for the password.
    pub async fn forget(&self) {
        self.agent.lock().await.forget();
    }

    /// Goes from `url` through the pages to `home`, and returns the URL that leads there.
    ///
    /// # Errors
    /// [`UserAgentError`]; [`UserAgentError::NoForm`] when a page offers no way on, such as one that refuses the password.
    pub async fn go(&self, url: &Url, home: &Url) -> Result<String, UserAgentError> {
        let mut agent = self.agent.lock().await;
        let mut arrival = agent.open(url, Some(home)).await?;
        let mut signed_in = false;
        for _ in 0..MAX_PAGES {
            let page = match arrival {
                Arrival::Left(callback) => return Ok(callback),
                Arrival::Page(page) => page,
            };
            let form = self.answer(&page, &mut signed_in)?;
            arrival = agent.submit(&form, Some(home)).await?;
        }
        Err(UserAgentError::TooManyRedirects)
    }

    /// The form of a page, as this user fills it in.
    fn answer(&self, page: &Page, signed_in: &mut bool) -> Result<Form, UserAgentError> {
        let Ok(form) = page.form_with_password() else {
            let form = page.forms().iter().find(|form| !form.buttons().is_empty());
            return form.cloned().ok_or(UserAgentError::NoForm("a button"));
        };
        if std::mem::replace(signed_in, true) {
            return Err(UserAgentError::NoForm("another user name and password"));
        }
        let mut form = form.clone();
        let username = form.text_field().ok_or(UserAgentError::NoForm("a user name"))?.to_owned();
        let password = form.password_field().ok_or(UserAgentError::NoForm("a password field"))?.to_owned();
        form.fill(&username, &self.username)?.fill(&password, &self.password)?;
        Ok(form)
    }
}

#[async_trait]
impl Browser for ScriptedBrowser {
    async fn begin(&self, configured: &RedirectUri) -> Result<Box<dyn Visit>, BrowserError> {
        let redirect_uri = match configured.url().port() {
            None | Some(0) if configured.is_loopback() => configured
                .with_port(LOOPBACK_PORT)
                .map_err(|_| BrowserError::Failed("the redirect URI takes no port"))?,
            None | Some(_) => configured.clone(),
        };
        Ok(Box::new(ScriptedVisit { browser: self.clone(), redirect_uri }))
    }
}

struct ScriptedVisit {
    browser: ScriptedBrowser,
    redirect_uri: RedirectUri,
}

#[async_trait]
impl Visit for ScriptedVisit {
    fn redirect_uri(&self) -> RedirectUri {
        self.redirect_uri.clone()
    }

    async fn navigate(self: Box<Self>, url: Url) -> Result<String, BrowserError> {
        self.browser.go(&url, self.redirect_uri.url()).await.map_err(|error| {
            tracing::debug!(%error, "the visit did not come to its end");
            match error {
                UserAgentError::Transport(_) => {
                    BrowserError::Failed("a page of the authorization server did not answer")
                }
                UserAgentError::NoForm(_) => {
                    BrowserError::Failed("a page of the authorization server offered no way on")
                }
                UserAgentError::NoLocation { .. }
                | UserAgentError::TooManyRedirects
                | UserAgentError::NoField(_)
                | UserAgentError::NoButton(_) => {
                    BrowserError::Failed("the pages of the authorization server led nowhere")
                }
            }
        })
    }
}
