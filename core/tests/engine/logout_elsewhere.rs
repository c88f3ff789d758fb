//! Rules 5 and 11: a logout looks at what other processes did, revokes the token that lives, and leaves word of itself.

use hallpass_core::ports::StoreError;
use hallpass_core::{Event, LoggedOut, LoginReason, State};

use crate::support::server::Fault;
use crate::support::store::Operation;
use crate::support::{Device, config, in_flight, login_required, settle, signed_out_reason, still_works, within};

const DONE: LoggedOut = LoggedOut { erased: true, revoked: true, session_ended: false };

async fn accounts(device: &Device) -> Vec<String> {
    hallpass_core::accounts(&config(), &device.store).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn rule_5_a_logout_revokes_the_token_that_another_process_got_last() {
    for renewals in 1..=3 {
        let app = Device::signed_in().await;
        let extension = app.extension_that_knows().await;
        for _ in 0..renewals {
            extension.renew().await.unwrap();
        }
        let living = app.server.living();
        assert_eq!(app.logout().await.unwrap(), DONE);
        assert_eq!(app.server.revoked(), living);
        assert!(app.server.living().is_empty(), "nobody who has a copy can go on");
    }
}

#[tokio::test(start_paused = true)]
async fn rule_5_a_revocation_is_of_the_token_that_another_process_got_last() {
    let app = Device::signed_in().await;
    let extension = app.extension_that_knows().await;
    extension.renew().await.unwrap();
    within(app.session().revoke()).await.unwrap();
    assert!(app.server.living().is_empty());
    assert_eq!(app.access_token().await.unwrap_err(), login_required(LoginReason::LoggedOut));
    assert_eq!(extension.renew().await.unwrap_err(), login_required(LoginReason::LoggedOut));
}

#[tokio::test(start_paused = true)]
async fn rule_5_a_renewal_during_a_slow_revocation_leaves_no_token_alive() {
    let device = Device::signed_in().await;
    device.server.fail_at("revocation", [Fault::Held]);
    let session = device.session().clone();
    let revocation = in_flight(async move { session.revoke().await }).await;
    let renewal = device.renewal_in_flight().await;
    device.server.release();
    let outcome = within(revocation).await.unwrap();
    let _ = within(renewal).await.unwrap();
    settle().await;
    assert_eq!(outcome, Ok(()));
    assert!(device.server.living().is_empty(), "revoked: {:?}", device.server.revoked());
    assert_eq!(device.access_token().await.unwrap_err(), login_required(LoginReason::LoggedOut));
}

#[tokio::test(start_paused = true)]
async fn rule_5_a_renewal_by_another_process_during_a_slow_revocation_leaves_no_token_alive() {
    let app = Device::signed_in().await;
    let extension = app.extension_that_knows().await;
    app.server.fail_at("revocation", [Fault::Held]);
    let session = app.session().clone();
    let revocation = in_flight(async move { session.revoke().await }).await;
    extension.renew().await.unwrap();
    app.server.release();
    within(revocation).await.unwrap().unwrap();
    assert!(app.server.living().is_empty(), "revoked: {:?}", app.server.revoked());
}

#[tokio::test(start_paused = true)]
async fn rule_5_a_renewal_in_flight_at_a_logout_leaves_no_token_alive() {
    for held in [Fault::Held, Fault::AnswerHeld] {
        let device = Device::signed_in().await;
        device.server.fail([held.clone()]);
        let renewal = device.renewal_in_flight().await;
        device.logout().await.unwrap();
        device.server.forgive_reuse();
        device.server.release();
        assert_eq!(within(renewal).await.unwrap().unwrap_err(), login_required(LoginReason::LoggedOut));
        settle().await;
        assert!(device.server.living().is_empty(), "{held:?}: revoked {:?}", device.server.revoked());
        assert!(device.store.text("session").is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn rule_5_a_logout_says_revoked_only_when_the_server_confirmed_it() {
    for fault in [Fault::Unreachable, Fault::RequestLost, Fault::Answer(503, vec![], String::new())] {
        let device = Device::signed_in().await;
        device.server.always("revocation", fault);
        assert_eq!(device.logout().await.unwrap(), LoggedOut { revoked: false, ..DONE });
        assert_eq!(device.access_token().await.unwrap_err(), login_required(LoginReason::LoggedOut));
    }
}

#[tokio::test(start_paused = true)]
async fn rule_5_a_revocation_that_the_server_does_not_confirm_erases_nothing() {
    let device = Device::signed_in().await;
    device.server.fail_at("revocation", [Fault::Answer(503, vec![], String::new())]);
    within(device.session().revoke()).await.unwrap_err();
    assert!(matches!(device.session().state(), State::SignedIn { .. }));
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_11_a_logout_leaves_a_tombstone_and_no_session() {
    let mut device = Device::signed_in().await;
    assert_eq!(accounts(&device).await, ["default"]);
    assert_eq!(device.logout().await.unwrap(), DONE);
    assert!(device.store.text("session").is_none());
    assert!(
        device.store.text("logout.").is_some(),
        "another process can tell a logout from a record that is not there"
    );
    assert_eq!(accounts(&device).await, [""; 0]);
    for secret in device.server.secrets() {
        assert!(!device.store.holds(&secret), "{secret} is still there");
    }
    device.restart();
    let reason = signed_out_reason(&device.state().await);
    assert!(matches!(reason, Some(LoginReason::LoggedOut | LoginReason::NotSignedIn)), "{reason:?}");
    device.log_in("ada").await.unwrap();
    assert_eq!(accounts(&device).await, ["default"]);
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_11_a_logout_reaches_a_process_that_looks_long_after_it() {
    let app = Device::signed_in().await;
    let extension = app.extension_that_knows().await;
    app.logout().await.unwrap();
    app.pass(40 * 24 * 3_600);
    assert_eq!(extension.access_token().await.unwrap_err(), login_required(LoginReason::LoggedOut));
    assert_eq!(signed_out_reason(&extension.session().state()), Some(LoginReason::LoggedOut));
    assert!(extension.store.text("session").is_none(), "nothing is written back");
    assert_eq!(extension.server.count("token"), 0);
}

#[tokio::test(start_paused = true)]
async fn rule_11_a_reload_learns_of_a_logout_in_another_process() {
    let app = Device::signed_in().await;
    let extension = app.extension_that_knows().await;
    app.logout().await.unwrap();
    let state = within(extension.session().reload()).await.unwrap();
    assert_eq!(signed_out_reason(&state), Some(LoginReason::LoggedOut));
    assert!(extension.witness.notes().events.contains(&Event::SignedOut { reason: LoginReason::LoggedOut }));
    assert_eq!(extension.witness.notes().latest, None);
}

#[tokio::test(start_paused = true)]
async fn rule_11_a_login_after_a_logout_is_not_ended_by_the_tombstone_of_the_session_before() {
    let app = Device::signed_in().await;
    let extension = app.extension_that_knows().await;
    app.logout().await.unwrap();
    app.log_in("ada").await.unwrap();
    assert!(matches!(within(extension.session().reload()).await.unwrap(), State::SignedIn { .. }));
    extension.renew().await.unwrap();
    app.renew().await.unwrap();
    // The record is out of sight for a while; what is left of the logout before is no word on this session.
    app.store.hide("session");
    assert!(matches!(within(extension.session().reload()).await.unwrap(), State::SignedIn { .. }));
    app.renew().await.unwrap_or_else(|error| panic!("the process that renews: {error}"));
    app.store.show();
    still_works(&app).await;
    still_works(&extension).await;
}

#[tokio::test(start_paused = true)]
async fn rule_11_a_logout_that_cannot_delete_the_session_changes_nothing() {
    for restarted in [false, true] {
        let mut app = Device::signed_in().await;
        let extension = app.extension_that_knows().await;
        app.store.fail_next_of("session", Operation::Delete, StoreError::Locked);
        assert!(matches!(app.logout().await, Err(hallpass_core::Error::Storage { .. })));
        assert_eq!(app.server.count("revocation"), 0);
        if restarted {
            app.restart();
        }
        assert!(matches!(app.state().await, State::SignedIn { .. }));
        app.renew().await.unwrap();
        extension.renew().await.unwrap();
        assert_eq!(accounts(&app).await, ["default"]);
        assert_eq!(app.logout().await.unwrap(), DONE);
        assert!(app.server.living().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn rule_11_a_logout_that_cannot_delete_what_was_set_aside_changes_nothing_or_all() {
    let device = Device::signed_in().await;
    device.store.fail_next_of("quarantine", Operation::Delete, StoreError::Locked);
    if device.logout().await.is_err() {
        assert!(matches!(device.session().state(), State::SignedIn { .. }));
        assert!(device.store.text("session").is_some(), "nothing has changed");
        assert_eq!(device.server.count("revocation"), 0);
        device.renew().await.unwrap();
        assert_eq!(device.logout().await.unwrap(), DONE);
    }
    assert!(device.store.text("session").is_none());
    assert!(device.server.living().is_empty());
    assert_eq!(device.access_token().await.unwrap_err(), login_required(LoginReason::LoggedOut));
}

#[tokio::test(start_paused = true)]
async fn rule_11_a_logout_while_the_record_is_out_of_sight_is_a_logout() {
    let device = Device::signed_in().await;
    device.store.hide("session");
    let done = device.logout().await.unwrap();
    assert!(done.erased && done.revoked, "it is in memory: {done:?}");
    assert!(device.server.living().is_empty());
    assert_eq!(device.access_token().await.unwrap_err(), login_required(LoginReason::LoggedOut));
    device.store.show();
    assert_eq!(device.access_token().await.unwrap_err(), login_required(LoginReason::LoggedOut));
    assert_eq!(signed_out_reason(&device.session().state()), Some(LoginReason::LoggedOut), "it does not come back");
}

#[tokio::test(start_paused = true)]
async fn rule_5_a_login_over_the_session_of_another_process_is_what_a_logout_there_ends() {
    let app = Device::signed_in().await;
    let extension = app.extension_that_knows().await;
    extension.log_in("grace").await.unwrap();
    let grace = app.server.living().pop().unwrap();
    assert_eq!(app.logout().await.unwrap(), DONE);
    assert!(app.server.revoked().contains(&grace), "what was erased is what was revoked");
    assert!(app.store.text("session").is_none());
}

#[tokio::test(start_paused = true)]
async fn rule_11_a_logout_ends_also_the_sessions_that_the_one_before_took_the_place_of() {
    let app = Device::signed_in().await;
    let mut extension = app.extension_that_knows().await;
    extension.log_in("grace").await.unwrap();
    // Which sessions there were is known from the record, not from the memory of a process; nor does a clock tell.
    extension.restart();
    extension.state().await;
    app.clock.set_wall_by(-3_600);
    extension.logout().await.unwrap();
    assert_eq!(app.renew().await.unwrap_err(), login_required(LoginReason::LoggedOut));
    assert!(app.store.text("session").is_none(), "and nothing of the session is written again");
}
