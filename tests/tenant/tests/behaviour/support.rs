//! A native app as the tests need it: it logs in through the pages and talks to the token endpoint, with no more cleverness
//! than a protocol sketch.

use std::time::{Duration, Instant};

use base64ct::{Base64UrlUnpadded, Encoding};
use hallpass_tenant::{
    ClockSource, Endpoint, Tenant, TenantOptions, Timestamp,
    browser::{Browser, Page},
};
use reqwest::{Client, Response, redirect::Policy};
use ring::{
    digest::{SHA256, digest},
    signature::{ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey},
};
use serde_json::{Value, json};
use url::Url;

pub(crate) const ADA: (&str, &str) = ("ada@example.com", "correct horse");
pub(crate) const GRACE: (&str, &str) = ("grace@example.com", "battery staple");
pub(crate) const REDIRECT_URI: &str = "com.example.hallpass://callback";
pub(crate) const SCOPE: &str = "openid profile read:reports offline_access";
pub(crate) const VERIFIER: &str = "a-verifier-of-at-least-forty-three-characters";

/// A tenant, a client of it, and a browser.
pub(crate) struct App {
    pub(crate) tenant: Tenant,
    pub(crate) http: Client,
    pub(crate) browser: Browser,
}

impl App {
    pub(crate) async fn start() -> Self {
        Self::start_with(TenantOptions { seed: Some(1), ..TenantOptions::default() }).await
    }

    pub(crate) async fn start_with(options: TenantOptions) -> Self {
        // Another test of this process may have been first.
        let _already_installed = rustls::crypto::ring::default_provider().install_default();
        let http = Client::builder()
            .redirect(Policy::none())
            .timeout(Duration::from_secs(20))
            .pool_max_idle_per_host(0)
            .build()
            .unwrap();
        Self { tenant: Tenant::start(options).await.unwrap(), http, browser: Browser::new() }
    }

    pub(crate) async fn start_with_reuse_interval(seconds: u64) -> Self {
        let app = Self::start().await;
        app.tenant.set(|settings| {
            settings.refresh_token_rotation = true;
            settings.refresh_token_reuse_interval_seconds = seconds;
        });
        app
    }

