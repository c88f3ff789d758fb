//! Rule 6: what ends a session, and what does not.

use std::time::Duration;

use hallpass_core::ports::StoreError;
use hallpass_core::protocol::error::ErrorCode;
use hallpass_core::{Error, Event, LoginReason, OfflineCause, State};

use crate::support::server::{Fault, ISSUER, Reply, Reuse, Target};
use crate::support::store::Operation;
use crate::support::{Device, denied, live, login_required, offline_cause, signed_out_reason, still_works, within};

fn answer(status: u16, content_type: &str, body: &str) -> Fault {
    Fault::Answer(status, vec![("Content-Type", content_type.to_owned())], body.to_owned())
}

#[tokio::test(start_paused = true)]
async fn rule_6_invalid_grant_for_the_stored_token_ends_the_session_once_and_for_all() {
    let mut device = Device::signed_in().await;
    let mut events = device.session().events();
    device.server.revoke_everything();
    device.expire();
    assert_eq!(device.access_token().await.unwrap_err(), login_required(LoginReason::Revoked));
    assert_eq!(signed_out_reason(&device.session().state()), Some(LoginReason::Revoked));
    assert_eq!(events.next().await, Some(Event::SignedOut { reason: LoginReason::Revoked }));

    device.server.forget_requests();
    assert_eq!(device.access_token().await.unwrap_err(), login_required(LoginReason::Revoked));
    device.restart();
    assert_eq!(signed_out_reason(&device.state().await), Some(LoginReason::Revoked), "the reason survives a restart");
    assert_eq!(device.access_token().await.unwrap_err(), login_required(LoginReason::Revoked));
    assert_eq!(device.server.count("token"), 0, "a dead token is not sent again");
}

#[tokio::test(start_paused = true)]
async fn rule_6_invalid_grant_is_asked_once_more_after_two_seconds_before_it_ends_a_session() {
    let device = Device::signed_in().await;
    device.server.revoke_everything();
    device.expire();
    let began = tokio::time::Instant::now();
    assert_eq!(device.access_token().await.unwrap_err(), login_required(LoginReason::Revoked));
    let waited = began.elapsed();
    assert!((Duration::from_secs(2)..=Duration::from_secs(3)).contains(&waited), "{waited:?}");
    let sent = device.server.sent_refresh_tokens();
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[0], sent[1], "the same token");
}

