//! What is particular to the `reqwest` transport, beside the contract of every transport.

#![cfg(feature = "reqwest")]
#![expect(clippy::unwrap_used, reason = "helpers of tests, which clippy does not know for such outside a test")]

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use hallpass_core::adapters::Reqwest;
use hallpass_core::adapters::reqwest::ReqwestError;
use hallpass_core::ports::{Transport, TransportError};
use hallpass_core::protocol::http::{Body, Headers, Method, Request};
use url::Url;

#[test]
fn an_extra_root_that_is_no_certificate_is_refused() {
    let not_a_certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for pem in ["", "not PEM", not_a_certificate] {
        let refused = Reqwest::builder().extra_root(pem).build().map(|_| ());
        assert_eq!(refused, Err(ReqwestError::ExtraRoot), "{pem:?}");
    }
}

#[test]
fn a_transport_that_is_made_installs_no_cryptography_for_the_process() {
    transport();
    assert!(rustls::crypto::CryptoProvider::get_default().is_none());
}

#[tokio::test]
async fn a_request_asks_for_no_compression_and_says_who_sends_it() {
    let (url, received) = serve_one("HTTP/1.1 204 No Content\r\n\r\n");
    transport().send(get(url)).await.unwrap();
    let received = received.join().unwrap().to_ascii_lowercase() + "\n";
    assert_eq!(received.matches("accept-encoding").count(), 1, "{received}");
    assert!(received.contains("accept-encoding: identity\n"), "{received}");
    assert!(received.contains("user-agent: hallpass/"), "{received}");
}

#[tokio::test]
async fn a_request_that_asks_for_a_compression_of_its_own_keeps_it() {
    let (url, received) = serve_one("HTTP/1.1 204 No Content\r\n\r\n");
    let mut request = get(url);
    request.headers.push("Accept-Encoding", "gzip");
    transport().send(request).await.unwrap();
    let received = received.join().unwrap().to_ascii_lowercase() + "\n";
    assert!(received.contains("accept-encoding: gzip\n") && !received.contains("identity"), "{received}");
}

#[tokio::test]
async fn a_connection_that_has_rested_for_too_long_is_not_used_again() {
    for (rest, connections) in [(Duration::ZERO, 1), (Duration::from_millis(400), 2)] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
        let accepted = Arc::new(AtomicUsize::new(0));
        let counting = Arc::clone(&accepted);
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                counting.fetch_add(1, Ordering::SeqCst);
                std::thread::spawn(move || answer_all(&connection.unwrap()));
            }
        });
        let transport = Reqwest::builder().idle_timeout(Duration::from_millis(300)).build().unwrap();
        transport.send(get(url.clone())).await.unwrap();
        tokio::time::sleep(rest).await;
        transport.send(get(url)).await.unwrap();
        assert_eq!(accepted.load(Ordering::SeqCst), connections, "after {rest:?}");
    }
}

/// Answers requests without a body until the client closes the connection.
fn answer_all(mut connection: &std::net::TcpStream) {
    let mut lines = BufReader::new(connection).lines().map_while(Result::ok);
    while lines.any(|line| line.is_empty()) {
        connection.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
    }
}

#[tokio::test]
async fn a_user_agent_that_the_request_names_is_the_one_that_is_sent() {
    let (url, received) = serve_one("HTTP/1.1 204 No Content\r\n\r\n");
    let mut request = get(url);
    request.headers.push("User-Agent", "expenses/2");
    transport().send(request).await.unwrap();
    let received = received.join().unwrap();
    assert!(received.contains("expenses/2") && !received.contains("hallpass/"), "{received}");
}

#[tokio::test]
async fn a_url_with_a_password_in_it_is_not_sent() {
    for url in ["http://ada:secret@127.0.0.1:1/", "http://ada@127.0.0.1:1/", "http://:secret@127.0.0.1:1/"] {
        let refused = transport().send(get(Url::parse(url).unwrap())).await.map(|_| ());
        assert_eq!(refused, Err(TransportError::InvalidRequest), "{url}");
    }
}

#[tokio::test]
async fn a_header_that_is_not_utf_8_is_returned_as_far_as_it_can_be_read() {
    let (url, _received) = serve_one(b"HTTP/1.1 204 No Content\r\nX-Name: Andr\xe9\r\n\r\n");
    let response = transport().send(get(url)).await.unwrap();
    assert_eq!(response.headers.get("x-name"), Some("Andr\u{fffd}"));
}

#[test]
fn a_transport_that_is_printed_shows_no_request() {
    let shown = format!("{:?}", transport());
    assert!(shown.starts_with("Reqwest") && !shown.contains("127.0.0.1"), "{shown}");
}

/// The proxy is in the environment, which only a process of its own can have without upsetting the other tests.
#[test]
fn a_proxy_in_the_environment_is_used_for_other_machines_and_not_for_this_one() {
    let (proxy, _asked) = serve_one("HTTP/1.1 203 By The Proxy\r\nContent-Length: 0\r\n\r\n");
    let mut process = Command::new(std::env::current_exe().unwrap());
    process.args(["--exact", "the_process_with_a_proxy_in_its_environment", "--ignored"]);
    for variable in ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
        process.env(variable, proxy.as_str());
    }
    process.env_remove("no_proxy").env_remove("NO_PROXY").env_remove("REQUEST_METHOD");
    let output = process.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

#[tokio::test]
#[ignore = "run by another test, as a process of its own"]
async fn the_process_with_a_proxy_in_its_environment() {
    let (url, _received) = serve_one("HTTP/1.1 204 No Content\r\n\r\n");
    assert_eq!(transport().send(get(url)).await.unwrap().status, 204, "the answer is the proxy's");
    let elsewhere = Url::parse("http://issuer.invalid/").unwrap();
    assert_eq!(transport().send(get(elsewhere)).await.map(|response| response.status), Ok(203));
}

#[test]
fn making_a_transport_does_not_hold_up_a_start() {
    let start = Instant::now();
    transport();
    println!("it took {:?}", start.elapsed());
    assert!(start.elapsed() < Duration::from_secs(1), "it took {:?}", start.elapsed());
}

/// With a root of its own, because a machine without certificate authorities has no transport without one.
fn transport() -> Reqwest {
    let root = rcgen::generate_simple_self_signed(["nobody.example".to_owned()]).unwrap().cert.pem();
    Reqwest::builder().timeout(Duration::from_secs(10)).extra_root(root).build().unwrap()
}

fn get(url: Url) -> Request {
    Request { method: Method::Get, url, headers: Headers::new(), body: Body::empty(), max_response_bytes: 1024 }
}

/// Answers one request with `answer`, and returns its head.
fn serve_one(answer: impl AsRef<[u8]> + Send + 'static) -> (Url, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
    let serving = std::thread::spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        connection.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let lines = BufReader::new(connection.try_clone().unwrap()).lines();
        let head: Vec<_> = lines.map(Result::unwrap).take_while(|line| !line.is_empty()).collect();
        connection.write_all(answer.as_ref()).unwrap();
        head.join("\n")
    });
    (url, serving)
}
