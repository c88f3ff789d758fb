//! A renewal in the air, and what has to follow when no answer comes to it (rules 4 and 8): the same token is asked with
//! again, at once and then less and less often, for a minute. Once a token: after that it is the callers who ask.

use hallpass_core::ports::TransportError;
use hallpass_core::protocol::http::Response;
use tokio::time::{Duration, sleep};

use crate::fate::Fate;
use crate::network::{Journey, TIMEOUT};
use crate::ports::Ports;
use crate::server::Issued;
use crate::token::Refresh;
use crate::world::State;

/// The pauses before a process asks again, in milliseconds and with what it may add so that a crowd does not come as one:
/// before the second try of a renewal, and before those that the engine makes by itself.
const PAUSES: [u64; 6] = [1_000, 2_250, 3_500, 6_000, 11_000, 21_000];
/// For how long after the first loss it goes on.
const WINDOW: u64 = 60_000;
/// By then it has, also where others had their turn first.
const LATER: u64 = 5 * WINDOW;
/// How long a process that waits for the lease may take from its end until it sends: it looks now and then whether the
/// lease is free, and then at the record.
const LOOK_AND_SAVE: u64 = 250;
/// What a slow store still takes for an operation that it has begun. In milliseconds.
const SLOWEST: u64 = 10_000;
/// By how much a client may take the server's clock for slower than it is: an answer travels for as long as a request may
/// take. In milliseconds.
const CLOCK_ERROR: u64 = TIMEOUT;
/// Until when after `invalid_grant` it has asked once more, in milliseconds.
const SECOND_ASK: u64 = LATER;
/// How often it may ask by itself.
pub(crate) const OF_ITS_OWN: u64 = 5;

/// A token to which a process has had no answer once.
#[derive(Debug)]
pub(crate) struct Loss {
    /// When the first answer was lost.
    began: u64,
    /// How often the token was tried since, the first time included.
    tries: usize,
    /// When the latest try left, and when it came to its end.
    left: u64,
    landed: u64,
    /// When it asks again is not to be foreseen: there was an answer, the server said when to come back, or the process
    /// found the token noted and has asked before.
    over: bool,
}

/// Names a loss: the token and, where it is used for several audiences at once, the audience.
pub(crate) type Lost = (Refresh, String);

/// A renewal that the process waits for.
pub(crate) struct InFlight {
    ports: Ports,
    token: Refresh,
    audience: String,
    /// Whether an answer would come to whoever waits for it.
    is_answered: bool,
    left: u64,
    landed: bool,
    /// Whether `invalid_grant` is being asked for once more.
    is_second_ask: bool,
}

/// What came of a renewal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Landing {
    /// The server's word about the token.
    Word,
    /// Nobody knows whether the server has acted.
    Lost,
    /// It has not, and says so in words that are no word about the token.
    Refused,
    /// It has not.
    Unused,
    /// The server said when to come back.
    Told,
}

impl InFlight {
    /// A renewal leaves, if `journey` is one.
    pub(crate) fn begin(ports: &Ports, journey: &Journey, entered: u64) -> Option<Self> {
        let token = Refresh::parse(journey.parameters.get("refresh_token")?)?;
        let audience = journey.parameters.get("audience").cloned().unwrap_or_default();
        let mut state = ports.world.state();
        let left = state.now();
        state.tell_of(ports.process, &format!("network   renews {token} for `{audience}`: {:?}", journey.fate));
        state.check_renewal(ports.process, token, &audience, entered);
        state.processes[ports.process].renewals.insert((token, audience.clone()));
        let due = &mut state.processes[ports.process].second_ask_due;
        let is_second_ask = audience.is_empty() && due.take_if(|due| *due == token).is_some();
        let lost = state.lost(token, &audience);
        if let Some(loss) = state.processes[ports.process].losses.get_mut(&lost) {
            loss.left = left;
        }
        drop(state);
        let is_answered = matches!(journey.fate, Fate::Arrives | Fate::Duplicated | Fate::DuplicatedLater);
        Some(Self { ports: ports.clone(), token, audience, is_answered, left, landed: false, is_second_ask })
    }

