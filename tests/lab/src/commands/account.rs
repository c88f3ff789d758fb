//! The account that a command is about: its settings, its store, its session.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hallpass_core::adapters::Keychain;
use hallpass_core::ports::{SecureStore, Transport};
use hallpass_core::{Config, CredentialsRequest, LoginGrant, Session, SessionBuilder};

use crate::adapters;
use crate::cli::TenantArguments;
use crate::failure::Failure;
use crate::settings::{Origin, PropertyFile, Setting, Settings, SettingsError, StoreChoice};
use crate::terminal::note;
use crate::watch::{Manner, Watch, Watched};

/// Under which the system's secure store keeps the sessions of this command.
const SERVICE: &str = "hallpass-lab";

/// An account at a tenant.
pub(super) struct Account {
    settings: Settings,
    config: Config,
    watch: Watch,
    timeout: Option<u64>,
}

impl Account {
    /// The account that the command line, the environment and the property file say.
    pub(super) fn of(arguments: &TenantArguments) -> Result<Self, Failure> {
        let manner = if arguments.verbose { Manner::Verbose } else { Manner::Usual };
        Self::in_manner(arguments, manner)
    }

    /// The same, saying as much as `manner` allows.
    pub(super) fn in_manner(arguments: &TenantArguments, manner: Manner) -> Result<Self, Failure> {
        let settings = settings(arguments)?;
        let config = settings.config()?;
        Ok(Self { settings, config, watch: Watch::new(manner), timeout: arguments.timeout })
    }

    /// Allows one more origin to get the access token, unless the user has said which may.
    pub(super) fn allow_origin_of(mut self, url: &str) -> Result<Self, Failure> {
        if !self.settings.names_api_origins() {
            self.config = self.config.api_origin(url).map_err(|_| Failure::Argument {
                what: format!("the access token cannot be sent to {url:?}"),
                fix: "give an absolute URL with https, such as https://api.example.com/reports; or a path, and one \
                      `api_origins` in the settings"
                    .to_owned(),
            })?;
        }
        Ok(self)
    }

    /// An address to call; a path is one at the only origin that may get the access token.
    pub(super) fn address(&self, url: &str) -> String {
        match self.settings.only_api_origin() {
            Some(origin) if url.starts_with('/') => format!("{}{url}", origin.trim_end_matches('/')),
            Some(_) | None => url.to_owned(),
        }
    }

    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(super) fn watch(&self) -> &Watch {
        &self.watch
    }

    pub(super) fn allows_loopback_http(&self) -> bool {
        self.settings.is_on(Setting::DangerAllowLoopbackHttp)
    }

    /// The issuer or domain, as it was set.
    pub(super) fn provider(&self) -> &str {
        self.settings.text(Setting::Issuer).or(self.settings.text(Setting::Domain)).unwrap_or_default()
    }

    pub(super) fn name(&self) -> &str {
        self.settings.account()
    }

    pub(super) async fn store(&self) -> Result<Arc<dyn SecureStore>, Failure> {
        Ok(match self.plain_files()? {
            None => Arc::new(Keychain::new(SERVICE)),
            Some(path) => Arc::new(adapters::plain_files(path).await?),
        })
    }

    /// The folder in which tokens are in plain text, if that is where they are.
    pub(super) fn plain_files(&self) -> Result<Option<PathBuf>, Failure> {
        Ok(match self.settings.store()? {
            StoreChoice::System => None,
            StoreChoice::DangerPlainFiles(path) => Some(path),
        })
    }

    /// The account's session, about to be built. Its lease is the store's.
    pub(super) async fn session_builder(&self) -> Result<SessionBuilder, Failure> {
        let transport = Watched { inner: adapters::transport().await?, watch: self.watch.clone() };
        Ok(self.session_over(self.store().await?, transport))
    }

    /// The account's session, without a browser.
    pub(super) async fn session(&self) -> Result<Session, Failure> {
        self.session_builder().await?.build().map_err(|error| self.explained(error))
    }

