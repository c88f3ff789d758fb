//! Calls to APIs: one renewal and one repeat after a 401 (rule 8), and no token for anybody else (rule 15).

use hallpass_core::protocol::http::Method;
use hallpass_core::{ApiRequest, Error, LoginReason, MinTtl, OfflineCause, State};

use crate::support::server::{API, Fault, Reply};
use crate::support::{Device, live, login_required, still_works, within};

/// What an API says that is not content with the token, for whatever reason.
fn unauthorized() -> Fault {
    let reply = Reply::json(401, r#"{"message":"wrong audience"}"#);
    Fault::Says(reply.header("WWW-Authenticate", r#"Bearer error="invalid_token""#))
}

#[tokio::test(start_paused = true)]
async fn rule_8_an_api_that_says_401_forever_costs_one_renewal_in_thirty_seconds() {
    let device = Device::signed_in().await;
    device.server.always("api", unauthorized());
    for _ in 0..5 {
        let reply = device.call().await.unwrap();
        assert_eq!((reply.status, reply.body.as_slice()), (401, &br#"{"message":"wrong audience"}"#[..]));
        assert_eq!(reply.headers.get("www-authenticate"), Some(r#"Bearer error="invalid_token""#));
        live(5).await;
    }
    assert_eq!(device.server.count("token"), 1);
    device.server.work_again();
    assert_eq!(device.call().await.unwrap().status, 200, "the token was good all the time");
    assert_eq!(device.server.count("token"), 1);
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_8_an_api_that_says_401_for_an_hour_does_not_rotate_with_every_call() {
    let device = Device::signed_in().await;
    device.server.always("api", unauthorized());
    for _ in 0..360 {
        assert_eq!(device.call().await.unwrap().status, 401);
        live(10).await;
    }
    let renewals = device.server.count("token");
    assert!(renewals <= 122, "{renewals} renewals in an hour");
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_8_calls_at_the_same_time_to_an_api_that_says_401_forever_cost_one_renewal() {
    let device = Device::signed_in().await;
    device.server.always("api", unauthorized());
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let session = device.session().clone();
        calls.spawn(async move { session.call(ApiRequest::get(API)).await.unwrap().status });
    }
    assert_eq!(within(calls.join_all()).await, [401; 20]);
    assert_eq!(device.server.count("token"), 1);
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_8_a_401_that_a_renewal_cures_is_cured_each_time() {
    let device = Device::signed_in().await;
    for renewals in 1..=3 {
        device.server.expire_access_tokens();
        let reply = device.call().await.unwrap();
        assert_eq!((reply.status, reply.renewals), (200, 1));
        assert_eq!(device.server.count("token"), renewals);
        live(31).await;
    }
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_8_a_401_when_the_server_cannot_be_asked_is_the_networks_error_and_signs_nobody_out() {
    let device = Device::signed_in().await;
    device.server.always("api", unauthorized());
    device.server.fail([Fault::Unreachable]);
    let error = device.call().await.unwrap_err();
    assert_eq!(error, Error::Offline { cause: OfflineCause::Unreachable, retry_after: None });
    assert!(matches!(device.session().state(), State::SignedIn { .. }));
    device.server.work_again();
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_7_without_a_refresh_token_the_apis_401_is_the_answer() {
    let device = Device::signed_in_without_refresh_token().await;
    device.server.always("api", unauthorized());
    for _ in 0..2 {
        let reply = device.call().await.unwrap();
        assert_eq!((reply.status, reply.renewals), (401, 0));
        assert_eq!(reply.headers.get("www-authenticate"), Some(r#"Bearer error="invalid_token""#));
    }
    assert_eq!(device.server.count("token"), 0);
    assert!(matches!(device.session().state(), State::SignedIn { .. }), "the token is good for other APIs");
    device.server.work_again();
    assert_eq!(device.call().await.unwrap().status, 200);
}

#[tokio::test(start_paused = true)]
async fn rule_7_without_a_refresh_token_a_401_of_userinfo_is_told_as_that() {
    let device = Device::signed_in_without_refresh_token().await;
    device.server.always("userinfo", unauthorized());
    let error = within(device.session().userinfo()).await.unwrap_err();
    assert_eq!(error, Error::Untrusted { check: "userinfo_unauthorized" });
    device.server.work_again();
    assert_eq!(within(device.session().userinfo()).await.unwrap().sub(), "ada");
}

#[tokio::test(start_paused = true)]
async fn rule_6_without_a_refresh_token_the_state_says_when_a_login_is_required() {
    let mut device = Device::signed_in_without_refresh_token().await;
    device.access_token().await.unwrap();
    let required = |state: &State| matches!(state, State::LoginRequired { user, reason: LoginReason::NoRefreshToken } if user.sub() == "ada");
    assert!(matches!(device.session().state(), State::SignedIn { .. }));
    device.expire();
    assert_eq!(device.access_token().await.unwrap_err(), login_required(LoginReason::NoRefreshToken));
    assert!(required(&device.session().state()), "{:?}", device.session().state());
    assert!(device.witness.notes().state.as_ref().is_some_and(required), "and the observer knows");
    assert_eq!(device.user().as_deref(), Some("ada"));

    device.restart();
    let state = device.state().await;
    assert!(required(&state), "{state:?}");
    device.server.change(|server| server.offline_access = true);
    device.log_in("ada").await.unwrap();
    assert!(matches!(device.session().state(), State::SignedIn { .. }));
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_15_a_request_that_brings_its_own_authorization_or_host_is_refused_before_it_is_sent() {
    let device = Device::signed_in().await;
    let requests = [
        ApiRequest::get(API).header("Authorization", "Bearer of-the-app"),
        ApiRequest::get(API).header("authorization", "Basic eDp5"),
        ApiRequest::get(API).header("DPoP", "a proof"),
        ApiRequest::get(API).header("Host", "internal.example"),
        ApiRequest::get("https://user:password@api.example/expenses"),
        ApiRequest::get("https://user@api.example/expenses"),
    ];
    for request in requests {
        let error = within(device.session().call(request.clone())).await.unwrap_err();
        assert!(matches!(error, Error::Misconfigured { .. }), "{request:?}: {error:?}");
    }
    let error =
        within(device.session().authorize(Method::Get, "https://user:password@api.example/", MinTtl::default()))
            .await
            .unwrap_err();
    assert!(matches!(error, Error::Misconfigured { .. }), "{error:?}");
    assert_eq!(device.server.count("api") + device.server.count("token"), 0);
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_6_a_firewalls_page_in_place_of_userinfo_is_no_refusal() {
    for status in [403, 404, 405] {
        let device = Device::signed_in().await;
        device.server.always("userinfo", Fault::Says(Reply::html(status)));
        let error = within(device.session().userinfo()).await.unwrap_err();
        assert_eq!(error.kind(), "Offline", "{status}: {error:?}");
        device.server.work_again();
        assert_eq!(within(device.session().userinfo()).await.unwrap().sub(), "ada");
        still_works(&device).await;
    }
}

#[tokio::test(start_paused = true)]
async fn rule_14_claims_of_userinfo_that_nobody_reads_may_be_of_any_type() {
    for claims in [r#"{"sub":"ada","org_id":42}"#, r#"{"sub":"ada","name":7,"email_verified":"yes"}"#] {
        let device = Device::signed_in().await;
        device.server.always("userinfo", Fault::Says(Reply::json(200, claims)));
        assert_eq!(within(device.session().userinfo()).await.unwrap().sub(), "ada", "{claims}");
        still_works(&device).await;
    }
}
