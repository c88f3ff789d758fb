//! Codes, refresh tokens and what becomes of them.

use std::time::Duration;

use hallpass_tenant::{DeadRefreshToken, ErrorStyle, ExpiresIn, RefreshTokenRevocation, SigningAlgorithm};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{App, GRACE, REDIRECT_URI, VERIFIER, claims, header, text};

#[tokio::test]
async fn code_with_a_wrong_verifier_is_refused_and_spent() {
    let mut app = App::start().await;
    let code = app.log_in(&[]).await.one("code");
    let mut request = json!({
        "grant_type": "authorization_code", "client_id": app.tenant.client_id(), "code": code,
        "code_verifier": "another-verifier-of-at-least-forty-three-chars", "redirect_uri": REDIRECT_URI,
    });
    let refused = app.token(&request).await;
    assert_eq!(refused.status(), 403);
    let expected = json!({ "error": "invalid_grant", "error_description": "Failed to verify code verifier" });
    assert_eq!(refused.json::<Value>().await.unwrap(), expected);
    request["code_verifier"] = VERIFIER.into();
    assert_eq!(app.token(&request).await.status(), 403);
}

#[tokio::test]
async fn code_with_another_redirect_uri_or_client_or_too_late_is_refused() {
    let mut app = App::start().await;
    for (name, value) in [("redirect_uri", "com.example.hallpass:/callback"), ("client_id", "stranger")] {
        let code = app.log_in(&[]).await.one("code");
        let mut request = json!({
            "grant_type": "authorization_code", "client_id": app.tenant.client_id(), "code": code,
            "code_verifier": VERIFIER, "redirect_uri": REDIRECT_URI,
        });
        request[name] = value.into();
        assert!(app.token(&request).await.status().is_client_error(), "{name}");
    }
    let code = app.log_in(&[]).await.one("code");
    app.tenant.advance(Duration::from_secs(60));
    assert_eq!(app.exchange_code(&code).await.status(), 403);
}

#[tokio::test]
async fn code_used_twice_revokes_what_it_issued() {
    let mut app = App::start().await;
    let code = app.log_in(&[]).await.one("code");
    let tokens: Value = app.exchange_code(&code).await.json().await.unwrap();
    assert_eq!(app.call_api(text(&tokens["access_token"])).await.status(), 200);
    assert_eq!(app.exchange_code(&code).await.status(), 403);
    assert_eq!(app.call_api(text(&tokens["access_token"])).await.status(), 401);
    assert_eq!(app.renew(text(&tokens["refresh_token"])).await.status(), 403);
}

#[tokio::test]
async fn rotated_token_used_again_without_a_reuse_interval_revokes_the_family() {
    let mut app = App::start().await;
    app.tenant.set(|settings| settings.refresh_token_rotation = true);
    let first = app.refresh_token().await;
    let second = app.rotated(&first).await;
    let refused = app.renew(&first).await;
    assert_eq!(refused.status(), 403);
    let expected = json!({ "error": "invalid_grant", "error_description": "Unknown or invalid refresh token." });
    assert_eq!(refused.json::<Value>().await.unwrap(), expected);
    assert_eq!(app.renew(&second).await.status(), 403, "the newest token fell with the family");
}

#[tokio::test]
async fn previous_token_used_again_inside_the_interval_is_accepted_as_often_as_needed() {
    let mut app = App::start_with_reuse_interval(5).await;
    let first = app.refresh_token().await;
    let lost = app.rotated(&first).await;
    app.tenant.advance(Duration::from_millis(4_500));
    let sibling = app.rotated(&first).await;
    let another = app.rotated(&first).await;
    assert!(lost != sibling && sibling != another);
    app.rotated(&another).await;
}

#[tokio::test]
async fn previous_token_used_again_outside_the_interval_revokes_the_family() {
    let mut app = App::start_with_reuse_interval(5).await;
    let first = app.refresh_token().await;
    let second = app.rotated(&first).await;
    app.tenant.advance(Duration::from_secs(3));
    // A reuse inside the interval does not begin it anew.
    app.rotated(&first).await;
    app.tenant.advance(Duration::from_secs(2));
    assert_eq!(app.renew(&first).await.status(), 403);
    assert_eq!(app.renew(&second).await.status(), 403);
}