#[tokio::test(start_paused = true)]
async fn rule_6_invalid_grant_that_passes_ends_nothing() {
    let passing = [
        Reply::invalid_grant("expired authorization code, token request is already being processed"),
        Reply::invalid_grant("Session doesn't have required client"),
        Reply::json(400, r#"{"error":"invalid_grant"}"#),
        Reply::json(401, r#"{"error":"invalid_grant"}"#),
    ];
    for reply in passing {
        for reusable in [false, true] {
            let device = if reusable { Device::signed_in_without_rotation().await } else { Device::signed_in().await };
            device.expire();
            device.server.refuse_times(1, Target::Login, reply.clone());
            device.access_token().await.unwrap_or_else(|error| panic!("{reply:?}: {error}"));
            assert_eq!(device.server.count("token"), 2);
            device.renew().await.unwrap();
            still_works(&device).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn rule_6_callers_who_come_during_the_two_seconds_share_the_outcome() {
    let device = Device::signed_in().await;
    device.expire();
    device.server.refuse_times(1, Target::Login, Reply::invalid_grant("try again"));
    let first = device.caller().await;
    live(1).await;
    assert_eq!(device.server.count("token"), 1);
    let second = device.caller().await;
    let (first, second) = (within(first).await.unwrap().unwrap(), within(second).await.unwrap().unwrap());
    assert_eq!(first.access_token().expose(), second.access_token().expose());
    assert_eq!(device.server.count("token"), 2);
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_5_a_token_that_another_process_replaces_during_the_two_seconds_is_not_sent_again() {
    let app = Device::signed_in().await;
    let extension = app.extension_that_knows().await;
    app.expire();
    app.server.refuse_times(1, Target::Login, Reply::invalid_grant("try again"));
    let caller = app.caller().await;
    live(1).await;
    extension.renew().await.unwrap();
    let credentials = within(caller).await.unwrap().unwrap();
    assert!(app.server.takes(credentials.access_token().expose()));
    assert_eq!(app.server.count("token"), 2, "the refused one, and the extension's");
    app.renew().await.unwrap();
    extension.renew().await.unwrap();
    still_works(&app).await;
    still_works(&extension).await;
}

#[tokio::test(start_paused = true)]
async fn rule_6_a_logout_during_the_two_seconds_is_a_logout() {
    let device = Device::signed_in().await;
    device.expire();
    device.server.refuse_times(1, Target::Login, Reply::invalid_grant("try again"));
    let caller = device.caller().await;
    live(1).await;
    assert!(device.logout().await.unwrap().revoked);
    assert_eq!(within(caller).await.unwrap().unwrap_err(), login_required(LoginReason::LoggedOut));
    assert_eq!(device.server.count("token"), 1, "nothing is asked any more");
    assert!(device.server.living().is_empty());
}

#[tokio::test(start_paused = true)]
async fn rule_6_a_process_killed_during_the_two_seconds_leaves_a_session_that_works() {
    let mut device = Device::signed_in().await;
    device.expire();
    device.server.refuse_times(1, Target::Login, Reply::invalid_grant("try again"));
    let caller = device.caller().await;
    live(1).await;
    device.restart();
    caller.abort();
    device.access_token().await.unwrap();
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_6_invalid_grant_that_is_said_to_be_a_reuse_ends_the_session_at_once() {
    for description in ["Refresh token reuse detected", "Invalid Refresh Token: Already Used"] {
        let device = Device::signed_in().await;
        device.expire();
        device.server.refuse(Target::Login, Reply::invalid_grant(description));
        let began = tokio::time::Instant::now();
        assert_eq!(device.access_token().await.unwrap_err(), login_required(LoginReason::Revoked), "{description}");
        assert_eq!(device.server.count("token"), 1, "{description}");
        assert!(began.elapsed() < Duration::from_secs(1));
    }
}

#[tokio::test(start_paused = true)]
async fn rule_6_a_spent_token_that_ends_all_of_the_users_sessions_ends_the_one_here_with_its_reason() {
    let device = Device::signed_in().await;
    let elsewhere = device.server.sign_in_elsewhere("ada");
    device.server.change(|server| server.reuse = Reuse::AllOfTheUser);
    assert!(device.server.redeem(&elsewhere));
    assert!(!device.server.redeem(&elsewhere), "the other device lost an answer");
    device.expire();
    assert_eq!(device.access_token().await.unwrap_err(), login_required(LoginReason::Revoked));
    device.log_in("ada").await.unwrap();
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_6_nothing_else_ends_it() {
    let cases = [
        (answer(429, "text/plain", "slow down"), OfflineCause::RateLimited),
        (answer(429, "application/json", r#"{"error":"invalid_grant"}"#), OfflineCause::RateLimited),
        (answer(500, "text/html", "<h1>invalid_grant</h1>"), OfflineCause::ServerFailed),
        (answer(500, "application/json", r#"{"error":"invalid_grant"}"#), OfflineCause::ServerFailed),
        (answer(502, "text/html", ""), OfflineCause::ServerFailed),
        (answer(503, "application/json", r#"{"error":"temporarily_unavailable"}"#), OfflineCause::ServerFailed),
        (answer(504, "text/html", ""), OfflineCause::ServerFailed),
        (answer(401, "text/html", "<h1>Sign in to the hotel's network</h1>"), OfflineCause::UnexpectedAnswer),
        (answer(403, "text/plain", "invalid_grant"), OfflineCause::UnexpectedAnswer),
        (answer(404, "text/html", "<h1>invalid_grant</h1>"), OfflineCause::UnexpectedAnswer),
        (answer(200, "text/html", "<h1>Sign in to the hotel's network</h1>"), OfflineCause::UnexpectedAnswer),
        (answer(200, "application/json", "{\"access_token\":\"a"), OfflineCause::UnexpectedAnswer),
        (Fault::Unreachable, OfflineCause::Unreachable),
        (Fault::Tls, OfflineCause::Tls),
        (Fault::RequestLost, OfflineCause::NoAnswer),
        (Fault::Hangs, OfflineCause::NoAnswer),
    ];
    for (fault, cause) in cases {
        let device = Device::signed_in().await;
        device.expire();
        device.server.fail([fault.clone(), fault.clone()]);
        let error = device.access_token().await.unwrap_err();
        assert_eq!(offline_cause(&error), Some(cause), "{fault:?} gave {error:?}");
        assert!(error.is_retryable());
        assert!(matches!(device.session().state(), State::SignedIn { .. }), "{fault:?}");
        device.pass(100);
        while device.server.faults_left() > 0 {
            let _ = device.access_token().await;
            device.pass(100);
        }
        device.access_token().await.unwrap_or_else(|error| panic!("after {fault:?}: {error}"));
        still_works(&device).await;
    }
}

#[tokio::test(start_paused = true)]
async fn rule_6_a_redirect_to_the_very_same_origin_is_told_as_something_that_a_developer_can_look_for() {
    let device = Device::signed_in().await;
    device.expire();
    let moved = vec![("Location", format!("{ISSUER}/token/"))];
    device.server.fail(vec![Fault::Answer(307, moved, String::new()); 3]);
    let error = device.access_token().await.unwrap_err();
    assert_eq!(error, Error::Untrusted { check: "token_endpoint_redirect" }, "the network is not at fault");
    assert!(matches!(device.session().state(), State::SignedIn { .. }));
    assert_eq!(device.server.count("nowhere"), 0, "it is not followed");
    device.server.work_again();
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_6_a_refusal_in_oauths_words_is_told_and_ends_nothing() {
    for (status, code) in
        [(401, ErrorCode::InvalidClient), (400, ErrorCode::InvalidScope), (403, ErrorCode::AccessDenied)]
    {
        let device = Device::signed_in().await;
        device.expire();
        device.server.fail([answer(status, "application/json", &format!(r#"{{"error":"{}"}}"#, code.as_str()))]);
        assert_eq!(denied(&device.access_token().await.unwrap_err()), Some(code));
        assert!(matches!(device.session().state(), State::SignedIn { .. }));
        // A refusal is backed off.
        device.pass(3);
        device.access_token().await.unwrap();
        still_works(&device).await;
    }
}

#[tokio::test(start_paused = true)]
async fn rule_6_invalid_grant_while_the_store_cannot_be_compared_ends_nothing_yet() {
    let device = Device::signed_in().await;
    device.expire();
    device.server.revoke_everything();
    // The read before the renewal passes, the one after the refusal does not.
    device.server.fail([Fault::Held]);
    let caller = device.caller().await;
    device.store.fail_next(Operation::Load, StoreError::Locked);
    device.server.release();
    let error = within(caller).await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Storage { .. }), "{error:?}");
    assert!(matches!(device.session().state(), State::SignedIn { .. }));
    assert_eq!(device.access_token().await.unwrap_err(), login_required(LoginReason::Revoked));
}

#[tokio::test(start_paused = true)]
async fn rule_6_the_end_of_a_session_that_cannot_be_saved_is_told_and_saved_later() {
    let device = Device::signed_in_without_rotation().await;
    device.server.revoke_everything();
    device.expire();
    device.store.fail_next(Operation::Save, StoreError::Failed("the disk is full"));
    assert_eq!(device.access_token().await.unwrap_err(), login_required(LoginReason::Revoked));
    assert_eq!(signed_out_reason(&device.session().state()), Some(LoginReason::Revoked));
    assert_eq!(device.access_token().await.unwrap_err(), login_required(LoginReason::Revoked));
    assert!(device.store.text("session").unwrap().contains("revoked"));
    assert_eq!(device.server.count("token"), 2, "the refused one and its repeat");
}

#[tokio::test(start_paused = true)]
async fn rule_6_a_login_after_the_end_of_a_session_begins_a_new_one() {
    let device = Device::signed_in().await;
    device.server.revoke_everything();
    device.expire();
    device.access_token().await.unwrap_err();
    device.log_in("ada").await.unwrap();
    device.access_token().await.unwrap();
    still_works(&device).await;
}
