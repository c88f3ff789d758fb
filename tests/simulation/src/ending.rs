//! The end of a session: who is to blame when a spent token comes back, and whether the reason told is the true one.

use std::collections::BTreeSet;

use hallpass_core::LoginReason;

use crate::network::Arrival;
use crate::server::{Ended, Reuse};
use crate::token::Refresh;
use crate::world::{Process, State};

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
    /// The store showed nothing, and with it not the next token, which another process had saved.
    StoreVanished,
    /// None of the above: the client's fault.
    Avoidable,
}

impl Cause {
    /// Whether no client could have saved the session.
    pub(crate) fn is_unavoidable(self) -> bool {
        match self {
            Cause::AnswerLost
            | Cause::AskedInVain
            | Cause::Duplicate
            | Cause::Suspended
            | Cause::StoreRefused
            | Cause::StoreInvalidated
            | Cause::StoreVanished => true,
            Cause::GivenUp | Cause::Avoidable => false,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Cause::AnswerLost => "answer lost or process killed",
            Cause::AskedInVain => "answer lost, and so were those asked for in the reuse interval",
            Cause::GivenUp => "request given up before its answer came",
            Cause::Duplicate => "request delivered twice or late",
            Cause::Suspended => "next token in a suspended process",
            Cause::StoreRefused => "next token in another process, store refused it",
            Cause::StoreInvalidated => "next token in a store that lost its key",
            Cause::StoreVanished => "next token in a store that showed nothing",
            Cause::Avoidable => "avoidable",
        }
    }
}

/// For how long a refusal in other words has to last, in milliseconds: two minutes until it is written down, for which a slow
/// store takes its time.
const LASTING: u64 = 90_000;

impl State {
    /// What an app is shown: rules 6 and 16.
    pub(crate) fn check_seen(&mut self, process: usize, seen: &hallpass_core::State, shown: &str) {
        self.check_shown(shown);
        let reason = match seen {
            hallpass_core::State::SignedOut { reason } | hallpass_core::State::LoginRequired { reason, .. } => *reason,
            hallpass_core::State::SignedIn { .. } | hallpass_core::State::Restoring { .. } => return,
        };
        if self.processes[process].alive {
            let is_an_end = matches!(seen, hallpass_core::State::SignedOut { .. });
            if is_an_end == matches!(reason, LoginReason::NoRefreshToken | LoginReason::Refused) {
                self.violate("the state fits its reason", shown);
            }
            self.check_sign_out(process, reason);
        }
    }

