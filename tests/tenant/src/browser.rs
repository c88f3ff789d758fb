//! A scripted user agent: it fetches the tenant's pages, fills in their forms as a person would, and stops where the
//! browser would hand over to the app.
//!
//! ```no_run
//! # async fn example(authorization_url: &str) -> Result<(), hallpass_tenant::browser::BrowserError> {
//! use hallpass_tenant::browser::Browser;
//!
//! let callback = Browser::new().log_in(authorization_url, "ada@example.com", "correct horse").await?;
//! assert!(callback.starts_with("com.example.hallpass://callback?code="));
//! # Ok(())
//! # }
//! ```

mod form;
mod http;

use std::{collections::HashMap, time::Duration};

use url::{Url, form_urlencoded};

pub use form::{Form, forms};
use http::{Answer, exchange};

/// A redirect chain longer than this goes in circles.
const REDIRECT_LIMIT: usize = 10;

/// No page of a tenant takes this long, unless a fault delays it.
const PATIENCE: Duration = Duration::from_secs(30);

/// A browser with its cookies. It speaks plain HTTP only.
#[derive(Debug, Default)]
pub struct Browser {
    /// By host and name: cookies do not know ports (RFC 6265 §8.5).
    cookies: HashMap<(String, String), String>,
}

/// Where a step led.
#[derive(Debug)]
pub enum Visit {
    /// A page of the same server.
    Page(Page),
    /// A redirect to another origin or scheme: where a system browser hands over to the app. It was not followed.
    Left(String),
}

/// A page.
#[derive(Debug)]
pub struct Page {
    /// Its address, after redirects.
    pub url: Url,
    /// The HTTP status.
    pub status: u16,
    /// The HTML.
    pub body: String,
}

/// Why a browser got no further.
#[derive(Debug, thiserror::Error)]
pub enum BrowserError {
    /// The address cannot be opened by this browser.
    #[error("{0} is not an http address")]
    Address(String),
    /// The connection failed, or ended without an answer.
    #[error("no answer from {host}: {reason}")]
    NoAnswer {
        /// Host and port.
        host: String,
        /// What went wrong.
        reason: String,
    },
    /// A page has no form where one was wanted.
    #[error("the page {title:?} ({status}) has no form")]
    NoForm {
        /// The page's title.
        title: String,
        /// Its HTTP status.
        status: u16,
    },
    /// A login ended on a page instead of in the app.
    #[error("the login ended on the page {title:?} ({status})")]
    Stuck {
        /// The page's title.
        title: String,
        /// Its HTTP status.
        status: u16,
    },
    /// The redirects do not end.
    #[error("more than {REDIRECT_LIMIT} redirects")]
    RedirectLoop,
}

impl Browser {
    /// A browser without cookies.
    pub fn new() -> Self {
        Self::default()
    }

    /// Goes through a whole login: the login page, unless this browser is signed in, and the consent page, if there is one,
    /// which it accepts. Returns the callback URL.
    ///
    /// # Errors
    /// [`BrowserError::Stuck`] when a page comes that this does not lead past, as after a wrong password.
    pub async fn log_in(
        &mut self,
        authorization_url: &str,
        username: &str,
        password: &str,
    ) -> Result<String, BrowserError> {
        let mut visit = self.open(authorization_url).await?;
        let mut typed = false;
        loop {
            let page = match visit {
                Visit::Left(url) => return Ok(url),
                Visit::Page(page) => page,
            };
            visit = match page.url.path() {
                "/u/login" if !typed => {
                    typed = true;
                    let fields = [("username", username), ("password", password), ("action", "continue")];
                    self.submit(&page, &fields).await?
                }
                "/u/consent" if page.status == 200 => self.submit(&page, &[("action", "accept")]).await?,
                _ => return Err(BrowserError::Stuck { title: page.title(), status: page.status }),
            };
        }
    }

