//! `lab doctor` at a tenant: what is right, what is not, and what it says to do.

use hallpass_tenant::{Endpoint, Fault, FaultKind, Tenant};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::time::timeout;

use crate::support::{Ended, PATIENCE, count, lab, tenant, visit};

fn arguments(tenant: &Tenant, more: &[&str]) -> Vec<String> {
    let (issuer, client_id) = (tenant.issuer(), tenant.client_id());
    let mut all = vec!["doctor", "--json", "--danger-allow-loopback-http", "--client-id", &client_id];
    if !more.contains(&"--issuer") {
        all.extend(["--issuer", &*issuer]);
    }
    all.extend(more);
    all.into_iter().map(str::to_owned).collect()
}

async fn examined(tenant: &Tenant, more: &[&str]) -> (i32, Value) {
    let folder = tempfile::tempdir().unwrap();
    let arguments = arguments(tenant, more);
    let mut command = lab(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    command.current_dir(folder.path());
    let ended = Ended::of(command).await;
    let found = serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{} {}", ended.stdout, ended.stderr));
    assert!(!folder.path().join("st").exists());
    (ended.code, found)
}

/// The same with a login, in which the user signs in.
async fn measured(tenant: &Tenant, more: &[&str]) -> (i32, Value) {
    let folder = tempfile::tempdir().unwrap();
    let arguments = arguments(tenant, &[&["--login", "--no-open"], more].concat());
    let mut command = lab(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    let mut child = command.current_dir(folder.path()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let address = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            if line.starts_with("http://") {
                return line;
            }
        }
        panic!("it printed no address")
    };
    let address = timeout(PATIENCE, address).await.expect("in time");
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    visit(&address).await;
    let ended = Ended::of_child(child).await;
    (ended.code, serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{}", ended.stdout)))
}

/// The level and the text of the first finding of a check.
fn of<'a>(found: &'a Value, check: &str) -> (&'a str, &'a str) {
    let findings = found["findings"].as_array().unwrap();
    let finding =
        findings.iter().find(|finding| finding["check"] == check).unwrap_or_else(|| panic!("{check}: {found}"));
    (finding["level"].as_str().unwrap(), finding["found"].as_str().unwrap())
}

fn fix<'a>(found: &'a Value, check: &str) -> &'a str {
    let findings = found["findings"].as_array().unwrap();
    findings.iter().find(|finding| finding["check"] == check).unwrap()["fix"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn tenant_that_is_well_needs_no_change_and_is_asked_without_a_page() {
    let tenant = tenant().await;
    let (code, found) = examined(&tenant, &[]).await;
    assert_eq!(code, 0, "{found}");
    for check in [
        "metadata",
        "issuer",
        "pkce",
        "keys",
        "iss",
        "offline_access",
        "redirect_uri",
        "par",
        "dpop",
        "device",
        "clock",
    ] {
        assert_eq!(of(&found, check).0, "ok", "{check}: {found}");
    }
    assert_eq!((count(&tenant, Endpoint::Login), count(&tenant, Endpoint::Token)), (0, 0));
}

#[tokio::test]
async fn slash_redirect_uri_and_client_that_are_wrong_are_told_with_the_right_ones() {
    let tenant = tenant().await;
    let issuer = tenant.issuer();
    let (code, found) = examined(&tenant, &["--issuer", issuer.trim_end_matches('/')]).await;
    assert_eq!((code, of(&found, "issuer").0), (1, "fail"));
    assert!(fix(&found, "issuer").contains(&format!("{issuer:?}")), "{found}");

    let (code, found) = examined(&tenant, &["--redirect-uri", "http://127.0.0.1/elsewhere"]).await;
    assert_eq!((code, of(&found, "redirect_uri").0), (1, "fail"));
    assert!(fix(&found, "redirect_uri").starts_with("register http://127.0.0.1/elsewhere "), "{found}");

    let (code, found) = examined(&tenant, &["--audience", "https://stranger"]).await;
    assert_eq!(code, 1);
    assert!(of(&found, "redirect_uri").1.ends_with("refused there: access_denied"), "{found}");
}

#[tokio::test]
async fn metadata_that_lacks_what_an_app_needs_is_told_by_its_member() {
    let tenant = tenant().await;
    for (patch, check) in [
        (json!({ "code_challenge_methods_supported": ["plain"] }), "pkce"),
        (json!({ "id_token_signing_alg_values_supported": ["HS256"] }), "algorithms"),
        (json!({ "response_types_supported": ["token"] }), "code_flow"),
        (json!({ "token_endpoint": "http://elsewhere.example/token" }), "metadata"),
    ] {
        tenant.fault(Fault::once(Endpoint::OpenidConfiguration, FaultKind::PatchedJson { patch }));
        let (code, found) = examined(&tenant, &[]).await;
        assert_eq!(code, 1, "{found}");
        let findings = found["findings"].as_array().unwrap();
        let failed: Vec<_> = findings.iter().filter(|finding| finding["level"] == "fail").collect();
        assert_eq!((failed.len(), &failed[0]["check"]), (1, &json!(check)), "{found}");
        assert!(failed[0]["fix"].is_string());
    }
    tenant.fault(Fault::once(Endpoint::OpenidConfiguration, FaultKind::WrongClock { seconds: -600 }));
    assert_eq!(of(&examined(&tenant, &[]).await.1, "clock"), ("warn", "this machine is 600 s ahead of the server"));
    tenant.set(|settings| settings.dpop = false);
    assert_eq!(of(&examined(&tenant, &["--dpop"]).await.1, "dpop").0, "fail");
}

#[tokio::test]
async fn rotation_without_a_reuse_interval_is_measured_and_named_by_its_row() {
    let tenant = tenant().await;
    tenant.set(|settings| {
        settings.refresh_token_rotation = true;
        settings.require_pushed_authorization_requests = true;
    });
    let (code, found) = measured(&tenant, &["--scope", "openid offline_access"]).await;
    assert_eq!(code, 0, "{found}");
    assert_eq!(of(&found, "id_token").0, "ok");
    assert!(of(&found, "reuse_interval").1.ends_with("and that ends the session"), "{found}");
    assert!(of(&found, "sign_out").1.contains("Never forgiven"), "{found}");
    assert!(fix(&found, "sign_out").contains("60 s"));
}

#[tokio::test]
async fn reuse_interval_is_bracketed_and_what_was_got_is_revoked() {
    let tenant = tenant().await;
    tenant.set(|settings| {
        settings.refresh_token_rotation = true;
        settings.refresh_token_reuse_interval_seconds = 1;
        settings.refresh_token_revocation = hallpass_tenant::RefreshTokenRevocation::Family;
    });
    let (code, found) = measured(&tenant, &["--scope", "openid offline_access", "--reuse-limit", "1"]).await;
    assert_eq!(code, 0, "{found}");
    assert!(of(&found, "reuse_interval").1.starts_with("between 0 and 1 s"), "{found}");
}

#[tokio::test]
async fn tenant_without_rotation_costs_no_one_a_session_and_one_without_refresh_tokens_is_told() {
    let tenant = tenant().await;
    let (code, found) = measured(&tenant, &["--scope", "openid offline_access"]).await;
    assert_eq!((code, of(&found, "rotation").0, of(&found, "revoked").0), (0, "ok", "ok"), "{found}");
    tenant.set(|settings| settings.allow_offline_access = false);
    let (code, found) = measured(&tenant, &["--scope", "openid offline_access"]).await;
    assert_eq!((code, of(&found, "refresh_token").0), (1, "fail"), "{found}");
    assert_eq!(of(&found, "scope").1, "not granted: offline_access");
}
