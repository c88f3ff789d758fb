//! All state of one tenant behind one lock. A request reads and changes it without an await in between, so that what it
//! does happens wholly or not at all.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{
    clock::Clock,
    devices::Devices,
    directory::{Client, Organization, User},
    dpop::UsedProofs,
    faults::FaultPlan,
    grants::Grants,
    keys::KeyRing,
    options::{Ports, TenantOptions},
    pushed_requests::PushedRequests,
    random::Random,
    rate_limit::RateLimiter,
    request_log::RequestLog,
    sessions::Sessions,
    settings::Settings,
};

/// Names under which this machine is reached: by itself, and from inside an Android emulator.
const OWN_HOSTS: [&str; 4] = ["127.0.0.1", "localhost", "[::1]", "10.0.2.2"];

pub(crate) struct Shared {
    pub(crate) options: TenantOptions,
    pub(crate) seed: u64,
    pub(crate) ports: Ports,
    pub(crate) clock: Clock,
    state: Mutex<State>,
}

pub(crate) struct State {
    pub(crate) settings: Settings,
    pub(crate) users: Vec<User>,
    pub(crate) clients: Vec<Client>,
    pub(crate) organizations: Vec<Organization>,
    pub(crate) random: Random,
    pub(crate) keys: KeyRing,
    pub(crate) grants: Grants,
    pub(crate) pushed_requests: PushedRequests,
    pub(crate) devices: Devices,
    pub(crate) used_proofs: UsedProofs,
    pub(crate) sessions: Sessions,
    pub(crate) faults: FaultPlan,
    pub(crate) rate_limiter: RateLimiter,
    pub(crate) log: RequestLog,
}

impl Shared {
    pub(crate) fn new(options: TenantOptions, seed: u64, ports: Ports) -> Self {
        let state = Mutex::new(State::new(&options, seed));
        Self { clock: Clock::new(options.clock), options, seed, ports, state }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        // A panic of one request must not take the tenant from the others.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Back to the start: the same settings, users, keys and sequence of codes and tokens.
    pub(crate) fn reset(&self) {
        self.clock.reset();
        let fresh = State::new(&self.options, self.seed);
        *self.state() = fresh;
    }

    /// The issuer for requests with this `Host` header. Auth0's ends in `/`.
    pub(crate) fn issuer(&self, settings: &Settings, host_header: Option<&str>) -> String {
        let host = match &settings.public_host {
            Some(host) => host,
            None => host_header.and_then(own_host).unwrap_or(OWN_HOSTS[0]),
        };
        format!("http://{host}:{}/", self.ports.tenant)
    }

    /// Where the expenses API is.
    pub(crate) fn api_url(&self) -> String {
        format!("http://{}:{}/", self.options.api_host, self.ports.api)
    }

    /// Whether a token of this issuer may be one of ours.
    pub(crate) fn is_own_issuer(&self, settings: &Settings, issuer: &str) -> bool {
        let hosts = OWN_HOSTS.into_iter().chain(settings.public_host.as_deref());
        hosts.map(|host| format!("http://{host}:{}/", self.ports.tenant)).any(|own| own == issuer)
    }
}

impl State {
    fn new(options: &TenantOptions, seed: u64) -> Self {
        let mut random = Random::from_seed(seed);
        Self {
            settings: options.settings.clone(),
            users: options.users.clone(),
            clients: options.clients.clone(),
            organizations: options.organizations.clone(),
            keys: KeyRing::new(seed, &mut random),
            random,
            grants: Grants::default(),
            pushed_requests: PushedRequests::default(),
            devices: Devices::default(),
            used_proofs: UsedProofs::default(),
            sessions: Sessions::default(),
            faults: FaultPlan::default(),
            rate_limiter: RateLimiter::default(),
            log: RequestLog::default(),
        }
    }

    pub(crate) fn user(&self, subject: &str) -> Option<&User> {
        self.users.iter().find(|user| user.subject == subject)
    }

    /// The subject of a user named by username or by subject.
    pub(crate) fn subject_of(&self, user: &str) -> Option<String> {
        self.users
            .iter()
            .find(|known| known.username == user || known.subject == user)
            .map(|known| known.subject.clone())
    }

    /// Rolls the keys and returns the id of the one that signs from now on.
    pub(crate) fn roll_keys(&mut self) -> String {
        self.keys.roll(&mut self.random);
        self.keys.current(self.settings.signing_algorithm).id().to_owned()
    }

    /// Ends the browser sessions of a user, or of everyone; an unknown user has none.
    pub(crate) fn revoke_sessions(&mut self, user: Option<&str>) -> usize {
        match user.map(|user| self.subject_of(user)) {
            None => self.sessions.revoke(None),
            Some(Some(subject)) => self.sessions.revoke(Some(&subject)),
            Some(None) => 0,
        }
    }

    /// Ends the refresh token families of a user, or of everyone; an unknown user has none.
    pub(crate) fn revoke_refresh_tokens(&mut self, user: Option<&str>) -> usize {
        match user.map(|user| self.subject_of(user)) {
            None => self.grants.revoke_families(None),
            Some(Some(subject)) => self.grants.revoke_families(Some(&subject)),
            Some(None) => 0,
        }
    }

    pub(crate) fn client(&self, id: &str) -> Option<&Client> {
        self.clients.iter().find(|client| client.id == id)
    }
}

/// The host of a `Host` header when it is a name of this machine.
pub(crate) fn own_host(host_header: &str) -> Option<&'static str> {
    let host = match host_header.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        Some(_) | None => host_header,
    };
    OWN_HOSTS.into_iter().find(|own| own.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_header_of_this_machine_is_recognised_and_any_other_is_not() {
        assert_eq!(own_host("10.0.2.2:3000"), Some("10.0.2.2"));
        assert_eq!(own_host("LOCALHOST"), Some("localhost"));
        assert_eq!(own_host("[::1]:3000"), Some("[::1]"));
        assert_eq!(own_host("evil.example:3000"), None);
    }

    #[test]
    fn issuer_follows_the_host_header_only_when_no_public_host_is_set() {
        let shared = Shared::new(TenantOptions::lab(), 1, Ports { tenant: 3000, api: 3001 });
        let mut settings = shared.state().settings.clone();
        assert_eq!(shared.issuer(&settings, Some("10.0.2.2:3000")), "http://10.0.2.2:3000/");
        assert_eq!(shared.issuer(&settings, Some("evil.example")), "http://127.0.0.1:3000/");
        settings.public_host = Some("tenant.test".to_owned());
        assert_eq!(shared.issuer(&settings, Some("10.0.2.2:3000")), "http://tenant.test:3000/");
        assert!(shared.is_own_issuer(&settings, "http://tenant.test:3000/"));
        assert!(!shared.is_own_issuer(&settings, "http://tenant.test:3000"));
    }
}
