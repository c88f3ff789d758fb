//! What users, apps and systems do that a client has to stand: races of intents, calls in vain, many audiences.

use std::sync::LazyLock;

use tokio::time::{Duration, sleep};

use crate::client::Verb;
use crate::run::Driver;
use crate::scenario::Then;

/// How long the user takes in the browser, in milliseconds.
const IN_THE_BROWSER: u64 = 3_000;
/// For how long the session remembers that an API has refused an access token, in milliseconds.
const REMEMBERED: u64 = 30_000;

/// More audiences than a record keeps.
static TENANTS: LazyLock<Vec<String>> = LazyLock::new(|| (0..48).map(|number| format!("tenant{number}")).collect());

impl Driver {
    /// The user has signed in, and while the code is exchanged does something else.
    pub(crate) async fn race(&mut self, place: usize, user: &'static str, then: Then, after: u64) {
        let Some(running) = self.running[place].clone() else { return };
        self.log_in_aside(&running, user);
        sleep(Duration::from_millis(IN_THE_BROWSER + after)).await;
        match then {
            Then::Logout => self.log_out(&running),
            Then::Login(user) => self.log_in_aside(&running, user),
        }
    }

    /// The API takes no token for a while, and an app goes on calling it: that costs one renewal in thirty seconds.
    pub(crate) async fn call_in_vain(&mut self, place: usize, calls: u64) {
        let Some(running) = self.running[place].clone() else { return };
        let (begun, lifetime) = {
            let mut state = self.world.state();
            let now = state.now();
            state.server.api_refuses_until = now + (calls + 30) * 1_000;
            (now, state.server.rules.lifetime * 1_000)
        };
        for _ in 0..calls {
            self.call(&running, Verb::Call, "", None);
            sleep(Duration::from_secs(1)).await;
        }
        let mut state = self.world.state();
        let lasted = state.now() - begun;
        let renewed = |name: &str, delivered: Option<u64>| {
            name.split('-').nth(3) == Some("") && delivered.is_some_and(|at| at > begun)
        };
        let renewals =
            state.server.access.iter().filter(|(name, access)| renewed(name, access.delivered)).count() as u64;
        let allowed = 4 + lasted / REMEMBERED + 2 * lasted / lifetime;
        if renewals > allowed {
            let what = format!("{renewals} renewals for {calls} calls in {} s", lasted / 1_000);
            state.violate("a refusing API costs little", &what);
        }
    }

    /// An app that asks for a token for each of its tenants.
    pub(crate) async fn ask_for_tenants(&mut self, place: usize, count: usize) {
        let Some(running) = self.running[place].clone() else { return };
        for tenant in TENANTS.iter().take(count) {
            self.call(&running, Verb::Credentials(60), tenant, None);
            sleep(Duration::from_millis(500)).await;
        }
    }

    /// A caller asks for a new token, and has it before so many milliseconds are over.
    pub(crate) async fn ask_soon(&mut self, place: usize, millis: u64) {
        let Some(running) = self.running[place].clone() else { return };
        let asked = tokio::time::timeout(Duration::from_millis(millis), running.client.answer(Verb::Renew, "", 0));
        self.world.state().ledger.verbs += 1;
        let outcome = asked.await;
        let mut state = self.world.state();
        // Another fault may slow it down.
        if outcome.is_err() && state.script.happened == 0 {
            state.violate("metadata is renewed beside", &format!("no answer within {millis} ms"));
        }
    }

    /// A caller begins to ask.
    pub(crate) fn begin(&mut self, place: usize, verb: Verb, audience: &'static str) {
        if let Some(running) = self.running[place].clone() {
            self.call(&running, verb, audience, None);
        }
    }

    /// The app is opened anew while its store cannot be read.
    pub(crate) fn open_locked(&mut self, place: usize, millis: u64) {
        if let Some(running) = self.running[place].take() {
            let mut state = self.world.state();
            state.kill(running.process, "is killed");
            state.storage.locked_until = state.now() + millis;
            drop(state);
            self.open(place);
        }
    }
}
