//! Every fault, as a client meets it.

use std::time::{Duration, Instant, SystemTime};

use hallpass_tenant::{Endpoint, Fault, FaultKind, OddBody, Outcome, RetryAfter, Times};
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use crate::support::{App, claims, text};

#[tokio::test]
async fn lost_answer_closes_the_connection_after_the_token_was_rotated() {
    let mut app = App::start_with_reuse_interval(5).await;
    let first = app.refresh_token().await;
    app.tenant.fault(Fault::once(Endpoint::Token, FaultKind::LostAnswer));
    assert!(app.try_token(&app.renewal(&first)).await.is_err());
    app.rotated(&first).await;
    app.tenant.advance(Duration::from_secs(5));
    assert_eq!(app.renew(&first).await.status(), 403, "the lost answer had superseded it");

    let lost = app.tenant.requests().into_iter().find(|request| request.fault.is_some()).unwrap();
    assert_eq!((lost.fault, lost.outcome, lost.status()), (Some("lost_answer"), Outcome::Dropped, None));
}

#[tokio::test]
async fn lost_request_closes_the_connection_and_changes_nothing() {
    let mut app = App::start().await;
    app.tenant.set(|settings| settings.refresh_token_rotation = true);
    let first = app.refresh_token().await;
    app.tenant.fault(Fault::next(2, Endpoint::Token, FaultKind::LostRequest));
    for _ in 0..2 {
        assert!(app.try_token(&app.renewal(&first)).await.is_err());
    }
    app.rotated(&first).await;
}

#[tokio::test]
async fn broken_off_answer_has_a_status_and_half_a_body() {
    let app = App::start().await;
    app.tenant.fault(Fault::once(Endpoint::KeySet, FaultKind::BrokenOffAnswer));
    let broken = app.get(".well-known/jwks.json").await;
    assert_eq!(broken.status(), 200);
    assert!(broken.content_length().is_some_and(|length| length > 100));
    assert!(broken.bytes().await.is_err());
    assert!(app.get(".well-known/jwks.json").await.json::<Value>().await.is_ok());
}

#[tokio::test]
async fn delay_before_processing_uses_the_time_at_which_it_ends() {
    let mut app = App::start().await;
    let refresh_token = app.refresh_token().await;
    app.tenant.fault(Fault::once(Endpoint::Token, FaultKind::Delay { milliseconds: 300 }));
    let began = Instant::now();
    assert_eq!(app.renew(&refresh_token).await.status(), 200);
    assert!(began.elapsed() >= Duration::from_millis(300));
}

#[tokio::test]
async fn client_that_leaves_during_a_delay_does_not_cancel_its_request() {
    let mut app = App::start().await;
    app.tenant.set(|settings| settings.refresh_token_rotation = true);
    for kind in [FaultKind::Delay { milliseconds: 300 }, FaultKind::DelayedAnswer { milliseconds: 300 }] {
        let refresh_token = app.refresh_token().await;
        app.tenant.fault(Fault::once(Endpoint::Token, kind));
        let request = app.http.post(app.url("oauth/token")).json(&app.renewal(&refresh_token));
        assert!(request.timeout(Duration::from_millis(100)).send().await.is_err());
        app.until(|app| app.tenant.requests().last().is_some_and(|last| last.status() == Some(200))).await;
        assert_eq!(app.renew(&refresh_token).await.status(), 403, "it was superseded");
    }
}

#[tokio::test]
async fn too_many_requests_says_when_to_come_back() {
    let app = App::start_frozen(1).await;
    for (retry_after, header) in [
        (RetryAfter::Absent, None),
        (RetryAfter::Seconds, Some("30")),
        (RetryAfter::HttpDate, Some("Fri, 15 Jan 2027 08:00:30 GMT")),
    ] {
        let kind = FaultKind::TooManyRequests { seconds: 30, retry_after };
        let answer = app.faulty_renewal(kind).await;
        assert_eq!(answer.status(), 429);
        let headers = answer.headers();
        assert_eq!(headers.get("retry-after").map(|value| value.to_str().unwrap()), header);
        assert_eq!(headers["x-ratelimit-remaining"], "0");
        assert_eq!(headers["x-ratelimit-reset"], "1800000030");
        assert_eq!(answer.json::<Value>().await.unwrap()["error"], "too_many_requests");
    }
}