#[tokio::test]
async fn token_before_the_previous_one_revokes_the_family_even_inside_the_interval() {
    let mut app = App::start_with_reuse_interval(60).await;
    let first = app.refresh_token().await;
    let second = app.rotated(&first).await;
    let third = app.rotated(&second).await;
    assert_eq!(app.renew(&first).await.status(), 403);
    for fallen in [second, third] {
        assert_eq!(app.renew(&fallen).await.status(), 403);
    }
    let notes: Vec<_> = app.tenant.requests().into_iter().filter_map(|request| request.note).collect();
    assert!(notes.iter().any(|note| note.contains("superseded")), "{notes:?}");
}

#[tokio::test]
async fn refresh_token_of_one_login_is_untouched_by_the_fall_of_another() {
    let mut app = App::start().await;
    app.tenant.set(|settings| settings.refresh_token_rotation = true);
    let fallen = app.refresh_token().await;
    let other = app.refresh_token().await;
    app.rotated(&fallen).await;
    assert_eq!(app.renew(&fallen).await.status(), 403);
    app.rotated(&other).await;
}

#[tokio::test]
async fn refresh_token_expires_absolutely_and_by_idleness() {
    let mut app = App::start().await;
    app.tenant.set(|settings| {
        settings.refresh_token_lifetime_seconds = Some(100);
        settings.refresh_token_idle_lifetime_seconds = Some(40);
    });
    let used = app.refresh_token().await;
    let idle = app.refresh_token().await;
    for _ in 0..3 {
        app.tenant.advance(Duration::from_secs(30));
        assert_eq!(app.renew(&used).await.status(), 200);
    }
    assert_eq!(app.renew(&idle).await.status(), 403);
    app.tenant.advance(Duration::from_secs(10));
    assert_eq!(app.renew(&used).await.status(), 403);
}

#[tokio::test]
async fn renewal_for_another_audience_gets_a_token_for_it_and_keeps_the_refresh_token() {
    let mut app = App::start().await;
    let refresh_token = app.refresh_token().await;
    for number in [1, 50] {
        let audience = format!("https://api-{number}.example");
        let mut request = app.renewal(&refresh_token);
        request["audience"] = audience.as_str().into();
        let tokens: Value = app.token(&request).await.json().await.unwrap();
        assert_eq!(claims(&tokens["access_token"])["aud"][0], audience);
        assert_eq!(app.call_api(text(&tokens["access_token"])).await.status(), 401);
    }
    let mut request = app.renewal(&refresh_token);
    request["audience"] = "https://stranger".into();
    let refused = app.token(&request).await;
    assert_eq!(refused.status(), 400);
    assert_eq!(refused.json::<Value>().await.unwrap()["error"], "invalid_target");
    assert_eq!(app.renew(&refresh_token).await.status(), 200);
}

#[tokio::test]
async fn renewal_with_a_narrower_scope_gets_that_and_a_wider_one_is_refused() {
    let mut app = App::start().await;
    app.tenant.set(|settings| settings.refresh_token_rotation = true);
    let first = app.refresh_token().await;
    let mut request = app.renewal(&first);
    request["scope"] = "read:reports write:reports".into();
    let refused = app.token(&request).await;
    assert_eq!(refused.status(), 400);
    assert_eq!(refused.json::<Value>().await.unwrap()["error"], "invalid_scope");

    request["scope"] = "openid".into();
    let narrow: Value = app.token(&request).await.json().await.unwrap();
    assert_eq!(narrow["scope"], "openid");
    assert_eq!(app.call_api(text(&narrow["access_token"])).await.status(), 403);
    let wide: Value = app.renew(text(&narrow["refresh_token"])).await.json().await.unwrap();
    assert_eq!(wide["scope"], crate::support::SCOPE, "the grant is as wide as before");
}

