//! Which tenant, which client, which account: from the command line, the environment and `hallpass.toml`, in this order.
//!
//! Every value remembers where it came from, so that a wrong one is told with the place where it can be fixed.

mod error;
mod file;
mod setting;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use hallpass_core::{Config, Error};

pub use error::SettingsError;
pub use file::{Entry, FILE_NAME, FileError, Problem, PropertyFile};
pub use setting::Setting;

/// Where the browser returns to unless a setting says otherwise (RFC 8252 §7.3: the port is chosen when it is needed).
pub(crate) const REDIRECT_URI: &str = "http://127.0.0.1/callback";

/// What was set, and where.
#[derive(Debug, Clone)]
pub struct Settings {
    values: BTreeMap<Setting, Value>,
    file: Option<PathBuf>,
}

/// The value of a setting.
#[derive(Debug, Clone)]
struct Value {
    values: Vec<String>,
    origin: Origin,
}

/// Where a value was set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// On the command line.
    Flag(&'static str),
    /// In the environment.
    Variable(&'static str),
    /// In a property file.
    File {
        /// Which one.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
    },
    /// Nowhere.
    Default,
}

/// Where a session is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreChoice {
    /// The system's secure store: Keychain or Secret Service.
    System,
    /// A folder with plain files.
    DangerPlainFiles(PathBuf),
}

impl Settings {
    /// Takes each setting from the first place that has it: `arguments`, then `environment`, then `file`.
    ///
    /// # Errors
    /// [`SettingsError::Both`] when one place names both a domain and an issuer.
    pub fn gather(
        arguments: Vec<(Setting, Vec<String>)>,
        environment: impl Fn(&str) -> Option<String>,
        file: Option<PropertyFile>,
    ) -> Result<Self, SettingsError> {
        let path = file.as_ref().map(|file| file.path.clone());
        let from_arguments = arguments.into_iter().filter(|(_, values)| !values.is_empty()).collect::<Vec<_>>();
        let from_environment = Setting::ALL.into_iter().filter_map(|setting| {
            let text = environment(setting.variable()).filter(|text| !text.is_empty())?;
            let values =
                if setting.is_list() { text.split_whitespace().map(str::to_owned).collect() } else { vec![text] };
            Some((setting, Value { values, origin: Origin::Variable(setting.variable()) }))
        });
        let places: [Vec<(Setting, Value)>; 3] = [
            from_arguments
                .into_iter()
                .map(|(setting, values)| (setting, Value { values, origin: Origin::Flag(setting.flag()) }))
                .collect(),
            from_environment.collect(),
            file.into_iter()
                .flat_map(|file| {
                    let path = file.path;
                    file.entries.into_iter().map(move |Entry { setting, values, line }| {
                        (setting, Value { values, origin: Origin::File { path: path.clone(), line } })
                    })
                })
                .collect(),
        ];
        let mut settings = Self { values: BTreeMap::new(), file: path };
        for place in places {
            settings.add(place)?;
        }
        Ok(settings)
    }

    /// The settings of `file` alone.
    ///
    /// # Errors
    /// As for [`Settings::gather`].
    pub fn of_file(file: PropertyFile) -> Result<Self, SettingsError> {
        Self::gather(Vec::new(), |_| None, Some(file))
    }

    /// Adds what a place of lower rank has. Domain and issuer are two names of one thing: the higher place decides.
    fn add(&mut self, place: Vec<(Setting, Value)>) -> Result<(), SettingsError> {
        let origin =
            |wanted| place.iter().find(|(setting, _)| *setting == wanted).map(|(_, value)| value.origin.clone());
        if let (Some(domain), Some(issuer)) = (origin(Setting::Domain), origin(Setting::Issuer)) {
            return Err(SettingsError::Both { domain, issuer });
        }
        let provider_known = self.has(Setting::Domain) || self.has(Setting::Issuer);
        for (setting, value) in place {
            let names_provider = matches!(setting, Setting::Domain | Setting::Issuer);
            if !(names_provider && provider_known) {
                self.values.entry(setting).or_insert(value);
            }
        }
        Ok(())
    }

    fn has(&self, setting: Setting) -> bool {
        self.values.contains_key(&setting)
    }