#[tokio::test]
async fn server_errors_are_not_json() {
    let app = App::start_frozen(1).await;
    let answer = app.faulty_renewal(FaultKind::InternalServerError).await;
    assert_eq!(answer.status(), 500);
    assert!(answer.json::<Value>().await.is_err());
    for (retry_after, header) in [(RetryAfter::Seconds, "7"), (RetryAfter::HttpDate, "Fri, 15 Jan 2027 08:00:07 GMT")] {
        let answer = app.faulty_renewal(FaultKind::ServiceUnavailable { seconds: 7, retry_after }).await;
        assert_eq!(answer.status(), 503);
        assert_eq!(answer.headers()["retry-after"], header);
        assert!(answer.json::<Value>().await.is_err());
    }
}

#[tokio::test]
async fn bodies_that_are_no_token_response_come_with_success() {
    let app = App::start().await;
    let portal = app.faulty_renewal(FaultKind::HtmlBody).await;
    assert_eq!(portal.status(), 200);
    assert_eq!(portal.headers()["content-type"], "text/html; charset=utf-8");
    assert!(portal.text().await.unwrap().starts_with("<!doctype html>"));
    let empty = app.faulty_renewal(FaultKind::EmptyBody).await;
    assert_eq!((empty.status(), empty.bytes().await.unwrap().len()), (StatusCode::OK, 0));
    let large = app.faulty_renewal(FaultKind::OversizedBody { bytes: 10_000_000 }).await;
    assert!(large.bytes().await.unwrap().len() >= 10_000_000);
    let deep = app.faulty_renewal(FaultKind::DeepJson { depth: 50_000 }).await.text().await.unwrap();
    assert_eq!(deep.matches('[').count(), 50_000);
    assert_eq!(deep.matches(']').count(), 50_000);
}

#[tokio::test]
async fn truncated_json_is_processed_and_complete_as_http() {
    let mut app = App::start().await;
    app.tenant.set(|settings| settings.refresh_token_rotation = true);
    let first = app.refresh_token().await;
    app.tenant.fault(Fault::once(Endpoint::Token, FaultKind::TruncatedJson));
    let truncated = app.renew(&first).await;
    assert_eq!(truncated.status(), 200);
    let body = truncated.text().await.unwrap();
    assert!(body.starts_with('{') && serde_json::from_str::<Value>(&body).is_err());
    assert_eq!(app.renew(&first).await.status(), 403, "it was superseded");
}

#[tokio::test]
async fn errors_that_are_not_invalid_grant_leave_the_token_alone() {
    let mut app = App::start().await;
    let refresh_token = app.refresh_token().await;
    let unauthorized = app.faulty_renewal(FaultKind::Unauthorized).await;
    assert_eq!(unauthorized.status(), 401);
    assert_eq!(unauthorized.json::<Value>().await.unwrap()["error"], "access_denied");
    let unknown = app.faulty_renewal(FaultKind::UnknownError { status: 418 }).await;
    assert_eq!(unknown.status(), 418);
    assert_eq!(unknown.json::<Value>().await.unwrap()["error"], "flux_capacitor_drained");
    assert_eq!(app.renew(&refresh_token).await.status(), 200);
}

#[tokio::test]
async fn replaced_answer_after_processing_has_processed() {
    let mut app = App::start().await;
    app.tenant.set(|settings| settings.refresh_token_rotation = true);
    let first = app.refresh_token().await;
    app.tenant.fault(Fault::once(Endpoint::Token, FaultKind::InternalServerError).after_processing());
    assert_eq!(app.renew(&first).await.status(), 500);
    assert_eq!(app.renew(&first).await.status(), 403, "it was superseded");
}

#[tokio::test]
async fn wrong_clock_is_in_the_date_and_in_the_tokens() {
    let mut app = App::start().await;
    for seconds in [7_200, -7_200] {
        let refresh_token = app.refresh_token().await;
        app.tenant.fault(Fault::once(Endpoint::Token, FaultKind::WrongClock { seconds }));
        let now = app.tenant.now().seconds();
        let answer = app.renew(&refresh_token).await;
        let date = httpdate::parse_http_date(answer.headers()["date"].to_str().unwrap()).unwrap();
        let date = date.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() as i64;
        let tokens: Value = answer.json().await.unwrap();
        for written in [Some(date), claims(&tokens["id_token"])["iat"].as_i64()] {
            let error = written.unwrap() - now - seconds;
            assert!((0..=2).contains(&error), "off by {error}");
        }
        for token in ["id_token", "access_token"] {
            let claims = claims(&tokens[token]);
            assert!(claims["exp"].as_i64() > claims["iat"].as_i64());
        }
    }
}

