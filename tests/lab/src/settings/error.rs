//! What is wrong with the settings: which, where, and the next step.

use std::path::PathBuf;

use hallpass_core::Error;

use super::{FILE_NAME, FileError, Origin, Setting};

/// Why the settings cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// The property file cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// A setting that is needed is not set, or is empty.
    #[error("{}", missing(*setting, place.as_ref()))]
    Missing {
        /// Which.
        setting: Setting,
        /// Where it stands, empty.
        place: Option<Origin>,
        /// The property file that was read.
        file: Option<PathBuf>,
    },
    /// Domain and issuer are set in the same place.
    #[error("{domain}: `domain` is set, and so is `issuer` ({issuer}); both name the tenant")]
    Both {
        /// Where the domain is set.
        domain: Origin,
        /// Where the issuer is set.
        issuer: Origin,
    },
    /// A setting still is what the template had in its place.
    #[error("{origin}: `{}` is still the placeholder {}", setting.key(), shown(value))]
    Placeholder {
        /// Which.
        setting: Setting,
        /// What stands there.
        value: String,
        /// Where.
        origin: Origin,
    },
    /// A setting has a value that cannot be.
    #[error("{origin}: `{}` cannot be {}", setting.key(), shown(value))]
    Refused {
        /// Which.
        setting: Setting,
        /// What stands there.
        value: String,
        /// Where.
        origin: Origin,
        /// What to do about it.
        fix: String,
    },
    /// The core's error, which is about no setting.
    #[error(transparent)]
    Core(#[from] Error),
}

impl SettingsError {
    /// What to do about it.
    pub fn next_step(&self) -> String {
        match self {
            SettingsError::File(error) => error.next_step(),
            SettingsError::Missing { setting, place: Some(place), .. } => {
                format!("{}, at {place}", meaning(*setting))
            }
            SettingsError::Missing { setting, place: None, file: Some(file) } => format!(
                "add `{}` to {}, or give {}, or set {}; {}",
                setting.example(),
                file.display(),
                setting.flag(),
                setting.variable(),
                meaning(*setting)
            ),
            SettingsError::Missing { setting, place: None, file: None } => format!(
                "create a {FILE_NAME} here with `{}`, or give {}, or set {}; {}",
                setting.example(),
                setting.flag(),
                setting.variable(),
                meaning(*setting)
            ),
            SettingsError::Both { .. } => {
                "keep `domain` for an Auth0 tenant, `issuer` for any other OpenID Provider".to_owned()
            }
            SettingsError::Placeholder { setting, .. } => format!("replace it: {}", meaning(*setting)),
            SettingsError::Refused { fix, .. } => fix.clone(),
            SettingsError::Core(_) => String::new(),
        }
    }
}

fn missing(setting: Setting, place: Option<&Origin>) -> String {
    match place {
        Some(place) => format!("{place}: `{}` is empty", setting.key()),
        None => format!("`{}` is not set", setting.key()),
    }
}

/// What a setting is, for somebody who has the tenant's dashboard open.
fn meaning(setting: Setting) -> &'static str {
    match setting {
        Setting::Domain => {
            "it is the \"Domain\" on the application's page in the Auth0 dashboard (for another provider set `issuer`)"
        }
        Setting::Issuer => "it is the provider's URL, exactly as its openid-configuration says it",
        Setting::ClientId => "it is the \"Client ID\" on the application's page at the provider",
        Setting::Audience => "it is the \"Identifier\" of the API at the provider",
        Setting::Scope => "it is what to ask for, separated by spaces; `openid` has to be in it",
        Setting::RedirectUri => "it is where the browser returns to, as registered for the application at the provider",
        Setting::PostLogoutRedirectUri => {
            "it is where the browser returns to after a logout, as registered at the provider"
        }
        Setting::ApiOrigins => "these are scheme and host of the APIs that may get the access token",
        Setting::Organization => "it is the id of an organization at the provider",
        Setting::Account => "it is a name of your choice for one of several accounts",
        Setting::Store => "it is `system`, or `file:` and the path of a folder",
        Setting::Dpop | Setting::Par | Setting::DangerAllowLoopbackHttp => "it is true or false",
    }
}

/// A value in quotes, cut short.
fn shown(value: &str) -> String {
    const MOST: usize = 60;
    let short: String = value.chars().take(MOST).collect();
    if short.len() < value.len() { format!("{short:?}…") } else { format!("{value:?}") }
}
