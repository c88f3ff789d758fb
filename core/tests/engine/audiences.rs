//! Rule 6: what the server says of one audience or scope is about that one. The login's own tokens live on.

use hallpass_core::protocol::error::ErrorCode;
use hallpass_core::{CredentialsRequest, Error, Login, LoginReason, State};
use tokio::time::Instant;

use crate::support::server::{Fault, Reply, Seen, Target};
use crate::support::{Device, audience, denied, live, login_required, still_works};

const REPORTS: &str = "https://reports.example";
const BILLING: &str = "https://billing.example";
const NO_CONSENT: Option<ErrorCode> = Some(ErrorCode::InvalidGrant);

fn consent_required() -> Reply {
    Reply::invalid_grant("AADSTS65001: The user or administrator has not consented to use the application")
}

fn narrow() -> CredentialsRequest {
    CredentialsRequest::new().scope("openid").unwrap()
}

#[tokio::test(start_paused = true)]
async fn rule_6_invalid_grant_for_one_audience_or_scope_is_a_denial_of_that_one() {
    for (target, wanted) in [(Target::Audience(REPORTS), audience(REPORTS)), (Target::Scope("openid"), narrow())] {
        let device = Device::signed_in().await;
        let before = device.access_token().await.unwrap();
        device.server.refuse(target.clone(), consent_required());
        assert_eq!(denied(&device.ask(wanted.clone()).await.unwrap_err()), NO_CONSENT, "{target:?}");
        assert!(matches!(device.session().state(), State::SignedIn { .. }));
        assert_eq!(device.access_token().await.unwrap(), before, "the login's own token");
        device.ask(audience(BILLING)).await.unwrap();
        device.renew().await.unwrap();
        device.pass(100);
        assert_eq!(denied(&device.ask(wanted.clone()).await.unwrap_err()), NO_CONSENT, "again");
        device.renew().await.unwrap();

        device.server.work_again();
        device.pass(1_000);
        device.ask(wanted).await.unwrap_or_else(|error| panic!("the consent was given: {error}"));
        still_works(&device).await;
    }
}

