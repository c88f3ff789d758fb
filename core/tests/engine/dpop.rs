//! Tokens bound to a key (RFC 9449): what goes with each request, what a nonce costs, and what becomes of a session whose
//! key is locked, fails or is gone.

use std::time::Duration;

use hallpass_core::ports::SignerError;
use hallpass_core::protocol::http::{Headers, Method};
use hallpass_core::protocol::token::TokenType;
use hallpass_core::{
    ApiRequest, Authorization, CredentialsRequest, Error, Event, Login, LoginReason, Logout, MinTtl, State,
    StorageProblem,
};
use serde_json::json;
use tokio::task::JoinSet;

use crate::support::proofs::Proof;
use crate::support::server::{API, Fault, ISSUER};
use crate::support::signer::TestSigner;
use crate::support::store::Operation;
use crate::support::{Device, in_flight, live, login_required, settle, signed_out_reason, within};

fn api_call() -> ApiRequest {
    ApiRequest::get(format!("{API}/expenses?month=2"))
}

/// What the proof sent last to `origin` states.
fn latest(device: &Device, origin: &str) -> Proof {
    device.server.proofs().into_iter().rev().find(|proof| proof.origin == origin).expect("a proof was sent there")
}

fn denied(error: &Error) -> Option<&'static str> {
    if let Error::Denied { code, .. } = error { Some(code.as_str()) } else { None }
}

#[tokio::test(start_paused = true)]
async fn a_login_names_its_key_and_every_request_after_it_has_a_proof_by_that_key() {
    let mut device = Device::new();
    device.dpop = true;
    device.restart();
    let started = device.session().start_login(Login::default()).await.unwrap();
    let named = started.url.query_pairs().find(|(name, _)| name == "dpop_jkt").unwrap().1.into_owned();
    let callback = device.server.sign_in(&started.url, "ada");
    device.session().resume(&callback).await.unwrap();

    device.expire();
    let credentials = device.session().credentials(MinTtl::default()).await.unwrap();
    assert_eq!(credentials.token_type(), TokenType::Dpop);
    assert_eq!(device.session().call(api_call()).await.unwrap().status, 200);
    device.session().userinfo().await.unwrap();

    let proofs = device.server.proofs();
    let sent: Vec<_> = proofs.iter().map(|proof| proof.claims["htu"].as_str().unwrap()).collect();
    let [token, api] = [format!("{ISSUER}/token"), format!("{API}/expenses")];
    assert_eq!(sent, [&token, &token, &api, &format!("{ISSUER}/userinfo")]);
    assert!(proofs.iter().all(|proof| proof.jkt == named), "one key for all of them");
}

