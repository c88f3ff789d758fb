//! The user: reads the pages of a server, fills in their forms and presses the button that leads on.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use async_trait::async_trait;
use hallpass_core::ports::{Browser, BrowserError, Transport, Visit};
use hallpass_core::protocol::client::RedirectUri;
use hallpass_lab::user_agent::{Arrival, Form, Page, UserAgent};
use tokio::sync::Mutex;
use url::Url;

/// No way from one app back to it has as many pages.
const MAX_PAGES: usize = 12;

/// A user at a browser that keeps its cookies. A clone sits at the same browser.
#[derive(Clone)]
pub(crate) struct Person {
    agent: Arc<Mutex<UserAgent>>,
    username: &'static str,
    password: &'static str,
    /// The buttons that say yes, by their label or value.
    agrees: &'static [&'static str],
}

/// A way that came to its end.
#[derive(Debug)]
pub(crate) struct Journey {
    /// The whole URL that led back to the app.
    pub(crate) callback: String,
    /// How often a password was asked for.
    pub(crate) passwords: usize,
}

impl Person {
    /// A user without cookies, who agrees by pressing one of `agrees`, or the only button there is.
    pub(crate) fn new(
        transport: Arc<dyn Transport>,
        (username, password): (&'static str, &'static str),
        agrees: &'static [&'static str],
    ) -> Self {
        Self { agent: Arc::new(Mutex::new(UserAgent::new(transport))), username, password, agrees }
    }

    /// Goes from `url` to `home`, giving a wrong password first if `mistaken`.
    ///
    /// # Errors
    /// When a page cannot be fetched or leads nowhere, or the right password is not taken.
    pub(crate) async fn go(&self, url: &Url, home: &Url, mistaken: bool) -> Result<Journey> {
        let mut agent = self.agent.lock().await;
        let mut arrival = agent.open(url, Some(home)).await?;
        let mut passwords = 0;
        for _ in 0..MAX_PAGES {
            let page = match arrival {
                Arrival::Left(callback) => return Ok(Journey { callback, passwords }),
                Arrival::Page(page) => page,
            };
            let form = match page.form_with_password() {
                Ok(form) => {
                    passwords += 1;
                    let password = match (mistaken, passwords) {
                        (true, 1) => "not the password",
                        (true, 2) | (false, 1) => self.password,
                        (true | false, _) => bail!("the password is asked for again: {}", page.text()),
                    };
                    self.filled_in(form, password)?
                }
                Err(_) => self.agreed(&page)?,
            };
            arrival = agent.submit(&form, Some(home)).await?;
        }
        bail!("more than {MAX_PAGES} pages")
    }

    fn filled_in(&self, form: &Form, password: &str) -> Result<Form> {
        let mut form = form.clone();
        let username = form.text_field().context("a password is asked for without a user name")?.to_owned();
        let field = form.password_field().context("the form was found by its password field")?.to_owned();
        form.fill(&username, self.username)?.fill(&field, password)?;
        Ok(form)
    }

    fn agreed(&self, page: &Page) -> Result<Form> {
        for form in page.forms() {
            for label in self.agrees {
                let mut form = form.clone();
                if form.press(label).is_ok() {
                    return Ok(form);
                }
            }
        }
        let only = page.forms().iter().find(|form| form.buttons().len() == 1);
        only.cloned().with_context(|| format!("no way on from {} ({}): {}", page.url.path(), page.status, page.text()))
    }
}

#[async_trait]
impl Browser for Person {
    async fn begin(&self, configured: &RedirectUri) -> Result<Box<dyn Visit>, BrowserError> {
        Ok(Box::new(Travel { person: self.clone(), home: configured.clone() }))
    }
}

struct Travel {
    person: Person,
    home: RedirectUri,
}

#[async_trait]
impl Visit for Travel {
    fn redirect_uri(&self) -> RedirectUri {
        self.home.clone()
    }

    async fn navigate(self: Box<Self>, url: Url) -> Result<String, BrowserError> {
        let journey = self.person.go(&url, self.home.url(), false).await;
        journey.map(|journey| journey.callback).map_err(|error| {
            eprintln!("the browser did not come back: {error:#}");
            BrowserError::Failed("the pages led nowhere")
        })
    }
}
