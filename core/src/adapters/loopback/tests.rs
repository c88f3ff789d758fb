//! What a browser, a careless page and a hostile one do to a visit.

use std::net::SocketAddr;
use std::sync::Mutex;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::*;

/// No step of these takes longer, or it hangs.
const LIMIT: Duration = Duration::from_secs(10);

/// A visit that is on its way, its page opened by nobody.
struct Underway {
    redirect_uri: RedirectUri,
    address: SocketAddr,
    visit: JoinHandle<Result<String, BrowserError>>,
}

impl Underway {
    async fn begin(configured: &str) -> Self {
        Self::begin_with(LoopbackBrowser::with_opener(|_| Ok(())), configured).await
    }

    async fn begin_with(browser: LoopbackBrowser, configured: &str) -> Self {
        let visit = browser.begin(&RedirectUri::parse(configured).unwrap()).await.unwrap();
        let redirect_uri = visit.redirect_uri();
        let port = redirect_uri.url().port().unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        Self::navigate(visit, redirect_uri, address, "client_id=a&state=ours")
    }

    /// A visit whose page was pushed, so that its URL has no `state`.
    async fn begin_pushed(configured: &str) -> Self {
        let browser = LoopbackBrowser::with_opener(|_| Ok(()));
        let mut visit = browser.begin(&RedirectUri::parse(configured).unwrap()).await.unwrap();
        visit.expect_state("ours");
        let redirect_uri = visit.redirect_uri();
        let address = SocketAddr::from(([127, 0, 0, 1], redirect_uri.url().port().unwrap()));
        Self::navigate(visit, redirect_uri, address, "client_id=a&request_uri=urn%3A1")
    }

    fn navigate(visit: Box<dyn Visit>, redirect_uri: RedirectUri, address: SocketAddr, query: &str) -> Self {
        let page = Url::parse(&format!("https://issuer.example/authorize?{query}")).unwrap();
        let visit = tokio::spawn(async move { timeout(LIMIT, visit.navigate(page)).await.expect("the visit hangs") });
        Self { redirect_uri, address, visit }
    }

    fn authority(&self) -> String {
        let url = self.redirect_uri.url();
        format!("{}:{}", url.host_str().unwrap(), url.port().unwrap())
    }

    async fn get(&self, target: &str) -> String {
        self.send(&format!("GET {target} HTTP/1.1\r\nHost: {}\r\n\r\n", self.authority())).await
    }

    async fn send(&self, request: &str) -> String {
        send(self.address, request).await
    }

    async fn finish(self) -> Result<String, BrowserError> {
        self.visit.await.unwrap()
    }
}

async fn send(address: SocketAddr, request: &str) -> String {
    let exchange = async {
        let mut socket = TcpStream::connect(address).await.unwrap();
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut response = String::new();
        socket.read_to_string(&mut response).await.unwrap();
        response
    };
    timeout(LIMIT, exchange).await.expect("the request hangs")
}

#[tokio::test]
async fn a_pushed_login_is_told_by_the_state_that_the_session_expects() {
    let visit = Underway::begin_pushed("http://127.0.0.1/callback").await;
    visit.get("/callback?code=1&state=another").await;
    let redirect = format!("http://{}/callback?code=1&state=ours", visit.authority());
    visit.get("/callback?code=1&state=ours").await;
    assert_eq!(visit.finish().await.unwrap(), redirect);
}

#[tokio::test]
async fn the_redirect_ends_the_visit_and_its_sender_sees_a_page() {
    let visit = Underway::begin("http://127.0.0.1/callback").await;
    let (redirect_uri, address) = (visit.redirect_uri.clone(), visit.address);
    let response = visit.get("/callback?code=the%2Fcode&state=ours").await;
    assert!(
        response.starts_with("HTTP/1.1 200 OK\r\n") && response.contains("You can return to the app"),
        "{response}"
    );
    assert!(!response.contains("the%2Fcode") && !response.contains("ours"), "the page shows the request");
    assert_eq!(visit.finish().await, Ok(format!("{redirect_uri}?code=the%2Fcode&state=ours")));
    assert!(TcpStream::connect(address).await.is_err(), "it still listens");
}