#[tokio::test]
async fn wrong_issuer_is_named_in_metadata_id_token_and_authorization_response() {
    let mut app = App::start().await;
    let impostor = || FaultKind::WrongIssuer { issuer: "https://impostor.example/".to_owned() };
    app.tenant.fault(Fault::once(Endpoint::OpenidConfiguration, impostor()));
    let metadata: Value = app.get(".well-known/openid-configuration").await.json().await.unwrap();
    assert_eq!(metadata["issuer"], "https://impostor.example/");
    assert_eq!(metadata["token_endpoint"], app.url("oauth/token"));

    app.tenant.fault(Fault::once(Endpoint::Login, impostor()));
    app.tenant.fault(Fault::once(Endpoint::Token, impostor()));
    let page = app.login_page(&[]).await;
    assert_eq!(page.status, 200);
    app.tenant.fault(Fault::once(Endpoint::Login, impostor()));
    let callback = app.log_in(&[]).await;
    let tokens: Value = app.exchange_code(&callback.one("code")).await.json().await.unwrap();
    assert_eq!(claims(&tokens["id_token"])["iss"], "https://impostor.example/");
    assert_eq!(app.call_api(text(&tokens["access_token"])).await.status(), 200);
    app.tenant.clear_faults();
    app.tenant.fault(Fault::always(Endpoint::Authorization, impostor()));
    assert_eq!(app.log_in(&[]).await.one("iss"), "https://impostor.example/");
}

#[tokio::test]
async fn redirect_of_a_token_request_shows_who_follows() {
    let app = App::start().await;
    for status in [301, 302, 303, 307, 308] {
        let answer = app.faulty_renewal(FaultKind::Redirect { status, location: None }).await;
        assert_eq!(answer.status(), status);
        assert_eq!(answer.headers()["location"], app.url("redirected").as_str());
    }
    assert_eq!(app.seen(Endpoint::Elsewhere), 0, "this client does not follow");
    assert_eq!(app.get("redirected").await.status(), 404);
    assert_eq!(app.seen(Endpoint::Elsewhere), 1);
    let location = Some("https://elsewhere.example/".to_owned());
    let answer = app.faulty_renewal(FaultKind::Redirect { status: 307, location }).await;
    assert_eq!(answer.headers()["location"], "https://elsewhere.example/");
}

#[tokio::test]
async fn any_answer_and_any_change_of_an_answer_can_be_planned() {
    let mut app = App::start().await;
    let refresh_token = app.refresh_token().await;
    let kind = FaultKind::Answer {
        status: 200,
        headers: vec![("content-type".to_owned(), "text/plain".to_owned()), ("x-odd".to_owned(), "yes".to_owned())],
        body: "access_token=x".to_owned(),
    };
    let answer = app.faulty_renewal(kind).await;
    assert_eq!(answer.headers()["x-odd"], "yes");
    assert_eq!(answer.text().await.unwrap(), "access_token=x");

    let patch = json!({ "expires_in": -1, "id_token": null, "extra": [1] });
    app.tenant.fault(Fault::once(Endpoint::Token, FaultKind::PatchedJson { patch }));
    let tokens: Value = app.renew(&refresh_token).await.json().await.unwrap();
    assert_eq!((&tokens["expires_in"], &tokens["extra"]), (&json!(-1), &json!([1])));
    assert!(tokens["id_token"].is_null() && tokens["access_token"].is_string());
}

#[tokio::test]
async fn odd_bodies_still_hold_the_token_response() {
    let mut app = App::start().await;
    let refresh_token = app.refresh_token().await;
    for (oddity, start) in [
        (OddBody::Gzip, &[0x1f, 0x8b][..]),
        (OddBody::ByteOrderMark, &[0xef, 0xbb, 0xbf, b'{']),
        (OddBody::Latin1Member, b"{\"display_name\": \"Jos\xe9\", "),
        (OddBody::DuplicateMember, b"{\"session_hint\": 1, \"session_hint\": \"two\", "),
    ] {
        app.tenant.fault(Fault::once(Endpoint::Token, FaultKind::OddBody { oddity }));
        let answer = app.renew(&refresh_token).await;
        assert_eq!(answer.status(), 200);
        let is_gzip = answer.headers().get("content-encoding").is_some_and(|encoding| encoding == "gzip");
        assert_eq!(is_gzip, oddity == OddBody::Gzip);
        let body = answer.bytes().await.unwrap();
        assert!(body.starts_with(start), "{oddity:?}");
        assert!(body.windows(14).any(|part| part == b"\"access_token\""), "{oddity:?}");
    }
}

