//! The device authorization grant (RFC 8628): the device's requests, and the person's pages.

use std::time::Duration;

use hallpass_tenant::{ErrorStyle, browser::Page};
use serde_json::{Value, json};

use crate::support::{ADA, App, claims, text};

async fn authorize_device(app: &App) -> Value {
    let form = [
        ("client_id", &*app.tenant.client_id()),
        ("scope", "openid offline_access"),
        ("audience", "https://expenses-api"),
    ];
    let answer = app.http.post(app.url("oauth/device/code")).form(&form).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    answer.json().await.unwrap()
}

/// What the token endpoint says: a status and an error, or tokens.
async fn ask(app: &App, given: &Value) -> (u16, Value) {
    let answer = app
        .token(&json!({
            "grant_type": "urn:ietf:params:oauth:grant-type:device_code", "client_id": app.tenant.client_id(),
            "device_code": given["device_code"],
        }))
        .await;
    (answer.status().as_u16(), answer.json().await.unwrap())
}

/// Enters the code and logs in. Returns the page after that.
async fn enter(app: &mut App, address: &str, action: &str) -> Page {
    let page = app.browser.open(address).await.unwrap().page().unwrap();
    let login = app.browser.submit(&page, &[]).await.unwrap().page().unwrap();
    let fields = [("username", ADA.0), ("password", ADA.1), ("action", action)];
    app.browser.submit(&login, &fields).await.unwrap().page().unwrap()
}

#[tokio::test]
async fn device_gets_tokens_once_its_code_was_entered_and_not_before() {
    let mut app = App::start_frozen(1).await;
    app.tenant.set(|settings| settings.error_style = ErrorStyle::Rfc6749);
    let given = authorize_device(&app).await;
    assert_eq!((&given["interval"], &given["expires_in"]), (&json!(5), &json!(900)));
    assert_eq!(text(&given["user_code"]).len(), 9);
    let (status, answer) = ask(&app, &given).await;
    assert_eq!((status, &answer["error"]), (400, &json!("authorization_pending")));
    let (_, answer) = ask(&app, &given).await;
    assert_eq!(answer["error"], "slow_down", "asked too early");

    let page = enter(&mut app, text(&given["verification_uri_complete"]), "continue").await;
    assert_eq!((page.status, page.title().as_str()), (200, "Device connected"));
    app.tenant.advance(Duration::from_secs(10));
    let (status, tokens) = ask(&app, &given).await;
    assert_eq!(status, 200, "{tokens}");
    let claims = claims(&tokens["id_token"]);
    assert!(claims.get("nonce").is_none());
    assert_eq!(claims["email"], Value::Null, "not asked for");
    assert_eq!(app.renew(text(&tokens["refresh_token"])).await.status(), 200);
    let (_, again) = ask(&app, &given).await;
    assert_eq!(again["error"], "invalid_grant", "good for once");
}

#[tokio::test]
async fn person_who_says_no_and_code_that_is_over_are_told_to_the_device() {
    let mut app = App::start_frozen(1).await;
    let given = authorize_device(&app).await;
    let page = enter(&mut app, text(&given["verification_uri_complete"]), "cancel").await;
    assert_eq!(page.title(), "Device not connected");
    let (status, answer) = ask(&app, &given).await;
    assert_eq!((status, &answer["error"]), (403, &json!("access_denied")));

    let given = authorize_device(&app).await;
    app.tenant.advance(Duration::from_secs(900));
    assert_eq!(ask(&app, &given).await.1["error"], "expired_token");
    let page = app.browser.open(&app.url("activate")).await.unwrap().page().unwrap();
    let typed = text(&given["user_code"]).to_lowercase();
    let refused = app.browser.submit(&page, &[("user_code", &typed)]).await.unwrap().page().unwrap();
    assert_eq!(refused.status, 400);
    assert!(refused.body.contains("No device waits for this code."));
}

#[tokio::test]
async fn code_is_found_however_it_is_written_and_the_page_says_whose_device_it_is() {
    let mut app = App::start().await;
    let given = authorize_device(&app).await;
    let page = app.browser.open(text(&given["verification_uri_complete"])).await.unwrap().page().unwrap();
    assert!(page.body.contains("Hallpass tests"), "{}", page.body);
    let typed = text(&given["user_code"]).replace('-', " ").to_lowercase();
    let login = app.browser.submit(&page, &[("user_code", &typed)]).await.unwrap().page().unwrap();
    assert_eq!(login.title(), "Log in");
}
