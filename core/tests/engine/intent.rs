//! Rule 12: the latest intent wins. A login in flight does not survive a logout or a newer login, and what comes late of it
//! is revoked, unless that would end a session that lives.

use hallpass_core::{Error, Login, LoginReason, State, User};
use tokio::task::JoinHandle;

use crate::support::server::{Fault, Revocation};
use crate::support::{Device, login_required, settle, signed_out_reason, still_works, within};

const HELD: [Fault; 2] = [Fault::Held, Fault::AnswerHeld];

/// A device on which nobody is signed in, and a login of `user` whose code is being exchanged.
async fn exchanging(user: &str, held: &Fault) -> (Device, JoinHandle<hallpass_core::Result<User>>) {
    let device = Device::new();
    device.server.fail([held.clone()]);
    let login = device.login_in_flight(user).await;
    (device, login)
}

#[tokio::test(start_paused = true)]
async fn rule_12_a_login_in_flight_at_a_logout_installs_nothing_and_its_tokens_are_revoked() {
    for held in HELD {
        let (mut device, login) = exchanging("ada", &held).await;
        device.logout().await.unwrap();
        assert!(matches!(device.session().state(), State::SignedOut { .. }));
        device.server.release();
        assert_eq!(within(login).await.unwrap().unwrap_err(), Error::Cancelled, "{held:?}");
        settle().await;
        assert!(matches!(device.session().state(), State::SignedOut { .. }));
        assert!(matches!(device.access_token().await, Err(Error::LoginRequired { .. })));
        assert!(device.store.text("session").is_none());
        assert!(device.server.living().is_empty(), "revoked: {:?}", device.server.revoked());
        device.restart();
        assert!(matches!(device.state().await, State::SignedOut { .. }));
        device.log_in("ada").await.unwrap();
        still_works(&device).await;
    }
}

