//! A model of a client: a small implementation of the sixteen rules, and of what other clients do instead of some.
//!
//! `policies.rs` says which public client does what. The engine has no such switches.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hallpass_core::ports::{
    Clock, EntryName, Lease, LeaseGuard, Random, SecureStore, StoreError, StoredValue, Transport, TransportError,
};
use hallpass_core::protocol::http::{Headers, Method, Request, Response};
use hallpass_core::{Error, LoginReason, OfflineCause, Result};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::ports::Ports;
use crate::server::{ISSUER, REDIRECT_URI};
use crate::token::Refresh;

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

#[derive(Default, Clone)]
struct Memory {
    opened: bool,
    refresh: Option<Refresh>,
    reason: Option<LoginReason>,
    /// A renewal with `refresh` was begun, and nobody knows how it ended.
    in_doubt: bool,
    /// The process that noted its intent to use `refresh`.
    journal: Option<usize>,
    unsaved: bool,
    access: BTreeMap<String, Held>,
    wait_until: Duration,
    unwanted: BTreeSet<Refresh>,
}

#[derive(Clone)]
struct Held {
    token: String,
    expires: Duration,
    expires_by_wall: i64,
    lifetime: Duration,
}

/// What came of a request.
enum Outcome {
    Tokens(Value),
    Refused,
    /// The error, and whether the server may have acted.
    Nothing(Error, bool),
    Over,
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

