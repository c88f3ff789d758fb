//! The contract of [`Transport`].

use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hallpass_protocol::http::{Body, Headers, Method, Request, Response};
use url::Url;

use super::STEP;
use super::origin::{Origin, Received, Then, answer};
use crate::ports::{Transport, TransportError};

/// The patience that a transport made for the suite has, shorter than an app's.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// For a connection, the TLS handshake included. An app's is 10 seconds.
    pub connect: Duration,
    /// For everything, from the call to the last byte of the answer. An app's is 30 seconds.
    pub whole: Duration,
}

const LIMITS: Limits = Limits { connect: Duration::from_secs(2), whole: Duration::from_secs(4) };

/// Long enough for a slow machine, short enough to tell a limit that was kept from one that was not.
const SLACK: Duration = Duration::from_secs(3);

/// How long a connection may take after its answer until it can be used again.
const READY_AGAIN: Duration = Duration::from_millis(50);

const NO_CONTENT: &str = "HTTP/1.1 204 No Content\r\n\r\n";

/// Runs the suite on a transport. `make` returns a new one, with these limits.
///
/// # Panics
/// When the transport breaks its contract.
pub async fn transport<T: Transport>(make: impl Fn(Limits) -> T) {
    let transport = make(LIMITS);
    a_request_arrives_as_it_was_given(&transport).await;
    an_answer_is_returned_whatever_its_status(&transport).await;
    a_compressed_answer_arrives_as_it_was_sent_or_decoded(&transport).await;
    a_redirect_is_an_answer_and_not_followed(&transport).await;
    a_cookie_is_not_kept(&transport).await;
    a_connection_is_used_again(&transport).await;
    an_answer_larger_than_asked_for_is_too_large(&transport).await;
    an_answer_cut_off_is_no_answer(&transport).await;
    a_silent_server_is_no_answer(&transport).await;
    a_server_that_is_not_there_is_unreachable(&transport).await;
    a_server_without_a_trusted_certificate_is_a_failure_of_tls(&transport).await;
    what_is_not_http_is_not_sent(&transport).await;
    a_connection_is_used_again(&transport).await;
}

/// Runs the suite on a transport that can be configured to trust an authority of the test. `make` returns a new one that
/// trusts the certificate in PEM beside the platform's own.
///
/// # Panics
/// When the transport breaks its contract.
pub async fn transport_with_trust<T: Transport>(make: impl Fn(Limits, &str) -> T) {
    let certificate = certificate("localhost");
    let transport = make(LIMITS, &certificate.cert.pem());
    let origin = Origin::start_tls(&certificate, answer(NO_CONTENT, || Then::Keep));
    for _ in 0..2 {
        let response = send(&transport, get(origin.url_at("localhost", "/"))).await;
        assert_eq!(response.expect("a trusted server answers").status, 204);
        tokio::time::sleep(READY_AGAIN).await;
    }
    assert_eq!(origin.connections(), 1, "a connection over TLS is used again");
    // Certified, but not for this name.
    expect(&transport, get(origin.url("/")), TransportError::Tls).await;
}

async fn a_request_arrives_as_it_was_given(transport: &impl Transport) {
    let seen: Arc<Mutex<Option<Received>>> = Arc::default();
    let store = Arc::clone(&seen);
    let origin = Origin::start(move |received, connection| {
        let Received { request_line, headers, body } = received;
        let copy = Received { request_line: request_line.clone(), headers: headers.clone(), body: body.clone() };
        *store.lock().expect("no holder panics") = Some(copy);
        connection.write_all(NO_CONTENT.as_bytes())?;
        Ok(Then::Keep)
    });
    for method in [Method::Get, Method::Post, Method::Put, Method::Patch, Method::Delete, Method::Head, Method::Options]
    {
        let mut request = get(origin.url("/a%20path?q=1&r=%2F"));
        request.method = method;
        request.headers.push("X-One", "of one");
        request.headers.push("Authorization", "Bearer token");
        let has_body = matches!(method, Method::Post | Method::Put | Method::Patch);
        if has_body {
            request.headers.push("Content-Type", "application/json");
            request.body = Body::from(b"{\"a\":\"\xc3\xbc\"}".to_vec());
        }
        let response = send(transport, request).await.expect("the server answers");
        assert_eq!(response.status, 204);

        let received = seen.lock().expect("no holder panics").take().expect("the request arrived");
        assert_eq!(received.request_line, format!("{method} /a%20path?q=1&r=%2F HTTP/1.1"));
        assert_eq!(received.header("x-one"), Some("of one"));
        assert_eq!(received.header("authorization"), Some("Bearer token"));
        assert_eq!(received.header("cookie"), None);
        if has_body {
            assert_eq!(received.header("content-type"), Some("application/json"));
            assert_eq!(received.body, b"{\"a\":\"\xc3\xbc\"}");
        }
    }
}

