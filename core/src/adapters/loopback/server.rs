//! A server for one redirect.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use hallpass_protocol::client::RedirectUri;
use hallpass_protocol::error::ErrorCode;
use hallpass_protocol::secret::State;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{sleep, timeout};
use url::form_urlencoded;

use super::listener::Listeners;
use super::page::Page;
use super::request::{self, Incoming, Unreadable};
use super::{Listener, Notice};

/// How long one connection may take: browsers open some in advance and say nothing on them.
const CONNECTION: Duration = Duration::from_secs(30);

/// How long an answer may take to leave, and its reader to close. A page is a courtesy that nothing waits for longer.
const COURTESY: Duration = Duration::from_secs(2);

/// How many connections are served at once. One more, and the oldest is closed: whoever holds connections open only
/// pushes out others of his own, because a browser sends its request as soon as it is connected.
const CONNECTIONS: usize = 64;

/// The redirect that ends the visit.
pub(super) struct Expected {
    redirect_uri: RedirectUri,
    /// As in the `Host` field of a request to it.
    authority: String,
    back: Back,
}

/// What has to come back.
pub(super) enum Back {
    /// The answer to a login: only with its `state`, because any page can send one.
    Login(State),
    /// The return from the page that ends the server's session. It brings nothing, and several servers leave its `state`
    /// out; a page that makes one up ends a wait and no more.
    Logout,
}

/// What a request is taken for.
#[derive(Debug, PartialEq, Eq)]
struct Judgement {
    page: Page,
    /// The whole URL, when it is the redirect.
    redirect: Option<String>,
    /// What the one who waits should know of it.
    notice: Option<Notice>,
}

impl From<Page> for Judgement {
    fn from(page: Page) -> Self {
        Self { page, redirect: None, notice: None }
    }
}

impl Expected {
    pub(super) fn new(redirect_uri: RedirectUri, back: Back) -> Self {
        let url = redirect_uri.url();
        let authority = with_port(url.host_str().unwrap_or_default(), url.port());
        Self { redirect_uri, authority, back }
    }

    fn judge(&self, request: &Incoming) -> Judgement {
        // Another name for this machine is how a page gets around the same-origin policy (DNS rebinding). The machine's own
        // three names are no one's to give: some servers send the browser to one where another was registered.
        let port = self.redirect_uri.url().port();
        let names = ["127.0.0.1", "[::1]", "localhost"].map(|name| with_port(name, port));
        if !names.iter().chain([&self.authority]).any(|name| request.host.eq_ignore_ascii_case(name)) {
            return Page::Misdirected.into();
        }
        let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
        if path != self.redirect_uri.url().path() {
            return Page::NotFound.into();
        }
        let parameters = match (request.method.as_str(), &request.form) {
            ("GET", _) => query.to_owned(),
            ("POST", Some(form)) if query.is_empty() => form.clone(),
            ("POST", Some(form)) => format!("{query}&{form}"),
            (_, _) => return Page::NotAllowed.into(),
        };
        let values = |wanted: &'static str| {
            form_urlencoded::parse(parameters.as_bytes())
                .filter(move |(name, _)| name == wanted)
                .map(|(_, value)| value)
                .filter(|value| !value.is_empty())
        };
        let error = values("error").next();
        if let Back::Login(expected) = &self.back {
            let mut states = values("state");
            let notice = match (states.next(), states.next()) {
                (Some(state), None) if expected.same(&state) => None,
                (Some(_), _) => Some(Notice::AnotherState),
                (None, _) => Some(Notice::NoState { error: error.as_deref().map(ErrorCode::of) }),
            };
            if notice.is_some() {
                return Judgement { page: Page::Foreign, redirect: None, notice };
            }
        }
        let page = if error.is_some() { Page::Failed } else { Page::Done };
        // As it was asked for: the callback is compared with that.
        let redirect = if parameters.is_empty() {
            format!("http://{}{path}", self.authority)
        } else {
            format!("http://{}{path}?{parameters}", self.authority)
        };
        Judgement { page, redirect: Some(redirect), notice: None }
    }
}

