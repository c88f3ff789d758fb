//! The account by itself: below the session, over a store that can fail.

use std::sync::atomic::AtomicBool;

use hallpass_protocol::secret::AccessToken;

use super::super::fakes::{FailingStore, StillClock, account, entry, signed_in};
use super::super::observer::LatestCredentials;
use super::super::record::Grant;
use super::*;
use crate::ports::SecureStore;

/// Panics when it is told anything.
struct Panicking;

#[allow(clippy::panic, reason = "that is what it is for")]
impl Observer for Panicking {
    fn credentials_changed(&self, _latest: Option<LatestCredentials>) {
        panic!("credentials");
    }

    fn state_changed(&self, _state: &State) {
        panic!("state");
    }

    fn happened(&self, _event: Event) {
        panic!("event");
    }
}

fn now(clock: &StillClock) -> Moment {
    Moment::now(clock)
}

async fn sign_in(account: &Account, clock: &StillClock, refresh: Option<&str>) -> Result<()> {
    let mut guard = account.open().await?;
    let session = signed_in("ada", 3_600, refresh, now(clock));
    guard.begin("session-1".to_owned(), now(clock), session, account.latest_intent()).await
}

/// A renewal by a server that does not rotate.
async fn renew(account: &Account, clock: &StillClock, access_token: &str) {
    let mut guard = account.synchronized().await.unwrap();
    let mut renewed = guard.signed_in().unwrap().1.clone();
    let grant =
        Grant { access_token: AccessToken::new(access_token), received: now(clock), ..renewed.grants[0].clone() };
    renewed.put_grant(grant, now(clock));
    guard.commit(renewed).await.unwrap();
}

fn token(account: &Account) -> Option<String> {
    account.unexpired(&GrantKey::default()).map(|found| found.access_token().expose().to_owned())
}

#[tokio::test]
async fn what_is_saved_is_published_before_the_guard_is_given_back() {
    let (store, clock) = (FailingStore::default(), StillClock::at(1_000, 10));
    let account = account(&store, &clock, None);
    let mut guard = account.open().await.unwrap();
    let session = signed_in("ada", 3_600, Some("r0"), now(&clock));
    guard.begin("session-1".to_owned(), now(&clock), session, account.latest_intent()).await.unwrap();
    assert_eq!(token(&account).as_deref(), Some("access-0"), "the record is still locked");
    assert_eq!(account.user().unwrap().sub(), "ada");
}

#[tokio::test]
async fn what_could_not_be_saved_is_not_published_and_is_saved_by_the_next_look_at_the_store() {
    let (store, clock) = (FailingStore::default(), StillClock::at(1_000, 10));
    let account = account(&store, &clock, None);
    drop(account.open().await.unwrap());
    store.full.store(true, Ordering::SeqCst);
    assert!(matches!(sign_in(&account, &clock, Some("r0")).await, Err(Error::Storage { .. })));
    assert!(token(&account).is_none() && account.user().is_none());
    store.full.store(false, Ordering::SeqCst);
    drop(account.synchronized().await.unwrap());
    assert_eq!(token(&account).as_deref(), Some("access-0"));
}

#[tokio::test]
async fn an_end_that_cannot_be_saved_shows_at_once_and_is_saved_later() {
    let (store, clock) = (FailingStore::default(), StillClock::at(1_000, 10));
    let account = account(&store, &clock, None);
    sign_in(&account, &clock, Some("r0")).await.unwrap();
    store.full.store(true, Ordering::SeqCst);
    let ended = account.end_if(|_| Some(LoginReason::Revoked)).await;
    assert_eq!(ended, Err(Error::LoginRequired { reason: LoginReason::Revoked }));
    assert!(token(&account).is_none());
    store.full.store(false, Ordering::SeqCst);
    drop(account.synchronized().await.unwrap());
    let other_process = super::super::fakes::account(&store, &clock, None);
    assert!(matches!(other_process.open().await.unwrap().signed_in(), Err(Error::LoginRequired { .. })));
}