    async fn renew(&self, audience: &'static str, min_ttl: u64, unwanted: Option<String>) -> Result<String> {
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
            match self.exchange(audience, refresh).await? {
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
            match self.request("token", &parameters).await {
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

    async fn opened(&self) -> Result<()> {
        if self.read(|memory| memory.opened) {
            return Ok(());
        }
        match self.ports.load(&entry()).await {
            Ok(Some(value)) => self.take_over(&value, true),
            Ok(None) => self.change(|memory| memory.opened = true),
            Err(StoreError::Invalidated) => self.change(|memory| {
                (memory.opened, memory.reason) = (true, Some(LoginReason::StorageInvalidated));
            }),
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Saves what is not saved, or takes over what another process saved.
    async fn synchronize(&self) -> Result<()> {
        let unsaved = self.read(|memory| memory.unsaved);
        match self.ports.load(&entry()).await {
            Ok(Some(value)) => self.take_over(&value, false),
            Ok(None) if !unsaved => self.change(|memory| {
                if memory.refresh.is_some() {
                    (memory.refresh, memory.reason) = (None, Some(LoginReason::LoggedOut));
                    memory.access.clear();
                }
            }),
            Ok(None) | Err(StoreError::Invalidated) => {}
            Err(error) => return Err(error.into()),
        }
        if self.read(|memory| memory.unsaved) { self.save().await } else { Ok(()) }
    }

    fn take_over(&self, value: &StoredValue, opening: bool) {
        let Ok(stored) = serde_json::from_str::<Value>(value.expose()) else { return };
        let theirs = stored["refresh"].as_str().and_then(Refresh::parse);
        let wall = self.ports.now().unix_millis();
        self.change(|memory| {
            memory.opened = true;
            let newer = match (theirs, memory.refresh) {
                (Some(theirs), Some(ours)) => theirs > ours,
                (Some(theirs), None) => opening || !memory.unwanted.contains(&theirs),
                (None, _) => {
                    !memory.unsaved && stored["family"].as_u64() >= memory.refresh.map(|ours| ours.family as u64)
                }
            };
            let journal = stored["attempt"].as_u64().and_then(|process| usize::try_from(process).ok());
            if !newer {
                let by_another = journal.is_some_and(|process| process != self.ports.process);
                memory.in_doubt |= theirs == memory.refresh && by_another;
                return;
            }
            memory.refresh = theirs;
            memory.unsaved = false;
            memory.journal = journal;
            memory.in_doubt = journal.is_some();
            memory.reason = match stored["reason"].as_str() {
                Some("answer_lost") => Some(LoginReason::AnswerLost),
                Some(_) => Some(LoginReason::Revoked),
                None => None,
            };
            memory.access.clear();
            for (audience, held) in stored["access"].as_object().into_iter().flatten() {
                let expires_by_wall = held["expires"].as_i64().unwrap_or_default();
                let left = Duration::from_millis(u64::try_from(expires_by_wall - wall).unwrap_or_default());
                let lifetime = Duration::from_secs(held["lifetime"].as_u64().unwrap_or_default());
                let token = held["token"].as_str().unwrap_or_default().to_owned();
                let expires = self.ports.elapsed() + left.min(lifetime);
                memory.access.insert(audience.clone(), Held { token, expires, expires_by_wall, lifetime });
            }
        });
    }

    async fn save(&self) -> Result<()> {
        let memory = self.read(Memory::clone);
        self.save_as(&memory).await
    }

    async fn save_as(&self, memory: &Memory) -> Result<()> {
        self.ports.save(&entry(), &memory.text()).await?;
        self.change(|memory| memory.unsaved = false);
        Ok(())
    }

    async fn lease(&self) -> LeaseGuard {
        if self.deviates(Deviation::TakesNoLease) {
            return LeaseGuard::unshared();
        }
        self.ports.acquire(&entry(), Duration::from_secs(45)).await.unwrap_or_else(|_| LeaseGuard::unshared())
    }

    async fn request(&self, path: &str, parameters: &[(&str, &str)]) -> Outcome {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
        let request = Request {
            method: Method::Post,
            url: url::Url::parse(&format!("{ISSUER}/{path}")).expect("a constant"),
            headers: Headers::new(),
            body: body.into(),
            max_response_bytes: 1_000_000,
        };
        let offline = |cause| Error::Offline { cause, retry_after: None };
        let response = match self.ports.send(request).await {
            Ok(response) => response,
            Err(TransportError::NoAnswer | TransportError::TooLarge { .. }) => {
                return Outcome::Nothing(offline(OfflineCause::NoAnswer), true);
            }
            Err(_) => return Outcome::Nothing(offline(OfflineCause::Unreachable), false),
        };
        self.judge(&response)
    }

    fn judge(&self, response: &Response) -> Outcome {
        if let Some(seconds) = response.headers.get("retry-after").and_then(|value| value.parse().ok()) {
            let until = self.ports.elapsed() + Duration::from_secs(seconds);
            self.change(|memory| memory.wait_until = memory.wait_until.max(until));
        }
        let body = serde_json::from_slice::<Value>(&response.body).ok();
        let error = body.as_ref().and_then(|body| body["error"].as_str());
        let offline =
            |acted| Outcome::Nothing(Error::Offline { cause: OfflineCause::ServerFailed, retry_after: None }, acted);
        match response.status {
            200 if body.as_ref().is_some_and(|body| body["access_token"].is_string()) => {
                body.map_or(Outcome::Refused, Outcome::Tokens)
            }
            200..300 => offline(true),
            400..500 if error == Some("invalid_grant") => Outcome::Refused,
            400..500 if error.is_some() && self.deviates(Deviation::EndsOnAnyError) => Outcome::Over,
            status => offline(status >= 500 && status != 503),
        }
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

impl Memory {
    fn text(&self) -> StoredValue {
        let access: BTreeMap<&String, Value> = self
            .access
            .iter()
            .map(|(audience, held)| {
                let lifetime = held.lifetime.as_secs();
                (audience, json!({ "token": held.token, "expires": held.expires_by_wall, "lifetime": lifetime }))
            })
            .collect();
        let stored = json!({
            "refresh": self.refresh.map(Refresh::text),
            "reason": self.reason.map(|reason| reason.code()),
            "family": self.refresh.or(self.unwanted.last().copied()).map(|refresh| refresh.family),
            "attempt": self.journal,
            "access": access,
        });
        StoredValue::new(stored.to_string())
    }
}

const ENDED: Error = Error::Internal { reference: "model_task_ended" };

fn entry() -> EntryName {
    EntryName::parse("session.model").expect("a constant")
}
