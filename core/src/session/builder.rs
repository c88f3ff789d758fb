//! From settings and ports to a session.

use std::sync::Arc;

use tokio::runtime::Handle;

use super::account::Account;
use super::authorization::{Authorizations, Refusals};
use super::call::Calls;
use super::hexadecimal::hexadecimal;
use super::id_token::IdTokens;
use super::identity::Identity;
use super::login::Logins;
use super::logout::Logouts;
use super::observer::Observer;
use super::provider::Provider;
use super::registry::Registration;
use super::renewal::Renewals;
use super::renewal::backoff::Backoff;
use super::renewal::lease::SharedLease;
use super::report::Reports;
use super::store_limit::LimitedStore;
use super::vault::{Entries, Vault};
use super::wire::{Wire, random_name};
use super::{Engine, Session};
use crate::adapters::{SoftwareSigner, SystemClock, SystemRandom};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::ports::{Browser, Clock, EntryName, KeySigner, Lease, Random, SecureStore, Transport};

/// What a session is made of.
#[must_use]
pub struct SessionBuilder {
    config: Config,
    account: String,
    store: Option<Arc<dyn SecureStore>>,
    transport: Option<Arc<dyn Transport>>,
    browser: Option<Arc<dyn Browser>>,
    signer: Option<Arc<dyn KeySigner>>,
    lease: Option<Arc<dyn Lease>>,
    observer: Option<Arc<dyn Observer>>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    runtime: Option<Handle>,
}

impl SessionBuilder {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            config,
            account: "default".to_owned(),
            store: None,
            transport: None,
            browser: None,
            signer: None,
            lease: None,
            observer: None,
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom::default()),
            runtime: None,
        }
    }

    /// Which of several accounts on this device this is: 1 to 64 of `A-Z a-z 0-9 . _ - @ +`, not beginning with a dot;
    /// `default` unless given.
    pub fn account(mut self, account: impl Into<String>) -> Self {
        self.account = account.into();
        self
    }

    /// Where the session is stored.
    pub fn store(mut self, store: impl SecureStore) -> Self {
        self.store = Some(Arc::new(store));
        self
    }

    /// How requests are sent; by default with `reqwest` (feature `reqwest`).
    pub fn transport(mut self, transport: impl Transport) -> Self {
        self.transport = Some(Arc::new(transport));
        self
    }

    /// In which browser the user signs in. Without one, `start_login` and `resume` serve an app that opens the page
    /// itself.
    pub fn browser(mut self, browser: impl Browser) -> Self {
        self.browser = Some(Arc::new(browser));
        self
    }

    /// The key that tokens are bound to when the configuration says so ([`Config::dpop`]): one of this account's alone, which
    /// a logout deletes. By default a key in software, stored beside the record.
    pub fn signer(mut self, signer: impl KeySigner) -> Self {
        self.signer = Some(Arc::new(signer));
        self
    }

    /// How processes that share the account take turns. Unless given it is the store's own
    /// ([`SecureStore::default_lease`]): the stores of desktops have one, since two terminals are two processes. Without
    /// any, each process renews for itself, which is right for an app without extensions.
    pub fn lease(mut self, lease: impl Lease) -> Self {
        self.lease = Some(Arc::new(lease));
        self
    }

    /// Who is told of each change before the verb that caused it returns.
    pub fn observer(mut self, observer: impl Observer) -> Self {
        self.observer = Some(Arc::new(observer));
        self
    }

    /// Another clock than the device's, for tests.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Another source of randomness than the operating system, for tests.
    pub fn random(mut self, random: impl Random) -> Self {
        self.random = Arc::new(random);
        self
    }

    /// The Tokio runtime on which the session works, with time and (for `reqwest`) network enabled; by default the one
    /// that `build` is called in.
    pub fn runtime(mut self, runtime: Handle) -> Self {
        self.runtime = Some(runtime);
        self
    }

    /// Opens the session and begins to restore it from the store; nothing is sent unless the last process died during a
    /// renewal.
    ///
    /// # Errors
    /// [`Error::Misconfigured`] naming what is missing or wrong: `store`, `transport`, `runtime`, `issuer`,
    /// `api_origins`, `account` when it is not a name or is open in this process already, or `signer` when another open
    /// account has it.
    pub fn build(self) -> Result<Session> {
        self.config.check()?;
        let store = self.store.ok_or(Error::Misconfigured { field: "store", fix: "give the session a store" })?;
        let transport = match self.transport {
            Some(transport) => transport,
            None => default_transport()?,
        };
        let runtime = self.runtime.map_or_else(|| Handle::try_current().ok(), Some).ok_or(Error::Misconfigured {
            field: "runtime",
            fix: "build the session inside a Tokio runtime, or hand it one",
        })?;
        let names = Names::new(&self.config, &self.account)?;
        let registration = Registration::new(store.identity(), names.session.clone())?;
        let store: Arc<dyn SecureStore> = Arc::new(LimitedStore::new(store));
        let signer = self.signer.unwrap_or_else(|| Arc::new(SoftwareSigner::new(Arc::clone(&store), names.key)));
        let registration = Arc::new(registration.with_signer(signer.identity())?);

        let config = Arc::new(self.config);
        let entries = Entries { record: names.session.clone(), quarantine: names.quarantine, tombstone: names.logout };
        let vault = Vault::new(Arc::clone(&store), entries, random_name(&*self.random)?);
        let account = Arc::new(Account::new(vault, Arc::clone(&self.clock), self.observer));
        let wire = Arc::new(Wire::new(transport, self.clock, self.random, signer));
        let provider = Arc::new(Provider::new(
            Arc::clone(&config),
            Arc::clone(&wire),
            Arc::clone(&store),
            names.provider,
            runtime.clone(),
        ));
        let identity = Arc::new(Identity::new(Arc::clone(&config), Arc::clone(&wire), Arc::clone(&provider)));
        let lease = self.lease.or_else(|| store.default_lease().map(Arc::from));
        let has_lease = lease.is_some();
        let lease = Arc::new(SharedLease::new(lease, names.session));
        let backoff = Arc::new(Backoff::default());
        let renewals = Arc::new(Renewals::new(
            Arc::clone(&config),
            Arc::clone(&account),
            Arc::clone(&wire),
            Arc::clone(&provider),
            Arc::clone(&identity),
            Arc::clone(&lease),
            Arc::clone(&backoff),
            runtime.clone(),
            Arc::downgrade(&registration),
        ));
        let logins = Arc::new(Logins {
            config: Arc::clone(&config),
            account: Arc::clone(&account),
            wire: Arc::clone(&wire),
            provider: Arc::clone(&provider),
            identity,
            lease: Arc::clone(&lease),
            backoff,
            browser: self.browser.clone(),
            runtime: runtime.clone(),
            store,
            entry: names.login,
            present: tokio::sync::Mutex::default(),
        });
        let logouts = Logouts {
            config: Arc::clone(&config),
            account: Arc::clone(&account),
            wire: Arc::clone(&wire),
            provider: Arc::clone(&provider),
            lease,
            logins: Arc::clone(&logins),
            browser: self.browser,
        };
        let authorizations = Authorizations {
            config: Arc::clone(&config),
            account: Arc::clone(&account),
            wire: Arc::clone(&wire),
            renewals: Arc::clone(&renewals),
            refusals: Refusals::default(),
        };
        let id_tokens = IdTokens::new(Arc::clone(&account), Arc::clone(&wire), Arc::clone(&renewals));
        let reports = Reports {
            config: Arc::clone(&config),
            account: Arc::clone(&account),
            wire: Arc::clone(&wire),
            store: Arc::clone(&logins.store),
            has_lease,
        };
        let calls = Calls { account: Arc::clone(&account), wire, provider, authorizations };
        restore(&renewals, &runtime);
        let engine =
            Arc::new(Engine { config, account, renewals, logins, logouts, calls, id_tokens, reports, runtime });
        Ok(Session { engine, _registration: registration })
    }
}

