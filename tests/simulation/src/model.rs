//! A model of a client: a small implementation of the sixteen rules, and of what other clients do instead of some.
//!
//! `policies.rs` says which public client does what. The engine has no such switches.

mod record;
mod wire;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hallpass_core::ports::{Clock, EntryName, Lease, LeaseGuard, Random, SecureStore};
use hallpass_core::{Error, LoginReason, OfflineCause, Result};
use serde_json::Value;
use tokio::sync::watch;

use crate::ports::Ports;
use crate::server::{ISSUER, REDIRECT_URI};
use crate::token::Refresh;
use record::{Held, Memory};
use wire::Outcome;

/// One rule not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deviation {
    /// Each caller renews for itself.
    RenewsPerCaller,
    /// Callers take turns, and those who come after a failure try again themselves.
    SharesNoFailure,
    /// Callers get the access token before the refresh token is saved.
    PublishesFirst,
    /// No intent is written down: after a crash nobody knows that an answer may be missing.
    KeepsNoJournal,
    /// The token is not tried a second time when no answer came.
    TriesOnce,
    /// Processes do not take turns.
    TakesNoLease,
    /// Any error that the token endpoint names ends the session.
    EndsOnAnyError,
    /// An answer with a lifetime below the minimum asked for is thrown away.
    DropsShortLifetimes,
}

/// A way to renew.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Policy {
    pub(crate) deviations: &'static [Deviation],
}

pub(crate) struct Model {
    policy: Policy,
    ports: Ports,
    memory: Mutex<Memory>,
    /// Held while the refresh token is used.
    gate: tokio::sync::Mutex<()>,
    flights: Mutex<BTreeMap<String, watch::Receiver<Option<Result<String>>>>>,
}

impl Model {
    pub(crate) fn open(policy: Policy, ports: Ports) -> Arc<Self> {
        let model = Arc::new(Self {
            policy,
            ports,
            memory: Mutex::default(),
            gate: tokio::sync::Mutex::default(),
            flights: Mutex::default(),
        });
        let restored = Arc::clone(&model);
        tokio::spawn(async move {
            if restored.opened().await.is_ok() && restored.read(|memory| memory.journal.is_some()) {
                // At once, as long as a reuse interval may last.
                let _ = restored.credentials("", 0, true).await;
            }
        });
        model
    }

    /// An access token for `audience` that lasts `min_ttl` seconds, or a new one in any case.
    pub(crate) async fn credentials(
        self: &Arc<Self>,
        audience: &'static str,
        min_ttl: u64,
        always: bool,
    ) -> Result<String> {
        self.opened().await?;
        let present = self.held(audience, 0);
        if !always && let Some(token) = self.held(audience, min_ttl) {
            return Ok(token);
        }
        let unwanted = present.filter(|_| always);
        if self.deviates(Deviation::RenewsPerCaller) {
            return self.renew(audience, min_ttl, unwanted).await;
        }
        if self.deviates(Deviation::SharesNoFailure) {
            let model = Arc::clone(self);
            let renewal = tokio::spawn(async move { model.renew(audience, min_ttl, unwanted).await });
            return renewal.await.unwrap_or(Err(ENDED));
        }
        self.join(audience, min_ttl, unwanted).await
    }

    pub(crate) fn start_login(&self) -> url::Url {
        let mut bytes = [0; 1];
        let state = self.ports.fill(&mut bytes).map_or(0, |()| bytes[0]);
        url::Url::parse_with_params(
            &format!("{ISSUER}/authorize"),
            [("nonce", "n"), ("redirect_uri", REDIRECT_URI), ("state", state.to_string().as_str())],
        )
        .expect("a constant")
    }

    pub(crate) async fn finish_login(&self, callback: &str) -> Result<()> {
        let code = url::Url::parse(callback)
            .ok()
            .and_then(|url| url.query_pairs().find(|(name, _)| name == "code").map(|(_, code)| code.into_owned()))
            .ok_or(Error::Untrusted { check: "callback" })?;
        let _turn = self.gate.lock().await;
        match self.request("token", &[("grant_type", "authorization_code"), ("code", &code)]).await {
            Outcome::Tokens(tokens) => {
                let _lease = self.lease().await;
                self.install("", &tokens, 0).await.map(drop)
            }
            Outcome::Refused | Outcome::Over => Err(Error::Untrusted { check: "code" }),
            Outcome::Nothing(error, _) => Err(error),
        }
    }

