//! The reference model of an authorization server: what RFC 6749 and RFC 9700 §4.14 ask of one, and nothing else.
//!
//! A login begins a *family* of refresh tokens. With rotation each use of the current token issues the next one. A spent
//! token is still good during the reuse interval, if it is the immediate predecessor of the current one; any other use
//! of it looks like theft and ends the family.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::{Duration, UNIX_EPOCH};

use base64ct::{Base64UrlUnpadded, Encoding};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};

use crate::token::{MARK, Refresh};

pub(crate) const ISSUER: &str = "https://issuer.example";
pub(crate) const API: &str = "https://api.example";
pub(crate) const CLIENT_ID: &str = "client-1";
pub(crate) const REDIRECT_URI: &str = "com.example.app:/callback";

/// How one server is set up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    pub(crate) rotation: bool,
    /// For how long a spent token still works, in milliseconds.
    pub(crate) reuse_interval: u64,
    /// How long an access token lives, in seconds.
    pub(crate) lifetime: u64,
    /// Whether a renewal brings an ID token.
    pub(crate) id_token: bool,
    /// For how long after its login a refresh token works at most, in milliseconds.
    pub(crate) absolute_lifetime: Option<u64>,
    /// For how long it works without being used, in milliseconds.
    pub(crate) idle_lifetime: Option<u64>,
    pub(crate) rate_limit: Option<RateLimit>,
}

/// How often the token endpoint may be asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RateLimit {
    pub(crate) requests: u64,
    /// Counted in windows of this length, in milliseconds.
    pub(crate) window: u64,
    pub(crate) told: Told,
}

/// In which words a server says when to come back (RFC 9110 §10.2.3, and a custom of many servers).
#[derive(Debug, Clone, Copy)]
pub(crate) enum Told {
    Seconds,
    Date,
    Reset,
}

impl Rules {
    /// A server without rotation, limits and ends.
    pub(crate) const PLAIN: Self = Self {
        rotation: false,
        reuse_interval: 0,
        lifetime: 3_600,
        id_token: false,
        absolute_lifetime: None,
        idle_lifetime: None,
        rate_limit: None,
    };
}

/// Why a family of tokens is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ended {
    /// By the server's will: revoked by an administrator, or expired.
    Willed,
    /// Revoked by the client, as part of a logout.
    ByClient,
    /// A spent token came back.
    Reuse(Refresh),
}

#[derive(Debug)]
pub(crate) struct Family {
    pub(crate) user: &'static str,
    nonce: String,
    pub(crate) current: Refresh,
    /// When each spent token was first used.
    spent: BTreeMap<Refresh, u64>,
    born: u64,
    used: u64,
    pub(crate) ended: Option<Ended>,
}

/// An access token and what it came with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Access {
    pub(crate) user: &'static str,
    /// The refresh token of the same answer, or the one that goes on.
    pub(crate) refresh: Refresh,
    pub(crate) expires: u64,
    /// When the answer reached the device.
    pub(crate) delivered: Option<u64>,
}

pub(crate) struct Server {
    pub(crate) rules: Rules,
    pub(crate) families: Vec<Family>,
    pub(crate) access: BTreeMap<String, Access>,
    codes: BTreeMap<String, (&'static str, String)>,
    issued: u64,
    /// Which window of the rate limit it is, and how many requests were made in it.
    counted: (u64, u64),
}

/// An answer: a status, a JSON body and, when there is something to say in one, a header field.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
    pub(crate) header: Option<(&'static str, String)>,
}

impl From<(u16, Value)> for Answer {
    fn from((status, body): (u16, Value)) -> Self {
        Self { status, body, header: None }
    }
}

impl Server {
    pub(crate) fn new(rules: Rules) -> Self {
        Self {
            rules,
            families: Vec::new(),
            access: BTreeMap::new(),
            codes: BTreeMap::new(),
            issued: 0,
            counted: (0, 0),
        }
    }

