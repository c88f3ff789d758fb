//! Rules 3, 4, 7, 8 and 9: what a renewal saves, in which order, and what it does when something is lost.

use std::time::Duration;

use hallpass_core::ports::StoreError;
use hallpass_core::{CredentialsRequest, Error, LoginReason, MinTtl, OfflineCause, StorageProblem};
use serde_json::json;

use crate::support::server::Fault;
use crate::support::store::Operation;
use crate::support::{Device, login_required, offline_cause, settle, within};

const LOCKED: Error = Error::Storage { problem: StorageProblem::Locked };

#[tokio::test(start_paused = true)]
async fn rule_3_a_renewal_is_durable_before_anyone_sees_it() {
    let device = Device::signed_in().await;
    device.expire();
    let token = device.access_token().await.unwrap();
    assert!(device.store.text("session").unwrap().contains(&token));
}

#[tokio::test(start_paused = true)]
async fn rule_3_a_failed_save_is_an_error_and_the_token_is_kept_and_saved_again() {
    let device = Device::signed_in().await;
    device.expire();
    device.server.fail([Fault::Held]);
    let caller = device.caller().await;
    // The intent was saved; from here on the store fails.
    device.store.break_with(StoreError::Locked);
    device.server.release();
    assert_eq!(within(caller).await.unwrap().unwrap_err(), LOCKED);
    assert_eq!(device.access_token().await.unwrap_err(), LOCKED, "not durable, so nobody gets it");

    device.store.repair();
    let token = device.access_token().await.unwrap();
    assert_eq!(device.server.count("token"), 1, "what arrived was kept, not asked for again");
    assert!(device.store.text("session").unwrap().contains(&token));
}

#[tokio::test(start_paused = true)]
async fn rule_4_a_renewal_with_a_reusable_token_costs_one_write() {
    let device = Device::signed_in_without_rotation().await;
    device.session().renew().await.unwrap();
    assert_eq!(device.store.count(Operation::Save, "session"), 1);
}

#[tokio::test(start_paused = true)]
async fn rule_4_the_intent_of_a_renewal_with_a_one_time_token_is_written_before_it_is_sent() {
    let device = Device::signed_in().await;
    device.server.fail([Fault::Held]);
    let session = device.session().clone();
    let caller = tokio::spawn(async move { session.renew().await });
    settle().await;
    assert_eq!(device.store.count(Operation::Save, "session"), 1);
    assert!(device.store.text("session").unwrap().contains("\"attempt\":{\"begun\":"));
    device.server.release();
    within(caller).await.unwrap().unwrap();
    assert!(device.store.text("session").unwrap().contains("\"attempt\":null"));
    assert_eq!(device.store.count(Operation::Save, "session"), 2);
}

#[tokio::test(start_paused = true)]
async fn rule_4_nothing_is_sent_when_the_intent_cannot_be_written() {
    let device = Device::signed_in().await;
    device.expire();
    device.store.fail_next(Operation::Save, StoreError::Failed("the disk is full"));
    let error = device.access_token().await.unwrap_err();
    assert_eq!(error, Error::Storage { problem: StorageProblem::Failed("the disk is full") });
    assert_eq!(device.server.count("token"), 0);
    device.access_token().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn rule_4_a_lost_answer_is_asked_for_again_with_the_same_token_and_forgiven_within_the_interval() {
    let device = Device::signed_in().await;
    device.server.change(|server| server.reuse_interval = Duration::from_secs(10));
    device.expire();
    device.server.fail([Fault::AnswerLost]);
    device.access_token().await.unwrap();
    let seen = device.server.seen("token");
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[0], seen[1], "the same request, byte for byte");
}

#[tokio::test(start_paused = true)]
async fn rule_4_without_a_reuse_interval_a_lost_answer_ends_the_session_for_a_reason_of_its_own() {
    let device = Device::signed_in().await;
    device.expire();
    device.server.fail([Fault::AnswerLost]);
    assert_eq!(device.access_token().await.unwrap_err(), login_required(LoginReason::AnswerLost));
    assert_eq!(
        device.server.count("token"),
        3,
        "the one whose answer was lost, its repeat, and once more for `invalid_grant`"
    );
}

#[tokio::test(start_paused = true)]
async fn rule_4_a_process_killed_after_the_server_acted_is_recovered_by_the_next_one_at_once() {
    let mut device = Device::signed_in().await;
    device.server.change(|server| server.reuse_interval = Duration::from_secs(10));
    device.expire();
    device.server.fail([Fault::Held]);
    let caller = device.caller().await;
    device.kill();
    device.server.release();
    settle().await;
    assert_eq!(device.server.count("token"), 1, "the server acted, the process is dead");
    caller.abort();

    device.pass(3);
    device.restart();
    settle().await;
    assert_eq!(device.server.count("token"), 2, "tried again without anybody asking");
    device.pass(60);
    device.access_token().await.unwrap();
    assert_eq!(device.server.count("token"), 2);
}

