//! What tokens open: the expenses API and `/userinfo`; and what anybody may read.

use std::time::{Duration, Instant};

use hallpass_tenant::{ChallengeHeader, SigningAlgorithm, Tenant, TenantOptions};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{App, claims, text};

#[tokio::test]
async fn api_without_a_good_token_answers_401_in_either_spelling() {
    let mut app = App::start().await;
    let good = text(&app.tokens(&[]).await["access_token"]).to_owned();
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let no_audience = text(&app.tokens(&[("audience", "")]).await["access_token"]).to_owned();
    for spelling in [ChallengeHeader::WwwAuthentication, ChallengeHeader::WwwAuthenticate] {
        app.tenant.set(|settings| settings.challenge_header = spelling);
        let (sent, other) = match spelling {
            ChallengeHeader::WwwAuthentication => ("www-authentication", "www-authenticate"),
            ChallengeHeader::WwwAuthenticate => ("www-authenticate", "www-authentication"),
        };
        for token in
            ["nonsense", &no_audience, &format!("{signed}."), &format!("{signed}.{}", "A".repeat(signature.len()))]
        {
            let refused = app.call_api(token).await;
            assert_eq!(refused.status(), 401);
            assert!(refused.headers()[sent].to_str().unwrap().contains("error=\"invalid_token\""));
            assert!(!refused.headers().contains_key(other));
        }
    }
    let anonymous = app.http.get(app.tenant.api_url()).send().await.unwrap();
    assert_eq!(anonymous.status(), 401);
}

#[tokio::test]
async fn api_with_a_token_that_lacks_the_scope_answers_403() {
    let mut app = App::start().await;
    let tokens = app.tokens(&[("scope", "openid write:reports")]).await;
    let refused = app.call_api(text(&tokens["access_token"])).await;
    assert_eq!(refused.status(), 403);
    assert!(refused.headers()["www-authentication"].to_str().unwrap().contains("error=\"insufficient_scope\""));
    assert_eq!(refused.json::<Value>().await.unwrap()["error"], "insufficient_scope");
}

#[tokio::test]
async fn api_answers_at_both_paths_and_nowhere_else() {
    let mut app = App::start().await;
    let token = text(&app.tokens(&[]).await["access_token"]).to_owned();
    for (path, status) in [("", 200), ("expenses", 200), ("elsewhere", 404)] {
        let url = format!("{}{path}", app.tenant.api_url());
        assert_eq!(app.http.get(url).bearer_auth(&token).send().await.unwrap().status(), status, "{path}");
    }
}

#[tokio::test]
async fn access_tokens_expired_by_hand_are_refused_and_later_ones_are_not() {
    let mut app = App::start().await;
    let before = app.tokens(&[]).await;
    assert_eq!(app.tenant.expire_access_tokens(), 1);
    assert_eq!(app.call_api(text(&before["access_token"])).await.status(), 401);
    let after: Value = app.renew(text(&before["refresh_token"])).await.json().await.unwrap();
    assert_eq!(app.call_api(text(&after["access_token"])).await.status(), 200);
}

#[tokio::test]
async fn scripts_of_other_origins_may_read_the_api_and_the_token_endpoint() {
    let app = App::start().await;
    for url in [app.tenant.api_url(), app.url("oauth/token"), app.url("userinfo"), app.url(".well-known/jwks.json")] {
        let preflight = app
            .http
            .request(Method::OPTIONS, &url)
            .header("origin", "https://app.example")
            .header("access-control-request-headers", "authorization,content-type")
            .send()
            .await
            .unwrap();
        assert_eq!(preflight.status(), 204, "{url}");
        assert_eq!(preflight.headers()["access-control-allow-headers"], "authorization,content-type");
        let answer = app.http.get(&url).send().await.unwrap();
        for response in [&preflight, &answer] {
            assert_eq!(response.headers()["access-control-allow-origin"], "*", "{url}");
        }
    }
    assert!(!app.get("authorize").await.headers().contains_key("access-control-allow-origin"));
}

#[tokio::test]
async fn userinfo_tells_what_the_scope_allows() {
    let mut app = App::start().await;
    for (changes, email) in [
        (vec![("scope", "openid profile")], false),
        (vec![("scope", "openid profile email")], true),
        (vec![("scope", "openid profile email"), ("audience", "")], true),
    ] {
        let tokens = app.tokens(&changes).await;
        let request = app.http.get(app.url("userinfo")).bearer_auth(text(&tokens["access_token"]));
        let claimed: Value = request.send().await.unwrap().json().await.unwrap();
        assert_eq!(claimed["sub"], claims(&tokens["id_token"])["sub"]);
        assert_eq!(claimed["name"], "Ada Lovelace");
        assert_eq!(claimed["email"].is_string(), email);
    }
}

