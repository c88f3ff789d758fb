//! The dashboard: what the exercise switches in Auth0's, and what no real tenant would offer. Everything is a form that works
//! without a script; a script only keeps the table of requests fresh.

mod fault_form;
mod settings_form;

use std::sync::Arc;

use axum::{
    Extension, Router,
    extract::State,
    http::{HeaderValue, StatusCode, header::CACHE_CONTROL},
    response::Response,
    routing::{get, post},
};

use crate::{
    answer,
    pages::{self, Dashboard},
    parameters::Parameters,
    server::Exchange,
    shared::Shared,
};

pub(crate) use fault_form::KINDS;
pub(crate) use settings_form::{Control, Field, GROUPS};

/// So many of the latest requests are shown.
const SHOWN_REQUESTS: usize = 100;

pub(crate) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/", get(async || answer::redirect(StatusCode::FOUND, "/dashboard")))
        .route("/dashboard", get(show))
        .route("/dashboard/requests", get(requests))
        .route("/dashboard/settings", post(save_settings))
        .route("/dashboard/faults", post(plan_fault))
        .route("/dashboard/actions", post(act))
        .route("/assets/tenant.css", get(async || asset("text/css; charset=utf-8", pages::STYLE_SHEET)))
        .route("/assets/dashboard.js", get(async || asset("text/javascript; charset=utf-8", pages::SCRIPT)))
}

fn asset(content_type: &'static str, text: &'static str) -> Response {
    let mut response = answer::with_body(StatusCode::OK, content_type, text);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

async fn show(State(shared): State<Arc<Shared>>, Extension(exchange): Extension<Arc<Exchange>>) -> Response {
    page(&shared, &exchange, exchange.query.first("done"), None)
}

/// The rows of the table alone, for the script.
async fn requests(State(shared): State<Arc<Shared>>) -> Response {
    let state = shared.state();
    let rows = pages::request_rows(state.log.after(0).rev().take(SHOWN_REQUESTS));
    pages::response(StatusCode::OK, rows)
}

async fn save_settings(State(shared): State<Arc<Shared>>, Extension(exchange): Extension<Arc<Exchange>>) -> Response {
    let saved = {
        let mut state = shared.state();
        let saved = settings_form::read(&exchange.body)
            .and_then(|patch| state.settings.patched(&patch).map_err(|error| error.to_string()));
        saved.map(|settings| state.settings = settings)
    };
    match saved {
        Ok(()) => done("The settings are saved."),
        Err(problem) => page(&shared, &exchange, None, Some(&problem)),
    }
}

async fn plan_fault(State(shared): State<Arc<Shared>>, Extension(exchange): Extension<Arc<Exchange>>) -> Response {
    match fault_form::read(&exchange.body) {
        Ok(fault) => {
            shared.state().faults.add(fault);
            done("The fault is planned.")
        }
        Err(problem) => page(&shared, &exchange, None, Some(&problem)),
    }
}

async fn act(State(shared): State<Arc<Shared>>, Extension(exchange): Extension<Arc<Exchange>>) -> Response {
    match perform(&shared, &exchange.body) {
        Ok(message) => done(&message),
        Err(problem) => page(&shared, &exchange, None, Some(&problem)),
    }
}

fn perform(shared: &Shared, form: &Parameters) -> Result<String, String> {
    let mut state = shared.state();
    Ok(match form.first("action").unwrap_or_default() {
        "roll-keys" => format!("New keys are in use; {} signs.", state.roll_keys()),
        "expire-access-tokens" => {
            let expired = state.grants.expire_access_tokens(shared.clock.now());
            format!("Access tokens expired: {expired}.")
        }
        "revoke-sessions" => format!("Browsers logged out: {}.", state.revoke_sessions(None)),
        "revoke-refresh-tokens" => {
            format!("Families of refresh tokens revoked: {}.", state.revoke_refresh_tokens(None))
        }
        "advance" => {
            let seconds: i64 = form
                .first("seconds")
                .and_then(|text| text.parse().ok())
                .ok_or("Advance by how many seconds? Write a whole number.")?;
            shared.clock.shift(seconds.saturating_mul(1_000));
            format!("The clock moved by {seconds} s.")
        }
        "remove-fault" => {
            let index = form.first("index").and_then(|text| text.parse().ok());
            match index.map(|index| state.faults.remove(index)) {
                Some(true) => "The fault is removed.".to_owned(),
                Some(false) | None => "That fault was gone already.".to_owned(),
            }
        }
        "clear-faults" => {
            state.faults.clear();
            "All faults are removed.".to_owned()
        }
        "clear-requests" => {
            state.log.clear();
            "The table is empty.".to_owned()
        }
        "reset" => {
            drop(state);
            shared.reset();
            "The tenant is as it was when it started.".to_owned()
        }
        other => return Err(format!("There is no action “{other}”.")),
    })
}

/// Back to the dashboard by GET, so that a reload does not repeat what was done.
fn done(message: &str) -> Response {
    let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("done", message).finish();
    answer::redirect(StatusCode::SEE_OTHER, &format!("/dashboard?{query}"))
}

fn page(shared: &Shared, exchange: &Exchange, done: Option<&str>, problem: Option<&str>) -> Response {
    let state = shared.state();
    let status = if problem.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let page = pages::dashboard(&Dashboard {
        issuer: &exchange.issuer,
        api_url: &shared.api_url(),
        audience: &shared.options.audience,
        clients: &state.clients,
        users: &state.users,
        seed: shared.seed,
        now: exchange.now,
        settings: &state.settings,
        faults: state.faults.all(),
        requests: state.log.after(0).rev().take(SHOWN_REQUESTS).collect(),
        done,
        problem,
    });
    pages::response(status, page)
}
