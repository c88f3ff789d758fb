//! An observer knows what the session knows, before the verb that changed it returns (ADR 7).

use std::time::Duration;

use hallpass_core::ports::StoreError;
use hallpass_core::{Event, LoginReason, Logout, State};

use crate::support::Device;
use crate::support::store::Operation;

const HOUR: Duration = Duration::from_secs(3_600);

#[tokio::test]
async fn a_login_a_renewal_and_a_logout_are_told_before_they_return() {
    let device = Device::new();
    device.log_in("ada").await.unwrap();
    let told = device.witness.notes();
    assert_eq!(told.latest, Some((device.access_token().await.unwrap(), HOUR)));
    assert!(matches!(told.state, Some(State::SignedIn { .. })));

    let renewed = device.session().renew().await.unwrap();
    assert_eq!(device.witness.notes().latest, Some((renewed.access_token().expose().to_owned(), HOUR)));

    device.session().logout(Logout::default()).await.unwrap();
    let told = device.witness.notes();
    assert_eq!(told.latest, None);
    assert!(matches!(told.state, Some(State::SignedOut { reason: LoginReason::LoggedOut })));
    let logged_out = Event::SignedOut { reason: LoginReason::LoggedOut };
    assert_eq!(told.events, [Event::SignedIn, Event::Renewed, logged_out]);
}

#[tokio::test]
async fn rule_3_credentials_that_could_not_be_saved_are_told_once_they_are() {
    let device = Device::signed_in().await;
    let before = device.witness.notes().latest;
    device.store.break_with(StoreError::Failed("the disk is full"));
    device.session().renew().await.unwrap_err();
    assert_eq!(device.witness.notes().latest, before);

    device.store.repair();
    let saved = device.session().renew().await.unwrap();
    assert_eq!(device.witness.notes().latest, Some((saved.access_token().expose().to_owned(), HOUR)));
}

#[tokio::test]
async fn an_app_that_starts_again_is_told_how_much_of_the_lifetime_is_left() {
    let mut device = Device::signed_in().await;
    device.pass(600);
    device.restart();
    device.state().await;
    assert_eq!(device.witness.notes().latest.map(|(_, remaining)| remaining), Some(HOUR - Duration::from_secs(600)));

    device.expire();
    device.restart();
    device.state().await;
    assert_eq!(device.witness.notes().latest, None, "it has expired");
}

#[tokio::test]
async fn the_end_of_a_session_is_told_when_the_server_says_so_and_a_failed_erasure_changes_nothing() {
    let device = Device::signed_in().await;
    device.store.fail_next(Operation::Delete, StoreError::Locked);
    device.session().logout(Logout::default()).await.unwrap_err();
    assert!(device.witness.notes().latest.is_some());

    device.server.revoke_everything();
    device.session().renew().await.unwrap_err();
    let told = device.witness.notes();
    assert_eq!(told.latest, None);
    assert!(matches!(told.state, Some(State::SignedOut { reason: LoginReason::Revoked })));
}

#[tokio::test]
async fn credentials_that_nothing_changed_are_told_once() {
    let device = Device::signed_in().await;
    let before = device.witness.notes().changes;
    for _ in 0..100 {
        device.access_token().await.unwrap();
    }
    assert_eq!(device.witness.notes().changes, before);
}
