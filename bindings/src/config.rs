//! An app's settings.

use std::time::Duration;

use hallpass_core as core;

/// The settings of one client at one authorization server; documented at [`core::Config`].
#[derive(Debug, Clone, uniffi::Record)]
pub struct Config {
    /// Who signs the user in.
    pub provider: Provider,
    /// The client identifier that the provider gave to this app.
    pub client_id: String,
    /// Where the browser returns to after a login.
    pub redirect_uri: String,
    /// The scope to ask for, its values separated by spaces.
    pub scope: Option<String>,
    /// The API that the access token is for (Auth0).
    pub audience: Option<String>,
    /// The APIs that the access token is for (RFC 8707).
    pub resources: Vec<String>,
    /// The organization that the user must sign in to.
    pub organization: Option<String>,
    /// How long ago the user may have authenticated at most, in seconds.
    pub max_age_seconds: Option<u64>,
    /// How far apart the clocks may be, in seconds.
    pub leeway_seconds: Option<u64>,
    /// How long a login may stay in the browser, in seconds.
    pub login_lifetime_seconds: Option<u64>,
    /// The origins to which `call` may send the access token.
    pub api_origins: Vec<String>,
    /// Where the browser returns after a logout that ends the server's session too.
    pub post_logout_redirect_uri: Option<String>,
    /// Whether requests to an Auth0 tenant name the SDK.
    pub telemetry: bool,
    /// Whether the tokens of the next login are bound to a key of this device (DPoP).
    pub dpop: bool,
    /// Whether logins are pushed to the server before the browser opens (PAR).
    pub par: bool,
    /// Where the provider's metadata is, when it is not below the issuer.
    pub metadata_url: Option<String>,
    /// The issuer's name in tokens, with `{tenantid}` in it, where it has many tenants.
    pub issuer_template: Option<String>,
    /// Whether an ID token without `nonce` is accepted at a login.
    pub danger_accept_missing_nonce: bool,
    /// Whether the scheme of the redirect URI may be one that any app can claim.
    pub danger_allow_any_redirect_scheme: bool,
    /// Whether plain HTTP is allowed on this very machine, and from an Android emulator on the one that it runs on
    /// (`10.0.2.2`).
    pub danger_allow_loopback_http: bool,
}

/// Who signs the user in.
#[derive(Debug, Clone, uniffi::Enum)]
pub enum Provider {
    /// An Auth0 tenant.
    Auth0 {
        /// Its domain, such as `tenant.eu.auth0.com`.
        domain: String,
    },
    /// Any OpenID Provider.
    OpenIdConnect {
        /// Its issuer identifier, byte for byte.
        issuer: String,
    },
}

impl TryFrom<Config> for core::Config {
    type Error = core::Error;

    fn try_from(config: Config) -> core::Result<Self> {
        let mut settings = match &config.provider {
            Provider::Auth0 { domain } => Self::auth0(domain, &config.client_id, &config.redirect_uri)?,
            Provider::OpenIdConnect { issuer } => Self::new(issuer, &config.client_id, &config.redirect_uri)?,
        };
        settings = settings.telemetry(config.telemetry);
        if let Some(scope) = &config.scope {
            settings = settings.scope(scope)?;
        }
        if let Some(audience) = config.audience {
            settings = settings.audience(audience);
        }
        for resource in config.resources {
            settings = settings.resource(resource);
        }
        if let Some(organization) = config.organization {
            settings = settings.organization(organization);
        }
        if let Some(max_age) = config.max_age_seconds {
            settings = settings.max_age(Duration::from_secs(max_age));
        }
        if let Some(leeway) = config.leeway_seconds {
            settings = settings.leeway(Duration::from_secs(leeway));
        }
        if let Some(lifetime) = config.login_lifetime_seconds {
            settings = settings.login_lifetime(Duration::from_secs(lifetime));
        }
        for origin in &config.api_origins {
            settings = settings.api_origin(origin)?;
        }
        if let Some(uri) = &config.post_logout_redirect_uri {
            settings = settings.post_logout_redirect_uri(uri)?;
        }
        if config.dpop {
            settings = settings.dpop();
        }
        if config.par {
            settings = settings.par();
        }
        if let Some(url) = &config.metadata_url {
            settings = settings.metadata_url(url)?;
        }
        if let Some(template) = &config.issuer_template {
            settings = settings.issuer_template(template)?;
        }
        if config.danger_accept_missing_nonce {
            settings = settings.danger_accept_missing_nonce();
        }
        if config.danger_allow_any_redirect_scheme {
            settings = settings.danger_allow_any_redirect_scheme();
        }
        Ok(if config.danger_allow_loopback_http { settings.danger_allow_loopback_http() } else { settings })
    }
}
