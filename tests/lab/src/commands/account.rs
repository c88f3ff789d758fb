//! The account that a command is about: its settings, its store, its session.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use hallpass_core::adapters::{FileLease, Keychain};
use hallpass_core::ports::{EntryName, SecureStore, StoreError, StoredValue, Transport};
use hallpass_core::{Config, Session, SessionBuilder};

use crate::adapters;
use crate::cli::TenantArguments;
use crate::failure::Failure;
use crate::settings::{PropertyFile, Setting, Settings, StoreChoice};

/// Under which the system's secure store keeps the sessions of this command.
const SERVICE: &str = "hallpass-lab";

/// An account at a tenant.
pub(super) struct Account {
    settings: Settings,
    config: Config,
}

impl Account {
    /// The account that the command line, the environment and the property file say.
    pub(super) fn of(arguments: &TenantArguments) -> Result<Self, Failure> {
        let settings = settings(arguments)?;
        let config = settings.config()?;
        Ok(Self { settings, config })
    }

    /// Allows one more origin to get the access token, unless the user has said which may.
    pub(super) fn allow_origin_of(mut self, url: &str) -> Result<Self, Failure> {
        if !self.settings.names_api_origins() {
            self.config = self.config.api_origin(url).map_err(|_| Failure::Argument {
                what: format!("the access token cannot be sent to {url:?}"),
                fix: "give an absolute URL with https, such as https://api.example.com/reports".to_owned(),
            })?;
        }
        Ok(self)
    }

    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    /// The issuer or domain, as it was set.
    pub(super) fn provider(&self) -> &str {
        self.settings.text(Setting::Issuer).or(self.settings.text(Setting::Domain)).unwrap_or_default()
    }

    pub(super) fn name(&self) -> &str {
        self.settings.account()
    }

    /// A property file with the account's settings.
    pub(super) fn property_file(&self) -> String {
        self.settings.to_file()
    }

    pub(super) fn post_logout_redirect_uri(&self) -> Option<&str> {
        self.settings.text(Setting::PostLogoutRedirectUri)
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

    /// The account's session, about to be built.
    pub(super) async fn session_builder(&self) -> Result<SessionBuilder, Failure> {
        let store = self.store().await?;
        let mut builder = self.session_over(Shared(store), adapters::transport().await?);
        if let Some(path) = self.plain_files()? {
            builder = builder.lease(FileLease::in_directory(path));
        }
        Ok(builder)
    }

    /// The account's session, without a browser.
    pub(super) async fn session(&self) -> Result<Session, Failure> {
        self.session_builder().await?.build().map_err(|error| self.explained(error))
    }

    /// The account's session over other ports.
    pub(super) fn session_over(&self, store: impl SecureStore, transport: impl Transport) -> SessionBuilder {
        Session::builder(self.config.clone()).account(self.name()).store(store).transport(transport)
    }

    /// The core's word, with the place of the setting that it is about.
    pub(super) fn explained(&self, error: hallpass_core::Error) -> Failure {
        self.settings.explained(error).into()
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

/// A store that is known by its port alone.
pub(super) struct Shared(pub(super) Arc<dyn SecureStore>);

#[async_trait]
impl SecureStore for Shared {
    fn identity(&self) -> String {
        self.0.identity()
    }

    async fn load(&self, name: &EntryName) -> Result<Option<StoredValue>, StoreError> {
        self.0.load(name).await
    }

    async fn save(&self, name: &EntryName, value: &StoredValue) -> Result<(), StoreError> {
        self.0.save(name, value).await
    }

    async fn delete(&self, name: &EntryName) -> Result<(), StoreError> {
        self.0.delete(name).await
    }

    async fn list(&self) -> Result<Vec<EntryName>, StoreError> {
        self.0.list().await
    }
}
