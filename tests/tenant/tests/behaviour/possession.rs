//! Tokens bound to a key (RFC 9449): what the tenant issues for a proof, what it refuses, and when it wants a nonce.

use std::cell::Cell;
use std::time::Duration;

use base64ct::{Base64UrlUnpadded, Encoding};
use hallpass_tenant::Endpoint;
use reqwest::Response;
use ring::{
    digest::{SHA256, digest},
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use serde_json::{Value, json};

use crate::support::{App, claims, text};

/// A key, and the proofs that it makes: each with an identifier of its own.
struct Key {
    pair: EcdsaKeyPair,
    made: Cell<u32>,
}

impl Key {
    fn new() -> Self {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random).unwrap();
        Self { pair, made: Cell::new(0) }
    }

    fn jwk(&self) -> Value {
        let (x, y) = self.pair.public_key().as_ref()[1..].split_at(32);
        json!({ "kty": "EC", "crv": "P-256", "x": base64(x), "y": base64(y) })
    }

    fn thumbprint(&self) -> String {
        let jwk = self.jwk();
        sha256(&format!(r#"{{"crv":"P-256","kty":"EC","x":{},"y":{}}}"#, jwk["x"], jwk["y"]))
    }

    /// A proof for a request now; `changes` replaces or, with null, removes claims.
    fn proof(&self, app: &App, method: &str, url: &str, changes: &Value) -> String {
        self.made.set(self.made.get() + 1);
        let now = app.tenant.now().milliseconds() / 1_000;
        let mut claims = json!({ "jti": self.made.get().to_string(), "htm": method, "htu": url, "iat": now });
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        self.signed(&json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": self.jwk() }), &claims)
    }

    fn signed(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| base64(value.to_string().as_bytes());
        let signed = format!("{}.{}", part(header), part(claims));
        let signature = self.pair.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", base64(signature.as_ref()))
    }

    fn token_proof(&self, app: &App, changes: &Value) -> String {
        self.proof(app, "POST", &app.url("oauth/token"), changes)
    }

    async fn exchange(&self, app: &mut App) -> Value {
        let code = app.log_in(&[("dpop_jkt", &self.thumbprint())]).await.one("code");
        let answer = code_with_proof(app, &code, &self.token_proof(app, &json!({}))).await;
        assert_eq!(answer.status(), 200);
        answer.json().await.unwrap()
    }

    /// Calls the API (or userinfo) with the token and a proof for it.
    async fn call(&self, app: &App, url: &str, access_token: &str, changes: &Value) -> Response {
        let mut claims = json!({ "ath": sha256(access_token) });
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let proof = self.proof(app, "GET", url, &claims);
        app.http
            .get(url)
            .header("authorization", format!("DPoP {access_token}"))
            .header("dpop", proof)
            .send()
            .await
            .unwrap()
    }
}

async fn code_with_proof(app: &App, code: &str, proof: &str) -> Response {
    let body = json!({
        "grant_type": "authorization_code", "client_id": app.tenant.client_id(), "code": code,
        "code_verifier": crate::support::VERIFIER, "redirect_uri": crate::support::REDIRECT_URI,
    });
    app.http.post(app.url("oauth/token")).header("dpop", proof).json(&body).send().await.unwrap()
}

async fn renew_with_proof(app: &App, refresh_token: &str, proof: &str) -> Response {
    let body = app.renewal(refresh_token);
    app.http.post(app.url("oauth/token")).header("dpop", proof).json(&body).send().await.unwrap()
}

async fn error(answer: Response) -> (u16, String) {
    let status = answer.status().as_u16();
    (status, text(&answer.json::<Value>().await.unwrap()["error"]).to_owned())
}

fn base64(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}

fn sha256(text: &str) -> String {
    base64(digest(&SHA256, text.as_bytes()).as_ref())
}

fn invalid(status: u16) -> (u16, String) {
    (status, "invalid_dpop_proof".to_owned())
}

#[tokio::test]
async fn login_with_a_proof_gives_tokens_that_only_its_key_can_use() {
    let mut app = App::start().await;
    let (key, thief) = (Key::new(), Key::new());
    let tokens = key.exchange(&mut app).await;
    assert_eq!(tokens["token_type"], "DPoP");
    let access_token = text(&tokens["access_token"]);
    assert_eq!(claims(&tokens["access_token"])["cnf"], json!({ "jkt": key.thumbprint() }));

    let (api, none) = (app.tenant.api_url(), json!({}));
    assert_eq!(key.call(&app, &api, access_token, &none).await.status(), 200);
    assert_eq!(error(thief.call(&app, &api, access_token, &none).await).await, invalid(401));
    assert_eq!(error(app.call_api(access_token).await).await, invalid(401), "as a bearer token");
    assert_eq!(error(key.call(&app, &api, access_token, &json!({ "ath": null })).await).await, invalid(401));

    let refresh_token = text(&tokens["refresh_token"]);
    assert_eq!(error(renew_with_proof(&app, refresh_token, &thief.token_proof(&app, &none)).await).await, invalid(400));
    assert_eq!(error(app.renew(refresh_token).await).await, invalid(400), "without a proof");
    let renewed = renew_with_proof(&app, refresh_token, &key.token_proof(&app, &none)).await;
    assert_eq!(renewed.status(), 200, "a refusal has not used the token up");
    assert_eq!(renewed.json::<Value>().await.unwrap()["token_type"], "DPoP");
}

#[tokio::test]
async fn userinfo_wants_the_proof_of_a_bound_token_too() {
    let mut app = App::start().await;
    let key = Key::new();
    let code = app.log_in(&[("audience", "")]).await.one("code");
    let answer = code_with_proof(&app, &code, &key.token_proof(&app, &json!({}))).await;
    let tokens: Value = answer.json().await.unwrap();
    let (url, token) = (app.url("userinfo"), text(&tokens["access_token"]));
    assert_eq!(key.call(&app, &url, token, &json!({})).await.status(), 200);
    let as_bearer = app.http.get(&url).bearer_auth(token).send().await.unwrap();
    assert_eq!(error(as_bearer).await, invalid(401));
}

#[tokio::test]
async fn bearer_token_with_the_dpop_scheme_is_refused() {
    let mut app = App::start().await;
    let tokens = app.tokens(&[]).await;
    let answer = Key::new().call(&app, &app.tenant.api_url(), text(&tokens["access_token"]), &json!({})).await;
    assert_eq!(error(answer).await, invalid(401));
}

#[tokio::test]
async fn code_that_named_a_key_is_refused_with_another_or_with_none() {
    let mut app = App::start().await;
    let key = Key::new();
    for proof in [Some(Key::new().token_proof(&app, &json!({}))), None] {
        let code = app.log_in(&[("dpop_jkt", &key.thumbprint())]).await.one("code");
        let refused = match proof {
            Some(proof) => code_with_proof(&app, &code, &proof).await,
            None => app.exchange_code(&code).await,
        };
        assert_eq!(error(refused).await, (403, "invalid_grant".to_owned()));
    }
    assert_eq!(app.log_in(&[("dpop_jkt", "short")]).await.one("error"), "invalid_request");
}

#[tokio::test]
async fn proof_that_is_wrong_in_any_way_is_refused_and_uses_nothing_up() {
    let mut app = App::start().await;
    let key = Key::new();
    let code = app.log_in(&[]).await.one("code");
    let now = app.tenant.now().milliseconds() / 1_000;
    for changes in [
        json!({ "htm": "GET" }),
        json!({ "htu": app.url("userinfo") }),
        json!({ "htu": null }),
        json!({ "iat": now - 120 }),
        json!({ "iat": now + 120 }),
        json!({ "iat": now.to_string() }),
        json!({ "jti": "" }),
        json!({ "jti": null }),
        json!({ "ath": sha256("a token") }),
    ] {
        let proof = key.token_proof(&app, &changes);
        assert_eq!(error(code_with_proof(&app, &code, &proof).await).await, invalid(400), "{changes}");
    }
    let claims = json!({ "jti": "x", "htm": "POST", "htu": app.url("oauth/token"), "iat": now });
    let good = json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": key.jwk() });
    for (member, value) in [
        ("typ", json!("JWT")),
        ("alg", json!("none")),
        ("jwk", json!(null)),
        ("jwk", Key::new().jwk()),
        ("jwk", json!({ "kty": "oct", "k": "AAAA" })),
    ] {
        let mut header = good.clone();
        header[member] = value;
        let proof = key.signed(&header, &claims);
        assert_eq!(error(code_with_proof(&app, &code, &proof).await).await, invalid(400), "{member}");
    }
    for proof in ["", "x", "a.b.c"] {
        assert_eq!(error(code_with_proof(&app, &code, proof).await).await, invalid(400), "{proof:?}");
    }
    assert_eq!(code_with_proof(&app, &code, &key.signed(&good, &claims)).await.status(), 200);
}

#[tokio::test]
async fn proof_used_again_is_refused() {
    let mut app = App::start().await;
    let key = Key::new();
    let tokens = key.exchange(&mut app).await;
    let refresh_token = text(&tokens["refresh_token"]);
    let proof = key.token_proof(&app, &json!({}));
    assert_eq!(renew_with_proof(&app, refresh_token, &proof).await.status(), 200);
    assert_eq!(error(renew_with_proof(&app, refresh_token, &proof).await).await, invalid(400));
    app.tenant.advance(Duration::from_secs(3_600));
    assert_eq!(error(renew_with_proof(&app, refresh_token, &proof).await).await, invalid(400));
}

#[tokio::test]
async fn nonce_wanted_is_told_with_the_refusal_and_with_every_answer_after_it() {
    let mut app = App::start().await;
    let key = Key::new();
    let tokens = key.exchange(&mut app).await;
    app.tenant.set(|settings| {
        settings.dpop_nonce = Some("of-the-tenant".to_owned());
        settings.api_dpop_nonce = Some("of-the-api".to_owned());
    });
    let refresh_token = text(&tokens["refresh_token"]);
    let refused = renew_with_proof(&app, refresh_token, &key.token_proof(&app, &json!({}))).await;
    assert_eq!(refused.headers()["dpop-nonce"], "of-the-tenant");
    assert_eq!(error(refused).await, (400, "use_dpop_nonce".to_owned()));
    let proof = key.token_proof(&app, &json!({ "nonce": "of-the-tenant" }));
    let renewed = renew_with_proof(&app, refresh_token, &proof).await;
    assert_eq!((renewed.status().as_u16(), &renewed.headers()["dpop-nonce"]), (200, &"of-the-tenant".parse().unwrap()));

    let (api, access_token) = (app.tenant.api_url(), text(&tokens["access_token"]));
    let refused = key.call(&app, &api, access_token, &json!({ "nonce": "of-the-tenant" })).await;
    assert_eq!(refused.headers()["dpop-nonce"], "of-the-api");
    assert_eq!(refused.headers()["www-authenticate"], r#"DPoP algs="ES256", error="use_dpop_nonce""#);
    assert_eq!(error(refused).await, (401, "use_dpop_nonce".to_owned()));
    assert_eq!(key.call(&app, &api, access_token, &json!({ "nonce": "of-the-api" })).await.status(), 200);
}

#[tokio::test]
async fn tenant_that_does_not_understand_proofs_says_so_and_ignores_them() {
    let mut app = App::start().await;
    let announced = app.get(".well-known/openid-configuration").await.json::<Value>().await.unwrap();
    assert_eq!(announced["dpop_signing_alg_values_supported"], json!(["ES256"]));
    app.tenant.set(|settings| settings.dpop = false);
    let silent = app.get(".well-known/openid-configuration").await.json::<Value>().await.unwrap();
    assert!(silent.get("dpop_signing_alg_values_supported").is_none());
    let tokens = Key::new().exchange(&mut app).await;
    assert_eq!(tokens["token_type"], "Bearer");
    assert_eq!(app.call_api(text(&tokens["access_token"])).await.status(), 200);
}

#[tokio::test]
async fn log_tells_proofs_apart_and_keeps_none() {
    let mut app = App::start().await;
    let key = Key::new();
    let tokens = key.exchange(&mut app).await;
    renew_with_proof(&app, text(&tokens["refresh_token"]), &key.token_proof(&app, &json!({}))).await;
    let requests = app.tenant.requests();
    let proofs: Vec<_> = requests
        .iter()
        .filter(|request| request.endpoint == Endpoint::Token)
        .map(|request| request.headers["dpop"].as_str())
        .collect();
    assert_eq!(proofs.len(), 2);
    assert!(proofs[0] != proofs[1] && proofs.iter().all(|proof| proof.starts_with('#') && proof.len() == 9));
}
