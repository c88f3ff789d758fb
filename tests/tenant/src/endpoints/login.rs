//! The login page. It is one form: it works without a script.

use std::sync::Arc;

use axum::{
    Extension,
    extract::State,
    http::{HeaderValue, StatusCode, header::SET_COOKIE},
    response::Response,
};

use super::{
    authorize::{Step, after_login, finish, respond, wait_at},
    device,
};
use crate::{
    answer,
    authorization_request::AuthorizationRequest,
    pages::{self, LoginPage},
    server::{Exchange, session_cookie_name},
    shared::{self, Shared},
};

pub(super) async fn show(State(shared): State<Arc<Shared>>, Extension(exchange): Extension<Arc<Exchange>>) -> Response {
    let state = shared.state();
    let Some((transaction, request)) = waiting(&state, &exchange) else { return expired() };
    let username = request.login_hint.clone().unwrap_or_default();
    pages::response(StatusCode::OK, page(&state, &request, &transaction, &username, false))
}

pub(super) async fn submit(
    State(shared): State<Arc<Shared>>,
    Extension(exchange): Extension<Arc<Exchange>>,
) -> Response {
    let mut state = shared.state();
    let state = &mut *state;
    let Some((transaction, request)) = waiting(state, &exchange) else { return expired() };
    if exchange.body.first("action") == Some("cancel") {
        state.sessions.stop_waiting(&transaction);
        if let Some(user_code) = &request.device {
            return device::decided(state, user_code, Err(()));
        }
        let refusal = [("error", "access_denied"), ("error_description", "User cancelled the login")];
        return respond(&request.target, &exchange, &state.settings, StatusCode::SEE_OTHER, &refusal);
    }
    let username = exchange.body.first("username").unwrap_or_default().trim();
    let password = exchange.body.first("password").unwrap_or_default();
    let user =
        state.users.iter().find(|user| user.username.eq_ignore_ascii_case(username) && user.password == password);
    let Some(subject) = user.map(|user| user.subject.clone()) else {
        let page = page(state, &request, &transaction, username, true);
        return answer::noted(pages::response(StatusCode::BAD_REQUEST, page), "wrong username or password");
    };
    state.sessions.stop_waiting(&transaction);
    let cookie_name = session_cookie_name(shared.ports.tenant);
    if let Some(previous) = exchange.cookie(&cookie_name) {
        state.sessions.end(previous);
    }
    let (cookie, session) = state.sessions.begin(&subject, &mut state.random, exchange.now);
    let mut response = match after_login(state, &request, &session) {
        Step::Finish(session) => finish(state, &request, &session, &exchange, StatusCode::SEE_OTHER),
        Step::Consent | Step::LogIn => wait_at("/u/consent", state, request, &exchange, StatusCode::SEE_OTHER),
    };
    let cookie = format!("{cookie_name}={cookie}; Path=/; HttpOnly; SameSite=Lax");
    let cookie = HeaderValue::from_str(&cookie).expect("a cookie of base64url is visible ASCII");
    response.headers_mut().insert(SET_COOKIE, cookie);
    response
}

/// The request that this page belongs to, and its handle.
pub(super) fn waiting(state: &shared::State, exchange: &Exchange) -> Option<(String, AuthorizationRequest)> {
    let parameters = exchange.parameters();
    let transaction = parameters.first("transaction")?;
    let request = state.sessions.waiting(transaction, exchange.now)?;
    Some((transaction.to_owned(), request.clone()))
}

pub(super) fn expired() -> Response {
    let page = pages::problem(
        "This login is over",
        "It was finished, or left open for too long. Go back to the app and start again.",
    );
    answer::noted(pages::response(StatusCode::BAD_REQUEST, page), "no login waits under this transaction")
}

fn page(
    state: &shared::State,
    request: &AuthorizationRequest,
    transaction: &str,
    username: &str,
    failed: bool,
) -> maud::Markup {
    let client = state.client(&request.client_id);
    pages::login(&LoginPage {
        client_name: client.map_or("the app", |client| client.name.as_str()),
        organization: request.organization.as_ref().map(|organization| organization.name.as_str()),
        transaction,
        username,
        failed,
    })
}