#[tokio::test]
async fn other_paths_methods_and_hosts_do_not_end_the_visit() {
    let visit = Underway::begin("http://127.0.0.1:0/callback").await;
    let authority = visit.authority();
    for (request, status) in [
        (format!("GET /favicon.ico HTTP/1.1\r\nHost: {authority}\r\n\r\n"), "404"),
        (
            format!("POST /callback?code=1&state=ours HTTP/1.1\r\nHost: {authority}\r\nContent-Length: 1\r\n\r\nx"),
            "405",
        ),
        ("GET /callback?code=1&state=ours HTTP/1.1\r\nHost: rebound.example\r\n\r\n".to_owned(), "421"),
        ("GET /callback?code=1&state=ours HTTP/1.1\r\n\r\n".to_owned(), "400"),
        ("\r\n\r\n".to_owned(), "400"),
        (format!("GET /callback?code=1 HTTP/1.1\r\nHost: {authority}\r\n\r\n"), "400"),
    ] {
        let response = visit.send(&request).await;
        assert!(response.starts_with(&format!("HTTP/1.1 {status} ")), "{request:?} got {response}");
    }
    visit.get("/callback?code=1&state=ours").await;
    assert!(visit.finish().await.is_ok());
}

#[tokio::test]
async fn a_page_that_races_with_another_state_does_not_end_the_visit() {
    let visit = Underway::begin("http://127.0.0.1/callback").await;
    for hostile in [
        "code=evil&state=theirs",
        "error=access_denied&state=theirs",
        "code=evil&state=ours&state=theirs",
        "error=access_denied",
    ] {
        let response = visit.get(&format!("/callback?{hostile}")).await;
        assert!(response.starts_with("HTTP/1.1 400 ") && response.contains("another sign-in"), "{response}");
    }
    visit.get("/callback?code=good&state=ours").await;
    assert!(visit.finish().await.unwrap().ends_with("?code=good&state=ours"));
}

#[tokio::test]
async fn a_redirect_with_an_error_ends_the_visit_and_says_so() {
    let visit = Underway::begin("http://127.0.0.1/callback").await;
    let response = visit.get("/callback?error=access_denied&state=ours").await;
    assert!(response.contains("You were not signed in"), "{response}");
    assert!(visit.finish().await.unwrap().ends_with("?error=access_denied&state=ours"));
}

#[tokio::test]
async fn a_return_without_its_state_is_told_at_once_and_the_redirect_still_counts() {
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let browser = LoopbackBrowser::with_opener(|_| Ok(())).on_notice(move |notice| tell.send(notice).unwrap());
    let visit = Underway::begin_with(browser, "http://127.0.0.1/callback").await;
    visit.get("/callback?error=access_denied").await;
    visit.get("/callback?code=1&state=theirs").await;
    let mut next = async || timeout(LIMIT, told.recv()).await.expect("nobody is told");
    assert_eq!(next().await, Some(Notice::NoState { error: Some(ErrorCode::AccessDenied) }));
    assert_eq!(next().await, Some(Notice::AnotherState));
    visit.get("/callback?code=1&state=ours").await;
    assert!(visit.finish().await.is_ok());
}

#[tokio::test]
async fn a_redirect_that_the_browser_brings_to_localhost_arrives_where_it_was_asked_for() {
    let visit = Underway::begin("http://127.0.0.1/callback").await;
    let (redirect_uri, port) = (visit.redirect_uri.clone(), visit.address.port());
    let request = format!("GET /callback?code=1&state=ours HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n");
    assert!(visit.send(&request).await.starts_with("HTTP/1.1 200 "));
    assert_eq!(visit.finish().await, Ok(format!("{redirect_uri}?code=1&state=ours")));
}

#[tokio::test]
async fn a_redirect_that_is_posted_ends_the_visit() {
    let visit = Underway::begin("http://127.0.0.1/callback").await;
    let (redirect_uri, form) = (visit.redirect_uri.clone(), "code=1&state=ours");
    let request = format!(
        "POST /callback HTTP/1.1\r\nHost: {}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\n\r\n{form}",
        visit.authority(),
        form.len()
    );
    assert!(visit.send(&request).await.starts_with("HTTP/1.1 200 "));
    assert_eq!(visit.finish().await, Ok(format!("{redirect_uri}?{form}")));
}