    /// A spent token came back and the server ended the family: whose fault is it?
    pub(crate) fn blame_reuse(&mut self, process: usize, token: Refresh, arrival: Arrival, left: u64) {
        let newer = |other: &Refresh| other.family == token.family && other.generation > token.generation;
        let holders: Vec<usize> =
            self.ledger.delivered.iter().filter(|(other, _)| newer(other)).flat_map(|(_, to)| to.clone()).collect();
        let saved = self.ledger.durable.iter().any(newer);
        let elsewhere = holders.iter().any(|holder| *holder != process && self.processes[*holder].alive);
        // What a process sent before it was killed may arrive after what its successor sent.
        let late = arrival == Arrival::Again || !self.processes[process].alive;
        let cause = if late || self.ledger.doubled.contains(&(token.family, token.generation)) {
            Cause::Duplicate
        } else if self.knew_of_a_later_login(process, token, left) {
            Cause::Avoidable
        } else if arrival == Arrival::GivenUp {
            Cause::GivenUp
        } else if holders.contains(&process) {
            Cause::Avoidable
        } else if self.ledger.passed_over && (saved || elsewhere) {
            Cause::Suspended
        } else if saved && (self.processes.iter().any(|process| process.found_hidden) || self.is_unheard(token.family))
        {
            Cause::StoreVanished
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
        self.ledger.reuse.entry(token).or_insert((process, cause));
    }

    /// Whether `process` sent the token of a session although it knew of a later one of the same user, which ends with it.
    fn knew_of_a_later_login(&self, process: usize, token: Refresh, left: u64) -> bool {
        let families = &self.server.families;
        let later = self.processes[process].login.filter(|login| *login > token.family);
        later.is_some_and(|later| {
            self.server.rules.reuse == Reuse::EndsUser
                && families[later].user == families[token.family].user
                && self.ledger.delivered_before(later, process, left)
                && self.ledger.saved_at.get(&later).is_some_and(|at| *at < left)
        })
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
        *self.ledger.sign_outs.entry(reason.code()).or_default() += 1;
        let allowed = match reason {
            LoginReason::NoRefreshToken => !self.server.rules.offline_access,
            LoginReason::Refused => return self.check_refused(process),
            LoginReason::LoggedOut => self.was_logged_out(process),
            LoginReason::NotSignedIn => self.processes[process].found_nothing,
            LoginReason::StorageInvalidated => self.ledger.invalidated,
            LoginReason::Revoked | LoginReason::AnswerLost => self.is_right_end(process, family, reason),
        };
        if !allowed {
            let truth = family.map(|family| self.server.families[family].ended);
            self.violate("signed out only when told", &format!("{} while the server says {truth:?}", reason.code()));
        }
    }

    /// Whether a logout, or a login that takes its place, came after the user had signed in to the session: the present one
    /// of `process`, or one of the two before it, which callers may have asked for.
    fn was_logged_out(&self, process: usize) -> bool {
        let mut known = self.processes[process].newest.keys().rev().take(3);
        let born = known.next_back().or(self.processes[process].family.as_ref());
        born.map_or(self.ledger.logged_out, |family| {
            self.ledger.turned_at > self.ledger.signed_in_at(self.server.families[*family].login)
        })
    }

    /// Whether the user has logged out since they signed in to the session called `family`, in whatever process; also one
    /// that died before it had done so.
    pub(crate) fn was_ended_by_the_user(&self, family: usize) -> bool {
        let unfinished = self.ledger.logouts.iter().filter(|(process, _)| !self.processes[**process].alive);
        let asked = unfinished.map(|(_, asked)| *asked).max().max(self.ledger.logged_out_at);
        asked > self.ledger.signed_in_at(self.server.families[family].login)
    }

    /// Whether every process can know of each logout: no word of one was lost, and all took turns. The word of a logout
    /// that could read no record has a time and no name, and clocks that were set or began again say nothing.
    pub(crate) fn is_told(&self) -> bool {
        let ledger = &self.ledger;
        let is_undated = ledger.unnamed && (self.device.set_back || self.device.rebooted);
        !ledger.passed_over && !ledger.invalidated && !ledger.untold && !is_undated
    }

    /// Whether the user has logged out of the session, and another process may not have heard of it.
    pub(crate) fn is_unheard(&self, family: usize) -> bool {
        !self.is_told() && self.was_ended_by_the_user(family)
    }

    /// A process offers a login because the server keeps refusing in words of its own: it was refused three times, over
    /// two minutes, in the same words, and the token is kept.
    fn check_refused(&mut self, process: usize) {
        // As much as the process can know: the record says so too, and outlives the process that was refused. A caller may
        // have asked for the session before the present one, and a login that another took the place of is known as well.
        let present = &self.processes[process];
        let known = present.newest.values().rev().take(2).copied().chain(present.presented);
        let meant: BTreeSet<Refresh> = known.chain(self.storage.durable()).collect();
        let lasted = meant.iter().any(|token| {
            let said = self.ledger.refusals.get(token).map(Vec::as_slice).unwrap_or_default();
            said.len() >= 3 && said[said.len() - 1] - said[0] >= LASTING
        });
        if !lasted && !self.device.may_age() {
            let what = format!("none of {meant:?} was refused in other words for long");
            self.violate("refused only when it lasts", &what);
        }
    }

    fn is_right_end(&mut self, process: usize, family: Option<usize>, reason: LoginReason) -> bool {
        // A process that finds the end noted repeats what another one concluded.
        let concluded = self.ledger.concluded.iter().any(|(_, known)| *known == reason.code());
        if family.is_none() && concluded {
            return true;
        }
        let Some(family) = family.or_else(|| self.processes[self.storage.record()?.writer].family) else {
            return concluded;
        };
        if self.ledger.concluded.contains(&(family, reason.code())) {
            return true;
        }
        // Who read the end in the store speaks for the one who wrote it, and was killed before it could say so; who has saved
        // an end speaks for itself.
        let author = self.storage.record().filter(|entry| Refresh::within(&entry.text).is_none());
        let author = author.map(|entry| entry.writer);
        let own = author.is_none() || self.processes[process].has_ended.is_some();
        let speakers = [author, own.then_some(process)];
        speakers.into_iter().flatten().any(|speaker| self.is_right_end_of(speaker, family, reason, concluded))
    }

    fn is_right_end_of(&mut self, process: usize, family: usize, reason: LoginReason, concluded: bool) -> bool {
        let family = self.processes[process].family.unwrap_or(family);
        let token = self.processes[process].presented.filter(|token| token.family == family);
        let Some(token) = token else { return concluded };
        let (may_doubt, has_to_doubt) = (self.may_doubt(token, process), self.has_to_doubt(token, process));
        let first = self.ledger.concluded.iter().all(|(known, _)| *known != family);
        self.ledger.concluded.insert((family, reason.code()));
        match self.server.ended(token) {
            // Not even the server knows: somebody is signed out by accident.
            None => {
                self.ledger.spurious += 1;
                false
            }
            // It says so in words that are no word about the token.
            Some(_) if !self.server.rules.words.is_invalid_grant() => false,
            Some(Ended::Willed | Ended::ByClient | Ended::Collateral) => reason == LoginReason::Revoked || may_doubt,
            Some(Ended::Reuse(spent)) => {
                let (by, cause) = self.ledger.reuse.get(&spent).copied().unwrap_or((process, Cause::Avoidable));
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
                            || matches!(cause, Cause::Duplicate | Cause::StoreInvalidated | Cause::StoreVanished)
                    }
                    LoginReason::NotSignedIn
                    | LoginReason::NoRefreshToken
                    | LoginReason::StorageInvalidated
                    | LoginReason::Refused
                    | LoginReason::LoggedOut => false,
                };
                right && cause != Cause::Avoidable
            }
        }
    }

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
}
