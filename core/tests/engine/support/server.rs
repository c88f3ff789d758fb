//! A small authorization server and API behind the transport port: no socket, every fault on cue, every request counted.
//! It speaks the OpenID Connect dialect and signs with ES256.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use hallpass_core::ports::{Transport, TransportError};
use hallpass_core::protocol::http::{Headers, Method, Request, Response};
use ring::signature::EcdsaKeyPair;
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::clock::TestClock;
use super::keys::{new_key, public_jwk, sign};
use super::proofs::{Proof, Proofs};

pub(crate) const ISSUER: &str = "https://issuer.example";
pub(crate) const API: &str = "https://api.example";
pub(crate) const CLIENT_ID: &str = "client-1";
pub(crate) const REDIRECT_URI: &str = "com.example.app:/callback";

/// What goes wrong with a request to the token endpoint.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// It does not reach the server, and the device knows.
    Unreachable,
    /// No secure connection.
    Tls,
    /// It is lost on the way to the server, and the device cannot know.
    RequestLost,
    /// The server acts, and its answer is lost.
    AnswerLost,
    /// The server acts, and its answer is cut off.
    Truncated,
    /// The server acts, and its answer is larger than anybody wants.
    TooLarge,
    /// The server answers with this and does not act.
    Answer(u16, Vec<(&'static str, String)>, String),
    /// The server waits for `Server::release`, then acts.
    Held,
}

/// How the server behaves from now on.
#[derive(Debug, Clone)]
pub(crate) struct Behaviour {
    pub(crate) rotation: bool,
    /// For how long the previous refresh token still works after a rotation.
    pub(crate) reuse_interval: Duration,
    pub(crate) lifetime: u64,
    pub(crate) offline_access: bool,
    /// Members that replace or, when null, remove those of a token response.
    pub(crate) token_response: Value,
    /// Members that replace or, when null, remove those of an ID token.
    pub(crate) id_token: Value,
    /// How far the server's clock is ahead of the device's, in seconds.
    pub(crate) clock_ahead: i64,
    pub(crate) metadata: Value,
}

/// Clones are the same server.
#[derive(Clone)]
pub(crate) struct Server {
    clock: TestClock,
    inner: Arc<Mutex<Inner>>,
    released: Arc<Notify>,
}

struct Inner {
    behaviour: Behaviour,
    faults: VecDeque<Fault>,
    requests: Vec<Seen>,
    keys: Vec<(String, EcdsaKeyPair)>,
    keys_rolled: usize,
    keys_refused: bool,
    is_cut_off: bool,
    forgiving: bool,
    user: String,
    /// By authorization code: the `nonce` of its login, and the key that it is bound to.
    codes: BTreeMap<String, (String, Option<String>)>,
    families: Vec<Family>,
    /// Until when each is valid, and the key that it is bound to.
    access_tokens: BTreeMap<String, (i64, Option<String>)>,
    proofs: Proofs,
    issued: u64,
}

struct Family {
    nonce: String,
    user: String,
    current: String,
    /// What still works within the reuse interval: the token before the current one, and others that took its place.
    previous: Vec<(String, i64)>,
    older: Vec<String>,
    revoked: bool,
    jkt: Option<String>,
}

/// A request that reached the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) endpoint: &'static str,
    pub(crate) parameters: BTreeMap<String, String>,
}