async fn an_answer_is_returned_whatever_its_status(transport: &impl Transport) {
    for status in [200, 201, 400, 401, 403, 404, 429, 500, 503] {
        let text = format!(
            "HTTP/1.1 {status} Whatever\r\nContent-Type: text/plain\r\nRetry-After: 3\r\nX-Two: 1\r\nX-Two: 2\r\nContent-Length: 4\r\n\r\nbody"
        );
        let origin = Origin::start(answer(text, || Then::Close));
        let response = send(transport, get(origin.url("/"))).await.expect("the server answers");
        assert_eq!(response.status, status);
        assert_eq!(response.body, b"body");
        assert_eq!(response.content_type().as_deref(), Some("text/plain"));
        assert_eq!(response.headers.get("retry-after"), Some("3"));
        assert_eq!(response.headers.get_all("x-two").collect::<Vec<_>>().join(", "), "1, 2");
    }
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nbod\r\n1\r\ny\r\n0\r\n\r\n";
    let origin = Origin::start(answer(chunked, || Then::Keep));
    assert_eq!(send(transport, get(origin.url("/"))).await.expect("the server answers").body, b"body");
}

/// The core decodes what a transport does not; half of either would be neither.
async fn a_compressed_answer_arrives_as_it_was_sent_or_decoded(transport: &impl Transport) {
    // `printf body | gzip -n`
    let gzip = b"\x1f\x8b\x08\0\0\0\0\0\0\x03\x4b\xca\x4f\xa9\x04\0\xb2\x0b\xa8\xdb\x04\0\0\0";
    let mut text =
        format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", gzip.len()).into_bytes();
    text.extend(gzip);
    let origin = Origin::start(answer(text, || Then::Keep));
    let response = send(transport, get(origin.url("/"))).await.expect("the server answers");
    let is_decoded = response.body == b"body";
    assert!(is_decoded || response.body == gzip, "neither what was sent nor what it means: {:?}", response.body);
    let field = response.headers.get("content-encoding");
    assert!(is_decoded || field == Some("gzip"), "nothing says that the answer is gzip");
}

async fn a_redirect_is_an_answer_and_not_followed(transport: &impl Transport) {
    let elsewhere = Origin::start(answer(NO_CONTENT, || Then::Keep));
    for status in [301, 302, 303, 307, 308] {
        let location = elsewhere.url("/elsewhere");
        let text = format!("HTTP/1.1 {status} Moved\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n");
        let origin = Origin::start(answer(text, || Then::Keep));
        let mut request = get(origin.url("/"));
        request.method = Method::Post;
        request.body = Body::from(String::from("secret"));
        let response = send(transport, request).await.expect("a redirect is an answer");
        assert_eq!(response.status, status);
        assert_eq!(response.headers.get("location"), Some(location.as_str()));
    }
    assert_eq!(elsewhere.requests(), 0, "a redirect was followed");
}

async fn a_cookie_is_not_kept(transport: &impl Transport) {
    let origin = Origin::start(|received: &Received, connection: &mut dyn Write| {
        let status = if received.header("cookie").is_some() { 400 } else { 200 };
        write!(connection, "HTTP/1.1 {status} OK\r\nSet-Cookie: a=b; Path=/\r\nContent-Length: 0\r\n\r\n")?;
        Ok(Then::Keep)
    });
    for _ in 0..2 {
        let response = send(transport, get(origin.url("/"))).await.expect("the server answers");
        assert_eq!(response.status, 200, "a cookie was sent back");
    }
}

async fn a_connection_is_used_again(transport: &impl Transport) {
    let origin = Origin::start(answer("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody", || Then::Keep));
    for _ in 0..3 {
        assert_eq!(send(transport, get(origin.url("/"))).await.expect("the server answers").status, 200);
        tokio::time::sleep(READY_AGAIN).await;
    }
    assert_eq!((origin.connections(), origin.requests()), (1, 3), "connections and requests");
}

async fn an_answer_larger_than_asked_for_is_too_large(transport: &impl Transport) {
    let large = |length: usize| {
        let mut text = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n").into_bytes();
        text.resize(text.len() + length, b'x');
        Origin::start(answer(text, || Then::Keep))
    };
    let limit = 64 * 1024;
    let origin = large(limit);
    let response = send(transport, limited(origin.url("/"), limit)).await.expect("what is asked for is read");
    assert_eq!(response.body.len(), limit);
    for length in [limit + 1, 10_000_000] {
        let origin = large(length);
        expect(transport, limited(origin.url("/"), limit), TransportError::TooLarge { limit }).await;
    }
    let endless = Origin::start(|_: &Received, connection: &mut dyn Write| {
        connection.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
        loop {
            connection.write_all(b"10\r\n0123456789abcdef\r\n")?;
        }
    });
    expect(transport, limited(endless.url("/"), limit), TransportError::TooLarge { limit }).await;
    let empty = Origin::start(answer(NO_CONTENT, || Then::Keep));
    assert_eq!(send(transport, limited(empty.url("/"), 0)).await.expect("nothing fits into nothing").status, 204);
}

