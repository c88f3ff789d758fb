//! The device authorization grant (RFC 8628): `/oauth/device/code` for the device, and `/activate` for the person, who enters
//! the code, logs in and confirms.

use std::sync::Arc;

use axum::{Extension, extract::State, http::StatusCode, response::Response};
use serde_json::json;

use super::{
    authorize::{Step, finish, next_step, session, wait_at},
    token::known_client,
};
use crate::{
    answer::{self, OAuthError},
    authorization_request::{AuthorizationRequest, Refusal},
    grants::GrantId,
    pages,
    server::Exchange,
    shared::{self, Shared},
};

/// Gives out a device code and a user code (§3.2).
pub(super) async fn authorize_device(
    State(shared): State<Arc<Shared>>,
    Extension(exchange): Extension<Arc<Exchange>>,
) -> Response {
    let mut state = shared.state();
    let state = &mut *state;
    let request = match device_request(state, &exchange) {
        Ok(request) => request,
        Err(error) => return error.into_response(state.settings.error_style),
    };
    let (interval, lifetime) = (state.settings.device_interval_seconds, state.settings.device_code_lifetime_seconds);
    let (device_code, user_code) = state.devices.begin(request, interval, &mut state.random, exchange.now);
    let page = format!("{}activate", exchange.issuer);
    answer::json(
        StatusCode::OK,
        &json!({
            "device_code": device_code, "user_code": user_code, "verification_uri": page,
            "verification_uri_complete": format!("{page}?user_code={user_code}"),
            "expires_in": lifetime, "interval": interval,
        }),
    )
}

fn device_request(state: &shared::State, exchange: &Exchange) -> Result<AuthorizationRequest, OAuthError> {
    let client_id = known_client(state, &exchange.body)?;
    let client = state.client(client_id).expect("a client that is known");
    let judged =
        AuthorizationRequest::of_device(&exchange.body, client, &state.clients, &state.organizations, &state.settings);
    judged.map_err(|refusal| match refusal {
        Refusal::Page(text) => OAuthError::new("invalid_request", text),
        Refusal::Redirect(_, error, description) => OAuthError::new(error, description),
    })
}

/// The page on which a code is entered, with the code in it when the address has it.
pub(super) async fn show(State(shared): State<Arc<Shared>>, Extension(exchange): Extension<Arc<Exchange>>) -> Response {
    let state = shared.state();
    let typed = exchange.query.first("user_code").unwrap_or_default();
    let request = state.devices.waiting(typed, state.settings.device_code_lifetime_seconds, exchange.now);
    let client = request.and_then(|request| state.client(&request.client_id)).map(|client| client.name.as_str());
    pages::response(StatusCode::OK, pages::activate(typed, client, false))
}

/// Takes the code and goes on to the login.
pub(super) async fn submit(
    State(shared): State<Arc<Shared>>,
    Extension(exchange): Extension<Arc<Exchange>>,
) -> Response {
    let mut state = shared.state();
    let state = &mut *state;
    let typed = exchange.body.first("user_code").unwrap_or_default().to_owned();
    let lifetime = state.settings.device_code_lifetime_seconds;
    let Some(request) = state.devices.waiting(&typed, lifetime, exchange.now).cloned() else {
        let page = pages::response(StatusCode::BAD_REQUEST, pages::activate(&typed, None, true));
        return answer::noted(page, "no device waits under this code");
    };
    let session = session(&shared, state, &exchange);
    match next_step(state, &request, session.as_ref(), exchange.now) {
        Step::LogIn => wait_at("/u/login", state, request, &exchange, StatusCode::SEE_OTHER),
        Step::Consent => wait_at("/u/consent", state, request, &exchange, StatusCode::SEE_OTHER),
        Step::Finish(session) => finish(state, &request, &session, &exchange, StatusCode::SEE_OTHER),
    }
}

/// The person has decided: tells the device, and the person to go back to it.
pub(super) fn decided(state: &mut shared::State, user_code: &str, answer: Result<GrantId, ()>) -> Response {
    let approved = answer.is_ok();
    state.devices.answer(user_code, answer);
    pages::response(StatusCode::OK, pages::activated(approved))
}
