//! A browser without a screen: fetches pages, keeps cookies, fills in forms and submits them.
//!
//! It runs no script, as a page that needs none does not mind. It stands on the core's transport port, which follows no
//! redirect and keeps no cookie, so that each hop is seen, and can be recorded by whoever hands the transport in.

mod browser;
mod cookies;
mod form;
mod html;
mod page;

use std::sync::Arc;

use hallpass_core::ports::{Transport, TransportError};
use hallpass_core::protocol::http::{Body, Headers, Method, Request, Response};
use url::Url;

pub use browser::ScriptedBrowser;
use cookies::Cookies;
pub use form::{Button, Form};
pub use page::Page;
pub(crate) use page::page_title;

/// No page is larger, in bytes.
const MAX_PAGE: usize = 2 * 1024 * 1024;
/// Browsers give up at about as many redirects.
const MAX_REDIRECTS: usize = 20;

/// A browser without a screen, signed in where its cookies say so.
pub struct UserAgent {
    transport: Arc<dyn Transport>,
    cookies: Cookies,
}

/// Where a request, and the redirects that followed it, led to.
#[derive(Debug)]
pub enum Arrival {
    /// A page, whatever its status.
    Page(Page),
    /// A redirect to where no page is fetched: the URI that was waited for, or an app's own scheme. The whole URL.
    Left(String),
}

