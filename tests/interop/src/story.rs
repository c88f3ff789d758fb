//! The story: everything that happens to a session between its first login and its last logout.
//!
//! Each step is a check with one outcome; what differs between servers is in [`Manners`](crate::server::Manners), never
//! here.

mod end;
mod life;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hallpass_core::adapters::{MemoryStore, Reqwest};
use hallpass_core::{Error, LoginReason, OfflineCause, Session, State};
use tokio::time::{sleep, timeout};
use url::Url;

use crate::http::{Http, json};
use crate::person::{Journey, Person};
use crate::process::Running;
use crate::record::Run;
use crate::server::{Facts, LOGGED_OUT_URI, REDIRECT_URI, Server};
use crate::wire::{Exchange, Wire};

/// No story takes this long, not even with a slow server on a busy machine.
const LIMIT: Duration = Duration::from_secs(8 * 60);

/// After failures the core waits for less.
const LONGEST_WAIT: Duration = Duration::from_secs(120);

/// Plays the story at `server`, from a start with nothing to its stop.
///
/// # Errors
/// The step that did not go as it should, and why.
pub(crate) async fn play(server: &dyn Server) -> Result<Run> {
    let facts = server.facts();
    let http = Http::new()?;
    let running = Running::start(server.launch(), &facts.folder, &http).await.context("start")?;
    server.provision(&http).await.context("set-up")?;
    let mut story = Story::begin(server, running, http)?;
    timeout(LIMIT, story.all()).await.context("the story does not end")??;
    story.running.take().context("it was started again")?.stop().await?;
    Ok(story.run)
}

/// A story in play.
struct Story<'a> {
    server: &'a dyn Server,
    facts: &'a Facts,
    running: Option<Running>,
    http: Http,
    person: Person,
    wire: Wire,
    session: Session,
    /// Whether the server has ended the session without the core being able to know.
    is_dead: bool,
    run: Run,
}

impl<'a> Story<'a> {
    fn begin(server: &'a dyn Server, running: Running, http: Http) -> Result<Self> {
        let facts = server.facts();
        let person = Person::new(Arc::new(Reqwest::new()?), facts.user, facts.agrees);
        let wire = Wire::new(Reqwest::new()?);
        let config = facts.config.clone().post_logout_redirect_uri(LOGGED_OUT_URI)?.danger_allow_loopback_http();
        let session = Session::builder(config)
            .store(MemoryStore::new())
            .transport(wire.clone())
            .browser(person.clone())
            .build()?;
        let run = Run::new(facts, running.start);
        Ok(Self { server, facts, running: Some(running), http, person, wire, session, is_dead: false, run })
    }

    async fn all(&mut self) -> Result<()> {
        macro_rules! step {
            ($name:literal, $step:ident) => {
                let outcome = self.$step().await.context($name)?;
                self.run.add($name, outcome);
            };
        }
        step!("login", login);
        step!("userinfo", userinfo);
        step!("API call", api_call);
        step!("expiry", expiry);
        step!("renewal", renewal);
        step!("rotation", rotation);
        step!("server down", down);
        step!("restart", restart);
        step!("server failing", failing);
        step!("reuse", reuse);
        step!("administrator's sign-out", administrator);
        step!("revocation", revocation);
        step!("logout", logout);
        Ok(())
    }

    /// Logs in, giving a wrong password first if `mistaken`. Returns how often the password was asked for.
    async fn log_in(&self, mistaken: bool) -> Result<usize> {
        let started = self.session.start_login(self.facts.login()).await?;
        let home = Url::parse(REDIRECT_URI)?;
        let Journey { callback, passwords } = self.server.visit(&self.person, &started.url, &home, mistaken).await?;
        ensure!(mistaken == (passwords == 2), "the password was asked for {passwords} times");
        self.session.resume(&callback).await?;
        Ok(passwords)
    }

    /// Sends a refresh token as a thief would. Returns the status, and the code or an empty text.
    async fn steal(&self, refresh_token: &str) -> Result<(u16, String)> {
        let form =
            [("grant_type", "refresh_token"), ("refresh_token", refresh_token), ("client_id", self.facts.client_id)];
        let answer = self.http.post(&self.facts.token_endpoint, &form).await?;
        let code = json(&answer).get("error").and_then(|code| code.as_str().map(str::to_owned)).unwrap_or_default();
        Ok((answer.status, code))
    }

    /// Sends a refresh token that has to be refused. Returns what to tell about it.
    async fn refused(&self, refresh_token: &str) -> Result<String> {
        let (status, code) = self.steal(refresh_token).await?;
        let (expected, expected_code) = self.facts.manners.refusal;
        ensure!((status, code.as_str()) == (expected, expected_code), "the server answered {status} `{code}`");
        Ok(told(status, &code))
    }

    /// Renews, which has to fail because the server has ended the session. Returns what the app learns.
    async fn ended(&mut self) -> Result<&'static str> {
        let renewed = self.session.renew().await;
        if self.facts.manners.refusal.1.is_empty() {
            let cause = OfflineCause::UnexpectedAnswer;
            ensure!(
                matches!(renewed, Err(Error::Offline { cause: found, .. }) if found == cause),
                "the renewal came to {renewed:?}"
            );
            self.ensure_signed_in()?;
            self.is_dead = true;
            return Ok("`Offline(unexpected_answer)`, still signed in");
        }
        let reason = LoginReason::Revoked;
        ensure!(
            matches!(renewed, Err(Error::LoginRequired { reason: found }) if found == reason),
            "the renewal came to {renewed:?}"
        );
        ensure!(
            matches!(self.session.state(), State::SignedOut { reason: found } if found == reason),
            "the state is {:?}",
            self.session.state()
        );
        Ok("`revoked`")
    }

    /// Renews as soon as the core does not wait any more, as it does after failures.
    async fn renewed_at_last(&self) -> Result<()> {
        let deadline = Instant::now() + LONGEST_WAIT;
        while let Err(error) = self.session.renew().await {
            ensure!(matches!(error, Error::Offline { .. }), "the next renewal came to {error:?}");
            ensure!(Instant::now() < deadline, "the renewals do not succeed again: {error:?}");
            sleep(Duration::from_millis(200)).await;
        }
        Ok(())
    }

    fn ensure_signed_in(&self) -> Result<()> {
        ensure!(matches!(self.session.state(), State::SignedIn { .. }), "the state is {:?}", self.session.state());
        Ok(())
    }

    /// The exchanges since there were `before` of them.
    fn exchanges_since(&self, before: usize) -> Vec<Exchange> {
        self.wire.exchanges().split_off(before)
    }

    /// The newest refresh token.
    fn refresh_token(&self) -> Result<String> {
        let exchanges = self.wire.exchanges();
        let newest = exchanges.iter().rev().find_map(|exchange| exchange.received.clone());
        newest.context("the server has given no refresh token")
    }
}

/// A refusal in a cell of the table.
fn told(status: u16, code: &str) -> String {
    if code.is_empty() { format!("{status} without a code") } else { format!("{status} `{code}`") }
}