    /// The account's session over other ports.
    pub(super) fn session_over(&self, store: impl SecureStore, transport: impl Transport) -> SessionBuilder {
        Session::builder(self.config.clone()).account(self.name()).store(store).transport(transport)
    }

    /// Which access token is wanted: with an audience or a scope on the command line another than the login's. Says so when
    /// the settings ask for something else than the login did.
    pub(super) async fn wanted(&self, session: &Session) -> Result<CredentialsRequest, Failure> {
        let grant = session.grant().await.map_err(|error| self.explained(error))?;
        let mut request = CredentialsRequest::new();
        let asked_audience = grant.as_ref().and_then(LoginGrant::audience);
        let flag = |setting| {
            matches!(self.settings.origin(setting), Origin::Flag(_)).then(|| self.settings.text(setting)).flatten()
        };
        if let Some(audience) = flag(Setting::Audience).filter(|audience| Some(*audience) != asked_audience) {
            request = request.audience(audience);
        }
        if let Some(scope) = flag(Setting::Scope) {
            request = request.scope(scope).map_err(|error| self.explained(error))?;
        }
        if let Some(grant) = grant.filter(|_| self.watch.manner() != Manner::Silent) {
            self.changes_since(&grant).iter().for_each(|change| note(change));
        }
        Ok(request)
    }

    /// What the settings ask for by now, and the login did not.
    fn changes_since(&self, grant: &LoginGrant) -> Vec<String> {
        let Some(asked_scope) = grant.scope() else { return Vec::new() };
        let configured = |setting: Setting| {
            let origin = self.settings.origin(setting);
            self.settings.text(setting).filter(|_| !matches!(origin, Origin::Flag(_))).map(|text| (text, origin))
        };
        let mut changes = Vec::new();
        if let Some((audience, origin)) = configured(Setting::Audience)
            && grant.audience() != Some(audience)
        {
            let asked = grant.audience().unwrap_or("no audience");
            changes.push(format!(
                "note: {origin} has `audience` {audience}, and the login was for {asked}: `lab login` asks for the new \
                 one, and --audience gets a token for it once"
            ));
        }
        if let Some((scope, origin)) = configured(Setting::Scope) {
            let missing: Vec<&str> = scope.split_whitespace().filter(|value| !asked_scope.contains(value)).collect();
            if !missing.is_empty() {
                let missing = missing.join(" ");
                changes.push(format!(
                    "note: {origin} has `{missing}` in `scope` since the login: `lab login` asks for it"
                ));
            }
        }
        changes
    }

    /// Does `work`, for as long as the user wants to wait.
    pub(super) async fn in_time<T>(&self, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        let Some(seconds) = self.timeout else { return work.await };
        let outcome = tokio::time::timeout(Duration::from_secs(seconds), work).await;
        outcome.unwrap_or_else(|_| Err(Failure::TimedOut { seconds, place: self.watch.last().map(Box::new) }))
    }

    /// The core's word, with the place of the setting that it is about, and with what was seen of the network.
    pub(super) fn explained(&self, error: hallpass_core::Error) -> Failure {
        match self.settings.explained(error) {
            SettingsError::Core(error) => Failure::Asked {
                error,
                place: self.watch.last().map(Box::new),
                words: self.watch.words().map(Box::new),
            },
            error @ (SettingsError::File(_)
            | SettingsError::Missing { .. }
            | SettingsError::Both { .. }
            | SettingsError::Placeholder { .. }
            | SettingsError::Refused { .. }) => error.into(),
        }
    }
}

fn settings(arguments: &TenantArguments) -> Result<Settings, Failure> {
    let variable = |name: &str| std::env::var(name).ok();
    let named = arguments
        .config
        .clone()
        .or_else(|| variable("HALLPASS_CONFIG").filter(|path| !path.is_empty()).map(PathBuf::from));
    let file = match named {
        Some(path) => Some(PropertyFile::read(&path)),
        None => match std::env::current_dir() {
            Ok(folder) => PropertyFile::find(&folder).transpose(),
            Err(_) => None,
        },
    };
    let file = file.transpose().map_err(|error| Failure::Settings(error.into()))?;
    Ok(Settings::gather(arguments.given(), variable, file)?)
}
