//! What goes wrong with one request, between the device and the server and in the server.

use super::behaviour::Reply;
use super::odd_body::OddBody;

/// What goes wrong with a request.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// It does not reach the server, and the device knows.
    Unreachable,
    /// No secure connection.
    Tls,
    /// It is lost on the way to the server, and the device cannot know.
    RequestLost,
    /// Nothing comes for as long as a transport waits, and the server does not act.
    Hangs,
    /// The server acts, and its answer is lost.
    AnswerLost,
    /// The server acts, and its answer is cut off.
    Truncated,
    /// The server acts, and its answer is larger than anybody wants.
    TooLarge,
    /// The server acts, and its answer is odd in this way.
    Odd(OddBody),
    /// The server, or something before it, answers with this and does not act.
    Answer(u16, Vec<(&'static str, String)>, String),
    /// As `Answer`.
    Says(Reply),
    /// The server acts, and what the device gets is this.
    ActsAndSays(Reply),
    /// The request waits for `Server::release`; then the server acts.
    Held,
    /// The server acts, and its answer waits for `Server::release`.
    AnswerHeld,
}

/// Which renewals the server refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// Those of the login's own access token.
    Login,
    /// Those for this audience.
    Audience(&'static str),
    /// Those for exactly this scope.
    Scope(&'static str),
}

/// Renewals that the server refuses, and in which words. It does not act on them: the refresh token is as good as before.
#[derive(Debug, Clone)]
pub(super) struct Refusal {
    pub(super) target: Target,
    pub(super) reply: Reply,
    /// How many are still refused; `None` for all of them.
    pub(super) left: Option<usize>,
}

impl Refusal {
    pub(super) fn is_for(&self, audience: Option<&str>, scope: Option<&str>) -> bool {
        self.left != Some(0)
            && match self.target {
                Target::Login => audience.is_none() && scope.is_none(),
                Target::Audience(refused) => audience == Some(refused),
                Target::Scope(refused) => scope == Some(refused),
            }
    }
}
