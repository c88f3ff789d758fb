//! `lab serve`: on the ports that were asked for, until it is interrupted.

use std::net::TcpListener;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{ChildStdout, Command};
use tokio::time::timeout;

use crate::support::{Ended, PATIENCE, fetch, lab};

/// Two ports that were free a moment ago.
fn free_ports() -> (u16, u16) {
    let listeners = [TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap()];
    let [one, other] = listeners.map(|listener| listener.local_addr().unwrap().port());
    (one, other)
}

/// What it prints when it is ready. Whoever prints more must find a reader, so `lines` are to be kept.
async fn greeting(lines: &mut Lines<BufReader<ChildStdout>>) -> String {
    let mut greeting = String::new();
    while !greeting.contains("Control-C") {
        greeting += &timeout(PATIENCE, lines.next_line()).await.expect("in time").unwrap().expect("a greeting");
        greeting.push('\n');
    }
    greeting
}

#[tokio::test]
async fn tenant_is_served_until_it_is_interrupted() {
    let (port, api_port) = free_ports();
    let mut command = lab(&["serve", "--port", &port.to_string(), "--api-port", &api_port.to_string()]);
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let greeting = greeting(&mut lines).await;
    for words in [&format!("http://127.0.0.1:{port}/dashboard"), "hallpass-lab", "ada@example.com", "10.0.2.2"] {
        assert!(greeting.contains(words), "{greeting}");
    }
    let dashboard = fetch(&format!("http://127.0.0.1:{port}/dashboard")).await;
    assert_eq!(dashboard.status, 200);
    let metadata = fetch(&format!("http://localhost:{port}/.well-known/openid-configuration")).await;
    assert!(metadata.html.contains(&format!("http://localhost:{port}/")), "the issuer follows the host");

    let interrupt = Command::new("kill").args(["-INT", &child.id().unwrap().to_string()]).status().await.unwrap();
    assert!(interrupt.success());
    let status = timeout(PATIENCE, child.wait()).await.expect("in time").unwrap();
    assert!(status.success());
    assert!(TcpListener::bind(("127.0.0.1", port)).is_ok(), "the port is free again");
}

#[tokio::test]
async fn free_ports_that_are_asked_for_are_in_the_greeting() {
    let mut child = lab(&["serve", "--port", "0", "--api-port", "0"]).stderr(Stdio::inherit()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let greeting = greeting(&mut lines).await;
    let address = |row: &str| {
        let line = greeting.lines().find(|line| line.trim_start().starts_with(row)).unwrap();
        line.split_whitespace().last().unwrap().to_owned()
    };
    let (tenant, api) = (address("tenant"), address("API"));
    assert_ne!(tenant, api);
    assert_eq!(fetch(&address("dashboard")).await.status, 200);
    assert_eq!(fetch(&format!("{tenant}.well-known/openid-configuration")).await.status, 200);
    assert_eq!(fetch(&api).await.status, 401);
    child.kill().await.unwrap();
}

#[tokio::test]
async fn host_that_is_given_is_in_the_issuer() {
    let (port, api_port) = free_ports();
    let arguments = ["serve", "--port", &port.to_string(), "--api-port", &api_port.to_string(), "--host", "10.0.2.2"];
    let mut child = lab(&arguments).stderr(Stdio::inherit()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    greeting(&mut lines).await;
    let metadata = fetch(&format!("http://127.0.0.1:{port}/.well-known/openid-configuration")).await;
    assert!(metadata.html.contains(&format!("http://10.0.2.2:{port}/")), "{}", metadata.html);
    child.kill().await.unwrap();
}

#[tokio::test]
async fn port_that_is_taken_is_named_with_what_to_do() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let ended = Ended::of(lab(&["serve", "--port", &port])).await;
    assert_eq!(ended.code, 1);
    assert!(ended.stderr.contains(&port) && ended.stderr.contains("--port"), "{}", ended.stderr);
    let ended = Ended::of(lab(&["serve", "--port", "4000", "--api-port", "4000"])).await;
    assert_eq!(ended.code, 2);
}
