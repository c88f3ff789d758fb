//! The tenant's own side: the dashboard by its forms, as a browser without scripts uses it, and the admin API.

use hallpass_tenant::{Endpoint, Fault, FaultKind, Settings, SigningAlgorithm, Times, browser::Page};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

use crate::support::{App, GRACE, claims, text};

#[tokio::test]
async fn dashboard_form_saved_as_it_is_changes_nothing() {
    let mut app = App::start().await;
    app.tenant.set(|settings| {
        settings.refresh_token_lifetime_seconds = None;
        settings.default_audience = Some("https://expenses-api".to_owned());
        settings.signing_algorithm = SigningAlgorithm::Es256;
    });
    let before = app.tenant.settings();
    app.submit_dashboard("/dashboard/settings", &[]).await;
    assert_eq!(app.tenant.settings(), before);
}

#[tokio::test]
async fn dashboard_form_saves_what_was_changed() {
    let mut app = App::start().await;
    let changes = [
        ("token_expiration_seconds", "10"),
        ("refresh_token_rotation", "on"),
        ("refresh_token_reuse_interval_seconds", "5"),
        ("refresh_token_lifetime_seconds", ""),
        ("signing_algorithm", "ES256"),
        ("audiences", "https://expenses-api https://other"),
    ];
    let page = app.submit_dashboard("/dashboard/settings", &changes).await;
    assert!(page.body.contains("The settings are saved."));
    let expected = Settings {
        token_expiration_seconds: 10,
        refresh_token_rotation: true,
        refresh_token_reuse_interval_seconds: 5,
        refresh_token_lifetime_seconds: None,
        signing_algorithm: SigningAlgorithm::Es256,
        audiences: vec!["https://expenses-api".to_owned(), "https://other".to_owned()],
        ..Settings::default()
    };
    assert_eq!(app.tenant.settings(), expected);
}

#[tokio::test]
async fn dashboard_switch_turned_off_is_off() {
    let app = App::start().await;
    let page = app.get("dashboard").await.text().await.unwrap();
    let form = hallpass_tenant::browser::forms(&page).into_iter().find(|form| form.action == "/dashboard/settings");
    // A browser leaves an unchecked box out.
    let fields: Vec<_> = form.unwrap().fields.into_iter().filter(|(name, _)| name != "allow_offline_access").collect();
    let answer = app.http.post(app.url("dashboard/settings")).form(&fields).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    assert_eq!(app.tenant.settings(), Settings { allow_offline_access: false, ..Settings::default() });
}

#[tokio::test]
async fn dashboard_form_with_a_mistake_says_which_and_saves_nothing() {
    let mut app = App::start().await;
    let page = app.submit_dashboard("/dashboard/settings", &[("token_expiration_seconds", "soon")]).await;
    assert_eq!(page.status, 400);
    assert!(page.body.contains("Token Expiration (Seconds): write a whole number."));
    assert_eq!(app.tenant.settings(), Settings::default());
}

#[tokio::test]
async fn dashboard_plans_and_removes_faults() {
    let mut app = App::start().await;
    let fields = [("endpoint", "token"), ("kind", "delay"), ("number", "20"), ("times", "3")];
    let page = app.submit_dashboard("/dashboard/faults", &fields).await;
    assert!(page.body.contains("Remove fault 1: Delay before processing"));
    assert_eq!(app.tenant.faults(), [Fault::next(3, Endpoint::Token, FaultKind::Delay { milliseconds: 20 })]);
    let fields = [("endpoint", "api"), ("kind", "html_body"), ("times", "")];
    app.submit_dashboard("/dashboard/faults", &fields).await;
    assert_eq!(app.tenant.faults()[1].times, Times::Always);
    app.act(&[("action", "remove-fault"), ("index", "0")]).await;
    assert_eq!(app.tenant.faults(), [Fault::always(Endpoint::Api, FaultKind::HtmlBody)]);
    app.act(&[("action", "clear-faults")]).await;
    assert_eq!(app.tenant.faults(), []);
}