    /// Opens an address, following redirects within its origin.
    ///
    /// # Errors
    /// When it is no http address or there is no answer.
    pub async fn open(&mut self, address: &str) -> Result<Visit, BrowserError> {
        let url = Url::parse(address).map_err(|_| BrowserError::Address(address.to_owned()))?;
        self.visit(url, None).await
    }

    /// Submits the page's first form with these fields, of which the last may be the button; hidden and prefilled fields
    /// that are not named keep what the page gave them.
    ///
    /// # Errors
    /// When the page has no form or there is no answer.
    pub async fn submit(&mut self, page: &Page, fields: &[(&str, &str)]) -> Result<Visit, BrowserError> {
        let form = page
            .forms()
            .into_iter()
            .next()
            .ok_or_else(|| BrowserError::NoForm { title: page.title(), status: page.status })?;
        self.submit_form(page, &form, fields).await
    }

    /// The same with a form of the caller's choice.
    ///
    /// # Errors
    /// When the form's address cannot be opened or there is no answer.
    pub async fn submit_form(
        &mut self,
        page: &Page,
        form: &Form,
        fields: &[(&str, &str)],
    ) -> Result<Visit, BrowserError> {
        let mut target = page.url.join(&form.action).map_err(|_| BrowserError::Address(form.action.clone()))?;
        let kept = form.fields.iter().filter(|(name, _)| !fields.iter().any(|(given, _)| given == name));
        let pairs = kept.map(|(name, value)| (name.as_str(), value.as_str())).chain(fields.iter().copied());
        let encoded = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        if form.post {
            self.visit(target, Some(encoded)).await
        } else {
            target.set_query(Some(&encoded));
            self.visit(target, None).await
        }
    }

    async fn visit(&mut self, mut url: Url, mut form: Option<String>) -> Result<Visit, BrowserError> {
        for _ in 0..REDIRECT_LIMIT {
            let host = url.host_str().unwrap_or_default().to_owned();
            let cookies: Vec<String> = self
                .cookies
                .iter()
                .filter(|((known, _), _)| *known == host)
                .map(|((_, name), value)| format!("{name}={value}"))
                .collect();
            let cookies = cookies.join("; ");
            let request = exchange(&url, &cookies, form.take());
            let answer = tokio::time::timeout(PATIENCE, request).await.unwrap_or_else(|_| {
                Err(BrowserError::NoAnswer { host: host.clone(), reason: format!("none after {PATIENCE:?}") })
            })?;
            let Answer { status, location, set_cookies, body } = answer;
            for cookie in set_cookies {
                self.remember(&host, &cookie);
            }
            let Some(location) = location.filter(|_| (300..400).contains(&status)) else {
                return Ok(Visit::Page(Page { url, status, body }));
            };
            match url.join(&location) {
                Ok(next) if next.origin() == url.origin() && next.scheme() == "http" => url = next,
                Ok(_) | Err(_) => return Ok(Visit::Left(location)),
            }
        }
        Err(BrowserError::RedirectLoop)
    }

    fn remember(&mut self, host: &str, set_cookie: &str) {
        let mut parts = set_cookie.split("; ");
        let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else { return };
        let key = (host.to_owned(), name.to_owned());
        if parts.any(|attribute| attribute == "Max-Age=0") {
            self.cookies.remove(&key);
        } else {
            self.cookies.insert(key, value.to_owned());
        }
    }
}

impl Visit {
    /// The page, if it is one.
    pub fn page(self) -> Option<Page> {
        match self {
            Self::Page(page) => Some(page),
            Self::Left(_) => None,
        }
    }

    /// Where the browser was sent away to, if it was.
    pub fn left(self) -> Option<String> {
        match self {
            Self::Left(url) => Some(url),
            Self::Page(_) => None,
        }
    }
}

impl Page {
    /// What is between `<title>` and `</title>`.
    pub fn title(&self) -> String {
        let after = self.body.split_once("<title>").map_or("", |(_, after)| after);
        after.split_once("</title>").map_or("", |(title, _)| title).to_owned()
    }

    /// The forms, in their order.
    pub fn forms(&self) -> Vec<Form> {
        forms(&self.body)
    }
}
