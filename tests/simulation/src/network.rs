//! The transport of a simulated process: what a network between a phone and a server does to a request.

use std::collections::BTreeMap;

use async_trait::async_trait;
use hallpass_core::ports::{Transport, TransportError};
use hallpass_core::protocol::http::{Headers, Request, Response};
use tokio::time::{Duration, sleep};

use crate::dice::Dice;
use crate::ports::{NETWORK, Ports};
use crate::server::{API, Answer, Ended, ISSUER, http_date, keys, metadata};
use crate::token::Refresh;
use crate::world::{START, State, Weather};

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
    /// The same, but the second time after whatever the client did next.
    DuplicatedLater,
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
        let entered = self.world.state().now();
        // Calls of an API leave in an order that no seed decides, so they are no steps to be killed at.
        if endpoint != Endpoint::Api {
            self.step().await;
        }
        let journey = self.world.state().set_out(self.process, endpoint, request);
        let mut renewal = self.begin_renewal(&journey, entered);
        let outcome = self.travel(&journey).await;
        if endpoint != Endpoint::Api {
            self.step().await;
        }
        let mut state = self.world.state();
        let mut unanswered = None;
        if let Some(in_flight) = &mut renewal {
            in_flight.landed = true;
            let clean = state.arrive(self.process, in_flight.token, &outcome);
            if !clean && !in_flight.again {
                unanswered = Some((in_flight.token, in_flight.audience.clone()));
            }
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
        if journey.fate != Fate::Arrives && endpoint != Endpoint::Api {
            state.processes[self.process].hindered = true;
        }
        drop(state);
        if let Some((token, audience)) = unanswered {
            self.expect_again(token, &audience);
        }
        outcome
    }
}

impl Ports {
    fn begin_renewal(&self, journey: &Journey, entered: u64) -> Option<InFlight> {
        let token = Refresh::parse(journey.parameters.get("refresh_token")?)?;
        let audience = journey.parameters.get("audience").cloned().unwrap_or_default();
        let mut state = self.world.state();
        state.tell_of(self.process, &format!("network   renews {token} for `{audience}`: {:?}", journey.fate));
        state.check_renewal(self.process, token, &audience, entered);
        let present = &mut state.processes[self.process];
        present.renewals.insert((token, audience.clone()));
        let again = present.unanswered.remove(&(token, audience.clone()));
        drop(state);
        Some(InFlight { ports: self.clone(), token, audience, again, landed: false })
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
                self.act_later(journey, Duration::from_millis(TIMEOUT + 1 + journey.there * 10));
                sleep(Duration::from_millis(TIMEOUT)).await;
                return Err(TransportError::NoAnswer);
            }
            Fate::Arrives
            | Fate::AnswerLost
            | Fate::Duplicated
            | Fate::DuplicatedLater
            | Fate::Truncated
            | Fate::TooLarge
            | Fate::Instead(..)
            | Fate::FailsAfterwards => sleep(there).await,
        }
        let act = |again| {
            let mut state = self.world.state();
            let answer = state.act(self.process, journey.endpoint, &journey.request, &journey.parameters, again);
            state.response(answer)
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
            Fate::DuplicatedLater => {
                self.act_later(journey, Duration::from_millis(journey.there + 5 * journey.back));
                Ok(act(false))
            }
            Fate::Arrives | Fate::Unreachable | Fate::Tls | Fate::RequestLost | Fate::Late => Ok(act(false)),
        };
        sleep(back).await;
        outcome
    }

    /// A copy of the request reaches the server when nobody expects it.
    fn act_later(&self, journey: &Journey, late: Duration) {
        let (ports, endpoint, parameters) = (self.clone(), journey.endpoint, journey.parameters.clone());
        let request = journey.request.clone();
        tokio::spawn(async move {
            sleep(late).await;
            ports.world.state().act(ports.process, endpoint, &request, &parameters, true);
        });
    }

    /// A renewal has no answer that says what became of the token: the same token has to be sent again at once (rule 4).
    fn expect_again(&self, token: Refresh, audience: &str) {
        let (ports, key) = (self.clone(), (token, audience.to_owned()));
        let landed = {
            let mut state = self.world.state();
            state.processes[self.process].unanswered.insert(key.clone());
            state.now()
        };
        tokio::spawn(async move {
            sleep(AGAIN).await;
            let mut state = ports.world.state();
            let now = state.now();
            let present = &mut state.processes[ports.process];
            // Who was suspended for longer than a request may take has given it up already.
            let was_suspended = present.was_suspended && present.frozen_until + 4 * TIMEOUT > landed;
            let excused = !present.alive || was_suspended || present.may_wait_until > now;
            if present.unanswered.remove(&key) && !excused {
                state.violate("a lost answer is asked for again", &format!("{token} was not sent a second time"));
            }
        });
    }
}

