//! The members of each request, as the README lists them.
#![allow(
    missing_docs,
    reason = "they are documented where the users of all languages look: in the README of this crate"
)]

use std::collections::BTreeMap;

use serde::de::IntoDeserializer;
use serde::{Deserialize, Deserializer};

/// `open`: the members of its request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Open {
    pub config: OpenConfig,
    #[serde(default = "memory")]
    pub store: String,
    #[serde(default = "default_account")]
    pub account: String,
}

fn memory() -> String {
    "memory".to_owned()
}

fn default_account() -> String {
    "default".to_owned()
}

/// `config` of `open`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenConfig {
    pub issuer: String,
    pub client_id: String,
    pub redirect_uri: String,
    pub scope: Option<String>,
    pub audience: Option<String>,
    #[serde(default)]
    pub resource: Vec<String>,
    #[serde(default)]
    pub dialect: OpenDialect,
    #[serde(default)]
    pub allow_loopback_http: bool,
    pub max_age: Option<u64>,
    pub organization: Option<String>,
    pub leeway_seconds: Option<u64>,
    pub login_lifetime_seconds: Option<u64>,
    #[serde(default)]
    pub api_origins: Vec<String>,
    pub post_logout_redirect_uri: Option<String>,
    pub telemetry: Option<bool>,
    #[serde(default)]
    pub dpop: bool,
    #[serde(default)]
    pub par: bool,
    pub metadata_url: Option<String>,
    pub issuer_template: Option<String>,
    #[serde(default)]
    pub accept_missing_nonce: bool,
    #[serde(default)]
    pub allow_any_redirect_scheme: bool,
}

/// `dialect` of `open`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OpenDialect {
    #[default]
    Oidc,
    Auth0,
}

/// A request that names a session and nothing else.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfSession {
    pub session: String,
}

/// `login_start`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoginStart {
    pub session: String,
    #[serde(default)]
    pub params: LoginParameters,
}

/// `params` of `login_start`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoginParameters {
    #[serde(default)]
    pub prompt: OpenPrompts,
    pub scope: Option<String>,
    pub audience: Option<String>,
    #[serde(default)]
    pub resource: Vec<String>,
    pub login_hint: Option<String>,
    pub ui_locales: Option<String>,
    pub acr_values: Option<String>,
    pub max_age: Option<u64>,
    pub organization: Option<String>,
    pub invitation: Option<String>,
    pub connection: Option<String>,
    #[serde(default)]
    pub extra: BTreeMap<String, String>,
}

/// `prompt` of `login_start`: values separated by spaces.
#[derive(Debug, Default)]
pub struct OpenPrompts(pub Vec<OpenPrompt>);

impl<'de> Deserialize<'de> for OpenPrompts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?.unwrap_or_default();
        let read = |name: &str| OpenPrompt::deserialize(name.into_deserializer());
        text.split(' ').filter(|name| !name.is_empty()).map(read).collect::<Result<_, _>>().map(Self)
    }
}

/// A value of `prompt` (OpenID Connect Core §3.1.2.1).
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OpenPrompt {
    None,
    Login,
    Consent,
    SelectAccount,
    Create,
}

/// `login_finish`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoginFinish {
    pub session: String,
    pub callback: String,
}

/// `credentials`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CredentialsOf {
    pub session: String,
    pub min_ttl: Option<u64>,
    pub audience: Option<String>,
    pub scope: Option<String>,
}

/// `events`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventsOf {
    pub session: String,
    pub count: Option<usize>,
}

/// `call`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    pub session: String,
    pub method: String,
    pub url: String,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    pub body: Option<String>,
}

/// `logout_url`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogoutUrl {
    pub session: String,
    pub post_logout_redirect_uri: Option<String>,
}

/// `advance`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Advance {
    pub seconds: f64,
}
