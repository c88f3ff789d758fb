//! What users have begun: logins, what took their place, and what must not come of them any more (rule 12).

use std::collections::BTreeSet;

use crate::ledger::Ledger;
use crate::server::Family;
use crate::world::State;

/// A login that a user began.
#[derive(Debug)]
pub(crate) struct LoginBook {
    /// The process that began it, or that goes on with it, and when.
    process: usize,
    begun: u64,
    /// When the user came back from the browser.
    signed_in: Option<u64>,
    /// The tokens it came to, when a process had them, and which.
    answered: Option<(usize, u64, usize)>,
    /// The session that this process had then.
    beside: Option<usize>,
    /// When a logout, or a later login, had taken its place.
    withdrawn: Option<u64>,
    /// Whether the app was told what came of it.
    is_over: bool,
    /// Whether the same user had a session when the app was told: one that lived, or that the process knew.
    is_spared: bool,
}

impl Ledger {
    /// A user has begun a login in `process`, which takes the place of an earlier one; returns its number.
    pub(crate) fn begin_login(&mut self, process: usize, now: u64) -> u64 {
        self.withdraw_logins(process, now, now);
        self.logins.push(LoginBook {
            process,
            begun: now,
            signed_in: None,
            answered: None,
            beside: None,
            withdrawn: None,
            is_over: false,
            is_spared: false,
        });
        self.logins.len() as u64 - 1
    }

    /// What was asked for at `since`, a logout or another login, is done: it takes the place of what was begun before.
    pub(crate) fn withdraw_logins(&mut self, process: usize, since: u64, now: u64) {
        let earlier = |login: &&mut LoginBook| login.process == process && !login.is_over && login.begun < since;
        for login in self.logins.iter_mut().filter(earlier) {
            login.withdrawn.get_or_insert(now);
        }
    }

    /// The tokens of a login reach a process.
    pub(crate) fn login_answered(
        &mut self,
        login: u64,
        family: usize,
        process: usize,
        now: u64,
        beside: Option<usize>,
    ) {
        if let Some(login) = self.login(login) {
            login.beside = beside;
            login.answered = Some((family, now, process));
        }
    }

    /// The app is told what came of a login; returns whether it was withdrawn before its answer came.
    pub(crate) fn end_login(&mut self, login: u64, families: &[Family], known: &BTreeSet<&str>) -> bool {
        self.login(login).is_some_and(|login| {
            login.is_over = true;
            let own = login.answered.map(|(family, ..)| family);
            login.is_spared = own.is_some_and(|own| {
                let lives = |(number, other): (usize, &Family)| {
                    number != own && other.user == families[own].user && other.ended.is_none()
                };
                known.contains(families[own].user) || families.iter().enumerate().any(lives)
            });
            login.withdrawn.zip(login.answered).is_some_and(|(withdrawn, (_, answered, _))| withdrawn < answered)
        })
    }

    /// Whether `process` had the tokens of the login called `family` before the instant `left`.
    pub(crate) fn delivered_before(&self, family: usize, process: usize, left: u64) -> bool {
        let answers = self.logins.iter().filter_map(|login| login.answered);
        answers.into_iter().any(|(of, at, to)| of == family && to == process && at < left)
    }

    /// Whether the login called `family` had been withdrawn before the instant `at`.
    pub(crate) fn was_withdrawn(&self, family: usize, at: u64) -> bool {
        self.logins.iter().any(|login| {
            login.answered.is_some_and(|(of, ..)| of == family)
                && login.withdrawn.is_some_and(|withdrawn| withdrawn < at)
        })
    }

    /// The user comes back from the browser.
    pub(crate) fn comes_back(&mut self, login: u64, now: u64) {
        if let Some(login) = self.login(login) {
            login.signed_in = Some(now);
        }
    }

    /// When the user came back from the browser with this login.
    pub(crate) fn signed_in_at(&self, login: u64) -> Option<u64> {
        self.logins.get(usize::try_from(login).ok()?)?.signed_in
    }

    fn login(&mut self, number: u64) -> Option<&mut LoginBook> {
        self.logins.get_mut(usize::try_from(number).ok()?)
    }
}

impl State {
    /// What came too late is good for nobody: its tokens are revoked, unless that would end a session of the same user.
    pub(crate) fn check_withdrawn_logins(&mut self) {
        let late: Vec<(usize, usize, Option<usize>)> = self
            .ledger
            .logins
            .iter()
            .filter(|login| !login.is_spared)
            .filter_map(|login| Some((login.answered?, login.withdrawn?, login.beside)))
            .filter(|((_, answered, _), withdrawn, _)| withdrawn < answered)
            .map(|((family, _, process), _, beside)| (family, process, beside))
            .collect();
        for (family, process, beside) in late {
            let families = &self.server.families;
            let user = families[family].user;
            let lives =
                |(number, other): (usize, &Family)| number != family && other.user == user && other.ended.is_none();
            let is_spared =
                beside.is_some_and(|beside| families[beside].user == user) || families.iter().enumerate().any(lives);
            let present = &self.processes[process];
            let excused = !present.alive || present.hindered || present.was_suspended || is_spared;
            if !excused && !self.ledger.revocations.contains(&family) {
                self.violate("what came too late is revoked", &format!("login {family} is not"));
            }
        }
    }
}