#[tokio::test]
async fn userinfo_without_a_good_token_answers_401() {
    let mut app = App::start().await;
    let without_openid = text(&app.tokens(&[("scope", "read:reports")]).await["access_token"]).to_owned();
    let identifier = claims(&json!(without_openid))["jti"].as_str().unwrap().to_owned();
    for token in ["nonsense", "opaque-nonsense", &without_openid, &identifier] {
        let answer = app.http.get(app.url("userinfo")).bearer_auth(token).send().await.unwrap();
        assert_eq!(answer.status(), 401, "{token}");
        assert!(answer.headers().contains_key("www-authenticate"));
    }
}

#[tokio::test]
async fn both_metadata_documents_name_the_endpoints_and_may_be_cached() {
    let app = App::start().await;
    let mut documents = Vec::new();
    for path in [".well-known/openid-configuration", ".well-known/oauth-authorization-server"] {
        let answer = app.get(path).await;
        assert_eq!(answer.headers()["cache-control"], "public, max-age=15");
        assert_eq!(answer.headers()["content-type"], "application/json");
        documents.push(answer.json::<Value>().await.unwrap());
    }
    assert_eq!(documents[0], documents[1]);
    assert_eq!(documents[0]["issuer"], app.tenant.issuer());
    for (member, path) in [
        ("authorization_endpoint", "authorize"),
        ("token_endpoint", "oauth/token"),
        ("userinfo_endpoint", "userinfo"),
        ("revocation_endpoint", "oauth/revoke"),
        ("end_session_endpoint", "oidc/logout"),
        ("jwks_uri", ".well-known/jwks.json"),
    ] {
        assert_eq!(documents[0][member], app.url(path));
        assert_ne!(app.get(path).await.status(), 404, "{path}");
    }
}

#[tokio::test]
async fn tokens_of_each_algorithm_verify_with_the_key_that_is_published_for_them() {
    let mut app = App::start().await;
    for algorithm in [SigningAlgorithm::Rs256, SigningAlgorithm::Es256] {
        app.tenant.set(|settings| settings.signing_algorithm = algorithm);
        let tokens = app.tokens(&[]).await;
        let document: Value = app.get(".well-known/jwks.json").await.json().await.unwrap();
        for token in ["id_token", "access_token"] {
            assert!(crate::support::verifies(text(&tokens[token]), &document), "{algorithm:?} {token}");
        }
    }
}

#[tokio::test]
async fn lab_tenant_follows_the_name_under_which_it_is_asked() {
    let options = TenantOptions { ports: None, ..TenantOptions::lab() };
    let app = App::start_with(options).await;
    let port = app.tenant.ports().tenant;
    for host in ["127.0.0.1", "localhost", "10.0.2.2"] {
        let request = app.get_as(host, ".well-known/openid-configuration").await;
        let metadata: Value = request.json().await.unwrap();
        assert_eq!(metadata["issuer"], format!("http://{host}:{port}/"));
    }
    let stranger = app.get_as("evil.example", ".well-known/openid-configuration").await;
    assert_eq!(stranger.json::<Value>().await.unwrap()["issuer"], app.tenant.issuer());
    assert!(app.tenant.api_url().starts_with("http://localhost:"));
}

#[tokio::test]
async fn tenant_answers_on_both_loopback_addresses() {
    let app = App::start().await;
    let port = app.tenant.ports().tenant;
    let v6 = format!("http://[::1]:{port}/.well-known/jwks.json");
    match tokio::net::TcpListener::bind("[::1]:0").await {
        Ok(_) => assert_eq!(app.http.get(v6).send().await.unwrap().status(), 200),
        Err(_) => println!("not run: this machine has no ::1"),
    }
}

#[tokio::test]
async fn stopped_tenant_leaves_its_ports_to_the_next_one() {
    let first = App::start().await;
    let ports = first.tenant.ports();
    let taken = TenantOptions { ports: Some(ports), ..TenantOptions::default() };
    let refused = Tenant::start(taken.clone()).await.map(|_| ()).unwrap_err();
    assert!(refused.to_string().contains(&ports.tenant.to_string()), "{refused}");
    first.tenant.stop().await;
    let second = App::start_with(taken).await;
    assert_eq!(second.get(".well-known/jwks.json").await.status(), 200);
}

#[tokio::test]
async fn dropped_tenant_stops_answering() {
    let app = App::start().await;
    let url = app.url(".well-known/jwks.json");
    let App { tenant, http, .. } = app;
    assert_eq!(http.get(&url).send().await.unwrap().status(), 200);
    drop(tenant);
    let deadline = Instant::now() + Duration::from_secs(10);
    while http.get(&url).send().await.is_ok() {
        assert!(Instant::now() < deadline, "it still answers after 10 s");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn tenant_without_a_client_does_not_start() {
    let options = TenantOptions { clients: Vec::new(), ..TenantOptions::default() };
    let refused = Tenant::start(options).await.map(|_| ()).unwrap_err();
    assert_eq!(refused.to_string(), "options: there must be at least one client");
}
