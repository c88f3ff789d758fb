//! Pushed authorization requests (RFC 9126).

use std::time::Duration;

use hallpass_tenant::Endpoint;
use serde_json::Value;
use url::Url;

use crate::support::{ADA, App, Callback, text};

/// Pushes the request of `authorization_url(changes)`, with more parameters behind it.
async fn push(app: &App, changes: &[(&str, &str)], more: &str) -> (u16, Value) {
    let query = Url::parse(&app.authorization_url(changes)).unwrap().query().unwrap().to_owned();
    let request = app.http.post(app.url("oauth/par")).header("content-type", "application/x-www-form-urlencoded");
    let answer = request.body(format!("{query}{more}")).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

/// The page for a reference.
fn page(app: &App, client_id: &str, reference: &str) -> String {
    let mut url = Url::parse(&app.url("authorize")).unwrap();
    url.query_pairs_mut().append_pair("client_id", client_id).append_pair("request_uri", reference);
    url.into()
}

async fn pushed(app: &App) -> String {
    let (status, answer) = push(app, &[], "").await;
    assert_eq!((status, &answer["expires_in"]), (201, &60.into()), "{answer}");
    text(&answer["request_uri"]).to_owned()
}

#[tokio::test]
async fn request_that_was_pushed_is_used_once_by_its_reference() {
    let mut app = App::start().await;
    app.tenant.set(|settings| settings.require_pushed_authorization_requests = true);
    let client_id = app.tenant.client_id();
    let reference = pushed(&app).await;
    let callback = app.browser.log_in(&page(&app, &client_id, &reference), ADA.0, ADA.1).await.unwrap();
    let callback = Callback::parse(&callback);
    assert_eq!(callback.one("state"), "a-state");
    assert_eq!(app.exchange_code(&callback.one("code")).await.status(), 200);
    assert_eq!(app.seen(Endpoint::PushedAuthorizationRequest), 1);

    let again = app.browser.open(&page(&app, &client_id, &reference)).await.unwrap().page().unwrap();
    assert_eq!(again.status, 400);
    assert!(again.body.contains("used before"), "{}", again.body);
}

#[tokio::test]
async fn reference_that_is_over_or_another_clients_leads_nowhere() {
    let mut app = App::start().await;
    let reference = pushed(&app).await;
    let page_of = page(&app, "stranger", &reference);
    assert_eq!(app.browser.open(&page_of).await.unwrap().page().unwrap().status, 400);
    let reference = pushed(&app).await;
    app.tenant.advance(Duration::from_secs(60));
    let client_id = app.tenant.client_id();
    let over = app.browser.open(&page(&app, &client_id, &reference)).await.unwrap().page().unwrap();
    assert_eq!(over.status, 400);
}

#[tokio::test]
async fn request_that_is_not_pushed_is_refused_where_that_is_required_and_the_metadata_says_so() {
    let mut app = App::start().await;
    app.tenant.set(|settings| settings.require_pushed_authorization_requests = true);
    let url = app.authorization_url(&[]);
    let refused = Callback::parse(&app.browser.open(&url).await.unwrap().left().unwrap());
    assert_eq!(refused.one("error"), "invalid_request");
    let metadata: Value = app.get(".well-known/openid-configuration").await.json().await.unwrap();
    assert_eq!(metadata["require_pushed_authorization_requests"], true);
    assert_eq!(text(&metadata["pushed_authorization_request_endpoint"]), app.url("oauth/par"));
}

#[tokio::test]
async fn push_is_refused_as_the_request_would_be() {
    let app = App::start().await;
    for (changes, more, error) in [
        (&[("client_id", "stranger")][..], "", "invalid_client"),
        (&[("redirect_uri", "https://evil.example/")], "", "invalid_request"),
        (&[("audience", "https://stranger")], "", "access_denied"),
        (&[("code_challenge_method", "plain")], "", "invalid_request"),
        (&[], "&request_uri=urn%3Ax", "invalid_request"),
    ] {
        let (status, answer) = push(&app, changes, more).await;
        assert!((400..500).contains(&status), "{status}");
        assert_eq!(answer["error"], error, "{answer}");
    }
    let json = app.http.post(app.url("oauth/par")).json(&serde_json::json!({})).send().await.unwrap();
    assert_eq!(json.status(), 400);
}