/// Why there is no page.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UserAgentError {
    /// There is no answer.
    #[error("the page could not be fetched: {0}")]
    Transport(#[from] TransportError),
    /// A redirect has no `Location`, or one that is no URL.
    #[error("the redirect (status {status}) does not say where to")]
    NoLocation {
        /// The status of the answer.
        status: u16,
    },
    /// The redirects do not end.
    #[error("gave up after {MAX_REDIRECTS} redirects")]
    TooManyRedirects,
    /// The page has no such form.
    #[error("the page has no form with {0}")]
    NoForm(&'static str),
    /// The form has no such field.
    #[error("the form has no field `{0}`")]
    NoField(String),
    /// The form has no such button.
    #[error("the form has no button `{0}`")]
    NoButton(String),
}

impl UserAgent {
    /// A user agent without cookies that sends its requests through `transport`.
    pub fn new(transport: Arc<dyn Transport>) -> Self {
        Self { transport, cookies: Cookies::default() }
    }

    /// Forgets all cookies, as a private window does when it is closed.
    pub fn forget(&mut self) {
        self.cookies = Cookies::default();
    }

    /// Fetches `url` and follows redirects, until a page comes or a redirect leads to `home` (compared without its
    /// query) or to another scheme than the web's.
    ///
    /// # Errors
    /// [`UserAgentError`].
    pub async fn open(&mut self, url: &Url, home: Option<&Url>) -> Result<Arrival, UserAgentError> {
        self.travel(Method::Get, url.clone(), None, home).await
    }

    /// Submits `form` as it is filled in, and follows redirects as [`UserAgent::open`] does.
    ///
    /// # Errors
    /// [`UserAgentError`].
    pub async fn submit(&mut self, form: &Form, home: Option<&Url>) -> Result<Arrival, UserAgentError> {
        let (url, body) = form.submission();
        self.travel(form.method(), url, body, home).await
    }

    async fn travel(
        &mut self,
        mut method: Method,
        mut url: Url,
        mut form: Option<String>,
        home: Option<&Url>,
    ) -> Result<Arrival, UserAgentError> {
        for _ in 0..MAX_REDIRECTS {
            if !matches!(url.scheme(), "http" | "https") || home.is_some_and(|home| is_same_place(home, &url)) {
                return Ok(Arrival::Left(url.into()));
            }
            let response = self.transport.send(self.request(method, &url, form.take())).await?;
            self.cookies.receive(&url, response.headers.get_all("set-cookie"));
            if !matches!(response.status, 301 | 302 | 303 | 307 | 308) {
                return Ok(Arrival::Page(Page::new(url, response)));
            }
            url = location(&url, &response)?;
            // A form is sent on by 307 and 308 (RFC 9110 §15.4.8). No page here is meant to do that with a password.
            method = Method::Get;
        }
        Err(UserAgentError::TooManyRedirects)
    }

    fn request(&self, method: Method, url: &Url, form: Option<String>) -> Request {
        let mut headers = Headers::from_iter([("Accept", "text/html"), ("User-Agent", "hallpass-lab (scripted)")]);
        if let Some(cookies) = self.cookies.for_url(url) {
            headers.push("Cookie", cookies);
        }
        if form.is_some() {
            headers.push("Content-Type", "application/x-www-form-urlencoded");
            headers.push("Origin", url.origin().ascii_serialization());
        }
        let body = form.map_or(Body::empty(), Body::from);
        Request { method, url: url.clone(), headers, body, max_response_bytes: MAX_PAGE }
    }
}

fn location(base: &Url, response: &Response) -> Result<Url, UserAgentError> {
    let location = response.headers.get("location").and_then(|location| base.join(location).ok());
    location.ok_or(UserAgentError::NoLocation { status: response.status })
}

/// Whether both are the same but for query and fragment.
fn is_same_place(home: &Url, url: &Url) -> bool {
    let place = |url: &Url| {
        let mut place = url.clone();
        place.set_query(None);
        place.set_fragment(None);
        place
    };
    place(home) == place(url)
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::Mutex;

    use async_trait::async_trait;

    use super::*;

    /// Answers in order, and remembers what it was asked.
    #[derive(Default)]
    struct Script {
        answers: Mutex<VecDeque<Response>>,
        seen: Mutex<Vec<Request>>,
    }

    #[async_trait]
    impl Transport for Script {
        async fn send(&self, request: Request) -> Result<Response, TransportError> {
            self.seen.lock().unwrap().push(request);
            self.answers.lock().unwrap().pop_front().ok_or(TransportError::Unreachable)
        }
    }

    fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Response {
        Response { status, headers: headers.iter().copied().collect(), body: body.as_bytes().to_vec() }
    }

    fn agent(answers: impl IntoIterator<Item = Response>) -> (UserAgent, Arc<Script>) {
        let script = Arc::new(Script { answers: Mutex::new(answers.into_iter().collect()), ..Script::default() });
        (UserAgent::new(Arc::clone(&script) as Arc<dyn Transport>), script)
    }

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    const LOGIN: &str = "<form method=post action='/u/login?t=1&amp;x=2'><input type=hidden name=transaction value=abc>\
        <input name=username><input type=password name=password><button name=action value=login>Log in</button></form>";

    #[tokio::test]
    async fn form_filled_in_and_submitted_is_sent_with_the_cookies_of_its_page() {
        let (mut agent, script) = agent([
            answer(302, &[("Location", "/u/login?t=1"), ("Set-Cookie", "sid=1; HttpOnly; Path=/")], ""),
            answer(200, &[("Content-Type", "text/html")], LOGIN),
            answer(303, &[("Location", "com.example.app:/callback?code=c&state=s")], ""),
        ]);
        let Arrival::Page(page) = agent.open(&url("http://127.0.0.1:3000/authorize?x=1"), None).await.unwrap() else {
            panic!("left")
        };
        let mut form = page.form_with_password().unwrap().clone();
        form.fill("username", "ada").unwrap().fill("password", "p&q").unwrap();
        let Arrival::Left(callback) = agent.submit(&form, None).await.unwrap() else { panic!("a page") };
        assert_eq!(callback, "com.example.app:/callback?code=c&state=s");

        let seen = script.seen.lock().unwrap();
        assert_eq!(seen[1].headers.get("cookie"), Some("sid=1"));
        assert_eq!((seen[2].method, seen[2].url.as_str()), (Method::Post, "http://127.0.0.1:3000/u/login?t=1&x=2"));
        let sent = std::str::from_utf8(seen[2].body.as_bytes()).unwrap();
        assert_eq!(sent, "transaction=abc&username=ada&password=p%26q&action=login");
        assert_eq!(seen[2].headers.get("origin"), Some("http://127.0.0.1:3000"));
    }

    #[tokio::test]
    async fn redirect_home_is_not_fetched() {
        let home = url("http://127.0.0.1:5000/callback");
        let (mut agent, script) = agent([answer(302, &[("Location", "http://127.0.0.1:5000/callback?code=c")], "")]);
        let Arrival::Left(callback) = agent.open(&url("http://127.0.0.1:3000/"), Some(&home)).await.unwrap() else {
            panic!("a page")
        };
        assert_eq!(callback, "http://127.0.0.1:5000/callback?code=c");
        assert_eq!(script.seen.lock().unwrap().len(), 1);
    }

    #[tokio::test]
    async fn redirect_that_leads_nowhere_or_round_in_circles_is_an_error() {
        let (mut nowhere, _) = agent([answer(302, &[], "")]);
        let error = nowhere.open(&url("http://127.0.0.1/"), None).await.unwrap_err();
        assert_eq!(error, UserAgentError::NoLocation { status: 302 });
        let (mut circle, _) = agent((0..40).map(|_| answer(302, &[("Location", "/")], "")));
        assert_eq!(circle.open(&url("http://127.0.0.1/"), None).await.unwrap_err(), UserAgentError::TooManyRedirects);
    }

    #[tokio::test]
    async fn user_agent_that_forgot_sends_no_cookie() {
        let (mut agent, script) = agent([answer(200, &[("Set-Cookie", "sid=1")], ""), answer(200, &[], "")]);
        agent.open(&url("http://127.0.0.1/"), None).await.unwrap();
        agent.forget();
        agent.open(&url("http://127.0.0.1/"), None).await.unwrap();
        assert_eq!(script.seen.lock().unwrap()[1].headers.get("cookie"), None);
    }
}
