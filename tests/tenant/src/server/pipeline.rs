//! What happens to every request, in this order: it is read and logged, a fault may take it, it is processed, a fault may
//! take its answer, and the answer gets the headers that all have.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    http::{
        HeaderValue, Method, Request, StatusCode,
        header::{CONTENT_LENGTH, HOST},
        request::Parts,
    },
    response::Response,
};
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use serde_json::Value;
use tokio::time::sleep;

use super::{
    broken_off::broken_off,
    common_headers,
    exchange::{Exchange, logged_headers, read_body},
    operator::{is_for_the_operator, refuse_strangers},
    replaced_answer::{replaced_answer, too_many_requests},
};
use crate::{
    answer::{self, Note},
    endpoint::Endpoint,
    faults::{Fault, FaultKind},
    parameters::Parameters,
    rate_limit::Allowance,
    request_log::{LoggedRequest, Outcome, without_secrets},
    settings::{RetryAfter, merge},
    shared::Shared,
};

/// No request needs a larger body.
const BODY_LIMIT: usize = 1 << 20;

/// The two servers of a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Server {
    AuthorizationServer,
    Api,
}

/// The connection is to be closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection is closed without an answer")]
pub(crate) struct NoAnswer;

pub(crate) struct Pipeline {
    server: Server,
    shared: Arc<Shared>,
    router: TowerToHyperService<Router>,
}

/// A request that was read and logged, and what was decided about it on arrival.
struct Arrived {
    number: u64,
    endpoint: Endpoint,
    exchange: Exchange,
    fault: Option<Fault>,
    allowance: Option<Allowance>,
    retry_after: RetryAfter,
}

impl Pipeline {
    pub(crate) fn new(server: Server, shared: Arc<Shared>, router: Router) -> Self {
        Self { server, shared, router: TowerToHyperService::new(router) }
    }

    pub(crate) async fn answer(&self, request: Request<Body>) -> Result<Response, NoAnswer> {
        let (parts, body) = request.into_parts();
        let Ok(body) = to_bytes(body, BODY_LIMIT).await else {
            return Ok(answer::empty(StatusCode::PAYLOAD_TOO_LARGE));
        };
        if self.server == Server::AuthorizationServer && is_for_the_operator(parts.uri.path()) {
            return Ok(self.answer_operator(&parts, &body).await);
        }
        let Arrived { number, endpoint, exchange, fault, allowance, retry_after } = self.arrive(&parts, &body);
        let written_now = exchange.written_now;
        let answered = if allowance.is_some_and(|allowance| allowance.exceeded) {
            Ok(self.refuse_for_now(allowance, retry_after))
        } else if let Some(fault) = fault {
            self.process_with_fault(&parts, exchange, fault).await
        } else {
            Ok(self.process(&parts, exchange).await)
        };
        let mut response = match answered {
            Ok(response) => response,
            Err(NoAnswer) => {
                self.shared.state().log.ended(number, Outcome::Dropped, None);
                return Err(NoAnswer);
            }
        };
        common_headers::date(&mut response, written_now);
        common_headers::page_protection(&mut response);
        common_headers::cross_origin(&mut response, endpoint, &parts.method, &parts.headers);
        if let Some(allowance) = allowance {
            common_headers::rate_limit(&mut response, allowance);
        }
        let note = response.extensions_mut().remove::<Note>().map(|Note(note)| note);
        let outcome = Outcome::Answered { status: response.status().as_u16() };
        self.shared.state().log.ended(number, outcome, note);
        Ok(response)
    }

    /// Logs a request, takes its fault and counts it.
    fn arrive(&self, parts: &Parts, body: &Bytes) -> Arrived {
        let endpoint = match self.server {
            Server::AuthorizationServer => Endpoint::at(parts.uri.path()),
            Server::Api => Endpoint::Api,
        };
        let mut exchange = self.exchange(parts, body);
        let parameters = exchange.parameters();
        let grant_type = parameters.first("grant_type").filter(|_| endpoint == Endpoint::Token).map(str::to_owned);
        let preflight = parts.method == Method::OPTIONS;

        let mut state = self.shared.state();
        let state = &mut *state;
        let fault = if preflight { None } else { state.faults.take(endpoint, grant_type.as_deref()) };
        let counted = endpoint.is_rate_limited() && !preflight;
        let allowance = counted.then(|| state.rate_limiter.count(endpoint, &state.settings, exchange.now));
        let number = state.log.arrived(LoggedRequest {
            number: 0,
            at: exchange.now,
            endpoint,
            method: parts.method.to_string(),
            path: parts.uri.path().to_owned(),
            body: exchange.body_format,
            grant_type,
            parameters: without_secrets(&parameters),
            headers: logged_headers(&parts.headers),
            fault: fault.as_ref().map(|fault| fault.kind.name()),
            outcome: Outcome::Pending,
            note: None,
        });
        match fault.as_ref().map(|fault| &fault.kind) {
            Some(FaultKind::WrongClock { seconds }) => exchange.written_now = exchange.now.plus_seconds(*seconds),
            Some(FaultKind::WrongIssuer { issuer }) => exchange.named_issuer.clone_from(issuer),
            Some(FaultKind::PatchedIdToken { claims }) => exchange.id_token_patch = Some(claims.clone()),
            Some(_) | None => {}
        }
        Arrived { number, endpoint, exchange, fault, allowance, retry_after: state.settings.rate_limit_retry_after }
    }

