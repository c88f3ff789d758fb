//! Rules 4 and 8: what the engine does by itself when an answer was lost, and what it does not.

use std::time::Duration;

use hallpass_core::{Error, LoginReason, Logout, OfflineCause};

use crate::support::server::Fault;
use crate::support::{Device, live, login_required, offline_cause, settle, signed_out_reason, within};

/// More faults than anybody may meet in a minute.
const MANY: usize = 100;

/// A device whose server forgives a second use for a minute, and whose access token has expired.
async fn forgiving() -> Device {
    let device = Device::signed_in().await;
    device.server.change(|server| server.reuse_interval = Duration::from_secs(60));
    device.expire();
    device
}

#[tokio::test(start_paused = true)]
async fn rule_8_a_lost_answer_is_asked_for_until_it_comes_without_anybody_waiting() {
    let device = forgiving().await;
    device.server.fail([Fault::AnswerLost, Fault::RequestLost, Fault::Unreachable, Fault::AnswerLost]);
    let error = device.access_token().await.unwrap_err();
    assert_eq!(offline_cause(&error), Some(OfflineCause::NoAnswer));
    assert_eq!(device.server.faults_left(), 2, "the caller waits for two tries, as ever");

    live(10).await;
    assert_eq!(device.server.faults_left(), 0);
    let seen = device.server.seen("token");
    assert!(seen.iter().all(|request| *request == seen[0]), "the same request, byte for byte");
    assert_eq!(seen.len(), 3, "two that the server answered in vain, and the one whose answer came");
    device.access_token().await.unwrap();
    live(120).await;
    assert_eq!(device.server.count("token"), 3);
}

#[tokio::test(start_paused = true)]
async fn rule_8_a_lost_answer_is_asked_for_seven_times_in_a_minute_and_then_by_callers_only() {
    let device = forgiving().await;
    device.server.fail(vec![Fault::RequestLost; MANY]);
    device.access_token().await.unwrap_err();
    let mut tries = Vec::new();
    for _ in 0..120 {
        live(1).await;
        tries.push(MANY - device.server.faults_left());
    }
    assert_eq!(tries[119], 7);
    assert_eq!((tries[0], tries[2], tries[4]), (2, 3, 4), "{tries:?}");
    assert_eq!(tries.iter().position(|tries| *tries == 7).map(|second| (31..45).contains(&second)), Some(true));

    device.access_token().await.unwrap_err();
    live(120).await;
    assert_eq!(MANY - device.server.faults_left(), 9, "once for each token: after that it is the callers who ask");
}

#[tokio::test(start_paused = true)]
async fn rule_8_what_the_engine_asks_by_itself_makes_no_caller_wait_longer() {
    let device = forgiving().await;
    device.server.fail(vec![Fault::RequestLost; 7]);
    let Error::Offline { retry_after: Some(wait), .. } = device.access_token().await.unwrap_err() else { panic!() };
    assert!(wait < Duration::from_secs(3), "{wait:?}");
    live(60).await;
    assert_eq!(device.server.faults_left(), 0);
    device.access_token().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn rule_8_a_caller_who_comes_meanwhile_joins() {
    let device = forgiving().await;
    device.server.fail([Fault::AnswerLost, Fault::AnswerLost, Fault::Held]);
    device.access_token().await.unwrap_err();
    live(3).await;
    let caller = device.caller().await;
    assert_eq!(device.server.count("token"), 2, "the third is in flight");
    device.server.release();
    within(caller).await.unwrap().unwrap();
    assert_eq!(device.server.count("token"), 3);
}

#[tokio::test(start_paused = true)]
async fn rule_8_a_lost_answer_is_not_waited_for_as_long_as_the_first_one() {
    let device = forgiving().await;
    device.access_token().await.unwrap();
    device.expire();
    device.server.fail([Fault::AnswerLost, Fault::Held]);
    let began = tokio::time::Instant::now();
    device.access_token().await.unwrap_err();
    let waited = began.elapsed().as_secs();
    assert_eq!(waited, 10, "answers have come at once so far");
    live(3).await;
    device.access_token().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn rule_8_a_server_that_says_when_is_asked_then_if_that_is_soon_enough() {
    for (told, requests) in [(20, 2), (120, 1)] {
        let device = forgiving().await;
        device.server.fail([Fault::Answer(500, vec![("Retry-After", told.to_string())], String::new())]);
        device.access_token().await.unwrap_err();
        live(19).await;
        assert_eq!(device.server.count("token"), 1, "{told} s");
        live(200).await;
        assert_eq!(device.server.count("token"), requests, "{told} s");
    }
}

#[tokio::test(start_paused = true)]
async fn rule_4_without_a_reuse_interval_the_first_answer_ends_the_session_and_the_asking() {
    let device = Device::signed_in().await;
    device.expire();
    device.server.fail([Fault::AnswerLost, Fault::RequestLost]);
    device.access_token().await.unwrap_err();
    live(120).await;
    assert_eq!(device.server.count("token"), 3, "the lost one, the one that was refused, and once more");
    assert_eq!(signed_out_reason(&device.session().state()), Some(LoginReason::AnswerLost));
}

#[tokio::test(start_paused = true)]
async fn rule_8_after_a_logout_nothing_is_asked() {
    let device = forgiving().await;
    device.server.fail(vec![Fault::RequestLost; MANY]);
    device.access_token().await.unwrap_err();
    device.session().logout(Logout::default()).await.unwrap();
    live(120).await;
    assert_eq!(MANY - device.server.faults_left(), 2);
}

#[tokio::test(start_paused = true)]
async fn rule_8_a_session_that_is_dropped_asks_no_more_and_its_account_can_be_opened_at_once() {
    let mut device = forgiving().await;
    device.server.fail(vec![Fault::RequestLost; 3]);
    device.access_token().await.unwrap_err();
    device.close();
    live(120).await;
    assert_eq!(device.server.faults_left(), 1);

    device.open();
    live(1).await;
    assert_eq!(device.server.faults_left(), 0, "the next one finds the note");
    device.access_token().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn rule_5_what_another_process_has_got_meanwhile_is_not_asked_for() {
    let app = forgiving().await;
    let extension = app.extension();
    app.server.fail([Fault::AnswerLost, Fault::RequestLost]);
    app.access_token().await.unwrap_err();
    extension.access_token().await.unwrap();
    live(120).await;
    assert_eq!(app.server.count("token"), 2);
    app.access_token().await.unwrap();
    assert_eq!(app.server.count("token"), 2);
}

#[tokio::test(start_paused = true)]
async fn rule_4_a_process_started_without_a_network_goes_on_asking_for_what_was_interrupted() {
    let mut device = forgiving().await;
    device.server.fail([Fault::Held]);
    let caller = device.caller().await;
    device.kill();
    device.server.release();
    settle().await;
    caller.abort();
    device.server.fail([Fault::Unreachable, Fault::Unreachable]);
    device.restart();
    live(10).await;
    assert_eq!(device.server.count("token"), 2);
    device.access_token().await.unwrap();
    assert_eq!(device.server.count("token"), 2);
}

#[tokio::test(start_paused = true)]
async fn rule_8_a_token_that_can_be_used_again_is_left_to_the_callers() {
    let device = Device::signed_in_without_rotation().await;
    device.expire();
    device.server.fail(vec![Fault::RequestLost; MANY]);
    assert_ne!(device.access_token().await, Err(login_required(LoginReason::AnswerLost)));
    live(120).await;
    assert_eq!(MANY - device.server.faults_left(), 2);
}
