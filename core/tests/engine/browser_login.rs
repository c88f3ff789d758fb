//! Logins and logouts in the system browser: what cancels them, and what a caller who leaves does not (rules 2 and 12).

use hallpass_core::{Error, LoggedOut, Login, LoginReason, Logout, State};

use crate::support::browser::User;
use crate::support::server::Fault;
use crate::support::{Device, in_flight, settle, signed_out_reason, still_works, within};

async fn log_in(device: &Device) -> hallpass_core::Result<hallpass_core::User> {
    within(device.session().login(Login::default())).await
}

/// A login whose page is open.
async fn waiting(device: &Device) -> tokio::task::JoinHandle<hallpass_core::Result<hallpass_core::User>> {
    device.browser.user(User::Waits);
    let session = device.session().clone();
    let login = in_flight(async move { session.login(Login::default()).await }).await;
    assert_eq!(device.browser.open(), 1);
    login
}

#[tokio::test(start_paused = true)]
async fn rule_12_a_login_in_the_browser_signs_in_and_leaves_no_page_and_no_stored_login() {
    let device = Device::new();
    assert_eq!(log_in(&device).await.unwrap().sub(), "ada");
    assert_eq!(device.browser.open(), 0);
    assert!(device.store.text("login").is_none());
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_12_a_page_that_the_user_closes_cancels_the_login_and_nothing_else() {
    let device = Device::signed_in().await;
    device.browser.user(User::ClosesThePage);
    assert_eq!(log_in(&device).await.unwrap_err(), Error::Cancelled);
    settle().await;
    assert!(device.store.text("login").is_none());
    assert_eq!(device.user().as_deref(), Some("ada"));
    device.browser.user(User::SignsIn("grace"));
    log_in(&device).await.unwrap();
    assert_eq!(device.user().as_deref(), Some("grace"));
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_12_a_second_login_closes_the_page_of_the_first() {
    let device = Device::new();
    let first = waiting(&device).await;
    device.browser.user(User::SignsIn("ada"));
    log_in(&device).await.unwrap();
    assert_eq!(within(first).await.unwrap().unwrap_err(), Error::Cancelled);
    assert_eq!(device.browser.open(), 0);
    assert_eq!(device.user().as_deref(), Some("ada"));
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_12_a_logout_closes_the_page_of_a_login() {
    let device = Device::signed_in().await;
    let login = waiting(&device).await;
    device.logout().await.unwrap();
    assert_eq!(within(login).await.unwrap().unwrap_err(), Error::Cancelled);
    assert_eq!(device.browser.open(), 0);
    assert_eq!(signed_out_reason(&device.session().state()), Some(LoginReason::LoggedOut));
}

#[tokio::test(start_paused = true)]
async fn rule_12_a_login_that_is_cancelled_closes_its_page() {
    let device = Device::new();
    let login = waiting(&device).await;
    within(device.session().cancel_login()).await.unwrap();
    assert_eq!(within(login).await.unwrap().unwrap_err(), Error::Cancelled);
    assert_eq!(device.browser.open(), 0);
    assert!(device.store.text("login").is_none());
}

#[tokio::test(start_paused = true)]
async fn rule_2_a_caller_who_leaves_before_the_redirect_cancels_the_login() {
    let device = Device::new();
    let login = waiting(&device).await;
    login.abort();
    settle().await;
    assert_eq!(device.browser.open(), 0);
    assert!(device.store.text("login").is_none());
    device.browser.user(User::SignsIn("ada"));
    log_in(&device).await.unwrap();
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_2_a_caller_who_leaves_after_the_redirect_does_not_interrupt_the_exchange() {
    let device = Device::new();
    device.server.fail([Fault::AnswerHeld]);
    let session = device.session().clone();
    let login = in_flight(async move { session.login(Login::default()).await }).await;
    assert_eq!(device.server.count("token"), 1);
    login.abort();
    settle().await;
    device.server.release();
    settle().await;
    assert!(matches!(device.session().state(), State::SignedIn { .. }));
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_6_a_logout_that_ends_the_servers_session_shows_its_page_after_everything_is_erased() {
    let device = Device::signed_in().await;
    let done = within(device.session().logout(Logout::new().end_session())).await.unwrap();
    assert_eq!(done, LoggedOut { erased: true, revoked: true, session_ended: true });
    let page = device.browser.shown().pop().unwrap();
    assert_eq!(page.path(), "/logout");
    assert!(page.query_pairs().any(|(name, hint)| name == "id_token_hint" && hint.split('.').count() == 3));

    device.browser.user(User::ClosesThePage);
    device.log_in("ada").await.unwrap();
    let done = within(device.session().logout(Logout::new().end_session())).await.unwrap();
    assert_eq!(done, LoggedOut { erased: true, revoked: true, session_ended: false }, "the page was closed");
    assert!(device.store.text("session").is_none());
    assert!(device.server.living().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_return_from_a_logout_without_state_ends_the_servers_session_and_one_with_another_does_not_say_so() {
    let device = Device::signed_in().await;
    for (back, session_ended) in [("", true), ("?state=", true), ("?state=another", false)] {
        device.browser.user(User::ReturnsWith(back));
        let done = within(device.session().logout(Logout::new().end_session())).await.unwrap();
        assert_eq!(done.session_ended, session_ended, "{back}");
    }
}

#[tokio::test(start_paused = true)]
async fn rule_6_a_page_of_a_logout_that_stays_open_gives_out_no_credentials_meanwhile() {
    let device = Device::signed_in().await;
    device.browser.user(User::Waits);
    let session = device.session().clone();
    let logout = in_flight(async move { session.logout(Logout::new().end_session()).await }).await;
    assert!(matches!(device.access_token().await, Err(Error::LoginRequired { reason: LoginReason::LoggedOut })));
    assert!(device.server.living().is_empty());
    logout.abort();
}
