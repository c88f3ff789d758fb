//! The pages of a login, the browser's session, and how both end.

use std::time::Duration;

use hallpass_tenant::{
    Endpoint,
    browser::{Browser, BrowserError, Page, Visit},
};
use serde_json::Value;

use crate::support::{ADA, App, Callback, GRACE, claims, text};

#[tokio::test]
async fn wrong_password_says_so_keeps_the_username_and_the_right_one_still_works() {
    let mut app = App::start().await;
    let page = app.login_page(&[]).await;
    let wrong = [("username", ADA.0), ("password", "<wrong>"), ("action", "continue")];
    let again = app.browser.submit(&page, &wrong).await.unwrap().page().unwrap();
    assert_eq!(again.status, 400);
    assert!(again.body.contains("Wrong username or password."));
    assert!(again.body.contains(r#"aria-invalid="true""#));
    assert!(again.forms()[0].fields.contains(&("username".to_owned(), ADA.0.to_owned())));
    assert!(!again.body.contains("&lt;wrong"), "the password is not sent back");
    let right = [("password", ADA.1), ("action", "continue")];
    let callback = app.browser.submit(&again, &right).await.unwrap().left().unwrap();
    assert!(Callback::parse(&callback).find("code").is_some());

    let passwords: Vec<_> =
        app.tenant.requests().iter().filter_map(|request| request.parameters.get("password").cloned()).collect();
    assert_eq!(passwords, ["(not kept)", "(not kept)"]);
}

#[tokio::test]
async fn username_that_is_markup_is_shown_as_text() {
    let mut app = App::start().await;
    let page = app.login_page(&[("login_hint", "\"><script>alert(1)</script>")]).await;
    assert!(!page.body.contains("<script>"));
    assert!(page.forms()[0].fields.iter().any(|(name, value)| name == "username" && value.contains("<script>")));
}

#[tokio::test]
async fn cancelled_login_tells_the_app() {
    let mut app = App::start().await;
    let page = app.login_page(&[]).await;
    let callback = app.browser.submit(&page, &[("action", "cancel")]).await.unwrap().left().unwrap();
    let callback = Callback::parse(&callback);
    assert_eq!(callback.one("error"), "access_denied");
    assert_eq!(callback.one("state"), "a-state");
    assert_eq!(callback.one("iss"), app.tenant.issuer());
    assert!(callback.find("code").is_none());
    let over = app.browser.submit(&page, &[("action", "cancel")]).await.unwrap().page().unwrap();
    assert_eq!((over.status, over.title().as_str()), (400, "This login is over"));
}

#[tokio::test]
async fn login_page_left_open_for_too_long_is_over() {
    let mut app = App::start().await;
    let page = app.login_page(&[]).await;
    app.tenant.advance(Duration::from_secs(600));
    let fields = [("username", ADA.0), ("password", ADA.1), ("action", "continue")];
    assert_eq!(app.browser.submit(&page, &fields).await.unwrap().page().unwrap().title(), "This login is over");
}

#[tokio::test]
async fn signed_in_browser_gets_the_next_code_without_a_page() {
    let mut app = App::start().await;
    let first = app.tokens(&[]).await;
    let pages = app.seen(Endpoint::Login);
    let second = app.tokens(&[]).await;
    assert_eq!(app.seen(Endpoint::Login), pages);
    for name in ["sub", "sid", "auth_time"] {
        assert_eq!(claims(&first["id_token"])[name], claims(&second["id_token"])[name], "{name}");
    }
    app.tenant.advance(Duration::from_secs(app.tenant.settings().session_lifetime_seconds));
    app.tokens(&[]).await;
    assert!(app.seen(Endpoint::Login) > pages, "the session has expired");
}

#[tokio::test]
async fn prompt_none_succeeds_with_a_session_and_says_login_required_without() {
    let mut app = App::start().await;
    let refused = app.silent(&[]).await;
    assert_eq!(refused.one("error"), "login_required");
    assert_eq!(refused.one("state"), "a-state");
    app.log_in(&[]).await;
    assert!(app.silent(&[]).await.find("code").is_some());
    assert_eq!(app.silent(&[("max_age", "0")]).await.one("error"), "login_required");
    app.tenant.set(|settings| settings.require_consent = true);
    assert_eq!(app.silent(&[]).await.one("error"), "consent_required");
    assert_eq!(app.tenant.revoke_sessions(Some(ADA.0)), 1);
    assert_eq!(app.silent(&[]).await.one("error"), "login_required");
}

#[tokio::test]
async fn prompt_login_asks_again_and_another_user_may_answer() {
    let mut app = App::start().await;
    let adas = app.tokens(&[]).await;
    app.tenant.advance(Duration::from_secs(100));
    let url = app.authorization_url(&[("prompt", "login")]);
    let callback = app.browser.log_in(&url, GRACE.0, GRACE.1).await.unwrap();
    let graces: Value = app.exchange_code(&Callback::parse(&callback).one("code")).await.json().await.unwrap();
    assert_eq!(claims(&graces["id_token"])["name"], "Grace Hopper");
    assert_ne!(claims(&graces["id_token"])["sub"], claims(&adas["id_token"])["sub"]);
    assert_eq!(app.tenant.revoke_sessions(None), 1, "the former session ended with the new login");
}

#[tokio::test]
async fn max_age_asks_again_once_the_login_is_older() {
    let mut app = App::start().await;
    let first = claims(&app.tokens(&[]).await["id_token"]);
    app.tenant.advance(Duration::from_secs(59));
    let within = claims(&app.tokens(&[("max_age", "60")]).await["id_token"]);
    assert_eq!(within["auth_time"], first["auth_time"]);
    app.tenant.advance(Duration::from_secs(1));
    let beyond = claims(&app.tokens(&[("max_age", "60")]).await["id_token"]);
    assert!(beyond["auth_time"].as_i64() >= first["auth_time"].as_i64().map(|first| first + 60));
}

#[tokio::test]
async fn consent_is_asked_for_once_and_remembered() {
    let mut app = App::start().await;
    app.tenant.set(|settings| settings.require_consent = true);
    app.log_in(&[]).await;
    assert_eq!(app.seen(Endpoint::Consent), 2);
    let login =
        app.tenant.requests().into_iter().find(|request| request.path == "/u/login" && request.method == "POST");
    assert_eq!(login.unwrap().status(), Some(303), "the password is not sent on");
    app.log_in(&[]).await;
    assert_eq!(app.seen(Endpoint::Consent), 2, "remembered");
    app.log_in(&[("scope", "openid email")]).await;
    assert_eq!(app.seen(Endpoint::Consent), 4, "a new scope is asked for");
    app.log_in(&[("prompt", "consent")]).await;
    assert_eq!(app.seen(Endpoint::Consent), 6);
}

#[tokio::test]
async fn declined_consent_tells_the_app() {
    let mut app = App::start().await;
    app.log_in(&[]).await;
    let url = app.authorization_url(&[("prompt", "consent")]);
    let page = app.browser.open(&url).await.unwrap().page().unwrap();
    for shown in ["Hallpass tests asks for access", "Ada Lovelace", "Read your expense reports", "https://expenses-api"]
    {
        assert!(page.body.contains(shown), "{shown}");
    }
    let callback = app.browser.submit(&page, &[("action", "decline")]).await.unwrap().left().unwrap();
    assert_eq!(Callback::parse(&callback).one("error"), "access_denied");
}

#[tokio::test]
async fn consent_page_opened_by_another_browser_is_refused() {
    let mut app = App::start().await;
    app.log_in(&[]).await;
    let url = app.authorization_url(&[("prompt", "consent")]);
    let page = app.browser.open(&url).await.unwrap().page().unwrap();
    let stolen = Browser::new().submit(&page, &[("action", "accept")]).await.unwrap().page().unwrap();
    assert_eq!(stolen.status, 400);
}

#[tokio::test]
async fn organization_is_a_claim_for_members_and_a_refusal_for_others() {
    let mut app = App::start().await;
    let tokens = app.tokens(&[("organization", "engine")]).await;
    for token in [&tokens["id_token"], &tokens["access_token"]] {
        assert_eq!(claims(token)["org_id"], "org_engine");
    }
    let renewed: Value = app.renew(text(&tokens["refresh_token"])).await.json().await.unwrap();
    assert_eq!(claims(&renewed["id_token"])["org_name"], "engine");

    let url = app.authorization_url(&[("organization", "org_engine")]);
    let callback = Browser::new().log_in(&url, GRACE.0, GRACE.1).await.unwrap();
    assert_eq!(Callback::parse(&callback).one("error"), "access_denied");
}

#[tokio::test]
async fn issuer_is_in_the_response_only_when_advertised() {
    let mut app = App::start().await;
    for advertised in [true, false] {
        app.tenant.set(|settings| settings.issuer_in_authorization_response = advertised);
        assert_eq!(app.log_in(&[]).await.find("iss").is_some(), advertised);
        let metadata: Value = app.get(".well-known/openid-configuration").await.json().await.unwrap();
        assert_eq!(metadata["authorization_response_iss_parameter_supported"], advertised);
    }
}

#[tokio::test]
async fn request_for_an_unknown_address_is_a_page_and_not_a_redirect() {
    let mut app = App::start().await;
    for change in [("redirect_uri", "https://evil.example/"), ("client_id", "stranger"), ("redirect_uri", "")] {
        let url = app.authorization_url(&[change]);
        let page = app.browser.open(&url).await.unwrap().page().unwrap();
        assert_eq!(page.status, 400, "{change:?}");
        assert_eq!(page.title(), "This app asked for a login that is not possible");
    }
}

#[tokio::test]
async fn authorization_request_may_come_by_post() {
    let mut app = App::start().await;
    let url = app.authorization_url(&[]);
    let (endpoint, query) = url.split_once('?').unwrap();
    let form = "application/x-www-form-urlencoded";
    let request = app.http.post(endpoint).header("content-type", form).body(query.to_owned());
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 302);
    let location = answer.headers()["location"].to_str().unwrap().to_owned();
    assert!(location.starts_with("/u/login?transaction="), "{location}");
    let login = app.url(location.trim_start_matches('/'));
    assert!(matches!(app.browser.open(&login).await.unwrap(), Visit::Page(Page { status: 200, .. })));
}

#[tokio::test]
async fn loopback_redirect_gets_the_code_at_its_own_port() {
    let mut app = App::start().await;
    for uri in ["http://127.0.0.1:49152/callback", "http://[::1]:49153/callback"] {
        let url = app.authorization_url(&[("redirect_uri", uri)]);
        let callback = app.browser.log_in(&url, ADA.0, ADA.1).await.unwrap();
        assert!(callback.starts_with(&format!("{uri}?code=")), "{callback}");
    }
}

#[tokio::test]
async fn auth0_logout_ends_the_session_and_returns_only_to_allowed_addresses() {
    let mut app = App::start().await;
    let refresh_token = app.refresh_token().await;
    let stranger = app.url("v2/logout?client_id=hallpass-test-client&returnTo=https%3A%2F%2Fevil.example");
    assert_eq!(app.browser.open(&stranger).await.unwrap().page().unwrap().status, 400);
    assert!(app.silent(&[]).await.find("code").is_some(), "a refused logout logs nobody out");

    let allowed = "v2/logout?federated&client_id=hallpass-test-client&returnTo=com.example.hallpass%3A%2F%2Fcallback";
    let address = app.url(allowed);
    let left = app.browser.open(&address).await.unwrap().left().unwrap();
    assert_eq!(left, "com.example.hallpass://callback");
    assert_eq!(app.silent(&[]).await.one("error"), "login_required");
    assert_eq!(app.renew(&refresh_token).await.status(), 200, "the app's tokens are its own");
    let address = app.url("v2/logout");
    assert_eq!(app.browser.open(&address).await.unwrap().page().unwrap().title(), "Logged out");
}

#[tokio::test]
async fn openid_logout_with_the_sessions_id_token_needs_no_question() {
    let mut app = App::start().await;
    let tokens = app.tokens(&[]).await;
    app.tenant.advance(Duration::from_secs(40_000));
    let hint = text(&tokens["id_token"]);
    let to = "post_logout_redirect_uri=com.example.hallpass%3A%2F%2Fcallback&state=s%201";
    let address = app.url(&format!("oidc/logout?id_token_hint={hint}&{to}"));
    let left = app.browser.open(&address).await.unwrap().left().unwrap();
    assert_eq!(left, "com.example.hallpass://callback?state=s+1");
    assert_eq!(app.silent(&[]).await.one("error"), "login_required");
}

#[tokio::test]
async fn openid_logout_without_an_id_token_asks_first() {
    let mut app = App::start().await;
    app.log_in(&[]).await;
    let to = "client_id=hallpass-test-client&post_logout_redirect_uri=com.example.hallpass%3A%2F%2Fcallback&state=s";
    let address = app.url(&format!("oidc/logout?{to}"));
    let page = app.browser.open(&address).await.unwrap().page().unwrap();
    assert_eq!(page.title(), "Log out?");
    assert!(app.silent(&[]).await.find("code").is_some(), "nothing happened yet");
    let left = app.browser.submit(&page, &[("action", "log out")]).await.unwrap().left().unwrap();
    assert_eq!(left, "com.example.hallpass://callback?state=s");
    assert_eq!(app.silent(&[]).await.one("error"), "login_required");
}

#[tokio::test]
async fn openid_logout_with_a_foreign_hint_or_address_is_refused() {
    let mut app = App::start().await;
    let tokens = app.tokens(&[]).await;
    let hint = text(&tokens["id_token"]).to_owned();
    for query in [
        "id_token_hint=not.a.token".to_owned(),
        format!("id_token_hint={hint}&client_id=stranger"),
        format!("id_token_hint={hint}&post_logout_redirect_uri=https%3A%2F%2Fevil.example"),
        "post_logout_redirect_uri=com.example.hallpass%3A%2F%2Fcallback".to_owned(),
    ] {
        let address = app.url(&format!("oidc/logout?{query}"));
        assert_eq!(app.browser.open(&address).await.unwrap().page().unwrap().status, 400, "{query}");
    }
    assert!(app.silent(&[]).await.find("code").is_some());
}

#[tokio::test]
async fn browser_with_a_wrong_password_reports_the_page_it_is_stuck_on() {
    let mut app = App::start().await;
    let url = app.authorization_url(&[]);
    let stuck = app.browser.log_in(&url, ADA.0, "wrong").await.unwrap_err();
    assert!(matches!(stuck, BrowserError::Stuck { status: 400, .. }), "{stuck}");
}

#[tokio::test]
async fn pages_forbid_framing_foreign_content_and_storing() {
    let app = App::start().await;
    for path in ["u/login", "v2/logout", "dashboard"] {
        let answer = app.get(path).await;
        let policy = answer.headers()["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{path}");
        assert_eq!(answer.headers()["cache-control"], "no-store", "{path}");
        assert_eq!(answer.headers()["referrer-policy"], "no-referrer", "{path}");
    }
}
