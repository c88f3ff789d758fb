//! `/oauth/par` (RFC 9126): an authorization request that comes from the app itself, for a reference that the browser
//! carries. It is judged as at `/authorize`, and refused in the words of the token endpoint. Bodies are forms.

use std::sync::Arc;

use axum::{Extension, extract::State, http::StatusCode, response::Response};
use serde_json::json;

use super::token::known_client;
use crate::{
    answer::{self, OAuthError},
    authorization_request::{AuthorizationRequest, Refusal},
    pushed_requests,
    request_log::BodyFormat,
    server::Exchange,
    shared::{self, Shared},
};

pub(super) async fn push(State(shared): State<Arc<Shared>>, Extension(exchange): Extension<Arc<Exchange>>) -> Response {
    let mut state = shared.state();
    match try_push(&mut state, &exchange) {
        Ok(request_uri) => answer::json(
            StatusCode::CREATED,
            &json!({ "request_uri": request_uri, "expires_in": pushed_requests::LIFETIME_SECONDS }),
        ),
        Err(error) => error.into_response(state.settings.error_style),
    }
}

fn try_push(state: &mut shared::State, exchange: &Exchange) -> Result<String, OAuthError> {
    let parameters = &exchange.body;
    if exchange.body_format != Some(BodyFormat::Form) {
        return Err(OAuthError::new("invalid_request", "The body has to be a form."));
    }
    let client_id = known_client(state, parameters)?.to_owned();
    // RFC 9126 §2.1.
    if parameters.first("request_uri").is_some() {
        return Err(OAuthError::new("invalid_request", "request_uri cannot be pushed"));
    }
    let judged = AuthorizationRequest::parse(parameters, &state.clients, &state.organizations, &state.settings);
    match judged {
        Ok(_) => Ok(state.pushed_requests.push(client_id, parameters.clone(), &mut state.random, exchange.now)),
        Err(Refusal::Page(text)) => Err(OAuthError::new("invalid_request", text)),
        Err(Refusal::Redirect(_, error, description)) => Err(OAuthError::new(error, description)),
    }
}
