//! A device: a tenant to sign in to, one folder as its store, and processes that use it.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, ensure};
use hallpass_tenant::browser::Browser;
use hallpass_tenant::{ClockSource, Endpoint, LoggedRequest, Outcome, Tenant, TenantOptions, Timestamp};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

use crate::child::{Driver, PATIENCE};

pub(crate) struct Device {
    pub(crate) tenant: Tenant,
    folder: TempDir,
}

impl Device {
    /// A device whose tenant rotates refresh tokens and takes the one before for five seconds more. Nobody is signed in.
    pub(crate) async fn new() -> Result<Self> {
        Self::with_clock(ClockSource::System).await
    }

    async fn with_clock(clock: ClockSource) -> Result<Self> {
        let options = TenantOptions { clock, ..TenantOptions::default() };
        let tenant = Tenant::start(options).await.context("cannot start the tenant")?;
        tenant.set(|settings| {
            settings.refresh_token_rotation = true;
            settings.refresh_token_reuse_interval_seconds = 5;
            settings.refresh_token_lifetime_seconds = None;
            settings.refresh_token_idle_lifetime_seconds = None;
        });
        Ok(Self { tenant, folder: tempfile::tempdir().context("no folder for temporary files")? })
    }

    /// The same with Ada signed in, by a process that has ended since.
    pub(crate) async fn signed_in() -> Result<Self> {
        Self::new().await?.with_ada().await
    }

    async fn with_ada(self) -> Result<Self> {
        let mut driver = Driver::start()?;
        let session = self.open(&mut driver).await?;
        self.log_in(&mut driver, &session).await?;
        driver.kill().await?;
        Ok(self)
    }

    /// The same at a tenant whose time passes only as [`Device::pass`] says, and begins now.
    pub(crate) async fn with_slow_clock() -> Result<Self> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).context("the clock stands before 1970")?;
        let now = Timestamp::from_milliseconds(i64::try_from(now.as_millis())?);
        Self::with_clock(ClockSource::Fixed(now)).await?.with_ada().await
    }

    /// Lets the tenant's time pass.
    pub(crate) fn pass(&self, time: Duration) {
        self.tenant.advance(time);
    }

    /// Waits until the tenant has no request in work.
    pub(crate) async fn settled(&self) -> Result<()> {
        let settled = async {
            while self.tenant.requests().iter().any(|request| request.outcome == Outcome::Pending) {
                sleep(Duration::from_millis(2)).await;
            }
        };
        timeout(PATIENCE, settled).await.context("the tenant did not come to an end with its requests")
    }

    /// The folder that is the store.
    pub(crate) fn store(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    /// Opens the session in a process, and returns its name.
    pub(crate) async fn open(&self, driver: &mut Driver) -> Result<String> {
        Ok(self.open_in(driver, &self.store()).await?.0)
    }

    /// Opens the session in a process; it has to be signed in at once.
    pub(crate) async fn open_signed_in(&self, driver: &mut Driver) -> Result<Value> {
        let (session, state) = self.open_in(driver, &self.store()).await?;
        ensure!(state["name"] == "signed_in", "a session was opened {state}");
        Ok(json!({ "session": session }))
    }

    /// Opens the session stored in `store`, and returns its name and state.
    pub(crate) async fn open_in(&self, driver: &mut Driver, store: &Path) -> Result<(String, Value)> {
        let mut opened = driver.ok("open", self.opening(store)).await?;
        Ok((opened["session"].as_str().context("a session without a name")?.to_owned(), opened["state"].take()))
    }

    /// The members of `open`.
    pub(crate) fn opening(&self, store: &Path) -> Value {
        json!({ "store": format!("file:{}", store.display()), "config": {
            "issuer": self.tenant.issuer(),
            "client_id": self.tenant.client_id(),
            "redirect_uri": "com.example.hallpass:/callback",
            "audience": self.tenant.audience(),
            "scope": "openid profile read:reports offline_access",
            "dialect": "auth0",
            "allow_loopback_http": true,
        }})
    }

    /// Signs Ada in.
    pub(crate) async fn log_in(&self, driver: &mut Driver, session: &str) -> Result<()> {
        let started = driver.ok("login_start", json!({ "session": session })).await?;
        let url = started["url"].as_str().context("a login without a page")?;
        let mut browser = Browser::new();
        let login = browser.log_in(url, "ada@example.com", "correct horse");
        let callback = timeout(PATIENCE, login).await.context("the login did not end")??;
        driver.ok("login_finish", json!({ "session": session, "callback": callback })).await?;
        Ok(())
    }

    /// The renewals that the tenant was asked for, in their order.
    pub(crate) fn renewals(&self) -> Vec<LoggedRequest> {
        let mut requests = self.tenant.requests();
        requests.retain(|request| request.grant_type.as_deref() == Some("refresh_token"));
        requests
    }

    /// Whether nobody had to log in again: since its log was cleared the tenant has seen `logins`, and has refused no token.
    ///
    /// # Errors
    /// What the tenant has seen instead.
    pub(crate) fn judge(&self, expected: usize) -> Result<()> {
        let requests = self.tenant.requests();
        let tokens = || requests.iter().filter(|request| request.endpoint == Endpoint::Token);
        let logins = tokens().filter(|request| request.grant_type.as_deref() == Some("authorization_code")).count();
        ensure!(logins == expected, "{logins} logins instead of {expected}");
        if let Some(refused) = tokens().find(|request| request.status().is_some_and(|status| status != 200)) {
            let note = refused.note.as_deref().unwrap_or_default();
            anyhow::bail!("the tenant refused a token request with {:?}: {note}", refused.status());
        }
        Ok(())
    }
}
