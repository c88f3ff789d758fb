//! The reference model of an authorization server: what RFC 6749 and RFC 9700 §4.14 ask of one, and nothing else.
//!
//! A login begins a *family* of refresh tokens. With rotation each use of the current token issues the next one. A spent
//! token is still good during the reuse interval, if it is the immediate predecessor of the current one; any other use
//! of it looks like theft and ends the family.

mod answer;
mod keys;
mod rules;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

pub(crate) use answer::{Answer, Issued, Oddity, http_date};
pub(crate) use rules::{RateLimit, Reuse, Revocation, Rules, Told, Words};

use crate::dice::Dice;
use crate::token::{MARK, Refresh};

pub(crate) const ISSUER: &str = "https://issuer.example";
pub(crate) const API: &str = "https://api.example";
pub(crate) const CLIENT_ID: &str = "client-1";
pub(crate) const REDIRECT_URI: &str = "com.example.app:/callback";

/// Why a family of tokens is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ended {
    /// By the server's will: revoked by an administrator, or expired.
    Willed,
    /// Revoked by the client, as part of a logout.
    ByClient,
    /// The client revoked a token of another login, and the server took all that the user had.
    Collateral,
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
    pub(crate) born: u64,
    used: u64,
    pub(crate) ended: Option<Ended>,
    /// Which login it came of.
    pub(crate) login: u64,
    /// The key that its ID tokens name.
    kid: &'static str,
    /// When the user signed in, by the server's clock, in seconds: every ID token of the session says the same
    /// (OpenID Connect Core §12.2).
    authenticated: i64,
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
    /// Nobody may use it: what it came with is about somebody else.
    pub(crate) is_withheld: bool,
}

pub(crate) struct Server {
    pub(crate) rules: Rules,
    pub(crate) families: Vec<Family>,
    pub(crate) access: BTreeMap<String, Access>,
    /// The audience that it gives nothing for.
    pub(crate) denied: Option<&'static str>,
    /// Until when every renewal is refused in words of the server's own.
    pub(crate) refuses_until: u64,
    /// Until when the API takes no token.
    pub(crate) api_refuses_until: u64,
    /// It has another signing key now.
    pub(crate) has_new_key: bool,
    /// The token endpoint is elsewhere now.
    pub(crate) has_moved: bool,
    /// Tokens that were refused and are good; each is so once.
    pub(crate) hiccuped: BTreeSet<Refresh>,
    /// Spent tokens that were refused, where that ends nothing.
    pub(crate) turned_away: BTreeSet<Refresh>,
    /// What is odd about the next answer to a renewal.
    pub(crate) next_oddity: Option<Oddity>,
    codes: BTreeMap<String, (&'static str, String, u64)>,
    issued: u64,
    /// Which window of the rate limit it is, and how many requests were made in it.
    counted: (u64, u64),
    seed: u64,
}

impl Server {
    pub(crate) fn new(rules: Rules, seed: u64) -> Self {
        Self {
            rules,
            families: Vec::new(),
            access: BTreeMap::new(),
            denied: None,
            refuses_until: 0,
            api_refuses_until: 0,
            has_new_key: false,
            has_moved: false,
            hiccuped: BTreeSet::new(),
            turned_away: BTreeSet::new(),
            next_oddity: None,
            codes: BTreeMap::new(),
            issued: 0,
            counted: (0, 0),
            seed,
        }
    }

