//! `/oauth/token` (RFC 6749 §3.2): codes and refresh tokens become access tokens. Bodies may be forms or JSON.

use std::sync::Arc;

use axum::{Extension, extract::State, http::StatusCode, response::Response};

use crate::{
    answer::{self, OAuthError},
    devices::DeviceRefusal,
    dpop::{self, ProofRefusal},
    grants::{CodeRefusal, CodeRequest, RefreshRefusal, Renewal},
    parameters::{Parameters, Repeated},
    scope::Scope,
    server::Exchange,
    settings::DeadRefreshToken,
    shared::{self, Shared},
    tokens::{self, TokenRequest, UnsignedTokens},
};

const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

pub(super) async fn token(
    State(shared): State<Arc<Shared>>,
    Extension(exchange): Extension<Arc<Exchange>>,
) -> Response {
    let (prepared, error_style, nonce) = {
        let mut state = shared.state();
        let prepared = prepare(&mut state, &exchange);
        (prepared, state.settings.error_style, state.settings.dpop_nonce.clone())
    };
    let response = match prepared {
        Ok(unsigned) => answer::json(StatusCode::OK, &unsigned.sign()),
        Err(error) => error.into_response(error_style),
    };
    dpop::with_nonce(response, nonce.as_deref())
}

fn prepare(state: &mut shared::State, exchange: &Exchange) -> Result<UnsignedTokens, OAuthError> {
    let parameters = &exchange.body;
    let grant_type = required(parameters, "grant_type")?;
    let client_id = known_client(state, parameters)?;
    // Before anything is used up.
    let jkt = if state.settings.dpop {
        let shared::State { used_proofs, settings, .. } = state;
        used_proofs.check(&exchange.into(), None, settings.dpop_nonce.as_deref())?
    } else {
        None
    };
    let request = match grant_type {
        "authorization_code" => redeem_code(state, exchange, client_id, jkt)?,
        "refresh_token" => renew(state, exchange, client_id, jkt)?,
        DEVICE_CODE => ask_for_device(state, exchange, client_id, jkt)?,
        other => {
            return Err(OAuthError::new("unsupported_grant_type", format!("Unsupported grant type: {other}")));
        }
    };
    Ok(tokens::prepare(state, exchange, request))
}

/// The client, which is public and so proves nothing (RFC 6749 §3.2.1).
pub(super) fn known_client<'a>(state: &shared::State, parameters: &'a Parameters) -> Result<&'a str, OAuthError> {
    let client_id = required(parameters, "client_id")?;
    match state.client(client_id) {
        Some(_) => Ok(client_id),
        None => Err(OAuthError::new("invalid_client", "Unauthorized").because(format!("no client {client_id}"))),
    }
}

pub(super) fn required<'a>(parameters: &'a Parameters, name: &str) -> Result<&'a str, OAuthError> {
    optional(parameters, name)?
        .ok_or_else(|| OAuthError::new("invalid_request", format!("Missing required parameter: {name}")))
}

fn optional<'a>(parameters: &'a Parameters, name: &str) -> Result<Option<&'a str>, OAuthError> {
    parameters
        .one(name)
        .map_err(|Repeated(name)| OAuthError::new("invalid_request", format!("Repeated parameter: {name}")))
}

/// RFC 6749 §4.1.3 and RFC 7636 §4.6.
fn redeem_code(
    state: &mut shared::State,
    exchange: &Exchange,
    client_id: &str,
    jkt: Option<String>,
) -> Result<TokenRequest, OAuthError> {
    let parameters = &exchange.body;
    let code = required(parameters, "code")?;
    let redirect_uri = required(parameters, "redirect_uri")?;
    let code_verifier = required(parameters, "code_verifier")?;
    let request = CodeRequest { client_id, redirect_uri, code_verifier, jkt: jkt.as_deref() };
    let lifetime = state.settings.code_lifetime_seconds;
    let (grant_id, nonce) = state.grants.redeem_code(code, request, lifetime, exchange.now).map_err(code_error)?;
    let grant = state.grants.grant(grant_id);
    let (scope, audience) = (grant.scope.clone(), grant.audience.clone());
    let refresh_token = scope
        .contains("offline_access")
        .then(|| state.grants.begin_family(grant_id, jkt.clone(), &mut state.random, exchange.now));
    Ok(TokenRequest { grant: grant_id, scope, audience, nonce, with_id_token: true, refresh_token, jkt })
}