    /// A tenant whose time stands still.
    pub(crate) async fn start_frozen(seed: u64) -> Self {
        let clock = ClockSource::Fixed(Timestamp::from_milliseconds(1_800_000_000_000));
        Self::start_with(TenantOptions { seed: Some(seed), clock, ..TenantOptions::default() }).await
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.tenant.issuer())
    }

    /// An authorization request; `changes` replaces or, with an empty value, removes parameters.
    pub(crate) fn authorization_url(&self, changes: &[(&str, &str)]) -> String {
        let challenge = Base64UrlUnpadded::encode_string(digest(&SHA256, VERIFIER.as_bytes()).as_ref());
        let (client_id, audience) = (self.tenant.client_id(), self.tenant.audience());
        let usual = [
            ("response_type", "code"),
            ("client_id", &client_id),
            ("redirect_uri", REDIRECT_URI),
            ("scope", SCOPE),
            ("audience", &audience),
            ("state", "a-state"),
            ("nonce", "a-nonce"),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        let mut url = Url::parse(&self.url("authorize")).unwrap();
        let kept = usual.into_iter().filter(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
        let changed = changes.iter().copied().filter(|(_, value)| !value.is_empty());
        url.query_pairs_mut().extend_pairs(kept.chain(changed));
        url.into()
    }

    /// Logs ada in and returns the callback's parameters.
    pub(crate) async fn log_in(&mut self, changes: &[(&str, &str)]) -> Callback {
        let url = self.authorization_url(changes);
        Callback::parse(&self.browser.log_in(&url, ADA.0, ADA.1).await.unwrap())
    }

    /// Opens the login page.
    pub(crate) async fn login_page(&mut self, changes: &[(&str, &str)]) -> Page {
        let url = self.authorization_url(changes);
        self.browser.open(&url).await.unwrap().page().unwrap()
    }

    /// Asks for a code with `prompt=none`.
    pub(crate) async fn silent(&mut self, changes: &[(&str, &str)]) -> Callback {
        let url = self.authorization_url(&[changes, &[("prompt", "none")]].concat());
        Callback::parse(&self.browser.open(&url).await.unwrap().left().unwrap())
    }

    /// Logs ada in and exchanges the code.
    pub(crate) async fn tokens(&mut self, changes: &[(&str, &str)]) -> Value {
        let code = self.log_in(changes).await.one("code");
        let answer = self.exchange_code(&code).await;
        assert_eq!(answer.status(), 200);
        answer.json().await.unwrap()
    }

    /// Logs ada in for a refresh token.
    pub(crate) async fn refresh_token(&mut self) -> String {
        text(&self.tokens(&[]).await["refresh_token"]).to_owned()
    }

    /// Renews with success and returns the new refresh token.
    pub(crate) async fn rotated(&self, refresh_token: &str) -> String {
        let answer = self.renew(refresh_token).await;
        assert_eq!(answer.status(), 200);
        text(&answer.json::<Value>().await.unwrap()["refresh_token"]).to_owned()
    }

    /// The `kid`s of the key set.
    pub(crate) async fn published_key_ids(&self) -> Vec<String> {
        let document: Value = self.get(".well-known/jwks.json").await.json().await.unwrap();
        document["keys"].as_array().unwrap().iter().map(|key| text(&key["kid"]).to_owned()).collect()
    }

    pub(crate) async fn exchange_code(&self, code: &str) -> Response {
        self.token(&json!({
            "grant_type": "authorization_code", "client_id": self.tenant.client_id(), "code": code,
            "code_verifier": VERIFIER, "redirect_uri": REDIRECT_URI,
        }))
        .await
    }

    /// Sends a token request as JSON.
    pub(crate) async fn token(&self, body: &Value) -> Response {
        self.http.post(self.url("oauth/token")).json(body).send().await.unwrap()
    }

    pub(crate) async fn renew(&self, refresh_token: &str) -> Response {
        self.token(&self.renewal(refresh_token)).await
    }

    pub(crate) fn renewal(&self, refresh_token: &str) -> Value {
        json!({
            "grant_type": "refresh_token", "client_id": self.tenant.client_id(), "refresh_token": refresh_token,
        })
    }

    pub(crate) async fn call_api(&self, access_token: &str) -> Response {
        self.http.get(self.tenant.api_url()).bearer_auth(access_token).send().await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.http.get(self.url(path)).send().await.unwrap()
    }

    /// The same under another name of this machine.
    pub(crate) async fn get_as(&self, host: &str, path: &str) -> Response {
        let port = self.tenant.ports().tenant;
        let url = format!("http://127.0.0.1:{port}/{path}");
        self.http.get(url).header("host", format!("{host}:{port}")).send().await.unwrap()
    }

    /// Waits, for at most ten seconds, until this holds.
    pub(crate) async fn until(&self, holds: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while !holds(self) {
            assert!(Instant::now() < deadline, "it did not come true within 10 s");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// How many requests this endpoint has seen.
    pub(crate) fn seen(&self, endpoint: Endpoint) -> usize {
        self.tenant.requests().iter().filter(|request| request.endpoint == endpoint).count()
    }
}

/// What came back to the app.
#[derive(Debug)]
pub(crate) struct Callback(Vec<(String, String)>);

impl Callback {
    pub(crate) fn parse(url: &str) -> Self {
        assert!(url.starts_with(REDIRECT_URI), "sent to {url}");
        Self(Url::parse(url).unwrap().query_pairs().into_owned().collect())
    }

    pub(crate) fn one(&self, name: &str) -> String {
        self.find(name).unwrap_or_else(|| panic!("no {name} in {self:?}"))
    }

    pub(crate) fn find(&self, name: &str) -> Option<String> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    }
}

/// The claims of a JWT, unchecked.
pub(crate) fn claims(token: &Value) -> Value {
    let part = token.as_str().unwrap().split('.').nth(1).unwrap();
    serde_json::from_slice(&Base64UrlUnpadded::decode_vec(part).unwrap()).unwrap()
}

/// The header of a JWT.
pub(crate) fn header(token: &Value) -> Value {
    let part = token.as_str().unwrap().split('.').next().unwrap();
    serde_json::from_slice(&Base64UrlUnpadded::decode_vec(part).unwrap()).unwrap()
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// Whether a JWT is signed with the key of a JWK set that it names.
pub(crate) fn verifies(token: &str, key_set: &Value) -> bool {
    let header = header(&token.into());
    let key = key_set["keys"].as_array().unwrap().iter().find(|key| key["kid"] == header["kid"]).unwrap();
    assert_eq!((&key["alg"], &key["use"]), (&header["alg"], &"sig".into()));
    let decode = |value: &Value| Base64UrlUnpadded::decode_vec(text(value)).unwrap();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let signature = Base64UrlUnpadded::decode_vec(signature).unwrap();
    let verified = match text(&key["kty"]) {
        "RSA" => RsaPublicKeyComponents { n: decode(&key["n"]), e: decode(&key["e"]) }.verify(
            &RSA_PKCS1_2048_8192_SHA256,
            signed.as_bytes(),
            &signature,
        ),
        _ => {
            let point = [vec![4], decode(&key["x"]), decode(&key["y"])].concat();
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(signed.as_bytes(), &signature)
        }
    };
    verified.is_ok()
}
