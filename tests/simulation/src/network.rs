//! The transport of a simulated process: what a network between a phone and a server does to a request.

use std::collections::BTreeMap;

use async_trait::async_trait;
use hallpass_core::ports::{Transport, TransportError};
use hallpass_core::protocol::http::{Headers, Request, Response};
use tokio::time::{Duration, sleep};

use crate::dice::Dice;
use crate::ports::{NETWORK, Ports};
use crate::server::{API, Answer, ISSUER, keys, metadata};
use crate::token::Refresh;
use crate::world::{State, Weather};

/// A client gives up after this long, as the transport port demands.
const TIMEOUT: u64 = 30_000;

/// What becomes of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Fate {
    Arrives,
    Unreachable,
    Tls,
    RequestLost,
    AnswerLost,
    /// The server acts after the client has given up.
    Late,
    /// The server acts twice; the first answer comes back.
    Duplicated,
    Truncated,
    TooLarge,
    /// Something answers in the server's stead, or before it has acted.
    Instead(u16, Option<u64>, &'static str),
    /// The server acts, and then fails.
    FailsAfterwards,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Endpoint {
    Metadata,
    Keys,
    Token,
    Revocation,
    Api,
}

/// One request on its way.
struct Journey {
    endpoint: Endpoint,
    fate: Fate,
    there: u64,
    back: u64,
    request: Request,
    parameters: BTreeMap<String, String>,
}

#[async_trait]
impl Transport for Ports {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let endpoint = endpoint(&request);
        // Calls of an API leave in an order that no seed decides, so they are no steps to be killed at.
        if endpoint != Endpoint::Api {
            self.step().await;
        }
        let journey = self.world.state().set_out(self.process, endpoint, request);
        let mut renewal = self.begin_renewal(&journey);
        let outcome = self.travel(&journey).await;
        if endpoint != Endpoint::Api {
            self.step().await;
        }
        let mut state = self.world.state();
        if let Some(in_flight) = &mut renewal {
            in_flight.landed = true;
            state.arrive(self.process, in_flight.token, &outcome);
        } else if endpoint == Endpoint::Token {
            state.deliver(self.process, &outcome);
        }
        if endpoint != Endpoint::Api {
            let what = match &outcome {
                Ok(response) => format!("{} in {} bytes", response.status, response.body.len() / 100 * 100),
                Err(error) => error.to_string(),
            };
            state.tell_of(self.process, &format!("network   {endpoint:?} answer: {what}"));
        }
        drop(state);
        outcome
    }
}

impl Ports {
    fn begin_renewal(&self, journey: &Journey) -> Option<InFlight> {
        let token = Refresh::parse(journey.parameters.get("refresh_token")?)?;
        let audience = journey.parameters.get("audience").cloned().unwrap_or_default();
        let mut state = self.world.state();
        state.tell_of(self.process, &format!("network   renews {token} for `{audience}`: {:?}", journey.fate));
        state.check_renewal(self.process, token, &audience);
        state.processes[self.process].renewals.insert((token, audience.clone()));
        drop(state);
        Some(InFlight { ports: self.clone(), token, audience, landed: false })
    }