#[tokio::test]
async fn revoked_refresh_token_is_refused_and_an_unknown_one_is_no_error() {
    let mut app = App::start().await;
    app.tenant.set(|settings| settings.refresh_token_rotation = true);
    let first = app.refresh_token().await;
    let second = app.rotated(&first).await;
    for token in ["unknown", &first] {
        app.revoke(token).await;
    }
    assert_eq!(app.renew(&second).await.status(), 403, "the whole family is revoked");
}

#[tokio::test]
async fn revocation_of_single_tokens_ends_the_one_that_is_named_and_no_other() {
    let mut app = App::start().await;
    app.tenant.set(|settings| {
        settings.refresh_token_rotation = true;
        settings.refresh_token_revocation = RefreshTokenRevocation::Token;
    });
    let first = app.refresh_token().await;
    let second = app.rotated(&first).await;
    app.revoke(&first).await;
    let third = app.rotated(&second).await;
    app.revoke(&third).await;
    assert_eq!(app.renew(&third).await.status(), 403, "it is the live one");
}

#[tokio::test]
async fn dead_refresh_token_is_called_so_in_the_words_that_are_chosen() {
    let mut app = App::start().await;
    let dead = app.refresh_token().await;
    app.revoke(&dead).await;
    for (words, status, body) in [
        (DeadRefreshToken::InvalidGrant, 403, "\"invalid_grant\""),
        (DeadRefreshToken::InvalidRequest, 400, "\"invalid_request\""),
        (DeadRefreshToken::UnauthorizedClient, 400, "\"unauthorized_client\""),
        (DeadRefreshToken::WithoutError, 400, "\"error_code\":\"refresh_token_not_found\""),
        (DeadRefreshToken::Empty, 401, ""),
    ] {
        app.tenant.set(|settings| settings.dead_refresh_token = words);
        let refused = app.renew(&dead).await;
        assert_eq!(refused.status(), status, "{words:?}");
        let text = refused.text().await.unwrap();
        assert!(text.contains(body) && text.is_empty() == body.is_empty(), "{words:?}: {text}");
        assert_eq!(text.contains("\"error\""), body.contains("invalid") || body.contains("client"), "{text}");
    }
    let good = app.refresh_token().await;
    assert_eq!(app.renew(&good).await.status(), 200, "a good one is renewed all the same");
}

#[tokio::test]
async fn refresh_tokens_revoked_by_the_operator_are_those_of_that_user() {
    let mut app = App::start().await;
    let adas = app.refresh_token().await;
    assert_eq!(app.tenant.revoke_refresh_tokens(Some(GRACE.0)), 0);
    assert_eq!(app.renew(&adas).await.status(), 200);
    assert_eq!(app.tenant.revoke_refresh_tokens(Some("nobody")), 0);
    assert_eq!(app.tenant.revoke_refresh_tokens(Some("ada@example.com")), 1);
    assert_eq!(app.renew(&adas).await.status(), 403);
}

#[tokio::test]
async fn refused_grant_answers_in_the_shape_that_is_set() {
    let app = App::start().await;
    for (style, status, member) in [
        (ErrorStyle::Auth0, StatusCode::FORBIDDEN, "error"),
        (ErrorStyle::Rfc6749, StatusCode::BAD_REQUEST, "error"),
        (ErrorStyle::Auth0Legacy, StatusCode::FORBIDDEN, "code"),
    ] {
        app.tenant.set(|settings| settings.error_style = style);
        let refused = app.renew("unknown").await;
        assert_eq!(refused.status(), status);
        assert_eq!(refused.json::<Value>().await.unwrap()[member], "invalid_grant");
    }
}

#[tokio::test]
async fn token_request_that_makes_no_sense_is_refused_with_its_code() {
    let app = App::start().await;
    let client_id = app.tenant.client_id();
    for (request, status, error) in [
        (json!({}), 400, "invalid_request"),
        (json!({ "grant_type": "refresh_token", "client_id": client_id }), 400, "invalid_request"),
        (json!({ "grant_type": "refresh_token", "refresh_token": "x" }), 400, "invalid_request"),
        (json!({ "grant_type": "password", "client_id": client_id }), 403, "unsupported_grant_type"),
        (json!({ "grant_type": "refresh_token", "client_id": "x", "refresh_token": "x" }), 401, "invalid_client"),
    ] {
        let refused = app.token(&request).await;
        assert_eq!(refused.status(), status, "{request}");
        assert_eq!(refused.json::<Value>().await.unwrap()["error"], error, "{request}");
    }
    let twice = "grant_type=refresh_token&client_id=a&client_id=b";
    let form = "application/x-www-form-urlencoded";
    let answer = app.http.post(app.url("oauth/token")).header("content-type", form).body(twice).send().await.unwrap();
    assert_eq!(answer.json::<Value>().await.unwrap()["error"], "invalid_request");
    assert_eq!(app.get("oauth/token").await.status(), 405);
}

