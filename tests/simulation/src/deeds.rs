//! What callers and the user do: they ask, go away, sign in and log out, and hold what they are told against the books.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::time::{Duration, sleep};

use crate::client::Verb;
use crate::dice::Dice;
use crate::run::{AUDIENCES, Driver, Running, lock};
use crate::world::State;

impl Driver {
    pub(crate) fn callers(&mut self, running: &Running, count: u64, mut dice: Dice) {
        for _ in 0..count {
            let verb = match dice.below(10) {
                0 => Verb::Renew,
                1 | 2 => Verb::Call,
                _ => Verb::Credentials(dice.pick(&[0, 60, 60, 60, 600])),
            };
            let audience = if verb == Verb::Renew || dice.chance(600) { "" } else { dice.pick(&AUDIENCES) };
            let patience = dice.chance(150).then(|| dice.between(0, 3_000));
            self.call(running, verb, audience, patience);
        }
    }

    /// A caller, who goes away after `patience` milliseconds if that is given.
    pub(crate) fn call(&mut self, running: &Running, verb: Verb, audience: &'static str, patience: Option<u64>) {
        self.callers += 1;
        let (caller, process, client) = (self.callers, running.process, running.client.clone());
        let asked = self.world.state().asked(process, client.user(), audience);
        let world = Arc::clone(&self.world);
        let waiting = Arc::clone(&self.waiting);
        lock(&waiting).insert(caller, process);
        world.state().ledger.verbs += 1;
        world.state().tell_of(process, &format!("caller    {caller} asks: {verb:?} `{audience}`"));
        tokio::spawn(async move {
            let work = client.answer(verb, audience, caller);
            let answer = match patience {
                None => Some(work.await),
                Some(patience) => tokio::time::timeout(Duration::from_millis(patience), work).await.ok(),
            };
            lock(&waiting).remove(&caller);
            let mut state = world.state();
            if !state.processes[process].alive {
                return;
            }
            let line = match answer {
                None => "went away".to_owned(),
                Some(Ok(answered)) => {
                    state.ledger.answers += 1;
                    state.check_shown(&answered.shown);
                    match &answered.access_token {
                        Some(token) => {
                            state.check_access_token(process, token, &asked);
                            "has a token".to_owned()
                        }
                        None => "has an answer of the API".to_owned(),
                    }
                }
                Some(Err(error)) => {
                    state.ledger.answers += 1;
                    state.check_error(process, &error);
                    state.check_agreement(&error, &asked, client.user().as_deref());
                    format!("has an error: {}", error.code())
                }
            };
            state.tell_of(process, &format!("caller    {caller} {line}"));
        });
    }

    pub(crate) async fn log_in(&mut self, place: usize, user: &'static str) {
        let Some(running) = self.running[place].clone() else { return };
        self.log_in_aside(&running, user);
        sleep(Duration::from_secs(200)).await;
    }

    /// The user signs in while everything else goes on.
    pub(crate) fn log_in_aside(&mut self, running: &Running, user: &'static str) {
        self.callers += 1;
        let (caller, process, client) = (self.callers, running.process, running.client.clone());
        let world = Arc::clone(&self.world);
        let waiting = Arc::clone(&self.waiting);
        lock(&waiting).insert(caller, process);
        tokio::spawn(async move {
            let number = AtomicU64::new(u64::MAX);
            let outcome = async {
                let page = client.start_login().await?;
                let login = {
                    let mut state = world.state();
                    let now = state.now();
                    state.ledger.begin_login(process, now)
                };
                number.store(login, Ordering::Relaxed);
                sleep(Duration::from_millis(3_000)).await;
                let callback = {
                    let mut state = world.state();
                    state.tell_of(process, &format!("user      signs in as {user}"));
                    state.sign_in(&page, user, login)
                };
                client.finish_login(&callback.unwrap_or_default()).await
            }
            .await;
            lock(&waiting).remove(&caller);
            let mut state = world.state();
            if !state.processes[process].alive {
                return;
            }
            if outcome.is_ok() {
                state.processes[process].last_reason = None;
            }
            state.check_login(process, number.into_inner(), outcome.is_ok());
            match outcome {
                Ok(()) => state.tell_of(process, "user      is signed in"),
                Err(error) => {
                    state.check_shown(&format!("{error} {error:?}"));
                    state.tell_of(process, &format!("user      is not signed in: {}", error.code()));
                }
            }
        });
    }

    /// The process is killed while the browser is open; the next one gets the callback.
    pub(crate) async fn log_in_across_death(&mut self, place: usize, user: &'static str) {
        let Some(running) = self.running[place].take() else { return };
        let page = tokio::time::timeout(Duration::from_secs(60), running.client.start_login()).await;
        self.world.state().kill(running.process, "is killed behind the browser");
        drop(running);
        self.open(place);
        let (Ok(Ok(page)), Some(running)) = (page, self.running[place].clone()) else { return };
        let (callback, login) = {
            let mut state = self.world.state();
            state.tell(&format!("user      signs in as {user}"));
            let now = state.now();
            let login = state.ledger.begin_login(running.process, now);
            (state.sign_in(&page, user, login).unwrap_or_default(), login)
        };
        let world = Arc::clone(&self.world);
        tokio::spawn(async move {
            let outcome = running.client.finish_login(&callback).await;
            let mut state = world.state();
            if state.processes[running.process].alive {
                if outcome.is_ok() {
                    state.processes[running.process].last_reason = None;
                }
                state.check_login(running.process, login, outcome.is_ok());
                state.check_shown(&format!("{outcome:?}"));
                let line =
                    format!("user      resumes the login: {}", outcome.map_or_else(|error| error.code(), |()| "done"));
                state.tell_of(running.process, &line);
            }
        });
    }