#[tokio::test(start_paused = true)]
async fn rule_6_invalid_grant_for_an_audience_survives_a_restart_as_nothing() {
    let mut device = Device::signed_in().await;
    device.server.refuse(Target::Audience(REPORTS), consent_required());
    device.ask(audience(REPORTS)).await.unwrap_err();
    device.restart();
    assert!(matches!(device.state().await, State::SignedIn { .. }));
    device.ask(audience(BILLING)).await.unwrap();
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_8_an_audience_that_is_refused_backs_off_alone() {
    let device = Device::signed_in().await;
    device.server.refuse(Target::Audience(REPORTS), consent_required());
    for second in 0..60 {
        assert_eq!(denied(&device.ask(audience(REPORTS)).await.unwrap_err()), NO_CONSENT);
        if second % 20 == 0 {
            device.renew().await.unwrap();
            device.ask(audience(&format!("https://api-{second}.example"))).await.unwrap();
        }
        live(1).await;
    }
    let is_for_reports = |seen: &Seen| seen.parameters.get("audience").is_some_and(|audience| audience == REPORTS);
    let refused = device.server.seen("token").into_iter().filter(is_for_reports).count();
    assert!((3..=7).contains(&refused), "{refused} requests for the refused one in a minute");
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_6_invalid_grant_for_an_audience_when_the_logins_token_is_over_asks_for_that_too() {
    let device = Device::signed_in().await;
    device.expire();
    device.server.refuse(Target::Audience(REPORTS), consent_required());
    assert_eq!(
        denied(&device.ask(audience(REPORTS)).await.unwrap_err()),
        NO_CONSENT,
        "the login's own renewal is fine"
    );
    assert!(matches!(device.session().state(), State::SignedIn { .. }));
    still_works(&device).await;

    let device = Device::signed_in().await;
    device.expire();
    device.server.revoke_everything();
    let error = device.ask(audience(REPORTS)).await.unwrap_err();
    assert_eq!(error, login_required(LoginReason::Revoked), "the verdict on the login's own wins");
    assert_eq!(device.access_token().await.unwrap_err(), login_required(LoginReason::Revoked));
}

#[tokio::test(start_paused = true)]
async fn rule_6_a_dead_token_noticed_by_an_audience_first_ends_the_session_once_the_login_is_asked() {
    let device = Device::signed_in().await;
    device.server.revoke_everything();
    assert_eq!(denied(&device.ask(audience(REPORTS)).await.unwrap_err()), NO_CONSENT);
    device.access_token().await.unwrap();
    device.expire();
    assert_eq!(device.access_token().await.unwrap_err(), login_required(LoginReason::Revoked));
    device.log_in("ada").await.unwrap();
    device
        .ask(audience(REPORTS))
        .await
        .unwrap_or_else(|error| panic!("the backoff was of the session before: {error}"));
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_6_a_lost_answer_for_an_audience_followed_by_invalid_grant_is_looked_into_by_the_logins_renewal() {
    // The server rotated for the audience, the answer was lost, and the second use is refused: the token is dead, and only
    // the login's own renewal may say so.
    let device = Device::signed_in().await;
    device.server.fail([Fault::AnswerLost]);
    let began = Instant::now();
    let error = device.ask(audience(REPORTS)).await.unwrap_err();
    assert!(matches!(error, Error::Denied { .. } | Error::LoginRequired { .. } | Error::Offline { .. }), "{error:?}");
    assert!(began.elapsed().as_secs() < 60);
    device.expire();
    assert_eq!(device.access_token().await.unwrap_err(), login_required(LoginReason::AnswerLost));
}

#[tokio::test(start_paused = true)]
async fn rule_7_an_odd_answer_for_an_audience_keeps_the_refresh_token() {
    use crate::support::server::OddBody;

    let device = Device::signed_in().await;
    device.server.fail([Fault::Odd(OddBody::NoAccessToken)]);
    let _ = device.ask(audience(REPORTS)).await;
    device.pass(100);
    device.renew().await.unwrap();
    device.ask(audience(REPORTS)).await.unwrap();
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn a_resource_is_asked_for_at_the_login_in_the_exchange_and_at_each_renewal() {
    const ONE: &str = "https://one.example/";
    const TWO: &str = "https://two.example/";
    let mut device = Device::new();
    let started = device.session().start_login(Login::new().resource(ONE)).await.unwrap();
    assert!(started.url.query_pairs().any(|(name, value)| name == "resource" && value == ONE), "{}", started.url);
    let callback = device.server.sign_in(&started.url, "ada");
    device.session().resume(&callback).await.unwrap();
    device.renew().await.unwrap();
    // What the login asked for is in the record.
    device.restart();
    device.renew().await.unwrap();
    device.ask(CredentialsRequest::new().resource(TWO)).await.unwrap();
    device.ask(audience(REPORTS)).await.unwrap();
    let resources: Vec<Option<String>> =
        device.server.seen("token").iter().map(|seen| seen.parameters.get("resource").cloned()).collect();
    let named = |resource: &str| Some(resource.to_owned());
    assert_eq!(resources, [named(ONE), named(ONE), named(ONE), named(TWO), None]);
    let grant = device.session().grant().await.unwrap().unwrap();
    assert_eq!((grant.resources(), grant.is_renewable()), (&[ONE.to_owned()][..], true));
}

#[tokio::test(start_paused = true)]
async fn a_login_asks_for_a_scope_and_an_audience_of_its_own() {
    let device = Device::new();
    let login = Login::new().scope("openid read:reports").unwrap().audience(REPORTS);
    device.log_in_with(login, "ada").await.unwrap();
    let grant = device.session().grant().await.unwrap().unwrap();
    assert_eq!(grant.scope().map(ToString::to_string).as_deref(), Some("openid read:reports"));
    // This server gives a refresh token whatever is asked for.
    assert_eq!((grant.audience(), grant.is_renewable()), (Some(REPORTS), true));
    let refused = Login::new().scope("profile").map(drop);
    assert!(matches!(refused, Err(Error::Misconfigured { field: "scope", .. })), "{refused:?}");
}
