//! The issuers that misbehave, asked as a client asks.

use std::{collections::BTreeMap, time::Duration};

use hallpass_tenant::misbehaving::{AuthorizeError, Behaviour, MisbehavingIssuer};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

fn client() -> Client {
    // Another test of this process may have been first.
    let _already_installed = rustls::crypto::ring::default_provider().install_default();
    Client::builder().timeout(Duration::from_secs(20)).build().unwrap()
}

fn behaviour(document: Value) -> Behaviour {
    serde_json::from_value(document).unwrap()
}

fn authorization_url(issuer: &str) -> String {
    format!(
        "{issuer}/authorize?response_type=code&client_id=app&redirect_uri=a.b%3A%2Fc&scope=openid&\
         state=0123456789012345678901&nonce=9876543210987654321098&code_challenge_method=S256&code_challenge={CHALLENGE}"
    )
}

fn exchange(code: &str, verifier: &str) -> BTreeMap<&'static str, String> {
    BTreeMap::from([
        ("grant_type", "authorization_code".to_owned()),
        ("client_id", "app".to_owned()),
        ("code", code.to_owned()),
        ("code_verifier", verifier.to_owned()),
        ("redirect_uri", "a.b:/c".to_owned()),
    ])
}

async fn json_of(response: reqwest::Response) -> Value {
    assert_eq!(response.status(), StatusCode::OK);
    response.json().await.unwrap()
}

#[tokio::test]
async fn issuer_without_deviations_gives_what_is_asked_for_and_lists_it() {
    let server = MisbehavingIssuer::start().await.unwrap();
    let issuer = server.add("good", Behaviour::default());
    let client = client();
    let metadata =
        json_of(client.get(format!("{issuer}/.well-known/openid-configuration")).send().await.unwrap()).await;
    assert_eq!(metadata["issuer"], issuer);
    let keys = json_of(client.get(metadata["jwks_uri"].as_str().unwrap()).send().await.unwrap()).await;
    assert_eq!(keys["keys"].as_array().unwrap().len(), 2);

    let authorized = server.authorize("good", &authorization_url(&issuer)).unwrap();
    let token_endpoint = metadata["token_endpoint"].as_str().unwrap();
    let tokens = client.post(token_endpoint).form(&exchange(&authorized.code, VERIFIER)).send().await.unwrap();
    let tokens = json_of(tokens).await;
    assert_eq!((&tokens["access_token"], &tokens["refresh_token"]), (&json!("at-1"), &json!("rt-1")));
    let again = client.post(token_endpoint).form(&exchange(&authorized.code, VERIFIER)).send().await.unwrap();
    assert_eq!(again.status(), StatusCode::BAD_REQUEST);
    let user = client.get(metadata["userinfo_endpoint"].as_str().unwrap()).bearer_auth("at-1").send().await.unwrap();
    assert_eq!(json_of(user).await["sub"], "ada");
    assert_eq!(server.requests("good"), ["discovery", "keys", "code", "POST /token, refused: code", "userinfo at-1"]);
    server.stop().await;
}

#[tokio::test]
async fn code_for_tokens_bound_to_a_key_is_refused_without_a_proof_by_that_key() {
    let server = MisbehavingIssuer::start().await.unwrap();
    let issuer = server.add("good", Behaviour::default());
    let client = client();
    let authorized = server.authorize("good", &format!("{}&dpop_jkt=of-a-key", authorization_url(&issuer))).unwrap();
    for proof in [None, Some("no proof")] {
        let mut request = client.post(format!("{issuer}/token")).form(&exchange(&authorized.code, VERIFIER));
        if let Some(proof) = proof {
            request = request.header("DPoP", proof);
        }
        let refused = request.send().await.unwrap();
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
        assert_eq!(refused.json::<Value>().await.unwrap()["error"], "invalid_dpop_proof");
    }
    let presented = client.get(format!("{issuer}/userinfo")).header("Authorization", "DPoP at-1").send().await.unwrap();
    assert_eq!(presented.status(), StatusCode::UNAUTHORIZED);
    let another = "refused: the proof is by another key, or there is none";
    let seen = [
        format!("POST /token, {another}"),
        "POST /token, refused: the proof is not a JWT".to_owned(),
        format!("userinfo, {another}"),
    ];
    assert_eq!(server.requests("good"), seen);
    server.stop().await;
}