impl Server {
    pub(crate) fn new(clock: &TestClock) -> Self {
        let inner = Inner {
            behaviour: Behaviour {
                rotation: true,
                reuse_interval: Duration::ZERO,
                lifetime: 3_600,
                offline_access: true,
                token_response: json!({}),
                id_token: json!({}),
                clock_ahead: 0,
                metadata: json!({}),
            },
            faults: VecDeque::new(),
            requests: Vec::new(),
            keys: vec![new_key(1)],
            keys_rolled: 0,
            keys_refused: false,
            is_cut_off: false,
            forgiving: false,
            user: "ada".to_owned(),
            codes: BTreeMap::new(),
            families: Vec::new(),
            access_tokens: BTreeMap::new(),
            proofs: Proofs::default(),
            issued: 0,
        };
        Self { clock: clock.clone(), inner: Arc::new(Mutex::new(inner)), released: Arc::new(Notify::new()) }
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut Behaviour)) {
        change(&mut self.inner.lock().unwrap().behaviour);
    }

    /// The next requests to the token endpoint meet these faults, one each.
    pub(crate) fn fail(&self, faults: impl IntoIterator<Item = Fault>) {
        self.inner.lock().unwrap().faults.extend(faults);
    }

    /// Lets a held request go on.
    pub(crate) fn release(&self) {
        self.released.notify_one();
    }

    /// The user agent: signs `user` in at the page `url` and returns the callback.
    pub(crate) fn sign_in(&self, url: &url::Url, user: &str) -> String {
        let query: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
        let mut inner = self.inner.lock().unwrap();
        user.clone_into(&mut inner.user);
        let code = inner.next("code");
        inner.codes.insert(code.clone(), (query["nonce"].clone(), query.get("dpop_jkt").cloned()));
        format!("{}?code={code}&state={}", query["redirect_uri"], query["state"])
    }

    /// The administrator ends all sessions.
    pub(crate) fn revoke_everything(&self) {
        self.inner.lock().unwrap().families.iter_mut().for_each(|family| family.revoked = true);
    }

    /// The API refuses all access tokens issued so far.
    pub(crate) fn expire_access_tokens(&self) {
        self.inner.lock().unwrap().access_tokens.clear();
    }

    /// Signs with a new key from now on and forgets the old one.
    pub(crate) fn roll_key(&self) {
        let mut inner = self.inner.lock().unwrap();
        inner.keys_rolled += 1;
        inner.keys = vec![new_key(1 + inner.keys_rolled)];
    }

    /// Lets revoked sessions live again, and spent tokens be refused without a family being revoked.
    pub(crate) fn forgive_reuse(&self) {
        let mut inner = self.inner.lock().unwrap();
        inner.forgiving = true;
        inner.families.iter_mut().for_each(|family| family.revoked = false);
    }

    /// The key set cannot be had from now on.
    pub(crate) fn refuse_keys(&self) {
        self.inner.lock().unwrap().keys_refused = true;
    }

    /// Nothing reaches the server from now on.
    pub(crate) fn cut_off(&self) {
        self.inner.lock().unwrap().is_cut_off = true;
    }

    /// How many faults are still to come.
    pub(crate) fn faults_left(&self) -> usize {
        self.inner.lock().unwrap().faults.len()
    }

    /// The requests seen at `endpoint`: `token`, `keys`, `metadata`, `userinfo`, `revocation` or `api`.
    pub(crate) fn seen(&self, endpoint: &str) -> Vec<Seen> {
        self.inner.lock().unwrap().requests.iter().filter(|seen| seen.endpoint == endpoint).cloned().collect()
    }

    pub(crate) fn count(&self, endpoint: &str) -> usize {
        self.seen(endpoint).len()
    }

    pub(crate) fn forget_requests(&self) {
        self.inner.lock().unwrap().requests.clear();
    }

    /// Every secret issued so far, to look for in what must not hold any.
    pub(crate) fn secrets(&self) -> Vec<String> {
        let inner = self.inner.lock().unwrap();
        let families = inner.families.iter().flat_map(|family| family.older.iter().chain([&family.current]));
        families.chain(inner.access_tokens.keys()).cloned().collect()
    }

    /// Proofs sent to `origin` have to state this nonce from now on.
    pub(crate) fn want_nonce(&self, origin: &str, nonce: &str) {
        self.inner.lock().unwrap().proofs.nonces.insert(origin.to_owned(), nonce.to_owned());
    }

    /// The proofs that were accepted, oldest first.
    pub(crate) fn proofs(&self) -> Vec<Proof> {
        self.inner.lock().unwrap().proofs.accepted.clone()
    }

    /// A GET of the API by a client of the app's own.
    pub(crate) fn ask(&self, url: &str, headers: Headers) -> Response {
        let url = url::Url::parse(url).unwrap();
        let (method, body) = (Method::Get, hallpass_core::protocol::http::Body::empty());
        self.answer("api", &Request { method, url, headers, body, max_response_bytes: 1 << 20 })
    }

    fn answer(&self, endpoint: &'static str, request: &Request) -> Response {
        let mut inner = self.inner.lock().unwrap();
        let now = self.clock.unix_seconds() + inner.behaviour.clock_ahead;
        let parameters: BTreeMap<String, String> =
            url::form_urlencoded::parse(request.body.as_bytes()).into_owned().collect();
        inner.requests.push(Seen { endpoint, parameters: parameters.clone() });
        let access_token = presented(request).map(|(_, token)| token);
        let proof = inner.proofs.check(request, access_token, now);
        let jkt = proof.as_ref().and_then(|proof| proof.as_ref().ok()).map(|proof| proof.jkt.clone());
        let (status, body) = match endpoint {
            "metadata" => (200, inner.metadata()),
            "keys" => (200, inner.key_set()),
            "token" | "userinfo" | "api" if matches!(proof, Some(Err(_))) => {
                let error = proof.as_ref().and_then(|proof| proof.as_ref().err().copied());
                (if endpoint == "token" { 400 } else { 401 }, json!({ "error": error }))
            }
            "token" => inner.token(&parameters, jkt, now),
            "revocation" => inner.revoke(&parameters),
            "userinfo" => inner.userinfo(request, jkt.as_ref()),
            "api" => inner.api(request, jkt.as_ref(), now),
            other => panic!("no endpoint {other}"),
        };
        let date = httpdate::fmt_http_date(std::time::UNIX_EPOCH + Duration::from_secs(u64::try_from(now).unwrap()));
        let mut headers = Headers::from_iter([("Content-Type", "application/json".to_owned()), ("Date", date)]);
        if let Some(nonce) = inner.proofs.nonces.get(&request.url.origin().ascii_serialization()) {
            headers.push("DPoP-Nonce", nonce);
        }
        if let (Some(Err(error)), 401) = (&proof, status) {
            headers.push("WWW-Authenticate", format!("DPoP algs=\"ES256\", error=\"{error}\""));
        }
        Response { status, headers, body: body.to_string().into_bytes() }
    }
}

