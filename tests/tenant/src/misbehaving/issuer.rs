//! One issuer: what it has authorized, issued and seen.

use std::collections::BTreeMap;

use axum::{
    body::Bytes,
    http::{HeaderMap, Method},
};
use url::{Url, form_urlencoded};

use super::{
    authorization::{AuthorizeError, Authorized, Request},
    behaviour::{Answer, Behaviour},
    id_token::{self, Subject},
    possession::Possession,
    template::{TemplateError, expand, now},
};
use crate::{
    clock::Timestamp,
    dpop::{ProofRefusal, ProvenRequest},
    jwt,
};

const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// The state of one issuer.
pub(super) struct Issuer {
    pub(super) behaviour: Behaviour,
    /// Without a slash at its end.
    base: String,
    /// How often each endpoint was asked, by its name in the list of requests.
    asked: BTreeMap<&'static str, usize>,
    seen: Vec<String>,
    authorized: Option<Request>,
    /// The request that was pushed and not used yet, under its reference.
    pushed: Option<(String, String)>,
    pushes: usize,
    devices: usize,
    /// The code that was not used yet.
    code: Option<String>,
    codes: usize,
    access_tokens: usize,
    refresh_tokens: usize,
    auth_time: i64,
    /// The latest ID token, for templates of later answers.
    id_token: String,
    pub(super) possession: Possession,
}

/// Why a token request is refused.
pub(super) enum Refused {
    Grant,
    Proof(ProofRefusal),
}

/// A token request that is in order.
pub(super) enum Grant {
    Code,
    Device,
    Refresh,
}

impl Issuer {
    pub(super) fn new(base: String, behaviour: Behaviour) -> Self {
        Self {
            behaviour,
            base,
            asked: BTreeMap::new(),
            seen: Vec::new(),
            authorized: None,
            pushed: None,
            pushes: 0,
            devices: 0,
            code: None,
            codes: 0,
            access_tokens: 0,
            refresh_tokens: 0,
            auth_time: now(),
            id_token: String::new(),
            possession: Possession::default(),
        }
    }

    /// The issuer's name, as in `iss`.
    pub(super) fn name(&self) -> String {
        let slash = if self.behaviour.trailing_slash { "/" } else { "" };
        format!("{}{slash}", self.base)
    }

