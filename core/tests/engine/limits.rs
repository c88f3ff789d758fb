//! Rule 2: nobody waits forever. Every port has a limit, and a runtime that is gone is an error.

use std::sync::mpsc;
use std::time::Duration;

use hallpass_core::protocol::http::Method;
use hallpass_core::{ApiRequest, CredentialsRequest, Error, Login, Logout, MinTtl, Session, State, StorageProblem};
use tokio::time::Instant;

use crate::support::server::{API, Fault};
use crate::support::store::Operation;
use crate::support::{Device, in_flight, still_works, within};

fn store_failed(error: &Error) -> bool {
    matches!(error, Error::Storage { problem: StorageProblem::Failed(_) })
}

#[tokio::test(start_paused = true)]
async fn rule_2_a_store_that_never_answers_is_an_error_after_thirty_seconds() {
    for silent in [Operation::Load, Operation::Save] {
        let device = Device::signed_in().await;
        device.expire();
        device.store.fall_silent(silent);
        let began = Instant::now();
        let error = device.access_token().await.unwrap_err();
        assert!(store_failed(&error), "{silent:?}: {error:?}");
        let waited = began.elapsed().as_secs();
        assert!((30..=65).contains(&waited), "{silent:?}: {waited} s");
        assert_eq!(device.server.count("token"), 0, "nothing is sent that could not be saved");
        assert!(matches!(device.session().state(), State::SignedIn { .. }));
        device.store.repair();
        device.access_token().await.unwrap_or_else(|error| panic!("{silent:?}: {error}"));
        still_works(&device).await;
    }
}

#[tokio::test(start_paused = true)]
async fn rule_2_a_store_that_never_answers_holds_up_no_logout() {
    for silent in [Operation::Load, Operation::Save, Operation::Delete] {
        let device = Device::signed_in().await;
        device.store.fall_silent(silent);
        let began = Instant::now();
        let outcome = device.logout().await;
        assert!(began.elapsed() <= Duration::from_secs(200), "{silent:?}: {:?}", began.elapsed());
        if silent == Operation::Delete {
            assert!(store_failed(&outcome.unwrap_err()), "nothing was erased");
        }
        device.store.repair();
        device.logout().await.unwrap();
        assert!(device.store.text("session").is_none());
        assert!(matches!(device.session().state(), State::SignedOut { .. }));
        device.log_in("ada").await.unwrap();
        still_works(&device).await;
    }
}

#[tokio::test(start_paused = true)]
async fn rule_2_a_call_that_waits_for_the_store_holds_up_no_other_for_longer_than_that() {
    let device = Device::signed_in().await;
    device.expire();
    device.store.fall_silent(Operation::Load);
    let caller = device.caller().await;
    let session = device.session().clone();
    let logout = in_flight(async move { session.logout(Logout::default()).await }).await;
    device.store.repair();
    assert!(store_failed(&within(caller).await.unwrap().unwrap_err()));
    within(logout).await.unwrap().unwrap();
    assert!(matches!(device.session().state(), State::SignedOut { .. }));
}