    /// The value of `setting`, the last one of a list.
    pub fn text(&self, setting: Setting) -> Option<&str> {
        self.values.get(&setting)?.values.last().map(String::as_str)
    }

    fn list(&self, setting: Setting) -> &[String] {
        self.values.get(&setting).map_or(&[], |value| &value.values)
    }

    /// Whether a switch is on.
    pub fn is_on(&self, setting: Setting) -> bool {
        self.text(setting) == Some("true")
    }

    /// Where `setting` was set.
    pub fn origin(&self, setting: Setting) -> Origin {
        self.values.get(&setting).map_or(Origin::Default, |value| value.origin.clone())
    }

    /// The property file that was read, if there was one.
    pub fn file(&self) -> Option<&PathBuf> {
        self.file.as_ref()
    }

    /// The account; `default` unless set.
    pub fn account(&self) -> &str {
        self.text(Setting::Account).unwrap_or("default")
    }

    /// Where the session is kept; in the system's secure store unless set.
    ///
    /// # Errors
    /// [`SettingsError::Refused`].
    pub fn store(&self) -> Result<StoreChoice, SettingsError> {
        match self.text(Setting::Store) {
            None | Some("system") => Ok(StoreChoice::System),
            Some(text) => match text.strip_prefix("file:").filter(|path| !path.is_empty()) {
                Some(path) => Ok(StoreChoice::DangerPlainFiles(self.beside_its_file(Setting::Store, path))),
                None => Err(self.refused(Setting::Store, "write `system`, or `file:` and the path of a folder")),
            },
        }
    }

    /// A path of a setting: in a property file it is seen from that file's folder, so that it is the same in every folder
    /// below.
    fn beside_its_file(&self, setting: Setting, path: &str) -> PathBuf {
        match self.origin(setting) {
            Origin::File { path: file, .. } => {
                file.parent().map_or_else(|| PathBuf::from(path), |folder| folder.join(path))
            }
            Origin::Flag(_) | Origin::Variable(_) | Origin::Default => PathBuf::from(path),
        }
    }

    /// The one origin that may get the access token, when exactly one is named.
    pub fn only_api_origin(&self) -> Option<&str> {
        if let [one] = self.list(Setting::ApiOrigins) { Some(one) } else { None }
    }

    /// Whether the user named the origins that may get the access token.
    pub fn names_api_origins(&self) -> bool {
        self.has(Setting::ApiOrigins)
    }

    /// Whether the user said that this origin may get the access token.
    pub fn may_get_token(&self, origin: &str) -> bool {
        let of = |text: &str| url::Url::parse(text).ok().map(|url| url.origin());
        let wanted = of(origin);
        wanted.is_some() && self.list(Setting::ApiOrigins).iter().any(|allowed| of(allowed) == wanted)
    }

    /// A property file that says the same.
    pub fn to_file(&self) -> String {
        let lines = self.values.iter().map(|(setting, value)| {
            let mut values = value.values.clone();
            // Seen from the folder of another file it would be another folder.
            if let (Setting::Store, Origin::File { .. }, Ok(StoreChoice::DangerPlainFiles(path))) =
                (setting, &value.origin, self.store())
            {
                values = vec![format!("file:{}", path.display())];
            }
            let texts: Vec<toml::Value> = values.into_iter().map(toml::Value::String).collect();
            let value = match texts.as_slice() {
                _ if setting.is_switch() => toml::Value::Boolean(self.is_on(*setting)),
                [one] if !setting.is_list() => one.clone(),
                [..] => toml::Value::Array(texts),
            };
            format!("{} = {value}\n", setting.key())
        });
        lines.collect()
    }

