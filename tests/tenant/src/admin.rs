//! The JSON API by which test suites of other languages, and other processes, steer the tenant. Its document is the crate's
//! README.

use std::sync::Arc;

use axum::{
    Extension, Router,
    body::Bytes,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{delete, get, post},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{
    answer,
    directory::{Client, User},
    faults::Fault,
    server::Exchange,
    shared::Shared,
};

pub(crate) fn router() -> Router<Arc<Shared>> {
    let api = Router::new()
        .route("/", get(overview))
        .route("/settings", get(settings).patch(patch_settings))
        .route("/faults", get(faults).post(add_fault).put(replace_faults).delete(clear_faults))
        .route("/requests", get(requests).delete(clear_requests))
        .route("/advance", post(advance))
        .route("/roll-keys", post(roll_keys))
        .route("/expire-access-tokens", post(expire_access_tokens))
        .route("/revoke-sessions", post(revoke_sessions))
        .route("/revoke-refresh-tokens", post(revoke_refresh_tokens))
        .route("/reset", post(reset))
        .route("/users", get(users).post(put_user))
        .route("/users/{username}", delete(delete_user))
        .route("/clients", get(clients).put(replace_clients))
        .fallback(async || Refusal(StatusCode::NOT_FOUND, "there is no such path under /admin/api".to_owned()))
        .method_not_allowed_fallback(async || {
            Refusal(StatusCode::METHOD_NOT_ALLOWED, "this path of the admin API has other methods".to_owned())
        });
    // Nested, the first route is the path without the slash alone.
    Router::new().nest("/admin/api", api).route("/admin/api/", get(overview))
}

/// An answer that says what to change about the request.
struct Refusal(StatusCode, String);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self(status, error) = self;
        answer::json(status, &json!({ "error": error }))
    }
}

/// The body as the JSON that is wanted. Whoever has nothing to say may send nothing.
fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T, Refusal> {
    let text = if body.is_empty() { b"{}".as_slice() } else { body };
    serde_json::from_slice(text).map_err(|error| Refusal(StatusCode::BAD_REQUEST, error.to_string()))
}

fn ok(body: &impl Serialize) -> Response {
    answer::json(StatusCode::OK, body)
}

async fn overview(State(shared): State<Arc<Shared>>, Extension(exchange): Extension<Arc<Exchange>>) -> Response {
    let state = shared.state();
    ok(&json!({
        "issuer": exchange.issuer,
        "api_url": shared.api_url(),
        "client_id": state.clients.first().map(|client| &client.id),
        "audience": shared.options.audience,
        "users": state.users,
        "organizations": state.organizations,
        "seed": shared.seed,
        "now": exchange.now,
    }))
}

async fn settings(State(shared): State<Arc<Shared>>) -> Response {
    ok(&shared.state().settings)
}

async fn patch_settings(State(shared): State<Arc<Shared>>, body: Bytes) -> Result<Response, Refusal> {
    let patch: Value = read(&body)?;
    let mut state = shared.state();
    state.settings =
        state.settings.patched(&patch).map_err(|error| Refusal(StatusCode::BAD_REQUEST, error.to_string()))?;
    Ok(ok(&state.settings))
}

async fn faults(State(shared): State<Arc<Shared>>) -> Response {
    ok(&shared.state().faults.all())
}

async fn add_fault(State(shared): State<Arc<Shared>>, body: Bytes) -> Result<Response, Refusal> {
    let fault: Fault = read(&body)?;
    let mut state = shared.state();
    state.faults.add(fault);
    Ok(ok(&state.faults.all()))
}

async fn replace_faults(State(shared): State<Arc<Shared>>, body: Bytes) -> Result<Response, Refusal> {
    let faults: Vec<Fault> = read(&body)?;
    let mut state = shared.state();
    state.faults.clear();
    for fault in faults {
        state.faults.add(fault);
    }
    Ok(ok(&state.faults.all()))
}

async fn clear_faults(State(shared): State<Arc<Shared>>) -> Response {
    shared.state().faults.clear();
    ok(&json!([]))
}