    /// Waits until just after the newest access token has expired, and asks for one.
    pub(crate) async fn ask_after_expiry(&mut self, place: usize, anew: bool, number: u64) {
        let mut dice = Dice::of(self.world.seed, &[EXPIRY, number]);
        let left = {
            let state = self.world.state();
            let last = state.server.access.values().filter(|access| access.delivered.is_some());
            last.map(|access| access.expires).max().unwrap_or_default().saturating_sub(state.now())
        };
        if anew && let Some(running) = &self.running[place] {
            self.world.state().kill(running.process, "is killed");
        }
        sleep(Duration::from_millis(left + dice.pick(&[1_000, 20_000, 80_000, 3_000_000]))).await;
        self.reopen_dead(Dice::of(0, &[]), true);
        if let Some(running) = self.running[place].clone() {
            for audience in AUDIENCES {
                self.call(&running, Verb::Credentials(0), audience, None);
            }
        }
    }

    pub(crate) fn log_out(&mut self, running: &Running) {
        self.callers += 1;
        let (caller, process, client) = (self.callers, running.process, running.client.clone());
        let world = Arc::clone(&self.world);
        let waiting = Arc::clone(&self.waiting);
        lock(&waiting).insert(caller, process);
        {
            let mut state = world.state();
            state.ledger.logged_out = true;
            state.ledger.turns += 1;
            let now = state.now();
            state.ledger.turned_at = Some(now);
            state.ledger.logouts.insert(process, now);
            state.processes[process].erased = None;
            state.tell_of(process, "user      logs out");
        }
        let since = self.world.state().now();
        tokio::spawn(async move {
            let outcome = client.logout().await;
            lock(&waiting).remove(&caller);
            let mut state = world.state();
            if !state.processes[process].alive {
                return;
            }
            state.ledger.logouts.remove(&process);
            let line = match &outcome {
                Ok(revoked) => {
                    state.processes[process].logged_out = state.processes[process].erased;
                    // Nor can one name a session whose place was taken by who could not read its record.
                    let is_unreadable = state.ledger.vanished || state.processes.iter().any(|other| other.hindered);
                    state.ledger.unnamed |= state.processes[process].erased.is_none() || is_unreadable;
                    let now = state.now();
                    state.ledger.withdraw_logins(process, since, now);
                    state.ledger.logged_out_at = state.ledger.logged_out_at.max(Some(since));
                    if *revoked {
                        state.check_revoked(process);
                    }
                    format!("user      is logged out, revoked: {revoked}")
                }
                Err(error) => format!("user      is not logged out: {}", error.code()),
            };
            state.tell_of(process, &line);
        });
    }
}

impl State {
    /// The user signs in at the page `page`, as the login with this number; returns where the browser goes next.
    fn sign_in(&mut self, page: &url::Url, user: &'static str, login: u64) -> Option<String> {
        // Whoever was signed in is so no longer, once this comes through.
        self.ledger.logged_out |= self.ledger.signed_in;
        self.ledger.signed_in = true;
        self.ledger.turns += 1;
        self.ledger.turned_at = Some(self.now());
        self.ledger.comes_back(login, self.now());
        self.server.sign_in(page, user, login)
    }

    /// The app is told what came of a login.
    fn check_login(&mut self, process: usize, login: u64, is_signed_in: bool) {
        let known = self.processes[process].newest.keys().map(|family| self.server.families[*family].user).collect();
        if self.ledger.end_login(login, &self.server.families, &known) && is_signed_in {
            self.violate("a withdrawn login installs nothing", "the app was told that the user is signed in");
        }
    }

    /// A logout says that the server has revoked the refresh token: then the one that lives is revoked.
    fn check_revoked(&mut self, process: usize) {
        let present = &self.processes[process];
        // What a store that lost its key, or showed nothing and was written over, held of another process's renewals, nobody
        // knows.
        let was_hidden = self.processes.iter().any(|process| process.found_hidden);
        let is_unknown = present.hindered || was_hidden || self.ledger.passed_over || self.ledger.invalidated;
        let Some(family) = present.erased.filter(|_| !is_unknown) else { return };
        let Some(living) = self.server.families.get(family).map(|family| family.current) else { return };
        let in_flight =
            self.processes.iter().any(|other| other.renewals.iter().any(|(token, _)| token.family == family));
        let is_known = self.ledger.durable.contains(&living);
        if is_known && !in_flight && self.server.honours(living, self.now()) {
            self.violate("revoked means the living token", &format!("{living} lives on"));
        }
    }
}

const EXPIRY: u64 = 12;
