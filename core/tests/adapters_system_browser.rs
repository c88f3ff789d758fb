//! The loopback browser with the system's own browser, as far as a machine without a desktop has one: what the
//! environment says. That takes a process of its own, so each test runs this program again.

#![cfg(all(feature = "loopback-browser", target_os = "linux"))]
#![expect(clippy::unwrap_used, reason = "helpers of tests, which clippy does not know for such outside a test")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Duration;

use hallpass_core::adapters::LoopbackBrowser;
use hallpass_core::ports::{Browser, BrowserError};
use hallpass_core::protocol::client::RedirectUri;
use url::Url;

const PAGE: &str = "https://issuer.example/authorize?scope=openid%20profile&state=ours";

/// Every user of the machine can list the arguments of every process, and the page's URL has the login's `state` in it.
#[test]
fn the_default_browser_is_given_a_file_of_the_users_own_that_leads_to_the_page() {
    let directory = tempfile::tempdir().unwrap();
    let (browser, seen) = (directory.path().join("browser"), directory.path().join("seen"));
    // In two steps, so that whoever waits for the file finds it whole.
    let script = format!(
        "#!/bin/sh\nfile=\"${{1#file://}}\"\n{{ echo \"$1\"; stat -c %a \"$file\"; cat \"$file\"; }} > '{0}.part'\n\
         mv '{0}.part' '{0}'\n",
        seen.display()
    );
    fs::write(&browser, script).unwrap();
    fs::set_permissions(&browser, fs::Permissions::from_mode(0o700)).unwrap();
    let mut process = process("the_process_with_a_browser");
    let home = tempfile::tempdir().unwrap();
    succeeds(process.env("BROWSER", &browser).env("HALLPASS_TEST_SEEN", &seen).env("HOME", home.path()));
    let seen = fs::read_to_string(&seen).unwrap();
    let lines: Vec<&str> = seen.lines().collect();
    assert!(lines[0].starts_with(&format!("file://{}/", home.path().display())), "{seen}");
    assert_eq!(lines[1], "600");
    assert!(seen.contains(&format!("content=\"0;url={}\"", PAGE.replace('&', "&amp;"))), "{seen}");
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0, "the file stays after the visit");
}

#[test]
fn a_machine_without_a_browser_fails_at_once() {
    let nothing = tempfile::tempdir().unwrap();
    let mut process = process("the_process_without_a_browser");
    succeeds(process.env_clear().env("PATH", nothing.path()).env("HOME", nothing.path()));
}

#[tokio::test]
#[ignore = "run by another test, as a process of its own"]
async fn the_process_with_a_browser() {
    let seen = std::path::PathBuf::from(std::env::var_os("HALLPASS_TEST_SEEN").unwrap());
    let opened = async {
        while !seen.exists() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        ended = navigate() => panic!("nobody answered, and yet it ended with {ended:?}"),
        opened = tokio::time::timeout(Duration::from_secs(20), opened) => opened.expect("no browser was opened"),
    }
}

#[tokio::test]
#[ignore = "run by another test, as a process of its own"]
async fn the_process_without_a_browser() {
    let failed = tokio::time::timeout(Duration::from_secs(20), navigate()).await.expect("it waits for the redirect");
    assert_eq!(failed, Err(BrowserError::Failed("no browser could be opened")));
}

async fn navigate() -> Result<String, BrowserError> {
    let visit = LoopbackBrowser::new().begin(&RedirectUri::parse("http://127.0.0.1/callback").unwrap()).await?;
    visit.navigate(Url::parse(PAGE).unwrap()).await
}

fn process(test: &str) -> Command {
    let mut process = Command::new(std::env::current_exe().unwrap());
    process.args(["--exact", test, "--ignored"]);
    process
}

fn succeeds(process: &mut Command) {
    let output = process.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}{}", String::from_utf8_lossy(&output.stderr));
}
