//! `/oauth/revoke` (RFC 7009): ends a refresh token, or its whole family. Access tokens are JWTs and live on until they expire, as
//! Auth0's do.

use std::sync::Arc;

use axum::{Extension, extract::State, http::StatusCode, response::Response};

use super::token::{known_client, required};
use crate::{
    answer::{self, OAuthError},
    server::Exchange,
    shared::{self, Shared},
};

pub(super) async fn revoke(
    State(shared): State<Arc<Shared>>,
    Extension(exchange): Extension<Arc<Exchange>>,
) -> Response {
    let mut state = shared.state();
    match try_revoke(&mut state, &exchange) {
        // An unknown token is no error: the client's wish is fulfilled (RFC 7009 §2.2).
        Ok(revoked) => {
            let note = if revoked { "it is revoked" } else { "nothing to revoke" };
            answer::noted(answer::empty(StatusCode::OK), note)
        }
        Err(error) => error.into_response(state.settings.error_style),
    }
}

fn try_revoke(state: &mut shared::State, exchange: &Exchange) -> Result<bool, OAuthError> {
    let client_id = known_client(state, &exchange.body)?;
    let token = required(&exchange.body, "token")?;
    Ok(state.grants.revoke(token, client_id, state.settings.refresh_token_revocation))
}