#[tokio::test]
async fn dashboard_actions_do_what_they_say() {
    let mut app = App::start().await;
    let tokens = app.tokens(&[]).await;
    let before = app.published_key_ids().await;
    app.act(&[("action", "roll-keys")]).await;
    assert_ne!(app.published_key_ids().await, before);
    app.act(&[("action", "expire-access-tokens")]).await;
    assert_eq!(app.call_api(text(&tokens["access_token"])).await.status(), 401);
    app.act(&[("action", "revoke-refresh-tokens")]).await;
    assert_eq!(app.renew(text(&tokens["refresh_token"])).await.status(), 403);
    app.act(&[("action", "revoke-sessions")]).await;
    assert_eq!(app.silent(&[]).await.one("error"), "login_required");
    let now = app.tenant.now();
    app.act(&[("action", "advance"), ("seconds", "100")]).await;
    assert!(app.tenant.now().milliseconds() - now.milliseconds() >= 100_000);
    app.act(&[("action", "clear-requests")]).await;
    assert_eq!(app.tenant.requests(), []);
    app.tenant.set(|settings| settings.token_expiration_seconds = 1);
    app.act(&[("action", "reset")]).await;
    assert_eq!(app.tenant.settings(), Settings::default());
    assert_eq!(app.published_key_ids().await[..2], before[..2], "the keys are those of the start");
}

#[tokio::test]
async fn dashboard_shows_requests_without_secrets() {
    let mut app = App::start().await;
    let tokens = app.tokens(&[]).await;
    app.call_api(text(&tokens["access_token"])).await;
    for path in ["dashboard", "dashboard/requests", "admin/api/requests"] {
        let page = app.get(path).await.text().await.unwrap();
        for shown in ["/oauth/token", "authorization_code", "/u/login", "200"] {
            assert!(page.contains(shown), "{shown} at {path}");
        }
        for secret in ["access_token", "refresh_token"] {
            assert!(!page.contains(text(&tokens[secret])), "{secret} at {path}");
        }
    }
}

#[tokio::test]
async fn operators_requests_are_not_in_the_log() {
    let app = App::start().await;
    for path in ["dashboard", "admin/api/settings", "assets/tenant.css", "assets/dashboard.js", ""] {
        assert!(!app.get(path).await.status().is_client_error(), "{path}");
    }
    assert_eq!(app.tenant.requests(), []);
}

#[tokio::test]
async fn operators_side_is_closed_to_other_web_sites() {
    let app = App::start().await;
    let cross_site = app.http.post(app.url("admin/api/reset")).header("sec-fetch-site", "cross-site").send();
    assert_eq!(cross_site.await.unwrap().status(), 403);
    assert_eq!(app.get_as("rebound.example", "dashboard").await.status(), 403);
    assert_eq!(app.get_as("localhost", "dashboard").await.status(), 200);
}

#[tokio::test]
async fn admin_api_tells_what_a_client_must_know() {
    let app = App::start().await;
    let overview = app.admin(Method::GET, "", None).await;
    assert_eq!(overview["issuer"], app.tenant.issuer());
    assert_eq!(overview["api_url"], app.tenant.api_url());
    assert_eq!(overview["client_id"], app.tenant.client_id());
    assert_eq!(overview["audience"], "https://expenses-api");
    assert_eq!(overview["seed"], 1);
    assert_eq!(overview["users"][0]["password"], "correct horse");
    assert_eq!(app.admin(Method::GET, "/", None).await["issuer"], overview["issuer"]);
}

#[tokio::test]
async fn admin_api_patches_settings_and_refuses_what_it_does_not_know() {
    let app = App::start().await;
    let patch = json!({ "token_expiration_seconds": 10, "error_style": "rfc6749" });
    let settings = app.admin(Method::PATCH, "/settings", Some(patch)).await;
    assert_eq!(settings["token_expiration_seconds"], 10);
    assert_eq!(app.admin(Method::GET, "/settings", None).await, settings);
    for mistake in [json!({ "token_expiry": 10 }), json!({ "error_style": "loud" }), json!([])] {
        let refused = app.admin_request(Method::PATCH, "/settings", Some(mistake)).await;
        assert_eq!(refused.status(), 400);
        assert!(refused.json::<Value>().await.unwrap()["error"].as_str().is_some_and(|error| !error.is_empty()));
    }
    assert_eq!(app.tenant.settings().token_expiration_seconds, 10);
}