/// A browser leaves the port out where it is the scheme's own.
fn with_port(host: &str, port: Option<u16>) -> String {
    port.map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// Serves until the redirect has come and been answered, and returns its URL. Everything is closed when this returns or
/// is dropped.
pub(super) async fn receive(listeners: Listeners, expected: Expected, listener: Arc<Listener>) -> String {
    let expected = Arc::new(expected);
    let (found, mut redirects) = mpsc::channel(1);
    let mut connections = JoinSet::new();
    let mut oldest: VecDeque<AbortHandle> = VecDeque::new();
    loop {
        tokio::select! {
            Some(redirect) = redirects.recv() => return redirect,
            Some(_) = connections.join_next() => oldest.retain(|connection| !connection.is_finished()),
            accepted = listeners.accept() => match accepted {
                Ok(socket) => {
                    if oldest.len() == CONNECTIONS {
                        oldest.pop_front().iter().for_each(AbortHandle::abort);
                    }
                    let (expected, found, listener) = (Arc::clone(&expected), found.clone(), Arc::clone(&listener));
                    oldest.push_back(connections.spawn(async move {
                        // What a connection did not finish in time is lost with it.
                        drop(timeout(CONNECTION, serve(socket, &expected, found, &*listener)).await);
                    }));
                }
                // Such as too many open files, which may pass.
                Err(_) => sleep(Duration::from_millis(100)).await,
            },
        }
    }
}

/// Answers one request. The connection is closed after it, so that nothing is left open when the visit ends.
async fn serve(mut socket: TcpStream, expected: &Expected, found: mpsc::Sender<String>, listener: &Listener) {
    let Judgement { page, redirect, notice } = match request::read(&mut socket).await {
        Ok(request) => expected.judge(&request),
        Err(Unreadable::Malformed) => Page::Malformed.into(),
        Err(Unreadable::TooLarge) => Page::TooLarge.into(),
        Err(Unreadable::Lost) => return,
    };
    if let Some(notice) = notice {
        listener(notice);
    }
    let answered = timeout(COURTESY, answer(&mut socket, page)).await;
    if let Some(redirect) = redirect {
        // A second one with the same state is answered like the first and changes nothing.
        drop(found.try_send(redirect));
    }
    if matches!(answered, Ok(Ok(()))) {
        // Closing with something unread would reset the connection, and could take the answer with it.
        let mut rest = [0; 1024];
        let read = async { while socket.read(&mut rest).await.is_ok_and(|length| length > 0) {} };
        drop(timeout(COURTESY, read).await);
    }
}

async fn answer(socket: &mut TcpStream, page: Page) -> io::Result<()> {
    socket.write_all(page.to_response().as_bytes()).await?;
    socket.shutdown().await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expected(redirect_uri: &str) -> Expected {
        Expected::new(RedirectUri::parse(redirect_uri).unwrap(), Back::Login(State::new("the state")))
    }

    fn request(method: &str, target: &str, host: &str) -> Incoming {
        Incoming { method: method.to_owned(), target: target.to_owned(), host: host.to_owned(), form: None }
    }

    #[test]
    fn the_redirect_with_its_state_is_found_and_nothing_else_is() {
        let expected = expected("http://127.0.0.1:4000/callback");
        let judge = |method, target, host| expected.judge(&request(method, target, host));
        let target = "/callback?code=a%2Fb&state=the+state";
        let redirect = Some(format!("http://127.0.0.1:4000{target}"));
        // Some servers send the browser to `localhost` where the number was registered.
        for host in ["127.0.0.1:4000", "localhost:4000", "LOCALHOST:4000", "[::1]:4000"] {
            let found = Judgement { page: Page::Done, redirect: redirect.clone(), notice: None };
            assert_eq!(judge("GET", target, host), found, "{host}");
        }
        for (method, target, host, page) in [
            ("GET", "/callback?code=1&state=the+state", "attacker.example:4000", Page::Misdirected),
            ("GET", "/callback?code=1&state=the+state", "localhost.attacker.example:4000", Page::Misdirected),
            ("GET", "/callback?code=1&state=the+state", "127.0.0.1", Page::Misdirected),
            ("GET", "/callback?code=1&state=the+state", "localhost:4001", Page::Misdirected),
            ("GET", "/favicon.ico", "127.0.0.1:4000", Page::NotFound),
            ("GET", "/callback/?code=1&state=the+state", "127.0.0.1:4000", Page::NotFound),
            ("GET", "/Callback?code=1&state=the+state", "127.0.0.1:4000", Page::NotFound),
            ("POST", "/callback?code=1&state=the+state", "127.0.0.1:4000", Page::NotAllowed),
            ("OPTIONS", "/callback", "127.0.0.1:4000", Page::NotAllowed),
        ] {
            assert_eq!(judge(method, target, host), page.into(), "{method} {target} at {host}");
        }
    }

    #[test]
    fn a_return_without_the_state_of_the_login_is_told_and_does_not_end_it() {
        let expected = expected("http://127.0.0.1:4000/callback");
        let no_state = |error: Option<&str>| Notice::NoState { error: error.map(ErrorCode::of) };
        for (query, notice) in [
            ("", no_state(None)),
            ("?code=1", no_state(None)),
            ("?code=1&state=", no_state(None)),
            ("?error=access_denied&error_description=x", no_state(Some("access_denied"))),
            ("?code=1&state=another", Notice::AnotherState),
            ("?error=access_denied&state=another", Notice::AnotherState),
            ("?code=1&state=the+state&state=the+state", Notice::AnotherState),
            ("?code=1&state=another&state=the+state", Notice::AnotherState),
        ] {
            let judged = expected.judge(&request("GET", &format!("/callback{query}"), "127.0.0.1:4000"));
            assert_eq!(judged, Judgement { page: Page::Foreign, redirect: None, notice: Some(notice) }, "{query}");
        }
    }

    #[test]
    fn a_redirect_that_is_posted_as_a_form_is_found_like_one_in_a_query() {
        let expected = expected("http://127.0.0.1:4000/callback");
        let post = |target: &str, form: &str| {
            let form = Some(form.to_owned());
            expected.judge(&Incoming { form, ..request("POST", target, "127.0.0.1:4000") })
        };
        let found = |redirect: &str| Judgement { page: Page::Done, redirect: Some(redirect.to_owned()), notice: None };
        assert_eq!(
            post("/callback", "code=1&state=the+state"),
            found("http://127.0.0.1:4000/callback?code=1&state=the+state")
        );
        assert_eq!(
            post("/callback?x=1", "code=1&state=the+state"),
            found("http://127.0.0.1:4000/callback?x=1&code=1&state=the+state")
        );
        assert_eq!(post("/callback", "code=1&state=other").notice, Some(Notice::AnotherState));
    }

    #[test]
    fn a_return_from_a_logout_ends_the_visit_with_whatever_state() {
        let redirect_uri = RedirectUri::parse("http://127.0.0.1:4000/out").unwrap();
        let expected = Expected::new(redirect_uri, Back::Logout);
        for target in ["/out", "/out?state=the+state", "/out?state=another"] {
            let judged = expected.judge(&request("GET", target, "127.0.0.1:4000"));
            let redirect = Some(format!("http://127.0.0.1:4000{target}"));
            assert_eq!(judged, Judgement { page: Page::Done, redirect, notice: None });
        }
        let elsewhere = expected.judge(&request("GET", "/other", "127.0.0.1:4000"));
        assert_eq!(elsewhere, Page::NotFound.into());
    }

    #[test]
    fn a_redirect_with_an_error_is_found_and_its_page_says_so() {
        let target = "/?error=access_denied&state=the%20state";
        let judged = expected("http://[::1]:4000/").judge(&request("GET", target, "[::1]:4000"));
        assert_eq!(judged.page, Page::Failed);
        assert_eq!(judged.redirect.as_deref(), Some("http://[::1]:4000/?error=access_denied&state=the%20state"));
    }
}
