//! What a login makes of the answer to its code (rules 7, 12 and 14), and what becomes of tokens that it does not keep.

use std::time::Duration;

use hallpass_core::protocol::error::ErrorCode;
use hallpass_core::{Error, Login, OfflineCause, State};
use serde_json::json;

use crate::support::server::{Fault, Reply, Revocation};
use crate::support::{Device, denied, settle, still_works, within};

#[tokio::test(start_paused = true)]
async fn rule_8_a_lost_answer_to_the_code_is_told_as_no_answer() {
    let device = Device::new();
    device.server.fail([Fault::AnswerLost]);
    let error = device.log_in("ada").await.unwrap_err();
    assert!(matches!(error, Error::Offline { cause: OfflineCause::NoAnswer, .. }), "{error:?}");
    assert!(error.is_retryable());
    assert!(matches!(device.session().state(), State::SignedOut { .. }));
    device.log_in("ada").await.unwrap();
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_8_a_code_that_a_gateway_failed_with_after_the_server_acted_is_told_as_a_failing_server() {
    for status in [408, 500, 502, 503, 504] {
        let device = Device::new();
        device.server.fail([Fault::ActsAndSays(Reply::html(status))]);
        let error = device.log_in("ada").await.unwrap_err();
        assert!(matches!(error, Error::Offline { .. }), "{status}: {error:?}");
        device.log_in("ada").await.unwrap();
        still_works(&device).await;
    }
}

#[tokio::test(start_paused = true)]
async fn rule_6_invalid_grant_for_a_code_that_was_sent_once_is_a_denial() {
    let device = Device::new();
    let replies = [Reply::invalid_grant("expired"), Reply::json(200, r#"{"error":"invalid_grant"}"#)];
    for reply in replies {
        device.server.fail([Fault::Says(reply)]);
        let error = device.log_in("ada").await.unwrap_err();
        assert_eq!(denied(&error), Some(ErrorCode::InvalidGrant));
    }
    device.log_in("ada").await.unwrap();
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_12_a_login_that_is_refused_after_its_exchange_revokes_what_it_got() {
    for (change, check) in [
        (json!({ "iss": "https://other.example" }), "id_token_issuer"),
        (json!({ "aud": "another-client" }), "id_token_audience"),
        (json!({ "nonce": "replayed" }), "id_token_nonce"),
        (json!({ "exp": 1 }), "id_token_expired"),
    ] {
        let device = Device::new();
        device.server.change(|server| server.id_token = change.clone());
        assert_eq!(device.log_in("ada").await.unwrap_err(), Error::Untrusted { check });
        settle().await;
        assert_eq!(device.server.revoked().len(), 1, "{change}");
        assert!(device.server.living().is_empty());
        assert!(device.store.text("session").is_none());
        for secret in device.server.secrets() {
            assert!(!device.store.holds(&secret));
        }
        device.server.change(|server| server.id_token = json!({}));
        device.log_in("ada").await.unwrap();
        still_works(&device).await;
    }
}

#[tokio::test(start_paused = true)]
async fn rule_12_a_refused_login_of_the_user_who_is_signed_in_ends_no_session_that_lives() {
    let device = Device::signed_in().await;
    device.server.change(|server| {
        server.revocation = Revocation::AllOfTheUser;
        server.id_token = json!({ "nonce": "replayed" });
    });
    device.log_in("ada").await.unwrap_err();
    settle().await;
    device.server.change(|server| server.id_token = json!({}));
    assert!(matches!(device.session().state(), State::SignedIn { .. }));
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_12_bound_tokens_asked_for_at_a_server_without_them_name_the_setting_and_are_revoked() {
    let mut device = Device::new();
    device.dpop = true;
    device.restart();
    device.server.change(|server| server.token_response = json!({ "token_type": "Bearer" }));
    let error = device.log_in("ada").await.unwrap_err();
    assert!(matches!(error, Error::Misconfigured { field: "dpop", .. }), "{error:?}");
    settle().await;
    assert_eq!(device.server.revoked().len(), 1);
    assert!(device.server.living().is_empty());
    assert!(device.store.text("session").is_none());

    device.dpop = false;
    device.restart();
    device.log_in("ada").await.unwrap();
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_12_a_maximum_age_at_a_server_that_does_not_tell_the_time_of_the_login_names_the_setting() {
    let device = Device::new();
    let recent = || Login::new().max_age(Duration::from_secs(300));
    device.server.change(|server| server.id_token = json!({ "auth_time": null }));
    let error = device.log_in_with(recent(), "ada").await.unwrap_err();
    assert!(matches!(error, Error::Misconfigured { field: "max_age", .. }), "{error:?}");
    settle().await;
    assert!(device.server.living().is_empty(), "what it got is revoked");

    let long_ago = device.clock.unix_seconds() - 10_000;
    device.server.change(|server| server.id_token = json!({ "auth_time": long_ago }));
    let error = device.log_in_with(recent(), "ada").await.unwrap_err();
    assert_eq!(error, Error::Untrusted { check: "id_token_auth_time" }, "that one is told, and too long ago");
    settle().await;
    assert!(device.server.living().is_empty());

    device.server.change(|server| server.id_token = json!({}));
    device.log_in_with(recent(), "ada").await.unwrap();
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_14_claims_that_nobody_asked_for_keep_nobody_from_signing_in() {
    for claims in [
        json!({ "org_id": 42 }),
        json!({ "org_name": ["a", "b"] }),
        json!({ "sid": 7 }),
        json!({ "auth_time": "2026-01-01" }),
        json!({ "auth_time": null }),
    ] {
        let device = Device::new();
        device.server.change(|server| server.id_token = claims.clone());
        device.log_in("ada").await.unwrap_or_else(|error| panic!("{claims}: {error}"));
        still_works(&device).await;
    }
}

#[tokio::test(start_paused = true)]
async fn rule_14_an_organization_that_was_asked_for_still_decides() {
    for (claims, signed_in) in [
        (json!({ "org_id": "org_1" }), true),
        (json!({ "org_id": "org_2" }), false),
        (json!({ "org_id": 1 }), false),
        (json!({}), false),
    ] {
        let device = Device::new();
        device.server.change(|server| server.id_token = claims.clone());
        let outcome = device.log_in_with(Login::new().organization("org_1"), "ada").await;
        assert_eq!(outcome.is_ok(), signed_in, "{claims}: {outcome:?}");
        settle().await;
        assert_eq!(device.server.living().len(), usize::from(signed_in));
    }
}

#[tokio::test(start_paused = true)]
async fn rule_12_a_login_whose_save_fails_is_kept_and_not_revoked() {
    use hallpass_core::ports::StoreError;

    use crate::support::store::Operation;

    let device = Device::new();
    let started = within(device.session().start_login(Login::default())).await.unwrap();
    settle().await;
    let callback = device.server.sign_in(&started.url, "ada");
    device.store.fail_next_of("session", Operation::Save, StoreError::Failed("the disk is full"));
    assert!(matches!(within(device.session().resume(&callback)).await, Err(Error::Storage { .. })));
    settle().await;
    assert_eq!(device.server.revoked(), [""; 0]);
    assert_eq!(device.server.living().len(), 1);
    device.access_token().await.unwrap();
    assert_eq!(device.user().as_deref(), Some("ada"));
    still_works(&device).await;
}
