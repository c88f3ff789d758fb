//! Two drivers on one file store: two processes of one user, and what is left when one of them is killed.

use crate::support::{Driver, config, count, tenant};
use hallpass_tenant::{Endpoint, Fault, FaultKind};
use serde_json::json;

#[tokio::test]
async fn login_of_one_process_is_there_in_the_next() {
    let (tenant, folder) = (tenant().await, tempfile::tempdir().unwrap());
    let store = format!("file:{}", folder.path().display());
    let mut first = Driver::start();
    let session = first.open(&tenant, &store).await;
    let login = first.log_in(&session).await;
    first.kill().await;

    let mut second = Driver::start();
    let opened = second.ok("open", json!({ "config": config(&tenant), "store": store })).await;
    assert_eq!(opened["state"]["name"], "signed_in");
    assert_eq!(opened["state"]["user"]["sub"], login["claims"]["sub"]);
    let credentials = second.ok("credentials", json!({ "session": opened["session"] })).await;
    assert_eq!(credentials["renewed"], false);
    assert_eq!(count(&tenant, Endpoint::Token), 1);
}

#[tokio::test]
async fn rotated_token_of_one_process_is_found_by_the_other() {
    let (tenant, folder) = (tenant().await, tempfile::tempdir().unwrap());
    tenant.set(|settings| settings.refresh_token_rotation = true);
    let store = format!("file:{}", folder.path().display());
    let (mut first, mut second) = (Driver::start(), Driver::start());
    let one = first.open(&tenant, &store).await;
    first.log_in(&one).await;
    let two = second.open(&tenant, &store).await;
    for _ in 0..5 {
        assert_eq!(first.ok("renew", json!({ "session": one })).await["renewed"], true);
        second.ok("renew", json!({ "session": two })).await;
    }
    assert_eq!(first.ok("state", json!({ "session": one })).await["state"]["name"], "signed_in");
}

#[tokio::test]
async fn two_processes_that_need_a_token_at_once_renew_once() {
    let (tenant, folder) = (tenant().await, tempfile::tempdir().unwrap());
    tenant.set(|settings| settings.refresh_token_rotation = true);
    let store = format!("file:{}", folder.path().display());
    let (mut first, mut second) = (Driver::start(), Driver::start());
    let one = first.open(&tenant, &store).await;
    first.log_in(&one).await;
    let two = second.open(&tenant, &store).await;
    first.ok("advance", json!({ "seconds": 4_000 })).await;
    second.ok("advance", json!({ "seconds": 4_000 })).await;
    tenant.clear_requests();
    tenant.fault(Fault::once(Endpoint::Token, FaultKind::Delay { milliseconds: 300 }));
    let (first_id, second_id) = tokio::join!(
        first.send("credentials", json!({ "session": one })),
        second.send("credentials", json!({ "session": two }))
    );
    let (mine, yours) = tokio::join!(first.answer(first_id), second.answer(second_id));
    assert_eq!(mine["ok"]["access_token"], yours["ok"]["access_token"], "{mine} {yours}");
    assert!(mine["ok"]["access_token"].is_string(), "{mine}");
    assert_eq!(count(&tenant, Endpoint::Token), 1);
}

#[tokio::test]
async fn account_that_is_open_cannot_be_opened_twice_until_it_is_closed() {
    let (tenant, folder) = (tenant().await, tempfile::tempdir().unwrap());
    let store = format!("file:{}", folder.path().display());
    let mut driver = Driver::start();
    let session = driver.open(&tenant, &store).await;
    let again = json!({ "config": config(&tenant), "store": store });
    assert_eq!(driver.error("open", again.clone()).await, "Misconfigured/account");
    let mut other = again.clone();
    other["account"] = json!("other");
    driver.ok("open", other).await;
    for session in [session.as_str(), "s3", "s4"] {
        driver.ok("close", json!({ "session": session })).await;
        driver.ok("open", again.clone()).await;
    }
}

#[tokio::test]
async fn process_killed_during_a_renewal_leaves_a_session_that_goes_on() {
    let (tenant, folder) = (tenant().await, tempfile::tempdir().unwrap());
    tenant.set(|settings| {
        settings.refresh_token_rotation = true;
        settings.refresh_token_reuse_interval_seconds = 30;
    });
    let store = format!("file:{}", folder.path().display());
    let mut first = Driver::start();
    let session = first.open(&tenant, &store).await;
    first.log_in(&session).await;
    tenant.fault(Fault::once(Endpoint::Token, FaultKind::DelayedAnswer { milliseconds: 5_000 }));
    let before = count(&tenant, Endpoint::Token);
    first.send("renew", json!({ "session": session })).await;
    let asked = async {
        while count(&tenant, Endpoint::Token) == before {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(crate::support::PATIENCE, asked).await.expect("in time");
    first.kill().await;

    let mut second = Driver::start();
    let session = second.open(&tenant, &store).await;
    assert_eq!(second.ok("renew", json!({ "session": session })).await["renewed"], true);
    assert_eq!(second.ok("state", json!({ "session": session })).await["state"]["name"], "signed_in");
}