#[tokio::test(start_paused = true)]
async fn rule_2_a_store_that_never_answers_at_the_start_is_told_and_tried_again() {
    let mut device = Device::signed_in().await;
    device.store.fall_silent(Operation::Load);
    device.restart();
    assert!(store_failed(&within(device.session().restored()).await.unwrap_err()));
    let state = device.session().state();
    assert!(matches!(state, State::Restoring { problem: Some(StorageProblem::Failed(_)) }), "{state:?}");
    device.store.repair();
    assert!(matches!(within(device.session().reload()).await.unwrap(), State::SignedIn { .. }));
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_2_a_store_that_never_answers_at_a_login_is_an_error_before_the_browser_opens() {
    let device = Device::new();
    device.state().await;
    for silent in [Operation::Load, Operation::Save] {
        device.store.fall_silent(silent);
        if let Err(error) = within(device.session().start_login(Login::default())).await {
            assert!(store_failed(&error), "{silent:?}: {error:?}");
        } else {
            assert_eq!(silent, Operation::Load, "what cannot be written down cannot be finished");
        }
        device.store.repair();
    }
    device.log_in("ada").await.unwrap();
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_2_a_renewal_whose_answer_cannot_be_saved_for_silence_keeps_what_arrived() {
    let device = Device::signed_in().await;
    device.server.fail([Fault::AnswerHeld]);
    let renewal = device.renewal_in_flight().await;
    device.store.fall_silent(Operation::Save);
    device.server.release();
    assert!(store_failed(&within(renewal).await.unwrap().unwrap_err()));
    device.store.repair();
    device.renew().await.unwrap();
    assert!(device.store.text("session").unwrap().contains(&device.server.living()[0]));
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_2_a_transport_that_never_answers_keeps_nobody_forever() {
    for endpoint in ["token", "metadata", "keys", "revocation", "userinfo", "api"] {
        let device = Device::signed_in().await;
        device.pass(25 * 3_600);
        device.server.always(endpoint, Fault::Held);
        let began = Instant::now();
        let session = device.session();
        let _ = within(session.call(ApiRequest::get(API))).await;
        let _ = within(session.userinfo()).await;
        let _ = within(session.revoke()).await;
        let _ = device.logout().await;
        assert!(began.elapsed() < Duration::from_secs(900), "{endpoint}: {:?}", began.elapsed());
        device.server.work_again();
        device.log_in("ada").await.unwrap();
        still_works(&device).await;
    }
}

/// Each verb of a session whose runtime is gone, and what it says.
async fn every_verb(session: &Session) -> Vec<(&'static str, hallpass_core::Result<()>)> {
    let callback = "com.example.app:/callback?code=c&state=s";
    vec![
        ("credentials", session.credentials(MinTtl::default()).await.map(drop)),
        ("credentials again", session.credentials(MinTtl::default()).await.map(drop)),
        ("renew", session.renew().await.map(drop)),
        ("start_login", session.start_login(Login::default()).await.map(drop)),
        ("resume", session.resume(callback).await.map(drop)),
        ("cancel_login", session.cancel_login().await),
        ("call", session.call(ApiRequest::get(API)).await.map(drop)),
        ("authorize", session.authorize(Method::Get, API, MinTtl::default()).await.map(drop)),
        ("id_token", session.id_token(MinTtl::default()).await.map(drop)),
        ("renew_for", session.renew_for(CredentialsRequest::new().audience("other")).await.map(drop)),
        ("userinfo", session.userinfo().await.map(drop)),
        ("logout", session.logout(Logout::default()).await.map(drop)),
        ("revoke", session.revoke().await),
        ("logout_url", session.logout_url(None).await.map(drop)),
        ("restored", session.restored().await.map(drop)),
        ("reload", session.reload().await.map(drop)),
    ]
}

#[test]
fn rule_2_a_runtime_that_is_gone_is_an_error_of_every_verb_and_holds_up_none() {
    let (told, telling) = mpsc::channel();
    // On a thread of its own: a verb that hangs may take its thread with it.
    std::thread::spawn(move || {
        let runtime =
            || tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let first = runtime();
        let device = first.block_on(async {
            let device = Device::signed_in().await;
            device.expire();
            device
        });
        drop(first);
        told.send(runtime().block_on(every_verb(device.session()))).unwrap();
    });
    let outcomes = telling.recv_timeout(Duration::from_secs(20)).expect("a verb hangs, or panicked");
    for (verb, outcome) in outcomes {
        assert!(matches!(outcome, Err(Error::Internal { .. })), "{verb}: {outcome:?}");
    }
}

#[test]
fn rule_2_a_runtime_that_goes_during_a_renewal_is_an_error_for_the_one_who_waits() {
    let (told, telling) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime =
            || tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let first = runtime();
        let device = first.block_on(async {
            let device = Device::signed_in().await;
            device.expire();
            device.server.fail([Fault::Held]);
            device.caller().await.abort();
            device
        });
        let second = runtime();
        let waiting = second.spawn({
            let session = device.session().clone();
            async move { session.credentials(MinTtl::default()).await }
        });
        // It joins the renewal that the first runtime drives, which then ends.
        second.block_on(async { tokio::task::yield_now().await });
        drop(first);
        told.send(second.block_on(waiting).unwrap().map(drop)).unwrap();
    });
    let outcome = telling.recv_timeout(Duration::from_secs(20)).expect("the caller hangs");
    assert!(matches!(outcome, Err(Error::Internal { .. })), "{outcome:?}");
}