#[tokio::test]
async fn an_attempt_that_another_process_noted_is_kept_with_a_record_that_was_saved_without_a_word() {
    let (store, clock) = (FailingStore::default(), StillClock::at(1_000, 10));
    let (app, extension) = (account(&store, &clock, None), account(&store, &clock, None));
    sign_in(&extension, &clock, Some("r0")).await.unwrap();
    let token = {
        let mut guard = extension.open().await.unwrap();
        let mut renewed = guard.signed_in().unwrap().1.clone();
        renewed.refresh = signed_in("ada", 3_600, Some("r1"), now(&clock)).refresh;
        store.untold.store(true, Ordering::SeqCst);
        guard.commit(renewed.clone()).await.unwrap_err();
        store.untold.store(false, Ordering::SeqCst);
        renewed.refresh.unwrap().token.fingerprint()
    };
    let mut guard = app.open().await.unwrap();
    let mut noted = guard.signed_in().unwrap().1.clone();
    noted.refresh.as_mut().unwrap().attempt = Some(super::super::record::Attempt { begun: clock.now(), settled: true });
    guard.commit_or_revert(noted).await.unwrap();
    assert_eq!(extension.synchronized().await.unwrap().token_in_doubt(), Some(token));
}

#[tokio::test]
async fn a_store_that_shows_an_older_renewal_again_does_not_replace_a_newer_access_token() {
    let (store, clock) = (FailingStore::default(), StillClock::at(1_000, 10));
    let (app, extension) = (account(&store, &clock, None), account(&store, &clock, None));
    sign_in(&app, &clock, Some("r0")).await.unwrap();
    for second in 1..4 {
        clock.set(1_000 + second, 10 + second);
        renew(&extension, &clock, "older").await;
    }
    let session = entry("session");
    let older = store.load(&session).await.unwrap().unwrap();
    store.delete(&session).await.unwrap();
    clock.set(5_000, 4_010);
    renew(&app, &clock, "newer").await;
    store.save(&session, &older).await.unwrap();
    drop(app.synchronized().await.unwrap());
    assert_eq!(token(&app).as_deref(), Some("newer"));
    drop(extension.synchronized().await.unwrap());
    assert_eq!(token(&extension).as_deref(), Some("newer"), "it was not saved");
}

#[tokio::test]
async fn a_logout_that_was_known_at_the_login_does_not_end_it_whatever_the_clocks_say() {
    let (store, clock) = (FailingStore::default(), StillClock::at(5_000, 4_000));
    let before = account(&store, &clock, None);
    sign_in(&before, &clock, Some("r0")).await.unwrap();
    before.lock().await.erase().await.unwrap();
    // The device restarts, and its clock is set back.
    clock.set(2_000, 5);
    let account = account(&store, &clock, None);
    let mut guard = account.open().await.unwrap();
    let session = signed_in("ada", 360_000, Some("r1"), now(&clock));
    guard.begin("session-2".to_owned(), now(&clock), session, account.latest_intent()).await.unwrap();
    drop(guard);
    clock.set(6_000, 4_500);
    store.delete(&entry("session")).await.unwrap();
    drop(account.synchronized().await.unwrap());
    assert_eq!(token(&account).as_deref(), Some("access-0"));
}

#[tokio::test]
async fn a_session_that_began_after_a_logout_was_asked_for_is_told_from_the_one_before() {
    let (store, clock) = (FailingStore::default(), StillClock::at(1_000, 10));
    let account = account(&store, &clock, None);
    let asked = now(&clock);
    clock.set(1_002, 12);
    sign_in(&account, &clock, Some("r0")).await.unwrap();
    clock.set(1_003, 13);
    let guard = account.lock().await;
    assert!(guard.has_begun_after(asked) && !guard.has_begun_after(now(&clock)));
}

#[tokio::test]
async fn a_session_that_is_not_the_one_meant_does_not_end() {
    let (store, clock) = (FailingStore::default(), StillClock::at(1_000, 10));
    let account = account(&store, &clock, None);
    sign_in(&account, &clock, Some("r0")).await.unwrap();
    assert_eq!(account.end_if(|_| None).await, Ok(()));
    assert!(token(&account).is_some());
}