    /// The user signs in at the page `url`; returns where the browser goes next.
    pub(crate) fn sign_in(&mut self, url: &url::Url, user: &'static str) -> Option<String> {
        let query: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
        self.issued += 1;
        let code = format!("code-{MARK}-{}", self.issued);
        self.codes.insert(code.clone(), (user, query.get("nonce")?.clone()));
        Some(format!("{}?code={code}&state={}", query.get("redirect_uri")?, query.get("state")?))
    }

    /// The token endpoint at `now` (milliseconds of true time); `unix` is the server's own clock in seconds.
    pub(crate) fn token(&mut self, parameters: &BTreeMap<String, String>, now: u64, unix: i64) -> Answer {
        if let Some(refusal) = self.limit(now, unix) {
            return refusal;
        }
        let text = |name: &str| parameters.get(name).map(String::as_str).unwrap_or_default();
        match text("grant_type") {
            "authorization_code" => {
                let Some((user, nonce)) = self.codes.remove(text("code")) else { return invalid_grant() };
                let current = Refresh { family: self.families.len(), generation: 0, serial: 0 };
                let (spent, ended) = (BTreeMap::new(), None);
                self.families.push(Family { user, nonce, current, spent, born: now, used: now, ended });
                self.issue(current, "", now, unix, true)
            }
            "refresh_token" => {
                let Some(presented) = Refresh::parse(text("refresh_token")) else { return invalid_grant() };
                self.refresh(presented, text("audience"), now, unix)
            }
            _ => (400, json!({ "error": "unsupported_grant_type" })).into(),
        }
    }

    /// Whether a renewal with `token` would succeed at `now`.
    pub(crate) fn honours(&self, token: Refresh, now: u64) -> bool {
        self.families.get(token.family).is_some_and(|family| family.accepts(token, now, &self.rules))
    }

    /// Ends the family by the server's own will.
    pub(crate) fn end(&mut self, family: usize) {
        if let Some(family) = self.families.get_mut(family) {
            family.ended.get_or_insert(Ended::Willed);
        }
    }

    pub(crate) fn revoke(&mut self, parameters: &BTreeMap<String, String>) -> Answer {
        let token = parameters.get("token").and_then(|token| Refresh::parse(token));
        if let Some(family) = token.and_then(|token| self.families.get_mut(token.family)) {
            family.ended.get_or_insert(Ended::ByClient);
        }
        (200, json!({})).into()
    }

    pub(crate) fn api(&self, access_token: &str, now: u64) -> Answer {
        let valid = self.access.get(access_token).is_some_and(|access| access.expires > now);
        if valid { (200, json!({ "expenses": [] })).into() } else { (401, json!({})).into() }
    }

    /// Counts a request to the token endpoint; 429 when there were too many.
    fn limit(&mut self, now: u64, unix: i64) -> Option<Answer> {
        let RateLimit { requests, window, told } = self.rules.rate_limit?;
        let (present, before) = (now / window, self.counted);
        self.counted = if before.0 == present { (present, before.1 + 1) } else { (present, 1) };
        if self.counted.1 <= requests {
            return None;
        }
        let left = ((present + 1) * window - now).div_ceil(1_000);
        let reset = unix + i64::try_from(left).unwrap_or_default();
        let header = match told {
            Told::Seconds => ("Retry-After", left.to_string()),
            Told::Date => ("Retry-After", http_date(reset)),
            Told::Reset => ("x-ratelimit-reset", reset.to_string()),
        };
        Some(Answer { header: Some(header), ..(429, json!({ "error": "too_many_requests" })).into() })
    }

    fn refresh(&mut self, presented: Refresh, audience: &str, now: u64, unix: i64) -> Answer {
        let rules = self.rules;
        let Some(family) = self.families.get_mut(presented.family) else { return invalid_grant() };
        if family.is_over(now, &rules) {
            family.ended.get_or_insert(Ended::Willed);
            return invalid_grant();
        }
        if !family.accepts(presented, now, &rules) {
            family.ended.get_or_insert(Ended::Reuse(presented));
            return invalid_grant();
        }
        family.used = now;
        if rules.rotation {
            let serial = if family.current.generation == presented.generation { 0 } else { family.current.serial + 1 };
            let next = Refresh { generation: presented.generation + 1, serial, ..presented };
            family.spent.entry(presented).or_insert(now);
            let replaced = std::mem::replace(&mut family.current, next);
            family.spent.entry(replaced).or_insert(now);
        }
        let current = family.current;
        self.issue(current, audience, now, unix, false)
    }