#[async_trait]
impl Transport for Server {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        tokio::task::yield_now().await;
        let endpoint = match (request.url.origin().ascii_serialization().as_str(), request.url.path()) {
            (ISSUER, "/.well-known/openid-configuration") => "metadata",
            (ISSUER, "/keys") => "keys",
            (ISSUER, "/token") => "token",
            (ISSUER, "/revoke") => "revocation",
            (ISSUER, "/userinfo") => "userinfo",
            (API, _) => "api",
            (origin, path) => panic!("a request went astray: {origin}{path}"),
        };
        if self.inner.lock().unwrap().is_cut_off {
            return Err(TransportError::Unreachable);
        }
        let fault = match endpoint {
            "token" => self.inner.lock().unwrap().faults.pop_front(),
            _ => None,
        };
        match fault {
            None if endpoint == "keys" && self.inner.lock().unwrap().keys_refused => Err(TransportError::NoAnswer),
            None => Ok(self.answer(endpoint, &request)),
            Some(Fault::Unreachable) => Err(TransportError::Unreachable),
            Some(Fault::Tls) => Err(TransportError::Tls),
            Some(Fault::RequestLost) => Err(TransportError::NoAnswer),
            Some(Fault::AnswerLost) => {
                self.answer(endpoint, &request);
                Err(TransportError::NoAnswer)
            }
            Some(Fault::Truncated) => {
                let mut response = self.answer(endpoint, &request);
                response.body.truncate(20);
                Ok(response)
            }
            Some(Fault::TooLarge) => {
                self.answer(endpoint, &request);
                Err(TransportError::TooLarge { limit: request.max_response_bytes })
            }
            Some(Fault::Answer(status, headers, body)) => {
                self.inner.lock().unwrap().requests.push(Seen { endpoint, parameters: BTreeMap::new() });
                Ok(Response { status, headers: headers.into_iter().collect(), body: body.into_bytes() })
            }
            Some(Fault::Held) => {
                self.released.notified().await;
                Ok(self.answer(endpoint, &request))
            }
        }
    }
}

