//! What must hold, and the books that are kept to judge it.
//!
//! The checks are called from where the thing happens: a request leaves, an answer arrives, a record is saved, a caller
//! is answered, a session ends. They know the truth of both sides, which neither side knows.

use std::collections::{BTreeMap, BTreeSet};

use hallpass_core::{Error, LoginReason};

use crate::network::Arrival;
use crate::server::Ended;
use crate::token::{Refresh, is_shown_in};
use crate::world::{Process, State};

/// The books of a run.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// When, which rule, what.
    pub(crate) violations: Vec<(u64, &'static str, String)>,
    /// Sessions lost in ways that no client can prevent, by cause.
    pub(crate) floor: BTreeMap<Cause, u64>,
    /// Who sent which token, or may have, and whether the process got an answer that left no doubt.
    attempts: BTreeMap<Refresh, Vec<(usize, bool)>>,
    /// Tokens that were in the store once.
    pub(crate) durable: BTreeSet<Refresh>,
    /// To which processes each token was delivered.
    pub(crate) delivered: BTreeMap<Refresh, Vec<usize>>,
    /// When each token was sent.
    sent: BTreeMap<Refresh, Vec<u64>>,
    /// Tokens that were sent in a request which the client gave up sooner than its transport would have, and which was
    /// what the server first acted on.
    pub(crate) given_up: BTreeSet<Refresh>,
    /// Generations of which the server made two tokens, because the network delivered the renewal twice: whichever the client
    /// got, the server may go on with the other, and no client can know.
    pub(crate) doubled: BTreeSet<(usize, u32)>,
    /// How the family ended when a spent token came back.
    reuse: BTreeMap<usize, (usize, Cause)>,
    pub(crate) signed_in: bool,
    pub(crate) logged_out: bool,
    pub(crate) invalidated: bool,
    /// The lease was passed over, because its holder was suspended.
    pub(crate) passed_over: bool,
    concluded: BTreeSet<(usize, &'static str)>,
    pub(crate) renewals: u64,
    pub(crate) answers: u64,
    pub(crate) verbs: u64,
    /// Logins and logouts that have begun.
    pub(crate) turns: u64,
    pub(crate) sign_outs: BTreeMap<&'static str, u64>,
    /// Sign-outs that the user neither asked for nor the server wanted.
    pub(crate) spurious: u64,
}

/// Why a session could not be saved by anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cause {
    /// The answer with the next token was lost, or the process died before it was saved, and the server forgives no second
    /// use, or not for long enough.
    AnswerLost,
    /// The same, and within the reuse interval the process asked again, and had no answer to that either.
    AskedInVain,
    /// The client gave a request up sooner than its transport would have.
    GivenUp,
    /// The network delivered one request twice, or after the client had given up on it.
    Duplicate,
    /// A suspended process held the next token.
    Suspended,
    /// A store that took no writes left the next token in the memory of another process.
    StoreRefused,
    /// The store lost its key, and with it the next token, which another process had saved.
    StoreInvalidated,
    /// No client could have been blamed for less: none of the above.
    Avoidable,
}

impl Cause {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Cause::AnswerLost => "answer lost or process killed",
            Cause::AskedInVain => "answer lost, and so were those asked for in the reuse interval",
            Cause::GivenUp => "request given up before its answer came",
            Cause::Duplicate => "request delivered twice or late",
            Cause::Suspended => "next token in a suspended process",
            Cause::StoreRefused => "next token in another process, store refused it",
            Cause::StoreInvalidated => "next token in a store that lost its key",
            Cause::Avoidable => "avoidable",
        }
    }
}

impl Ledger {
    /// A process sent `token`, or may have, and has a clean answer, or has none.
    pub(crate) fn attempted(&mut self, token: Refresh, process: usize, clean: bool) {
        self.attempts.entry(token).or_default().push((process, clean));
    }

    /// How many sessions were lost in ways that no client can prevent.
    pub(crate) fn unavoidable(&self) -> u64 {
        self.floor.iter().filter(|(cause, _)| **cause != Cause::Avoidable).map(|(_, count)| count).sum()
    }