async fn requests(
    State(shared): State<Arc<Shared>>,
    Extension(exchange): Extension<Arc<Exchange>>,
) -> Result<Response, Refusal> {
    let after = exchange.query.first("after").unwrap_or("0").parse();
    let after = after.map_err(|_| Refusal(StatusCode::BAD_REQUEST, "after is a request's number".to_owned()))?;
    let state = shared.state();
    Ok(ok(&state.log.after(after).collect::<Vec<_>>()))
}

async fn clear_requests(State(shared): State<Arc<Shared>>) -> Response {
    shared.state().log.clear();
    ok(&json!([]))
}

async fn advance(State(shared): State<Arc<Shared>>, body: Bytes) -> Result<Response, Refusal> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Advance {
        /// May have a fraction; negative goes back.
        seconds: f64,
    }

    let Advance { seconds } = read(&body)?;
    shared.clock.shift((seconds * 1_000.0).round() as i64);
    Ok(ok(&json!({ "now": shared.clock.now() })))
}

async fn roll_keys(State(shared): State<Arc<Shared>>) -> Response {
    ok(&json!({ "kid": shared.state().roll_keys() }))
}

async fn expire_access_tokens(State(shared): State<Arc<Shared>>) -> Response {
    let now = shared.clock.now();
    ok(&json!({ "expired": shared.state().grants.expire_access_tokens(now) }))
}

/// Whom a revocation concerns: a username or `sub`; nobody named is everyone.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Whose {
    user: Option<String>,
}

async fn revoke_sessions(State(shared): State<Arc<Shared>>, body: Bytes) -> Result<Response, Refusal> {
    let Whose { user } = read(&body)?;
    Ok(ok(&json!({ "revoked": shared.state().revoke_sessions(user.as_deref()) })))
}

async fn revoke_refresh_tokens(State(shared): State<Arc<Shared>>, body: Bytes) -> Result<Response, Refusal> {
    let Whose { user } = read(&body)?;
    Ok(ok(&json!({ "revoked": shared.state().revoke_refresh_tokens(user.as_deref()) })))
}

async fn reset(State(shared): State<Arc<Shared>>) -> Response {
    shared.reset();
    ok(&shared.state().settings)
}

async fn users(State(shared): State<Arc<Shared>>) -> Response {
    ok(&shared.state().users)
}

/// Adds a user, or replaces the one of this username.
async fn put_user(State(shared): State<Arc<Shared>>, body: Bytes) -> Result<Response, Refusal> {
    /// As [`User`], with a subject derived from the username unless one is given.
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct NewUser {
        username: String,
        password: String,
        name: String,
        subject: Option<String>,
        #[serde(default)]
        organizations: Vec<String>,
    }

    let new: NewUser = read(&body)?;
    let mut user = User::new(&new.username, &new.password, &new.name);
    user.organizations = new.organizations;
    if let Some(subject) = new.subject {
        user.subject = subject;
    }
    let mut state = shared.state();
    state.users.retain(|known| known.username != user.username);
    state.users.push(user);
    Ok(ok(&state.users))
}

/// Removes a user with all sessions and refresh tokens.
async fn delete_user(State(shared): State<Arc<Shared>>, Path(username): Path<String>) -> Result<Response, Refusal> {
    let mut state = shared.state();
    if state.subject_of(&username).is_none() {
        return Err(Refusal(StatusCode::NOT_FOUND, "there is no such user".to_owned()));
    }
    state.revoke_sessions(Some(&username));
    state.revoke_refresh_tokens(Some(&username));
    state.users.retain(|user| user.username != username && user.subject != username);
    Ok(ok(&state.users))
}

async fn clients(State(shared): State<Arc<Shared>>) -> Response {
    ok(&shared.state().clients)
}

async fn replace_clients(State(shared): State<Arc<Shared>>, body: Bytes) -> Result<Response, Refusal> {
    let clients: Vec<Client> = read(&body)?;
    if clients.is_empty() {
        return Err(Refusal(StatusCode::BAD_REQUEST, "there must be at least one client".to_owned()));
    }
    let mut state = shared.state();
    state.clients = clients;
    Ok(ok(&state.clients))
}