/// By then a renewal without an answer is sent again: the engine waits for at most 610 ms, so that a crowd does not
/// come back as one.
const AGAIN: Duration = Duration::from_millis(1_000);

/// A renewal that the process waits for.
struct InFlight {
    ports: Ports,
    token: Refresh,
    audience: String,
    /// It is the second attempt.
    again: bool,
    landed: bool,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut state = self.ports.world.state();
        let process = self.ports.process;
        let key = (self.token, std::mem::take(&mut self.audience));
        state.processes[process].renewals.remove(&key);
        if !self.landed {
            if !self.again {
                state.processes[process].unanswered.insert(key);
            }
            let dead = !state.processes[process].alive;
            state.ledger.attempted(self.token, process, dead);
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
            Endpoint::Metadata => (200, metadata()).into(),
            Endpoint::Keys => (200, keys()).into(),
            Endpoint::Revocation => self.server.revoke(parameters),
            Endpoint::Api => {
                let bearer = request.headers.get("authorization").and_then(|value| value.strip_prefix("Bearer "));
                self.server.api(bearer.unwrap_or_default(), now)
            }
            Endpoint::Token => {
                let token = parameters.get("refresh_token").and_then(|token| Refresh::parse(token));
                let stolen = |state: &Self| {
                    let ended = token.and_then(|token| state.server.families[token.family].ended);
                    matches!(ended, Some(Ended::Reuse(_)))
                };
                let before = stolen(self);
                let answer = self.server.token(parameters, now, unix);
                if let Some(token) = token {
                    self.tell(&format!("server    answers {token} with {}", answer.status));
                    if !before && stolen(self) {
                        self.blame_reuse(process, token, again);
                    } else if again && answer.status == 200 {
                        self.ledger.doubled.insert((token.family, token.generation + 1));
                    }
                }
                answer
            }
        }
    }

    fn response(&self, answer: Answer) -> Response {
        let date = ("Date", http_date(self.server_unix()));
        let content_type = ("Content-Type", "application/json".to_owned());
        let headers = [content_type, date].into_iter().chain(answer.header).collect();
        Response { status: answer.status, headers, body: answer.body.to_string().into_bytes() }
    }

    /// Until when an answer asks to be left alone.
    fn told(&self, response: &Response) -> Option<u64> {
        let header = |name| response.headers.get(name);
        if let Some(seconds) = header("retry-after").and_then(|value| value.parse::<u64>().ok()) {
            return Some(self.now() + seconds * 1_000);
        }
        let date = header("retry-after").and_then(|value| httpdate::parse_http_date(value).ok());
        let date = date.and_then(|date| date.duration_since(std::time::UNIX_EPOCH).ok()).map(|since| since.as_secs());
        let reset = header("x-ratelimit-reset").filter(|_| response.status == 429);
        let unix = date.or_else(|| reset.and_then(|value| value.parse().ok()))?;
        let by_server = i64::try_from(unix).ok()?.checked_mul(1_000)? - START - self.device.server_offset;
        // A date says whole seconds, and a client's idea of the server's clock is as good as that.
        Some(u64::try_from(by_server).unwrap_or_default().saturating_sub(3_000))
    }

    /// The answer to a renewal reaches a process. Returns whether it says what became of the token.
    fn arrive(&mut self, process: usize, token: Refresh, outcome: &Result<Response, TransportError>) -> bool {
        let delivered = self.deliver(process, outcome);
        let told = outcome.as_ref().ok().and_then(|response| self.told(response));
        if let Some(until) = told {
            let now = self.now();
            let present = &mut self.processes[process];
            present.told_until = present.told_until.max(until);
            present.told_at = now;
            // A quarter more, so that a crowd does not come back as one; and what a date leaves open.
            present.may_wait_until = present.may_wait_until.max(until + until.saturating_sub(now) / 4 + 6_000);
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
        self.ledger.attempted(token, process, clean);
        clean || told.is_some()
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
            } else {
                self.processes[process].login = Some(token.family);
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
    } else if endpoint == Endpoint::Token && falls(weather.duplicated_later) {
        Fate::DuplicatedLater
    } else {
        Fate::Arrives
    }
}
