//! A small authorization server and API behind the transport port: no socket, every fault on cue, every request counted.
//! It speaks the OpenID Connect dialect, and it is as strict as a real one and as nasty as the worst: a refresh token
//! works once, a revocation is of one token, and a code is for the one who has its verifier.

mod behaviour;
mod device;
mod fault;
mod id_token;
mod odd_body;
mod resources;
mod routes;
mod tokens;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hallpass_core::protocol::http::{Headers, Method, Request, Response};
use serde_json::{Value, json};
use tokio::sync::Notify;

pub(crate) use behaviour::{Behaviour, Reply, Reuse, Revocation};
pub(crate) use fault::{Fault, Target};
pub(crate) use id_token::OddIdToken;
pub(crate) use odd_body::OddBody;

use super::clock::TestClock;
use super::keys::SigningKey;
use super::proofs::{Proof, Proofs};
use fault::Refusal;
use id_token::Keys;
use resources::presented;
use tokens::{AccessToken, Code, Family};

pub(crate) const ISSUER: &str = "https://issuer.example";
pub(crate) const API: &str = "https://api.example";
pub(crate) const CLIENT_ID: &str = "client-1";
pub(crate) const REDIRECT_URI: &str = "com.example.app:/callback";

/// Clones are the same server.
#[derive(Clone)]
pub(crate) struct Server {
    clock: TestClock,
    inner: Arc<Mutex<Inner>>,
    released: Arc<Notify>,
}

