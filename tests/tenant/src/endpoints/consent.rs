//! The consent page: what the app wants, yes or no.

use std::sync::Arc;

use axum::{Extension, extract::State, http::StatusCode, response::Response};

use super::{
    authorize::{finish, respond, session},
    device,
    login::{expired, waiting},
};
use crate::{pages, server::Exchange, shared::Shared};

pub(super) async fn show(State(shared): State<Arc<Shared>>, Extension(exchange): Extension<Arc<Exchange>>) -> Response {
    let state = shared.state();
    let Some((transaction, request)) = waiting(&state, &exchange) else { return expired() };
    let Some(session) = session(&shared, &state, &exchange) else { return expired() };
    let client = state.client(&request.client_id);
    let user = state.user(&session.subject);
    let page = pages::consent(&pages::ConsentPage {
        client_name: client.map_or("The app", |client| client.name.as_str()),
        user_name: user.map_or("", |user| user.name.as_str()),
        username: user.map_or("", |user| user.username.as_str()),
        audience: request.audience.as_deref(),
        scopes: request.scope.iter().collect(),
        transaction: &transaction,
    });
    pages::response(StatusCode::OK, page)
}

pub(super) async fn submit(
    State(shared): State<Arc<Shared>>,
    Extension(exchange): Extension<Arc<Exchange>>,
) -> Response {
    let mut state = shared.state();
    let state = &mut *state;
    let Some((transaction, request)) = waiting(state, &exchange) else { return expired() };
    let Some(session) = session(&shared, state, &exchange) else { return expired() };
    state.sessions.stop_waiting(&transaction);
    if exchange.body.first("action") == Some("accept") {
        state.sessions.remember_consent(&session.subject, &request);
        finish(state, &request, &session, &exchange, StatusCode::SEE_OTHER)
    } else if let Some(user_code) = &request.device {
        device::decided(state, user_code, Err(()))
    } else {
        let refusal = [("error", "access_denied"), ("error_description", "User did not consent")];
        respond(&request.target, &exchange, &state.settings, StatusCode::SEE_OTHER, &refusal)
    }
}