/// RFC 8628 §3.4.
fn ask_for_device(
    state: &mut shared::State,
    exchange: &Exchange,
    client_id: &str,
    jkt: Option<String>,
) -> Result<TokenRequest, OAuthError> {
    let device_code = required(&exchange.body, "device_code")?;
    let lifetime = state.settings.device_code_lifetime_seconds;
    let grant_id = state.devices.ask(device_code, client_id, lifetime, exchange.now).map_err(device_error)?;
    let grant = state.grants.grant(grant_id);
    let (scope, audience) = (grant.scope.clone(), grant.audience.clone());
    let refresh_token = scope
        .contains("offline_access")
        .then(|| state.grants.begin_family(grant_id, jkt.clone(), &mut state.random, exchange.now));
    // A device sends no nonce.
    Ok(TokenRequest { grant: grant_id, scope, audience, nonce: None, with_id_token: true, refresh_token, jkt })
}

/// RFC 6749 §6. `audience` may be any that the tenant knows (Auth0's multi-resource refresh tokens); `scope` may not be
/// wider than what was granted.
fn renew(
    state: &mut shared::State,
    exchange: &Exchange,
    client_id: &str,
    jkt: Option<String>,
) -> Result<TokenRequest, OAuthError> {
    let parameters = &exchange.body;
    let refresh_token = required(parameters, "refresh_token")?;
    let scope = optional(parameters, "scope")?.map(Scope::parse);
    let audience = match optional(parameters, "audience")? {
        Some(audience) => Some(audience),
        None => optional(parameters, "resource")?,
    };
    if let Some(audience) = audience.filter(|audience| !state.settings.permits_audience(audience)) {
        return Err(OAuthError::new("invalid_target", format!("Service not found: {audience}")));
    }
    // Everything that refuses the request but not the token comes before the token is used up.
    if let (Some(wanted), Some(granted)) = (&scope, state.grants.scope_of(refresh_token))
        && !granted.contains_all(wanted)
    {
        return Err(OAuthError::new("invalid_scope", "The requested scope was not granted."));
    }
    let Renewal { grant: grant_id, refresh_token } = state
        .grants
        .renew(refresh_token, client_id, jkt.as_deref(), &state.settings, &mut state.random, exchange.now)
        .map_err(|refusal| refresh_error(refusal, state.settings.dead_refresh_token))?;
    let grant = state.grants.grant(grant_id);
    Ok(TokenRequest {
        grant: grant_id,
        scope: scope.unwrap_or_else(|| grant.scope.clone()),
        audience: audience.map(str::to_owned).or_else(|| grant.audience.clone()),
        // OpenID Connect Core §12.2: a renewed ID token should not have one.
        nonce: None,
        with_id_token: state.settings.id_token_on_refresh,
        refresh_token,
        jkt,
    })
}

/// RFC 8628 §3.5.
fn device_error(refusal: DeviceRefusal) -> OAuthError {
    match refusal {
        DeviceRefusal::Unknown => OAuthError::new("invalid_grant", "Invalid or used device code"),
        DeviceRefusal::Pending => OAuthError::new("authorization_pending", "User has yet to authorize device code."),
        DeviceRefusal::SlowDown => OAuthError::new("slow_down", "You are polling faster than the specified interval."),
        DeviceRefusal::Denied => OAuthError::new("access_denied", "User denied the authorization."),
        DeviceRefusal::Expired => OAuthError::new("expired_token", "The device code has expired."),
    }
}

fn code_error(refusal: CodeRefusal) -> OAuthError {
    let (description, note) = match refusal {
        CodeRefusal::Unknown => ("Invalid authorization code", "the code is unknown"),
        CodeRefusal::Expired => ("Invalid authorization code", "the code has expired"),
        CodeRefusal::Reused => ("Invalid authorization code", "the code was used before: its tokens are revoked"),
        CodeRefusal::OtherClient => ("Invalid authorization code", "the code is another client's"),
        CodeRefusal::OtherRedirectUri => {
            ("The redirect URI is wrong.", "the redirect_uri is not that of the authorization request")
        }
        CodeRefusal::WrongVerifier => {
            ("Failed to verify code verifier", "the code_verifier does not match the code_challenge")
        }
        CodeRefusal::OtherKey => ("Invalid authorization code", "the code is bound to another key, by dpop_jkt"),
    };
    OAuthError::new("invalid_grant", description).because(note)
}

fn refresh_error(refusal: RefreshRefusal, dead: DeadRefreshToken) -> OAuthError {
    let note = match refusal {
        RefreshRefusal::Unknown => "the refresh token is unknown",
        RefreshRefusal::OtherClient => "the refresh token is another client's",
        // Not invalid_grant: the token is as good as before, for whoever has its key.
        RefreshRefusal::OtherKey => return ProofRefusal::Invalid("the refresh token is bound to another key").into(),
        RefreshRefusal::Revoked => "the family is revoked",
        RefreshRefusal::Expired => "the family has reached its absolute lifetime",
        RefreshRefusal::Idle => "the family was idle for too long",
        RefreshRefusal::Reused => "a superseded refresh token was used: the family is revoked",
    };
    OAuthError::new("invalid_grant", "Unknown or invalid refresh token.").because(note).in_words_of(dead)
}
