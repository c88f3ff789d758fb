//! The exercise, step by step, as the apps will play it.

use std::time::Duration;

use crate::support::{App, SCOPE, claims, text};
use hallpass_tenant::{BodyFormat, Endpoint};
use serde_json::{Value, json};

#[tokio::test]
async fn login_answers_with_the_tokens_that_were_asked_for() {
    let mut app = App::start().await;
    let callback = app.log_in(&[]).await;
    assert_eq!(callback.one("state"), "a-state");
    assert_eq!(callback.one("iss"), app.tenant.issuer());
    let answer = app.exchange_code(&callback.one("code")).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let tokens: Value = answer.json().await.unwrap();
    assert_eq!(tokens["scope"], SCOPE);
    assert_eq!(tokens["expires_in"], 3600);
    assert_eq!(tokens["token_type"], "Bearer");
    assert!(tokens["refresh_token"].is_string());

    let access_token = claims(&tokens["access_token"]);
    assert_eq!(access_token["iss"], app.tenant.issuer());
    assert_eq!(access_token["aud"], json!(["https://expenses-api", app.url("userinfo")]));
    let id_token = claims(&tokens["id_token"]);
    assert_eq!(id_token["aud"], app.tenant.client_id());
    assert_eq!(id_token["nonce"], "a-nonce");
    assert_eq!(id_token["name"], "Ada Lovelace");
    for name in ["at_hash", "auth_time", "sid", "iat", "exp", "sub"] {
        assert!(!id_token[name].is_null(), "{name}");
    }
    assert!(id_token["email"].is_null(), "the scope email was not asked for");
}

#[tokio::test]
async fn offline_access_switched_off_issues_no_refresh_token() {
    let mut app = App::start().await;
    app.tenant.set(|settings| settings.allow_offline_access = false);
    let tokens = app.tokens(&[]).await;
    assert!(tokens["refresh_token"].is_null());
    assert_eq!(tokens["scope"], "openid profile read:reports");
}

#[tokio::test]
async fn refresh_token_without_rotation_is_kept_and_goes_on_working() {
    let mut app = App::start().await;
    let first = app.tokens(&[]).await;
    let refresh_token = text(&first["refresh_token"]);
    app.tenant.clear_requests();
    let renewed: Value = app.renew(refresh_token).await.json().await.unwrap();
    assert_eq!(app.tenant.requests().len(), 1);
    assert!(renewed["refresh_token"].is_null());
    assert_ne!(renewed["access_token"], first["access_token"]);
    let id_token = claims(&renewed["id_token"]);
    assert_eq!(id_token["sub"], claims(&first["id_token"])["sub"]);
    assert_eq!(id_token["auth_time"], claims(&first["id_token"])["auth_time"]);
    assert!(id_token["nonce"].is_null());
    assert_eq!(app.renew(refresh_token).await.status(), 200);
}

#[tokio::test]
async fn ten_second_token_is_refused_after_ten_seconds_and_renewal_opens_the_api_again() {
    let mut app = App::start().await;
    app.tenant.set(|settings| settings.token_expiration_seconds = 10);
    let tokens = app.tokens(&[]).await;
    let access_token = text(&tokens["access_token"]);
    let expenses = app.call_api(access_token).await;
    assert_eq!(expenses.status(), 200);
    let expenses: Value = expenses.json().await.unwrap();
    assert!(expenses.as_array().is_some_and(|expenses| !expenses.is_empty()));

    app.tenant.advance(Duration::from_secs(10));
    let refused = app.call_api(access_token).await;
    assert_eq!(refused.status(), 401);
    assert_eq!(
        refused.headers()["www-authentication"],
        "Bearer realm=\"api\", error=\"invalid_token\", error_description=\"invalid token\""
    );
    let noted = app.tenant.requests().pop().and_then(|request| request.note);
    assert_eq!(noted.as_deref(), Some("the token has expired"));
    let renewed: Value = app.renew(text(&tokens["refresh_token"])).await.json().await.unwrap();
    assert_eq!(app.call_api(text(&renewed["access_token"])).await.status(), 200);
}

#[tokio::test]
async fn token_endpoint_takes_forms_as_well_as_json() {
    let mut app = App::start().await;
    let tokens = app.tokens(&[]).await;
    let form = [
        ("grant_type", "refresh_token".to_owned()),
        ("client_id", app.tenant.client_id()),
        ("refresh_token", text(&tokens["refresh_token"]).to_owned()),
    ];
    let answer = app.http.post(app.url("oauth/token")).form(&form).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let formats: Vec<_> = app
        .tenant
        .requests()
        .iter()
        .filter(|request| request.endpoint == Endpoint::Token)
        .map(|request| (request.grant_type.clone().unwrap(), request.body.unwrap()))
        .collect();
    let expected =
        [("authorization_code".to_owned(), BodyFormat::Json), ("refresh_token".to_owned(), BodyFormat::Form)];
    assert_eq!(formats, expected);
}

#[tokio::test]
async fn second_tenant_in_one_process_is_independent() {
    let mut first = App::start().await;
    let second = App::start().await;
    assert_ne!(first.tenant.issuer(), second.tenant.issuer());
    let tokens = first.tokens(&[]).await;
    assert_eq!(second.call_api(text(&tokens["access_token"])).await.status(), 401);
    assert_eq!(second.renew(text(&tokens["refresh_token"])).await.status(), 403);
    first.tenant.stop().await;
    assert_eq!(second.get(".well-known/openid-configuration").await.status(), 200);
}