#[tokio::test]
async fn lifetime_comes_as_a_number_a_string_or_not_at_all() {
    let mut app = App::start().await;
    let refresh_token = app.refresh_token().await;
    for (form, expected) in
        [(ExpiresIn::Number, json!(10)), (ExpiresIn::String, json!("10")), (ExpiresIn::Absent, Value::Null)]
    {
        app.tenant.set(|settings| {
            settings.token_expiration_seconds = 10;
            settings.expires_in = form;
            settings.token_type = "bearer".to_owned();
        });
        let tokens: Value = app.renew(&refresh_token).await.json().await.unwrap();
        assert_eq!((&tokens["expires_in"], &tokens["token_type"]), (&expected, &json!("bearer")));
    }
}

#[tokio::test]
async fn renewal_without_an_id_token_is_possible() {
    let mut app = App::start().await;
    app.tenant.set(|settings| settings.id_token_on_refresh = false);
    let tokens = app.tokens(&[]).await;
    assert!(tokens["id_token"].is_string(), "the login has one");
    let renewed: Value = app.renew(text(&tokens["refresh_token"])).await.json().await.unwrap();
    assert!(renewed["id_token"].is_null());
}

#[tokio::test]
async fn rolled_keys_sign_what_follows_and_the_key_set_names_them() {
    let mut app = App::start().await;
    for algorithm in [SigningAlgorithm::Rs256, SigningAlgorithm::Es256] {
        app.tenant.set(|settings| settings.signing_algorithm = algorithm);
        let before = app.tokens(&[]).await;
        let key_id = app.tenant.roll_keys();
        let renewed: Value = app.renew(text(&before["refresh_token"])).await.json().await.unwrap();
        let expected = json!({ "alg": algorithm.name(), "typ": "JWT", "kid": key_id });
        assert_eq!(header(&renewed["id_token"]), expected);
        assert_eq!(header(&renewed["access_token"]), expected);
        for token in [&before["access_token"], &renewed["access_token"]] {
            assert_eq!(app.call_api(text(token)).await.status(), 200);
            assert!(app.published_key_ids().await.contains(&text(&header(token)["kid"]).to_owned()));
        }
        app.tenant.set(|settings| settings.publish_previous_keys = false);
        assert_eq!(app.call_api(text(&before["access_token"])).await.status(), 401);
        assert_eq!(app.published_key_ids().await.len(), 2);
        app.tenant.set(|settings| settings.publish_previous_keys = true);
    }
}

#[tokio::test]
async fn same_seed_and_time_repeat_every_code_and_token() {
    let mut runs = Vec::new();
    for seed in [7, 7, 8] {
        let mut app = App::start_frozen(seed).await;
        let code = app.log_in(&[]).await.one("code");
        let tokens: Value = app.exchange_code(&code).await.json().await.unwrap();
        let header = header(&tokens["id_token"]);
        runs.push((code, tokens["refresh_token"].clone(), header, claims(&tokens["access_token"])["jti"].clone()));
    }
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0].0, runs[2].0);
    assert_ne!(runs[0].1, runs[2].1);
    assert_ne!(runs[0].2, runs[2].2);
    assert_ne!(runs[0].3, runs[2].3);
}

impl App {
    /// Revokes a refresh token, or something that is none (RFC 7009 §2.2).
    async fn revoke(&self, token: &str) {
        let request = json!({ "client_id": self.tenant.client_id(), "token": token });
        let answer = self.http.post(self.url("oauth/revoke")).json(&request).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.text().await.unwrap(), "");
    }
}