#[tokio::test(start_paused = true)]
async fn rule_4_a_process_killed_after_the_server_acted_and_restarted_too_late_knows_why() {
    let mut device = Device::signed_in().await;
    device.server.change(|server| server.reuse_interval = Duration::from_secs(10));
    device.expire();
    device.server.fail([Fault::Held]);
    let caller = device.caller().await;
    device.kill();
    device.server.release();
    settle().await;
    caller.abort();
    device.pass(11);
    device.restart();
    assert_eq!(device.access_token().await.unwrap_err(), login_required(LoginReason::AnswerLost));
}

#[tokio::test(start_paused = true)]
async fn rule_7_an_answer_with_a_lifetime_below_the_minimum_is_stored_and_returned() {
    let device = Device::signed_in().await;
    device.server.change(|server| server.lifetime = 10);
    device.expire();
    let token = device.access_token().await.unwrap();
    assert!(device.store.text("session").unwrap().contains(&token));
}

#[tokio::test(start_paused = true)]
async fn rule_7_an_answer_with_a_narrower_scope_is_stored_with_that_scope() {
    let device = Device::signed_in().await;
    device.server.change(|server| server.token_response = json!({ "scope": "openid" }));
    let credentials = device.session().renew().await.unwrap();
    assert_eq!(credentials.scope().to_string(), "openid");
}

#[tokio::test(start_paused = true)]
async fn rule_7_an_answer_without_an_id_token_keeps_the_identity() {
    let device = Device::signed_in().await;
    device.server.change(|server| server.token_response = json!({ "id_token": null }));
    device.session().renew().await.unwrap();
    assert_eq!(device.session().user().unwrap().sub(), "ada");
}

