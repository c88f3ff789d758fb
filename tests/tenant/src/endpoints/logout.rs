//! The end of the browser's session: Auth0's `/v2/logout`, and OpenID Connect RP-Initiated Logout 1.0. Neither touches
//! refresh tokens, which belong to the app and not to the browser.

use std::sync::Arc;

use axum::{
    Extension,
    extract::State,
    http::{HeaderValue, StatusCode, header::SET_COOKIE},
    response::Response,
};
use serde_json::{Map, Value};

use super::authorize::{session, with_query};
use crate::{
    answer, jwt, pages,
    parameters::Parameters,
    server::{Exchange, session_cookie_name},
    shared::{self, Shared},
};

/// `GET /v2/logout?client_id&returnTo[&federated]`. `federated` changes nothing: there is no provider behind this one.
pub(super) async fn auth0_logout(
    State(shared): State<Arc<Shared>>,
    Extension(exchange): Extension<Arc<Exchange>>,
) -> Response {
    let mut state = shared.state();
    let return_to = exchange.query.first("returnTo");
    let allowed = |uri: &str| match exchange.query.first("client_id") {
        Some(client_id) => state.client(client_id).is_some_and(|client| client.allows_logout_uri(uri)),
        None => state.clients.iter().any(|client| client.allows_logout_uri(uri)),
    };
    if let Some(uri) = return_to.filter(|uri| !allowed(uri)) {
        return not_allowed("returnTo", uri);
    }
    let response = match return_to {
        Some(uri) => answer::redirect(StatusCode::FOUND, uri),
        None => pages::response(StatusCode::OK, pages::logged_out()),
    };
    end(&shared, &mut state, &exchange, response)
}

/// `/oidc/logout`. Without an ID token of this browser's session the person is asked first (§2).
pub(super) async fn end_session(
    State(shared): State<Arc<Shared>>,
    Extension(exchange): Extension<Arc<Exchange>>,
) -> Response {
    let mut state = shared.state();
    let parameters = exchange.parameters();
    let hint = match parameters.first("id_token_hint") {
        None => None,
        // An expired one will do (§2); a foreign one will not.
        Some(token) => match jwt::verify(token, &state.keys, true) {
            Ok(claims) => Some(claims),
            Err(_) => return refuse("The id_token_hint is not an ID token of this tenant."),
        },
    };
    let text = |name| hint.as_ref().and_then(|claims: &Map<String, Value>| claims.get(name)).and_then(Value::as_str);
    let client_id = parameters.first("client_id");
    if let (Some(named), Some(hinted)) = (client_id, text("aud"))
        && named != hinted
    {
        return refuse("The client_id is not the one that the id_token_hint was issued to.");
    }
    let client = client_id.or(text("aud")).and_then(|id| state.client(id));
    let uri = parameters.first("post_logout_redirect_uri");
    if let Some(uri) = uri.filter(|uri| !client.is_some_and(|client| client.allows_logout_uri(uri))) {
        return not_allowed("post_logout_redirect_uri", uri);
    }
    let session = session(&shared, &state, &exchange);
    let hinted_session = session.as_ref().is_none_or(|session| text("sid") == Some(session.id.as_str()));
    let confirmed = exchange.body.first("action") == Some("log out");
    if !hinted_session && !confirmed {
        let name = session.as_ref().and_then(|session| state.user(&session.subject)).map(|user| user.name.as_str());
        return pages::response(StatusCode::OK, pages::confirm_logout(name, &kept(&parameters)));
    }
    let response = match uri {
        Some(uri) => {
            let state = parameters.first("state").map(|state| ("state", state));
            answer::redirect(StatusCode::FOUND, &with_query(uri, state.into_iter()))
        }
        None => pages::response(StatusCode::OK, pages::logged_out()),
    };
    end(&shared, &mut state, &exchange, response)
}

/// What the confirmation form sends along.
fn kept(parameters: &Parameters) -> Vec<(&str, &str)> {
    let names = ["id_token_hint", "client_id", "post_logout_redirect_uri", "state"];
    parameters.iter().filter(|(name, _)| names.contains(name)).collect()
}

fn end(shared: &Shared, state: &mut shared::State, exchange: &Exchange, mut response: Response) -> Response {
    let cookie_name = session_cookie_name(shared.ports.tenant);
    if let Some(cookie) = exchange.cookie(&cookie_name) {
        state.sessions.end(cookie);
    }
    let erased = format!("{cookie_name}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0");
    let erased = HeaderValue::from_str(&erased).expect("a cookie's name and attributes are visible ASCII");
    response.headers_mut().insert(SET_COOKIE, erased);
    response
}

fn not_allowed(parameter: &str, uri: &str) -> Response {
    refuse(&format!("The {parameter} “{uri}” is not an allowed logout URL."))
}

fn refuse(text: &str) -> Response {
    let page = pages::problem("This app asked for a logout that is not possible", text);
    answer::noted(pages::response(StatusCode::BAD_REQUEST, page), text)
}
