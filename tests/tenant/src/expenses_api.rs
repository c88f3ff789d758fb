//! The expenses API: what an access token is for. It answers any path, as the exercise's does at `/`.

use std::sync::Arc;

use axum::{
    Extension, Router,
    extract::State,
    http::{HeaderName, HeaderValue, StatusCode},
    response::Response,
    routing::get,
};
use serde::Serialize;
use serde_json::json;

use crate::{
    access_token::AcceptedToken,
    answer, dpop,
    server::Exchange,
    settings::ChallengeHeader,
    shared::{self, Shared},
};

const REQUIRED_SCOPE: &str = "read:reports";

pub(crate) fn router() -> Router<Arc<Shared>> {
    Router::new().route("/", get(expenses)).route("/expenses", get(expenses))
}

#[derive(Serialize)]
struct Expense {
    date: &'static str,
    description: &'static str,
    value: f64,
}

const EXPENSES: [Expense; 3] = [
    Expense { date: "2026-02-03", description: "Pizza for a Coding Dojo session.", value: 102.0 },
    Expense { date: "2026-02-11", description: "Coffee for a Coding Dojo session.", value: 42.0 },
    Expense { date: "2026-02-26", description: "Train to the identity conference.", value: 87.5 },
];

async fn expenses(State(shared): State<Arc<Shared>>, Extension(exchange): Extension<Arc<Exchange>>) -> Response {
    let mut state = shared.state();
    let response = unless_refused(&shared, &mut state, &exchange);
    dpop::with_nonce(response, state.settings.api_dpop_nonce.as_deref())
}

fn unless_refused(shared: &Shared, state: &mut shared::State, exchange: &Exchange) -> Response {
    let header = state.settings.challenge_header;
    let Some(presented) = exchange.access_token() else {
        return answer::noted(challenge(header, StatusCode::UNAUTHORIZED, &INVALID_TOKEN), "no access token");
    };
    let audience = &shared.options.audience;
    let accepted = match AcceptedToken::for_audience(shared, state, presented.token, audience, exchange.now) {
        Ok(accepted) => accepted,
        Err(refusal) => {
            return answer::noted(challenge(header, StatusCode::UNAUTHORIZED, &INVALID_TOKEN), refusal.reason());
        }
    };
    let nonce = state.settings.api_dpop_nonce.as_deref();
    match state.used_proofs.check_presented(exchange, &presented, accepted.jkt.as_deref(), nonce) {
        Err(refusal) => refusal.challenge(),
        Ok(()) if !accepted.scope.contains(REQUIRED_SCOPE) => {
            let note = format!("the token lacks {REQUIRED_SCOPE}");
            answer::noted(challenge(header, StatusCode::FORBIDDEN, &INSUFFICIENT_SCOPE), note)
        }
        Ok(()) => answer::json(StatusCode::OK, &EXPENSES),
    }
}

/// The exercise's words.
const INVALID_TOKEN: Challenge = Challenge {
    header: "Bearer realm=\"api\", error=\"invalid_token\", error_description=\"invalid token\"",
    error: "invalid_token",
    description: "invalid token",
};

/// RFC 6750 §3.1.
const INSUFFICIENT_SCOPE: Challenge = Challenge {
    header: "Bearer realm=\"api\", error=\"insufficient_scope\", error_description=\"insufficient scope\", \
             scope=\"read:reports\"",
    error: "insufficient_scope",
    description: "insufficient scope",
};

struct Challenge {
    header: &'static str,
    error: &'static str,
    description: &'static str,
}

fn challenge(header: ChallengeHeader, status: StatusCode, challenge: &Challenge) -> Response {
    let body = json!({ "error": challenge.error, "error_description": challenge.description });
    let mut response = answer::json(status, &body);
    response.headers_mut().insert(HeaderName::from_static(header.name()), HeaderValue::from_static(challenge.header));
    response
}