    /// The answer reaches the process, or the process knows that there is none.
    pub(crate) fn land(
        &mut self,
        state: &mut State,
        outcome: &Result<Response, TransportError>,
        issued: Option<Issued>,
    ) -> Landing {
        self.landed = true;
        let landing = state.arrive(self.ports.process, self.token, outcome, issued);
        let now = state.now();
        let is_gone = outcome.as_ref().is_ok_and(|response| response.status == 404);
        if landing == Landing::Refused && self.audience.is_empty() {
            state.ledger.refusals.entry(self.token).or_default().push(now);
        }
        if landing == Landing::Word && self.audience.is_empty() {
            state.processes[self.ports.process].second_ask_due = Some(self.token);
        }
        if is_gone || landing == Landing::Word && self.audience.is_empty() {
            state.processes[self.ports.process].told_over = Some((self.token, now));
        }
        landing
    }

    /// Sees to it that the process does what has to follow.
    pub(crate) fn expect_what_follows(&self, landing: Landing) {
        let mut state = self.ports.world.state();
        let (now, rotation) = (state.now(), state.server.rules.rotation);
        let lost = state.lost(self.token, &self.audience);
        let present = &mut state.processes[self.ports.process];
        let (losses, found_noted, told_over) = (&mut present.losses, present.found_noted, present.told_over);
        // What was found interrupted is asked for as well, from the start on and whatever comes of the first try.
        let was_interrupted = found_noted == Some(self.token);
        // Told when to come back, the process asks again, if at all, at a time of its own.
        if matches!(landing, Landing::Lost | Landing::Told) || was_interrupted {
            let over = was_interrupted || landing == Landing::Told;
            let new = Loss { began: now, tries: 0, left: self.left, landed: 0, over };
            losses.entry(lost.clone()).or_insert(new);
        }
        let Some(loss) = losses.get_mut(&lost) else { return };
        // `invalid_grant`, and an endpoint that is gone, are followed by one more try, and not by two.
        let is_soon = told_over.is_some_and(|(token, at)| token == self.token && self.left < at + SECOND_ASK);
        // It may have waited for the turns of many audiences.
        let is_second_ask = self.is_second_ask || is_soon;
        if is_second_ask && loss.tries == 0 {
            loss.tries = 1;
        }
        let paused = self.left.saturating_sub(loss.landed) >= PAUSES[0];
        loss.tries += 1;
        loss.landed = now;
        loss.over |= matches!(landing, Landing::Word | Landing::Told | Landing::Refused);
        // What a caller asks for later on is tried twice, as the first time.
        let first_of_two = landing == Landing::Lost && paused && self.left > loss.began + LATER;
        let pause = match PAUSES.get(loss.tries - 1) {
            _ if first_of_two && !is_second_ask => PAUSES[0],
            Some(pause) if (rotation || loss.tries == 1) && !loss.over && now + pause <= loss.began + WINDOW => *pause,
            Some(_) | None => return,
        };
        drop(state);
        self.expect_again(lost, now, Duration::from_millis(pause));
    }

    fn expect_again(&self, lost: Lost, landed: u64, pause: Duration) {
        let ports = self.ports.clone();
        tokio::spawn(async move {
            sleep(pause).await;
            // An endpoint that is gone has the metadata asked for, and the pause begins after that.
            let asked_otherwise_at = ports.world.state().processes[ports.process].asked_otherwise_at;
            sleep(Duration::from_millis(asked_otherwise_at.saturating_sub(landed))).await;
            let mut state = ports.world.state();
            let Some(loss) = state.processes[ports.process].losses.get(&lost) else { return };
            let (began, follows) = (loss.began, loss.landed != landed || loss.left >= landed || loss.over);
            if !follows && !state.is_kept_from_asking(ports.process, lost.0, began) {
                let what = format!("{} was not sent again within {} ms", lost.0, pause.as_millis());
                state.violate("a lost answer is asked for again", &what);
            }
        });
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let process = self.ports.process;
        let is_alive = {
            let mut state = self.ports.world.state();
            state.processes[process].renewals.remove(&(self.token, self.audience.clone()));
            if self.landed {
                return;
            }
            let is_alive = state.processes[process].alive;
            let spent = state.server.families[self.token.family].spent(self.token);
            let waited = state.now() - self.left;
            if is_alive && self.is_answered && waited < TIMEOUT && spent >= Some(self.left) {
                state.ledger.given_up.insert(self.token);
            }
            state.ledger.attempted(self.token, process, !is_alive);
            state.tell_of(process, &format!("network   nobody waits for the renewal of {} any more", self.token));
            is_alive
        };
        // Not when the run is over, and its runtime with it.
        if is_alive && tokio::runtime::Handle::try_current().is_ok() {
            self.expect_what_follows(Landing::Lost);
        }
    }
}