#[tokio::test]
async fn gateway_that_gives_up_after_the_server_has_acted_is_an_answer_after_processing() {
    let mut app = App::start().await;
    app.tenant.set(|settings| settings.refresh_token_rotation = true);
    for status in [408, 503, 504] {
        let first = app.refresh_token().await;
        let kind = FaultKind::Answer { status, headers: Vec::new(), body: String::new() };
        app.tenant.fault(Fault::once(Endpoint::Token, kind).after_processing());
        assert_eq!(app.renew(&first).await.status(), status);
        assert_eq!(app.renew(&first).await.status(), 403, "it was superseded");
    }
}

#[tokio::test]
async fn id_token_with_changed_claims_is_still_signed_by_the_tenant() {
    let mut app = App::start().await;
    let refresh_token = app.refresh_token().await;
    let patch = json!({ "sub": "somebody else", "nickname": null });
    app.tenant.fault(Fault::once(Endpoint::Token, FaultKind::PatchedIdToken { claims: patch }));
    let tokens: Value = app.renew(&refresh_token).await.json().await.unwrap();
    let changed = claims(&tokens["id_token"]);
    assert_eq!((&changed["sub"], &changed["nickname"]), (&json!("somebody else"), &Value::Null));
    assert_eq!(changed["name"], "Ada Lovelace");
    let document: Value = app.get(".well-known/jwks.json").await.json().await.unwrap();
    assert!(crate::support::verifies(text(&tokens["id_token"]), &document));
}

#[tokio::test]
async fn fault_counts_down_applies_to_its_endpoint_alone_and_can_be_cleared() {
    let app = App::start().await;
    app.tenant.fault(Fault::next(3, Endpoint::Userinfo, FaultKind::InternalServerError));
    assert_eq!(app.get(".well-known/openid-configuration").await.status(), 200);
    assert_eq!(app.get("userinfo").await.status(), 500);
    assert_eq!(app.tenant.faults()[0].times, Times::Next(2));
    app.tenant.clear_faults();
    assert_eq!(app.get("userinfo").await.status(), 401);
    app.tenant.fault(Fault::always(Endpoint::Api, FaultKind::EmptyBody));
    for _ in 0..4 {
        assert_eq!(app.call_api("anything").await.status(), 200);
    }
}

#[tokio::test]
async fn rate_limit_refuses_the_request_beyond_it_without_processing_it() {
    let mut app = App::start_frozen(1).await;
    let first = app.refresh_token().await;
    app.tenant.set(|settings| {
        settings.refresh_token_rotation = true;
        settings.rate_limit_requests = 2;
        settings.rate_limit_window_seconds = 10;
        settings.rate_limit_retry_after = RetryAfter::Seconds;
    });
    // The code exchange of the login was the first request of the window.
    let second = app.renew(&first).await;
    let headers = second.headers();
    assert_eq!(
        (&headers["x-ratelimit-limit"], &headers["x-ratelimit-remaining"]),
        (&"2".parse().unwrap(), &"0".parse().unwrap())
    );
    let second = text(&second.json::<Value>().await.unwrap()["refresh_token"]).to_owned();

    let refused = app.renew(&second).await;
    assert_eq!(refused.status(), 429);
    assert_eq!(refused.headers()["retry-after"], "10");
    assert_eq!(refused.headers()["x-ratelimit-limit"], "2");
    assert_eq!(refused.headers()["x-ratelimit-reset"], "1800000010");
    app.tenant.advance(Duration::from_secs(10));
    app.rotated(&second).await;
}

impl App {
    async fn try_token(&self, body: &Value) -> reqwest::Result<Response> {
        self.http.post(self.url("oauth/token")).json(body).send().await
    }

    /// A renewal that meets this fault.
    async fn faulty_renewal(&self, kind: FaultKind) -> Response {
        self.tenant.fault(Fault::once(Endpoint::Token, kind).for_grant_type("refresh_token"));
        self.renew("any").await
    }
}
