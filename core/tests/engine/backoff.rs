//! Rule 8: a server is asked as often as it can bear, and no longer waited for than an hour. Rule 9: what is still valid is
//! returned meanwhile.

use std::time::Duration;

use hallpass_core::ports::StoreError;
use hallpass_core::protocol::error::ErrorCode;
use hallpass_core::{CredentialsRequest, Error, LoginReason, MinTtl};
use tokio::time::Instant;

use crate::support::server::{Fault, OddBody, OddIdToken, Reply, Target};
use crate::support::{Device, audience, denied, live, login_required, still_works, within};

const HOUR: Duration = Duration::from_secs(3_600);

/// Longer than anybody lives, in seconds.
const FOREVER: &str = "18446744073709551615";

fn retry_after(error: &Error) -> Duration {
    let Error::Offline { retry_after: Some(wait), .. } = error else { panic!("no word about when: {error:?}") };
    *wait
}

/// What stands in the way of a renewal, and how it comes about.
type Obstacle = (&'static str, fn(&Device));

#[tokio::test(start_paused = true)]
async fn rule_8_a_refusal_is_asked_for_less_and_less_often() {
    let device = Device::signed_in().await;
    device.expire();
    device.server.refuse(Target::Login, Reply::json(401, r#"{"error":"invalid_client"}"#));
    let began = Instant::now();
    let mut asked = Vec::new();
    for _ in 0..60 {
        assert_eq!(denied(&device.access_token().await.unwrap_err()), Some(ErrorCode::InvalidClient));
        if device.server.count("token") > asked.len() {
            asked.push(began.elapsed().as_secs());
        }
        live(1).await;
    }
    assert!((4..=6).contains(&asked.len()), "{asked:?}");
    let pauses: Vec<u64> = asked.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(pauses.windows(2).all(|pair| pair[0] < pair[1]), "{pauses:?}");
    assert!((2..=4).contains(&pauses[0]), "{pauses:?}");
    device.server.work_again();
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_8_a_refusal_is_asked_for_at_least_every_ten_minutes() {
    let device = Device::signed_in().await;
    device.expire();
    device.server.refuse(Target::Login, Reply::json(401, r#"{"error":"invalid_client"}"#));
    for _ in 0..24 * 60 {
        device.access_token().await.unwrap_err();
        live(60).await;
    }
    device.forget();
    for _ in 0..14 {
        device.access_token().await.unwrap_err();
        live(60).await;
    }
    assert!((1..=2).contains(&device.server.count("token")), "after a day: {}", device.server.count("token"));
    device.server.work_again();
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_8_calls_between_two_refusals_get_the_same_error_and_send_nothing() {
    let device = Device::signed_in().await;
    device.expire();
    device.server.refuse_times(1, Target::Login, Reply::json(400, r#"{"error":"made_up"}"#));
    for _ in 0..10 {
        assert_eq!(denied(&device.access_token().await.unwrap_err()), Some(ErrorCode::Unrecognised));
        assert_eq!(denied(&device.renew().await.unwrap_err()), Some(ErrorCode::Unrecognised));
    }
    assert_eq!(device.server.count("token"), 1);
    live(3).await;
    device.access_token().await.unwrap();
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_8_a_success_ends_the_backoff() {
    let device = Device::signed_in().await;
    device.server.refuse_times(5, Target::Login, Reply::json(400, r#"{"error":"invalid_client"}"#));
    let began = Instant::now();
    while device.renew().await.is_err() {
        live(1).await;
    }
    assert!((30..90).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    device.server.refuse_times(1, Target::Login, Reply::json(400, r#"{"error":"invalid_client"}"#));
    device.renew().await.unwrap_err();
    live(3).await;
    device.renew().await.unwrap_or_else(|error| panic!("it begins anew: {error}"));
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_8_no_server_is_waited_for_longer_than_an_hour() {
    let busy = || Fault::Says(Reply::html(503).header("Retry-After", FOREVER));
    // Discovery.
    let device = Device::new();
    device.server.always("metadata", busy());
    let error = device.log_in("ada").await.unwrap_err();
    assert!(retry_after(&error) <= HOUR, "discovery: {error:?}");
    device.server.work_again();

    // The keys.
    device.server.always("keys", busy());
    let error = device.log_in("ada").await.unwrap_err();
    assert!(retry_after(&error) <= HOUR, "keys: {error:?}");
    device.server.work_again();

    // The code.
    device.server.always("token", busy());
    let error = device.log_in("ada").await.unwrap_err();
    assert!(retry_after(&error) <= HOUR, "code: {error:?}");
    device.server.work_again();

    // Userinfo.
    device.log_in("ada").await.unwrap();
    device.server.always("userinfo", busy());
    let error = within(device.session().userinfo()).await.unwrap_err();
    assert!(retry_after(&error) <= HOUR, "userinfo: {error:?}");
    device.server.work_again();

    // A renewal.
    device.expire();
    device.server.fail([busy()]);
    let error = device.access_token().await.unwrap_err();
    assert!(retry_after(&error) <= HOUR, "renewal: {error:?}");
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_8_a_wait_until_a_date_in_another_century_is_an_hour_at_most() {
    let device = Device::signed_in().await;
    device.expire();
    let date = "Fri, 31 Dec 9999 23:59:59 GMT";
    device.server.fail([Fault::Says(Reply::html(429).header("Retry-After", date))]);
    assert!(retry_after(&device.access_token().await.unwrap_err()) <= HOUR);
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_9_a_token_with_time_left_is_returned_whatever_stands_in_the_way_of_a_longer_one() {
    let longer = CredentialsRequest::from(MinTtl::seconds(3_000));
    let ways: [Obstacle; 9] = [
        ("a refusal", |device| {
            device.server.refuse(Target::Login, Reply::json(401, r#"{"error":"invalid_client"}"#));
        }),
        ("a refusal in no words", |device| device.server.refuse(Target::Login, Reply::empty(401))),
        ("a server that fails", |device| device.server.always("token", Fault::Says(Reply::html(500)))),
        ("no network", |device| device.server.cut_off()),
        ("an answer without a token", |device| device.server.always("token", Fault::Odd(OddBody::NoAccessToken))),
        ("an answer that is none", |device| device.server.always("token", Fault::Says(Reply::json(200, "[]")))),
        ("an answer about another user", |device| {
            let claims = serde_json::json!({ "sub": "mallory" });
            device.server.change(|server| server.renewed_id_token = OddIdToken::Claims(claims));
        }),
        ("a locked store", |device| device.store.break_with(StoreError::Locked)),
        ("a store that fails", |device| device.store.break_with(StoreError::Failed("the disk is full"))),
    ];
    for (what, obstruct) in ways {
        let device = Device::signed_in().await;
        let before = device.access_token().await.unwrap();
        device.pass(3_000);
        obstruct(&device);
        for _ in 0..3 {
            let found = device.ask(longer.clone()).await.unwrap_or_else(|error| panic!("{what}: {error}"));
            assert_eq!(found.access_token().expose(), before, "{what}");
            assert!(!found.renewed());
            live(10).await;
        }
        device.expire();
        device.access_token().await.unwrap_err();

        device.server.work_again();
        device.server.change(|server| server.renewed_id_token = OddIdToken::Usual);
        device.store.repair();
        still_works(&device).await;
    }
}

#[tokio::test(start_paused = true)]
async fn rule_9_a_token_with_time_left_is_not_returned_once_the_server_has_ended_the_session() {
    let device = Device::signed_in().await;
    device.pass(3_000);
    device.server.revoke_everything();
    let error = device.ask(MinTtl::seconds(3_000)).await.unwrap_err();
    assert_eq!(error, login_required(LoginReason::Revoked));
    assert_eq!(device.access_token().await.unwrap_err(), login_required(LoginReason::Revoked));
}

#[tokio::test(start_paused = true)]
async fn rule_9_a_token_without_a_refresh_token_is_returned_for_as_long_as_it_lives() {
    let device = Device::signed_in_without_refresh_token().await;
    device.pass(3_000);
    device.ask(MinTtl::seconds(3_000)).await.unwrap();
    device.pass(601);
    assert_eq!(device.access_token().await.unwrap_err(), login_required(LoginReason::NoRefreshToken));
}

#[tokio::test(start_paused = true)]
async fn rule_9_an_audiences_token_with_time_left_is_returned_when_the_audience_is_refused() {
    const REPORTS: &str = "https://reports.example";
    let device = Device::signed_in().await;
    let before = device.ask(audience(REPORTS)).await.unwrap();
    device.server.refuse(Target::Audience(REPORTS), Reply::invalid_grant("consent was withdrawn"));
    device.pass(3_000);
    let found = device.ask(audience(REPORTS).min_ttl(MinTtl::seconds(3_000))).await.unwrap();
    assert_eq!(found.access_token().expose(), before.access_token().expose());
    device.server.work_again();
    still_works(&device).await;
}
