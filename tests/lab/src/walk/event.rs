//! What a walk has to tell: to people as text, to machines as JSON. Secrets are taken out before anything gets here.

use serde::Serialize;

/// Something that happened. In JSON, one object a line, with the name as `event`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum Event {
    /// The tenant and the API run.
    Started {
        /// The issuer.
        tenant: String,
        /// Where the API is.
        api: String,
        /// The dashboard.
        dashboard: String,
        /// The client.
        client_id: String,
    },
    /// A step begins.
    Step {
        /// Its number in the exercise.
        number: u8,
        /// What it shows.
        title: String,
    },
    /// A word on what is about to happen.
    Note {
        /// The word.
        text: String,
    },
    /// A request and what came of it.
    Exchange(Exchange),
    /// The app shows something, as in the exercise's debug area.
    Said {
        /// What.
        text: String,
    },
    /// Time passes.
    Waiting {
        /// Whole seconds to go.
        seconds_left: u64,
        /// What for.
        until: String,
    },
    /// A claim of the exercise, held against what was seen.
    Check {
        /// The step's number.
        step: u8,
        /// What has to be so.
        claim: String,
        /// Whether it is.
        passed: bool,
        /// What it should have been.
        #[serde(skip_serializing_if = "Option::is_none")]
        expected: Option<String>,
        /// What it was.
        #[serde(skip_serializing_if = "Option::is_none")]
        seen: Option<String>,
    },
    /// The walk is over.
    Finished(Summary),
}

/// A request and its answer, without secrets.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Exchange {
    /// Who sent it.
    pub(super) by: Party,
    /// The method.
    pub(super) method: String,
    /// The address, without its query.
    pub(super) url: String,
    /// The parameters of the query, and of a form.
    pub(super) parameters: Vec<(String, String)>,
    /// The header fields that matter.
    pub(super) headers: Vec<(String, String)>,
    /// A JSON body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) body: Option<String>,
    /// The answer; `None` when none came.
    pub(super) answer: Option<Answer>,
}

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Answer {
    /// The status.
    pub(super) status: u16,
    /// The header fields that matter.
    pub(super) headers: Vec<(String, String)>,
    /// The body, or what is to say about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) body: Option<String>,
}

/// Who sends a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Party {
    /// The app, mostly by way of the core.
    App,
    /// The browser in which the user signs in.
    Browser,
}

/// How it all went.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Summary {
    /// Whether every claim held.
    pub(super) passed: bool,
    /// The steps, in their order.
    pub(super) steps: Vec<StepResult>,
    /// How many claims were checked.
    pub(super) checks: usize,
    /// How long it took, in seconds.
    pub(super) seconds: f64,
}

/// How a step went.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct StepResult {
    /// Its number in the exercise.
    pub(super) number: u8,
    /// What it shows.
    pub(super) title: String,
    /// Whether every claim held, and there was one.
    pub(super) passed: bool,
    /// How many claims were checked.
    pub(super) checks: usize,
    /// The claims that did not hold.
    pub(super) failures: Vec<String>,
    /// How long it took, in seconds.
    pub(super) seconds: f64,
}