    async fn travel(&self, journey: &Journey) -> Result<Response, TransportError> {
        let there = Duration::from_millis(journey.there);
        match journey.fate {
            Fate::Unreachable => {
                sleep(there).await;
                return Err(TransportError::Unreachable);
            }
            Fate::Tls => {
                sleep(there).await;
                return Err(TransportError::Tls);
            }
            Fate::RequestLost => {
                sleep(Duration::from_millis(TIMEOUT)).await;
                return Err(TransportError::NoAnswer);
            }
            Fate::Late => {
                let (ports, endpoint, parameters) = (self.clone(), journey.endpoint, journey.parameters.clone());
                let request = journey.request.clone();
                let late = Duration::from_millis(TIMEOUT + 1 + journey.there * 10);
                tokio::spawn(async move {
                    sleep(late).await;
                    ports.world.state().act(ports.process, endpoint, &request, &parameters, true);
                });
                sleep(Duration::from_millis(TIMEOUT)).await;
                return Err(TransportError::NoAnswer);
            }
            Fate::Arrives
            | Fate::AnswerLost
            | Fate::Duplicated
            | Fate::Truncated
            | Fate::TooLarge
            | Fate::Instead(..)
            | Fate::FailsAfterwards => sleep(there).await,
        }
        let act = |again| {
            let mut state = self.world.state();
            let answer = state.act(self.process, journey.endpoint, &journey.request, &journey.parameters, again);
            state.response(&answer)
        };
        let back = Duration::from_millis(journey.back);
        let outcome = match &journey.fate {
            Fate::Instead(status, wait, body) => {
                let mut headers = Headers::new();
                if let Some(wait) = wait {
                    headers.push("Retry-After", wait.to_string());
                }
                headers.push("Content-Type", if body.starts_with('<') { "text/html" } else { "application/json" });
                Ok(Response { status: *status, headers, body: body.as_bytes().to_vec() })
            }
            Fate::AnswerLost => {
                act(false);
                sleep(Duration::from_millis(TIMEOUT.saturating_sub(journey.there))).await;
                return Err(TransportError::NoAnswer);
            }
            Fate::TooLarge => {
                act(false);
                Err(TransportError::TooLarge { limit: journey.request.max_response_bytes })
            }
            Fate::Truncated => {
                let mut response = act(false);
                response.body.truncate(response.body.len() / 2);
                Ok(response)
            }
            Fate::FailsAfterwards => {
                act(false);
                Ok(Response { status: 500, headers: Headers::new(), body: b"{}".to_vec() })
            }
            Fate::Duplicated => {
                let response = act(false);
                act(true);
                Ok(response)
            }
            Fate::Arrives | Fate::Unreachable | Fate::Tls | Fate::RequestLost | Fate::Late => Ok(act(false)),
        };
        sleep(back).await;
        outcome
    }
}

/// A renewal that the process waits for.
struct InFlight {
    ports: Ports,
    token: Refresh,
    audience: String,
    landed: bool,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut state = self.ports.world.state();
        let process = self.ports.process;
        state.processes[process].renewals.remove(&(self.token, std::mem::take(&mut self.audience)));
        if !self.landed {
            state.attempted(self.token, process, false);
            state.tell_of(process, &format!("network   nobody waits for the renewal of {} any more", self.token));
        }
    }
}

impl State {
    fn set_out(&mut self, process: usize, endpoint: Endpoint, request: Request) -> Journey {
        let parameters: BTreeMap<String, String> =
            url::form_urlencoded::parse(request.body.as_bytes()).into_owned().collect();
        let number = if endpoint == Endpoint::Api {
            // The caller and the attempt are in the path; the token tells the first attempt from the second.
            request.url.path().bytes().fold(0, |sum: u64, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)))
        } else {
            let present = &mut self.processes[process];
            present.requests += 1;
            present.requests
        };
        let mut dice = self.dice(&[NETWORK, process as u64, endpoint as u64, number]);
        let latency = self.weather.latency.max(1);
        let (there, back) = (dice.between(1, latency), dice.between(1, latency));
        let fate = if self.weather.offline_until > self.now() {
            Fate::Unreachable
        } else {
            fate(&self.weather, endpoint, &mut dice)
        };
        Journey { endpoint, fate, there, back, request, parameters }
    }

    /// The server acts on a request.
    fn act(
        &mut self,
        process: usize,
        endpoint: Endpoint,
        request: &Request,
        parameters: &BTreeMap<String, String>,
        again: bool,
    ) -> Answer {
        let (now, unix) = (self.now(), self.server_unix());
        match endpoint {
            Endpoint::Metadata => (200, metadata()),
            Endpoint::Keys => (200, keys()),
            Endpoint::Revocation => self.server.revoke(parameters),
            Endpoint::Api => {
                let bearer = request.headers.get("authorization").and_then(|value| value.strip_prefix("Bearer "));
                self.server.api(bearer.unwrap_or_default(), now)
            }
            Endpoint::Token => {
                let token = parameters.get("refresh_token").and_then(|token| Refresh::parse(token));
                let over = |state: &Self| token.map(|token| state.server.families[token.family].ended.is_some());
                let before = over(self);
                let answer = self.server.token(parameters, now, unix);
                if let Some(token) = token {
                    self.tell(&format!("server    answers {token} with {}", answer.0));
                    if before == Some(false) && over(self) == Some(true) {
                        self.blame_reuse(process, token, again);
                    } else if again && answer.0 == 200 {
                        self.ledger.doubled.insert((token.family, token.generation + 1));
                    }
                }
                answer
            }
        }
    }

    fn response(&self, (status, body): &Answer) -> Response {
        let seconds = u64::try_from(self.server_unix()).unwrap_or_default();
        let date = httpdate::fmt_http_date(std::time::UNIX_EPOCH + Duration::from_secs(seconds));
        let headers = [("Content-Type", "application/json".to_owned()), ("Date", date)].into_iter().collect();
        Response { status: *status, headers, body: body.to_string().into_bytes() }
    }

    /// The answer to a renewal reaches a process.
    fn arrive(&mut self, process: usize, token: Refresh, outcome: &Result<Response, TransportError>) {
        let delivered = self.deliver(process, outcome);
        let told = outcome.as_ref().ok().and_then(|response| response.headers.get("retry-after")?.parse::<u64>().ok());
        if let Some(seconds) = told {
            let until = self.now() + seconds * 1_000;
            let present = &mut self.processes[process];
            present.told_until = present.told_until.max(until);
        }
        let clean = match outcome {
            Ok(response) => {
                let text = String::from_utf8_lossy(&response.body);
                let doubtful = response.status >= 500 && response.status != 503 || response.status < 300;
                delivered || !doubtful || text.contains("invalid_grant")
            }
            Err(TransportError::Unreachable | TransportError::Tls | TransportError::InvalidRequest) => true,
            Err(TransportError::NoAnswer | TransportError::TooLarge { .. }) => false,
        };
        self.attempted(token, process, clean);
    }

    /// Notes the tokens that an answer brings; returns whether it brings any.
    fn deliver(&mut self, process: usize, outcome: &Result<Response, TransportError>) -> bool {
        let Ok(response) = outcome else { return false };
        let Ok(body) = serde_json::from_slice::<serde_json::Value>(&response.body) else { return false };
        let now = self.now();
        let Some(access_token) = body["access_token"].as_str() else { return false };
        if let Some(access) = self.server.access.get_mut(access_token) {
            access.delivered = Some(now);
        }
        if let Some(token) = body["refresh_token"].as_str().and_then(Refresh::parse) {
            self.ledger.delivered.entry(token).or_default().push(process);
            if token.generation > 0 {
                self.learns(process, token);
            }
        }
        true
    }
}

