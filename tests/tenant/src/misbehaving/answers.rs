//! What each endpoint of an issuer answers: the right document, and then what its behaviour makes of it.

use axum::{
    body::{Body, Bytes},
    http::{
        HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    },
    response::Response,
};
use serde_json::{Map, Value, json};
use url::form_urlencoded;

use super::{
    behaviour::{Answer, PublishedKey},
    id_token::edited,
    issuer::{Issuer, Refused, proven},
    keys,
    template::{TemplateError, expand_members},
};
use crate::dpop::with_nonce;

/// A request to an issuer, with the path below it.
pub(super) struct Asked<'a> {
    pub(super) method: &'a Method,
    pub(super) path: &'a str,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a Bytes,
}

impl Issuer {
    /// Notes a request down and answers it.
    pub(super) fn answer(&mut self, asked: &Asked<'_>) -> Response {
        let answered = match (asked.method.as_str(), asked.path) {
            ("GET", ".well-known/openid-configuration") => self.discovery(),
            ("GET", "jwks") => self.key_set(),
            (_, "par") => self.par(asked),
            ("POST", "device") => self.device(asked),
            (_, "token") => self.token(asked),
            ("GET", "userinfo") => self.userinfo(asked),
            ("POST", "revoke") => self.revocation(asked),
            (method, "api") => self.api(method, asked),
            (method, path) => {
                self.saw(format!("{method} /{path}"));
                Ok(plain(StatusCode::NOT_FOUND, "there is nothing here"))
            }
        };
        answered.unwrap_or_else(|error| {
            // The test that misnames something is to find out by its list of requests.
            self.saw(error.to_string());
            plain(StatusCode::NOT_IMPLEMENTED, "the behaviour of this issuer has a mistake")
        })
    }

    fn discovery(&mut self) -> Result<Response, TemplateError> {
        self.saw("discovery");
        let answer = self.next_answer("discovery");
        let document = json!({
            "issuer": self.name(),
            "authorization_endpoint": self.url("authorize"),
            "token_endpoint": self.url("token"),
            "jwks_uri": self.url("jwks"),
            "userinfo_endpoint": self.url("userinfo"),
            "revocation_endpoint": self.url("revoke"),
            "end_session_endpoint": self.url("end_session"),
            "pushed_authorization_request_endpoint": self.url("par"),
            "device_authorization_endpoint": self.url("device"),
            "require_pushed_authorization_requests": self.behaviour.requires_par,
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported":
                ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"],
            "code_challenge_methods_supported": ["S256"],
            "dpop_signing_alg_values_supported": ["ES256"],
        });
        self.document(document, &answer)
    }

    fn par(&mut self, asked: &Asked<'_>) -> Result<Response, TemplateError> {
        match self.push(asked.method, asked.headers, asked.body) {
            Ok(reference) => {
                self.saw("par");
                let answer = self.next_answer("par");
                let answer = Answer { status: answer.status.or(Some(201)), ..answer };
                self.document(json!({ "request_uri": reference, "expires_in": 60 }), &answer)
            }
            Err(why) => {
                self.saw(format!("{} /par, refused: {why}", asked.method));
                let answer = Answer { status: Some(400), ..Answer::default() };
                self.document(json!({ "error": "invalid_request" }), &answer)
            }
        }
    }

    fn device(&mut self, asked: &Asked<'_>) -> Result<Response, TemplateError> {
        let (device_code, user_code) = self.begin_device(asked.body);
        self.saw("device");
        let answer = self.next_answer("device");
        let page = self.url("activate");
        let document = json!({
            "device_code": device_code, "user_code": user_code, "verification_uri": page,
            "verification_uri_complete": format!("{page}?user_code={user_code}"), "expires_in": 600, "interval": 1,
        });
        self.document(document, &answer)
    }

    fn key_set(&mut self) -> Result<Response, TemplateError> {
        self.saw("keys");
        let answer = self.next_answer("keys");
        let usual = || {
            ["rsa-1", "p256-1"]
                .map(|key| PublishedKey { key: key.to_owned(), set: Map::new(), remove: Vec::new() })
                .to_vec()
        };
        let published = answer.keys.clone().unwrap_or_else(usual);
        let jwks: Vec<Value> = published.iter().map(|key| self.jwk(key)).collect::<Result<_, _>>()?;
        self.document(json!({ "keys": jwks }), &answer)
    }

