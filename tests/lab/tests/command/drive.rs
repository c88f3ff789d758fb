//! The driver, as a test suite in another language sees it: a process, and lines.

use std::time::Duration;

use crate::support::{Driver, config, count, tenant};
use hallpass_tenant::{Endpoint, Fault, FaultKind};
use serde_json::{Value, json};

#[tokio::test]
async fn story_of_the_exercise_is_told_in_lines() {
    let tenant = tenant().await;
    let mut driver = Driver::start();
    let opened = driver.ok("open", json!({ "config": config(&tenant) })).await;
    assert_eq!(opened["state"], json!({ "name": "signed_out", "reason": "not_signed_in" }));
    let session = json!({ "session": opened["session"] });
    assert_eq!(driver.error("renew", session.clone()).await, "LoginRequired/not_signed_in");
    assert_eq!(driver.ok("user", session.clone()).await, json!({ "user": null }));

    let login = driver.log_in(opened["session"].as_str().unwrap()).await;
    assert_eq!(login["claims"]["name"], "Ada Lovelace");
    assert_eq!((&login["expires_in"], &login["has_refresh_token"]), (&json!(3600.0), &json!(true)));
    assert_eq!(login["scope"], "openid profile read:reports offline_access");

    let credentials = driver.ok("credentials", session.clone()).await;
    assert_eq!((&credentials["token_type"], &credentials["renewed"]), (&json!("Bearer"), &json!(false)));
    assert!(credentials["expires_at"].as_i64().unwrap() > 1_700_000_000);
    let renewed = driver.ok("renew", session.clone()).await;
    assert_eq!(renewed["renewed"], true);
    assert_ne!(renewed["access_token"], credentials["access_token"]);

    let call =
        json!({ "session": session["session"], "method": "GET", "url": tenant.api_url(), "headers": { "X-A": "b" } });
    let reply = driver.ok("call", call.clone()).await;
    assert_eq!((&reply["status"], &reply["renewals"]), (&json!(200), &json!(0)));
    assert_eq!(reply["headers"]["content-type"], "application/json");
    assert!(serde_json::from_str::<Vec<Value>>(reply["body"].as_str().unwrap()).unwrap().len() > 1);
    tenant.expire_access_tokens();
    assert_eq!(driver.ok("call", call).await["renewals"], 1);

    assert_eq!(driver.ok("userinfo", session.clone()).await["claims"]["sub"], login["claims"]["sub"]);
    assert_eq!(driver.ok("user", session.clone()).await["user"]["sub"], login["claims"]["sub"]);
    assert_eq!(driver.ok("state", session.clone()).await["state"]["name"], "signed_in");
    let url = driver.ok("logout_url", session.clone()).await;
    assert!(url["url"].as_str().unwrap().contains("/v2/logout?client_id="), "{url}");
    assert_eq!(driver.ok("logout", session.clone()).await, json!({ "erased": true, "revoked": true }));
    assert_eq!(driver.error("credentials", session.clone()).await, "LoginRequired/logged_out");
    assert_eq!(driver.ok("close", session.clone()).await, json!({}));
    assert_eq!(driver.error("state", session).await, "InvalidRequest/unknown_session");
    assert!(driver.end().await.success());
}

#[tokio::test]
async fn events_are_told_once_each_in_their_order_and_waited_for() {
    let tenant = tenant().await;
    let mut driver = Driver::start();
    let session = driver.open(&tenant, "memory").await;
    assert_eq!(driver.ok("events", json!({ "session": session })).await, json!({ "events": [] }));
    // Asked for before it happens.
    let early = driver.send("events", json!({ "session": session, "count": 1 })).await;
    driver.log_in(&session).await;
    assert_eq!(driver.answer(early).await["ok"], json!({ "events": [{ "name": "signed_in" }] }));
    driver.ok("renew", json!({ "session": session })).await;
    driver.ok("logout", json!({ "session": session })).await;
    let events = driver.ok("events", json!({ "session": session, "count": 2 })).await;
    let expected = json!([{ "name": "renewed" }, { "name": "signed_out", "reason": "logged_out" }]);
    assert_eq!(events["events"], expected);
    assert_eq!(driver.ok("events", json!({ "session": session })).await, json!({ "events": [] }));
}

#[tokio::test]
async fn session_that_is_reloaded_tells_its_state_and_sends_nothing() {
    let tenant = tenant().await;
    let mut driver = Driver::start();
    let session = driver.open(&tenant, "memory").await;
    let login = driver.log_in(&session).await;
    tenant.clear_requests();
    let reloaded = driver.ok("reload", json!({ "session": session })).await;
    assert_eq!(reloaded["state"], json!({ "name": "signed_in", "user": login["claims"] }));
    assert!(tenant.requests().is_empty());
}