#[tokio::test]
async fn token_request_that_does_not_fit_its_authorization_is_refused() {
    let server = MisbehavingIssuer::start().await.unwrap();
    let issuer = server.add("good", Behaviour::default());
    let client = client();
    let authorized = server.authorize("good", &authorization_url(&issuer)).unwrap();
    let other = "0".repeat(43);
    for form in [exchange(&authorized.code, &other), exchange("guessed", VERIFIER)] {
        let refused = client.post(format!("{issuer}/token")).form(&form).send().await.unwrap();
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    }
    let json = client.post(format!("{issuer}/token")).json(&exchange(&authorized.code, VERIFIER)).send().await.unwrap();
    assert_eq!(json.status(), StatusCode::BAD_REQUEST);
    let refused = ["code_verifier", "code", "not a form"].map(|why| format!("POST /token, refused: {why}"));
    assert_eq!(server.requests("good"), refused);
    let plain = authorization_url(&issuer).replace("S256", "plain");
    assert_eq!(server.authorize("good", &plain), Err(AuthorizeError::Parameter("code_challenge_method")));
}

#[tokio::test]
async fn deviations_come_in_their_order_and_the_last_one_stays() {
    let server = MisbehavingIssuer::start().await.unwrap();
    let issuer =
        server.add("roll", behaviour(json!({ "key_set": [{ "status": 503 }, { "keys": [{ "key": "rsa-2" }] }] })));
    let other = server.add("other", Behaviour::default());
    let client = client();
    let mut seen = Vec::new();
    for _ in 0..3 {
        let response = client.get(format!("{issuer}/jwks")).send().await.unwrap();
        let status = response.status().as_u16();
        let keys: Value = response.json().await.unwrap();
        seen.push((status, keys["keys"][0]["kid"].as_str().unwrap().to_owned()));
    }
    assert_eq!(seen, [(503, "rsa-1".to_owned()), (200, "rsa-2".to_owned()), (200, "rsa-2".to_owned())]);
    let keys = json_of(client.get(format!("{other}/jwks")).send().await.unwrap()).await;
    assert_eq!(keys["keys"][0]["kid"], "rsa-1");
    assert_eq!((server.requests("roll").len(), server.requests("other").len()), (3, 1));
}

#[tokio::test]
async fn mistake_in_a_behaviour_is_answered_and_listed_as_one() {
    let server = MisbehavingIssuer::start().await.unwrap();
    let issuer = server.add("typo", behaviour(json!({ "userinfo": { "body": "${nobody}" } })));
    let response = client().get(format!("{issuer}/userinfo")).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::NOT_IMPLEMENTED);
    assert!(server.requests("typo")[1].contains("${nobody}"));
    let unknown: Result<Behaviour, _> = serde_json::from_value(json!({ "tokens": {} }));
    assert!(unknown.unwrap_err().to_string().contains("tokens"));
}

#[tokio::test]
async fn issuer_that_forgives_takes_the_token_before_the_latest_and_none_before_that() {
    let server = MisbehavingIssuer::start().await.unwrap();
    let issuer = server.add("forgiving", behaviour(json!({ "rotation": true, "forgives_reuse": true })));
    let client = client();
    let authorized = server.authorize("forgiving", &authorization_url(&issuer)).unwrap();
    let url = format!("{issuer}/token");
    json_of(client.post(&url).form(&exchange(&authorized.code, VERIFIER)).send().await.unwrap()).await;
    let renew = |token: &str| {
        let form = [("grant_type", "refresh_token"), ("client_id", "app"), ("refresh_token", token)];
        client.post(&url).form(&form).send()
    };
    for (presented, status, next) in
        [("rt-1", 200, Some("rt-2")), ("rt-1", 200, Some("rt-3")), ("rt-1", 400, None), ("rt-3", 200, Some("rt-4"))]
    {
        let answer = renew(presented).await.unwrap();
        assert_eq!(answer.status(), status, "{presented}");
        assert_eq!(answer.json::<Value>().await.unwrap()["refresh_token"].as_str(), next);
    }
}

#[tokio::test]
async fn odd_body_of_an_issuer_is_made_of_what_its_other_deviations_wrote() {
    let server = MisbehavingIssuer::start().await.unwrap();
    let odd = json!({ "discovery": { "set": { "greeting": "hello" }, "odd_body": "byte_order_mark" } });
    let issuer = server.add("odd", behaviour(odd));
    let answer = client().get(format!("{issuer}/.well-known/openid-configuration")).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/json");
    let body = answer.bytes().await.unwrap();
    let text = std::str::from_utf8(&body).unwrap().strip_prefix('\u{feff}').unwrap();
    assert_eq!(serde_json::from_str::<Value>(text).unwrap()["greeting"], "hello");
}
