//! An observer knows what the session knows, before the verb that changed it returns (ADR 7).

use std::pin::pin;
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use hallpass_core::ports::StoreError;
use hallpass_core::{Event, LatestCredentials, LoginReason, Logout, MinTtl, Observer, Session, State};

use crate::support::store::Operation;
use crate::support::witness::Callback;
use crate::support::{Device, config, login_required, still_works, within};

const HOUR: Duration = Duration::from_secs(3_600);

#[tokio::test(start_paused = true)]
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

#[tokio::test(start_paused = true)]
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

#[tokio::test(start_paused = true)]
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

#[tokio::test(start_paused = true)]
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

#[tokio::test(start_paused = true)]
async fn credentials_that_nothing_changed_are_told_once() {
    let device = Device::signed_in().await;
    let before = device.witness.notes().changes;
    for _ in 0..100 {
        device.access_token().await.unwrap();
    }
    assert_eq!(device.witness.notes().changes, before);
}

/// An observer that looks at the session when it is told that there are no credentials any more.
#[derive(Clone, Default)]
struct Curious {
    session: Arc<OnceLock<Session>>,
    /// What the session gave out at that moment.
    found: Arc<Mutex<Vec<Option<String>>>>,
}

impl Observer for Curious {
    fn credentials_changed(&self, latest: Option<LatestCredentials>) {
        let Some(session) = self.session.get().filter(|_| latest.is_none()) else { return };
        // Asked once and not waited for: what is there is there at once.
        let asked = pin!(session.credentials(MinTtl::default()));
        let found = match asked.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(credentials)) => Some(credentials.access_token().expose().to_owned()),
            Poll::Ready(Err(_)) | Poll::Pending => None,
        };
        self.found.lock().unwrap().push(found);
    }

    fn state_changed(&self, _state: &State) {}

    fn happened(&self, _event: Event) {}
}

#[tokio::test(start_paused = true)]
async fn rule_3_credentials_are_withdrawn_before_the_observer_is_told_of_it() {
    let mut device = Device::signed_in().await;
    device.close();
    let curious = Curious::default();
    let session = Session::builder(config())
        .store(device.store.clone())
        .transport(device.server.clone())
        .clock(device.clock.clone())
        .observer(curious.clone())
        .build()
        .unwrap();
    within(session.restored()).await.unwrap();
    assert!(curious.session.set(session.clone()).is_ok());
    within(session.logout(Logout::default())).await.unwrap();
    assert_eq!(*curious.found.lock().unwrap(), [None], "asked when it was told, the session had none");
}

#[tokio::test(start_paused = true)]
async fn rule_2_an_observer_that_panics_changes_nothing() {
    for callback in Callback::ALL {
        let mut device = Device::new();
        device.witness.panic_in(callback);
        device.log_in("ada").await.unwrap_or_else(|error| panic!("{callback:?}: {error}"));
        device.renew().await.unwrap_or_else(|error| panic!("{callback:?}: {error}"));
        device.expire();
        device.access_token().await.unwrap();

        let done = device.logout().await.unwrap_or_else(|error| panic!("{callback:?}: {error}"));
        assert!(done.erased && done.revoked, "{callback:?}");
        assert!(device.server.living().is_empty());
        assert_eq!(device.access_token().await.unwrap_err(), login_required(LoginReason::LoggedOut), "{callback:?}");

        device.log_in("grace").await.unwrap();
        assert!(device.witness.notes().panics >= 2, "{callback:?} did panic");
        device.server.revoke_everything();
        device.expire();
        assert_eq!(device.access_token().await.unwrap_err(), login_required(LoginReason::Revoked), "{callback:?}");
        device.log_in("ada").await.unwrap();
        device.restart();
        assert!(matches!(device.state().await, State::SignedIn { .. }));
        still_works(&device).await;
    }
}

#[tokio::test(start_paused = true)]
async fn rule_2_an_observer_that_panics_in_one_callback_is_told_by_the_others() {
    let device = Device::new();
    device.witness.panic_in(Callback::Credentials);
    device.log_in("ada").await.unwrap();
    let told = device.witness.notes();
    assert!(matches!(told.state, Some(State::SignedIn { .. })));
    assert_eq!(told.events, [Event::SignedIn]);
    still_works(&device).await;
}
