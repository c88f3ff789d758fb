//! What the simulation found in the engine, each as the shortest story that shows it.

use std::time::Duration;

use hallpass_core::ports::StoreError;
use hallpass_core::{Error, Login, LoginReason, Logout, MinTtl, OfflineCause};

use crate::support::server::Fault;
use crate::support::store::Operation;
use crate::support::{Device, live, login_required, offline_cause, settle, signed_out_reason, within};

const FULL: StoreError = StoreError::Failed("disk full");

/// An app that has renewed and could not save the answer.
async fn with_an_unsaved_token(app: &Device) {
    app.server.fail([Fault::Held]);
    let caller = app.caller().await;
    app.store.break_with(FULL);
    app.server.release();
    assert!(matches!(within(caller).await.unwrap(), Err(Error::Storage { .. })));
    app.store.repair();
}

#[tokio::test(start_paused = true)]
async fn a_token_not_saved_yet_outlives_what_another_process_notes_about_the_one_before_it() {
    let app = Device::signed_in().await;
    let extension = app.extension();
    extension.access_token().await.unwrap();
    app.expire();
    // By the clock on the wall, the first token is now the newer one.
    app.clock.set_wall_by(-86_400);
    with_an_unsaved_token(&app).await;
    app.server.fail([Fault::Unreachable]);
    assert_eq!(offline_cause(&extension.access_token().await.unwrap_err()), Some(OfflineCause::Unreachable));
    app.session().renew().await.unwrap();
    extension.session().renew().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_token_not_saved_yet_gives_way_to_one_that_another_process_made_of_it() {
    let app = Device::signed_in().await;
    app.server.change(|server| server.reuse_interval = Duration::from_secs(10));
    let extension = app.extension();
    extension.access_token().await.unwrap();
    app.expire();
    app.server.fail([Fault::Held]);
    let caller = app.caller().await;
    extension.access_token().await.unwrap();
    app.store.break_with(FULL);
    app.server.release();
    assert!(matches!(within(caller).await.unwrap(), Err(Error::Storage { .. })));
    app.store.repair();
    // What the extension gets now is the third token, and by the clock on the wall the oldest.
    app.clock.set_wall_by(-86_400);
    extension.session().renew().await.unwrap();
    app.pass(11);
    app.session().renew().await.unwrap();
    extension.session().renew().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_record_written_over_by_a_process_that_had_read_the_one_before_is_saved_again() {
    let app = Device::signed_in().await;
    let extension = app.extension();
    extension.access_token().await.unwrap();
    app.expire();
    app.server.fail([Fault::Unreachable]);
    extension.access_token().await.unwrap_err();
    let late = app.store.text("session").unwrap();
    app.access_token().await.unwrap();
    app.store.tamper("session", |text| *text = late);
    app.session().renew().await.unwrap();
    extension.session().renew().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_login_not_saved_yet_is_saved_by_a_caller_who_asks_for_the_user_before() {
    let device = Device::signed_in().await;
    let started = device.session().start_login(Login::default()).await.unwrap();
    settle().await;
    let callback = device.server.sign_in(&started.url, "grace");
    device.store.fail_next(Operation::Save, FULL);
    assert!(matches!(device.session().resume(&callback).await, Err(Error::Storage { .. })));
    device.expire();
    assert_eq!(device.access_token().await, Err(login_required(LoginReason::LoggedOut)));
    assert_eq!(device.session().user().unwrap().sub(), "grace");
    device.access_token().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_caller_whose_renewal_fails_gets_no_token_of_a_user_who_signed_in_meanwhile() {
    let device = Device::signed_in().await;
    device.expire();
    device.server.fail([Fault::RequestLost]);
    let caller = device.caller().await;
    device.log_in("grace").await.unwrap();
    device.server.fail([Fault::RequestLost]);
    let error = within(caller).await.unwrap().unwrap_err();
    assert_eq!(error, login_required(LoginReason::LoggedOut), "and nothing is sent again for the session before");
    assert_eq!(device.server.count("token"), 1, "the login's own request");
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_joins_the_renewal_of_the_session_before_is_served_from_the_present_one() {
    let device = Device::signed_in().await;
    device.expire();
    device.server.fail([Fault::Held]);
    let before = device.caller().await;
    device.log_in("grace").await.unwrap();
    let session = device.session().clone();
    let after = tokio::spawn(async move { session.renew().await });
    settle().await;
    device.server.release();
    assert_eq!(within(before).await.unwrap().unwrap_err(), login_required(LoginReason::LoggedOut));
    within(after).await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_refusal_after_another_process_tried_the_same_token_is_told_as_a_lost_answer() {
    let app = Device::signed_in().await;
    let extension = app.extension();
    extension.access_token().await.unwrap();
    app.expire();
    app.server.fail([Fault::Held, Fault::AnswerLost]);
    let session = extension.session().clone();
    let refused = tokio::spawn(async move { session.credentials(MinTtl::default()).await });
    settle().await;
    let lost = app.caller().await;
    app.kill();
    app.server.release();
    assert_eq!(within(refused).await.unwrap().unwrap_err(), login_required(LoginReason::AnswerLost));
    lost.abort();
}

#[tokio::test(start_paused = true)]
async fn a_login_over_a_record_that_this_process_never_read_is_not_undone_by_an_old_read() {
    let app = Device::new();
    let extension = app.extension();
    assert!(extension.access_token().await.is_err());
    app.log_in("ada").await.unwrap();
    let before = app.store.text("session").unwrap();
    extension.log_in("grace").await.unwrap();
    let present = app.store.text("session").unwrap();
    app.store.tamper("session", |text| *text = before);
    extension.session().renew().await.unwrap();
    assert_eq!(extension.session().user().unwrap().sub(), "grace");
    assert_ne!(app.store.text("session").unwrap(), present, "and what was renewed is saved");
}

#[tokio::test(start_paused = true)]
async fn rule_11_a_login_does_not_overwrite_a_record_that_a_newer_version_wrote_meanwhile() {
    let device = Device::signed_in().await;
    device.store.tamper("session", |text| *text = "2.new.format".to_owned());
    device.log_in("grace").await.unwrap_err();
    assert_eq!(device.store.text("session").unwrap(), "2.new.format");
}

#[tokio::test(start_paused = true)]
async fn rule_4_an_interrupted_renewal_is_finished_also_when_callers_come_at_once() {
    let mut device = Device::signed_in().await;
    device.server.fail([Fault::Held]);
    let session = device.session().clone();
    let renewal = tokio::spawn(async move { session.renew().await });
    settle().await;
    renewal.abort();
    device.restart();
    device.access_token().await.unwrap();
    settle().await;
    assert_eq!(device.server.count("token"), 1, "the interrupted one is still in flight");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_comes_after_another_processs_login_shows_who_is_signed_in_now() {
    let app = Device::signed_in().await;
    let extension = app.extension();
    extension.access_token().await.unwrap();
    app.expire();
    app.server.fail([Fault::Held]);
    let late = extension.caller().await;
    app.log_in("grace").await.unwrap();
    app.server.release();
    assert_eq!(within(late).await.unwrap().unwrap_err(), login_required(LoginReason::LoggedOut));
    assert_eq!(extension.session().user().unwrap().sub(), "grace");
    extension.access_token().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn rule_11_a_login_resumed_while_the_store_is_locked_is_kept_and_tells_nobody_that_nobody_is_signed_in() {
    let mut device = Device::signed_in().await;
    let started = device.session().start_login(Login::default()).await.unwrap();
    settle().await;
    let callback = device.server.sign_in(&started.url, "grace");
    device.store.break_with(StoreError::Locked);
    device.restart();
    settle().await;
    device.store.repair();
    device.server.fail([Fault::Held]);
    let session = device.session().clone();
    let resumed = tokio::spawn(async move { session.resume(&callback).await });
    settle().await;
    device.store.break_with(StoreError::Locked);
    device.server.release();
    assert!(matches!(within(resumed).await.unwrap(), Err(Error::Storage { .. })));
    assert_eq!(signed_out_reason(&device.session().state()), None);
    device.store.repair();
    device.access_token().await.unwrap();
    assert_eq!(device.session().user().unwrap().sub(), "grace");
}

#[tokio::test(start_paused = true)]
async fn rule_11_an_answer_does_not_overwrite_a_record_that_a_newer_version_wrote_meanwhile() {
    let device = Device::signed_in().await;
    device.expire();
    device.server.fail([Fault::Held]);
    let caller = device.caller().await;
    let record = device.store.text("session").unwrap();
    device.store.tamper("session", |text| *text = "2.new.format".to_owned());
    device.server.release();
    assert!(matches!(within(caller).await.unwrap(), Err(Error::Storage { .. })));
    assert_eq!(device.store.text("session").unwrap(), "2.new.format");
    device.store.tamper("session", |text| *text = record);
    device.access_token().await.unwrap();
    assert_eq!(device.server.count("token"), 1, "what arrived was kept");
}

#[tokio::test(start_paused = true)]
async fn an_end_that_is_not_saved_yet_is_not_undone_by_an_old_read() {
    let device = Device::signed_in().await;
    let old = device.store.text("session").unwrap();
    device.expire();
    device.server.fail([Fault::AnswerLost, Fault::Held]);
    let caller = device.caller().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    device.store.fail_next(Operation::Save, FULL);
    device.server.release();
    assert_eq!(within(caller).await.unwrap().unwrap_err(), login_required(LoginReason::AnswerLost));
    device.store.tamper("session", |text| *text = old);
    assert_eq!(device.access_token().await, Err(login_required(LoginReason::AnswerLost)));
    assert_eq!(device.server.count("token"), 3);
    assert!(!device.store.text("session").unwrap().contains("refresh-"), "and now it is saved");
}

#[tokio::test(start_paused = true)]
async fn an_end_that_was_saved_is_not_undone_by_a_process_that_knows_an_older_token() {
    let app = Device::signed_in().await;
    let extension = app.extension_that_knows().await;
    app.session().renew().await.unwrap();
    app.server.revoke_everything();
    app.expire();
    assert_eq!(app.access_token().await.unwrap_err(), login_required(LoginReason::Revoked));
    // What is in the store can never be read again, and the extension saves what it knows, more than once.
    app.store.spoil("session", StoreError::Invalidated);
    app.server.always("token", Fault::Unreachable);
    for _ in 0..8 {
        extension.session().renew().await.unwrap_err();
        live(61).await;
    }
    app.server.forget_requests();
    app.server.work_again();
    assert_eq!(app.session().renew().await.unwrap_err(), login_required(LoginReason::Revoked));
    assert_eq!(app.server.count("token"), 0, "its token is older than the one that was refused");
}

#[tokio::test(start_paused = true)]
async fn rule_5_a_device_that_slept_before_the_second_try_looks_at_the_record_first() {
    let app = Device::signed_in().await;
    let extension = app.extension();
    app.expire();
    app.server.fail([Fault::RequestLost]);
    let caller = app.caller().await;
    app.pass(60);
    let theirs = extension.access_token().await.unwrap();
    let ours = within(caller).await.unwrap().unwrap();
    assert_eq!(ours.access_token().expose(), theirs, "what the extension has brought meanwhile");
    assert_eq!(app.server.count("token"), 1, "the extension's alone has reached the server");
    app.session().renew().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn rule_5_a_session_that_a_store_shows_again_does_not_replace_a_later_login() {
    let mut device = Device::signed_in().await;
    device.store.hide("session");
    device.restart();
    device.pass(60);
    device.log_in("grace").await.unwrap();
    // The old record takes the place of the new one, as a copy that is behind the times does.
    device.store.show();
    device.renew().await.unwrap();
    assert_eq!(device.user().as_deref(), Some("grace"));
    assert!(device.store.text("session").unwrap().contains("grace"));
}

#[tokio::test(start_paused = true)]
async fn rule_12_of_two_logins_in_two_processes_the_one_that_the_user_finished_last_counts() {
    // Whether the process of the earlier one has looked at the store meanwhile or not.
    for has_looked in [false, true] {
        let app = Device::new();
        let extension = app.extension_that_knows().await;
        app.server.fail([Fault::AnswerHeld]);
        let earlier = app.login_in_flight("ada").await;
        app.pass(1);
        extension.log_in("grace").await.unwrap();
        if has_looked {
            within(app.session().reload()).await.unwrap();
        }
        app.server.release();
        assert_eq!(within(earlier).await.unwrap().unwrap_err(), Error::Cancelled);
        settle().await;
        assert_eq!(app.server.revoked().len(), 1, "nobody uses what the earlier one got");
        assert_eq!((app.user().as_deref(), extension.user().as_deref()), (Some("grace"), Some("grace")));
        app.renew().await.unwrap();
        extension.renew().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn rule_12_a_login_counts_although_by_both_clocks_the_session_before_came_later() {
    let mut app = Device::signed_in().await;
    app.clock.set_wall_by(-86_400);
    app.clock.reboot();
    app.restart();
    let extension = app.extension_that_knows().await;
    app.state().await;
    extension.log_in("grace").await.unwrap();
    assert_eq!(app.renew().await.unwrap_err(), login_required(LoginReason::LoggedOut), "of the session before");
    assert_eq!(app.user().as_deref(), Some("grace"));
    app.log_in("ada").await.unwrap();
    assert_eq!(extension.renew().await.unwrap_err(), login_required(LoginReason::LoggedOut));
    assert_eq!(extension.user().as_deref(), Some("ada"));
}

#[tokio::test(start_paused = true)]
async fn rule_12_a_login_in_flight_is_withdrawn_by_a_logout_whose_store_takes_its_time() {
    let device = Device::new();
    device.server.fail([Fault::AnswerHeld]);
    let login = device.login_in_flight("ada").await;
    device.store.fall_silent(Operation::Delete);
    let session = device.session().clone();
    let logout = tokio::spawn(async move { session.logout(Logout::new()).await });
    settle().await;
    device.server.release();
    assert_eq!(within(login).await.unwrap().unwrap_err(), Error::Cancelled);
    device.store.repair();
    logout.abort();
}

#[tokio::test(start_paused = true)]
async fn rule_8_an_answer_lost_before_the_endpoint_moved_is_asked_for_again() {
    let device = Device::signed_in().await;
    device.expire();
    device.server.fail([Fault::RequestLost, Fault::Unreachable]);
    let caller = device.caller().await;
    device.server.change(|server| server.token_path = "/oauth/token");
    within(caller).await.unwrap().unwrap_err();
    assert_eq!(device.server.faults_left(), 0);
    live(5).await;
    assert_eq!(device.server.count("token"), 1, "and nobody had to ask");
}