#[tokio::test]
async fn admin_api_plans_replaces_and_clears_faults() {
    let app = App::start().await;
    let fault = json!({ "endpoint": "token", "grant_type": "refresh_token", "times": 2, "kind": "lost_answer" });
    app.admin(Method::POST, "/faults", Some(fault)).await;
    let expected = Fault::next(2, Endpoint::Token, FaultKind::LostAnswer).for_grant_type("refresh_token");
    assert_eq!(app.tenant.faults(), [expected]);
    let faults = json!([{ "endpoint": "api", "times": "always", "kind": { "delay": { "milliseconds": 5 } } }]);
    app.admin(Method::PUT, "/faults", Some(faults)).await;
    assert_eq!(app.tenant.faults(), [Fault::always(Endpoint::Api, FaultKind::Delay { milliseconds: 5 })]);
    let mistake = json!({ "endpoint": "token", "kind": "lost_anwser" });
    assert_eq!(app.admin_request(Method::POST, "/faults", Some(mistake)).await.status(), 400);
    app.admin(Method::DELETE, "/faults", None).await;
    assert_eq!(app.tenant.faults(), []);
}

#[tokio::test]
async fn admin_api_lists_requests_after_a_number_and_forgets_them() {
    let app = App::start().await;
    for _ in 0..3 {
        app.get("userinfo").await;
    }
    let all = app.admin(Method::GET, "/requests", None).await;
    let second = &all[1];
    assert_eq!(second["endpoint"], "userinfo");
    assert_eq!(second["outcome"], json!({ "answered": { "status": 401 } }));
    let rest = app.admin(Method::GET, &format!("/requests?after={}", second["number"]), None).await;
    assert_eq!(rest.as_array().unwrap()[..], all.as_array().unwrap()[2..]);
    assert_eq!(app.admin_request(Method::GET, "/requests?after=x", None).await.status(), 400);
    app.admin(Method::DELETE, "/requests", None).await;
    assert_eq!(app.admin(Method::GET, "/requests", None).await, json!([]));
    app.get("userinfo").await;
    assert_eq!(app.admin(Method::GET, "/requests", None).await[0]["number"], 4, "numbers go on");
}

#[tokio::test]
async fn admin_api_moves_time_rolls_keys_and_revokes() {
    let mut app = App::start().await;
    let tokens = app.tokens(&[]).await;
    let before = app.tenant.now().milliseconds();
    let now = app.admin(Method::POST, "/advance", Some(json!({ "seconds": 60.5 }))).await["now"].as_i64().unwrap();
    assert!((60_500..70_000).contains(&(now - before)));
    app.admin(Method::POST, "/advance", Some(json!({ "seconds": -60 }))).await;
    assert!(app.tenant.now().milliseconds() < now);
    assert_eq!(app.admin_request(Method::POST, "/advance", None).await.status(), 400);

    let key_id = app.admin(Method::POST, "/roll-keys", None).await["kid"].clone();
    assert!(app.published_key_ids().await.contains(&text(&key_id).to_owned()));
    assert_eq!(app.admin(Method::POST, "/expire-access-tokens", None).await, json!({ "expired": 1 }));
    let grace = Some(json!({ "user": GRACE.0 }));
    assert_eq!(app.admin(Method::POST, "/revoke-sessions", grace.clone()).await, json!({ "revoked": 0 }));
    assert_eq!(app.admin(Method::POST, "/revoke-sessions", None).await, json!({ "revoked": 1 }));
    assert_eq!(app.admin(Method::POST, "/revoke-refresh-tokens", grace).await, json!({ "revoked": 0 }));
    let ada = Some(json!({ "user": claims(&tokens["id_token"])["sub"] }));
    assert_eq!(app.admin(Method::POST, "/revoke-refresh-tokens", ada).await, json!({ "revoked": 1 }));
}

