//! The transport of a simulated process: what a network between a phone and a server does to a request.

use std::collections::BTreeMap;

use async_trait::async_trait;
use hallpass_core::ports::{Transport, TransportError};
use hallpass_core::protocol::http::{Headers, Request, Response};
use tokio::sync::oneshot;
use tokio::time::{Duration, sleep};

use crate::asking::InFlight;
use crate::fate::Fate;
use crate::ports::{NETWORK, Ports};
use crate::script::{Fault, Point};
use crate::server::{API, Answer, Ended, ISSUER, Issued, http_date};
use crate::token::Refresh;
use crate::world::{START, State};

/// A client gives up after this long, as the transport port demands.
pub(crate) const TIMEOUT: u64 = 30_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Metadata,
    Keys,
    Token,
    Revocation,
    Api,
}

/// One request on its way.
#[derive(Clone)]
pub(crate) struct Journey {
    pub(crate) endpoint: Endpoint,
    pub(crate) fate: Fate,
    pub(crate) there: u64,
    pub(crate) back: u64,
    /// When it left.
    pub(crate) left: u64,
    pub(crate) request: Request,
    pub(crate) parameters: BTreeMap<String, String>,
}

#[async_trait]
impl Transport for Ports {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let endpoint = endpoint(&request);
        let entered = self.world.state().now();
        // Calls of an API leave in an order that no seed decides, so they are no steps to be killed at.
        if endpoint != Endpoint::Api {
            let leaving = Leaving(self);
            self.step().await;
            std::mem::forget(leaving);
        }
        let journey = self.world.state().set_out(self.process, endpoint, request);
        let mut renewal = InFlight::begin(self, &journey, entered);
        let (outcome, issued) = {
            let _otherwise = renewal.is_none().then(|| Otherwise::begin(self));
            self.travel(&journey).await
        };
        if endpoint != Endpoint::Api {
            self.step().await;
        }
        let mut state = self.world.state();
        let mut landing = None;
        if let Some(in_flight) = &mut renewal {
            landing = Some(in_flight.land(&mut state, &outcome, issued));
        } else if let Some(issued) = issued {
            state.deliver(self.process, issued);
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
        if let (Some(in_flight), Some(landing)) = (&renewal, landing) {
            in_flight.expect_what_follows(landing);
        }
        outcome
    }
}

/// A request about to leave. Whoever gives it up while the process is suspended takes it for lost, although it never left.
struct Leaving<'a>(&'a Ports);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.0.world.state().processes[self.0.process].gave_up_unsent = true;
    }
}

impl Ports {
    async fn travel(&self, journey: &Journey) -> (Result<Response, TransportError>, Option<Issued>) {
        let there = Duration::from_millis(journey.there);
        let lost = |error| (Err(error), None);
        match &journey.fate {
            Fate::Unreachable => {
                sleep(there).await;
                return lost(TransportError::Unreachable);
            }
            Fate::Tls => {
                sleep(there).await;
                return lost(TransportError::Tls);
            }
            Fate::RequestLost => {
                sleep(Duration::from_millis(TIMEOUT)).await;
                return lost(TransportError::NoAnswer);
            }
            Fate::Late => {
                self.act_later(journey, Duration::from_millis(TIMEOUT + 1 + journey.there * 10));
                sleep(Duration::from_millis(TIMEOUT)).await;
                return lost(TransportError::NoAnswer);
            }
            Fate::Arrives
            | Fate::AnswerLost
            | Fate::Duplicated
            | Fate::DuplicatedLater
            | Fate::Truncated
            | Fate::CutAtTheEnd
            | Fate::TooLarge
            | Fate::Instead(..)
            | Fate::FailsAfterwards(..) => {}
        }
        let back = Duration::from_millis(journey.back);
        let outcome = match &journey.fate {
            Fate::Instead(status, wait, body) => {
                sleep(there).await;
                (Ok(instead(*status, *wait, body)), None)
            }
            Fate::AnswerLost => {
                self.act(journey).await;
                sleep(Duration::from_millis(TIMEOUT.saturating_sub(journey.there))).await;
                return lost(TransportError::NoAnswer);
            }
            Fate::TooLarge => {
                self.act(journey).await;
                lost(TransportError::TooLarge { limit: journey.request.max_response_bytes })
            }
            Fate::Truncated | Fate::CutAtTheEnd => {
                let (mut response, issued) = self.act(journey).await;
                let length = response.body.len();
                let kept = if journey.fate == Fate::Truncated { length / 2 } else { length.saturating_sub(4) };
                response.body.truncate(kept);
                // The members come in the order of the alphabet, and only the last one is cut off.
                let is_compressed = response.headers.get("content-encoding").is_some();
                let whole = issued.filter(|_| journey.fate == Fate::CutAtTheEnd && !is_compressed);
                (Ok(response), whole.map(|issued| Issued { access_token: None, is_clear: false, ..issued }))
            }
            Fate::FailsAfterwards(status, wait) => {
                self.act(journey).await;
                (Ok(instead(*status, *wait, "{}")), None)
            }
            Fate::Duplicated => {
                let (response, issued) = self.act(journey).await;
                self.act_later(journey, Duration::ZERO);
                (Ok(response), issued)
            }
            Fate::DuplicatedLater => {
                self.act_later(journey, Duration::from_millis(journey.there + 5 * journey.back));
                let (response, issued) = self.act(journey).await;
                (Ok(response), issued)
            }
            Fate::Arrives | Fate::Unreachable | Fate::Tls | Fate::RequestLost | Fate::Late => {
                let (response, issued) = self.act(journey).await;
                (Ok(response), issued)
            }
        };
        sleep(back).await;
        outcome
    }