    pub(crate) async fn logout(&self) -> Result<()> {
        self.opened().await?;
        let _turn = self.gate.lock().await;
        self.ports.delete(&entry()).await?;
        let erased = self.change(|memory| {
            let wait_until = memory.wait_until;
            let unwanted = memory.refresh.into_iter().collect();
            let reason = Some(LoginReason::LoggedOut);
            std::mem::replace(memory, Memory { opened: true, reason, wait_until, unwanted, ..Memory::default() })
        });
        if let Some(refresh) = erased.refresh {
            let _ = self.request("revoke", &[("token", &refresh.text())]).await;
        }
        Ok(())
    }

    async fn join(self: &Arc<Self>, audience: &'static str, min_ttl: u64, unwanted: Option<String>) -> Result<String> {
        let mut receiver = {
            let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(receiver) = flights.get(audience) {
                receiver.clone()
            } else {
                let (sender, receiver) = watch::channel(None);
                flights.insert(audience.to_owned(), receiver.clone());
                let model = Arc::clone(self);
                tokio::spawn(async move {
                    let outcome = model.renew(audience, min_ttl, unwanted).await;
                    model.flights.lock().unwrap_or_else(PoisonError::into_inner).remove(audience);
                    sender.send_replace(Some(outcome));
                });
                receiver
            }
        };
        match receiver.wait_for(Option::is_some).await {
            Ok(outcome) => outcome.clone().unwrap_or(Err(ENDED)),
            Err(_) => Err(ENDED),
        }
    }

    async fn renew(self: &Arc<Self>, audience: &'static str, min_ttl: u64, unwanted: Option<String>) -> Result<String> {
        let _turn = match self.deviates(Deviation::RenewsPerCaller) {
            true => None,
            false => Some(self.gate.lock().await),
        };
        let _lease = self.lease().await;
        for _ in 0..4 {
            self.synchronize().await?;
            if let Some(token) = self.held(audience, min_ttl).filter(|token| unwanted.as_ref() != Some(token)) {
                return Ok(token);
            }
            let memory = self.read(Memory::clone);
            let Some(refresh) = memory.refresh else {
                return Err(Error::LoginRequired { reason: memory.reason.unwrap_or(LoginReason::NotSignedIn) });
            };
            let elapsed = self.ports.elapsed();
            if memory.wait_until > elapsed {
                let retry_after = Some(memory.wait_until - elapsed);
                return Err(Error::Offline { cause: OfflineCause::RateLimited, retry_after });
            }
            if !self.deviates(Deviation::KeepsNoJournal) {
                let noted = Memory { journal: Some(self.ports.process), ..memory };
                self.save_as(&noted).await?;
                self.change(|memory| memory.journal = noted.journal);
            }
            let exchanged = self.exchange(audience, refresh).await;
            if exchanged.is_err() && self.read(|memory| memory.in_doubt) && !self.deviates(Deviation::TriesOnce) {
                self.ask_again(audience, refresh);
            }
            match exchanged? {
                Some(tokens) => {
                    let newest = self.read(|memory| memory.refresh);
                    if newest.is_none_or(|newest| newest.family != refresh.family) {
                        return Err(Error::LoginRequired { reason: LoginReason::LoggedOut });
                    }
                    return self.install(audience, &tokens, min_ttl).await;
                }
                None => self.conclude(refresh).await?,
            }
        }
        Err(Error::Offline { cause: OfflineCause::UnexpectedAnswer, retry_after: None })
    }

    /// Goes on asking with `refresh` for a minute, once for each token.
    fn ask_again(self: &Arc<Self>, audience: &'static str, refresh: Refresh) {
        if self.change(|memory| memory.asked_again.replace(refresh)) == Some(refresh) {
            return;
        }
        let model = Arc::clone(self);
        tokio::spawn(async move {
            for pause in [1, 2, 4, 8, 16] {
                tokio::time::sleep(Duration::from_secs(pause)).await;
                if model.read(|memory| memory.refresh != Some(refresh) || !memory.in_doubt) {
                    return;
                }
                let _ = model.join(audience, 0, None).await;
            }
        });
    }