#[tokio::test(start_paused = true)]
async fn rule_12_a_bound_login_in_flight_at_a_logout_leaves_a_key_that_the_next_login_can_use() {
    let mut device = Device::new();
    device.dpop = true;
    device.restart();
    device.server.fail([Fault::AnswerHeld]);
    let login = device.login_in_flight("ada").await;
    device.logout().await.unwrap();
    device.server.release();
    assert_eq!(within(login).await.unwrap().unwrap_err(), Error::Cancelled);
    settle().await;
    assert!(device.server.living().is_empty());
    device.log_in("ada").await.unwrap();
    assert_eq!(device.call().await.unwrap().status, 200);
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_12_a_login_in_flight_at_a_newer_login_installs_nothing() {
    for held in HELD {
        let (device, first) = exchanging("mallory", &held).await;
        device.log_in("ada").await.unwrap();
        device.server.release();
        assert_eq!(within(first).await.unwrap().unwrap_err(), Error::Cancelled, "{held:?}");
        settle().await;
        assert_eq!(device.user().as_deref(), Some("ada"));
        let living = device.server.living();
        assert_eq!(living.len(), 1, "{living:?}");
        assert!(device.store.text("session").unwrap().contains(&living[0]));
        still_works(&device).await;
        assert_eq!(device.user().as_deref(), Some("ada"));
    }
}

#[tokio::test(start_paused = true)]
async fn rule_12_a_login_in_flight_is_withdrawn_as_soon_as_a_newer_one_begins() {
    for held in HELD {
        let (device, first) = exchanging("mallory", &held).await;
        let second = within(device.session().start_login(Login::default())).await.unwrap();
        device.server.release();
        assert_eq!(within(first).await.unwrap().unwrap_err(), Error::Cancelled, "{held:?}");
        settle().await;
        assert!(matches!(device.session().state(), State::SignedOut { .. }));
        assert!(device.server.living().is_empty());
        let callback = device.server.sign_in(&second.url, "ada");
        within(device.session().resume(&callback)).await.unwrap();
        still_works(&device).await;
    }
}

#[tokio::test(start_paused = true)]
async fn rule_12_a_withdrawn_login_of_the_user_who_is_signed_in_is_not_revoked() {
    for held in HELD {
        let device = Device::signed_in().await;
        device.server.change(|server| server.revocation = Revocation::AllOfTheUser);
        device.server.fail([held.clone()]);
        let first = device.login_in_flight("ada").await;
        within(device.session().start_login(Login::default())).await.unwrap();
        device.server.release();
        assert_eq!(within(first).await.unwrap().unwrap_err(), Error::Cancelled, "{held:?}");
        settle().await;
        assert_eq!(device.server.revoked(), [""; 0], "that would end the session that lives");
        assert_eq!(device.user().as_deref(), Some("ada"));
        still_works(&device).await;
    }
}

#[tokio::test(start_paused = true)]
async fn rule_12_a_withdrawn_login_of_another_user_is_revoked_and_leaves_the_session_that_lives() {
    let device = Device::signed_in().await;
    device.server.change(|server| server.revocation = Revocation::AllOfTheUser);
    device.server.fail([Fault::AnswerHeld]);
    let first = device.login_in_flight("grace").await;
    within(device.session().start_login(Login::default())).await.unwrap();
    device.server.release();
    assert_eq!(within(first).await.unwrap().unwrap_err(), Error::Cancelled);
    settle().await;
    assert_eq!(device.server.revoked().len(), 1);
    assert_eq!(device.server.living().len(), 1);
    assert_eq!(device.user().as_deref(), Some("ada"));
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_12_a_login_in_flight_at_a_revocation_installs_nothing() {
    let device = Device::signed_in().await;
    device.server.fail([Fault::AnswerHeld]);
    let login = device.login_in_flight("grace").await;
    within(device.session().revoke()).await.unwrap();
    device.server.release();
    assert_eq!(within(login).await.unwrap().unwrap_err(), Error::Cancelled);
    settle().await;
    assert!(device.server.living().is_empty());
    assert_eq!(signed_out_reason(&device.session().state()), Some(LoginReason::LoggedOut));
}

#[tokio::test(start_paused = true)]
async fn rule_12_cancelling_interrupts_no_exchange_that_has_begun() {
    let (device, login) = exchanging("ada", &Fault::AnswerHeld).await;
    within(device.session().cancel_login()).await.unwrap();
    device.server.release();
    within(login).await.unwrap().unwrap();
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_12_a_late_renewal_of_the_same_user_who_signed_in_again_is_not_revoked() {
    for held in HELD {
        let device = Device::signed_in().await;
        device.server.fail([held.clone()]);
        let late = device.renewal_in_flight().await;
        device.logout().await.unwrap();
        device.log_in("ada").await.unwrap();
        device.server.change(|server| server.revocation = Revocation::AllOfTheUser);
        device.server.forgive_reuse();
        let revoked = device.server.revoked();
        device.server.release();
        // The caller may be served from the session that took the place of the one before: it is the same user's.
        let _ = within(late).await.unwrap();
        settle().await;
        assert_eq!(device.server.revoked(), revoked, "{held:?}: that would end the session that lives");
        still_works(&device).await;
    }
}

#[tokio::test(start_paused = true)]
async fn rule_12_a_late_renewal_of_a_user_who_is_gone_is_revoked() {
    for next in [Some("grace"), None] {
        let device = Device::signed_in().await;
        device.server.fail([Fault::AnswerHeld]);
        let late = device.renewal_in_flight().await;
        device.logout().await.unwrap();
        if let Some(next) = next {
            device.log_in(next).await.unwrap();
        }
        device.server.change(|server| server.revocation = Revocation::AllOfTheUser);
        device.server.forgive_reuse();
        device.server.release();
        assert_eq!(within(late).await.unwrap().unwrap_err(), login_required(LoginReason::LoggedOut));
        settle().await;
        assert!(device.server.living().iter().all(|token| !token.contains("ada")), "{:?}", device.server.living());
        assert_eq!(device.server.living().len(), usize::from(next.is_some()));
        if next.is_some() {
            still_works(&device).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn rule_12_a_logout_of_another_process_withdraws_a_login_in_flight_here() {
    let app = Device::signed_in().await;
    let extension = app.extension_that_knows().await;
    app.server.fail([Fault::AnswerHeld]);
    let login = app.login_in_flight("ada").await;
    app.pass(1);
    extension.logout().await.unwrap();
    app.server.release();
    assert_eq!(within(login).await.unwrap().unwrap_err(), Error::Cancelled);
    settle().await;
    assert!(app.server.living().is_empty());
    assert!(app.store.text("session").is_none());
}

#[tokio::test(start_paused = true)]
async fn rule_12_a_login_that_is_over_leaves_nothing_that_a_later_callback_can_use() {
    let (device, login) = exchanging("ada", &Fault::AnswerHeld).await;
    device.logout().await.unwrap();
    device.server.release();
    within(login).await.unwrap().unwrap_err();
    assert!(device.store.text("login").is_none());
    let error = within(device.session().resume("com.example.app:/callback?code=c&state=s")).await.unwrap_err();
    assert_eq!(error, Error::Untrusted { check: "callback_without_login" });
}

#[tokio::test(start_paused = true)]
async fn rule_12_a_login_that_could_not_be_saved_gives_way_to_a_later_one_of_another_process() {
    use hallpass_core::ports::StoreError;

    use crate::support::store::Operation;

    let app = Device::new();
    let extension = app.extension_that_knows().await;
    let started = within(extension.session().start_login(Login::default())).await.unwrap();
    settle().await;
    let callback = app.server.sign_in(&started.url, "ada");
    extension.store.fail_next_of("session", Operation::Save, StoreError::Failed("the disk is full"));
    assert!(matches!(within(extension.session().resume(&callback)).await, Err(Error::Storage { .. })));

    app.pass(3_600);
    app.log_in("grace").await.unwrap();
    app.pass(60);
    let _ = extension.renew().await;
    let _ = extension.access_token().await;
    assert!(app.store.text("session").unwrap().contains("grace"));
    still_works(&app).await;
    assert_eq!(app.user().as_deref(), Some("grace"));
    still_works(&extension).await;
    assert_eq!(extension.user().as_deref(), Some("grace"));
}

#[tokio::test(start_paused = true)]
async fn rule_12_a_login_that_could_not_be_saved_gives_way_to_a_later_logout_of_another_process() {
    use hallpass_core::ports::StoreError;

    use crate::support::store::Operation;

    let app = Device::signed_in().await;
    let extension = app.extension_that_knows().await;
    let started = within(extension.session().start_login(Login::default())).await.unwrap();
    settle().await;
    let callback = app.server.sign_in(&started.url, "ada");
    extension.store.fail_next_of("session", Operation::Save, StoreError::Failed("the disk is full"));
    assert!(matches!(within(extension.session().resume(&callback)).await, Err(Error::Storage { .. })));

    app.pass(3_600);
    app.logout().await.unwrap();
    app.pass(60);
    assert_eq!(extension.renew().await.unwrap_err(), login_required(LoginReason::LoggedOut));
    assert!(app.store.text("session").is_none(), "the user has logged out since");
}
