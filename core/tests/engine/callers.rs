//! Rules 1 and 2: one renewal for all who need it, and nobody who leaves interrupts it.

use std::time::Duration;

use hallpass_core::protocol::error::ErrorCode;
use hallpass_core::{Credentials, Error, LoginReason, MinTtl, OfflineCause, Session};
use tokio::task::JoinSet;

use crate::support::server::{Fault, Reply, Target};
use crate::support::{Device, audience, denied, settle, within};

async fn ask_at_once(session: &Session, callers: usize) -> Vec<hallpass_core::Result<Credentials>> {
    let mut tasks = JoinSet::new();
    for _ in 0..callers {
        let session = session.clone();
        tasks.spawn(async move { session.credentials(MinTtl::default()).await });
    }
    within(tasks.join_all()).await
}

#[tokio::test(start_paused = true)]
async fn rule_1_callers_on_expired_credentials_send_one_request_and_share_its_success() {
    for callers in [1, 1_000, 10_000] {
        let device = Device::signed_in().await;
        device.expire();
        let outcomes = ask_at_once(device.session(), callers).await;
        let tokens: std::collections::BTreeSet<String> =
            outcomes.into_iter().map(|outcome| outcome.unwrap().access_token().expose().to_owned()).collect();
        assert_eq!((tokens.len(), device.server.count("token")), (1, 1), "{callers} callers");
    }
}

#[tokio::test(start_paused = true)]
async fn rule_1_callers_on_expired_credentials_send_one_request_and_share_its_failure() {
    for callers in [1, 1_000, 10_000] {
        let device = Device::signed_in().await;
        device.expire();
        device.server.fail([Fault::Answer(429, vec![("Retry-After", "30".to_owned())], String::new())]);
        for outcome in ask_at_once(device.session(), callers).await {
            let Err(Error::Offline { cause: OfflineCause::RateLimited, retry_after: Some(_) }) = outcome else {
                panic!("{outcome:?}")
            };
        }
        assert_eq!(device.server.count("token"), 1, "{callers} callers");
    }
}

#[tokio::test(start_paused = true)]
async fn rule_1_callers_share_a_refusal_and_the_end_of_a_session() {
    let device = Device::signed_in().await;
    device.expire();
    device.server.refuse_times(1, Target::Login, Reply::json(401, r#"{"error":"invalid_client"}"#));
    for outcome in ask_at_once(device.session(), 1_000).await {
        assert_eq!(denied(&outcome.unwrap_err()), Some(ErrorCode::InvalidClient));
    }
    assert_eq!(device.server.count("token"), 1);

    device.pass(3);
    device.forget();
    device.server.revoke_everything();
    for outcome in ask_at_once(device.session(), 1_000).await {
        assert_eq!(outcome.unwrap_err(), Error::LoginRequired { reason: LoginReason::Revoked });
    }
    assert_eq!(device.server.count("token"), 2, "and once more after two seconds");
}

#[tokio::test(start_paused = true)]
async fn rule_1_audiences_renew_side_by_side_with_a_reusable_token() {
    let device = Device::signed_in_without_rotation().await;
    device.server.fail(vec![Fault::Held; 50]);
    let mut tasks = JoinSet::new();
    for number in 0..50 {
        let session = device.session().clone();
        tasks.spawn(async move { session.credentials(audience(&format!("https://api-{number}.example"))).await });
    }
    settle().await;
    assert_eq!(device.server.count("token"), 0, "all of them are in flight");
    for _ in 0..50 {
        device.server.release();
        settle().await;
    }
    for outcome in within(tasks.join_all()).await {
        outcome.unwrap();
    }
    let audiences: std::collections::BTreeSet<_> =
        device.server.seen("token").into_iter().map(|seen| seen.parameters["audience"].clone()).collect();
    assert_eq!((audiences.len(), device.server.count("token")), (50, 50));
}

#[tokio::test(start_paused = true)]
async fn rule_1_audiences_renew_in_turn_with_a_rotating_token() {
    let device = Device::signed_in().await;
    let mut tasks = JoinSet::new();
    for number in 0..10 {
        let session = device.session().clone();
        tasks.spawn(async move { session.credentials(audience(&format!("https://api-{number}.example"))).await });
    }
    for outcome in within(tasks.join_all()).await {
        outcome.unwrap();
    }
    let tokens: std::collections::BTreeSet<_> =
        device.server.seen("token").into_iter().map(|seen| seen.parameters["refresh_token"].clone()).collect();
    assert_eq!(tokens.len(), 10, "each renewal used the token of the one before");
}

#[tokio::test(start_paused = true)]
async fn rule_2_a_caller_that_goes_away_does_not_cancel_the_exchange() {
    let device = Device::signed_in().await;
    device.expire();
    device.server.fail([Fault::Held]);
    let caller = device.caller().await;
    caller.abort();
    settle().await;
    device.server.release();
    settle().await;
    device.access_token().await.unwrap();
    assert_eq!(device.server.count("token"), 1, "what the first caller began was finished and kept");
}

#[tokio::test(start_paused = true)]
async fn rule_2_a_session_dropped_during_an_exchange_still_stores_what_arrives() {
    let mut device = Device::signed_in().await;
    device.expire();
    device.server.fail([Fault::Held]);
    let caller = device.caller().await;
    caller.abort();
    device.close();
    settle().await;
    device.server.release();
    settle().await;
    device.open();
    device.access_token().await.unwrap();
    assert_eq!(device.server.count("token"), 1);
}

#[tokio::test(start_paused = true)]
async fn rule_9_a_hit_reads_no_store_and_sends_nothing() {
    let device = Device::signed_in().await;
    for _ in 0..100 {
        device.access_token().await.unwrap();
    }
    assert_eq!(device.store.operations(), 0);
    assert_eq!(device.server.count("token"), 0);
}

#[tokio::test(start_paused = true)]
async fn rule_5_a_second_session_on_an_open_account_is_misconfigured() {
    let mut device = Device::new();
    let error = device.build(device.store.clone()).unwrap_err();
    assert!(matches!(error, Error::Misconfigured { field: "account", .. }), "{error:?}");
    device.close();
    settle().await;
    device.open();
}

#[tokio::test(start_paused = true)]
async fn rule_8_an_idle_session_has_no_timer() {
    let device = Device::signed_in().await;
    device.session().renew().await.unwrap();
    settle().await;
    // With time paused, Tokio jumps to the next timer when nothing else can run: this one is the only one.
    let before = tokio::time::Instant::now();
    tokio::time::sleep(Duration::from_secs(24 * 60 * 60)).await;
    assert_eq!(before.elapsed(), Duration::from_secs(24 * 60 * 60));
    assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), 0, "no task waits for anything");
}