    fn jwk(&self, published: &PublishedKey) -> Result<Value, TemplateError> {
        let key = keys::find(&published.key).ok_or_else(|| TemplateError(published.key.clone()))?;
        let mut jwk = key.jwk(&published.key);
        if let Some(members) = jwk.as_object_mut() {
            members.extend(expand_members(&published.set, &|name| self.variable(name))?);
            members.retain(|name, _| !published.remove.contains(name));
        }
        Ok(jwk)
    }

    fn token(&mut self, asked: &Asked<'_>) -> Result<Response, TemplateError> {
        let grant = match self.grant(asked.method, asked.headers, asked.body) {
            Ok(grant) => grant,
            Err(refused) => {
                let answer = Answer { status: Some(400), ..Answer::default() };
                let error = match refused {
                    Refused::Grant => "invalid_grant",
                    Refused::Proof(refusal) => refusal.error(),
                };
                let response = self.document(json!({ "error": error }), &answer)?;
                return Ok(with_nonce(response, self.behaviour.dpop_nonce.as_deref()));
            }
        };
        let answer = self.next_answer("token");
        let (access_token, refresh_token) = self.next_tokens(&grant);
        let id_token = self.id_token(&grant, &access_token)?;
        let mut document = json!({
            "access_token": access_token, "token_type": if self.possession.is_bound() { "DPoP" } else { "Bearer" },
            "expires_in": 3600, "scope": self.scope(), "id_token": id_token,
        });
        if let Some(refresh_token) = refresh_token {
            document["refresh_token"] = refresh_token.into();
        }
        self.document(document, &answer)
    }

    fn userinfo(&mut self, asked: &Asked<'_>) -> Result<Response, TemplateError> {
        if let Some(refused) = self.refusal_of("userinfo", asked) {
            return Ok(refused);
        }
        let answer = self.next_answer("userinfo");
        self.document(json!({ "sub": "ada", "name": "Ada Lovelace" }), &answer)
    }

    fn revocation(&mut self, asked: &Asked<'_>) -> Result<Response, TemplateError> {
        let token = form_urlencoded::parse(asked.body).find(|(name, _)| name == "token").map(|(_, value)| value);
        self.saw(format!("revoke {}", token.unwrap_or_default()));
        let answer = self.next_answer("revoke");
        let mut response = self.document(json!({}), &answer)?;
        if answer.body.is_none() {
            *response.body_mut() = Body::empty();
        }
        Ok(response)
    }

    fn api(&mut self, method: &str, asked: &Asked<'_>) -> Result<Response, TemplateError> {
        if let Some(refused) = self.refusal_of(&format!("{method} api"), asked) {
            return Ok(refused);
        }
        let answer = self.next_answer("api");
        self.document(json!({ "expenses": [] }), &answer)
    }

    /// Notes a request with an access token down. One that comes without the proof that its token wants is refused with this.
    fn refusal_of(&mut self, name: &str, asked: &Asked<'_>) -> Option<Response> {
        let url = self.url(asked.path);
        let nonce = self.behaviour.dpop_nonce.as_deref();
        match self.possession.of_presented(&proven(asked.method, &url, asked.headers), nonce) {
            Ok(token) => {
                self.saw(format!("{name} {token}"));
                None
            }
            Err(refusal) => {
                let refused = with_nonce(refusal.challenge(), nonce);
                self.saw(format!("{name}, refused: {}", refusal.reason()));
                Some(refused)
            }
        }
    }

    /// `document` as an answer, with what `answer` says done to it.
    fn document(&self, document: Value, answer: &Answer) -> Result<Response, TemplateError> {
        let variable = |name: &str| self.variable(name);
        let body = match &answer.body {
            Some(body) => self.expand(body)?,
            None => edited(document, &answer.edit(), &variable)?,
        };
        let mut response = Response::new(Body::empty());
        let headers = response.headers_mut();
        let body = match answer.odd_body {
            Some(oddity) => oddity.made(body.as_bytes(), headers),
            None => body.into_bytes(),
        };
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        for (name, value) in &answer.headers {
            let value = self.expand(value)?;
            let field = HeaderName::try_from(name.as_str()).ok().zip(HeaderValue::from_str(&value).ok());
            let (field, value) = field.ok_or_else(|| TemplateError(format!("{name}: {value}")))?;
            headers.insert(field, value);
        }
        if let Some(status) = answer.status {
            *response.status_mut() = StatusCode::from_u16(status).map_err(|_| TemplateError(status.to_string()))?;
        }
        *response.body_mut() = Body::from(body);
        Ok(response)
    }
}

pub(super) fn plain(status: StatusCode, text: &'static str) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response
}
