//! A server for one redirect.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use hallpass_protocol::client::RedirectUri;
use hallpass_protocol::secret::State;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{sleep, timeout};
use url::form_urlencoded;

use super::listener::Listeners;
use super::page::Page;
use super::request::{self, Head, Unreadable};

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
    state: State,
}

impl Expected {
    pub(super) fn new(redirect_uri: RedirectUri, state: State) -> Self {
        let url = redirect_uri.url();
        let host = url.host_str().unwrap_or_default();
        // A browser leaves the port out where it is the scheme's own.
        let authority = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        Self { redirect_uri, authority, state }
    }

    /// The page to answer with, and the whole URL when it is the redirect.
    fn judge(&self, head: &Head) -> (Page, Option<String>) {
        // Another name for this machine is how a page gets around the same-origin policy (DNS rebinding).
        if !head.host.eq_ignore_ascii_case(&self.authority) {
            return (Page::Misdirected, None);
        }
        let (path, query) = head.target.split_once('?').unwrap_or((&head.target, ""));
        if path != self.redirect_uri.url().path() {
            return (Page::NotFound, None);
        }
        if head.method != "GET" {
            return (Page::NotAllowed, None);
        }
        let mut states = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == "state");
        let ours = states.next().is_some_and(|(_, state)| self.state.same(&state)) && states.next().is_none();
        if !ours {
            return (Page::Foreign, None);
        }
        let failed = form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name == "error");
        let page = if failed { Page::Failed } else { Page::Done };
        (page, Some(format!("http://{}{}", self.authority, head.target)))
    }
}

/// Serves until the redirect has come and been answered, and returns its URL. Everything is closed when this returns or
/// is dropped.
pub(super) async fn receive(listeners: Listeners, expected: Expected) -> String {
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
                    let (expected, found) = (Arc::clone(&expected), found.clone());
                    oldest.push_back(connections.spawn(async move {
                        // What a connection did not finish in time is lost with it.
                        drop(timeout(CONNECTION, serve(socket, &expected, found)).await);
                    }));
                }
                // Such as too many open files, which may pass.
                Err(_) => sleep(Duration::from_millis(100)).await,
            },
        }
    }
}

/// Answers one request. The connection is closed after it, so that nothing is left open when the visit ends.
async fn serve(mut socket: TcpStream, expected: &Expected, found: mpsc::Sender<String>) {
    let (page, redirect) = match request::read_head(&mut socket).await {
        Ok(head) => expected.judge(&head),
        Err(Unreadable::Malformed) => (Page::Malformed, None),
        Err(Unreadable::TooLarge) => (Page::TooLarge, None),
        Err(Unreadable::Lost) => return,
    };
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
        Expected::new(RedirectUri::parse(redirect_uri).unwrap(), State::new("the state"))
    }

    fn head(method: &str, target: &str, host: &str) -> Head {
        Head { method: method.to_owned(), target: target.to_owned(), host: host.to_owned() }
    }

    #[test]
    fn the_redirect_with_its_state_is_found_and_nothing_else_is() {
        let expected = expected("http://127.0.0.1:4000/callback");
        let judge = |method, target, host| expected.judge(&head(method, target, host));
        let target = "/callback?code=a%2Fb&state=the+state";
        let found = Some(format!("http://127.0.0.1:4000{target}"));
        assert_eq!(judge("GET", target, "127.0.0.1:4000"), (Page::Done, found));

        for (method, target, host, page) in [
            ("GET", "/callback?code=1&state=the+state", "attacker.example:4000", Page::Misdirected),
            ("GET", "/callback?code=1&state=the+state", "127.0.0.1", Page::Misdirected),
            ("GET", "/callback?code=1&state=the+state", "localhost:4000", Page::Misdirected),
            ("GET", "/favicon.ico", "127.0.0.1:4000", Page::NotFound),
            ("GET", "/callback/?code=1&state=the+state", "127.0.0.1:4000", Page::NotFound),
            ("GET", "/Callback?code=1&state=the+state", "127.0.0.1:4000", Page::NotFound),
            ("POST", "/callback?code=1&state=the+state", "127.0.0.1:4000", Page::NotAllowed),
            ("OPTIONS", "/callback", "127.0.0.1:4000", Page::NotAllowed),
            ("GET", "/callback", "127.0.0.1:4000", Page::Foreign),
            ("GET", "/callback?code=1", "127.0.0.1:4000", Page::Foreign),
            ("GET", "/callback?code=1&state=", "127.0.0.1:4000", Page::Foreign),
            ("GET", "/callback?code=1&state=another", "127.0.0.1:4000", Page::Foreign),
            ("GET", "/callback?error=access_denied&state=another", "127.0.0.1:4000", Page::Foreign),
            ("GET", "/callback?code=1&state=the+state&state=the+state", "127.0.0.1:4000", Page::Foreign),
            ("GET", "/callback?code=1&state=another&state=the+state", "127.0.0.1:4000", Page::Foreign),
        ] {
            assert_eq!(judge(method, target, host), (page, None), "{method} {target} at {host}");
        }
    }

    #[test]
    fn a_redirect_with_an_error_is_found_and_its_page_says_so() {
        let (page, found) =
            expected("http://[::1]:4000/").judge(&head("GET", "/?error=access_denied&state=the%20state", "[::1]:4000"));
        assert_eq!(page, Page::Failed);
        assert_eq!(found.as_deref(), Some("http://[::1]:4000/?error=access_denied&state=the%20state"));
    }

    #[test]
    fn a_host_in_capitals_is_the_same_host() {
        let (page, _) = expected("http://localhost:4000").judge(&head("GET", "/?state=the+state", "LOCALHOST:4000"));
        assert_eq!(page, Page::Done);
    }
}
