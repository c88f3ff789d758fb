//! The ends of a session, each after a login of its own: a stolen token, the administrator, the app, the user.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hallpass_core::{LoginReason, Logout, State};
use tokio::time::sleep;

use super::{Story, told};
use crate::server::{Offered, Reuse};

impl Story<'_> {
    /// Somebody else uses the refresh token that was used last.
    pub(super) async fn reuse(&mut self) -> Result<String> {
        self.session.renew().await?;
        let used = Instant::now();
        let last = self.wire.exchanges().pop().context("nothing was exchanged")?;
        let spent = last.sent.context("the last exchange was a renewal")?;
        match self.facts.manners.reuse {
            Reuse::EndsSession => {
                let refusal = self.refused(&spent).await?;
                let learnt = self.ended().await?;
                Ok(format!("{refusal}, and the session ends: {learnt}"))
            }
            Reuse::Forgiven { interval } => {
                self.taken(&spent).await?;
                self.session.renew().await?;
                sleep((interval + Duration::from_secs(1)).saturating_sub(used.elapsed())).await;
                let refusal = self.refused(&spent).await?;
                let learnt = self.ended().await?;
                Ok(format!("taken for {} s; then {refusal}, and the session ends: {learnt}", interval.as_secs()))
            }
        }
    }

    pub(super) async fn administrator(&mut self) -> Result<String> {
        self.log_in_if_needed().await?;
        self.renewed_at_last().await?;
        self.server.sign_out(&self.http).await?;
        Ok(self.ended().await?.to_owned())
    }

    /// The app revokes its session at the server.
    pub(super) async fn revocation(&mut self) -> Result<String> {
        self.log_in_if_needed().await?;
        if let Offered::No(why) = self.facts.manners.revocation {
            return Ok(format!("not offered: {why}"));
        }
        let refresh_token = self.refresh_token()?;
        self.session.revoke().await?;
        self.ensure_logged_out()?;
        let refusal = self.refused(&refresh_token).await?;
        Ok(format!("confirmed; then {refusal}"))
    }

    /// The user logs out, here, at the server and in the browser.
    pub(super) async fn logout(&mut self) -> Result<String> {
        self.log_in_if_needed().await?;
        let refresh_token = self.refresh_token()?;
        let (logout, in_browser) = match self.facts.manners.end_session {
            Offered::Yes => (Logout::new().end_session(), "ended; the password is asked for again".to_owned()),
            Offered::No(why) => (Logout::new(), format!("not offered: {why}")),
        };
        let ends_session = matches!(self.facts.manners.end_session, Offered::Yes);
        let revokes = matches!(self.facts.manners.revocation, Offered::Yes);
        let out = self.session.logout(logout).await?;
        ensure!((out.erased, out.revoked, out.session_ended) == (true, revokes, ends_session), "it came to {out:?}");
        self.ensure_logged_out()?;
        let at_server =
            if revokes { self.refused(&refresh_token).await? } else { self.after_logout(&refresh_token).await? };
        if ends_session {
            let passwords = self.log_in(false).await?;
            ensure!(passwords == 1, "the password was asked for {passwords} times after the logout");
        }
        Ok(format!("refresh token: {at_server}; session: {in_browser}"))
    }

    async fn after_logout(&self, refresh_token: &str) -> Result<String> {
        let (status, code) = self.steal(refresh_token).await?;
        Ok(if status == 200 { "still taken".to_owned() } else { told(status, &code) })
    }

    async fn taken(&self, refresh_token: &str) -> Result<()> {
        let (status, code) = self.steal(refresh_token).await?;
        ensure!(status == 200, "the server refused it: {}", told(status, &code));
        Ok(())
    }

    async fn log_in_if_needed(&mut self) -> Result<()> {
        if matches!(self.session.state(), State::SignedOut { .. }) || self.is_dead {
            self.log_in(false).await?;
            self.is_dead = false;
        }
        self.ensure_signed_in()
    }

    fn ensure_logged_out(&self) -> Result<()> {
        let state = self.session.state();
        ensure!(matches!(state, State::SignedOut { reason: LoginReason::LoggedOut }), "the state is {state:?}");
        Ok(())
    }
}