#[tokio::test]
async fn a_return_from_a_logout_ends_the_visit_without_state_and_with_another() {
    for (page, back) in [
        ("https://issuer.example/end?post_logout_redirect_uri=x&state=ours", "/out"),
        ("https://issuer.example/end?post_logout_redirect_uri=x&state=ours", "/out?state=theirs"),
        ("https://issuer.example/v2/logout?client_id=a&returnTo=x", "/out"),
    ] {
        let visit = LoopbackBrowser::with_opener(|_| Ok(())).patience(LIMIT);
        let visit = visit.begin(&RedirectUri::parse("http://127.0.0.1/out").unwrap()).await.unwrap();
        let redirect_uri = visit.redirect_uri();
        let address = SocketAddr::from(([127, 0, 0, 1], redirect_uri.url().port().unwrap()));
        let visit = tokio::spawn(visit.navigate(Url::parse(page).unwrap()));
        send(address, &format!("GET {back} HTTP/1.1\r\nHost: {address}\r\n\r\n")).await;
        assert_eq!(visit.await.unwrap(), Ok(format!("http://{address}{back}")), "{page}");
    }
}

#[tokio::test]
async fn many_connections_that_say_nothing_do_not_keep_the_redirect_out() {
    let visit = Underway::begin("http://127.0.0.1/callback").await;
    let mut silent = Vec::new();
    for _ in 0..150 {
        let mut socket = TcpStream::connect(visit.address).await.unwrap();
        socket.write_all(b"GET /callback?code=").await.unwrap();
        silent.push(socket);
    }
    let closed = timeout(LIMIT, silent[0].read(&mut [0; 64])).await.expect("any number of connections stays open");
    assert!(closed.is_err() || closed.is_ok_and(|length| length == 0), "a request that has not ended was answered");
    let response = visit.get("/callback?code=1&state=ours").await;
    assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
    assert!(visit.finish().await.is_ok());
}

#[tokio::test]
async fn a_request_without_end_is_refused_and_the_visit_goes_on() {
    let visit = Underway::begin("http://127.0.0.1/callback").await;
    let mut socket = TcpStream::connect(visit.address).await.unwrap();
    let flood = async { while socket.write_all(&[b'x'; 4096]).await.is_ok() {} };
    timeout(LIMIT, flood).await.expect("a request of any length is read");
    visit.get("/callback?code=1&state=ours").await;
    assert!(visit.finish().await.is_ok());
}

#[tokio::test]
async fn a_sender_that_does_not_read_its_page_does_not_hold_up_the_visit() {
    let visit = Underway::begin("http://127.0.0.1/callback").await;
    let mut socket = TcpStream::connect(visit.address).await.unwrap();
    let request = format!("GET /callback?code=1&state=ours HTTP/1.1\r\nHost: {}\r\n\r\n", visit.authority());
    socket.write_all(request.as_bytes()).await.unwrap();
    let waited = timeout(Duration::from_secs(4), visit.finish()).await.expect("it waits for its page to be read");
    assert!(waited.is_ok());
}

#[tokio::test]
async fn a_redirect_to_localhost_is_received_on_both_addresses() {
    for family in ["127.0.0.1", "[::1]"] {
        let visit = Underway::begin("http://localhost/callback").await;
        let port = visit.redirect_uri.url().port().unwrap();
        assert_eq!(visit.redirect_uri.as_str(), format!("http://localhost:{port}/callback"));
        let address: SocketAddr = format!("{family}:{port}").parse().unwrap();
        if address.is_ipv6() && std::net::TcpListener::bind("[::1]:0").is_err() {
            eprintln!("not run on ::1, which this machine does not have");
            continue;
        }
        let request = format!("GET /callback?code=1&state=ours HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n");
        assert!(send(address, &request).await.starts_with("HTTP/1.1 200 "));
        assert_eq!(visit.finish().await, Ok(format!("http://localhost:{port}/callback?code=1&state=ours")));
    }
}

