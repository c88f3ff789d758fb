//! Rules 12 to 15: a login that survives the death of the process, a callback that is believed only when it is the one,
//! an identity that is checked, tokens that go where they may.

use hallpass_core::protocol::error::ErrorCode;
use hallpass_core::{ApiRequest, Config, Error, Login, LoginReason, OfflineCause, Session, State};
use serde_json::json;

use crate::support::process::Process;
use crate::support::server::{API, Fault, ISSUER};
use crate::support::{Device, config, denied, in_flight, offline_cause, settle, still_works, within};

#[tokio::test(start_paused = true)]
async fn after_the_callback_one_request_remains() {
    let device = Device::new();
    let started = device.session().start_login(Login::default()).await.unwrap();
    settle().await;
    assert_eq!(
        (device.server.count("metadata"), device.server.count("keys")),
        (1, 1),
        "fetched while the browser is open"
    );
    device.server.forget_requests();
    let callback = device.server.sign_in(&started.url, "ada");
    device.session().resume(&callback).await.unwrap();
    assert_eq!(device.server.count("token"), 1);
    assert_eq!(device.server.count("metadata") + device.server.count("keys"), 0);
}

#[tokio::test(start_paused = true)]
async fn the_authorization_request_uses_pkce_and_asks_for_what_is_configured() {
    let device = Device::new();
    let started = device.session().start_login(Login::new().login_hint("ada@example.com")).await.unwrap();
    let query: std::collections::BTreeMap<String, String> = started.url.query_pairs().into_owned().collect();
    assert_eq!(query["response_type"], "code");
    assert_eq!(query["code_challenge_method"], "S256");
    assert_eq!(query["scope"], "openid profile offline_access");
    assert_eq!(query["login_hint"], "ada@example.com");
    assert_eq!(query["state"], started.state);
    let callback = device.server.sign_in(&started.url, "ada");
    device.session().resume(&callback).await.unwrap();
    let exchange = &device.server.seen("token")[0].parameters;
    assert_eq!(exchange["code_verifier"].len(), 43);
    assert_eq!(exchange["redirect_uri"], "com.example.app:/callback");
}

#[tokio::test(start_paused = true)]
async fn rule_12_a_login_is_finished_by_the_next_process() {
    let mut device = Device::new();
    let started = device.session().start_login(Login::default()).await.unwrap();
    device.restart();
    let callback = device.server.sign_in(&started.url, "ada");
    assert_eq!(device.session().resume(&callback).await.unwrap().sub(), "ada");
    assert!(device.store.text("login").is_none(), "single use");
}

#[tokio::test(start_paused = true)]
async fn a_session_dropped_while_keys_are_fetched_ahead_can_be_opened_again_at_once() {
    let mut device = Device::new();
    device.session().start_login(Login::default()).await.unwrap();
    device.close();
    device.open();
}

