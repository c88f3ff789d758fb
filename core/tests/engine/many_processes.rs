//! Rule 5: an app and its extensions share an account and never sign each other out.

use std::time::Duration;

use hallpass_core::{LoginReason, Logout, MinTtl};

use crate::support::server::Fault;
use crate::support::{Device, login_required, settle, signed_out_reason, within};

#[tokio::test(start_paused = true)]
async fn rule_5_what_another_process_renewed_is_used_without_a_request() {
    let app = Device::signed_in().await;
    let extension = app.extension();
    extension.access_token().await.unwrap();
    app.expire();
    let token = app.access_token().await.unwrap();
    assert_eq!(extension.access_token().await.unwrap(), token);
    assert_eq!(app.server.count("token"), 1);
}

#[tokio::test(start_paused = true)]
async fn rule_5_a_superseded_token_is_never_sent() {
    let app = Device::signed_in().await;
    let extension = app.extension();
    extension.access_token().await.unwrap();
    for _ in 0..5 {
        app.session().renew().await.unwrap();
        extension.session().renew().await.unwrap();
    }
    let tokens: Vec<_> =
        app.server.seen("token").into_iter().map(|seen| seen.parameters["refresh_token"].clone()).collect();
    let distinct: std::collections::BTreeSet<_> = tokens.iter().collect();
    assert_eq!(distinct.len(), tokens.len(), "each token was sent once: {tokens:?}");
}

#[tokio::test(start_paused = true)]
async fn rule_5_invalid_grant_for_a_token_that_another_process_replaced_is_not_the_end() {
    let app = Device::signed_in().await;
    let extension = app.extension();
    extension.access_token().await.unwrap();
    app.expire();
    // The app's request is held on its way while the extension renews: without a lease both use the same token.
    app.server.change(|server| server.reuse_interval = Duration::from_secs(10));
    app.server.fail([Fault::Held]);
    let session = app.session().clone();
    let slow = tokio::spawn(async move { session.credentials(MinTtl::default()).await });
    settle().await;
    extension.access_token().await.unwrap();
    // The reuse interval passes and the server forgives no second use, but does not punish one either.
    app.server.forgive_reuse();
    app.server.change(|server| server.reuse_interval = Duration::ZERO);
    app.server.release();
    within(slow).await.unwrap().unwrap();
    assert!(app.session().user().is_some());
}

#[tokio::test(start_paused = true)]
async fn rule_5_a_logout_in_one_process_is_a_logout_in_the_other() {
    let app = Device::signed_in().await;
    let extension = app.extension();
    extension.access_token().await.unwrap();
    app.session().logout(Logout::default()).await.unwrap();
    app.expire();
    assert_eq!(extension.access_token().await.unwrap_err(), login_required(LoginReason::LoggedOut));
    assert_eq!(signed_out_reason(&extension.session().state()), Some(LoginReason::LoggedOut));
    assert!(app.store.text("session").is_none(), "and the other process does not write it back");
}

#[tokio::test(start_paused = true)]
async fn rule_5_a_login_of_another_user_in_one_process_gives_the_other_nothing_of_that_user_unasked() {
    let app = Device::signed_in().await;
    let extension = app.extension();
    extension.access_token().await.unwrap();
    app.log_in("grace").await.unwrap();
    app.expire();
    assert_eq!(extension.access_token().await.unwrap_err(), login_required(LoginReason::LoggedOut));
    assert_eq!(extension.session().user().unwrap().sub(), "grace", "the state says who it is now");
    extension.access_token().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn rule_5_an_answer_that_arrives_after_a_login_in_another_process_does_not_overwrite_it() {
    let app = Device::signed_in().await;
    let extension = app.extension();
    extension.access_token().await.unwrap();
    app.expire();
    app.server.fail([Fault::Held]);
    let session = extension.session().clone();
    let slow = tokio::spawn(async move { session.credentials(MinTtl::default()).await });
    settle().await;
    app.log_in("grace").await.unwrap();
    app.server.release();
    assert_eq!(within(slow).await.unwrap().unwrap_err(), login_required(LoginReason::LoggedOut));
    assert!(app.store.text("session").unwrap().contains("grace"));
}

#[tokio::test(start_paused = true)]
async fn rule_5_an_answer_that_arrives_after_a_logout_is_revoked_and_not_stored() {
    let device = Device::signed_in().await;
    device.expire();
    device.server.fail([Fault::AnswerHeld]);
    let slow = device.caller().await;
    device.session().logout(Logout::default()).await.unwrap();
    device.server.release();
    assert_eq!(within(slow).await.unwrap().unwrap_err(), login_required(LoginReason::LoggedOut));
    assert!(device.store.text("session").is_none());
    assert_eq!(device.server.count("revocation"), 2, "the token of the logout, and the one that came too late");
    assert!(device.server.living().is_empty());
}