impl Inner {
    fn next(&mut self, kind: &str) -> String {
        self.issued += 1;
        format!("{kind}-{}-{}", self.user, self.issued)
    }

    fn metadata(&self) -> Value {
        merged(
            json!({
                "issuer": ISSUER,
                "authorization_endpoint": format!("{ISSUER}/authorize"),
                "token_endpoint": format!("{ISSUER}/token"),
                "jwks_uri": format!("{ISSUER}/keys"),
                "userinfo_endpoint": format!("{ISSUER}/userinfo"),
                "revocation_endpoint": format!("{ISSUER}/revoke"),
                "end_session_endpoint": format!("{ISSUER}/logout"),
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["ES256"],
                "code_challenge_methods_supported": ["S256"],
            }),
            &self.behaviour.metadata,
        )
    }

    fn key_set(&self) -> Value {
        let keys: Vec<Value> = self.keys.iter().map(|(kid, key)| public_jwk(kid, key)).collect();
        json!({ "keys": keys })
    }

    fn token(&mut self, parameters: &BTreeMap<String, String>, jkt: Option<String>, now: i64) -> (u16, Value) {
        match parameters["grant_type"].as_str() {
            "authorization_code" => {
                let Some((nonce, bound_to)) = self.codes.remove(&parameters["code"]) else { return invalid_grant() };
                if bound_to.is_some() && bound_to != jkt {
                    return (400, json!({ "error": "invalid_dpop_proof" }));
                }
                let (user, current) = (self.user.clone(), self.next("refresh"));
                let id_token = self.id_token(&user, Some(&nonce), now);
                let refresh_token = self.behaviour.offline_access.then(|| current.clone());
                let (previous, older, revoked) = (Vec::new(), Vec::new(), false);
                self.families.push(Family { nonce, user, current, previous, older, revoked, jkt: jkt.clone() });
                (200, self.token_response(&id_token, refresh_token, None, jkt, now))
            }
            "refresh_token" => self.refresh(parameters, jkt, now),
            other => (400, json!({ "error": "unsupported_grant_type", "error_description": other })),
        }
    }

    fn refresh(&mut self, parameters: &BTreeMap<String, String>, jkt: Option<String>, now: i64) -> (u16, Value) {
        let presented = &parameters["refresh_token"];
        let rotation = self.behaviour.rotation;
        let interval = i64::try_from(self.behaviour.reuse_interval.as_secs()).unwrap();
        let next = self.next("refresh");
        let Some(family) = self.families.iter_mut().find(|family| family.knows(presented)) else {
            return invalid_grant();
        };
        if family.jkt.is_some() && family.jkt != jkt {
            return (400, json!({ "error": "invalid_dpop_proof" }));
        }
        let usable = family.current == *presented
            || family
                .previous
                .iter()
                .any(|(previous, at)| previous == presented && now - at <= interval && interval > 0);
        if family.revoked || !usable {
            // A spent token that comes back is a stolen one, as far as anybody can tell.
            family.revoked |= !self.forgiving;
            return invalid_grant();
        }
        let user = family.user.clone();
        let nonce = family.nonce.clone();
        let refresh_token = rotation.then(|| {
            let spent = std::mem::replace(&mut family.current, next.clone());
            if spent == *presented {
                family.older.extend(family.previous.drain(..).map(|(previous, _)| previous));
            }
            family.previous.push((spent, now));
            next
        });
        let id_token = self.id_token(&user, Some(&nonce), now);
        (200, self.token_response(&id_token, refresh_token, parameters.get("scope"), jkt, now))
    }

