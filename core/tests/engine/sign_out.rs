//! Rule 6: what ends a session, and what does not.

use hallpass_core::ports::StoreError;
use hallpass_core::protocol::error::ErrorCode;
use hallpass_core::{Error, Event, LoginReason, OfflineCause, State};

use crate::support::server::Fault;
use crate::support::store::Operation;
use crate::support::{Device, login_required, offline_cause, signed_out_reason};

fn answer(status: u16, content_type: &str, body: &str) -> Fault {
    Fault::Answer(status, vec![("Content-Type", content_type.to_owned())], body.to_owned())
}

#[tokio::test]
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
async fn rule_6_nothing_else_ends_it() {
    let cases = [
        (answer(429, "text/plain", "slow down"), OfflineCause::RateLimited),
        (answer(429, "application/json", r#"{"error":"invalid_grant"}"#), OfflineCause::RateLimited),
        (answer(500, "text/html", "<h1>invalid_grant</h1>"), OfflineCause::ServerFailed),
        (answer(500, "application/json", r#"{"error":"invalid_grant"}"#), OfflineCause::ServerFailed),
        (answer(502, "text/html", ""), OfflineCause::ServerFailed),
        (answer(503, "application/json", r#"{"error":"temporarily_unavailable"}"#), OfflineCause::ServerFailed),
        (answer(401, "text/html", "<h1>Sign in to the hotel's network</h1>"), OfflineCause::UnexpectedAnswer),
        (answer(401, "application/json", "{}"), OfflineCause::UnexpectedAnswer),
        (answer(403, "text/plain", "invalid_grant"), OfflineCause::UnexpectedAnswer),
        (answer(400, "application/json", ""), OfflineCause::UnexpectedAnswer),
        (answer(400, "application/json", r#"{"error":"made_up"}"#), OfflineCause::UnexpectedAnswer),
        (answer(400, "application/json", r#"{"error":["invalid_grant"]}"#), OfflineCause::UnexpectedAnswer),
        (answer(302, "text/html", ""), OfflineCause::UnexpectedAnswer),
        (answer(200, "text/html", "<h1>Sign in to the hotel's network</h1>"), OfflineCause::UnexpectedAnswer),
        (answer(200, "application/json", "{\"access_token\":\"a"), OfflineCause::UnexpectedAnswer),
        (Fault::Unreachable, OfflineCause::Unreachable),
        (Fault::Tls, OfflineCause::Tls),
        (Fault::RequestLost, OfflineCause::NoAnswer),
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
    }
}

#[tokio::test]
async fn rule_6_a_refusal_in_oauths_words_is_told_and_ends_nothing() {
    for (status, code) in
        [(401, ErrorCode::InvalidClient), (400, ErrorCode::InvalidScope), (403, ErrorCode::AccessDenied)]
    {
        let device = Device::signed_in().await;
        device.expire();
        device.server.fail([answer(status, "application/json", &format!(r#"{{"error":"{}"}}"#, code.as_str()))]);
        assert_eq!(device.access_token().await.unwrap_err(), Error::Denied { code });
        assert!(matches!(device.session().state(), State::SignedIn { .. }));
        device.access_token().await.unwrap();
    }
}

#[tokio::test]
async fn rule_6_invalid_grant_while_the_store_cannot_be_compared_ends_nothing_yet() {
    let device = Device::signed_in().await;
    device.expire();
    device.server.revoke_everything();
    // The read before the renewal passes, the one after the refusal does not.
    device.server.fail([Fault::Held]);
    let caller = device.caller().await;
    device.store.fail_next(Operation::Load, StoreError::Locked);
    device.server.release();
    let error = crate::support::within(caller).await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Storage { .. }), "{error:?}");
    assert!(matches!(device.session().state(), State::SignedIn { .. }));
    assert_eq!(device.access_token().await.unwrap_err(), login_required(LoginReason::Revoked));
}

#[tokio::test]
async fn rule_6_the_end_of_a_session_that_cannot_be_saved_is_told_and_saved_later() {
    let device = Device::signed_in_without_rotation().await;
    device.server.revoke_everything();
    device.expire();
    device.store.fail_next(Operation::Save, StoreError::Failed("the disk is full"));
    assert_eq!(device.access_token().await.unwrap_err(), login_required(LoginReason::Revoked));
    assert_eq!(signed_out_reason(&device.session().state()), Some(LoginReason::Revoked));
    assert_eq!(device.access_token().await.unwrap_err(), login_required(LoginReason::Revoked));
    assert!(device.store.text("session").unwrap().contains("revoked"));
    assert_eq!(device.server.count("token"), 1);
}

#[tokio::test]
async fn a_login_after_the_end_of_a_session_begins_a_new_one() {
    let device = Device::signed_in().await;
    device.server.revoke_everything();
    device.expire();
    device.access_token().await.unwrap_err();
    device.log_in("ada").await.unwrap();
    device.access_token().await.unwrap();
}
