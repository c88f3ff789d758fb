//! Settings that are missing or wrong: told with the place and the next step, before anything is sent.

use std::path::Path;

use tempfile::TempDir;

use crate::support::{Ended, lab};

fn folder(file: Option<&str>) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    if let Some(text) = file {
        std::fs::write(folder.path().join("hallpass.toml"), text).unwrap();
    }
    folder
}

async fn renew_in(folder: &Path, arguments: &[&str]) -> Ended {
    let mut command = lab(&["renew"]);
    command.args(arguments).current_dir(folder);
    Ended::of(command).await
}

#[tokio::test]
async fn no_settings_at_all_are_asked_for_with_every_way_to_give_them() {
    let folder = folder(None);
    let ended = renew_in(folder.path(), &[]).await;
    assert_eq!(ended.code, 2);
    for words in ["`domain` is not set", "create a hallpass.toml", "--domain", "HALLPASS_DOMAIN", "issuer"] {
        assert!(ended.stderr.contains(words), "{}", ended.stderr);
    }
    let ended = renew_in(folder.path(), &["--domain", "tenant.eu.auth0.com"]).await;
    assert!(ended.stderr.contains("`client_id` is not set"), "{}", ended.stderr);
}

#[tokio::test]
async fn placeholder_in_the_file_is_told_with_its_line() {
    let folder = folder(Some("domain = \"tenant.eu.auth0.com\"\nclient_id = \"YOUR_CLIENT_ID\"\n"));
    let ended = renew_in(folder.path(), &[]).await;
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("hallpass.toml:2: `client_id` is still the placeholder"), "{}", ended.stderr);
    assert!(ended.stderr.contains(" next: replace it: it is the \"Client ID\""), "{}", ended.stderr);
}

#[tokio::test]
async fn mistake_in_the_file_is_told_with_its_line_and_remedy() {
    for (text, words) in [
        ("clientid = \"x\"", "hallpass.toml:1: there is no setting `clientid`\n next: did you mean `client_id`?"),
        ("\ndomain = 5", "hallpass.toml:2: `domain` has to be a string, not an integer"),
        ("domain = tenant", "hallpass.toml:1: this is not TOML"),
        ("domain = \"a.example\"\nissuer = \"https://a.example/\"", "keep `domain` for an Auth0 tenant"),
        (
            "domain = \"a.example\"\nclient_id = \"x\"\nscope = \"email\"",
            "hallpass.toml:3: `scope` cannot be \"email\"",
        ),
    ] {
        let folder = folder(Some(text));
        let ended = renew_in(folder.path(), &[]).await;
        assert_eq!(ended.code, 2);
        assert!(ended.stderr.contains(words), "{}", ended.stderr);
    }
}

#[tokio::test]
async fn file_is_found_above_and_named_by_option() {
    let folder = folder(Some("client_id = \"\""));
    let below = folder.path().join("one/two");
    std::fs::create_dir_all(&below).unwrap();
    let ended = renew_in(&below, &["--domain", "tenant.eu.auth0.com"]).await;
    assert!(ended.stderr.contains("hallpass.toml:1: `client_id` is empty"), "{}", ended.stderr);
    let ended = renew_in(&below, &["--config", "gone.toml"]).await;
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("gone.toml: it cannot be read"), "{}", ended.stderr);
}

#[tokio::test]
async fn environment_is_used_and_named() {
    let folder = folder(None);
    let mut command = lab(&["renew"]);
    command
        .current_dir(folder.path())
        .env("HALLPASS_DOMAIN", "tenant.eu.auth0.com")
        .env("HALLPASS_CLIENT_ID", "{clientId}");
    let ended = Ended::of(command).await;
    assert!(ended.stderr.contains("HALLPASS_CLIENT_ID: `client_id` is still the placeholder"), "{}", ended.stderr);
}

#[tokio::test]
async fn plain_http_is_refused_with_the_switch_for_this_machine() {
    let folder = folder(None);
    let ended = renew_in(folder.path(), &["--issuer", "http://127.0.0.1:1/", "--client-id", "x"]).await;
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("--danger-allow-loopback-http"), "{}", ended.stderr);
    let elsewhere = ["--issuer", "http://login.example/", "--client-id", "x", "--danger-allow-loopback-http"];
    let ended = renew_in(folder.path(), &elsewhere).await;
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("--issuer: `issuer` cannot be"), "{}", ended.stderr);
}

#[tokio::test]
async fn wrong_command_line_is_told_by_its_option() {
    let folder = folder(None);
    for (arguments, words) in [
        (&["--clientid", "x"][..], "--client-id"),
        (&["--domain", "a", "--issuer", "b"], "cannot be used with"),
        (&["--store", "cloud"], "`store` cannot be \"cloud\""),
    ] {
        let mut all = vec!["--domain", "tenant.eu.auth0.com", "--client-id", "x"];
        all.extend(if arguments[0] == "--domain" { &[] } else { arguments });
        let arguments = if arguments[0] == "--domain" { arguments } else { &all };
        let ended = renew_in(folder.path(), arguments).await;
        assert_eq!(ended.code, 2, "{}", ended.stderr);
        assert!(ended.stderr.contains(words), "{}", ended.stderr);
    }
}