#[tokio::test]
async fn session_without_offline_access_has_no_refresh_token() {
    let tenant = tenant().await;
    tenant.set(|settings| settings.allow_offline_access = false);
    let mut driver = Driver::start();
    let session = driver.open(&tenant, "memory").await;
    assert_eq!(driver.log_in(&session).await["has_refresh_token"], false);
    assert_eq!(driver.error("renew", json!({ "session": session })).await, "LoginRequired/no_refresh_token");
}

#[tokio::test]
async fn openid_connect_dialect_reads_the_metadata_and_sends_forms() {
    let tenant = tenant().await;
    let mut driver = Driver::start();
    let mut config = config(&tenant);
    config["dialect"] = json!("oidc");
    let opened = driver.ok("open", json!({ "config": config })).await;
    driver.log_in(opened["session"].as_str().unwrap()).await;
    assert_eq!(count(&tenant, Endpoint::OpenidConfiguration), 1);
    let body = tenant.requests().into_iter().find(|request| request.endpoint == Endpoint::Token).unwrap().body;
    assert_eq!(body, Some(hallpass_tenant::BodyFormat::Form));
}

#[tokio::test]
async fn time_that_is_advanced_expires_the_token_for_all_sessions() {
    let tenant = tenant().await;
    let mut driver = Driver::start();
    let session = driver.open(&tenant, "memory").await;
    driver.log_in(&session).await;
    let before = driver.ok("credentials", json!({ "session": session })).await;
    driver.ok("advance", json!({ "seconds": 3_550 })).await;
    let after = driver.ok("credentials", json!({ "session": session, "min_ttl": 60 })).await;
    assert_eq!((&before["renewed"], &after["renewed"]), (&json!(false), &json!(true)));
}

#[tokio::test]
async fn counters_count_requests_by_endpoint_and_uses_of_the_store() {
    let tenant = tenant().await;
    let mut driver = Driver::start();
    let session = driver.open(&tenant, "memory").await;
    let none = driver.ok("counters", json!({ "session": session })).await;
    assert_eq!(none["requests"], json!({}));
    driver.log_in(&session).await;
    driver.ok("renew", json!({ "session": session })).await;
    let counters = driver.ok("counters", json!({ "session": session })).await;
    assert_eq!(counters["requests"][format!("POST {}oauth/token", tenant.issuer())], 2);
    for kind in ["reads", "writes", "deletes"] {
        assert!(counters["store"][kind].as_u64().unwrap() > none["store"][kind].as_u64().unwrap(), "{counters}");
    }
}

#[tokio::test]
async fn thousand_callers_at_once_share_one_renewal() {
    let tenant = tenant().await;
    let mut driver = Driver::start();
    let session = driver.open(&tenant, "memory").await;
    driver.log_in(&session).await;
    driver.ok("advance", json!({ "seconds": 4_000 })).await;
    tenant.clear_requests();
    let mut ids = Vec::new();
    for _ in 0..1_000 {
        ids.push(driver.send("credentials", json!({ "session": session })).await);
    }
    let mut tokens = std::collections::BTreeSet::new();
    for id in ids {
        tokens.insert(driver.answer(id).await["ok"]["access_token"].as_str().unwrap().to_owned());
    }
    assert_eq!((tokens.len(), count(&tenant, Endpoint::Token)), (1, 1));
}

#[tokio::test]
async fn slow_request_does_not_hold_up_the_one_behind_it() {
    let tenant = tenant().await;
    let mut driver = Driver::start();
    let session = driver.open(&tenant, "memory").await;
    driver.log_in(&session).await;
    tenant.fault(Fault::once(Endpoint::Api, FaultKind::Delay { milliseconds: 1_500 }));
    let slow = driver.send("call", json!({ "session": session, "method": "GET", "url": tenant.api_url() })).await;
    let quick = driver.send("state", json!({ "session": session })).await;
    assert_eq!(driver.line().await["id"], quick);
    assert_eq!(driver.answer(slow).await["ok"]["status"], 200);
}