    /// The request reaches the server, also when the client has given it up meanwhile.
    async fn act(&self, journey: &Journey) -> (Response, Option<Issued>) {
        let (sender, receiver) = oneshot::channel();
        let (ports, journey) = (self.clone(), journey.clone());
        tokio::spawn(async move {
            sleep(Duration::from_millis(journey.there)).await;
            let arrival = if sender.is_closed() { Arrival::GivenUp } else { Arrival::Expected };
            let mut state = ports.world.state();
            let mut answer = state.act(ports.process, &journey, arrival);
            let issued = answer.issued.take();
            // Nobody may be waiting for it any more.
            let _ = sender.send((state.response(answer), issued));
        });
        receiver.await.expect("the server always answers")
    }

    /// A copy of the request reaches the server when nobody expects it.
    fn act_later(&self, journey: &Journey, late: Duration) {
        let (ports, journey) = (self.clone(), journey.clone());
        tokio::spawn(async move {
            sleep(late).await;
            ports.world.state().act(ports.process, &journey, Arrival::Again);
        });
    }
}

/// What a gateway or a portal says.
fn instead(status: u16, wait: Option<u64>, body: &str) -> Response {
    let mut headers = Headers::new();
    if let Some(wait) = wait {
        headers.push("Retry-After", wait.to_string());
    }
    headers.push("Content-Type", if body.starts_with('<') { "text/html" } else { "application/json" });
    Response { status, headers, body: body.as_bytes().to_vec() }
}

/// A request that is no renewal.
struct Otherwise<'a>(&'a Ports);

impl<'a> Otherwise<'a> {
    fn begin(ports: &'a Ports) -> Self {
        ports.world.state().processes[ports.process].asks_otherwise += 1;
        Self(ports)
    }
}

impl Drop for Otherwise<'_> {
    fn drop(&mut self) {
        let mut state = self.0.world.state();
        let now = state.now();
        let process = &mut state.processes[self.0.process];
        process.asks_otherwise -= 1;
        process.asked_otherwise_at = now;
    }
}

