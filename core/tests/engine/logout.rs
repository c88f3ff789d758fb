//! Logging out: first here, then at the server.

use hallpass_core::ports::StoreError;
use hallpass_core::{Event, LoggedOut, Login, LoginReason, Logout, MinTtl, State};

use crate::support::store::Operation;
use crate::support::{Device, login_required, signed_out_reason};

#[tokio::test(start_paused = true)]
async fn rule_6_a_logout_erases_here_and_revokes_at_the_server() {
    let mut device = Device::signed_in().await;
    let mut events = device.session().events();
    let done = device.session().logout(Logout::default()).await.unwrap();
    assert_eq!(done, LoggedOut { erased: true, revoked: true, session_ended: false });
    assert_eq!(device.server.count("revocation"), 1);
    assert_eq!(
        device.session().credentials(MinTtl::default()).await.unwrap_err(),
        login_required(LoginReason::LoggedOut)
    );
    assert_eq!(events.next().await, Some(Event::SignedOut { reason: LoginReason::LoggedOut }));
    assert!(device.store.text("session").is_none());
    device.restart();
    assert!(matches!(device.state().await, State::SignedOut { .. }));
}

#[tokio::test(start_paused = true)]
async fn rule_6_a_logout_without_a_session_says_so() {
    let device = Device::new();
    let done = device.session().logout(Logout::default()).await.unwrap();
    assert_eq!(done, LoggedOut { erased: false, revoked: false, session_ended: false });
    assert_eq!(device.server.count("revocation"), 0);
}

#[tokio::test(start_paused = true)]
async fn rule_11_a_logout_that_cannot_erase_changes_nothing() {
    let device = Device::signed_in().await;
    device.store.fail_next(Operation::Delete, StoreError::Locked);
    device.session().logout(Logout::default()).await.unwrap_err();
    device.access_token().await.unwrap();
    assert_eq!(device.server.count("revocation"), 0);
    assert!(matches!(device.session().state(), State::SignedIn { .. }));
}

#[tokio::test(start_paused = true)]
async fn rule_11_a_logout_erases_a_record_that_cannot_be_read() {
    for text in ["damaged", "2.newer"] {
        let mut device = Device::signed_in().await;
        device.store.tamper("session", |stored| text.clone_into(stored));
        device.restart();
        device.session().logout(Logout::default()).await.unwrap();
        assert!(device.store.text("session").is_none());
        device.log_in("ada").await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn rule_12_a_logout_ends_the_login_in_progress() {
    let device = Device::signed_in().await;
    let started = device.session().start_login(Login::default()).await.unwrap();
    device.session().logout(Logout::default()).await.unwrap();
    let callback = device.server.sign_in(&started.url, "ada");
    device.session().resume(&callback).await.unwrap_err();
    assert!(matches!(device.session().state(), State::SignedOut { .. }));
}

#[tokio::test(start_paused = true)]
async fn rule_6_a_revocation_is_confirmed_before_anything_is_erased() {
    let device = Device::signed_in().await;
    device.session().revoke().await.unwrap();
    assert_eq!(device.server.count("revocation"), 1);
    assert_eq!(device.access_token().await.unwrap_err(), login_required(LoginReason::LoggedOut));
}

#[tokio::test(start_paused = true)]
async fn the_logout_page_gets_the_id_token_as_a_hint() {
    let device = Device::signed_in().await;
    let url = device.session().logout_url(Some("com.example.app:/bye")).await.unwrap();
    let query: std::collections::BTreeMap<String, String> = url.query_pairs().into_owned().collect();
    assert_eq!(query["id_token_hint"].split('.').count(), 3);
    assert_eq!(query["post_logout_redirect_uri"], "com.example.app:/bye");
    assert_eq!(query["client_id"], "client-1");
}

#[tokio::test(start_paused = true)]
async fn the_logout_page_returns_to_the_configured_uri_unless_another_is_given() {
    let device = Device::signed_in().await;
    let query = async |uri: Option<&str>| -> std::collections::BTreeMap<String, String> {
        let url = device.session().logout_url(uri).await.unwrap();
        url.query_pairs().into_owned().collect()
    };
    let configured = query(None).await;
    assert_eq!(configured["post_logout_redirect_uri"], "com.example.app:/bye");
    assert!(configured["state"].len() > 20, "{configured:?}");
    assert_eq!(query(Some("com.example.app:/other")).await["post_logout_redirect_uri"], "com.example.app:/other");
}

#[tokio::test(start_paused = true)]
async fn the_states_begin_with_the_present_one_and_end_with_the_session() {
    let mut device = Device::signed_in().await;
    let mut states = device.session().states();
    assert!(matches!(states.next().await, Some(State::SignedIn { .. })));
    device.session().logout(Logout::default()).await.unwrap();
    assert_eq!(states.next().await.as_ref().and_then(signed_out_reason), Some(LoginReason::LoggedOut));
    device.close();
    assert!(states.next().await.is_none());
}