/// Reads the record in the background, and finishes a renewal that the last process left behind.
fn restore(renewals: &Arc<Renewals>, runtime: &Handle) {
    let renewals = Arc::downgrade(renewals);
    runtime.spawn(async move {
        if let Some(renewals) = renewals.upgrade()
            && let Err(error) = renewals.restore().await
        {
            tracing::debug!(%error, "the record could not be read yet");
        }
    });
}

/// The accounts that are stored for `config`'s issuer and client in `store`, signed in or not, in order.
///
/// # Errors
/// [`Error::Storage`].
pub async fn accounts(config: &Config, store: &dyn SecureStore) -> Result<Vec<String>> {
    let prefix = format!("session.{}.", client_name(config));
    let names = store.list().await?;
    let mut accounts: Vec<String> =
        names.iter().filter_map(|name| name.as_str().strip_prefix(&prefix)).map(str::to_owned).collect();
    accounts.sort_unstable();
    Ok(accounts)
}

/// The entries of one account in the store. Another issuer or client has entries of its own.
struct Names {
    session: EntryName,
    quarantine: EntryName,
    logout: EntryName,
    login: EntryName,
    key: EntryName,
    provider: EntryName,
}

impl Names {
    fn new(config: &Config, account: &str) -> Result<Self> {
        let client = client_name(config);
        let entry = |kind: &str, account: &str| {
            EntryName::parse(format!("{kind}.{client}.{account}")).filter(|_| account.len() <= 64)
        };
        let of_account = |kind: &str| entry(kind, account).filter(|_| EntryName::parse(account).is_some());
        let names = (|| {
            Some(Self {
                session: of_account("session")?,
                quarantine: of_account("quarantine")?,
                logout: of_account("logout")?,
                login: of_account("login")?,
                key: of_account("key")?,
                provider: entry("provider", "metadata")?,
            })
        })();
        names.ok_or(Error::Misconfigured {
            field: "account",
            fix: "use 1 to 64 of A-Z a-z 0-9 . _ - @ +, not beginning with a dot",
        })
    }
}

/// 16 hexadecimal digits that stand for issuer and client.
fn client_name(config: &Config) -> String {
    let issuer = config.client.issuer.as_str();
    let client_id = config.client.client_id.as_str();
    let digest = ring::digest::digest(&ring::digest::SHA256, format!("{issuer}\n{client_id}").as_bytes());
    hexadecimal(&digest.as_ref()[..8])
}

#[cfg(all(feature = "reqwest", not(target_os = "android")))]
fn default_transport() -> Result<Arc<dyn Transport>> {
    let transport = crate::adapters::Reqwest::new();
    Ok(Arc::new(transport.map_err(|error| Error::Misconfigured { field: "transport", fix: error.fix() })?))
}

#[cfg(not(all(feature = "reqwest", not(target_os = "android"))))]
fn default_transport() -> Result<Arc<dyn Transport>> {
    Err(Error::Misconfigured {
        field: "transport",
        fix: "give the session a transport, or enable the feature `reqwest`",
    })
}