    /// The URL of a path below the issuer.
    pub(super) fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.base)
    }

    pub(super) fn seen(&self) -> &[String] {
        &self.seen
    }

    pub(super) fn saw(&mut self, request: impl Into<String>) {
        self.seen.push(request.into());
    }

    /// How often `endpoint` was asked before; from now on once more.
    pub(super) fn count(&mut self, endpoint: &'static str) -> usize {
        let asked = self.asked.entry(endpoint).or_default();
        *asked += 1;
        *asked - 1
    }

    pub(super) fn authorize(&mut self, url: &str) -> Result<Authorized, AuthorizeError> {
        let url = self.unpushed(url)?;
        let request = Request::parse(&url, &self.url("authorize"))?;
        self.codes += 1;
        let code = format!("code-{}", self.codes);
        self.code = Some(code.clone());
        self.auth_time = now();
        let authorized = Authorized {
            redirect_uri: request.redirect_uri.clone(),
            code,
            state: request.state.clone(),
            parameters: request.parameters.clone(),
        };
        self.authorized = Some(request);
        Ok(authorized)
    }

    /// The whole request, where `url` has a reference to one that was pushed, which is good for once (RFC 9126 §4, §7.3).
    fn unpushed(&mut self, url: &str) -> Result<String, AuthorizeError> {
        let parsed = Url::parse(url).map_err(|_| AuthorizeError::Elsewhere(url.to_owned()))?;
        let parameters: Vec<(String, String)> = parsed.query_pairs().into_owned().collect();
        let Some((_, reference)) = parameters.iter().find(|(name, _)| name == "request_uri") else {
            let is_refused = self.behaviour.requires_par;
            return if is_refused { Err(AuthorizeError::NotPushed) } else { Ok(url.to_owned()) };
        };
        // Anything beside the client and the reference would be taken from what the browser can change.
        let names: Vec<&str> = parameters.iter().map(|(name, _)| name.as_str()).collect();
        if names != ["client_id", "request_uri"] {
            return Err(AuthorizeError::Parameter("request_uri"));
        }
        let (_, pushed) = self
            .pushed
            .take()
            .filter(|(known, _)| known == reference)
            .ok_or(AuthorizeError::Parameter("request_uri"))?;
        Ok(format!("{}?{pushed}", self.url("authorize")))
    }

    /// Takes a request that is pushed (RFC 9126 §2.1) and returns its reference, or says what is wrong with it.
    pub(super) fn push(&mut self, method: &Method, headers: &HeaderMap, body: &Bytes) -> Result<String, String> {
        let is_form = is_form(headers);
        let form = String::from_utf8_lossy(body).into_owned();
        if method != Method::POST || !is_form {
            return Err("not a POST of a form".to_owned());
        }
        Request::parse(&format!("{}?{form}", self.url("authorize")), &self.url("authorize"))
            .map_err(|error| error.to_string())?;
        self.pushes += 1;
        let reference = format!("urn:ietf:params:oauth:request_uri:{}", self.pushes);
        self.pushed = Some((reference.clone(), form));
        Ok(reference)
    }

    /// Gives out a device code and a user code (RFC 8628 §3.2), for a user who approves at once.
    pub(super) fn begin_device(&mut self, body: &Bytes) -> (String, String) {
        let parameters: BTreeMap<String, String> = form_urlencoded::parse(body).into_owned().collect();
        self.authorized = Some(Request::of_device(parameters));
        self.auth_time = now();
        self.devices += 1;
        (format!("dc-{}", self.devices), format!("UC-{}", self.devices))
    }

    /// Judges a token request as RFC 6749 §4.1.3 and §6, RFC 7636 §4.6 and RFC 9449 §5 have it, and notes it down.
    pub(super) fn grant(&mut self, method: &Method, headers: &HeaderMap, body: &Bytes) -> Result<Grant, Refused> {
        let form: BTreeMap<String, String> = form_urlencoded::parse(body).into_owned().collect();
        let is_form = is_form(headers);
        let parameter = |name: &str| form.get(name).map(String::as_str);
        let refused = match &self.authorized {
            _ if method != Method::POST => Some("not a POST"),
            _ if !is_form => Some("not a form"),
            None => Some("nobody authorized it"),
            Some(request) if parameter("client_id") != Some(request.client_id.as_str()) => Some("client_id"),
            Some(request) if parameter("grant_type") == Some("authorization_code") => {
                let challenge = parameter("code_verifier").map(jwt::code_challenge);
                if parameter("code").is_none() || parameter("code") != self.code.as_deref() {
                    Some("code")
                } else if challenge.as_deref() != Some(request.code_challenge.as_str()) {
                    Some("code_verifier")
                } else if parameter("redirect_uri") != Some(request.redirect_uri.as_str()) {
                    Some("redirect_uri")
                } else {
                    None
                }
            }
            Some(_) if parameter("grant_type") == Some(DEVICE_CODE) => {
                let is_known = parameter("device_code") == Some(format!("dc-{}", self.devices).as_str());
                if is_known && self.devices > 0 { None } else { Some("device_code") }
            }
            Some(_) if parameter("grant_type") == Some("refresh_token") => {
                let presented = parameter("refresh_token");
                let is = |number: usize| presented == Some(format!("rt-{number}").as_str());
                let is_forgiven = self.behaviour.forgives_reuse && is(self.refresh_tokens.saturating_sub(1));
                let is_spent = self.behaviour.rotation && !is(self.refresh_tokens) && !is_forgiven;
                if parameter("refresh_token").is_none() || is_spent { Some("refresh_token") } else { None }
            }
            Some(_) => Some("grant_type"),
        };
        if let Some(why) = refused {
            self.saw(format!("{method} /token, refused: {why}"));
            return Err(Refused::Grant);
        }
        let grant = match (parameter("refresh_token"), parameter("device_code")) {
            (Some(_), _) => Grant::Refresh,
            (None, Some(_)) => Grant::Device,
            (None, None) => Grant::Code,
        };
        let url = self.url("token");
        let request = proven(method, &url, headers);
        let asked_for = self.authorized.as_ref().and_then(|request| request.parameters.get("dpop_jkt"));
        let nonce = self.behaviour.dpop_nonce.as_deref();
        let proved = match self.possession.of_token_request(&request, &grant, asked_for.map(String::as_str), nonce) {
            Ok(is_proved) => {
                if is_proved {
                    ", proved"
                } else {
                    ""
                }
            }
            Err(refusal) => {
                self.saw(format!("{method} /token, refused: {}", refusal.reason()));
                return Err(Refused::Proof(refusal));
            }
        };
        match (parameter("refresh_token"), parameter("device_code")) {
            (Some(token), _) => self.saw(format!("refresh {token}{proved}")),
            (None, Some(code)) => self.saw(format!("ask {code}{proved}")),
            (None, None) => {
                self.code = None;
                self.saw(format!("code{proved}"));
            }
        }
        Ok(grant)
    }

    /// The next access token, and for a code (or with rotation) the next refresh token.
    pub(super) fn next_tokens(&mut self, grant: &Grant) -> (String, Option<String>) {
        self.access_tokens += 1;
        let brings_refresh_token = match grant {
            Grant::Code | Grant::Device => true,
            Grant::Refresh => self.behaviour.rotation,
        };
        self.refresh_tokens += usize::from(brings_refresh_token);
        let refresh_token = brings_refresh_token.then(|| format!("rt-{}", self.refresh_tokens));
        (format!("at-{}", self.access_tokens), refresh_token)
    }

    /// The ID token of an answer with `access_token`.
    pub(super) fn id_token(&mut self, grant: &Grant, access_token: &str) -> Result<String, TemplateError> {
        let time = self.count("id_token");
        let deviation = self.behaviour.id_token.at(time).clone();
        let issuer = self.name();
        let request = self.authorized.as_ref();
        let subject = Subject {
            issuer: &issuer,
            client_id: request.map_or("", |request| &request.client_id),
            nonce: request.map(|request| request.nonce.as_str()).filter(|_| matches!(grant, Grant::Code)),
            auth_time: self.auth_time,
            access_token,
        };
        let token = id_token::make(&deviation, &subject, &|name| self.variable(name))?;
        self.id_token.clone_from(&token);
        Ok(token)
    }

    /// The scope that was asked for.
    pub(super) fn scope(&self) -> &str {
        self.authorized.as_ref().map_or("openid", |request| &request.scope)
    }

    /// What a name in a template stands for.
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        let of_request = |read: fn(&Request) -> &String| self.authorized.as_ref().map(|request| read(request).clone());
        match name {
            "issuer" => Some(self.name()),
            "base" => Some(self.base.clone()),
            "origin" => self.base.rsplit_once('/').map(|(origin, _)| origin.to_owned()),
            "code" => Some(format!("code-{}", self.codes)),
            "access_token" => Some(format!("at-{}", self.access_tokens)),
            "id_token" => Some(self.id_token.clone()),
            "client_id" => of_request(|request| &request.client_id),
            "nonce" => of_request(|request| &request.nonce),
            "state" => of_request(|request| &request.state),
            "redirect_uri" => of_request(|request| &request.redirect_uri),
            _ => None,
        }
    }

    pub(super) fn expand(&self, text: &str) -> Result<String, TemplateError> {
        expand(text, &|name| self.variable(name))
    }

    /// The deviation of an endpoint's next answer.
    pub(super) fn next_answer(&mut self, endpoint: &'static str) -> Answer {
        let time = self.count(endpoint);
        let behaviour = &self.behaviour;
        let sequence = match endpoint {
            "discovery" => &behaviour.discovery,
            "keys" => &behaviour.key_set,
            "par" => &behaviour.par,
            "device" => &behaviour.device,
            "token" => &behaviour.token,
            "userinfo" => &behaviour.userinfo,
            "revoke" => &behaviour.revocation,
            _ => &behaviour.api,
        };
        sequence.at(time).clone()
    }
}

fn is_form(headers: &HeaderMap) -> bool {
    let content_type = headers.get("content-type");
    content_type.is_some_and(|value| value.as_bytes().starts_with(b"application/x-www-form-urlencoded"))
}

/// A request whose proof is judged now.
pub(super) fn proven<'a>(method: &'a Method, url: &'a str, headers: &'a HeaderMap) -> ProvenRequest<'a> {
    ProvenRequest {
        method: method.as_str(),
        url,
        headers,
        now: Timestamp::from_milliseconds(now().saturating_mul(1_000)),
    }
}