    fn has_attempt(&self, token: Refresh, counts: impl Fn(usize, bool) -> bool) -> bool {
        self.attempts.get(&token).is_some_and(|all| all.iter().any(|(by, clean)| counts(*by, *clean)))
    }
}

impl State {
    /// Whether `process` may doubt what became of `token`.
    fn may_doubt(&self, token: Refresh, process: usize) -> bool {
        let others = self.processes.iter().enumerate().filter(|(other, _)| *other != process);
        let in_the_air = |other: &Process| other.renewals.iter().any(|(renewed, _)| *renewed == token);
        self.ledger.has_attempt(token, |by, clean| by != process || !clean)
            || self.processes[process].read_of.contains(&token)
            || others.into_iter().any(|(_, other)| in_the_air(other))
            || self.processes[process].was_suspended && self.processes[process].noted.contains(&token)
    }

    /// Whether `process` has to doubt what became of `token`: it has no answer itself, or has read another's note.
    fn has_to_doubt(&self, token: Refresh, process: usize) -> bool {
        self.ledger.has_attempt(token, |by, clean| by == process && !clean)
            || self.processes[process].read_of.contains(&token)
    }

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
        if told_until > now && (told_at < entered || entered == now) {
            self.violate("wait as told", &format!("sent {} ms before the server allows", told_until - now));
        }
        let present = &mut self.processes[process];
        (present.presented, present.has_renewed) = (Some(token), true);
    }

    /// A spent token came back and the server ended the family: whose fault is it?
    pub(crate) fn blame_reuse(&mut self, process: usize, token: Refresh, arrival: Arrival) {
        let newer = |other: &Refresh| other.family == token.family && other.generation > token.generation;
        let holders: Vec<usize> =
            self.ledger.delivered.iter().filter(|(other, _)| newer(other)).flat_map(|(_, to)| to.clone()).collect();
        let saved = self.ledger.durable.iter().any(newer);
        let elsewhere = holders.iter().any(|holder| *holder != process && self.processes[*holder].alive);
        // What a process sent before it was killed may arrive after what its successor sent.
        let late = arrival == Arrival::Again || !self.processes[process].alive;
        let cause = if late || self.ledger.doubled.contains(&(token.family, token.generation)) {
            Cause::Duplicate
        } else if arrival == Arrival::GivenUp {
            Cause::GivenUp
        } else if holders.contains(&process) {
            Cause::Avoidable
        } else if self.ledger.passed_over && (saved || elsewhere) {
            Cause::Suspended
        } else if saved && self.ledger.invalidated {
            Cause::StoreInvalidated
        } else if saved {
            Cause::Avoidable
        } else if elsewhere {
            Cause::StoreRefused
        } else if self.ledger.given_up.contains(&token) {
            Cause::GivenUp
        } else if self.was_asked_in_vain(token) {
            Cause::AskedInVain
        } else {
            Cause::AnswerLost
        };
        self.tell(&format!("server    takes {token} for stolen: {}", cause.name()));
        self.ledger.reuse.entry(token.family).or_insert((process, cause));
    }

    /// Whether `token` was sent again while the server would still have taken it.
    fn was_asked_in_vain(&self, token: Refresh) -> bool {
        let Some(spent) = self.server.families[token.family].spent(token) else { return false };
        let forgiven = spent..spent + self.server.rules.reuse_interval;
        self.ledger.sent.get(&token).is_some_and(|sent| sent.iter().any(|at| forgiven.contains(at)))
    }

    /// A process says that the session is over for `reason`: rules 4 and 6.
    pub(crate) fn check_sign_out(&mut self, process: usize, reason: LoginReason) {
        if self.processes[process].last_reason.replace(reason) == Some(reason) {
            return;
        }
        let family = self.processes[process].family;
        let allowed = match reason {
            LoginReason::NoRefreshToken => false,
            LoginReason::LoggedOut => self.ledger.logged_out,
            LoginReason::NotSignedIn => self.processes[process].found_nothing,
            LoginReason::StorageInvalidated => self.ledger.invalidated,
            LoginReason::Revoked | LoginReason::AnswerLost => self.is_right_end(process, family, reason),
        };
        *self.ledger.sign_outs.entry(reason.code()).or_default() += 1;
        if !allowed {
            let truth = family.map(|family| self.server.families[family].ended);
            self.violate("signed out only when told", &format!("{} while the server says {truth:?}", reason.code()));
        }
    }

    fn is_right_end(&mut self, process: usize, family: Option<usize>, reason: LoginReason) -> bool {
        // A process that finds the end noted repeats what another one concluded.
        let concluded = self.ledger.concluded.iter().any(|(_, known)| *known == reason.code());
        let Some(family) = family.or_else(|| self.processes[self.storage.record()?.writer].family) else {
            return concluded;
        };
        if self.ledger.concluded.contains(&(family, reason.code())) {
            return true;
        }
        // Who read the end in the store speaks for the one who wrote it, and was killed before it could say so.
        let author = self.storage.record().filter(|entry| Refresh::within(&entry.text).is_none());
        let author = author.map(|entry| entry.writer);
        let process = author.unwrap_or(process);
        let family = self.processes[process].family.unwrap_or(family);
        let token = self.processes[process].presented.filter(|token| token.family == family);
        let Some(token) = token else { return concluded };
        let (may_doubt, has_to_doubt) = (self.may_doubt(token, process), self.has_to_doubt(token, process));
        let first = self.ledger.concluded.iter().all(|(known, _)| *known != family);
        self.ledger.concluded.insert((family, reason.code()));
        match self.server.families[family].ended {
            // Not even the server knows: somebody is signed out by accident.
            None => {
                self.ledger.spurious += 1;
                false
            }
            Some(Ended::Willed | Ended::ByClient) => reason == LoginReason::Revoked || may_doubt,
            Some(Ended::Reuse(spent)) => {
                let (by, cause) = self.ledger.reuse.get(&family).copied().unwrap_or((process, Cause::Avoidable));
                if first {
                    self.ledger.spurious += 1;
                    *self.ledger.floor.entry(cause).or_default() += 1;
                }
                // Who did not send the spent token sees a session that the server ended, which is the truth.
                let right = match reason {
                    LoginReason::AnswerLost => may_doubt,
                    LoginReason::Revoked => {
                        spent != token
                            || by != process
                            || !has_to_doubt
                            || matches!(cause, Cause::Duplicate | Cause::StoreInvalidated)
                    }
                    LoginReason::NotSignedIn
                    | LoginReason::NoRefreshToken
                    | LoginReason::StorageInvalidated
                    | LoginReason::LoggedOut => false,
                };
                right && cause != Cause::Avoidable
            }
        }
    }

    /// A caller got an access token: rules 3, 9, 10 and rule 1's "of one account and audience".
    pub(crate) fn check_access_token(&mut self, process: usize, token: &str, asked: &Asked) {
        let now = self.now();
        let Some(access) = self.server.access.get(token).copied() else {
            return self.violate("whose token", "a token that the server never issued");
        };
        if asked.user.as_deref().is_some_and(|user| user != access.user) {
            self.violate("whose token", &format!("a token of {} for a caller who asked for another user", access.user));
        }
        if token.split('-').nth(3) != Some(asked.audience) {
            self.violate("whose token", "a token for another audience");
        }
        if asked.after_logout_of.is_some_and(|last| access.refresh.family <= last) {
            self.violate("no token after a logout", &format!("a token of login {}", access.refresh.family));
        }
        // Or one that came after it: who did not wait for the lease may find that another process has gone further.
        let came_with = access.refresh;
        let as_good = self.ledger.durable.range(Refresh { serial: 0, ..came_with }..).next();
        if self.server.rules.rotation && as_good.is_none_or(|durable| durable.family != came_with.family) {
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
        if same && *reason != LoginReason::NoRefreshToken {
            self.violate("an error agrees with the state", &format!("{} while the user is signed in", reason.code()));
        }
    }
}