#[tokio::test(start_paused = true)]
async fn rule_8_no_answer_is_tried_again_at_once_and_then_reported() {
    let device = Device::signed_in().await;
    device.expire();
    device.server.fail([Fault::RequestLost, Fault::RequestLost]);
    let began = tokio::time::Instant::now();
    let error = device.access_token().await.unwrap_err();
    assert_eq!(offline_cause(&error), Some(OfflineCause::NoAnswer));
    assert!(began.elapsed() >= Duration::from_millis(100), "with a pause that differs from device to device");
    assert_eq!(device.server.faults_left(), 0, "two requests, not more");
    device.pass(5);
    device.access_token().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn rule_8_a_server_that_says_when_is_not_asked_sooner() {
    for (status, header) in [(429, "Retry-After"), (503, "Retry-After"), (429, "x-ratelimit-reset")] {
        let device = Device::signed_in().await;
        device.expire();
        let value =
            if header == "Retry-After" { "30".to_owned() } else { (device.clock.unix_seconds() + 30).to_string() };
        device.server.fail([Fault::Answer(status, vec![(header, value)], "{}".to_owned())]);
        let Error::Offline { retry_after: Some(wait), .. } = device.access_token().await.unwrap_err() else { panic!() };
        assert!((30..=38).contains(&wait.as_secs()), "{wait:?}");
        device.pass(29);
        device.access_token().await.unwrap_err();
        device.session().renew().await.unwrap_err();
        assert_eq!(device.server.count("token"), 1, "{status} {header}");
        device.pass(10);
        device.access_token().await.unwrap();
        assert_eq!(device.server.count("token"), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn rule_8_a_failure_that_says_when_is_not_tried_again_at_once() {
    let device = Device::signed_in().await;
    device.expire();
    device.server.fail([Fault::Answer(500, vec![("Retry-After", "20".to_owned())], String::new())]);
    device.access_token().await.unwrap_err();
    assert_eq!(device.server.count("token"), 1);
    device.pass(26);
    device.access_token().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn rule_2_a_transport_that_never_answers_a_renewal_keeps_nobody_forever() {
    let device = Device::signed_in().await;
    device.expire();
    device.server.fail([Fault::Held, Fault::Held]);
    let error = tokio::time::timeout(Duration::from_secs(200), device.access_token()).await.unwrap().unwrap_err();
    assert_eq!(offline_cause(&error), Some(OfflineCause::NoAnswer));
}

#[tokio::test(start_paused = true)]
async fn rule_8_a_failing_server_is_asked_less_and_less_often() {
    let device = Device::signed_in().await;
    device.expire();
    let outage = Fault::Answer(502, vec![], "<html>Bad gateway</html>".to_owned());
    device.server.fail(vec![outage; 1_000]);
    // Somebody asks every second for an hour.
    for _ in 0..3_600 {
        device.access_token().await.unwrap_err();
        device.pass(1);
    }
    let requests = device.server.count("token");
    assert!((60..=140).contains(&requests), "{requests} requests in an hour");
}

#[tokio::test(start_paused = true)]
async fn rule_9_a_token_from_a_server_that_only_issues_short_ones_is_returned_and_not_renewed_forever() {
    let device = Device::new();
    device.server.change(|server| server.lifetime = 10);
    device.log_in("ada").await.unwrap();
    device.server.forget_requests();
    for _ in 0..100 {
        device.session().credentials(MinTtl::seconds(300)).await.unwrap();
    }
    assert_eq!(device.server.count("token"), 0);
    device.pass(10);
    device.session().credentials(MinTtl::seconds(300)).await.unwrap();
    assert_eq!(device.server.count("token"), 1);
}

#[tokio::test(start_paused = true)]
async fn rule_9_a_token_with_time_left_is_returned_when_the_server_cannot_be_reached() {
    let device = Device::signed_in().await;
    device.pass(3_600 - 30);
    device.server.fail([Fault::Unreachable]);
    device.access_token().await.unwrap();
    device.pass(30);
    device.server.fail([Fault::Unreachable]);
    assert_eq!(offline_cause(&device.access_token().await.unwrap_err()), Some(OfflineCause::Unreachable));
}

#[tokio::test(start_paused = true)]
async fn rule_7_a_token_whose_lifetime_is_not_told_is_good_until_an_api_refuses_it() {
    let device = Device::new();
    device.server.change(|server| server.token_response = json!({ "expires_in": null }));
    device.log_in("ada").await.unwrap();
    device.server.forget_requests();
    let credentials = device.session().credentials(MinTtl::default()).await.unwrap();
    assert_eq!(credentials.expires_at(), None);
    device.pass(1_000_000);
    device.access_token().await.unwrap();
    assert_eq!(device.server.count("token"), 0);
}

#[tokio::test(start_paused = true)]
async fn rule_1_renew_sends_one_request_and_keeps_a_token_that_is_not_rotated() {
    let device = Device::signed_in_without_rotation().await;
    for _ in 0..3 {
        assert!(device.session().renew().await.unwrap().renewed());
    }
    let tokens: Vec<_> =
        device.server.seen("token").into_iter().map(|seen| seen.parameters["refresh_token"].clone()).collect();
    assert_eq!(tokens.len(), 3);
    assert!(tokens.iter().all(|token| *token == tokens[0]));
}

#[tokio::test(start_paused = true)]
async fn renew_before_any_login_says_so_and_sends_nothing() {
    let device = Device::new();
    assert_eq!(device.session().renew().await.unwrap_err(), login_required(LoginReason::NotSignedIn));
    assert_eq!(device.server.count("token"), 0);
}

#[tokio::test(start_paused = true)]
async fn renew_without_a_network_before_any_login_says_that_nobody_is_signed_in() {
    let device = Device::new();
    device.server.cut_off();
    assert_eq!(device.session().renew().await.unwrap_err(), login_required(LoginReason::NotSignedIn));
    assert_eq!(device.access_token().await.unwrap_err(), login_required(LoginReason::NotSignedIn));
}

#[tokio::test(start_paused = true)]
async fn rule_5_renew_in_a_process_that_has_seen_nobody_signed_in_finds_the_login_of_another_one() {
    let app = Device::new();
    let extension = app.extension();
    assert!(extension.session().renew().await.is_err());
    app.log_in("ada").await.unwrap();
    extension.session().renew().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn rule_6_renew_without_a_refresh_token_says_so_and_sends_nothing() {
    let device = Device::new();
    device.server.change(|server| server.offline_access = false);
    device.log_in("ada").await.unwrap();
    device.server.forget_requests();
    let error = device.session().renew().await.unwrap_err();
    assert_eq!(error, login_required(LoginReason::NoRefreshToken));
    assert!(error.to_string().contains("no refresh token found"));
    assert_eq!(device.server.count("token"), 0);
    device.access_token().await.unwrap();
    device.expire();
    assert_eq!(device.access_token().await.unwrap_err(), login_required(LoginReason::NoRefreshToken));
    assert_eq!(device.session().user().unwrap().sub(), "ada", "who it is stays known");
}

#[tokio::test(start_paused = true)]
async fn rule_1_a_narrower_scope_is_a_token_of_its_own() {
    let device = Device::signed_in().await;
    let narrow = CredentialsRequest::new().scope("openid").unwrap();
    let first = device.session().credentials(narrow.clone()).await.unwrap();
    let again = device.session().credentials(narrow).await.unwrap();
    assert_eq!(first.access_token().expose(), again.access_token().expose());
    assert_ne!(first.access_token().expose(), device.access_token().await.unwrap());
    assert_eq!(device.server.seen("token")[0].parameters["scope"], "openid");
    assert_eq!(device.server.count("token"), 1);
}