    /// The user signs in at the page `url`, as part of the login with this number; returns where the browser goes next.
    pub(crate) fn sign_in(&mut self, url: &url::Url, user: &'static str, login: u64) -> Option<String> {
        let query: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
        self.issued += 1;
        let code = format!("code-{MARK}-{}", self.issued);
        self.codes.insert(code.clone(), (user, query.get("nonce")?.clone(), login));
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
                let Some((user, nonce, login)) = self.codes.remove(text("code")) else {
                    return answer::refusal(Words::InvalidGrant, false);
                };
                let current = Refresh { family: self.families.len(), generation: 0, serial: 0 };
                let (spent, ended) = (BTreeMap::new(), None);
                let kid = if self.has_new_key { "2" } else { "1" };
                let family = Family {
                    user,
                    nonce,
                    current,
                    spent,
                    born: now,
                    used: now,
                    ended,
                    login,
                    kid,
                    authenticated: unix,
                };
                self.families.push(family);
                self.issue(current, "", now, unix, true)
            }
            "refresh_token" => {
                let Some(presented) = Refresh::parse(text("refresh_token")) else { return self.refusal(false) };
                self.refresh(presented, text("audience"), now, unix)
            }
            _ => (400, json!({ "error": "unsupported_grant_type" })).into(),
        }
    }

    /// Whether a renewal with `token` would succeed at `now`.
    pub(crate) fn honours(&self, token: Refresh, now: u64) -> bool {
        self.families.get(token.family).is_some_and(|family| family.accepts(token, now, &self.rules))
    }

    /// Why `token` is over, as far as it is.
    pub(crate) fn ended(&self, token: Refresh) -> Option<Ended> {
        let turned_away = self.turned_away.contains(&token).then_some(Ended::Reuse(token));
        self.families.get(token.family).and_then(|family| family.ended).or(turned_away)
    }

    /// Ends the family by the server's own will.
    pub(crate) fn end(&mut self, family: usize) {
        if let Some(family) = self.families.get_mut(family) {
            family.ended.get_or_insert(Ended::Willed);
        }
    }

    pub(crate) fn revoke(&mut self, parameters: &BTreeMap<String, String>) -> Answer {
        let token = parameters.get("token").and_then(|token| Refresh::parse(token));
        if let Some(token) = token.filter(|token| token.family < self.families.len()) {
            let family = &mut self.families[token.family];
            let user = family.user;
            if self.rules.revocation != Revocation::Single || family.current == token {
                family.ended.get_or_insert(Ended::ByClient);
            }
            if self.rules.revocation == Revocation::User {
                for other in self.families.iter_mut().filter(|other| other.user == user) {
                    other.ended.get_or_insert(Ended::Collateral);
                }
            }
        }
        (200, json!({})).into()
    }

    pub(crate) fn api(&self, access_token: &str, now: u64) -> Answer {
        let valid = self.access.get(access_token).is_some_and(|access| access.expires > now);
        let valid = valid && self.api_refuses_until <= now;
        if valid { (200, json!({ "expenses": [] })).into() } else { (401, json!({})).into() }
    }

    fn refusal(&self, reused: bool) -> Answer {
        answer::refusal(self.rules.words, reused)
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
        Some(Answer { headers: vec![header], ..(429, json!({ "error": "too_many_requests" })).into() })
    }

    fn refresh(&mut self, presented: Refresh, audience: &str, now: u64, unix: i64) -> Answer {
        let rules = self.rules;
        if self.refuses_until > now {
            return (401, json!({ "error": "invalid_client" })).into();
        }
        let Some(family) = self.families.get_mut(presented.family) else { return self.refusal(false) };
        if family.is_over(now, &rules) {
            family.ended.get_or_insert(Ended::Willed);
            return self.refusal(false);
        }
        if !family.accepts(presented, now, &rules) {
            self.punish(presented);
            return self.refusal(true);
        }
        if !audience.is_empty() && self.denied == Some(audience) {
            return (400, json!({ "error": "invalid_grant", "error_description": "AADSTS65001: consent" })).into();
        }
        if Dice::of(self.seed, &[HICCUP, presented.number()]).chance(rules.hiccups) && self.hiccuped.insert(presented) {
            return (400, json!({ "error": "invalid_grant" })).into();
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

    /// A spent token came back.
    fn punish(&mut self, presented: Refresh) {
        let user = self.families[presented.family].user;
        match self.rules.reuse {
            Reuse::EndsFamily => drop(self.families[presented.family].ended.get_or_insert(Ended::Reuse(presented))),
            Reuse::EndsUser => {
                for family in self.families.iter_mut().filter(|family| family.user == user) {
                    family.ended.get_or_insert(Ended::Reuse(presented));
                }
            }
            Reuse::Refuses => drop(self.turned_away.insert(presented)),
        }
    }

    fn issue(&mut self, refresh: Refresh, audience: &str, now: u64, unix: i64, login: bool) -> Answer {
        self.issued += 1;
        let oddity = if login { None } else { self.oddity() };
        let family = &self.families[refresh.family];
        let lifetime = self.rules.lifetime;
        let access_token = format!("at-{MARK}-{}-{audience}-{}", refresh.family, self.issued);
        let mut body = json!({
            "access_token": access_token, "token_type": "Bearer", "expires_in": lifetime,
            "scope": "openid profile offline_access",
        });
        let brings_refresh = self.rules.offline_access && (self.rules.rotation || login);
        if brings_refresh {
            body["refresh_token"] = refresh.text().into();
        }
        if self.rules.id_token || login || oddity.is_some_and(Oddity::is_of_identity) {
            body["id_token"] = family.id_token(unix, self.has_new_key, oddity).into();
        }
        let is_withheld = oddity.is_some_and(Oddity::withholds) || oddity == Some(Oddity::OnlyRefreshToken);
        let expires = now + lifetime * 1_000;
        let access = Access { user: family.user, refresh, expires, delivered: None, is_withheld };
        self.access.insert(access_token.clone(), access);
        let body = oddity.map_or_else(|| body.to_string().into_bytes(), |oddity| oddity.body(body.clone()));
        let issued = Issued {
            access_token: (!is_withheld).then_some(access_token),
            refresh: brings_refresh.then_some(refresh),
            is_clear: oddity != Some(Oddity::OnlyRefreshToken),
        };
        let encoding = (oddity == Some(Oddity::Gzip)).then(|| ("Content-Encoding", "gzip".to_owned()));
        Answer { status: 200, body, headers: encoding.into_iter().collect(), issued: Some(issued), oddity }
    }

    /// What is odd about this answer.
    fn oddity(&mut self) -> Option<Oddity> {
        let mut dice = Dice::of(self.seed, &[ODD, self.issued]);
        let by_chance = (self.rules.odd > 0 && dice.chance(self.rules.odd)).then(|| dice.pick(&Oddity::ALL));
        self.next_oddity.take().or(by_chance)
    }
}

const HICCUP: u64 = 40;
const ODD: u64 = 41;

impl Family {
    /// An ID token, signed with the newest key. A login from before there was a new one goes on naming the old one, as
    /// with Ory Hydra.
    fn id_token(&self, unix: i64, has_new_key: bool, oddity: Option<Oddity>) -> String {
        let mut claims = json!({
            "iss": ISSUER, "sub": self.user, "aud": CLIENT_ID, "iat": unix, "exp": unix + 3_600,
            "auth_time": self.authenticated,
            "nonce": self.nonce,
        });
        let odd: &[(&str, Value)] = &match oddity {
            Some(Oddity::NoJwt) => return "not a JWT".to_owned(),
            Some(Oddity::Encrypted) => {
                return format!("{}.a.b.c", keys::unsigned(&json!({ "alg": "RSA-OAEP", "enc": "A256GCM" }), &claims));
            }
            Some(Oddity::OtherAlgorithm) => {
                return format!("{}.AAAA", keys::unsigned(&json!({ "alg": "HS256", "kid": self.kid }), &claims));
            }
            Some(Oddity::WrongKey) => return keys::sign(&claims, 1, "1"),
            Some(Oddity::SecondAudience) => vec![("aud", json!([CLIENT_ID, "client-2"]))],
            Some(Oddity::OddClaims) => vec![("org_id", json!(42)), ("auth_time", json!("now"))],
            Some(Oddity::OtherUser) => vec![("sub", json!("mallory"))],
            Some(Oddity::OtherIssuer) => vec![("iss", json!("https://elsewhere.example"))],
            Some(Oddity::OtherClient) => vec![("aud", json!("client-2"))],
            Some(
                Oddity::NoTokenType
                | Oddity::ByteOrderMark
                | Oddity::Gzip
                | Oddity::Latin1
                | Oddity::Doubled
                | Oddity::OnlyRefreshToken,
            )
            | None => Vec::new(),
        };
        for (name, value) in odd {
            claims[*name] = value.clone();
        }
        keys::sign(&claims, usize::from(has_new_key), self.kid)
    }

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