#[tokio::test]
async fn line_that_is_no_request_is_answered_and_the_driver_lives_on() {
    let mut driver = Driver::start();
    for (line, id, code) in [
        (&b"nonsense"[..], Value::Null, "not_json"),
        (b"\xff\xfe", Value::Null, "not_json"),
        (b"[]", Value::Null, "not_a_request"),
        (b"{\"id\":1}", json!(1), "not_a_request"),
        (b"{\"id\":\"x\",\"op\":\"fly\"}", json!("x"), "unknown_op"),
        (b"{\"id\":2,\"op\":\"renew\",\"session\":\"s9\"}", json!(2), "unknown_session"),
    ] {
        driver.send_line(line).await;
        let answer = driver.line().await;
        assert_eq!((&answer["id"], &answer["error"]["code"]), (&id, &json!(code)), "{answer}");
        assert_eq!(answer["error"]["kind"], "InvalidRequest");
    }
    driver.send_line(b"").await;
    driver.send_line(&vec![b'x'; hallpass_lab::drive::MAX_LINE + 1]).await;
    assert_eq!(driver.line().await["error"]["code"], "line_too_long");
    driver.ok("advance", json!({ "seconds": 0 })).await;
    assert!(driver.end().await.success());
}

#[tokio::test]
async fn end_of_input_ends_the_driver_after_the_pending_answers() {
    let tenant = tenant().await;
    let mut driver = Driver::start();
    let session = driver.open(&tenant, "memory").await;
    driver.log_in(&session).await;
    tenant.fault(Fault::once(Endpoint::Api, FaultKind::Delay { milliseconds: 700 }));
    let pending = driver.send("call", json!({ "session": session, "method": "GET", "url": tenant.api_url() })).await;
    let (lines, status) = driver.drain().await;
    assert!(status.success());
    assert_eq!(lines.len(), 1);
    assert_eq!((&lines[0]["id"], &lines[0]["ok"]["status"]), (&json!(pending), &json!(200)));
}

#[tokio::test]
async fn wrong_setting_is_misconfigured_by_its_name() {
    let tenant = tenant().await;
    let mut driver = Driver::start();
    for (member, value, code) in [
        ("client_id", json!("YOUR_CLIENT_ID"), "Misconfigured/client_id"),
        ("issuer", json!("ftp://x"), "Misconfigured/domain"),
        ("redirect_uri", json!("myapp://x"), "Misconfigured/redirect_uri"),
        ("scope", json!("profile"), "Misconfigured/scope"),
        ("api_origins", json!(["http://api.example"]), "Misconfigured/api_origins"),
        ("dialect", json!("saml"), "InvalidRequest/not_a_request"),
        ("colour", json!("blue"), "InvalidRequest/not_a_request"),
    ] {
        let mut config = config(&tenant);
        config[member] = value;
        assert_eq!(driver.error("open", json!({ "config": config })).await, code);
    }
    let nowhere = json!({ "config": config(&tenant), "store": "cloud:x" });
    assert_eq!(driver.error("open", nowhere).await, "InvalidRequest/not_a_request");
    assert_eq!(count(&tenant, Endpoint::Token), 0);
}

#[tokio::test]
async fn login_that_is_cancelled_cannot_be_finished() {
    let tenant = tenant().await;
    let mut driver = Driver::start();
    let session = driver.open(&tenant, "memory").await;
    let params = json!({ "session": session, "params": { "login_hint": "ada@example.com", "prompt": "login", "extra": { "x": "y" } } });
    let started = driver.ok("login_start", params).await;
    let url = started["url"].as_str().unwrap();
    assert!(
        url.contains("login_hint=ada%40example.com") && url.contains("prompt=login") && url.contains("x=y"),
        "{url}"
    );
    assert!(url.contains(started["state"].as_str().unwrap()));
    let callback = crate::support::sign_in(url).await;
    driver.ok("login_cancel", json!({ "session": session })).await;
    let finish = json!({ "session": session, "callback": callback });
    assert_eq!(driver.error("login_finish", finish).await, "Untrusted/callback_without_login");
    assert_eq!(count(&tenant, Endpoint::Token), 0);
}

#[tokio::test]
async fn server_that_asks_to_wait_is_told_with_its_seconds() {
    let tenant = tenant().await;
    let mut driver = Driver::start();
    let session = driver.open(&tenant, "memory").await;
    driver.log_in(&session).await;
    let retry_after = hallpass_tenant::RetryAfter::Seconds;
    tenant.fault(Fault::once(Endpoint::Token, FaultKind::TooManyRequests { seconds: 30, retry_after }));
    let id = driver.send("renew", json!({ "session": session })).await;
    let error = driver.answer(id).await["error"].clone();
    assert_eq!(
        (&error["kind"], &error["code"], &error["retryable"]),
        (&json!("Offline"), &json!("rate_limited"), &json!(true))
    );
    assert!(error["retry_after"].as_f64().is_some_and(|wait| wait > 20.0), "{error}");
}