struct Inner {
    behaviour: Behaviour,
    /// By endpoint: what the next requests meet, one each.
    faults: BTreeMap<&'static str, VecDeque<Fault>>,
    /// By endpoint: what all others meet.
    always: BTreeMap<&'static str, Fault>,
    refusals: Vec<Refusal>,
    requests: Vec<Seen>,
    revoked: Vec<String>,
    keys: Keys,
    is_cut_off: bool,
    /// Who signed in last: the user that the userinfo endpoint is about.
    user: String,
    codes: BTreeMap<String, Code>,
    /// By reference: the authorization requests that were pushed.
    pushed: BTreeMap<String, BTreeMap<String, String>>,
    /// By device code.
    devices: BTreeMap<String, device::Device>,
    families: Vec<Family>,
    access_tokens: BTreeMap<String, AccessToken>,
    proofs: Proofs,
    issued: u64,
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
            behaviour: Behaviour::default(),
            faults: BTreeMap::new(),
            always: BTreeMap::new(),
            refusals: Vec::new(),
            requests: Vec::new(),
            revoked: Vec::new(),
            keys: Keys::new(),
            is_cut_off: false,
            user: "ada".to_owned(),
            codes: BTreeMap::new(),
            pushed: BTreeMap::new(),
            devices: BTreeMap::new(),
            families: Vec::new(),
            access_tokens: BTreeMap::new(),
            proofs: Proofs::default(),
            issued: 0,
        };
        Self { clock: clock.clone(), inner: Arc::new(Mutex::new(inner)), released: Arc::new(Notify::new()) }
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut Behaviour)) {
        self.with(|inner| change(&mut inner.behaviour));
    }

    /// The next requests to the token endpoint meet these faults, one each.
    pub(crate) fn fail(&self, faults: impl IntoIterator<Item = Fault>) {
        self.fail_at("token", faults);
    }

    /// The next requests to `endpoint` meet these faults, one each.
    pub(crate) fn fail_at(&self, endpoint: &'static str, faults: impl IntoIterator<Item = Fault>) {
        self.with(|inner| inner.faults.entry(endpoint).or_default().extend(faults));
    }

    /// From now on each request to `endpoint` meets this fault.
    pub(crate) fn always(&self, endpoint: &'static str, fault: Fault) {
        self.with(|inner| inner.always.insert(endpoint, fault));
    }

    /// From now on the server refuses these renewals in these words.
    pub(crate) fn refuse(&self, target: Target, reply: Reply) {
        self.with(|inner| inner.refusals.push(Refusal { target, reply, left: None }));
    }

    /// The next so many of these renewals are refused in these words.
    pub(crate) fn refuse_times(&self, times: usize, target: Target, reply: Reply) {
        self.with(|inner| inner.refusals.push(Refusal { target, reply, left: Some(times) }));
    }

    /// Nothing is in the way any more: no fault, no refusal, and the network is there.
    pub(crate) fn work_again(&self) {
        self.with(|inner| {
            inner.faults.clear();
            inner.always.clear();
            inner.refusals.clear();
            inner.is_cut_off = false;
        });
    }

    /// Lets a held request or answer go on: the one that waits for the longest.
    pub(crate) fn release(&self) {
        self.released.notify_one();
    }

    /// The user agent: signs `user` in at the page `url` and returns the callback.
    pub(crate) fn sign_in(&self, url: &url::Url, user: &str) -> String {
        let mut query: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
        self.with(|inner| {
            if let Some(reference) = query.get("request_uri") {
                // Good for once (RFC 9126 §7.3).
                let pushed = inner.pushed.remove(reference).expect("a request that was pushed");
                assert_eq!(query.len(), 2, "the client and the reference alone: {query:?}");
                assert_eq!(query["client_id"], pushed["client_id"]);
                query = pushed;
            }
            user.clone_into(&mut inner.user);
            let code = inner.next("code", user);
            let login = Code {
                user: user.to_owned(),
                nonce: query["nonce"].clone(),
                challenge: query["code_challenge"].clone(),
                redirect_uri: query["redirect_uri"].clone(),
                jkt: query.get("dpop_jkt").cloned(),
            };
            inner.codes.insert(code.clone(), login);
            format!("{}?code={code}&state={}", query["redirect_uri"], query["state"])
        })
    }

    /// The user signs in on another device; returns the refresh token there.
    pub(crate) fn sign_in_elsewhere(&self, user: &str) -> String {
        let now = self.clock.unix_seconds();
        self.with(|inner| {
            let number = inner.begin_family(user.to_owned(), "elsewhere".to_owned(), None, now);
            inner.families[number].current().clone()
        })
    }

    /// Somebody else uses this refresh token; returns whether the server took it.
    pub(crate) fn redeem(&self, refresh_token: &str) -> bool {
        let now = self.clock.unix_seconds();
        self.with(|inner| inner.redeem(refresh_token, None, now).is_ok())
    }

    /// The refresh tokens that would be taken now, each the latest of its session.
    pub(crate) fn living(&self) -> Vec<String> {
        self.with(|inner| inner.families.iter().filter(|family| family.lives()).map(Family::current).cloned().collect())
    }

    /// The refresh tokens that the server was told to revoke, in order.
    pub(crate) fn revoked(&self) -> Vec<String> {
        self.with(|inner| inner.revoked.clone())
    }

    /// The administrator ends all sessions.
    pub(crate) fn revoke_everything(&self) {
        self.with(|inner| inner.families.iter_mut().for_each(|family| family.ended = true));
    }

    /// The API refuses all access tokens issued so far.
    pub(crate) fn expire_access_tokens(&self) {
        self.with(|inner| inner.access_tokens.clear());
    }

    /// Whether an API would take this access token, presented as its type wants it.
    pub(crate) fn takes(&self, access_token: &str) -> bool {
        let now = self.clock.unix_seconds();
        self.with(|inner| {
            let ahead = inner.behaviour.clock_ahead;
            inner.access_tokens.get(access_token).is_some_and(|token| token.expires > now + ahead)
        })
    }

    /// Signs with a new key from now on and forgets the old one.
    pub(crate) fn roll_key(&self) {
        self.with(|inner| inner.keys.roll(SigningKey::es256()));
    }

    /// Signs with a new key from now on, under the name of the old one, which is gone.
    pub(crate) fn replace_key(&self) {
        self.with(|inner| inner.keys.replace());
    }

    /// Signs with a new key from now on and goes on to state the name of the old one, as Ory Hydra does.
    pub(crate) fn roll_key_and_state_the_old_name(&self) {
        self.with(|inner| inner.keys.roll_and_state_the_old_name());
    }

    /// Signs with another algorithm from now on, and says so in its metadata and its key set.
    pub(crate) fn switch_algorithm(&self) {
        self.with(|inner| inner.keys.roll(SigningKey::ed_dsa()));
    }

    /// Lets ended sessions live again, and spent tokens be refused without a session being ended.
    pub(crate) fn forgive_reuse(&self) {
        self.with(|inner| {
            inner.behaviour.reuse = Reuse::Nothing;
            inner.families.iter_mut().for_each(|family| family.ended = false);
        });
    }

    /// The key set cannot be had from now on.
    pub(crate) fn refuse_keys(&self) {
        self.always("keys", Fault::RequestLost);
    }

    /// Nothing reaches the server from now on.
    pub(crate) fn cut_off(&self) {
        self.with(|inner| inner.is_cut_off = true);
    }

    /// How many faults of the token endpoint are still to come.
    pub(crate) fn faults_left(&self) -> usize {
        self.with(|inner| inner.faults.get("token").map_or(0, VecDeque::len))
    }

    /// The requests seen at `endpoint`: `token`, `keys`, `metadata`, `userinfo`, `revocation`, `par`, `device`, `api`,
    /// or `nowhere`.
    pub(crate) fn seen(&self, endpoint: &str) -> Vec<Seen> {
        self.with(|inner| inner.requests.iter().filter(|seen| seen.endpoint == endpoint).cloned().collect())
    }

    pub(crate) fn count(&self, endpoint: &str) -> usize {
        self.seen(endpoint).len()
    }

    /// The refresh tokens that came to the token endpoint, in order.
    pub(crate) fn sent_refresh_tokens(&self) -> Vec<String> {
        self.seen("token").into_iter().filter_map(|mut seen| seen.parameters.remove("refresh_token")).collect()
    }

    pub(crate) fn forget_requests(&self) {
        self.with(|inner| inner.requests.clear());
    }

    /// Every secret issued so far, to look for in what must not hold any.
    pub(crate) fn secrets(&self) -> Vec<String> {
        self.with(|inner| {
            let families = inner.families.iter().flat_map(Family::tokens);
            families.chain(inner.access_tokens.keys()).cloned().collect()
        })
    }

    /// Proofs sent to `origin` have to state this nonce from now on.
    pub(crate) fn want_nonce(&self, origin: &str, nonce: &str) {
        self.with(|inner| inner.proofs.nonces.insert(origin.to_owned(), nonce.to_owned()));
    }

    /// The proofs that were accepted, oldest first.
    pub(crate) fn proofs(&self) -> Vec<Proof> {
        self.with(|inner| inner.proofs.accepted.clone())
    }

    /// A GET of the API by a client of the app's own.
    pub(crate) fn ask(&self, url: &str, headers: Headers) -> Response {
        let url = url::Url::parse(url).unwrap();
        let (method, body) = (Method::Get, hallpass_core::protocol::http::Body::empty());
        self.act("api", &Request { method, url, headers, body, max_response_bytes: 1 << 20 }).into()
    }

    fn with<T>(&self, work: impl FnOnce(&mut Inner) -> T) -> T {
        work(&mut self.inner.lock().unwrap())
    }

    /// The server does what it is asked for.
    fn act(&self, endpoint: &'static str, request: &Request) -> Reply {
        let mut inner = self.inner.lock().unwrap();
        let now = self.clock.unix_seconds() + inner.behaviour.clock_ahead;
        let parameters = note(&mut inner, endpoint, request);
        let access_token = presented(request).map(|(_, token)| token);
        let proof = inner.proofs.check(request, access_token, now);
        let jkt = proof.as_ref().and_then(|proof| proof.as_ref().ok()).map(|proof| proof.jkt.clone());
        let mut reply = match endpoint {
            "metadata" => Reply::json(200, inner.metadata().to_string()),
            "keys" => Reply::json(200, inner.keys.key_set().to_string()),
            "nowhere" => Reply::html(404),
            "token" | "userinfo" | "api" if matches!(proof, Some(Err(_))) => {
                let error = proof.as_ref().and_then(|proof| proof.as_ref().err().copied());
                Reply::json(if endpoint == "token" { 400 } else { 401 }, json!({ "error": error }).to_string())
            }
            "token" => inner.token(&parameters, jkt, now),
            "revocation" => inner.revoke(&parameters),
            "par" => inner.push(&parameters),
            "device" => inner.device(&parameters, now),
            "userinfo" => inner.userinfo(request, jkt.as_ref(), now),
            "api" => inner.api(request, jkt.as_ref(), now),
            other => panic!("no endpoint {other}"),
        };
        let age = if endpoint == "keys" { inner.behaviour.keys_age } else { 0 };
        if let Some(ahead) = inner.behaviour.date_ahead {
            let date = u64::try_from(now + ahead).unwrap() - age;
            let date = httpdate::fmt_http_date(std::time::UNIX_EPOCH + Duration::from_secs(date));
            reply.headers.push(("Date".to_owned(), date));
        }
        if age > 0 {
            reply.headers.push(("Age".to_owned(), age.to_string()));
        }
        if let Some(nonce) = inner.proofs.nonces.get(&request.url.origin().ascii_serialization()) {
            reply.headers.push(("DPoP-Nonce".to_owned(), nonce.clone()));
        }
        if let (Some(Err(error)), 401) = (&proof, reply.status) {
            reply.headers.push(("WWW-Authenticate".to_owned(), format!("DPoP algs=\"ES256\", error=\"{error}\"")));
        }
        reply
    }
}

impl Inner {
    fn next(&mut self, kind: &str, user: &str) -> String {
        self.issued += 1;
        format!("{kind}-{user}-{}", self.issued)
    }
}

impl From<Reply> for Response {
    fn from(reply: Reply) -> Self {
        Self { status: reply.status, headers: reply.headers.into_iter().collect(), body: reply.body }
    }
}

/// Notes a request that has come, and reads its parameters.
fn note(inner: &mut Inner, endpoint: &'static str, request: &Request) -> BTreeMap<String, String> {
    let parameters: BTreeMap<String, String> =
        url::form_urlencoded::parse(request.body.as_bytes()).into_owned().collect();
    inner.requests.push(Seen { endpoint, parameters: parameters.clone() });
    parameters
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