fn endpoint(request: &Request) -> Endpoint {
    match (request.url.origin().ascii_serialization().as_str(), request.url.path()) {
        (ISSUER, "/.well-known/openid-configuration") => Endpoint::Metadata,
        (ISSUER, "/keys") => Endpoint::Keys,
        (ISSUER, "/token") => Endpoint::Token,
        (ISSUER, "/revoke") => Endpoint::Revocation,
        (API, _) => Endpoint::Api,
        (origin, path) => unreachable_address(origin, path),
    }
}

/// A request that goes where nothing is has left rule 15 behind; there is no way to go on from there.
#[allow(clippy::panic, reason = "the run ends with it, and says where the request went")]
fn unreachable_address(origin: &str, path: &str) -> Endpoint {
    panic!("a request went astray: {origin}{path}")
}

fn fate(weather: &Weather, endpoint: Endpoint, dice: &mut Dice) -> Fate {
    let roll = dice.below(1_000);
    let mut edge = 0;
    let mut falls = |width: u64| {
        edge += width;
        roll < edge
    };
    if falls(weather.request_lost) {
        Fate::RequestLost
    } else if falls(weather.answer_lost) {
        Fate::AnswerLost
    } else if falls(weather.truncated) {
        if dice.chance(700) { Fate::Truncated } else { Fate::TooLarge }
    } else if falls(weather.unreachable) {
        if dice.chance(700) { Fate::Unreachable } else { Fate::Tls }
    } else if endpoint == Endpoint::Token && falls(weather.late) {
        Fate::Late
    } else if endpoint == Endpoint::Token && falls(weather.duplicated) {
        Fate::Duplicated
    } else if falls(weather.refused) {
        let wait = dice.chance(600).then(|| dice.between(1, 300));
        match dice.below(5) {
            0 | 1 => Fate::Instead(429, wait, r#"{"error":"too_many_requests"}"#),
            2 => Fate::Instead(503, wait, "{}"),
            3 => Fate::Instead(502, None, "<html>Bad Gateway</html>"),
            _ => Fate::FailsAfterwards,
        }
    } else if falls(weather.garbled) {
        match dice.below(4) {
            0 | 1 => Fate::Instead(200, None, "<html>Welcome to the hotel. Please accept our terms.</html>"),
            2 => Fate::Instead(401, None, r#"{"message":"unauthorized"}"#),
            _ => Fate::Instead(400, None, r#"{"error":"something_new","detail":"teapot"}"#),
        }
    } else {
        Fate::Arrives
    }
}
