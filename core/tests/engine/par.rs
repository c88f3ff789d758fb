//! Pushed authorization requests (RFC 9126): the browser carries a reference, and the login is what it is without.

use hallpass_core::protocol::error::ErrorCode;
use hallpass_core::{Error, Login, OfflineCause};
use serde_json::json;

use crate::support::server::{Fault, Reply};
use crate::support::{Device, denied, offline_cause, still_works};

async fn pushing() -> Device {
    let mut device = Device::new();
    device.par = true;
    device.restart();
    device
}

#[tokio::test(start_paused = true)]
async fn asked_for_by_the_app_the_login_is_pushed_and_the_browser_gets_a_reference_alone() {
    let device = pushing().await;
    let started = device.session().start_login(Login::new().login_hint("ada@example.com")).await.unwrap();
    let names: Vec<String> = started.url.query_pairs().map(|(name, _)| name.into_owned()).collect();
    assert_eq!(names, ["client_id", "request_uri"]);
    let pushed = &device.server.seen("par")[0].parameters;
    assert_eq!((pushed["state"].as_str(), pushed["login_hint"].as_str()), (&*started.state, "ada@example.com"));
    assert_eq!(pushed["code_challenge_method"], "S256");
    let callback = device.server.sign_in(&started.url, "ada");
    assert_eq!(device.session().resume(&callback).await.unwrap().sub(), "ada");
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn required_by_the_metadata_the_login_is_pushed_without_being_asked_for() {
    let device = Device::new();
    device.server.change(|server| server.metadata = json!({ "require_pushed_authorization_requests": true }));
    device.log_in("ada").await.unwrap();
    assert_eq!(device.server.count("par"), 1);
}

#[tokio::test(start_paused = true)]
async fn neither_asked_for_nor_required_nothing_is_pushed() {
    let device = Device::new();
    device.log_in("ada").await.unwrap();
    assert_eq!(device.server.count("par"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_pushed_login_with_a_key_names_it() {
    let mut device = Device::new();
    (device.dpop, device.par) = (true, true);
    device.restart();
    device.log_in("ada").await.unwrap();
    assert_eq!(device.server.seen("par")[0].parameters["dpop_jkt"].len(), 43);
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn a_server_without_the_endpoint_is_a_mistake_in_the_settings() {
    let device = pushing().await;
    device.server.change(|server| server.metadata = json!({ "pushed_authorization_request_endpoint": null }));
    let error = device.log_in("ada").await.unwrap_err();
    assert!(matches!(error, Error::Misconfigured { field: "par", .. }), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_push_that_fails_opens_no_page_and_leaves_a_login_in_progress_alone() {
    for (fault, expected) in [
        (Fault::Says(Reply::json(400, r#"{"error":"invalid_request"}"#)), "invalid_request"),
        (Fault::Says(Reply::json(201, "{}")), "par_request_uri"),
        (Fault::Says(Reply::html(201)), "unexpected_answer"),
        (Fault::Says(Reply::html(503)), "server_failed"),
        (Fault::AnswerLost, "no_answer"),
        (Fault::Unreachable, "unreachable"),
    ] {
        let device = pushing().await;
        let waiting = device.session().start_login(Login::default()).await.unwrap();
        device.server.fail_at("par", [fault]);
        assert_eq!(device.session().start_login(Login::default()).await.unwrap_err().code(), expected);
        let callback = device.server.sign_in(&waiting.url, "ada");
        device.session().resume(&callback).await.unwrap_or_else(|error| panic!("{expected}: {error}"));
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_server_refuses_of_a_push_is_told_in_its_words() {
    let device = pushing().await;
    device.server.fail_at("par", [Fault::Says(Reply::json(401, r#"{"error":"invalid_client"}"#))]);
    assert_eq!(denied(&device.log_in("ada").await.unwrap_err()), Some(ErrorCode::InvalidClient));
    device.server.fail_at("par", [Fault::Says(Reply::json(429, "{}"))]);
    let error = device.log_in("ada").await.unwrap_err();
    assert_eq!(offline_cause(&error), Some(OfflineCause::RateLimited));
}

#[tokio::test(start_paused = true)]
async fn a_pushed_login_in_the_browser_ends_as_one_that_is_not() {
    let device = pushing().await;
    let user = crate::support::within(device.session().login(Login::default())).await.unwrap();
    assert_eq!(user.sub(), "ada");
    assert!(device.browser.shown()[0].query().unwrap().contains("request_uri="));
}
