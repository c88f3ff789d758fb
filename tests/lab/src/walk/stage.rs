//! Where the walk takes place: the tenant, the app, and the judge who holds each claim against what the servers saw.

use std::fmt::Display;
use std::time::{Duration, Instant};

use hallpass_tenant::{Endpoint, LoggedRequest, Tenant};

use super::app::App;
use super::event::{Event, StepResult, Summary};
use super::narrator::Narrator;
use crate::drive::MovableClock;

/// The tenant, the app and the results so far.
pub(super) struct Stage {
    pub(super) tenant: Tenant,
    pub(super) app: App,
    pub(super) device_clock: MovableClock,
    /// Whether the user signs in by hand in the system browser.
    pub(super) by_hand: bool,
    narrator: Narrator,
    begun: Instant,
    steps: Vec<StepResult>,
    step_begun: Instant,
}

/// A point in the tenant's log of requests.
#[derive(Clone, Copy)]
pub(super) struct Mark(u64);

impl Stage {
    pub(super) fn new(tenant: Tenant, app: App, device_clock: MovableClock, by_hand: bool, narrator: Narrator) -> Self {
        let begun = Instant::now();
        Self { tenant, app, device_clock, by_hand, narrator, begun, steps: Vec::new(), step_begun: begun }
    }

    /// Begins the next step.
    pub(super) fn step(&mut self, number: u8, title: &str) {
        self.step_ends();
        self.step_begun = Instant::now();
        let title = title.to_owned();
        self.narrator.tell(&Event::Step { number, title: title.clone() });
        self.steps.push(StepResult { number, title, passed: true, checks: 0, failures: Vec::new(), seconds: 0.0 });
    }

    fn step_ends(&mut self) {
        if let Some(step) = self.steps.last_mut() {
            step.seconds = self.step_begun.elapsed().as_secs_f64();
            // A step that checked nothing has shown nothing.
            step.passed = step.failures.is_empty() && step.checks > 0;
        }
    }

    /// A word on what is about to happen.
    pub(super) fn note(&self, text: &str) {
        self.narrator.tell(&Event::Note { text: text.to_owned() });
    }

    /// What the app shows.
    pub(super) fn said(&self, text: &str) {
        self.narrator.tell(&Event::Said { text: text.to_owned() });
    }

    /// Checks that `seen` is as `expected`.
    pub(super) fn equals(&mut self, claim: &str, expected: impl Display, seen: impl Display) {
        let (expected, seen) = (expected.to_string(), seen.to_string());
        self.checked(claim, expected == seen, Some(expected), Some(seen));
    }

    /// Checks that `claim` holds; `seen` says what was seen when it does not.
    pub(super) fn holds(&mut self, claim: &str, holds: bool, seen: impl Display) {
        self.checked(claim, holds, None, (!holds).then(|| seen.to_string()));
    }

    /// Returns the result of `outcome`; an error is a claim that did not hold.
    pub(super) fn succeeds<T, E: Display>(&mut self, claim: &str, outcome: Result<T, E>) -> Option<T> {
        match outcome {
            Ok(result) => Some(result),
            Err(error) => {
                self.checked(claim, false, None, Some(error.to_string()));
                None
            }
        }
    }

    fn checked(&mut self, claim: &str, passed: bool, expected: Option<String>, seen: Option<String>) {
        let Some(step) = self.steps.last_mut() else { return };
        step.checks += 1;
        if !passed {
            step.failures.push(claim.to_owned());
        }
        let number = step.number;
        self.narrator.tell(&Event::Check { step: number, claim: claim.to_owned(), passed, expected, seen });
    }

    /// The present end of the tenant's log.
    pub(super) fn mark(&self) -> Mark {
        Mark(self.tenant.requests().last().map_or(0, |request| request.number))
    }

    /// What the tenant and the API were asked since `mark`, but for the icon that a real browser may want at any time.
    pub(super) fn since(&self, mark: Mark) -> Vec<LoggedRequest> {
        let later = |request: &LoggedRequest| request.number > mark.0 && request.path != "/favicon.ico";
        self.tenant.requests().into_iter().filter(later).collect()
    }

    /// Checks that exactly these requests were seen since `mark`, in this order.
    pub(super) fn sees(&mut self, claim: &str, mark: Mark, expected: &str) {
        let seen = listed(&self.since(mark));
        self.equals(claim, expected, seen);
    }

    /// Waits for `wait`, and tells how long it still takes.
    pub(super) async fn wait(&self, wait: Duration, until: &str) {
        let deadline = Instant::now() + wait;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let seconds_left = left.as_millis().div_ceil(1000) as u64;
            self.narrator.tell(&Event::Waiting { seconds_left, until: until.to_owned() });
            if left.is_zero() {
                return;
            }
            // To the next whole second before the deadline.
            tokio::time::sleep(left - Duration::from_secs(seconds_left.saturating_sub(1))).await;
        }
    }

    /// Ends the walk with its table; returns whether every step passed.
    pub(super) fn ends(mut self) -> (Tenant, bool) {
        self.step_ends();
        let passed = !self.steps.is_empty() && self.steps.iter().all(|step| step.passed);
        let checks = self.steps.iter().map(|step| step.checks).sum();
        let seconds = self.begun.elapsed().as_secs_f64();
        self.narrator.tell(&Event::Finished(Summary { passed, steps: self.steps, checks, seconds }));
        (self.tenant, passed)
    }
}

/// Requests on one line, such as `POST /oauth/token 200, API GET / 401`.
pub(super) fn listed(requests: &[LoggedRequest]) -> String {
    let listed: Vec<String> = requests.iter().map(one).collect();
    if listed.is_empty() { "nothing".to_owned() } else { listed.join(", ") }
}

fn one(request: &LoggedRequest) -> String {
    let api = if request.endpoint == Endpoint::Api { "API " } else { "" };
    let status = request.status().map_or_else(|| "no answer".to_owned(), |status| status.to_string());
    format!("{api}{} {} {status}", request.method, request.path)
}
