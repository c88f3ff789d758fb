//! Rule 11: absent, locked, invalidated, failed and damaged are five things, and the record outlives all that it can.

use hallpass_core::ports::StoreError;
use hallpass_core::{Error, Login, LoginReason, State, StorageProblem};

use crate::support::store::Operation;
use crate::support::{Device, login_required, signed_out_reason, within};

#[tokio::test(start_paused = true)]
async fn rule_11_a_restart_reads_the_store_once_and_sends_nothing() {
    let mut device = Device::signed_in().await;
    let before = device.access_token().await.unwrap();
    device.restart();
    assert_eq!(device.access_token().await.unwrap(), before);
    assert_eq!(device.session().user().unwrap().sub(), "ada");
    assert_eq!((device.store.operations(), device.store.count(Operation::Load, "session")), (1, 1));
    assert_eq!(device.server.count("token") + device.server.count("keys") + device.server.count("metadata"), 0);
}

#[tokio::test(start_paused = true)]
async fn rule_15_a_renewal_after_a_restart_asks_for_neither_metadata_nor_keys() {
    let mut device = Device::signed_in().await;
    device.pass(3_500);
    device.restart();
    device.session().renew().await.unwrap();
    assert_eq!((device.server.count("metadata"), device.server.count("keys"), device.server.count("token")), (0, 0, 1));
}

#[tokio::test(start_paused = true)]
async fn rule_11_an_absent_record_is_nobody_signed_in() {
    let device = Device::new();
    assert_eq!(signed_out_reason(&device.state().await), Some(LoginReason::NotSignedIn));
    assert_eq!(device.access_token().await.unwrap_err(), login_required(LoginReason::NotSignedIn));
}

#[tokio::test(start_paused = true)]
async fn rule_11_a_locked_or_failing_store_is_not_signed_out() {
    for problem in [StoreError::Locked, StoreError::Failed("the service is gone")] {
        let mut device = Device::signed_in().await;
        device.store.break_with(problem);
        device.restart();
        let error = device.access_token().await.unwrap_err();
        assert_eq!(error, Error::from(problem));
        assert!(error.is_retryable());
        assert!(matches!(device.session().state(), State::Restoring { .. }));
        device.store.repair();
        device.access_token().await.unwrap();
        assert!(matches!(device.session().state(), State::SignedIn { .. }));
    }
}

#[tokio::test(start_paused = true)]
async fn rule_11_a_locked_store_stops_a_login_before_the_browser_opens() {
    let mut device = Device::signed_in().await;
    device.store.break_with(StoreError::Locked);
    device.restart();
    let error = device.log_in("ada").await.unwrap_err();
    assert_eq!(error, Error::Storage { problem: StorageProblem::Locked });
}

