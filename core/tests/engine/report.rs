//! The report: what support reads of a session, and that no secret is in it.

use hallpass_core::LoginReason;

use crate::support::server::{Fault, Reply, Target};
use crate::support::{Device, login_required, within};

async fn report(device: &Device) -> hallpass_core::Report {
    within(device.session().report()).await
}

/// The attributes that are named, as the report has them.
async fn told<const N: usize>(device: &Device, names: [&str; N]) -> [Option<String>; N] {
    let report = report(device).await;
    names.map(|name| report.get(name).map(str::to_owned))
}

fn some<const N: usize>(texts: [&str; N]) -> [Option<String>; N] {
    texts.map(|text| Some(text.to_owned()))
}

#[tokio::test(start_paused = true)]
async fn a_session_that_works_reports_its_state_its_tokens_and_its_renewals() {
    let device = Device::signed_in().await;
    device.renew().await.unwrap();
    let names = [
        "telemetry.sdk.name",
        "server.address",
        "hallpass.session.state",
        "hallpass.token_type",
        "hallpass.refresh_token.generation",
        "hallpass.renewal.count",
        "hallpass.renewal.failures_in_a_row",
        "hallpass.refresh_token.response_lost",
    ];
    let host = url::Url::parse(crate::support::server::ISSUER).unwrap().host_str().unwrap().to_owned();
    assert_eq!(told(&device, names).await, some(["hallpass", &host, "signed_in", "Bearer", "1", "1", "0", "false"]));
    assert_eq!(told(&device, ["error.type", "hallpass.session.reason"]).await, [None, None]);
    let report = report(&device).await;
    let now = device.clock.unix_seconds().to_string();
    assert_eq!(report.get("hallpass.renewal.last_success"), Some(now.as_str()));
    let object = serde_json::to_value(&report).unwrap();
    assert_eq!(object["hallpass.session.state"], "signed_in");
    assert_eq!(report.to_string().lines().count(), object.as_object().unwrap().len());
}

#[tokio::test(start_paused = true)]
async fn a_session_that_the_server_ended_reports_why_and_the_servers_name_of_the_request() {
    let device = Device::signed_in().await;
    device.expire();
    let refusal = Reply::json(400, r#"{"error":"invalid_grant","error_description":"ada@example.com was blocked"}"#);
    device.server.always("token", Fault::Says(refusal.header("X-Request-Id", "req-7f9c")));
    assert_eq!(device.access_token().await.unwrap_err(), login_required(LoginReason::Revoked));
    let names = [
        "hallpass.session.state",
        "hallpass.session.reason",
        "hallpass.refusal.code",
        "http.response.status_code",
        "hallpass.refusal.request_id",
    ];
    assert_eq!(told(&device, names).await, some(["signed_out", "revoked", "invalid_grant", "400", "req-7f9c"]));
    assert!(!report(&device).await.to_string().contains("ada"));
}

#[tokio::test(start_paused = true)]
async fn failures_in_a_row_are_counted_until_a_renewal_succeeds() {
    let device = Device::signed_in().await;
    device.server.refuse_times(2, Target::Login, Reply::json(400, r#"{"error":"invalid_client"}"#));
    for _ in 0..2 {
        device.renew().await.unwrap_err();
        crate::support::live(60).await;
    }
    let names = ["hallpass.renewal.failures_in_a_row", "error.type"];
    assert_eq!(told(&device, names).await, some(["2", "invalid_client"]));
    device.renew().await.unwrap();
    assert_eq!(told(&device, names).await, some(["0", "invalid_client"]), "the last failure stays, with its time");
}

#[tokio::test(start_paused = true)]
async fn nothing_that_is_secret_or_names_the_user_is_in_a_report() {
    let device = Device::bound().await;
    device.renew().await.unwrap();
    let shown = format!("{0} {0:?}", report(&device).await);
    let access_token = device.access_token().await.unwrap();
    for secret in [access_token.as_str(), "refresh-", "access-", "ada"] {
        assert!(!shown.contains(secret), "{secret}: {shown}");
    }
    assert!(shown.contains("hallpass.token_type=DPoP"));
}

#[tokio::test(start_paused = true)]
async fn a_report_is_made_before_the_store_was_read() {
    let device = Device::new();
    let [state] = told(&device, ["hallpass.session.state"]).await;
    assert!(state.is_some());
}
