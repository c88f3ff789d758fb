//! `/userinfo` (OpenID Connect Core §5.3).

use std::sync::Arc;

use axum::{
    Extension,
    extract::State,
    http::{HeaderValue, StatusCode, header::WWW_AUTHENTICATE},
    response::Response,
};
use serde_json::json;

use crate::{
    access_token::AcceptedToken,
    answer, dpop,
    server::Exchange,
    shared::{self, Shared},
    tokens,
};

pub(super) async fn userinfo(
    State(shared): State<Arc<Shared>>,
    Extension(exchange): Extension<Arc<Exchange>>,
) -> Response {
    let mut state = shared.state();
    let response = claims(&shared, &mut state, &exchange);
    dpop::with_nonce(response, state.settings.dpop_nonce.as_deref())
}

fn claims(shared: &Shared, state: &mut shared::State, exchange: &Exchange) -> Response {
    let audience = format!("{}userinfo", exchange.issuer);
    let Some(presented) = exchange.access_token() else { return refuse("no access token") };
    let accepted = match AcceptedToken::for_userinfo(shared, state, presented.token, &audience, exchange.now) {
        Ok(accepted) => accepted,
        Err(refusal) => return refuse(refusal.reason()),
    };
    let nonce = state.settings.dpop_nonce.as_deref();
    if let Err(refusal) = state.used_proofs.check_presented(exchange, &presented, accepted.jkt.as_deref(), nonce) {
        return refusal.challenge();
    }
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