#[tokio::test]
async fn a_store_that_cannot_be_read_is_told_by_the_state_and_read_again() {
    let (store, clock) = (FailingStore::default(), StillClock::at(1_000, 10));
    sign_in(&account(&store, &clock, None), &clock, Some("r0")).await.unwrap();
    let account = account(&store, &clock, None);
    store.locked.store(true, Ordering::SeqCst);
    assert!(account.open().await.is_err());
    let problem = Some(crate::error::StorageProblem::Locked);
    assert!(matches!(account.state(), State::Restoring { problem: found } if found == problem));
    store.locked.store(false, Ordering::SeqCst);
    drop(account.open().await.unwrap());
    assert!(matches!(account.state(), State::SignedIn { .. }));
}

#[tokio::test]
async fn without_a_refresh_token_a_login_is_required_once_the_access_token_is_over() {
    let (store, clock) = (FailingStore::default(), StillClock::at(1_000, 10));
    let account = account(&store, &clock, None);
    sign_in(&account, &clock, None).await.unwrap();
    assert!(matches!(account.state(), State::SignedIn { .. }));
    clock.set(1_000, 10 + 3_600);
    let reason = LoginReason::NoRefreshToken;
    assert!(matches!(account.state(), State::LoginRequired { reason: found, .. } if found == reason));
}

#[tokio::test]
async fn an_observer_that_panics_changes_nothing() {
    let (store, clock) = (FailingStore::default(), StillClock::at(1_000, 10));
    let account = account(&store, &clock, Some(Arc::new(Panicking)));
    sign_in(&account, &clock, Some("r0")).await.unwrap();
    assert!(token(&account).is_some());
    account.emit(Event::Renewed);
    let mut guard = account.lock().await;
    assert!(guard.erase().await.unwrap().is_some());
    assert!(token(&account).is_none());
}

#[tokio::test]
async fn a_token_whose_outcome_is_unknown_is_told_until_it_is_known() {
    let (store, clock) = (FailingStore::default(), StillClock::at(1_000, 10));
    let account = account(&store, &clock, None);
    sign_in(&account, &clock, Some("r0")).await.unwrap();
    let unknown = account.watch_outcome_unknown();
    let mut guard = account.lock().await;
    let mut noted = guard.signed_in().unwrap().1.clone();
    let refresh = noted.refresh.as_mut().unwrap();
    let token = refresh.token.fingerprint();
    refresh.attempt = Some(super::super::record::Attempt { begun: clock.now(), settled: true });
    guard.commit_or_revert(noted).await.unwrap();
    assert_eq!(*unknown.borrow(), None);
    guard.settle("session-1", token, false);
    assert_eq!(*unknown.borrow(), Some(token));
    guard.settle("another session", token, true);
    assert_eq!(*unknown.borrow(), Some(token));
    guard.settle("session-1", token, true);
    assert_eq!(*unknown.borrow(), None);
}

#[test]
fn the_latest_intent_is_the_one_that_was_begun_last() {
    let account = account(&FailingStore::default(), &StillClock::default(), None);
    let first = account.new_intent();
    assert_eq!(account.latest_intent(), first);
    let second = account.new_intent();
    assert!(account.latest_intent() == second && second != first);
}

#[tokio::test]
async fn the_observer_is_told_of_credentials_that_changed_and_of_no_others() {
    #[derive(Default)]
    struct Counting(AtomicU64, AtomicBool);
    impl Observer for Counting {
        fn credentials_changed(&self, latest: Option<LatestCredentials>) {
            self.0.fetch_add(1, Ordering::SeqCst);
            self.1.store(latest.is_some(), Ordering::SeqCst);
        }

        fn state_changed(&self, _state: &State) {}

        fn happened(&self, _event: Event) {}
    }
    let (store, clock, observer) = (FailingStore::default(), StillClock::at(1_000, 10), Arc::new(Counting::default()));
    let account = account(&store, &clock, Some(Arc::clone(&observer) as Arc<dyn Observer>));
    sign_in(&account, &clock, Some("r0")).await.unwrap();
    for _ in 0..3 {
        drop(account.synchronized().await.unwrap());
    }
    assert_eq!((observer.0.load(Ordering::SeqCst), observer.1.load(Ordering::SeqCst)), (1, true));
    account.lock().await.erase().await.unwrap();
    assert_eq!((observer.0.load(Ordering::SeqCst), observer.1.load(Ordering::SeqCst)), (2, false));
}
