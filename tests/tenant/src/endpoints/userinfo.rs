//! `/userinfo` (OpenID Connect Core §5.3).

use std::sync::Arc;

use axum::{
    Extension,
    extract::State,
    http::{HeaderValue, StatusCode, header::WWW_AUTHENTICATE},
    response::Response,
};
use serde_json::json;

use crate::{access_token::AcceptedToken, answer, server::Exchange, shared::Shared, tokens};

pub(super) async fn userinfo(
    State(shared): State<Arc<Shared>>,
    Extension(exchange): Extension<Arc<Exchange>>,
) -> Response {
    let state = shared.state();
    let audience = format!("{}userinfo", exchange.issuer);
    let Some(token) = exchange.bearer_token() else { return refuse("no bearer token") };
    let accepted = match AcceptedToken::for_userinfo(&shared, &state, token, &audience, exchange.now) {
        Ok(accepted) => accepted,
        Err(refusal) => return refuse(refusal.reason()),
    };
    let Some(user) = state.user(&accepted.subject) else { return refuse("the user is gone") };
    let mut claims = tokens::profile_claims(user, &accepted.scope);
    claims.insert("sub".to_owned(), json!(user.subject));
    answer::json(StatusCode::OK, &claims)
}

fn refuse(note: &str) -> Response {
    let mut response = answer::json(
        StatusCode::UNAUTHORIZED,
        &json!({ "error": "invalid_token", "error_description": "Unauthorized" }),
    );
    response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer error=\"invalid_token\""));
    answer::noted(response, note)
}
