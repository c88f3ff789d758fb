//! What clients find out by themselves: metadata (OpenID Connect Discovery 1.0, RFC 8414) and keys (RFC 7517).

use std::sync::Arc;

use axum::{
    Extension,
    extract::State,
    http::{
        HeaderValue, StatusCode,
        header::{CACHE_CONTROL, PRAGMA},
    },
    response::Response,
};
use serde_json::{Value, json};

use crate::{answer, server::Exchange, settings::Settings, shared::Shared};

/// Both documents: each specification ignores the other's members.
pub(super) async fn metadata(
    State(shared): State<Arc<Shared>>,
    Extension(exchange): Extension<Arc<Exchange>>,
) -> Response {
    let state = shared.state();
    let document = document(&exchange.named_issuer, &exchange.issuer, &state.settings);
    cacheable(&document, &state.settings)
}

pub(super) async fn key_set(State(shared): State<Arc<Shared>>) -> Response {
    let state = shared.state();
    cacheable(&state.keys.document(state.settings.publish_previous_keys), &state.settings)
}

fn document(named_issuer: &str, issuer: &str, settings: &Settings) -> Value {
    let at = |path: &str| format!("{issuer}{path}");
    let mut scopes = vec!["openid", "profile", "email", "offline_access"];
    scopes.extend(settings.api_scopes.iter().map(String::as_str));
    let mut document = json!({
        "issuer": named_issuer,
        "authorization_endpoint": at("authorize"),
        "token_endpoint": at("oauth/token"),
        "userinfo_endpoint": at("userinfo"),
        "revocation_endpoint": at("oauth/revoke"),
        "end_session_endpoint": at("oidc/logout"),
        "pushed_authorization_request_endpoint": at("oauth/par"),
        "device_authorization_endpoint": at("oauth/device/code"),
        "require_pushed_authorization_requests": settings.require_pushed_authorization_requests,
        "jwks_uri": at(".well-known/jwks.json"),
        "scopes_supported": scopes,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported":
            ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256", "ES256"],
        "token_endpoint_auth_methods_supported": ["none"],
        "revocation_endpoint_auth_methods_supported": ["none"],
        "code_challenge_methods_supported": ["S256"],
        "claims_supported": [
            "aud", "auth_time", "email", "email_verified", "exp", "family_name", "given_name", "iat", "iss", "name",
            "nickname", "nonce", "org_id", "org_name", "sid", "sub",
        ],
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
        "authorization_response_iss_parameter_supported": settings.issuer_in_authorization_response,
    });
    if settings.dpop {
        document["dpop_signing_alg_values_supported"] = json!(["ES256"]);
    }
    document
}

fn cacheable(document: &Value, settings: &Settings) -> Response {
    let mut response = answer::json(StatusCode::OK, document);
    let lifetime = format!("public, max-age={}", settings.metadata_max_age_seconds);
    let lifetime = HeaderValue::from_str(&lifetime).expect("a number is visible ASCII");
    response.headers_mut().insert(CACHE_CONTROL, lifetime);
    response.headers_mut().remove(PRAGMA);
    response
}
