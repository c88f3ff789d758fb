//! What must hold, and the books that are kept to judge it.
//!
//! The checks are called from where the thing happens: a request leaves, an answer arrives, a record is saved, a caller
//! is answered, a session ends. They know the truth of both sides, which neither side knows.

use std::collections::{BTreeMap, BTreeSet};

use hallpass_core::{Error, LoginReason};

use crate::ending::Cause;
use crate::intents::LoginBook;
use crate::token::{Refresh, is_shown_in};
use crate::world::State;

/// The books of a run.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// When, which rule, what.
    pub(crate) violations: Vec<(u64, &'static str, String)>,
    /// Sessions lost by accident, by cause.
    pub(crate) floor: BTreeMap<Cause, u64>,
    /// Who sent which token, or may have, and whether the process got an answer that left no doubt.
    attempts: BTreeMap<Refresh, Vec<(usize, bool)>>,
    /// Tokens that were in the store once.
    pub(crate) durable: BTreeSet<Refresh>,
    /// To which processes each token was delivered.
    pub(crate) delivered: BTreeMap<Refresh, Vec<usize>>,
    /// When each token was sent.
    pub(crate) sent: BTreeMap<Refresh, Vec<u64>>,
    /// Tokens that were sent in a request which the client gave up sooner than its transport would have, and which was
    /// what the server first acted on.
    pub(crate) given_up: BTreeSet<Refresh>,
    /// Generations of which the server made two tokens, because the network delivered the renewal twice: whichever the client
    /// got, the server may go on with the other, and no client can know.
    pub(crate) doubled: BTreeSet<(usize, u32)>,
    /// Who sent a spent token that the server took for stolen, and whose fault that is.
    pub(crate) reuse: BTreeMap<Refresh, (usize, Cause)>,
    /// When a renewal of the login's own was refused in other words than `invalid_grant`.
    pub(crate) refusals: BTreeMap<Refresh, Vec<u64>>,
    /// When the tokens of each login were saved first.
    pub(crate) saved_at: BTreeMap<usize, u64>,
    /// How often a process was told `invalid_grant`.
    pub(crate) invalid_grants: u64,
    /// A process once found nothing although a record was there.
    pub(crate) vanished: bool,
    /// A logout could not be written down for other processes.
    pub(crate) untold: bool,
    /// Whether one could not say of which session it was.
    pub(crate) unnamed: bool,
    /// The families whose tokens were asked to be revoked.
    pub(crate) revocations: BTreeSet<usize>,
    /// The logins that users have begun, by number.
    pub(crate) logins: Vec<LoginBook>,
    /// When a logout, or a login that takes a session's place, began last.
    pub(crate) turned_at: Option<u64>,
    /// When the user asked for the last logout that succeeded.
    pub(crate) logged_out_at: Option<u64>,
    /// The logouts that nobody knows the end of yet, or ever, by process: when each was asked for.
    pub(crate) logouts: BTreeMap<usize, u64>,
    pub(crate) signed_in: bool,
    pub(crate) logged_out: bool,
    pub(crate) invalidated: bool,
    /// The lease was passed over, because its holder was suspended.
    pub(crate) passed_over: bool,
    pub(crate) concluded: BTreeSet<(usize, &'static str)>,
    pub(crate) renewals: u64,
    pub(crate) answers: u64,
    pub(crate) verbs: u64,
    /// Logins and logouts that have begun.
    pub(crate) turns: u64,
    pub(crate) sign_outs: BTreeMap<&'static str, u64>,
    /// Sign-outs that the user neither asked for nor the server wanted.
    pub(crate) spurious: u64,
}

impl Ledger {
    /// A process sent `token`, or may have, and has a clean answer, or has none.
    pub(crate) fn attempted(&mut self, token: Refresh, process: usize, clean: bool) {
        self.attempts.entry(token).or_default().push((process, clean));
    }

    /// How many sessions were lost in ways that no client can prevent.
    pub(crate) fn unavoidable(&self) -> u64 {
        self.floor.iter().filter(|(cause, _)| cause.is_unavoidable()).map(|(_, count)| count).sum()
    }

    pub(crate) fn has_attempt(&self, token: Refresh, counts: impl Fn(usize, bool) -> bool) -> bool {
        self.attempts.get(&token).is_some_and(|all| all.iter().any(|(by, clean)| counts(*by, *clean)))
    }
}

impl State {
    /// A renewal leaves: rules 1, 4, 5 and 8.
    ///
    /// It was on its way out from `entered` on, and may have been suspended there.
    pub(crate) fn check_renewal(&mut self, process: usize, token: Refresh, audience: &str, entered: u64) {
        self.ledger.renewals += 1;
        let now = self.now();
        self.ledger.sent.entry(token).or_default().push(now);
        let rotation = self.server.rules.rotation;
        let present = &self.processes[process];
        let same = present.renewals.iter().any(|(other, of)| *other == token && (rotation || of == audience));
        let known = present.newest.get(&token.family).copied().unwrap_or(token);
        let (told_until, told_at) = (present.told_until, present.told_at);
        if rotation && !self.processes[process].noted.contains(&token) {
            self.violate("write down, then send", &format!("{token} is sent without a note in the store"));
        }
        if same {
            self.violate("one renewal at a time", &format!("{token} is in flight already"));
        }
        if known.generation > token.generation {
            self.violate("no superseded token", &format!("{token} is sent although the process knows {known}"));
        }
        let durable = self.storage.durable().filter(|durable| durable.family == token.family);
        if self.lease == Some(process)
            && !self.ledger.passed_over
            && durable.is_some_and(|durable| durable.generation > token.generation)
        {
            self.violate("no superseded token", &format!("{token} is sent although the store holds a newer one"));
        }
        if told_until > now && told_at < entered {
            self.violate("wait as told", &format!("sent {} ms before the server allows", told_until - now));
        }
        let present = &mut self.processes[process];
        (present.presented, present.has_renewed) = (Some(token), true);
    }

    /// A caller got an access token: rules 3, 9, 10 and rule 1's "of one account and audience".
    pub(crate) fn check_access_token(&mut self, process: usize, token: &str, asked: &Asked) {
        let now = self.now();
        let Some(access) = self.server.access.get(token).copied() else {
            return self.violate("whose token", "a token that the server never issued");
        };
        if access.is_withheld {
            self.violate("whose token", "a token that came with another user's or client's identity");
        }
        if asked.user.as_deref().is_some_and(|user| user != access.user) {
            self.violate("whose token", &format!("a token of {} for a caller who asked for another user", access.user));
        }
        if token.split('-').nth(3) != Some(asked.audience) {
            self.violate("whose token", "a token for another audience");
        }
        if asked.after_logout_of.is_some_and(|last| access.refresh.family <= last) && self.is_told() {
            self.violate("no token after a logout", &format!("a token of login {}", access.refresh.family));
        }
        // Or one that came after it: who did not wait for the lease may find that another process has gone further.
        let came_with = access.refresh;
        let as_good = self.ledger.durable.range(Refresh { serial: 0, ..came_with }..).next();
        let rotates = self.server.rules.rotation && self.server.rules.offline_access;
        if rotates && as_good.is_none_or(|durable| durable.family != came_with.family) {
            self.violate("save, then publish", &format!("given out before {came_with} was saved"));
        }
        // The device counts from when it had the answer; what the answer travelled is beyond its knowledge.
        let travelled = access.delivered.map_or(0, |delivered| {
            delivered.saturating_sub(access.expires.saturating_sub(self.server.rules.lifetime * 1_000))
        });
        let slack = travelled + SLOWEST_STORE;
        if now > access.expires + slack && !self.device.is_lost() {
            self.violate("no expired token", &format!("expired {} ms ago", now - access.expires));
        }
        self.processes[process].last_reason = None;
    }

    /// Something that is meant to be logged must hold no secret: rule 16.
    pub(crate) fn check_shown(&mut self, text: &str) {
        if is_shown_in(text) {
            self.violate("no secret is shown", &text.replace(crate::token::MARK, "…"));
        }
    }

    /// A caller was answered with an error.
    pub(crate) fn check_error(&mut self, process: usize, error: &Error) {
        self.check_shown(&format!("{error} {error:?}"));
        match error {
            Error::LoginRequired { reason } => self.check_sign_out(process, *reason),
            Error::Internal { reference } => self.violate("no internal error", reference),
            Error::Cancelled
            | Error::StepUpRequired { .. }
            | Error::Offline { .. }
            | Error::Denied { .. }
            | Error::Storage { .. }
            | Error::Untrusted { .. }
            | Error::Misconfigured { .. } => {}
        }
    }
}

/// How long a slow store takes at most between an answer's arrival and its publication, in milliseconds.
const SLOWEST_STORE: u64 = 30_000;

/// What a caller asked for.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// The user by the session's state when the call began, if it was known.
    pub(crate) user: Option<String>,
    pub(crate) audience: &'static str,
    /// The latest login whose logout had returned when the call began.
    pub(crate) after_logout_of: Option<usize>,
    /// How many logins and logouts had begun.
    pub(crate) turns: u64,
}

impl State {
    /// What a caller of `process` asks for now.
    pub(crate) fn asked(&self, process: usize, user: Option<String>, audience: &'static str) -> Asked {
        let after_logout_of = self.processes[process].logged_out;
        Asked { user, audience, after_logout_of, turns: self.ledger.turns }
    }

    /// A caller is told that a login is required: the state says so too, unless the user did something meanwhile.
    pub(crate) fn check_agreement(&mut self, error: &Error, asked: &Asked, user: Option<&str>) {
        let Error::LoginRequired { reason } = error else { return };
        let same = user.is_some() && asked.user.as_deref() == user && asked.turns == self.ledger.turns;
        if same && !matches!(reason, LoginReason::NoRefreshToken | LoginReason::Refused) {
            self.violate("an error agrees with the state", &format!("{} while the user is signed in", reason.code()));
        }
    }
}