    /// What the core has to know about the tenant.
    ///
    /// # Errors
    /// [`SettingsError`] for the first setting that is missing, still a placeholder, or refused by the core.
    pub fn config(&self) -> Result<Config, SettingsError> {
        for (setting, value) in &self.values {
            if let Some(text) = value.values.iter().find(|text| is_placeholder(*setting, text)) {
                let (setting, value, origin) = (*setting, text.clone(), value.origin.clone());
                return Err(SettingsError::Placeholder { setting, value, origin });
            }
        }
        let provider = [Setting::Domain, Setting::Issuer].into_iter().find(|setting| self.has(*setting));
        let provider = provider.ok_or_else(|| self.missing(Setting::Domain))?;
        let name = self.required(provider)?;
        let client_id = self.required(Setting::ClientId)?;
        let allows_http = self.is_on(Setting::DangerAllowLoopbackHttp);
        if name.starts_with("http://") && !allows_http {
            return Err(self.refused(
                provider,
                "use https; for a server on this very machine add --danger-allow-loopback-http or \
                 `danger_allow_loopback_http = true`",
            ));
        }
        let redirect_uri = self.text(Setting::RedirectUri).unwrap_or(REDIRECT_URI);
        let config = if provider == Setting::Domain {
            Config::auth0(name, client_id, redirect_uri)
        } else {
            Config::new(name, client_id, redirect_uri)
        };
        let mut config = config.map_err(|error| self.explained(error))?;
        if let Some(audience) = self.text(Setting::Audience) {
            config = config.audience(audience);
        }
        if let Some(scope) = self.text(Setting::Scope) {
            config = config.scope(scope).map_err(|error| self.explained(error))?;
        }
        if let Some(organization) = self.text(Setting::Organization) {
            config = config.organization(organization);
        }
        if let Some(uri) = self.text(Setting::PostLogoutRedirectUri) {
            config = config.post_logout_redirect_uri(uri).map_err(|error| self.explained(error))?;
        }
        for origin in self.list(Setting::ApiOrigins) {
            config = config.api_origin(origin).map_err(|error| self.explained(error))?;
        }
        if self.is_on(Setting::Dpop) {
            config = config.dpop();
        }
        if self.is_on(Setting::Par) {
            config = config.par();
        }
        Ok(if allows_http { config.danger_allow_loopback_http() } else { config })
    }

    fn required(&self, setting: Setting) -> Result<&str, SettingsError> {
        self.text(setting).filter(|text| !text.trim().is_empty()).ok_or_else(|| self.missing(setting))
    }

    fn missing(&self, setting: Setting) -> SettingsError {
        let place = self.values.get(&setting).map(|value| value.origin.clone());
        SettingsError::Missing { setting, place, file: self.file.clone() }
    }

    fn refused(&self, setting: Setting, fix: &str) -> SettingsError {
        let value = self.text(setting).unwrap_or_default().to_owned();
        SettingsError::Refused { setting, value, origin: self.origin(setting), fix: fix.to_owned() }
    }

    /// The core's word on a setting, with the place where it was set; any other error as it is.
    pub fn explained(&self, error: Error) -> SettingsError {
        match &error {
            Error::Misconfigured { field, fix } => match Setting::of_key(field).filter(|setting| self.has(*setting)) {
                Some(setting) => self.refused(setting, fix),
                None => SettingsError::Core(error),
            },
            Error::Cancelled
            | Error::LoginRequired { .. }
            | Error::StepUpRequired { .. }
            | Error::Offline { .. }
            | Error::Denied { .. }
            | Error::Storage { .. }
            | Error::Untrusted { .. }
            | Error::Internal { .. } => SettingsError::Core(error),
        }
    }
}

/// Whether a value still is what a template has in its place, such as `YOUR_API` or `{audience}`. The core looks at
/// issuer and client id more closely; a client id may have any character, so only one that is wrapped counts.
fn is_placeholder(setting: Setting, text: &str) -> bool {
    let is_wrapped = |(open, close): (char, char)| text.starts_with(open) && text.ends_with(close);
    let has_brackets = if setting == Setting::ClientId {
        [('{', '}'), ('<', '>')].into_iter().any(is_wrapped)
    } else {
        text.contains(['{', '}', '<', '>'])
    };
    has_brackets || text.to_ascii_uppercase().contains("YOUR_") || text.contains("YOUR-")
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Flag(flag) => formatter.write_str(flag),
            Origin::Variable(variable) => formatter.write_str(variable),
            Origin::File { path, line } => write!(formatter, "{}:{line}", path.display()),
            Origin::Default => formatter.write_str("default"),
        }
    }
}

#[cfg(test)]
mod tests;
