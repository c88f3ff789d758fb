//! `/authorize` (RFC 6749 §3.1, OpenID Connect Core §3.1.2): who is here, what is missing, and the way back.

use std::sync::Arc;

use axum::{Extension, extract::State, http::StatusCode, response::Response};
use url::Url;

use super::device;
use crate::{
    answer,
    authorization_request::{AuthorizationRequest, Refusal, ResponseTarget},
    clock::Timestamp,
    grants::{CodeBinding, Grant},
    pages,
    server::{Exchange, session_cookie_name},
    sessions::BrowserSession,
    shared::{self, Shared},
};

pub(super) async fn authorize(
    State(shared): State<Arc<Shared>>,
    Extension(exchange): Extension<Arc<Exchange>>,
) -> Response {
    let mut state = shared.state();
    let parameters = exchange.parameters();
    // Taken away: a reference is good for once (RFC 9126 §7.3).
    let pushed = match state.pushed_requests.take(&parameters, exchange.now) {
        None => None,
        Some(Ok(pushed)) => Some(pushed),
        Some(Err(text)) => return impossible(text.to_owned()),
    };
    let is_pushed = pushed.is_some();
    let parameters = pushed.unwrap_or(parameters);
    let request = AuthorizationRequest::parse(&parameters, &state.clients, &state.organizations, &state.settings);
    let request = match request {
        Ok(request) if state.settings.require_pushed_authorization_requests && !is_pushed => {
            let description = "a pushed authorization request is required";
            return refuse(&request.target, &exchange, &state.settings, "invalid_request", description);
        }
        Ok(request) => request,
        Err(Refusal::Page(text)) => return impossible(text),
        Err(Refusal::Redirect(target, error, description)) => {
            return refuse(&target, &exchange, &state.settings, error, &description);
        }
    };
    let session = session(&shared, &state, &exchange);
    match next_step(&state, &request, session.as_ref(), exchange.now) {
        Step::LogIn if request.prompt.none => {
            refuse(&request.target, &exchange, &state.settings, "login_required", "Login required")
        }
        Step::Consent if request.prompt.none => {
            refuse(&request.target, &exchange, &state.settings, "consent_required", "Consent required")
        }
        Step::LogIn => wait_at("/u/login", &mut state, request, &exchange, StatusCode::FOUND),
        Step::Consent => wait_at("/u/consent", &mut state, request, &exchange, StatusCode::FOUND),
        Step::Finish(session) => finish(&mut state, &request, &session, &exchange, StatusCode::FOUND),
    }
}

/// Nothing is sent to the app: the browser must not go to an address that nobody registered.
fn impossible(text: String) -> Response {
    let page = pages::problem("This app asked for a login that is not possible", &text);
    answer::noted(pages::response(StatusCode::BAD_REQUEST, page), text)
}

/// What a request needs before it can be answered.
pub(super) enum Step {
    LogIn,
    Consent,
    Finish(BrowserSession),
}

pub(super) fn next_step(
    state: &shared::State,
    request: &AuthorizationRequest,
    session: Option<&BrowserSession>,
    now: Timestamp,
) -> Step {
    let Some(session) = session else { return Step::LogIn };
    let too_old = request.max_age.is_some_and(|max_age| now.is_past(session.authenticated_at, max_age));
    if request.prompt.login || too_old {
        return Step::LogIn;
    }
    after_login(state, request, session)
}

/// What is left once the user is known: `prompt=login` and `max_age` are satisfied.
pub(super) fn after_login(state: &shared::State, request: &AuthorizationRequest, session: &BrowserSession) -> Step {
    let ask = request.prompt.consent
        || (state.settings.require_consent && !state.sessions.has_consent(&session.subject, request));
    if ask { Step::Consent } else { Step::Finish(session.clone()) }
}

/// The signed-in session of this browser, if its user still exists.
pub(super) fn session(shared: &Shared, state: &shared::State, exchange: &Exchange) -> Option<BrowserSession> {
    let cookie = exchange.cookie(&session_cookie_name(shared.ports.tenant))?;
    let session = state.sessions.find(cookie, state.settings.session_lifetime_seconds, exchange.now)?;
    state.user(&session.subject)?;
    Some(session.clone())
}

pub(super) fn wait_at(
    path: &str,
    state: &mut shared::State,
    request: AuthorizationRequest,
    exchange: &Exchange,
    status: StatusCode,
) -> Response {
    let transaction = state.sessions.wait(request, &mut state.random, exchange.now);
    answer::redirect(status, &format!("{path}?transaction={transaction}"))
}

/// Answers the client with a code, or with the reason why this user gets none.
pub(super) fn finish(
    state: &mut shared::State,
    request: &AuthorizationRequest,
    session: &BrowserSession,
    exchange: &Exchange,
    status: StatusCode,
) -> Response {
    if let Some(organization) = &request.organization {
        let member = state.user(&session.subject).is_some_and(|user| user.organizations.contains(&organization.id));
        if let (false, Some(user_code)) = (member, &request.device) {
            return device::decided(state, user_code, Err(()));
        }
        if !member {
            let description = format!("user {} is not part of the {} organization", session.subject, organization.id);
            return respond(
                &request.target,
                exchange,
                &state.settings,
                status,
                &[("error", "access_denied"), ("error_description", &description)],
            );
        }
    }
    let grant = Grant {
        subject: session.subject.clone(),
        client_id: request.client_id.clone(),
        scope: request.scope.clone(),
        audience: request.audience.clone(),
        organization: request.organization.clone(),
        authenticated_at: session.authenticated_at,
        session_id: session.id.clone(),
    };
    if let Some(user_code) = &request.device {
        let grant = state.grants.add(grant);
        return device::decided(state, user_code, Ok(grant));
    }
    let binding = CodeBinding {
        redirect_uri: request.target.redirect_uri.clone(),
        code_challenge: request.code_challenge.clone(),
        nonce: request.nonce.clone(),
        dpop_jkt: request.dpop_jkt.clone(),
    };
    let code = state.grants.issue_code(grant, binding, &mut state.random, exchange.now);
    respond(&request.target, exchange, &state.settings, status, &[("code", &code)])
}

fn refuse(
    target: &ResponseTarget,
    exchange: &Exchange,
    settings: &crate::Settings,
    error: &str,
    description: &str,
) -> Response {
    let parameters = [("error", error), ("error_description", description)];
    answer::noted(respond(target, exchange, settings, StatusCode::FOUND, &parameters), description)
}

/// The authorization response (RFC 6749 §4.1.2), with `state` and, when switched on, `iss` (RFC 9207 §2).
pub(super) fn respond(
    target: &ResponseTarget,
    exchange: &Exchange,
    settings: &crate::Settings,
    status: StatusCode,
    parameters: &[(&str, &str)],
) -> Response {
    let issuer = settings.issuer_in_authorization_response.then_some(("iss", exchange.named_issuer.as_str()));
    let state = target.state.as_deref().map(|state| ("state", state));
    let all = parameters.iter().copied().chain(state).chain(issuer);
    answer::redirect(status, &with_query(&target.redirect_uri, all))
}

/// Adds parameters to a registered URI, keeping what it has.
pub(super) fn with_query<'a>(uri: &str, parameters: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    match Url::parse(uri) {
        Ok(mut url) => {
            url.query_pairs_mut().extend_pairs(parameters);
            url.into()
        }
        // Registered by a test that wants to see what happens.
        Err(_not_a_url) => uri.to_owned(),
    }
}
