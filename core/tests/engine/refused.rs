//! Rule 6: a refusal in other words than `invalid_grant` ends nothing, and leaves nobody without a next step.

use hallpass_core::protocol::error::ErrorCode;
use hallpass_core::{CredentialsRequest, Error, LoginReason, MinTtl, State};
use serde_json::json;

use crate::support::server::{Reply, Target};
use crate::support::{Device, denied, live, login_required, still_works};

const REFUSED: Error = Error::LoginRequired { reason: LoginReason::Refused };

/// What servers say of a refresh token that is over, instead of `invalid_grant`.
fn words() -> Vec<(Reply, ErrorCode)> {
    vec![
        // Dex
        (
            Reply::json(400, r#"{"error":"invalid_request","error_description":"Refresh token expired."}"#),
            ErrorCode::InvalidRequest,
        ),
        // Gitea
        (Reply::json(400, r#"{"error":"unauthorized_client"}"#), ErrorCode::UnauthorizedClient),
        // A client that was deleted
        (Reply::json(401, r#"{"error":"invalid_client"}"#), ErrorCode::InvalidClient),
        (Reply::json(403, r#"{"error":"access_denied"}"#), ErrorCode::AccessDenied),
        // GitHub
        (Reply::json(200, r#"{"error":"bad_refresh_token"}"#), ErrorCode::Unrecognised),
        // Twitch
        (Reply::json(400, r#"{"status":400,"message":"Invalid refresh token"}"#), ErrorCode::Absent),
        // Supabase
        (Reply::json(400, r#"{"code":400,"error_code":"refresh_token_not_found","msg":"x"}"#), ErrorCode::Unrecognised),
        (Reply::json(400, r#"{"error":["invalid_grant"]}"#), ErrorCode::Absent),
        // Spring
        (Reply::empty(401), ErrorCode::Absent),
        (Reply::empty(400), ErrorCode::Absent),
    ]
}

/// Asks once a second until a login is required, and returns after how many seconds and requests that was.
async fn until_a_login_is_required(device: &Device, code: ErrorCode) -> (u64, usize) {
    let began = tokio::time::Instant::now();
    loop {
        let error = device.access_token().await.unwrap_err();
        if error == REFUSED {
            return (began.elapsed().as_secs(), device.server.count("token"));
        }
        assert_eq!(denied(&error), Some(code));
        assert!(matches!(device.session().state(), State::SignedIn { .. }));
        assert!(began.elapsed().as_secs() < 600, "nobody is told that a login is required");
        live(1).await;
    }
}

fn is_refused(state: &State) -> bool {
    matches!(state, State::LoginRequired { user, reason: LoginReason::Refused } if user.sub() == "ada")
}

#[tokio::test(start_paused = true)]
async fn rule_6_a_refusal_in_other_words_is_told_backed_off_and_after_minutes_asks_for_a_login() {
    for (reply, code) in words() {
        let device = Device::signed_in().await;
        device.expire();
        device.server.refuse(Target::Login, reply.clone());
        let (seconds, requests) = until_a_login_is_required(&device, code).await;
        assert!((120..=200).contains(&seconds), "{reply:?}: after {seconds} s");
        assert!((3..=8).contains(&requests), "{reply:?}: {requests} requests");
        assert!(is_refused(&device.session().state()), "{reply:?}: {:?}", device.session().state());
        assert_eq!(device.user().as_deref(), Some("ada"), "who it is stays known");

        // It was a fault of the server's, and passes.
        device.server.work_again();
        still_works(&device).await;
    }
}

#[tokio::test(start_paused = true)]
async fn rule_6_the_first_refusals_end_nothing_even_if_hours_lie_between() {
    for (reply, code) in words() {
        let device = Device::signed_in().await;
        device.expire();
        device.server.refuse_times(2, Target::Login, reply.clone());
        for _ in 0..2 {
            assert_eq!(denied(&device.access_token().await.unwrap_err()), Some(code), "{reply:?}");
            assert!(matches!(device.session().state(), State::SignedIn { .. }));
            device.pass(3_600);
        }
        device.access_token().await.unwrap();
        still_works(&device).await;
    }
}

#[tokio::test(start_paused = true)]
async fn rule_6_many_refusals_within_two_minutes_ask_for_no_login() {
    let device = Device::signed_in().await;
    device.server.refuse(Target::Login, Reply::json(400, r#"{"error":"invalid_request"}"#));
    for _ in 0..110 {
        let _ = device.renew().await;
        live(1).await;
    }
    assert!(device.server.count("token") >= 3);
    assert!(matches!(device.session().state(), State::SignedIn { .. }));
    device.server.work_again();
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_6_a_refusal_that_changes_its_words_is_not_the_same() {
    let device = Device::signed_in().await;
    device.expire();
    for error in ["invalid_request", "unauthorized_client", "invalid_client", "invalid_request"] {
        device.server.work_again();
        device.server.refuse(Target::Login, Reply::json(400, json!({ "error": error }).to_string()));
        assert!(matches!(device.access_token().await.unwrap_err(), Error::Denied { .. }), "{error}");
        device.pass(700);
    }
    assert!(matches!(device.session().state(), State::SignedIn { .. }));
    device.server.work_again();
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_6_what_is_no_word_on_the_token_never_asks_for_a_login() {
    for reply in [
        Reply::json(400, r#"{"error":"invalid_scope"}"#),
        Reply::json(400, r#"{"error":"invalid_target"}"#),
        Reply::json(429, r#"{"error":"slow_down"}"#),
        Reply::json(500, r#"{"error":"invalid_request"}"#),
        Reply::json(503, r#"{"error":"temporarily_unavailable"}"#),
        Reply::html(400),
        Reply::html(401),
        Reply::html(403),
        Reply::json(403, r#"{"message":"forbidden"}"#),
        Reply::json(403, r#"{"error":"made_up"}"#),
        Reply::empty(403),
        Reply::empty(404),
    ] {
        let device = Device::signed_in().await;
        device.expire();
        device.server.refuse(Target::Login, reply.clone());
        for _ in 0..10 {
            let error = device.access_token().await.unwrap_err();
            assert!(matches!(error, Error::Denied { .. } | Error::Offline { .. }), "{reply:?}: {error:?}");
            device.pass(700);
        }
        assert!(matches!(device.session().state(), State::SignedIn { .. }), "{reply:?}");
        device.server.work_again();
        still_works(&device).await;
    }
}

#[tokio::test(start_paused = true)]
async fn rule_6_a_required_login_survives_a_restart_and_the_token_is_still_tried() {
    let mut device = Device::signed_in().await;
    device.expire();
    device.server.refuse(Target::Login, Reply::json(400, r#"{"error":"invalid_request"}"#));
    until_a_login_is_required(&device, ErrorCode::InvalidRequest).await;
    let token = device.server.living()[0].clone();
    assert!(device.store.text("session").unwrap().contains(&token), "the record and its token stay");

    device.restart();
    assert!(is_refused(&device.state().await));
    device.pass(700);
    device.forget();
    assert_eq!(device.access_token().await.unwrap_err(), REFUSED);
    assert_eq!(device.access_token().await.unwrap_err(), REFUSED);
    assert_eq!(device.server.sent_refresh_tokens(), [token], "it is still sent, and backed off");

    device.server.work_again();
    device.pass(700);
    device.access_token().await.unwrap();
    assert!(matches!(device.session().state(), State::SignedIn { .. }), "a success clears it");
    device.restart();
    assert!(matches!(device.state().await, State::SignedIn { .. }));
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_6_a_login_clears_what_was_refused() {
    let device = Device::signed_in().await;
    device.expire();
    device.server.refuse(Target::Login, Reply::empty(401));
    until_a_login_is_required(&device, ErrorCode::Absent).await;
    device.log_in("ada").await.unwrap();
    assert!(matches!(device.session().state(), State::SignedIn { .. }));
    device.access_token().await.unwrap();
    device.server.work_again();
    device.renew().await.unwrap_or_else(|error| panic!("the backoff was of the session before: {error}"));
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_6_a_logout_after_a_refusal_revokes_the_token_that_was_refused() {
    let device = Device::signed_in().await;
    device.expire();
    device.server.refuse(Target::Login, Reply::empty(401));
    until_a_login_is_required(&device, ErrorCode::Absent).await;
    assert!(device.logout().await.unwrap().revoked);
    assert!(device.server.living().is_empty());
    assert_eq!(device.access_token().await.unwrap_err(), login_required(LoginReason::LoggedOut));
}

#[tokio::test(start_paused = true)]
async fn rule_9_a_token_that_is_still_valid_is_returned_while_and_after_renewals_are_refused() {
    let device = Device::signed_in().await;
    let before = device.access_token().await.unwrap();
    device.server.refuse(Target::Login, Reply::json(400, r#"{"error":"invalid_request"}"#));
    let longer = CredentialsRequest::from(MinTtl::seconds(3_000));
    device.pass(1_000);
    for _ in 0..200 {
        assert_eq!(device.ask(longer.clone()).await.unwrap().access_token().expose(), before);
        live(1).await;
    }
    assert!(is_refused(&device.session().state()), "{:?}", device.session().state());
    assert_eq!(device.access_token().await.unwrap(), before);
    assert_eq!(device.ask(longer).await.unwrap().access_token().expose(), before);
    device.server.work_again();
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_6_a_refusal_in_a_form_inside_a_success_is_a_refusal() {
    let device = Device::signed_in().await;
    device.expire();
    let form = "error=bad_refresh_token&error_description=The+refresh+token+passed+is+incorrect";
    device.server.refuse(Target::Login, Reply::of_type(200, "application/x-www-form-urlencoded", form));
    let error = device.access_token().await.unwrap_err();
    assert!(matches!(error, Error::Denied { .. }), "{error:?}");
    assert_eq!(device.server.count("token"), 1);
    device.server.work_again();
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_6_invalid_grant_inside_a_success_is_invalid_grant() {
    let device = Device::signed_in().await;
    device.expire();
    device.server.refuse(Target::Login, Reply::json(200, r#"{"error":"invalid_grant"}"#));
    assert_eq!(device.access_token().await.unwrap_err(), login_required(LoginReason::Revoked));
    assert_eq!(device.server.count("token"), 2);
    device.server.work_again();
    device.log_in("ada").await.unwrap();
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_6_an_object_that_says_nothing_is_a_refusal_like_a_body_that_is_empty() {
    let device = Device::signed_in().await;
    device.expire();
    device.server.refuse(Target::Login, Reply::json(401, "{}"));
    until_a_login_is_required(&device, ErrorCode::Absent).await;
    device.server.work_again();
    still_works(&device).await;
}