#[tokio::test(start_paused = true)]
async fn a_bearer_session_has_no_key_and_no_proof() {
    let device = Device::signed_in().await;
    device.expire();
    assert_eq!(device.session().call(api_call()).await.unwrap().status, 200);
    let credentials = device.session().credentials(MinTtl::default()).await.unwrap();
    assert_eq!(credentials.token_type(), TokenType::Bearer);
    device.session().logout(Logout::default()).await.unwrap();
    assert!(device.server.proofs().is_empty());
    let touched = [Operation::Load, Operation::Save, Operation::Delete].map(|what| device.store.count(what, "key"));
    assert_eq!(touched, [0, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn rule_12_tokens_of_another_type_than_asked_for_are_refused_and_nothing_of_them_is_kept() {
    let device = Device::new();
    device.server.change(|server| server.token_response = json!({ "token_type": "DPoP" }));
    let error = device.log_in("ada").await.unwrap_err();
    assert_eq!(error, Error::Untrusted { check: "token_response_malformed" });
    assert!(device.session().user().is_none() && device.store.text("session").is_none());
    settle().await;
    assert!(device.server.living().is_empty(), "and they are revoked");
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_answers_with_a_bearer_token_changes_nothing_here() {
    let device = Device::bound().await;
    device.server.change(|server| {
        server.rotation = false;
        server.token_response = json!({ "token_type": "Bearer" });
    });
    let error = device.session().renew().await.unwrap_err();
    assert_eq!(error, Error::Untrusted { check: "token_not_sender_constrained" });
    device.pass(600);
    device.server.change(|server| server.token_response = json!({}));
    device.session().renew().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_server_that_takes_no_es256_is_told_before_the_browser_opens() {
    let mut device = Device::new();
    device.dpop = true;
    device.server.change(|server| server.metadata = json!({ "dpop_signing_alg_values_supported": ["RS256"] }));
    device.restart();
    let error = device.session().start_login(Login::default()).await.unwrap_err();
    assert!(matches!(error, Error::Misconfigured { field: "dpop", .. }), "{error}");
    assert!(device.store.text("key").is_none());
}

#[tokio::test(start_paused = true)]
async fn a_nonce_wanted_costs_one_request_and_is_stated_from_then_on() {
    let device = Device::bound().await;
    device.server.want_nonce(ISSUER, "n1");
    assert!(device.session().renew().await.unwrap().renewed());
    assert_eq!(device.server.count("token"), 2, "the refused one and its repeat");
    device.session().renew().await.unwrap();
    assert_eq!(device.server.count("token"), 3);
    assert_eq!(latest(&device, ISSUER).claims["nonce"], "n1");
    assert_eq!(device.witness.notes().events.iter().filter(|event| **event == Event::Renewed).count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_nonce_that_comes_with_any_answer_is_the_next_one_to_state() {
    let device = Device::bound().await;
    let refusal = r#"{"error":"invalid_scope"}"#.to_owned();
    device.server.fail([Fault::Answer(400, vec![("DPoP-Nonce", "n1".to_owned())], refusal)]);
    device.session().renew().await.unwrap_err();
    device.pass(3);
    device.server.want_nonce(ISSUER, "n1");
    device.session().renew().await.unwrap();
    assert_eq!(device.server.count("token"), 2, "nobody had to ask for it");
}

#[tokio::test(start_paused = true)]
async fn a_nonce_of_a_login_is_asked_for_once_too() {
    let mut device = Device::new();
    device.dpop = true;
    device.restart();
    device.server.want_nonce(ISSUER, "n1");
    device.log_in("ada").await.unwrap();
    assert_eq!(device.server.count("token"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_nonce_of_one_origin_is_never_stated_to_another() {
    let device = Device::bound().await;
    device.server.want_nonce(API, "api-nonce");
    assert_eq!(device.session().call(api_call()).await.unwrap().status, 200);
    device.session().renew().await.unwrap();
    device.session().userinfo().await.unwrap();
    assert_eq!(device.server.count("token"), 1, "nobody wanted a nonce there");
    assert!(device.server.proofs().iter().all(|proof| (proof.origin == API) == proof.claims.get("nonce").is_some()));
}

#[tokio::test(start_paused = true)]
async fn an_api_that_wants_its_nonce_causes_a_repeat_and_no_renewal() {
    let device = Device::bound().await;
    device.server.want_nonce(API, "n1");
    let reply = device.session().call(api_call()).await.unwrap();
    assert_eq!((reply.status, reply.renewals), (200, 0));
    assert_eq!((device.server.count("api"), device.server.count("token")), (2, 0));
    device.session().call(api_call()).await.unwrap();
    assert_eq!(device.server.count("api"), 3);
}

#[tokio::test(start_paused = true)]
async fn an_api_that_refuses_the_token_after_its_nonce_still_gets_a_renewed_one() {
    let device = Device::bound().await;
    device.server.want_nonce(API, "n1");
    device.server.expire_access_tokens();
    let reply = device.session().call(api_call()).await.unwrap();
    assert_eq!((reply.status, reply.renewals), (200, 1));
    assert_eq!((device.server.count("api"), device.server.count("token")), (3, 1));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_wants_another_nonce_each_time_is_asked_twice_and_signs_nobody_out() {
    let device = Device::bound().await;
    let refusal = |nonce: &str| {
        let headers = vec![("DPoP-Nonce", nonce.to_owned())];
        Fault::Answer(400, headers, json!({ "error": "use_dpop_nonce" }).to_string())
    };
    device.server.fail([refusal("n1"), refusal("n2")]);
    let error = device.session().renew().await.unwrap_err();
    assert_eq!(denied(&error), Some("use_dpop_nonce"));
    assert_eq!(device.server.count("token"), 2);
    device.pass(3);
    device.session().renew().await.unwrap();
    assert_eq!(latest(&device, ISSUER).claims["nonce"], "n2");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_wants_a_nonce_and_names_none_is_asked_once() {
    let device = Device::bound().await;
    device.server.fail([Fault::Answer(400, Vec::new(), json!({ "error": "use_dpop_nonce" }).to_string())]);
    assert_eq!(denied(&device.session().renew().await.unwrap_err()), Some("use_dpop_nonce"));
    assert_eq!(device.server.count("token"), 1);
}

#[tokio::test(start_paused = true)]
async fn rule_8_after_a_nonce_a_lost_answer_is_still_asked_for_again_and_with_another_proof() {
    let device = Device::bound().await;
    device.server.change(|server| server.reuse_interval = Duration::from_secs(10));
    let refusal = Fault::Answer(400, vec![("DPoP-Nonce", "n1".to_owned())], r#"{"error":"use_dpop_nonce"}"#.to_owned());
    device.server.fail([refusal, Fault::AnswerLost]);
    device.session().renew().await.unwrap();
    assert_eq!(device.server.count("token"), 3);
    // The server of these tests takes no proof twice.
    assert_eq!(latest(&device, ISSUER).claims["nonce"], "n1");
}

#[tokio::test(start_paused = true)]
async fn rule_10_a_device_clock_that_is_hours_wrong_makes_proofs_by_the_servers_time() {
    for ahead in [-36_000, 36_000] {
        let mut device = Device::new();
        device.dpop = true;
        device.restart();
        device.server.change(|server| server.clock_ahead = ahead);
        device.log_in("ada").await.unwrap_or_else(|error| panic!("{ahead} seconds: {error}"));
        device.server.forget_requests();
        // What was known of the server's time is gone with the process: the first answer tells it again.
        device.restart();
        assert_eq!(device.session().renew().await.map(|credentials| credentials.renewed()), Ok(true), "{ahead}");
        assert_eq!(device.server.count("token"), 2, "{ahead}");
        device.session().renew().await.unwrap();
        assert_eq!(device.server.count("token"), 3, "{ahead}");
        // An API is not asked for the time: its refusal leads to the renewal that tells.
        device.restart();
        let reply = device.session().call(api_call()).await.unwrap();
        assert_eq!((reply.status, reply.renewals), (200, 1), "{ahead}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_proof_that_the_server_refuses_signs_nobody_out() {
    let device = Device::bound().await;
    device.server.fail([Fault::Answer(400, Vec::new(), r#"{"error":"invalid_dpop_proof"}"#.to_owned())]);
    assert_eq!(denied(&device.session().renew().await.unwrap_err()), Some("invalid_dpop_proof"));
    device.pass(3);
    device.session().renew().await.unwrap();
    assert_eq!(device.server.count("token"), 2);
}

#[tokio::test(start_paused = true)]
async fn rule_1_a_thousand_calls_with_an_expired_token_make_one_renewal() {
    let device = Device::bound().await;
    device.server.want_nonce(ISSUER, "n1");
    device.server.want_nonce(API, "n2");
    device.expire();
    let mut calls = JoinSet::new();
    for _ in 0..1_000 {
        let session = device.session().clone();
        calls.spawn(async move { session.call(api_call()).await });
    }
    let replies = within(calls.join_all()).await;
    assert!(replies.into_iter().all(|reply| reply.unwrap().status == 200));
    assert_eq!(device.server.count("token"), 2, "one renewal, and the nonce that it had to ask for");
}

#[tokio::test(start_paused = true)]
async fn the_key_survives_a_restart() {
    let mut device = Device::bound().await;
    let key = latest(&device, ISSUER).jkt;
    device.restart();
    device.expire();
    assert_eq!(device.session().call(api_call()).await.unwrap().status, 200);
    assert_eq!(latest(&device, API).jkt, key);
}

#[tokio::test(start_paused = true)]
async fn rule_11_every_version_of_a_key_and_of_a_bound_record_that_ever_shipped_still_loads() {
    const JKT: &str = "y7gHGqKps9IKVuKpvv0ho6EBaVhABljFzKo9At33bO8";
    // Written once for each version and never again, as for the record without a key.
    for (key, record) in [(include_str!("golden/key-1.txt"), include_str!("golden/record-1-bound.txt"))] {
        let mut device = Device::bound().await;
        device.store.tamper("session", |stored| record.trim_end().clone_into(stored));
        device.store.tamper("key", |stored| key.trim_end().clone_into(stored));
        device.restart();
        assert_eq!(device.state().await.user().unwrap().sub(), "ada");
        device.expire();
        device.access_token().await.unwrap_err();
        assert_eq!(device.server.seen("token")[0].parameters["refresh_token"], "golden-refresh-token");
        assert_eq!(latest(&device, ISSUER).jkt, JKT);
    }
}

#[tokio::test(start_paused = true)]
async fn a_login_under_way_is_finished_with_its_key_after_a_restart() {
    let mut device = Device::new();
    device.dpop = true;
    device.restart();
    let started = device.session().start_login(Login::default()).await.unwrap();
    let callback = device.server.sign_in(&started.url, "ada");
    device.restart();
    device.session().resume(&callback).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_locked_or_fails_is_an_error_of_the_store_and_sends_nothing() {
    let (locked, failed) = (StorageProblem::Locked, StorageProblem::Failed("the keystore is busy"));
    for (failure, problem) in [(SignerError::Locked, locked), (SignerError::Failed("the keystore is busy"), failed)] {
        let signer = TestSigner::new();
        let device = Device::bound_to(Some(signer.clone())).await;
        signer.break_with(failure);
        assert_eq!(device.session().renew().await.unwrap_err(), Error::Storage { problem });
        assert_eq!(device.session().call(api_call()).await.unwrap_err(), Error::Storage { problem });
        assert_eq!(device.server.count("token") + device.server.count("api"), 0);
        assert!(matches!(device.session().state(), State::SignedIn { .. }));
        signer.repair();
        device.session().renew().await.unwrap();
        assert_eq!(device.session().call(api_call()).await.unwrap().status, 200);
    }
}

#[tokio::test(start_paused = true)]
async fn a_signer_that_never_answers_keeps_nobody_forever_and_signs_nobody_out() {
    let signer = TestSigner::new();
    let device = Device::bound_to(Some(signer.clone())).await;
    signer.fall_silent();
    let longest = Duration::from_secs(100);
    let error = tokio::time::timeout(longest, device.session().renew()).await.unwrap().unwrap_err();
    assert_eq!(error, Error::Storage { problem: StorageProblem::Failed("the signer did not answer") });
    assert!(matches!(device.session().state(), State::SignedIn { .. }));
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_gone_ends_the_session_with_its_reason_and_the_next_login_makes_another() {
    for by_call in [false, true] {
        let signer = TestSigner::new();
        let mut device = Device::bound_to(Some(signer.clone())).await;
        let before = latest(&device, ISSUER).jkt;
        signer.break_with(SignerError::Invalidated);
        let gone = login_required(LoginReason::StorageInvalidated);
        let error = if by_call {
            device.session().call(api_call()).await.unwrap_err()
        } else {
            device.session().renew().await.unwrap_err()
        };
        assert_eq!(error, gone);
        assert_eq!(signed_out_reason(&device.session().state()), Some(LoginReason::StorageInvalidated));
        assert_eq!(device.access_token().await.unwrap_err(), gone);
        assert_eq!(device.server.count("token") + device.server.count("api"), 0);
        device.restart();
        assert_eq!(signed_out_reason(&device.state().await), Some(LoginReason::StorageInvalidated));

        device.log_in("ada").await.unwrap();
        assert_eq!(device.session().call(api_call()).await.unwrap().status, 200);
        assert_ne!(latest(&device, API).jkt, before);
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_that_never_works_again_keeps_nobody_from_signing_in_after_a_logout() {
    for shows_itself in [false, true] {
        let signer = TestSigner::new();
        let mut device = Device::bound_to(Some(signer.clone())).await;
        let before = latest(&device, ISSUER).jkt;
        if shows_itself {
            signer.fall_numb();
        } else {
            signer.break_with(SignerError::Failed("the keystore is broken"));
        }
        device.restart();
        device.session().renew().await.unwrap_err();
        // It may work again, and then the session does as well.
        let error = device.log_in("ada").await.unwrap_err();
        assert!(
            matches!(error, Error::Storage { problem: StorageProblem::Failed(why) } if why.contains("log out")),
            "{error:?}"
        );
        device.session().logout(Logout::default()).await.unwrap();
        device.log_in("ada").await.unwrap();
        assert_ne!(latest(&device, ISSUER).jkt, before);
        device.session().renew().await.unwrap();
        assert_eq!(device.session().call(api_call()).await.unwrap().status, 200);
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_that_fails_at_a_login_is_replaced_by_the_next_login() {
    let signer = TestSigner::new();
    let device = Device::bound_to(Some(signer.clone())).await;
    device.session().logout(Logout::default()).await.unwrap();
    signer.fall_numb();
    let refused = StorageProblem::Failed("the hardware refuses the key");
    assert_eq!(device.log_in("ada").await.unwrap_err(), Error::Storage { problem: refused });
    device.log_in("ada").await.unwrap();
    device.session().renew().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_key_that_fails_for_a_second_is_kept_by_a_login() {
    let signer = TestSigner::new();
    let device = Device::bound_to(Some(signer.clone())).await;
    let before = latest(&device, ISSUER).jkt;
    signer.break_with(SignerError::Failed("the keystore starts again"));
    let session = device.session().clone();
    let login = in_flight(async move { session.start_login(Login::default()).await }).await;
    live(1).await;
    signer.repair();
    let started = within(login).await.unwrap().unwrap();
    let callback = device.server.sign_in(&started.url, "ada");
    device.session().resume(&callback).await.unwrap();
    assert_eq!(latest(&device, ISSUER).jkt, before);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_locked_or_does_not_answer_is_not_replaced_by_a_login() {
    for is_silent in [false, true] {
        let signer = TestSigner::new();
        let device = Device::bound_to(Some(signer.clone())).await;
        let problem = if is_silent {
            signer.fall_silent();
            StorageProblem::Failed("the signer did not answer")
        } else {
            signer.break_with(SignerError::Locked);
            StorageProblem::Locked
        };
        assert_eq!(device.log_in("ada").await.unwrap_err(), Error::Storage { problem });
        signer.repair();
        signer.speak();
        device.session().renew().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn another_key_than_the_records_is_one_that_is_gone() {
    let signer = TestSigner::new();
    let mut device = Device::bound_to(Some(signer.clone())).await;
    device.restart();
    signer.replace().await;
    device.expire();
    assert_eq!(device.access_token().await.unwrap_err(), login_required(LoginReason::StorageInvalidated));
    assert_eq!(device.server.count("token"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_login_whose_key_went_while_the_browser_was_open_has_to_be_begun_again() {
    let signer = TestSigner::new();
    let device = Device::bound_to(Some(signer.clone())).await;
    let started = device.session().start_login(Login::default()).await.unwrap();
    let callback = device.server.sign_in(&started.url, "ada");
    signer.replace().await;
    let error = device.session().resume(&callback).await.unwrap_err();
    assert_eq!(error, login_required(LoginReason::StorageInvalidated));
    assert_eq!(device.server.count("token"), 0);
    device.log_in("ada").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_signer_that_signs_with_another_key_than_it_shows_is_found_out_before_anything_is_sent() {
    let mut device = Device::new();
    (device.dpop, device.signer) = (true, Some(TestSigner::of_two_keys()));
    device.restart();
    let error = device.log_in("ada").await.unwrap_err();
    assert_eq!(error, Error::Internal { reference: "signature_of_another_key" });
    assert_eq!(device.server.count("token"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_logout_deletes_the_key_in_software() {
    let device = Device::bound().await;
    let before = latest(&device, ISSUER).jkt;
    assert!(device.store.text("key").is_some());
    let done = device.session().logout(Logout::default()).await.unwrap();
    assert!(done.erased && done.revoked);
    assert!(device.store.text("key").is_none());
    device.log_in("ada").await.unwrap();
    assert_ne!(latest(&device, ISSUER).jkt, before);
}

#[tokio::test(start_paused = true)]
async fn rule_5_a_key_that_another_process_made_with_its_login_is_taken_over_with_the_record() {
    let app = Device::bound().await;
    let extension = app.extension();
    extension.access_token().await.unwrap();
    assert_eq!(extension.session().call(api_call()).await.unwrap().status, 200);
    app.session().logout(Logout::default()).await.unwrap();
    app.log_in("ada").await.unwrap();
    extension.session().renew().await.unwrap();
    app.session().renew().await.unwrap();
    assert_eq!(extension.session().call(api_call()).await.unwrap().status, 200);
}

#[tokio::test(start_paused = true)]
async fn rule_5_a_key_that_is_gone_ends_no_session_that_another_process_began_since() {
    let app = Device::bound_to(Some(TestSigner::new())).await;
    let extension = app.extension();
    extension.access_token().await.unwrap();
    assert_eq!(extension.session().call(api_call()).await.unwrap().status, 200);
    app.session().logout(Logout::default()).await.unwrap();
    app.log_in("ada").await.unwrap();
    // The extension still has the old token, which nobody can prove any more.
    let error = extension.session().call(api_call()).await.unwrap_err();
    assert_eq!(error, login_required(LoginReason::LoggedOut));
    assert_eq!(extension.session().call(api_call()).await.unwrap().status, 200);
    app.session().renew().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_session_keeps_what_it_was_begun_with_whatever_the_configuration_says_now() {
    for bound in [false, true] {
        let mut device = if bound { Device::bound().await } else { Device::signed_in().await };
        device.dpop = !bound;
        device.restart();
        device.expire();
        let reply = device.session().call(api_call()).await.unwrap();
        assert_eq!((reply.status, reply.renewals), (200, 1));
        assert_eq!(device.server.proofs().is_empty(), !bound);
        device.log_in("ada").await.unwrap();
        let credentials = device.session().credentials(MinTtl::default()).await.unwrap();
        assert_eq!(credentials.token_type() == TokenType::Dpop, !bound);
    }
}

#[tokio::test(start_paused = true)]
async fn an_app_with_its_own_client_hands_a_nonce_back_with_the_answer() {
    let device = Device::bound().await;
    let url = format!("{API}/expenses?month=2");
    let session = device.session();
    let authorize = async || session.authorize(Method::Get, &url, CredentialsRequest::default()).await.unwrap();
    let ask = |authorization: &Authorization| device.server.ask(&url, authorization.headers().clone());
    assert_eq!(ask(&authorize().await).status, 200);
    device.server.want_nonce(API, "n1");
    let first = authorize().await;
    let refused = ask(&first);
    assert_eq!(refused.status, 401);
    let second = session.after(&first, 401, &refused.headers).await.unwrap().expect("worth a repeat");
    let answer = ask(&second);
    assert_eq!((answer.status, device.server.count("token")), (200, 0));
    assert!(session.after(&second, 200, &answer.headers).await.unwrap().is_none());
    assert_eq!(ask(&authorize().await).status, 200, "the nonce is known from now on");

    // One that is never content is asked once more for each token, and no more.
    let never = |nonce: &'static str| {
        Headers::from_iter([("WWW-Authenticate", r#"DPoP error="use_dpop_nonce""#), ("DPoP-Nonce", nonce)])
    };
    let second = session.after(&first, 401, &never("n2")).await.unwrap().expect("for the nonce");
    let third = session.after(&second, 401, &never("n3")).await.unwrap().expect("with another token");
    assert_eq!(device.server.count("token"), 1);
    let fourth = session.after(&third, 401, &never("n4")).await.unwrap().expect("for the nonce");
    assert!(session.after(&fourth, 401, &never("n5")).await.unwrap().is_none());
    assert_eq!(device.server.count("token"), 1);
}

#[tokio::test(start_paused = true)]
async fn headers_for_an_origin_that_was_not_allowed_are_not_made() {
    let device = Device::bound().await;
    let session = device.session();
    let error = session.authorize(Method::Get, "https://evil.example/", MinTtl::default()).await.unwrap_err();
    assert!(matches!(error, Error::Misconfigured { field: "api_origins", .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn headers_of_a_bearer_session_have_no_proof() {
    let device = Device::signed_in().await;
    let url = format!("{API}/expenses");
    let authorization = device.session().authorize(Method::Get, &url, MinTtl::default()).await.unwrap();
    let headers = authorization.headers().clone();
    assert_eq!(headers.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["Authorization"]);
    assert_eq!(device.server.ask(&url, headers).status, 200);
}

#[tokio::test(start_paused = true)]
async fn rule_5_a_proof_that_took_too_long_is_not_sent_before_the_record_is_looked_at() {
    let signer = TestSigner::new();
    let app = Device::bound_to(Some(signer.clone())).await;
    let extension = app.extension();
    app.expire();
    let release = signer.hold_next();
    let caller = app.caller().await;
    app.pass(60);
    let theirs = extension.access_token().await.unwrap();
    release.send(()).unwrap();
    let ours = within(caller).await.unwrap().unwrap();
    assert_eq!(ours.access_token().expose(), theirs, "what the extension has brought meanwhile");
    assert_eq!(app.server.count("token"), 1, "the extension's alone has reached the server");
    app.session().renew().await.unwrap();
}