    /// Sends the renewal, and once more when no answer came. `None` is `invalid_grant`.
    async fn exchange(&self, audience: &'static str, refresh: Refresh) -> Result<Option<Value>> {
        let text = refresh.text();
        let mut parameters = vec![("grant_type", "refresh_token"), ("refresh_token", text.as_str())];
        if !audience.is_empty() {
            parameters.push(("audience", audience));
        }
        let mut attempts = 0;
        loop {
            attempts += 1;
            // For a lost answer nobody waits as long as for the first.
            let limit = if self.read(|memory| memory.in_doubt) { SHORT } else { LONG };
            let request = self.request("token", &parameters);
            let none = || Outcome::Nothing(Error::Offline { cause: OfflineCause::NoAnswer, retry_after: None }, true);
            match tokio::time::timeout(limit, request).await.unwrap_or_else(|_| none()) {
                Outcome::Tokens(tokens) => return Ok(Some(tokens)),
                Outcome::Refused => return Ok(None),
                Outcome::Over => return Err(self.end(LoginReason::Revoked).await),
                Outcome::Nothing(error, acted) => {
                    self.change(|memory| memory.in_doubt |= acted);
                    if !acted || attempts == 2 || self.deviates(Deviation::TriesOnce) {
                        return Err(error);
                    }
                }
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Saves an answer and lets everybody have it, in this order.
    async fn install(&self, audience: &str, tokens: &Value, min_ttl: u64) -> Result<String> {
        let lifetime = Duration::from_secs(tokens["expires_in"].as_u64().unwrap_or_default());
        if self.deviates(Deviation::DropsShortLifetimes) && lifetime.as_secs() < min_ttl {
            return Err(Error::Untrusted { check: "lifetime" });
        }
        let token = tokens["access_token"].as_str().unwrap_or_default().to_owned();
        let elapsed = self.ports.elapsed();
        let expires_by_wall = self.ports.now().saturating_add(lifetime).unix_millis();
        let held = Held { token: token.clone(), expires: elapsed + lifetime, expires_by_wall, lifetime };
        let arrived = tokens["refresh_token"].as_str().and_then(Refresh::parse);
        self.change(|memory| {
            if arrived.is_some_and(|arrived| memory.refresh.is_none_or(|present| present.family != arrived.family)) {
                memory.access.clear();
            }
            memory.refresh = arrived.or(memory.refresh);
            (memory.in_doubt, memory.journal, memory.unsaved, memory.reason) = (false, None, true, None);
        });
        if self.deviates(Deviation::PublishesFirst) {
            self.change(|memory| memory.access.insert(audience.to_owned(), held.clone()));
            self.save_later(audience);
            return Ok(token);
        }
        let mut saved = self.read(Memory::clone);
        saved.access.insert(audience.to_owned(), held.clone());
        self.save_as(&saved).await?;
        self.change(|memory| memory.access.insert(audience.to_owned(), held));
        Ok(token)
    }

    fn save_later(&self, _: &str) {
        let (ports, memory) = (self.ports.clone(), self.read(Memory::clone));
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let _ = ports.save(&entry(), &memory.text()).await;
        });
    }

    /// `invalid_grant`: somebody else's newer token, or the end.
    async fn conclude(&self, refresh: Refresh) -> Result<()> {
        self.synchronize().await?;
        if self.read(|memory| memory.refresh) != Some(refresh) {
            return Ok(());
        }
        let in_doubt = self.read(|memory| memory.in_doubt);
        Err(self.end(if in_doubt { LoginReason::AnswerLost } else { LoginReason::Revoked }).await)
    }

    async fn end(&self, reason: LoginReason) -> Error {
        self.change(|memory| {
            memory.unwanted.extend(memory.refresh.take());
            memory.access.clear();
            memory.reason = Some(reason);
        });
        let _ = self.save().await;
        Error::LoginRequired { reason }
    }

    async fn lease(&self) -> LeaseGuard {
        if self.deviates(Deviation::TakesNoLease) {
            return LeaseGuard::unshared();
        }
        self.ports.acquire(&entry(), Duration::from_secs(45)).await.unwrap_or_else(|_| LeaseGuard::unshared())
    }

    fn held(&self, audience: &str, min_ttl: u64) -> Option<String> {
        let elapsed = self.ports.elapsed();
        self.read(|memory| {
            let held = memory.access.get(audience)?;
            if memory.unsaved && !self.deviates(Deviation::PublishesFirst) {
                return None;
            }
            let asked = Duration::from_secs(min_ttl);
            let reserve = if held.lifetime > asked { asked } else { held.lifetime / 10 };
            (held.expires > elapsed + reserve).then(|| held.token.clone())
        })
    }

    fn deviates(&self, deviation: Deviation) -> bool {
        self.policy.deviations.contains(&deviation)
    }

    fn read<T>(&self, look: impl FnOnce(&Memory) -> T) -> T {
        look(&self.memory.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn change<T>(&self, change: impl FnOnce(&mut Memory) -> T) -> T {
        change(&mut self.memory.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// How long a request is waited for: the first one with a token, and one for a lost answer.
const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_secs(10);

const ENDED: Error = Error::Internal { reference: "model_task_ended" };

fn entry() -> EntryName {
    EntryName::parse("session.model").expect("a constant")
}
