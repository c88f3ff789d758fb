//! A transport that tells what goes over it, and keeps the answers of the token endpoint for the checks.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use hallpass_core::adapters::Reqwest;
use hallpass_core::ports::{Transport, TransportError};
use hallpass_core::protocol::http::{Request, Response};
use serde_json::Value;

use super::event::{Answer, Event, Exchange, Party};
use super::narrator::Narrator;
use super::redaction;
use crate::user_agent::page_title;

/// Header fields of a request that the exercise shows.
const OF_REQUESTS: [&str; 3] = ["content-type", "auth0-client", "authorization"];
/// Header fields of an answer that the exercise shows.
const OF_ANSWERS: [&str; 7] = [
    "location",
    "www-authenticate",
    "www-authentication",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "retry-after",
];

/// Sends requests and tells of each, with its answer, when it is over.
#[derive(Clone)]
pub(super) struct Recorder {
    transport: Reqwest,
    by: Party,
    narrator: Narrator,
    token_exchanges: Arc<Mutex<Vec<TokenExchange>>>,
}

/// A request to the token endpoint and its answer, as they were on the wire.
#[derive(Clone)]
pub(super) struct TokenExchange {
    pub(super) request: String,
    pub(super) answer: Value,
}

impl TokenExchange {
    /// A member of the answer that is text.
    pub(super) fn text(&self, member: &str) -> Option<&str> {
        self.answer.get(member)?.as_str()
    }

    /// The names of the answer's members, in alphabetical order.
    pub(super) fn members(&self) -> Vec<&str> {
        self.answer.as_object().map(|members| members.keys().map(String::as_str).collect()).unwrap_or_default()
    }
}

impl Recorder {
    pub(super) fn new(transport: Reqwest, by: Party, narrator: Narrator) -> Self {
        Self { transport, by, narrator, token_exchanges: Arc::default() }
    }

    /// The latest exchange with the token endpoint.
    pub(super) fn last_token_exchange(&self) -> Option<TokenExchange> {
        self.token_exchanges.lock().unwrap_or_else(PoisonError::into_inner).last().cloned()
    }

    fn keep(&self, request: &str, response: &Response) {
        if request.contains("grant_type")
            && let Ok(answer) = serde_json::from_slice(&response.body)
        {
            let exchange = TokenExchange { request: request.to_owned(), answer };
            self.token_exchanges.lock().unwrap_or_else(PoisonError::into_inner).push(exchange);
        }
    }
}

#[async_trait]
impl Transport for Recorder {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let mut exchange = shown(self.by, &request);
        let body = String::from_utf8_lossy(request.body.as_bytes()).into_owned();
        let outcome = self.transport.send(request).await;
        if let Ok(response) = &outcome {
            exchange.answer = Some(answer(response));
            self.keep(&body, response);
        }
        self.narrator.tell(&Event::Exchange(exchange));
        outcome
    }
}

fn shown(by: Party, request: &Request) -> Exchange {
    let body = request.body.as_bytes();
    let is_form = request.headers.get("content-type").is_some_and(|kind| kind.contains("form-urlencoded"));
    let mut parameters = redaction::parameters(request.url.query().unwrap_or_default().as_bytes());
    if is_form {
        parameters.extend(redaction::parameters(body));
    }
    Exchange {
        by,
        method: request.method.to_string(),
        url: redaction::place(&request.url),
        parameters,
        headers: redaction::headers(&request.headers, &OF_REQUESTS),
        body: (!is_form && !body.is_empty()).then(|| redaction::json(body)).flatten(),
        answer: None,
    }
}

fn answer(response: &Response) -> Answer {
    let body = match redaction::json(&response.body) {
        Some(json) => Some(json),
        None if response.body.is_empty() => None,
        None => Some(format!("(the page \"{}\")", page_title(&response.body))),
    };
    Answer { status: response.status, headers: redaction::headers(&response.headers, &OF_ANSWERS), body }
}