async fn an_answer_cut_off_is_no_answer(transport: &impl Transport) {
    for text in [
        "",
        "HTTP/1.1 200",
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nbody",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n",
        "220 mail.example.com ESMTP\r\n",
        "\0\u{1}\u{2}\u{3}",
    ] {
        let origin = Origin::start(answer(text, || Then::Close));
        let mut request = get(origin.url("/"));
        request.method = Method::Post;
        request.body = Body::from(String::from("secret"));
        expect(transport, request, TransportError::NoAnswer).await;
        assert_eq!(origin.requests(), 1, "a request that may have had an effect was sent again after {text:?}");
    }
}

async fn a_silent_server_is_no_answer(transport: &impl Transport) {
    let silent = Origin::start(answer("", || Then::Hold));
    let stalled = Origin::start(answer("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nbo", || Then::Hold));
    let dripping = Origin::start(|_: &Received, connection: &mut dyn Write| {
        connection.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")?;
        loop {
            connection.write_all(b"x")?;
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let start = Instant::now();
    let requests = (
        expect(transport, get(silent.url("/")), TransportError::NoAnswer),
        expect(transport, get(stalled.url("/")), TransportError::NoAnswer),
        expect(transport, get(dripping.url("/")), TransportError::NoAnswer),
    );
    tokio::join!(requests.0, requests.1, requests.2);
    within(start, LIMITS.whole);
}

async fn a_server_that_is_not_there_is_unreachable(transport: &impl Transport) {
    let freed = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    let port = freed.expect("a free port on 127.0.0.1").port();
    for url in [
        format!("http://127.0.0.1:{port}/"),
        format!("https://127.0.0.1:{port}/"),
        "https://no-such-host.invalid/".into(),
    ] {
        let start = Instant::now();
        expect(transport, get(Url::parse(&url).expect("it is a URL")), TransportError::Unreachable).await;
        within(start, LIMITS.whole);
    }
    // A connection without a handshake is none yet.
    let silent = Origin::start_silent("https");
    let start = Instant::now();
    expect(transport, get(silent.url("/")), TransportError::Unreachable).await;
    within(start, LIMITS.connect);
}

async fn a_server_without_a_trusted_certificate_is_a_failure_of_tls(transport: &impl Transport) {
    let origin = Origin::start_tls(&certificate("localhost"), answer(NO_CONTENT, || Then::Keep));
    expect(transport, get(origin.url_at("localhost", "/")), TransportError::Tls).await;
    assert_eq!(origin.requests(), 0, "a request was sent to a server that nobody vouches for");

    // Plain HTTP where TLS was expected. An `Origin` would wait for a request first, and so would TLS for an answer.
    let greeting = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port on 127.0.0.1");
    let address = greeting.local_addr().expect("it is bound");
    let speaking = std::thread::spawn(move || {
        let (mut socket, _) = greeting.accept()?;
        socket.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")?;
        std::thread::sleep(LIMITS.connect / 2);
        Ok::<(), std::io::Error>(())
    });
    let url = Url::parse(&format!("https://{address}/")).expect("it is a URL");
    expect(transport, get(url), TransportError::Tls).await;
    speaking.join().expect("it does not panic").expect("it was connected to");
}

async fn what_is_not_http_is_not_sent(transport: &impl Transport) {
    let origin = Origin::start(answer(NO_CONTENT, || Then::Keep));
    for (name, value) in [
        ("X-Injected", "one\r\nX-Two: two"),
        ("X-Injected", "one\ntwo"),
        ("X-Injected", "one\0"),
        ("X Injected", "one"),
        ("X-Injected: one\r\nX-Two", "two"),
        ("", "one"),
    ] {
        let mut request = get(origin.url("/"));
        request.headers.push(name, value);
        expect(transport, request, TransportError::InvalidRequest).await;
    }
    for url in ["ftp://127.0.0.1/", "file:///etc/hostname", "data:text/plain,x", "com.example.app:/callback"] {
        expect(transport, get(Url::parse(url).expect("it is a URL")), TransportError::InvalidRequest).await;
    }
    assert_eq!(origin.connections(), 0, "something was sent");
}

async fn expect(transport: &impl Transport, request: Request, error: TransportError) {
    let url = request.url.clone();
    assert_eq!(send(transport, request).await.map(|response| response.status), Err(error), "{url}");
}

async fn send(transport: &impl Transport, request: Request) -> Result<Response, TransportError> {
    tokio::time::timeout(STEP, transport.send(request)).await.expect("the transport took far longer than its limits")
}

fn get(url: Url) -> Request {
    limited(url, 1024 * 1024)
}

fn limited(url: Url, max_response_bytes: usize) -> Request {
    Request { method: Method::Get, url, headers: Headers::new(), body: Body::empty(), max_response_bytes }
}

fn within(start: Instant, limit: Duration) {
    assert!(start.elapsed() < limit + SLACK, "it took {:?} with a limit of {limit:?}", start.elapsed());
}

fn certificate(host: &str) -> rcgen::CertifiedKey<rcgen::KeyPair> {
    rcgen::generate_simple_self_signed([host.to_owned()]).expect("a self-signed certificate for a host's name")
}