    fn exchange(&self, parts: &Parts, body: &Bytes) -> Exchange {
        let (body_format, body) = read_body(&parts.headers, body);
        let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok());
        let issuer = self.shared.issuer(&self.shared.state().settings, host);
        let now = self.shared.clock.now();
        Exchange {
            method: parts.method.to_string(),
            target: format!("http://{}{}", host.unwrap_or_default(), parts.uri.path()),
            headers: parts.headers.clone(),
            query: Parameters::from_urlencoded(parts.uri.query().unwrap_or_default().as_bytes()),
            body,
            body_format,
            named_issuer: issuer.clone(),
            issuer,
            now,
            written_now: now,
            id_token_patch: None,
        }
    }

    async fn answer_operator(&self, parts: &Parts, body: &Bytes) -> Response {
        let refused = refuse_strangers(&parts.headers, &self.shared.state().settings);
        let mut response = match refused {
            Some(refused) => refused,
            None => self.route(parts, body.clone(), self.exchange(parts, body)).await,
        };
        common_headers::page_protection(&mut response);
        response
    }

    fn refuse_for_now(&self, allowance: Option<Allowance>, retry_after: RetryAfter) -> Response {
        let now = self.shared.clock.now();
        let seconds = allowance.map_or(0, |allowance| allowance.reset.saturating_sub(now.seconds()));
        let mut response = too_many_requests(u64::try_from(seconds).unwrap_or(0), retry_after, now);
        for name in ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"] {
            response.headers_mut().remove(name);
        }
        response
    }

    async fn process(&self, parts: &Parts, exchange: Exchange) -> Response {
        if parts.method == Method::OPTIONS {
            return answer::empty(StatusCode::NO_CONTENT);
        }
        self.route(parts, Bytes::new(), exchange).await
    }

    async fn route(&self, parts: &Parts, body: Bytes, exchange: Exchange) -> Response {
        let mut request = Request::from_parts(parts.clone(), Body::from(body));
        request.extensions_mut().insert(Arc::new(exchange));
        match self.router.call(request).await {
            Ok(response) => response,
            Err(infallible) => match infallible {},
        }
    }

    async fn process_with_fault(
        &self,
        parts: &Parts,
        mut exchange: Exchange,
        fault: Fault,
    ) -> Result<Response, NoAnswer> {
        let kind = fault.kind;
        if kind == FaultKind::LostRequest {
            return Err(NoAnswer);
        }
        if let FaultKind::Delay { milliseconds } = kind {
            sleep(Duration::from_millis(milliseconds)).await;
            exchange.now = self.shared.clock.now();
            exchange.written_now = exchange.now;
        }
        match replaced_answer(&kind, &exchange.issuer, exchange.now) {
            Some(replacement) if fault.after_processing => {
                self.process(parts, exchange).await;
                Ok(replacement)
            }
            Some(replacement) => Ok(replacement),
            None => spoil(self.process(parts, exchange).await, kind).await,
        }
    }
}

/// Does to a real answer what the fault says.
async fn spoil(response: Response, kind: FaultKind) -> Result<Response, NoAnswer> {
    match kind {
        FaultKind::LostAnswer => Err(NoAnswer),
        FaultKind::DelayedAnswer { milliseconds } => {
            sleep(Duration::from_millis(milliseconds)).await;
            Ok(response)
        }
        FaultKind::BrokenOffAnswer => {
            let (mut parts, body) = whole(response).await;
            parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
            Ok(Response::from_parts(parts, broken_off(&body)))
        }
        FaultKind::TruncatedJson => {
            let (parts, body) = whole(response).await;
            Ok(Response::from_parts(parts, Body::from(body.slice(..body.len() / 2))))
        }
        FaultKind::PatchedJson { patch } => {
            let (parts, body) = whole(response).await;
            let body = match serde_json::from_slice::<Value>(&body) {
                Ok(mut document) => {
                    merge(&mut document, &patch);
                    Bytes::from(document.to_string())
                }
                Err(_not_json) => body,
            };
            Ok(Response::from_parts(parts, Body::from(body)))
        }
        FaultKind::OddBody { oddity } => {
            let (mut parts, body) = whole(response).await;
            let body = oddity.made(&body, &mut parts.headers);
            Ok(Response::from_parts(parts, Body::from(body)))
        }
        FaultKind::Delay { .. }
        | FaultKind::WrongClock { .. }
        | FaultKind::WrongIssuer { .. }
        | FaultKind::PatchedIdToken { .. }
        | FaultKind::LostRequest
        | FaultKind::TooManyRequests { .. }
        | FaultKind::InternalServerError
        | FaultKind::ServiceUnavailable { .. }
        | FaultKind::HtmlBody
        | FaultKind::EmptyBody
        | FaultKind::OversizedBody { .. }
        | FaultKind::DeepJson { .. }
        | FaultKind::Unauthorized
        | FaultKind::UnknownError { .. }
        | FaultKind::Redirect { .. }
        | FaultKind::Answer { .. } => Ok(response),
    }
}

async fn whole(response: Response) -> (axum::http::response::Parts, Bytes) {
    let (mut parts, body) = response.into_parts();
    parts.headers.remove(CONTENT_LENGTH);
    (parts, to_bytes(body, usize::MAX).await.unwrap_or_default())
}