#[tokio::test(start_paused = true)]
async fn rule_12_a_callback_is_good_once() {
    let device = Device::new();
    let started = device.session().start_login(Login::default()).await.unwrap();
    let callback = device.server.sign_in(&started.url, "ada");
    let (first, second) = tokio::join!(device.session().resume(&callback), device.session().resume(&callback));
    assert_eq!(usize::from(first.is_ok()) + usize::from(second.is_ok()), 1, "{first:?} {second:?}");
    assert_eq!(device.server.count("token"), 1);
    device.access_token().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn rule_12_a_callback_whose_code_was_never_sent_is_good_again() {
    let mut device = Device::new();
    // The metadata are stored, as of the last login.
    device.log_in("ada").await.unwrap();
    let started = device.session().start_login(Login::default()).await.unwrap();
    let callback = device.server.sign_in(&started.url, "grace");
    device.restart();
    device.forget();
    device.server.fail(vec![Fault::Unreachable; 4]);
    for _ in 0..2 {
        let error = within(device.session().resume(&callback)).await.unwrap_err();
        assert_eq!(offline_cause(&error), Some(OfflineCause::Unreachable), "{error:?}");
        assert_eq!(device.server.count("token"), 0);
    }
    assert_eq!(within(device.session().resume(&callback)).await.unwrap().sub(), "grace");
    assert!(device.store.text("login").is_none(), "single use");
}

#[tokio::test(start_paused = true)]
async fn rule_12_a_callback_whose_code_may_have_arrived_is_used_up() {
    for faults in [
        [Fault::AnswerLost, Fault::Unreachable],
        [Fault::RequestLost, Fault::Unreachable],
        [Fault::Unreachable, Fault::AnswerLost],
    ] {
        let device = Device::new();
        let started = device.session().start_login(Login::default()).await.unwrap();
        let callback = device.server.sign_in(&started.url, "ada");
        device.server.fail(faults);
        within(device.session().resume(&callback)).await.unwrap_err();
        assert!(device.store.text("login").is_none());
        let error = within(device.session().resume(&callback)).await.unwrap_err();
        assert!(matches!(error, Error::Untrusted { check: "callback_without_login" }), "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn rule_12_a_callback_whose_code_was_never_sent_comes_after_no_newer_login_and_no_logout() {
    for newer in [false, true] {
        let device = Device::new();
        let started = device.session().start_login(Login::default()).await.unwrap();
        let callback = device.server.sign_in(&started.url, "ada");
        device.server.fail(vec![Fault::Unreachable; 2]);
        let session = device.session().clone();
        let resumed = in_flight({
            let callback = callback.clone();
            async move { session.resume(&callback).await }
        })
        .await;
        let second = if newer {
            Some(device.session().start_login(Login::default()).await.unwrap())
        } else {
            device.logout().await.unwrap();
            None
        };
        within(resumed).await.unwrap().unwrap_err();
        assert_eq!(device.server.faults_left(), 0);
        let error = within(device.session().resume(&callback)).await.unwrap_err();
        assert!(matches!(error, Error::Untrusted { .. }), "{error:?}");
        if let Some(second) = second {
            let callback = device.server.sign_in(&second.url, "grace");
            assert_eq!(within(device.session().resume(&callback)).await.unwrap().sub(), "grace");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn rule_12_a_login_expires() {
    let device = Device::new();
    let started = device.session().start_login(Login::default()).await.unwrap();
    device.pass(15 * 60);
    let callback = device.server.sign_in(&started.url, "ada");
    assert_eq!(device.session().resume(&callback).await.unwrap_err(), Error::Cancelled);
    assert_eq!(device.server.count("token"), 0);
}

#[tokio::test(start_paused = true)]
async fn rule_12_a_second_login_takes_the_place_of_the_first() {
    let device = Device::new();
    let first = device.session().start_login(Login::default()).await.unwrap();
    let second = device.session().start_login(Login::default()).await.unwrap();
    let stale = device.server.sign_in(&first.url, "mallory");
    assert!(matches!(device.session().resume(&stale).await, Err(Error::Untrusted { check: "callback_state" })));
    let callback = device.server.sign_in(&second.url, "ada");
    device.session().resume(&callback).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn rule_12_a_cancelled_login_and_a_failed_start_leave_nothing_behind() {
    let device = Device::new();
    let started = device.session().start_login(Login::default()).await.unwrap();
    device.session().cancel_login().await.unwrap();
    let callback = device.server.sign_in(&started.url, "ada");
    assert!(matches!(
        device.session().resume(&callback).await,
        Err(Error::Untrusted { check: "callback_without_login" })
    ));

    let error = device.session().start_login(Login::new().extra("state", "mine")).await.unwrap_err();
    assert!(matches!(error, Error::Misconfigured { .. }), "{error:?}");
    assert!(device.store.text("login").is_none());
    device.log_in("ada").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn rule_13_a_hostile_or_stale_callback_is_inert() {
    let device = Device::new();
    let started = device.session().start_login(Login::default()).await.unwrap();
    let callback = device.server.sign_in(&started.url, "ada");
    let state = &started.state;
    let huge = format!("com.example.app:/callback?state={}", "a".repeat(1_000_000));
    for hostile in [
        "com.example.app:/callback?code=c&state=guess".to_owned(),
        "com.example.app:/callback?code=c".to_owned(),
        "com.example.app:/callback?error=access_denied&state=guess".to_owned(),
        format!("com.example.evil:/callback?code=c&state={state}"),
        format!("com.example.app:/other?code=c&state={state}"),
        format!("com.example.app:/callback?code=c&code=d&state={state}"),
        format!("com.example.app:/callback?code=c&state={state}&state=x"),
        "not a url".to_owned(),
        huge,
    ] {
        let error = device.session().resume(&hostile).await.unwrap_err();
        assert!(matches!(error, Error::Untrusted { .. }), "{hostile:.80}: {error:?}");
    }
    assert_eq!(device.server.count("token"), 0);
    device.session().resume(&callback).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn rule_13_a_fragment_is_ignored() {
    // Facebook's, which passes through the provider to its clients, and one that would be another answer.
    for fragment in ["#_=_", "#", "#code=d&state=x&error=access_denied"] {
        let device = Device::new();
        let started = device.session().start_login(Login::default()).await.unwrap();
        let callback = device.server.sign_in(&started.url, "ada") + fragment;
        device.session().resume(&callback).await.unwrap_or_else(|error| panic!("{fragment}: {error}"));
        still_works(&device).await;
    }
}

#[tokio::test(start_paused = true)]
async fn rule_13_the_issuer_in_the_callback_is_checked_and_required_when_advertised() {
    for (parameter, check) in [("&iss=https%3A%2F%2Fother.example", "callback_iss"), ("", "callback_iss_missing")] {
        let device = Device::new();
        device
            .server
            .change(|server| server.metadata = json!({ "authorization_response_iss_parameter_supported": true }));
        let started = device.session().start_login(Login::default()).await.unwrap();
        let callback = device.server.sign_in(&started.url, "ada") + parameter;
        assert_eq!(device.session().resume(&callback).await.unwrap_err(), Error::Untrusted { check });
        assert_eq!(device.server.count("token"), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn rule_13_an_error_beats_a_code() {
    let device = Device::new();
    let started = device.session().start_login(Login::default()).await.unwrap();
    let callback = device.server.sign_in(&started.url, "ada") + "&error=access_denied";
    assert_eq!(denied(&device.session().resume(&callback).await.unwrap_err()), Some(ErrorCode::AccessDenied));
    assert_eq!(device.server.count("token"), 0);
    assert!(device.store.text("login").is_none(), "the answer to this login has come");
}

#[tokio::test(start_paused = true)]
async fn rule_14_an_id_token_that_fails_a_check_signs_nobody_in() {
    for (change, check) in [
        (json!({ "iss": "https://other.example" }), "id_token_issuer"),
        (json!({ "aud": "another-client" }), "id_token_audience"),
        (json!({ "nonce": "replayed" }), "id_token_nonce"),
        (json!({ "nonce": null }), "id_token_nonce"),
        (json!({ "exp": 1 }), "id_token_expired"),
        (json!({ "iat": 9_999_999_999_i64 }), "id_token_issued_in_future"),
        (json!({ "at_hash": "AAAAAAAAAAAAAAAAAAAAAA" }), "id_token_at_hash"),
    ] {
        let device = Device::new();
        device.server.change(|server| server.id_token = change.clone());
        assert_eq!(device.log_in("ada").await.unwrap_err(), Error::Untrusted { check }, "{change}");
        assert!(device.store.text("session").is_none());
        assert!(matches!(device.session().state(), State::SignedOut { .. }));
    }
    let device = Device::new();
    device.server.change(|server| server.token_response = json!({ "id_token": null }));
    assert_eq!(device.log_in("ada").await.unwrap_err(), Error::Untrusted { check: "id_token_missing" });
}

#[tokio::test(start_paused = true)]
async fn rule_14_an_unknown_key_is_asked_for_at_once_and_the_next_one_only_after_a_cooldown() {
    let device = Device::signed_in().await;
    device.server.roll_key();
    device.log_in("ada").await.unwrap();
    assert_eq!(device.server.count("keys"), 1, "though they were fetched within the last minute");
    device.server.roll_key();
    let error = device.log_in("ada").await.unwrap_err();
    assert_eq!(error, Error::Untrusted { check: "id_token_key_unknown" });
    assert_eq!(device.server.count("keys"), 1, "another one was asked for within the last minute");
    device.pass(61);
    device.log_in("ada").await.unwrap();
    assert_eq!(device.server.count("keys"), 2);
}

#[tokio::test(start_paused = true)]
async fn rule_8_a_lost_answer_to_the_code_leaves_the_session_that_was_there() {
    let device = Device::signed_in().await;
    device.server.fail([Fault::AnswerLost]);
    let error = device.log_in("ada").await.unwrap_err();
    assert_eq!(offline_cause(&error), Some(OfflineCause::NoAnswer), "{error:?}");
    device.access_token().await.unwrap();
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_15_a_redirect_in_the_place_of_an_answer_is_no_refusal_and_is_not_followed() {
    let device = Device::new();
    let elsewhere = vec![("location", format!("{ISSUER}/elsewhere"))];
    device.server.fail([Fault::Answer(307, elsewhere, String::new())]);
    let error = device.log_in("ada").await.unwrap_err();
    assert_eq!(error, Error::Offline { cause: OfflineCause::UnexpectedAnswer, retry_after: None });
    assert_eq!(device.server.count("token"), 1);
}

#[tokio::test(start_paused = true)]
async fn rule_12_a_failed_login_leaves_the_session_that_was_there() {
    let device = Device::signed_in().await;
    let before = device.access_token().await.unwrap();
    device.server.change(|server| server.id_token = json!({ "nonce": "replayed" }));
    device.log_in("mallory").await.unwrap_err();
    assert_eq!(device.access_token().await.unwrap(), before);
    assert_eq!(device.session().user().unwrap().sub(), "ada");
}

#[tokio::test(start_paused = true)]
async fn rule_15_tokens_go_to_allowed_origins_only() {
    let device = Device::signed_in().await;
    for url in
        ["https://evil.example/", "http://api.example/", "https://api.example:444/", "https://api.example.evil/", "/x"]
    {
        let error = device.session().call(ApiRequest::get(url)).await.unwrap_err();
        assert!(matches!(error, Error::Misconfigured { .. }), "{url}: {error:?}");
    }
    assert_eq!(device.server.count("api"), 0);
    let reply = device.session().call(ApiRequest::get(format!("{API}/reports"))).await.unwrap();
    assert_eq!((reply.status, reply.renewals), (200, 0));
}

#[tokio::test(start_paused = true)]
async fn rule_15_plain_http_is_refused_unless_it_is_this_machine_and_allowed() {
    let refused = Config::new("http://issuer.example", "client-1", "com.example.app:/callback").unwrap_err();
    assert!(matches!(refused, Error::Misconfigured { field: "issuer", .. }), "{refused:?}");
    let local = || Config::new("http://127.0.0.1:3000", "client-1", "com.example.app:/callback").unwrap();
    let device = Device::new();
    let build = |config| {
        Session::builder(config)
            .store(device.store.other_process(&Process::new()))
            .transport(device.server.clone())
            .build()
    };
    assert!(matches!(build(local()), Err(Error::Misconfigured { field: "issuer", .. })));
    build(local().danger_allow_loopback_http()).unwrap();
    let emulator = || {
        let config = Config::new("http://10.0.2.2:3000/", "client-1", "com.example.app:/callback").unwrap();
        config.api_origin("http://10.0.2.2:3001").unwrap()
    };
    assert!(matches!(build(emulator()), Err(Error::Misconfigured { field: "issuer", .. })));
    build(emulator().danger_allow_loopback_http()).unwrap();
}

#[tokio::test(start_paused = true)]
async fn rule_8_a_call_that_is_refused_is_repeated_once_with_a_renewed_token() {
    let device = Device::signed_in().await;
    device.server.expire_access_tokens();
    let reply = device.session().call(ApiRequest::get(API)).await.unwrap();
    assert_eq!((reply.status, reply.renewals), (200, 1));
    assert_eq!((device.server.count("api"), device.server.count("token")), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn rule_1_calls_that_are_refused_at_the_same_time_renew_once() {
    let device = Device::signed_in().await;
    device.server.expire_access_tokens();
    let calls = (0..20).map(|_| {
        let session = device.session().clone();
        tokio::spawn(async move { session.call(ApiRequest::get(API)).await })
    });
    for call in calls.collect::<Vec<_>>() {
        assert_eq!(within(call).await.unwrap().unwrap().status, 200);
    }
    assert_eq!(device.server.count("token"), 1);
}

#[tokio::test(start_paused = true)]
async fn rule_8_a_call_that_is_refused_again_is_the_apis_answer() {
    let device = Device::signed_in().await;
    device.server.change(|server| server.lifetime = 0);
    device.server.expire_access_tokens();
    let reply = device.session().call(ApiRequest::get(API)).await.unwrap();
    assert_eq!((reply.status, reply.renewals), (401, 1));
    assert_eq!((device.server.count("api"), device.server.count("token")), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn rule_14_userinfo_about_somebody_else_is_not_believed() {
    let device = Device::signed_in().await;
    assert_eq!(device.session().userinfo().await.unwrap().sub(), "ada");
    let started = device.session().start_login(Login::default()).await.unwrap();
    // The server now speaks of the user who signs in there, while this session is still ada's.
    let _ = device.server.sign_in(&started.url, "grace");
    let error = device.session().userinfo().await.unwrap_err();
    assert_eq!(error, Error::Untrusted { check: "userinfo_subject" });
}

#[tokio::test(start_paused = true)]
async fn userinfo_of_nobody_is_not_asked_for() {
    let device = Device::new();
    device.session().restored().await.unwrap();
    let error = device.session().userinfo().await.unwrap_err();
    assert_eq!(error, Error::LoginRequired { reason: LoginReason::NotSignedIn });
    assert_eq!(device.server.count("metadata"), 0);
}

#[test]
fn settings_that_are_wrong_are_told_with_their_name() {
    for (issuer, client_id, redirect_uri, field) in [
        ("https://issuer.example?x", "client-1", "com.example.app:/callback", "issuer"),
        ("issuer.example", "client-1", "com.example.app:/callback", "issuer"),
        ("https://issuer.example", "YOUR_CLIENT_ID", "com.example.app:/callback", "client_id"),
        ("https://issuer.example", "client-1", "javascript:x", "redirect_uri"),
        ("https://issuer.example", "client-1", "http://example.com/callback", "redirect_uri"),
    ] {
        let error = Config::new(issuer, client_id, redirect_uri).unwrap_err();
        assert!(matches!(error, Error::Misconfigured { field: found, .. } if found == field), "{error:?}");
    }
    assert!(matches!(
        Config::auth0("", "c", "com.example.app:/cb").unwrap_err(),
        Error::Misconfigured { field: "domain", .. }
    ));
    assert!(matches!(config().scope("profile").unwrap_err(), Error::Misconfigured { field: "scope", .. }));
    assert!(matches!(config().api_origin("ftp://api").unwrap_err(), Error::Misconfigured { field: "api_origins", .. }));
}