#[tokio::test]
async fn a_port_that_is_named_is_the_one_and_in_use_it_fails() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    for host in ["127.0.0.1", "localhost"] {
        let uri = RedirectUri::parse(&format!("http://{host}:{port}/callback")).unwrap();
        let refused = LoopbackBrowser::new().begin(&uri).await.map(|visit| visit.redirect_uri());
        assert_eq!(refused, Err(BrowserError::Failed("another program listens on the redirect URI's port")));
    }
    drop(taken);
    let uri = RedirectUri::parse(&format!("http://127.0.0.1:{port}/callback")).unwrap();
    assert_eq!(LoopbackBrowser::new().begin(&uri).await.unwrap().redirect_uri(), uri);
}

#[tokio::test]
async fn a_redirect_uri_that_is_not_on_this_machine_is_refused() {
    for uri in ["https://app.example.com/callback", "com.example.app:/callback"] {
        let refused = LoopbackBrowser::new().begin(&RedirectUri::parse(uri).unwrap()).await;
        assert!(matches!(refused, Err(BrowserError::Failed(_))), "{uri}");
    }
}

#[tokio::test]
async fn a_browser_that_cannot_be_opened_fails_at_once() {
    let failed = BrowserError::Failed("no browser could be opened");
    let browser = LoopbackBrowser::with_opener(move |_| Err(failed));
    let visit = Underway::begin_with(browser, "http://127.0.0.1/callback").await;
    assert_eq!(visit.finish().await, Err(failed));
}

#[tokio::test]
async fn a_browser_that_blocks_is_waited_for_and_gets_the_page_as_it_is() {
    let (open, mut opened) = tokio::sync::mpsc::unbounded_channel();
    let (release, released) = std::sync::mpsc::channel::<()>();
    let released = Mutex::new(released);
    let browser = LoopbackBrowser::with_opener(move |url| {
        open.send(url.to_string()).unwrap();
        let _ = released.lock().unwrap().recv_timeout(LIMIT);
        Ok(())
    });
    let visit = Underway::begin_with(browser, "http://127.0.0.1/callback").await;
    let page = timeout(LIMIT, opened.recv()).await.expect("no page is opened");
    assert_eq!(page.as_deref(), Some("https://issuer.example/authorize?client_id=a&state=ours"));
    visit.get("/callback?code=1&state=ours").await;
    assert!(visit.finish().await.is_ok(), "the redirect came while the browser blocked");
    drop(release);
}

#[tokio::test]
async fn a_user_who_does_not_come_back_is_a_cancelled_visit() {
    let browser = LoopbackBrowser::with_opener(|_| Ok(())).patience(Duration::from_millis(100));
    let visit = Underway::begin_with(browser, "http://127.0.0.1/callback").await;
    let address = visit.address;
    assert_eq!(visit.finish().await, Err(BrowserError::Cancelled));
    assert!(TcpStream::connect(address).await.is_err(), "it still listens");
}

#[tokio::test]
async fn a_visit_that_is_given_up_closes_its_port_and_its_connections() {
    let visit = Underway::begin("http://127.0.0.1/callback").await;
    let mut open = TcpStream::connect(visit.address).await.unwrap();
    open.write_all(b"GET /").await.unwrap();
    sleep(Duration::from_millis(50)).await;
    visit.visit.abort();
    let closed = async { while TcpStream::connect(visit.address).await.is_ok() {} };
    timeout(LIMIT, closed).await.expect("it still listens");
    let mut rest = Vec::new();
    drop(timeout(LIMIT, open.read_to_end(&mut rest)).await.expect("a connection is still open"));
    assert_eq!(rest, b"");
}

#[tokio::test]
async fn a_page_without_a_state_is_refused_because_any_redirect_would_do() {
    let visit = LoopbackBrowser::with_opener(|_| Ok(()))
        .begin(&RedirectUri::parse("http://127.0.0.1/cb").unwrap())
        .await
        .unwrap();
    let page = Url::parse("https://issuer.example/authorize").unwrap();
    assert!(matches!(visit.navigate(page).await, Err(BrowserError::Failed(_))));
}