#[tokio::test]
async fn admin_api_adds_users_who_can_sign_in_until_they_are_deleted() {
    let mut app = App::start().await;
    let user = json!({ "username": "mary@example.com", "password": "granville", "name": "Mary Kenneth Keller" });
    app.admin(Method::POST, "/users", Some(user)).await;
    let url = app.authorization_url(&[]);
    let callback = app.browser.log_in(&url, "mary@example.com", "granville").await.unwrap();
    let code = crate::support::Callback::parse(&callback).one("code");
    let tokens: Value = app.exchange_code(&code).await.json().await.unwrap();
    assert_eq!(claims(&tokens["id_token"])["family_name"], "Keller");

    app.admin(Method::DELETE, "/users/mary@example.com", None).await;
    assert_eq!(app.renew(text(&tokens["refresh_token"])).await.status(), 403);
    assert_eq!(app.silent(&[]).await.one("error"), "login_required");
    assert_eq!(app.admin_request(Method::DELETE, "/users/mary@example.com", None).await.status(), 404);
}

#[tokio::test]
async fn admin_api_replaces_the_clients() {
    let mut app = App::start().await;
    let uri = "com.example.other://callback";
    let clients = json!([{ "id": "other", "name": "Other", "redirect_uris": [uri], "logout_uris": [] }]);
    app.admin(Method::PUT, "/clients", Some(clients)).await;
    let url = app.authorization_url(&[("client_id", "other"), ("redirect_uri", uri)]);
    assert!(app.browser.open(&url).await.unwrap().page().is_some_and(|page| page.status == 200));
    let url = app.authorization_url(&[]);
    assert!(app.browser.open(&url).await.unwrap().page().is_some_and(|page| page.status == 400));
    assert_eq!(app.admin_request(Method::PUT, "/clients", Some(json!([]))).await.status(), 400);
}

#[tokio::test]
async fn admin_api_reset_starts_the_sequence_of_codes_anew() {
    let mut app = App::start().await;
    let first = app.log_in(&[]).await.one("code");
    let key_ids = app.published_key_ids().await;
    app.admin(Method::POST, "/reset", None).await;
    assert_eq!(app.published_key_ids().await, key_ids);
    assert_eq!(app.exchange_code(&first).await.status(), 403, "the grants are gone");
    assert_eq!(app.log_in(&[]).await.one("code"), first);
}

#[tokio::test]
async fn admin_api_elsewhere_says_so_in_json() {
    let app = App::start().await;
    assert_eq!(app.admin_request(Method::GET, "/nothing", None).await.status(), 404);
    let refused = app.admin_request(Method::POST, "/settings", None).await;
    assert_eq!(refused.status(), 405);
    assert!(refused.json::<Value>().await.unwrap()["error"].is_string());
}

impl App {
    /// Fills in the dashboard's form of this address.
    async fn submit_dashboard(&mut self, action: &str, fields: &[(&str, &str)]) -> Page {
        let page = self.browser.open(&self.tenant.dashboard_url()).await.unwrap().page().unwrap();
        let form = page.forms().into_iter().find(|form| form.action == action).unwrap();
        self.browser.submit_form(&page, &form, fields).await.unwrap().page().unwrap()
    }

    async fn act(&mut self, fields: &[(&str, &str)]) {
        let page = self.submit_dashboard("/dashboard/actions", fields).await;
        assert_eq!(page.status, 200);
        assert!(page.body.contains(r#"role="status""#), "it says what was done");
    }

    async fn admin_request(&self, method: Method, path: &str, body: Option<Value>) -> Response {
        let request = self.http.request(method, self.url(&format!("admin/api{path}")));
        match body {
            Some(body) => request.json(&body),
            None => request,
        }
        .send()
        .await
        .unwrap()
    }

    async fn admin(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let answer = self.admin_request(method, path, body).await;
        assert_eq!(answer.status(), 200, "{path}");
        answer.json().await.unwrap()
    }
}