    fn token_response(
        &mut self,
        id_token: &str,
        refresh: Option<String>,
        scope: Option<&String>,
        jkt: Option<String>,
        now: i64,
    ) -> Value {
        let access_token = self.next("access");
        let lifetime = self.behaviour.lifetime;
        let token_type = if jkt.is_some() { "DPoP" } else { "Bearer" };
        self.access_tokens.insert(access_token.clone(), (now + i64::try_from(lifetime).unwrap(), jkt));
        let scope = scope.map_or("openid profile offline_access", String::as_str);
        let mut response = json!({
            "access_token": access_token, "token_type": token_type, "expires_in": lifetime, "id_token": id_token, "scope": scope,
        });
        if let Some(refresh) = refresh {
            response["refresh_token"] = refresh.into();
        }
        merged(response, &self.behaviour.token_response)
    }

    fn id_token(&self, user: &str, nonce: Option<&str>, now: i64) -> String {
        let claims = json!({
            "iss": ISSUER, "sub": user, "aud": CLIENT_ID, "iat": now, "exp": now + 3_600, "auth_time": now, "nonce": nonce,
            "name": format!("{user} of the test"),
        });
        let (kid, key) = &self.keys[0];
        sign(kid, key, &merged(claims, &self.behaviour.id_token))
    }

    fn revoke(&mut self, parameters: &BTreeMap<String, String>) -> (u16, Value) {
        let token = &parameters["token"];
        self.families.iter_mut().filter(|family| family.knows(token)).for_each(|family| family.revoked = true);
        (200, json!({}))
    }

    fn userinfo(&self, request: &Request, jkt: Option<&String>) -> (u16, Value) {
        if self.expiry(request, jkt).is_some() {
            (200, json!({ "sub": self.user, "email": "ada@example.com" }))
        } else {
            (401, json!({}))
        }
    }

    fn api(&self, request: &Request, jkt: Option<&String>, now: i64) -> (u16, Value) {
        if self.expiry(request, jkt).is_some_and(|expires| expires > now) {
            (200, json!([{ "expense": 1 }]))
        } else {
            (401, json!({}))
        }
    }
}

impl Inner {
    /// Until when the access token is valid, when it came as its type wants it: alone, or with a proof by its key.
    fn expiry(&self, request: &Request, jkt: Option<&String>) -> Option<i64> {
        let (scheme, token) = presented(request)?;
        let (expires, bound_to) = self.access_tokens.get(token)?;
        let scheme_wanted = if bound_to.is_some() { "DPoP" } else { "Bearer" };
        (scheme == scheme_wanted && bound_to.as_ref() == jkt).then_some(*expires)
    }
}

impl Family {
    fn knows(&self, token: &str) -> bool {
        self.current == token
            || self.previous.iter().any(|(previous, _)| previous == token)
            || self.older.iter().any(|older| older == token)
    }
}

/// The scheme and the access token.
fn presented(request: &Request) -> Option<(&str, &str)> {
    assert!(matches!(request.method, Method::Get | Method::Post), "an unexpected method");
    request.headers.get("authorization")?.split_once(' ')
}

fn invalid_grant() -> (u16, Value) {
    (403, json!({ "error": "invalid_grant", "error_description": "Unknown or invalid refresh token." }))
}

/// `base` with the members of `changes`; a null removes one.
fn merged(mut base: Value, changes: &Value) -> Value {
    let members = base.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            members.remove(name)
        } else {
            members.insert(name.clone(), value.clone())
        };
    }
    members.retain(|_, value| !value.is_null());
    base
}