#[tokio::test]
async fn driver_whose_reader_went_away_ends() {
    let mut command = crate::support::lab(&["drive"]);
    let mut child = command.stdin(std::process::Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let mut input = child.stdin.take().unwrap();
    use tokio::io::AsyncWriteExt;
    for _ in 0..50 {
        if input.write_all(b"{\"id\":1,\"op\":\"advance\",\"seconds\":0}\n").await.is_err() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    tokio::time::timeout(crate::support::PATIENCE, child.wait()).await.expect("in time").unwrap();
}

#[tokio::test]
async fn tokens_bound_to_a_key_are_proved_to_every_origin_with_its_own_nonce_and_renewed_once() {
    let tenant = tenant().await;
    tenant.set(|settings| {
        settings.dpop_nonce = Some("nonce-of-the-tenant".to_owned());
        settings.api_dpop_nonce = Some("nonce-of-the-api".to_owned());
    });
    let mut driver = Driver::start();
    let mut config = config(&tenant);
    config["dpop"] = json!(true);
    let opened = driver.ok("open", json!({ "config": config })).await;
    let session = json!({ "session": opened["session"] });
    driver.log_in(opened["session"].as_str().unwrap()).await;
    assert_eq!(count(&tenant, Endpoint::Token), 2, "the nonce was asked for once");
    assert_eq!(driver.ok("credentials", session.clone()).await["token_type"], "DPoP");

    let call = json!({ "session": session["session"], "method": "GET", "url": tenant.api_url() });
    let reply = driver.ok("call", call.clone()).await;
    assert_eq!((&reply["status"], &reply["renewals"]), (&json!(200), &json!(0)));
    driver.ok("userinfo", session.clone()).await;
    tenant.clear_requests();
    tenant.expire_access_tokens();
    let reply = driver.ok("call", call).await;
    assert_eq!((&reply["status"], &reply["renewals"]), (&json!(200), &json!(1)));
    assert_eq!((count(&tenant, Endpoint::Api), count(&tenant, Endpoint::Token)), (2, 1));
    assert_eq!(driver.ok("logout", session).await, json!({ "erased": true, "revoked": true }));
}

#[tokio::test]
async fn thousand_calls_with_an_expired_bound_token_make_one_renewal() {
    let tenant = tenant().await;
    let mut driver = Driver::start();
    let mut config = config(&tenant);
    config["dpop"] = json!(true);
    let opened = driver.ok("open", json!({ "config": config })).await;
    driver.log_in(opened["session"].as_str().unwrap()).await;
    tenant.advance(Duration::from_secs(3_600));
    driver.ok("advance", json!({ "seconds": 3_600 })).await;
    tenant.clear_requests();
    let call = json!({ "session": opened["session"], "method": "GET", "url": tenant.api_url() });
    let mut sent = Vec::new();
    for _ in 0..1_000 {
        sent.push(driver.send("call", call.clone()).await);
    }
    for id in sent {
        assert_eq!(driver.answer(id).await["ok"]["status"], 200);
    }
    assert_eq!((count(&tenant, Endpoint::Token), count(&tenant, Endpoint::Api)), (1, 1_000));
}

#[tokio::test]
async fn tenant_whose_clock_is_hours_off_takes_the_proofs_of_a_process_that_has_just_started() {
    let tenant = tenant().await;
    let folder = tempfile::tempdir().unwrap();
    let store = format!("file:{}", folder.path().display());
    let mut config = config(&tenant);
    config["dpop"] = json!(true);
    let mut driver = Driver::start();
    let opened = driver.ok("open", json!({ "config": config, "store": store })).await;
    driver.log_in(opened["session"].as_str().unwrap()).await;
    assert!(driver.end().await.success());
    tenant.advance(Duration::from_secs(7 * 3_600));
    tenant.clear_requests();

    let mut driver = Driver::start();
    let opened = driver.ok("open", json!({ "config": config, "store": store })).await;
    assert_eq!(driver.ok("renew", json!({ "session": opened["session"] })).await["renewed"], true);
    assert_eq!(count(&tenant, Endpoint::Token), 2, "the first answer told the time");
}

#[tokio::test]
async fn tenant_that_issues_bearer_tokens_although_a_key_was_proved_names_the_setting() {
    let tenant = tenant().await;
    tenant.set(|settings| settings.dpop = false);
    let mut driver = Driver::start();
    let mut config = config(&tenant);
    config["dpop"] = json!(true);
    let opened = driver.ok("open", json!({ "config": config })).await;
    let started = driver.ok("login_start", json!({ "session": opened["session"] })).await;
    let callback = crate::support::sign_in(started["url"].as_str().unwrap()).await;
    let finish = json!({ "session": opened["session"], "callback": callback });
    assert_eq!(driver.error("login_finish", finish).await, "Misconfigured/dpop");
    assert_eq!(count(&tenant, Endpoint::Revocation), 1, "what it gave is of no use");
}
