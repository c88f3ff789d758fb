//! A session while it lasts: login, calls, expiry, renewal, and a server that goes away and comes back.

use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, ensure};
use hallpass_core::protocol::time::Timestamp;
use hallpass_core::{ApiRequest, Credentials, CredentialsRequest, Error, LoginReason, OfflineCause, State};
use tokio::time::sleep;

use super::Story;
use crate::process::Running;
use crate::server::{Api, Offered, Restart};

/// The longest that an access token may live here.
const LONGEST_LIFE: Duration = Duration::from_secs(120);

impl Story<'_> {
    pub(super) async fn login(&mut self) -> Result<String> {
        let not_signed_in = |state: State| matches!(state, State::SignedOut { reason: LoginReason::NotSignedIn });
        ensure!(not_signed_in(self.session.restored().await?), "somebody is signed in before the login");
        self.log_in(true).await?;
        self.ensure_signed_in()?;
        let exchanges = self.exchanges_since(0);
        ensure!(exchanges.len() == 1, "the login took {} token requests", exchanges.len());
        let written = exchanges[0].token_type.as_deref();
        ensure!(written == Some(self.facts.manners.token_type), "the token type is {written:?}");
        Ok("after a wrong password".to_owned())
    }

    pub(super) async fn userinfo(&mut self) -> Result<String> {
        if let Offered::No(why) = self.facts.manners.userinfo {
            let refused = self.session.userinfo().await;
            let check = "userinfo_unauthorized";
            ensure!(
                matches!(refused, Err(Error::Untrusted { check: found }) if found == check),
                "it came to {refused:?}"
            );
            self.ensure_signed_in()?;
            return Ok(format!("`{check}`, still signed in: {why}"));
        }
        let about = self.session.userinfo().await?;
        let user = self.session.user().context("nobody is signed in")?;
        ensure!(about.sub() == user.sub(), "the userinfo is about somebody else");
        let (member, name) = self.facts.manners.name;
        let found = about.claim(member);
        ensure!(found.as_ref().and_then(|found| found.as_str()) == Some(name), "`{member}` is {found:?}");
        Ok(format!("`sub` as in the ID token, `{member}`"))
    }

    pub(super) async fn api_call(&mut self) -> Result<String> {
        let before = self.wire.exchanges().len();
        let answer = self.session.call(ApiRequest::get(self.facts.api.url().as_str())).await?;
        ensure!(answer.status == 200, "the API answered {}", answer.status);
        ensure!(self.exchanges_since(before).len() == answer.renewals as usize, "a renewal was not counted");
        Ok(match self.facts.api {
            Api::Own(_) => "200".to_owned(),
            Api::UserInfo(_) => "200, userinfo for lack of an API".to_owned(),
        })
    }

    /// Waits until the access token is over, shows that the API refuses it, and that a call renews it once.
    pub(super) async fn expiry(&mut self) -> Result<String> {
        let credentials = self.session.renew().await?;
        let token = credentials.access_token().expose().to_owned();
        sleep(until_over(&credentials)? + Duration::from_secs(2)).await;
        let refused = self.http.get(self.facts.api.url(), Some(&token)).await?;
        ensure!(refused.status == 401, "the API answered {} to an expired token", refused.status);

        let before = self.wire.exchanges().len();
        let answer = self.session.call(ApiRequest::get(self.facts.api.url().as_str())).await?;
        ensure!((answer.status, answer.renewals) == (200, 1), "{} after {} renewals", answer.status, answer.renewals);
        ensure!(self.exchanges_since(before).len() == 1, "it took more than one token request");
        self.ensure_signed_in()?;
        Ok("401, one renewal, 200".to_owned())
    }

    pub(super) async fn renewal(&mut self) -> Result<String> {
        let old = self.session.credentials(CredentialsRequest::default()).await?;
        let before = self.wire.exchanges().len();
        let callers: Vec<_> = (0..8)
            .map(|_| {
                let session = self.session.clone();
                tokio::spawn(async move { session.renew().await })
            })
            .collect();
        for caller in callers {
            let new = caller.await??;
            let (new, old) = (new.access_token().fingerprint(), old.access_token().fingerprint());
            ensure!(new != old, "a renewal brought the same access token");
        }
        let sent = self.exchanges_since(before).len();
        ensure!(sent == 1, "eight callers took {sent} token requests");
        Ok("eight callers, one request".to_owned())
    }

    pub(super) async fn rotation(&mut self) -> Result<String> {
        let last = self.wire.exchanges().pop().context("nothing was exchanged")?;
        let rotated = last.received.is_some() && last.received != last.sent;
        ensure!(rotated, "the refresh token is the same as before");
        Ok("a new refresh token each time".to_owned())
    }

    pub(super) async fn down(&mut self) -> Result<String> {
        self.running.take().context("the server runs")?.stop().await?;
        let renewed = self.session.renew().await;
        let cause = OfflineCause::Unreachable;
        ensure!(
            matches!(renewed, Err(Error::Offline { cause: found, .. }) if found == cause),
            "the renewal came to {renewed:?}"
        );
        self.ensure_signed_in()?;
        Ok("`Offline(unreachable)`, still signed in".to_owned())
    }

    pub(super) async fn restart(&mut self) -> Result<String> {
        let running = Running::start(self.server.launch(), &self.facts.folder, &self.http).await?;
        self.running = Some(running);
        match self.facts.manners.restart {
            Restart::Kept => {
                self.session.renew().await?;
                self.ensure_signed_in()?;
                Ok("session kept, renewed".to_owned())
            }
            Restart::Lost => {
                let learnt = self.ended().await?;
                self.log_in(false).await?;
                Ok(format!("session lost by the server: {learnt}; login"))
            }
        }
    }

    /// Something that the server needs is gone: it answers, and cannot.
    pub(super) async fn failing(&mut self) -> Result<String> {
        let Some(what) = self.server.break_down()? else { return Ok("not provoked here".to_owned()) };
        let before = self.wire.exchanges().len();
        let renewed = self.session.renew().await;
        self.server.mend()?;
        let cause = OfflineCause::ServerFailed;
        ensure!(
            matches!(renewed, Err(Error::Offline { cause: found, .. }) if found == cause),
            "the renewal came to {renewed:?}"
        );
        self.ensure_signed_in()?;
        let answered: Vec<_> = self.exchanges_since(before).iter().map(|exchange| exchange.status).collect();
        ensure!(!answered.is_empty() && answered.iter().all(|&status| status == Some(500)), "{answered:?}");
        self.renewed_at_last().await?;
        Ok(format!("500 while {what}: `Offline(server_failed)`, still signed in; renewed afterwards"))
    }
}

fn until_over(credentials: &Credentials) -> Result<Duration> {
    let expires_at: Timestamp = credentials.expires_at().context("the server does not say when the token expires")?;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    let left = Duration::from_millis(u64::try_from(expires_at.unix_millis())?).saturating_sub(now);
    ensure!(left <= LONGEST_LIFE, "the access token lives for {} s more", left.as_secs());
    Ok(left)
}
