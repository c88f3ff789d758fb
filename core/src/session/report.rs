//! The report: all that support needs to know of a session, in one log-safe value.

use std::fmt;
use std::sync::Arc;

use hallpass_protocol::time::Timestamp;
use serde::ser::{Serialize, SerializeMap, Serializer};
use url::Url;

use super::account::Account;
use super::record::{Record, SignedIn};
use super::state::State;
use super::wire::Wire;
use crate::config::Config;
use crate::ports::SecureStore;

/// What is known of a session, for a log or a support case: why it is as it is, and what its last renewals came to.
///
/// Log-safe: no token, no name of a user and no text of a server's but the name of a request is in it. Each attribute has a name
/// in the manner of OpenTelemetry's and a text; one that is not known is left out. `Display` writes one a line, and serde writes
/// an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report(Vec<(&'static str, String)>);

impl Report {
    /// The attributes, in order.
    pub fn attributes(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().map(|(name, value)| (*name, value.as_str()))
    }

    /// The value of one attribute.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.attributes().find(|(present, _)| *present == name).map(|(_, value)| value)
    }

    fn add(&mut self, name: &'static str, value: impl fmt::Display) {
        self.0.push((name, value.to_string()));
    }

    fn add_some(&mut self, name: &'static str, value: Option<impl fmt::Display>) {
        if let Some(value) = value {
            self.add(name, value);
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in self.attributes() {
            writeln!(formatter, "{name}={value}")?;
        }
        Ok(())
    }
}

impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in self.attributes() {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// Makes the reports of one account.
pub(crate) struct Reports {
    pub(crate) config: Arc<Config>,
    pub(crate) account: Arc<Account>,
    pub(crate) wire: Arc<Wire>,
    pub(crate) store: Arc<dyn SecureStore>,
    pub(crate) has_lease: bool,
}

impl Reports {
    /// What is known now; documented at `Session::report`.
    pub(crate) async fn report(&self) -> Report {
        let state = self.account.state();
        let past = self.account.history().past();
        let mut report = Report::default();
        report.add("telemetry.sdk.name", "hallpass");
        report.add("telemetry.sdk.version", env!("CARGO_PKG_VERSION"));
        report.add_some("server.address", host(self.config.client.issuer.as_str()));
        let (name, reason) = named(&state);
        report.add("hallpass.session.state", name);
        report.add_some("hallpass.session.reason", reason);
        report.add_some("hallpass.session.state_since", past.state_since.map(seconds));
        {
            let guard = self.account.lock().await;
            report.add("hallpass.record.is_saved", guard.is_saved());
            add_record(&mut report, guard.record());
            report.add("hallpass.refresh_token.response_lost", guard.token_in_doubt().is_some());
        }
        report.add("hallpass.renewal.count", past.renewals);
        report.add_some("hallpass.renewal.last_success", past.renewed_at.map(seconds));
        report.add("hallpass.renewal.failures_in_a_row", past.failures);
        if let Some((code, at)) = past.failure {
            report.add("error.type", code);
            report.add("hallpass.renewal.last_failure", seconds(at));
        }
        if let Some(refusal) = past.refusal {
            report.add("hallpass.refusal.code", refusal.code);
            report.add("http.response.status_code", refusal.status);
            report.add_some("hallpass.refusal.request_id", refusal.request_id);
            report.add("hallpass.refusal.time", seconds(refusal.at));
        }
        report.add_some("hallpass.clock.skew_milliseconds", self.wire.clock_skew());
        report.add("hallpass.store.kind", kind(&self.store.identity()));
        report.add("hallpass.lease", self.has_lease);
        report.add("hallpass.dpop.configured", self.config.dpop);
        report
    }
}

fn add_record(report: &mut Report, record: Option<&Record>) {
    let Some(record) = record else { return };
    report.add("hallpass.record.revision", record.revision);
    report.add_some("hallpass.login.time", record.begun.map(|begun| seconds(begun.wall())));
    if let Some(signed_in) = record.signed_in() {
        add_tokens(report, signed_in);
    }
}

fn add_tokens(report: &mut Report, signed_in: &SignedIn) {
    report.add("hallpass.token_type", if signed_in.dpop_jkt.is_some() { "DPoP" } else { "Bearer" });
    report.add("hallpass.access_token.count", signed_in.grants.len());
    let of_login = signed_in.grants.iter().find(|grant| grant.key.is_login());
    if let Some(grant) = of_login {
        report.add("hallpass.access_token.received", seconds(grant.received.wall()));
        report.add_some("hallpass.access_token.lifetime", grant.lifetime.map(|lifetime| lifetime.as_secs()));
    }
    report.add("hallpass.id_token.expires", signed_in.identity.exp().unix_seconds());
    report.add("hallpass.refresh_token.is_there", signed_in.refresh.is_some());
    if let Some(refresh) = &signed_in.refresh {
        report.add("hallpass.refresh_token.generation", refresh.generation);
        report.add("hallpass.refresh_token.received", seconds(refresh.received.wall()));
        report.add("hallpass.refresh_token.is_reusable", refresh.reusable);
        if let Some(refusal) = &refresh.refusal {
            report.add("hallpass.refresh_token.refused_as", &refusal.code);
            report.add("hallpass.refresh_token.refused_times", refusal.count);
        }
    }
}

/// In seconds since 1970, by the device's clock.
fn seconds(at: Timestamp) -> i64 {
    at.unix_seconds()
}

fn host(issuer: &str) -> Option<String> {
    Url::parse(issuer).ok()?.host_str().map(str::to_owned)
}

fn named(state: &State) -> (&'static str, Option<&'static str>) {
    match state {
        State::Restoring { problem } => ("restoring", problem.map(|problem| problem.code())),
        State::SignedOut { reason } => ("signed_out", Some(reason.code())),
        State::SignedIn { .. } => ("signed_in", None),
        State::LoginRequired { reason, .. } => ("login_required", Some(reason.code())),
    }
}

/// The kind of store that an identity begins with; what stands behind it may be a path with a user's name.
fn kind(identity: &str) -> &str {
    let kind = identity.split(':').next().unwrap_or_default();
    let is_kind = (1..=32).contains(&kind.len()) && kind.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b' ');
    if is_kind { kind } else { "custom" }
}
