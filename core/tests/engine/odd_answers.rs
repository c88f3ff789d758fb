//! Rule 7: an answer that arrived is used as far as it goes.

use hallpass_core::Error;
use serde_json::json;

use crate::support::server::{Fault, OddBody, Reply};
use crate::support::{Device, login_required, still_works};

#[tokio::test(start_paused = true)]
async fn rule_7_an_answer_that_is_odd_where_nothing_depends_on_it_is_used() {
    for odd in OddBody::READABLE {
        let device = Device::signed_in().await;
        for renewals in 1..=2 {
            device.server.fail([Fault::Odd(odd)]);
            let renewed = device.renew().await.unwrap_or_else(|error| panic!("{odd:?}: {error}"));
            assert!(device.server.takes(renewed.access_token().expose()));
            assert_eq!(device.server.count("token"), renewals, "{odd:?}");
        }
        device.renew().await.unwrap();
        still_works(&device).await;
    }
}

#[tokio::test(start_paused = true)]
async fn rule_7_a_login_whose_answer_is_odd_where_nothing_depends_on_it_signs_in() {
    for odd in OddBody::READABLE {
        let device = Device::new();
        device.server.fail([Fault::Odd(odd)]);
        device.log_in("ada").await.unwrap_or_else(|error| panic!("{odd:?}: {error}"));
        assert_eq!(device.server.count("token"), 1);
        still_works(&device).await;
    }
}

#[tokio::test(start_paused = true)]
async fn rule_7_a_gzipped_answer_is_used_though_nobody_asked_for_gzip() {
    let device = Device::new();
    device.server.fail([Fault::Odd(OddBody::Gzip)]);
    device.log_in("ada").await.unwrap_or_else(|error| panic!("a login: {error}"));
    for renewals in 1..=2 {
        device.server.fail([Fault::Odd(OddBody::Gzip)]);
        device.renew().await.unwrap_or_else(|error| panic!("a renewal: {error}"));
        assert_eq!(device.server.count("token"), 1 + renewals);
    }
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_7_a_refresh_token_beside_an_access_token_that_cannot_be_used_is_kept() {
    for odd in OddBody::SALVAGEABLE {
        let device = Device::signed_in().await;
        device.expire();
        device.server.fail([Fault::Odd(odd)]);
        // What became of this renewal is told as an error, or it was made good at once; either way nothing is lost.
        let _ = device.access_token().await;
        assert!(device.store.text("session").unwrap().contains(&device.server.living()[0]), "{odd:?}");
        device.pass(100);
        device.access_token().await.unwrap_or_else(|error| panic!("{odd:?}: {error}"));
        let sent = device.server.sent_refresh_tokens();
        assert_eq!(sent.len(), 2, "{odd:?}");
        assert_ne!(sent[0], sent[1], "{odd:?}");
        still_works(&device).await;
    }
}

#[tokio::test(start_paused = true)]
async fn rule_7_a_refresh_token_of_an_unusable_answer_survives_a_restart() {
    let mut device = Device::signed_in().await;
    device.server.fail([Fault::Odd(OddBody::NoAccessToken)]);
    let _ = device.renew().await;
    device.restart();
    device.expire();
    device.access_token().await.unwrap();
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_7_a_refusal_is_read_whatever_charset_or_mark_it_comes_with() {
    let latin_1 = b"{\"error\":\"invalid_grant\",\"error_description\":\"jeton expir\xe9\"}".to_vec();
    let marked = b"\xef\xbb\xbf{\"error\":\"invalid_grant\"}".to_vec();
    for body in [latin_1, marked] {
        let device = Device::signed_in().await;
        device.server.revoke_everything();
        device.server.change(|server| server.dead_token = Reply::json(400, body.clone()));
        device.expire();
        let error = device.access_token().await.unwrap_err();
        assert_eq!(error, login_required(hallpass_core::LoginReason::Revoked), "{}", String::from_utf8_lossy(&body));
        device.log_in("ada").await.unwrap();
        still_works(&device).await;
    }
}

#[tokio::test(start_paused = true)]
async fn rule_7_an_answer_with_a_lifetime_that_says_nothing_is_used() {
    for lifetime in [json!("soon"), json!(null), json!({}), json!("3600"), json!(3600.5)] {
        let device = Device::signed_in().await;
        device.server.change(|server| server.token_response = json!({ "expires_in": lifetime }));
        device.renew().await.unwrap();
        device.renew().await.unwrap();
        device.server.change(|server| server.token_response = json!({}));
        still_works(&device).await;
    }
}

#[tokio::test(start_paused = true)]
async fn rule_7_the_same_access_token_once_more_is_a_renewal_of_one_request() {
    let device = Device::signed_in().await;
    device.server.change(|server| server.same_access_token = true);
    let before = device.access_token().await.unwrap();
    for renewals in 1..=2 {
        let renewed = device.renew().await.unwrap();
        assert!(renewed.renewed());
        assert_eq!(renewed.access_token().expose(), before);
        assert_eq!(device.server.count("token"), renewals);
    }
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_7_a_bearer_token_where_a_bound_one_was_asked_for_is_withheld_and_the_refresh_token_is_kept() {
    let device = Device::bound().await;
    device.server.change(|server| server.token_response = json!({ "token_type": "Bearer" }));
    let error = device.renew().await.unwrap_err();
    assert_eq!(error, Error::Untrusted { check: "token_not_sender_constrained" });
    device.server.change(|server| server.token_response = json!({}));
    device.pass(100);
    let renewed = device.renew().await.unwrap();
    assert!(renewed.renewed());
    let sent = device.server.sent_refresh_tokens();
    assert_ne!(sent.first(), sent.last(), "the refresh token that came was kept");
    still_works(&device).await;
}