#[tokio::test(start_paused = true)]
async fn rule_11_a_record_that_can_never_be_read_again_keeps_nobody_from_signing_in() {
    let mut device = Device::signed_in().await;
    device.store.spoil("session", StoreError::Failed("the key of the store is dead"));
    let unread = device.store.text("session");
    device.restart();
    device.access_token().await.unwrap_err();
    let started = device.session().start_login(Login::default()).await.unwrap();
    assert_eq!(device.store.text("session"), unread, "nothing is overwritten before the login is done");
    let callback = device.server.sign_in(&started.url, "grace");
    assert_eq!(device.session().resume(&callback).await.unwrap().sub(), "grace");
    assert_eq!(device.user().as_deref(), Some("grace"));
    device.restart();
    assert_eq!(device.state().await.user().unwrap().sub(), "grace");
    device.access_token().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn rule_11_a_store_that_takes_nothing_stops_a_login_before_the_browser_opens() {
    let mut device = Device::signed_in().await;
    device.store.break_with(StoreError::Failed("the disk is full"));
    device.restart();
    let error = within(device.session().start_login(Login::default())).await.unwrap_err();
    assert_eq!(error, Error::Storage { problem: StorageProblem::Failed("the disk is full") });
}

#[tokio::test(start_paused = true)]
async fn rule_11_an_invalidated_store_requires_a_login_and_nothing_is_destroyed() {
    let mut device = Device::signed_in().await;
    device.store.break_with(StoreError::Invalidated);
    device.restart();
    assert_eq!(device.access_token().await.unwrap_err(), login_required(LoginReason::StorageInvalidated));
    assert_eq!(signed_out_reason(&device.session().state()), Some(LoginReason::StorageInvalidated));
    device.store.repair();
    device.restart();
    device.access_token().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn rule_11_a_damaged_record_is_set_aside_when_a_login_takes_its_place() {
    for damage in [
        |text: &mut String| text.truncate(text.len() / 2),
        |text: &mut String| *text = text.replacen("refresh-ada", "refresh-adb", 1),
        |text: &mut String| text.clear(),
        |text: &mut String| "{}".clone_into(text),
        |text: &mut String| *text = format!("0{text}"),
    ] {
        let mut device = Device::signed_in().await;
        device.store.tamper("session", damage);
        let damaged = device.store.text("session");
        device.restart();
        assert_eq!(device.access_token().await.unwrap_err(), login_required(LoginReason::StorageInvalidated));
        assert_eq!(device.store.text("session"), damaged, "nothing is overwritten before a login");
        device.log_in("ada").await.unwrap();
        assert_eq!(device.store.text("quarantine"), damaged);
        device.restart();
        device.access_token().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn rule_11_a_record_of_a_newer_version_is_left_alone() {
    let mut device = Device::signed_in().await;
    device.store.tamper("session", |text| *text = "2.new.format".to_owned());
    device.restart();
    let error = device.access_token().await.unwrap_err();
    assert!(
        matches!(error, Error::Storage { problem: StorageProblem::Failed(why) } if why.contains("newer")),
        "{error:?}"
    );
    device.log_in("ada").await.unwrap_err();
    assert_eq!(device.store.text("session").unwrap(), "2.new.format");
}

#[tokio::test(start_paused = true)]
async fn rule_11_every_version_that_ever_shipped_still_loads() {
    // Written by hand once for each version, never generated: what is in the field does not change with the code.
    for (version, text) in [
        ("1", include_str!("golden/record-1.txt")),
        ("1 refused", include_str!("golden/record-1-refused.txt")),
        ("1 with what the login asked for", include_str!("golden/record-1-asked.txt")),
    ] {
        let mut device = Device::signed_in().await;
        device.store.tamper("session", |stored| text.trim_end().clone_into(stored));
        device.restart();
        assert_eq!(device.state().await.user().unwrap().sub(), "ada", "version {version}");
        device.expire();
        device.access_token().await.unwrap_err();
        let sent = device.server.seen("token");
        assert_eq!(sent[0].parameters["refresh_token"], "golden-refresh-token", "version {version}");
    }
}

#[tokio::test(start_paused = true)]
async fn rule_11_a_record_that_was_refused_still_asks_for_a_login_after_a_restart() {
    let mut device = Device::signed_in().await;
    let refused = include_str!("golden/record-1-refused.txt");
    device.store.tamper("session", |stored| refused.trim_end().clone_into(stored));
    device.restart();
    let state = device.state().await;
    let State::LoginRequired { user, reason: LoginReason::Refused } = &state else { panic!("{state:?}") };
    assert_eq!(user.sub(), "ada");
}

#[tokio::test(start_paused = true)]
async fn rule_11_the_accounts_of_a_client_are_listed_and_no_others() {
    let device = Device::signed_in().await;
    let accounts = hallpass_core::accounts(&crate::support::config(), &device.store).await.unwrap();
    assert_eq!(accounts, ["default"]);
    let other = hallpass_core::Config::new("https://issuer.example", "client-2", "com.example.app:/callback").unwrap();
    assert!(hallpass_core::accounts(&other, &device.store).await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn rule_5_a_store_that_gives_the_record_of_the_session_before_does_not_bring_it_back() {
    let device = Device::signed_in().await;
    let before = device.store.text("session").unwrap();
    device.log_in("grace").await.unwrap();
    device.store.tamper("session", |text| *text = before);
    device.session().renew().await.unwrap();
    assert_eq!(device.session().user().unwrap().sub(), "grace");
    assert!(device.store.text("session").unwrap().contains("grace"));
}
