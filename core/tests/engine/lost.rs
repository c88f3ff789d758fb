//! Rules 4 and 6: what a gateway may have said after the server acted is a lost answer, and the token may be spent.

use std::time::Duration;

use hallpass_core::{LoginReason, State};

use crate::support::server::{Fault, Reply};
use crate::support::{Device, live, login_required, still_works};

const STATUSES: [u16; 6] = [408, 500, 502, 503, 504, 520];

#[tokio::test(start_paused = true)]
async fn rule_6_a_gateways_failure_after_the_server_acted_is_asked_for_again_with_the_same_token() {
    for status in STATUSES {
        for reply in [Reply::html(status), Reply::empty(status), Reply::json(status, r#"{"error":"server_error"}"#)] {
            let device = Device::signed_in().await;
            device.server.change(|server| server.reuse_interval = Duration::from_secs(10));
            device.expire();
            device.server.fail([Fault::ActsAndSays(reply.clone())]);
            // Where the first try says that the server failed, the second is made at once or within seconds.
            let _ = device.access_token().await;
            live(8).await;
            device.access_token().await.unwrap_or_else(|error| panic!("{reply:?}: {error}"));
            let sent = device.server.sent_refresh_tokens();
            assert_eq!(sent.len(), 2, "{reply:?}: {sent:?}");
            assert_eq!(sent[0], sent[1], "{reply:?}");
            still_works(&device).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn rule_6_an_app_that_asks_again_too_late_after_a_503_is_still_signed_in() {
    // Envoy, "upstream connect error": the server rotated, the app asks again after 14 s, and 10 s are forgiven.
    for status in STATUSES {
        let device = Device::signed_in().await;
        device.server.change(|server| server.reuse_interval = Duration::from_secs(10));
        device.expire();
        device.server.fail([Fault::ActsAndSays(Reply::html(status))]);
        let _ = device.access_token().await;
        live(14).await;
        device.access_token().await.unwrap_or_else(|error| panic!("{status}: {error}"));
        still_works(&device).await;
    }
}

#[tokio::test(start_paused = true)]
async fn rule_6_a_gateways_failure_before_the_server_acted_costs_one_more_request() {
    for status in STATUSES {
        let device = Device::signed_in().await;
        device.expire();
        device.server.fail([Fault::Says(Reply::html(status))]);
        device.access_token().await.unwrap_or_else(|error| panic!("{status}: {error}"));
        let sent = device.server.sent_refresh_tokens();
        assert_eq!((sent.len(), &sent[0]), (2, &sent[1]), "{status}");
        still_works(&device).await;
    }
}

#[tokio::test(start_paused = true)]
async fn rule_6_a_gateways_failure_that_cost_the_token_is_told_as_a_lost_answer() {
    for status in STATUSES {
        let device = Device::signed_in().await;
        device.expire();
        device.server.fail([Fault::ActsAndSays(Reply::html(status))]);
        assert_eq!(device.access_token().await.unwrap_err(), login_required(LoginReason::AnswerLost), "{status}");
        device.log_in("ada").await.unwrap();
        still_works(&device).await;
    }
}

#[tokio::test(start_paused = true)]
async fn rule_4_a_gateways_failure_leaves_the_token_in_doubt_for_the_next_process() {
    for status in STATUSES {
        let mut device = Device::signed_in().await;
        device.server.change(|server| server.reuse_interval = Duration::from_secs(60));
        device.expire();
        device.server.fail([Fault::ActsAndSays(Reply::html(status)), Fault::Says(Reply::html(status))]);
        device.access_token().await.unwrap_err();
        device.restart();
        live(1).await;
        assert_eq!(device.server.count("token"), 3, "{status}: the next process asks at once, unasked");
        device.access_token().await.unwrap();
        still_works(&device).await;
    }
}

#[tokio::test(start_paused = true)]
async fn rule_8_a_429_says_that_the_token_is_unused() {
    let device = Device::signed_in().await;
    device.expire();
    device.server.fail([Fault::Says(Reply::json(429, "{}").header("Retry-After", "5"))]);
    device.access_token().await.unwrap_err();
    live(4).await;
    assert_eq!(device.server.count("token"), 1, "nothing is asked before the caller asks");
    live(60).await;
    assert_eq!(device.server.count("token"), 1, "nor after");
    device.server.revoke_everything();
    let error = device.access_token().await.unwrap_err();
    assert_eq!(error, login_required(LoginReason::Revoked), "no answer was lost");
}

#[tokio::test(start_paused = true)]
async fn rule_8_a_failure_after_the_server_acted_that_says_when_is_asked_for_then() {
    let device = Device::signed_in().await;
    device.server.change(|server| server.reuse_interval = Duration::from_secs(60));
    device.expire();
    device.server.fail([Fault::ActsAndSays(Reply::html(503).header("Retry-After", "20"))]);
    device.access_token().await.unwrap_err();
    live(19).await;
    assert_eq!(device.server.count("token"), 1, "never sooner");
    live(20).await;
    assert_eq!(device.server.count("token"), 2, "and by itself");
    device.access_token().await.unwrap();
    assert!(matches!(device.session().state(), State::SignedIn { .. }));
    still_works(&device).await;
}