    fn issue(&mut self, refresh: Refresh, audience: &str, now: u64, unix: i64, login: bool) -> Answer {
        self.issued += 1;
        let (user, nonce) = {
            let family = &self.families[refresh.family];
            (family.user, family.nonce.clone())
        };
        let lifetime = self.rules.lifetime;
        let access_token = format!("at-{MARK}-{}-{audience}-{}", refresh.family, self.issued);
        let access = Access { user, refresh, expires: now + lifetime * 1_000, delivered: None };
        self.access.insert(access_token.clone(), access);
        let mut answer = json!({
            "access_token": access_token, "token_type": "Bearer", "expires_in": lifetime,
            "scope": "openid profile offline_access",
        });
        if self.rules.rotation || login {
            answer["refresh_token"] = refresh.text().into();
        }
        if self.rules.id_token || login {
            answer["id_token"] = sign(&json!({
                "iss": ISSUER, "sub": user, "aud": CLIENT_ID, "iat": unix, "exp": unix + 3_600, "auth_time": unix,
                "nonce": nonce,
            }))
            .into();
        }
        (200, answer).into()
    }
}

impl Family {
    /// When `token` was first used, if it was.
    pub(crate) fn spent(&self, token: Refresh) -> Option<u64> {
        self.spent.get(&token).copied()
    }

    fn accepts(&self, token: Refresh, now: u64, rules: &Rules) -> bool {
        let in_time = || self.spent.get(&token).is_some_and(|spent| now - spent < rules.reuse_interval);
        // The immediate predecessor, or a sibling of the current one that another answer replaced.
        let near = || token.generation + 1 >= self.current.generation;
        !self.is_over(now, rules) && (token == self.current || near() && in_time())
    }

    /// Whether it was ended, or has lived out its time.
    fn is_over(&self, now: u64, rules: &Rules) -> bool {
        let past = |since: u64, lifetime: Option<u64>| lifetime.is_some_and(|lifetime| now - since >= lifetime);
        self.ended.is_some() || past(self.born, rules.absolute_lifetime) || past(self.used, rules.idle_lifetime)
    }
}

pub(crate) fn metadata() -> Value {
    json!({
        "issuer": ISSUER,
        "authorization_endpoint": format!("{ISSUER}/authorize"),
        "token_endpoint": format!("{ISSUER}/token"),
        "jwks_uri": format!("{ISSUER}/keys"),
        "revocation_endpoint": format!("{ISSUER}/revoke"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "code_challenge_methods_supported": ["S256"],
    })
}

pub(crate) fn keys() -> Value {
    let point = KEY.public_key().as_ref();
    let (x, y) = (base64(&point[1..33]), base64(&point[33..]));
    json!({ "keys": [{ "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": "1", "x": x, "y": y }] })
}

/// The key differs from run to run; nothing that is compared between runs shows it.
static KEY: LazyLock<EcdsaKeyPair> = LazyLock::new(|| {
    let random = SystemRandom::new();
    let document =
        EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).expect("there is randomness");
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random).expect("made just now")
});

fn sign(claims: &Value) -> String {
    let header = json!({ "alg": "ES256", "kid": "1", "typ": "JWT" });
    let signed = format!("{}.{}", base64(header.to_string().as_bytes()), base64(claims.to_string().as_bytes()));
    let signature = KEY.sign(&SystemRandom::new(), signed.as_bytes()).expect("there is randomness");
    format!("{signed}.{}", base64(signature.as_ref()))
}

fn base64(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}

fn invalid_grant() -> Answer {
    (403, json!({ "error": "invalid_grant" })).into()
}

/// Seconds since the epoch as RFC 9110 §5.6.7 writes them.
pub(crate) fn http_date(unix: i64) -> String {
    let since_epoch = Duration::from_secs(u64::try_from(unix).unwrap_or_default());
    httpdate::fmt_http_date(UNIX_EPOCH + since_epoch)
}