impl State {
    fn lost(&self, token: Refresh, audience: &str) -> Lost {
        (token, if self.server.rules.rotation { String::new() } else { audience.to_owned() })
    }

    /// Whether something keeps `process` from asking with `token`, or has done so since `began`.
    fn is_kept_from_asking(&self, process: usize, token: Refresh, began: u64) -> bool {
        let now = self.now();
        let present = &self.processes[process];
        // Who was suspended for longer than a request may take has given it up already.
        let was_suspended = present.was_suspended && present.frozen_until + 4 * TIMEOUT > began;
        let is_passed = present.newest.range(token.family..).any(|(_, newest)| *newest != token);
        let has_read_nothing_to_ask = present.nothing_to_ask_at >= Some(began);
        let store_refuses = present.refused_at >= Some(began) || self.storage.slow_until + SLOWEST > began;
        let lease_is_taken = self.lease.is_some_and(|holder| holder != process);
        let lease_was_taken =
            self.lease_let_go.is_some_and(|(holder, at)| holder != process && at + LOOK_AND_SAVE > now);
        let in_the_air = present.renewals.iter().any(|(renewed, _)| *renewed == token);
        !present.alive
            || in_the_air
            || present.gave_up_unsent
            || was_suspended
            || is_passed
            || has_read_nothing_to_ask
            || store_refuses
            || lease_is_taken
            || lease_was_taken
            || present.may_wait_until + CLOCK_ERROR > now
            || present.asks_otherwise > 0
            || self.was_ended_by_the_user(token.family)
            || self.storage.durable() != Some(token)
    }

    /// The answer to a renewal reaches a process. Returns what it says of the token.
    fn arrive(
        &mut self,
        process: usize,
        token: Refresh,
        outcome: &Result<Response, TransportError>,
        issued: Option<Issued>,
    ) -> Landing {
        let delivered = issued.as_ref().is_some_and(|issued| issued.is_clear || issued.refresh.is_some());
        if let Some(issued) = issued {
            self.deliver(process, issued);
        }
        let told = outcome.as_ref().ok().and_then(|response| self.told(response));
        if let Some(until) = told {
            let now = self.now();
            let present = &mut self.processes[process];
            present.told_until = present.told_until.max(until);
            present.told_at = now;
            // A quarter more, so that a crowd does not come back as one; and what a date leaves open.
            present.may_wait_until = present.may_wait_until.max(until + until.saturating_sub(now) / 4 + 6_000);
        }
        let landing = match outcome {
            Ok(response) => said(response, delivered),
            Err(TransportError::Unreachable | TransportError::Tls | TransportError::InvalidRequest) => Landing::Unused,
            Err(TransportError::NoAnswer | TransportError::TooLarge { .. }) => Landing::Lost,
        };
        self.ledger.invalid_grants += u64::from(landing == Landing::Word && !delivered);
        self.ledger.attempted(token, process, landing != Landing::Lost);
        if told.is_some() { Landing::Told } else { landing }
    }
}

/// What an answer says of the token that was sent.
fn said(response: &Response, delivered: bool) -> Landing {
    let text = String::from_utf8_lossy(&response.body);
    let is_whole = text.ends_with('}') || response.status >= 400;
    let is_refusal = is_whole && text.starts_with('{') && text.contains("\"error\"");
    match response.status {
        _ if delivered || is_whole && text.contains("\"invalid_grant\"") => Landing::Word,
        200..300 if is_refusal => Landing::Refused,
        // A gateway may say this after the server has acted.
        200..300 | 408 | 500.. => Landing::Lost,
        400..=403 if text.is_empty() || text.starts_with('{') => Landing::Refused,
        _ => Landing::Unused,
    }
}
