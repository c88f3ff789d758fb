//! A running tenant, seen from the process that started it.

use std::{io, sync::Arc, time::Duration};

use tokio::{sync::watch, task::JoinHandle};

use crate::{
    admin,
    clock::Timestamp,
    dashboard, endpoints, expenses_api,
    faults::Fault,
    options::{Ports, TenantOptions},
    random::fresh_seed,
    request_log::LoggedRequest,
    server::{Bound, Pipeline, Server, serve},
    settings::Settings,
    shared::Shared,
};

/// A running authorization server and API. Dropping it stops both; [`Tenant::stop`] also waits until they have stopped.
pub struct Tenant {
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    servers: [JoinHandle<()>; 2],
}

/// Why a tenant could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// [`TenantOptions::clients`] is empty.
    #[error("options: there must be at least one client")]
    NoClient,
    /// A port is taken, or may not be used.
    #[error("port {port} of 127.0.0.1 or ::1 cannot be used: {source}; is another tenant running?")]
    Port {
        /// The port; 0 when a free one was wanted.
        port: u16,
        /// What the operating system says.
        source: io::Error,
    },
}

impl Tenant {
    /// Starts both servers on tasks of the current tokio runtime, on 127.0.0.1 and, where there is IPv6, ::1.
    ///
    /// # Errors
    /// [`StartError`] when there is no client, or a port cannot be had.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn start(options: TenantOptions) -> Result<Self, StartError> {
        if options.clients.is_empty() {
            return Err(StartError::NoClient);
        }
        let wanted = options.ports.unwrap_or(Ports { tenant: 0, api: 0 });
        let tenant = bind(wanted.tenant).await?;
        let api = bind(wanted.api).await?;
        let ports = Ports { tenant: tenant.port(), api: api.port() };
        let seed = options.seed.unwrap_or_else(fresh_seed);
        let shared = Arc::new(Shared::new(options, seed, ports));

        let router =
            endpoints::router().merge(dashboard::router()).merge(admin::router()).with_state(Arc::clone(&shared));
        let tenant_pipeline = Pipeline::new(Server::AuthorizationServer, Arc::clone(&shared), router);
        let api_router = expenses_api::router().with_state(Arc::clone(&shared));
        let api_pipeline = Pipeline::new(Server::Api, Arc::clone(&shared), api_router);

        let (stop, stopped) = watch::channel(false);
        let servers = [
            tokio::spawn(serve(tenant, Arc::new(tenant_pipeline), stopped.clone())),
            tokio::spawn(serve(api, Arc::new(api_pipeline), stopped)),
        ];
        Ok(Self { shared, stop, servers })
    }

    /// Stops both servers, closes every connection and waits for it: the ports are free afterwards.
    pub async fn stop(self) {
        let _receivers_live_in_the_servers = self.stop.send(true);
        for server in self.servers {
            // A panic in there was reported when it happened.
            let _ended = server.await;
        }
    }

    /// The issuer, as in `iss`: `http://127.0.0.1:PORT/`, or with [`Settings::public_host`] as the host.
    pub fn issuer(&self) -> String {
        self.shared.issuer(&self.shared.state().settings, None)
    }

    /// Where the expenses API is: `http://127.0.0.1:PORT/`.
    pub fn api_url(&self) -> String {
        self.shared.api_url()
    }

    /// Where the dashboard is.
    pub fn dashboard_url(&self) -> String {
        format!("{}dashboard", self.issuer())
    }

    /// The two ports.
    pub fn ports(&self) -> Ports {
        self.shared.ports
    }

    /// The id of the first client that it was started with.
    pub fn client_id(&self) -> String {
        self.shared.options.clients[0].id.clone()
    }

    /// The audience of the expenses API.
    pub fn audience(&self) -> String {
        self.shared.options.audience.clone()
    }

    /// The seed, drawn or given: with it, the same requests get the same codes and tokens again.
    pub fn seed(&self) -> u64 {
        self.shared.seed
    }

    /// The settings as they are now.
    pub fn settings(&self) -> Settings {
        self.shared.state().settings.clone()
    }

    /// Changes settings, for every request that is processed from now on.
    pub fn set(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.shared.state().settings);
    }

    /// Plans a fault, behind those planned before.
    pub fn fault(&self, fault: Fault) {
        self.shared.state().faults.add(fault);
    }

    /// The faults that are still planned.
    pub fn faults(&self) -> Vec<Fault> {
        self.shared.state().faults.all().to_vec()
    }

    /// Forgets all planned faults.
    pub fn clear_faults(&self) {
        self.shared.state().faults.clear();
    }

    /// The latest 20,000 requests, oldest first.
    pub fn requests(&self) -> Vec<LoggedRequest> {
        self.shared.state().log.after(0).cloned().collect()
    }

    /// Forgets the requests seen so far. Numbers go on.
    pub fn clear_requests(&self) {
        self.shared.state().log.clear();
    }

    /// The tenant's time.
    pub fn now(&self) -> Timestamp {
        self.shared.clock.now()
    }

    /// Moves the tenant's time forward: codes, tokens and sessions expire as if that time had passed.
    pub fn advance(&self, by: Duration) {
        self.shared.clock.shift(i64::try_from(by.as_millis()).unwrap_or(i64::MAX));
    }

    /// Takes new signing keys into use and returns the `kid` of the one that signs from now on.
    pub fn roll_keys(&self) -> String {
        self.shared.state().roll_keys()
    }

    /// Makes the API and `/userinfo` refuse every access token issued so far, although not expired. Returns how many.
    pub fn expire_access_tokens(&self) -> usize {
        let now = self.shared.clock.now();
        self.shared.state().grants.expire_access_tokens(now)
    }

    /// Signs a user (by username or `sub`), or with `None` everyone, out of every browser. Returns how many browsers.
    pub fn revoke_sessions(&self, user: Option<&str>) -> usize {
        self.shared.state().revoke_sessions(user)
    }

    /// Revokes all refresh tokens of a user (by username or `sub`), or with `None` of everyone. Returns how many families.
    pub fn revoke_refresh_tokens(&self, user: Option<&str>) -> usize {
        self.shared.state().revoke_refresh_tokens(user)
    }

    /// Back to what it was when it started: settings, users, clock, keys of the same ids; no session, grant, fault or log.
    pub fn reset(&self) {
        self.shared.reset();
    }
}

async fn bind(port: u16) -> Result<Bound, StartError> {
    Bound::bind(port).await.map_err(|source| StartError::Port { port, source })
}
