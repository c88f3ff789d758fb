//! What the server tells without a grant: its metadata, and what it and its API tell to the one who has an access token.

use std::collections::BTreeMap;

use hallpass_core::protocol::http::{Method, Request};
use serde_json::{Value, json};

use super::behaviour::Reply;
use super::tokens::AccessToken;
use super::{CLIENT_ID, ISSUER, Inner, merged};

impl Inner {
    pub(super) fn metadata(&self) -> Value {
        let metadata = json!({
            "issuer": ISSUER,
            "authorization_endpoint": format!("{ISSUER}/authorize"),
            "token_endpoint": format!("{ISSUER}{}", self.behaviour.token_path),
            "jwks_uri": format!("{ISSUER}{}", self.behaviour.keys_path),
            "userinfo_endpoint": format!("{ISSUER}/userinfo"),
            "revocation_endpoint": format!("{ISSUER}/revoke"),
            "end_session_endpoint": format!("{ISSUER}/logout"),
            "pushed_authorization_request_endpoint": format!("{ISSUER}/par"),
            "device_authorization_endpoint": format!("{ISSUER}/device"),
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": self.keys.algorithms(),
            "code_challenge_methods_supported": ["S256"],
        });
        merged(metadata, &self.behaviour.metadata)
    }

    /// Takes a pushed authorization request (RFC 9126 §2.1) and returns its reference.
    pub(super) fn push(&mut self, parameters: &BTreeMap<String, String>) -> Reply {
        assert_eq!(parameters["client_id"], CLIENT_ID);
        assert!(!parameters.contains_key("request_uri"), "RFC 9126 §2.1 forbids it");
        let reference = self.next("urn:ietf:params:oauth:request_uri:", "x");
        self.pushed.insert(reference.clone(), parameters.clone());
        Reply::json(201, json!({ "request_uri": reference, "expires_in": 60 }).to_string())
    }

    pub(super) fn userinfo(&self, request: &Request, jkt: Option<&String>, now: i64) -> Reply {
        if self.expiry(request, jkt).is_some_and(|expires| expires > now) {
            Reply::json(200, json!({ "sub": self.user, "email": "ada@example.com" }).to_string())
        } else {
            Reply::json(401, "{}")
        }
    }

    pub(super) fn api(&self, request: &Request, jkt: Option<&String>, now: i64) -> Reply {
        if self.expiry(request, jkt).is_some_and(|expires| expires > now) {
            Reply::json(200, json!([{ "expense": 1 }]).to_string())
        } else {
            Reply::json(401, "{}")
        }
    }

    /// Until when the access token is valid, when it came as its type wants it: alone, or with a proof by its key.
    fn expiry(&self, request: &Request, jkt: Option<&String>) -> Option<i64> {
        let (scheme, token) = presented(request)?;
        let AccessToken { expires, jkt: bound_to } = self.access_tokens.get(token)?;
        let scheme_wanted = if bound_to.is_some() { "DPoP" } else { "Bearer" };
        (scheme == scheme_wanted && bound_to.as_ref() == jkt).then_some(*expires)
    }
}

/// The scheme and the access token.
pub(super) fn presented(request: &Request) -> Option<(&str, &str)> {
    assert!(matches!(request.method, Method::Get | Method::Post), "an unexpected method");
    let mut fields = request.headers.get_all("authorization");
    let field = fields.next()?;
    assert!(fields.next().is_none(), "two authorizations on one request");
    field.split_once(' ')
}