/// How a request comes to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// The client waits for the answer.
    Expected,
    /// It came before, or the network delivers it after the client's transport has given up.
    Again,
    /// The client has not waited for as long as a transport would.
    GivenUp,
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
        let left = self.now();
        let fate = if self.weather.offline_until > left {
            Fate::Unreachable
        } else if endpoint == Endpoint::Metadata && self.weather.metadata_hangs_until > left {
            Fate::RequestLost
        } else {
            Fate::roll(&self.weather, endpoint, &mut dice)
        };
        let fate = self.scripted(endpoint, &parameters).unwrap_or(fate);
        if endpoint == Endpoint::Revocation
            && let Some(token) = parameters.get("token").and_then(|token| Refresh::parse(token))
        {
            self.ledger.revocations.insert(token.family);
        }
        Journey { endpoint, fate, there, back, left, request, parameters }
    }

    /// What a script has in mind for a request.
    fn scripted(&mut self, endpoint: Endpoint, parameters: &BTreeMap<String, String>) -> Option<Fate> {
        let token = parameters.get("refresh_token").and_then(|token| Refresh::parse(token));
        let point = match endpoint {
            Endpoint::Api => return None,
            Endpoint::Token if token.is_some() => Point::Renewal,
            Endpoint::Metadata | Endpoint::Keys | Endpoint::Token | Endpoint::Revocation => Point::Request(endpoint),
        };
        match self.script.pass(point)? {
            Fault::Network(fate) => Some(fate),
            Fault::Odd(oddity) => {
                self.server.next_oddity = Some(oddity);
                None
            }
            Fault::Hiccup => Some(Fate::Instead(400, None, r#"{"error":"invalid_grant"}"#)),
            Fault::Kill
            | Fault::Suspend(_)
            | Fault::Locked
            | Fault::Fails
            | Fault::KeyGone
            | Fault::Vanishes(_)
            | Fault::Stale => None,
        }
    }

    /// The server acts on a request.
    fn act(&mut self, process: usize, journey: &Journey, arrival: Arrival) -> Answer {
        let Journey { endpoint, request, parameters, .. } = journey;
        let (now, unix) = (self.now(), self.server_unix());
        match endpoint {
            Endpoint::Metadata => {
                let lifetime = self.server.rules.metadata_lifetime;
                let header = lifetime.map(|seconds| ("Cache-Control", format!("max-age={seconds}")));
                Answer { headers: header.into_iter().collect(), ..(200, self.server.metadata()).into() }
            }
            Endpoint::Keys => (200, self.server.keys()).into(),
            Endpoint::Revocation => self.revoke(process, journey),
            Endpoint::Api => {
                let bearer = request.headers.get("authorization").and_then(|value| value.strip_prefix("Bearer "));
                self.server.api(bearer.unwrap_or_default(), now)
            }
            Endpoint::Token if request.url.path() != self.server.token_path() => {
                Answer { status: 404, body: b"<html>Not Found</html>".to_vec(), ..Answer::default() }
            }
            Endpoint::Token => {
                let token = parameters.get("refresh_token").and_then(|token| Refresh::parse(token));
                let stolen = |state: &Self| {
                    let ended = token.and_then(|token| state.server.ended(token));
                    matches!(ended, Some(Ended::Reuse(_)))
                };
                let before = stolen(self);
                let answer = self.server.token(parameters, now, unix);
                if let Some(token) = token {
                    let odd = answer.oddity.map_or(String::new(), |oddity| format!(", {oddity:?}"));
                    self.tell(&format!("server    answers {token} with {}{odd}", answer.status));
                    if !before && stolen(self) {
                        self.blame_reuse(process, token, arrival, journey.left);
                    } else if arrival == Arrival::GivenUp && answer.status == 200 {
                        self.ledger.given_up.insert(token);
                    } else if arrival == Arrival::Again && answer.status == 200 {
                        self.ledger.doubled.insert((token.family, token.generation + 1));
                    }
                }
                answer
            }
        }
    }

    /// A revocation arrives: it must not end a session that the client knows to be alive.
    fn revoke(&mut self, process: usize, journey: &Journey) -> Answer {
        let alive = |state: &Self, family: usize| state.server.families[family].ended.is_none();
        let known: Vec<usize> = match self.processes[process].login {
            Some(login) if self.ledger.saved_at.get(&login).is_some_and(|at| *at < journey.left) => vec![login],
            Some(_) | None => Vec::new(),
        };
        let before: Vec<usize> = known.into_iter().filter(|family| alive(self, *family)).collect();
        let answer = self.server.revoke(&journey.parameters);
        for family in before {
            let signed_in = self.ledger.signed_in_at(self.server.families[family].login);
            let is_logging_out = self.ledger.logouts.get(&process).copied() > signed_in;
            let is_logged_out = self.ledger.logged_out_at > signed_in;
            let over = self.processes[process].erased >= Some(family) || is_logging_out || is_logged_out;
            if self.server.families[family].ended == Some(Ended::Collateral) && !over {
                self.violate("a late revocation ends no living session", &format!("login {family} is over with it"));
            }
        }
        answer
    }

    fn response(&self, answer: Answer) -> Response {
        let date = ("Date", http_date(self.server_unix()));
        let content_type =
            ("Content-Type", if answer.body.starts_with(b"<") { "text/html" } else { "application/json" });
        let named = (!answer.body.is_empty()).then(|| (content_type.0, content_type.1.to_owned()));
        let headers = named.into_iter().chain([date]).chain(answer.headers).collect();
        Response { status: answer.status, headers, body: answer.body }
    }

    /// Until when an answer asks to be left alone.
    pub(crate) fn told(&self, response: &Response) -> Option<u64> {
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

    /// Notes the tokens that an answer brings.
    pub(crate) fn deliver(&mut self, process: usize, issued: Issued) {
        let now = self.now();
        if let Some(access) = issued.access_token.and_then(|token| self.server.access.get_mut(&token)) {
            access.delivered = Some(now);
        }
        if let Some(token) = issued.refresh {
            self.ledger.delivered.entry(token).or_default().push(process);
            if token.generation > 0 {
                self.learns(process, token);
            } else {
                self.processes[process].login = Some(token.family);
                let login = self.server.families[token.family].login;
                let beside = self.processes[process].family;
                self.ledger.login_answered(login, token.family, process, now, beside);
            }
        }
    }
}

fn endpoint(request: &Request) -> Endpoint {
    match (request.url.origin().ascii_serialization().as_str(), request.url.path()) {
        (ISSUER, "/.well-known/openid-configuration") => Endpoint::Metadata,
        (ISSUER, "/keys") => Endpoint::Keys,
        (ISSUER, "/token" | "/oauth/token") => Endpoint::Token,
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
