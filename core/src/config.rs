//! The settings of a client, parsed once, so that a `Config` has no invalid value.

use std::time::Duration;

use hallpass_protocol::client::{Client, ClientId, ConfigError, Dialect, Issuer, Loopback, RedirectUri, Telemetry};
use hallpass_protocol::scope::Scope;
use url::{Origin, Url};

use crate::error::{Error, Result};

/// The settings of one client at one authorization server.
///
/// ```
/// use hallpass_core::Config;
///
/// let config = Config::auth0("tenant.eu.auth0.com", "aBcD1234", "com.example.app://tenant.eu.auth0.com/callback")?
///     .audience("https://expenses-api")
///     .scope("openid profile read:reports offline_access")?
///     .api_origin("https://api.example.com")?;
/// # Ok::<(), hallpass_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Config {
    pub(crate) client: Client,
    pub(crate) redirect_uri: RedirectUri,
    pub(crate) scope: Scope,
    pub(crate) audience: Option<String>,
    pub(crate) resources: Vec<String>,
    pub(crate) organization: Option<String>,
    pub(crate) max_age: Option<u64>,
    pub(crate) leeway: Duration,
    pub(crate) login_lifetime: Duration,
    pub(crate) api_origins: Vec<Origin>,
    pub(crate) post_logout_redirect_uri: Option<RedirectUri>,
    pub(crate) loopback: Loopback,
    pub(crate) dpop: bool,
    pub(crate) par: bool,
    pub(crate) metadata_url: Option<Url>,
    pub(crate) accepts_missing_nonce: bool,
    allows_any_scheme: bool,
}

impl Config {
    /// Settings for any OpenID Provider. Its endpoints are read from `{issuer}/.well-known/openid-configuration`.
    ///
    /// `issuer` is compared byte for byte with the issuer in the provider's metadata, including a trailing slash.
    ///
    /// # Errors
    /// [`Error::Misconfigured`] naming `issuer`, `client_id` or `redirect_uri` and what to fix.
    pub fn new(issuer: &str, client_id: &str, redirect_uri: &str) -> Result<Self> {
        Self::with_dialect(Dialect::OpenIdConnect, issuer, client_id, redirect_uri)
    }

    /// Settings for an Auth0 tenant. Its endpoints follow from `domain` (such as `tenant.eu.auth0.com`, or a custom
    /// domain), so nothing needs to be read before the browser opens.
    ///
    /// # Errors
    /// [`Error::Misconfigured`] naming `domain`, `client_id` or `redirect_uri` and what to fix.
    pub fn auth0(domain: &str, client_id: &str, redirect_uri: &str) -> Result<Self> {
        let base = domain.trim_end_matches('/');
        let issuer = if base.contains("://") { format!("{base}/") } else { format!("https://{base}/") };
        Self::with_dialect(Dialect::Auth0, &issuer, client_id, redirect_uri)
            .map_err(|error| if error.code() == "issuer" { error.about("domain") } else { error })
    }

    fn with_dialect(dialect: Dialect, issuer: &str, client_id: &str, redirect_uri: &str) -> Result<Self> {
        // Whether plain HTTP is meant is said by a later call, so it is judged when the session is built.
        let loopback = Loopback::AllowHttp;
        Ok(Self {
            client: Client {
                client_id: ClientId::parse(client_id)?,
                issuer: Issuer::parse(issuer, loopback)?,
                dialect,
                telemetry: Some(Telemetry::default()),
            },
            // Whether its scheme may be one that any app can claim is said by a later call.
            redirect_uri: RedirectUri::danger_parse_any_scheme(redirect_uri)?,
            scope: Scope::parse("openid profile offline_access")?,
            audience: None,
            resources: Vec::new(),
            organization: None,
            max_age: None,
            leeway: Duration::from_secs(60),
            login_lifetime: Duration::from_secs(15 * 60),
            api_origins: Vec::new(),
            post_logout_redirect_uri: None,
            loopback: Loopback::RequireHttps,
            dpop: false,
            par: false,
            metadata_url: None,
            accepts_missing_nonce: false,
            allows_any_scheme: false,
        })
    }

    /// The API that the access token is for (Auth0's `audience`). Without it the server chooses.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// An API that the access token is for, as an absolute URI (RFC 8707 `resource`); may be given several times. It is sent
    /// at the login, in the code exchange and at each renewal.
    #[must_use]
    pub fn resource(mut self, resource: impl Into<String>) -> Self {
        self.resources.push(resource.into());
        self
    }

    /// The scope to ask for, its values separated by spaces; `openid profile offline_access` by default. `openid` is
    /// needed for an identity, `offline_access` for a refresh token.
    ///
    /// # Errors
    /// [`Error::Misconfigured`] naming `scope`: a character outside RFC 6749 §3.3, or no `openid`.
    pub fn scope(mut self, scope: &str) -> Result<Self> {
        self.scope = scope_of_a_login(scope)?;
        Ok(self)
    }

    /// The organization that the user must sign in to; its claim in the ID token is then checked.
    #[must_use]
    pub fn organization(mut self, organization: impl Into<String>) -> Self {
        self.organization = Some(organization.into());
        self
    }

    /// The longest time since the user authenticated, in whole seconds (OpenID Connect Core §3.1.2.1).
    #[must_use]
    pub fn max_age(mut self, max_age: Duration) -> Self {
        self.max_age = Some(max_age.as_secs());
        self
    }

    /// The clock difference that the checks of an ID token's times allow; 60 seconds by default.
    #[must_use]
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// How long a login may stay in the browser; 15 minutes by default.
    #[must_use]
    pub fn login_lifetime(mut self, lifetime: Duration) -> Self {
        self.login_lifetime = lifetime;
        self
    }

    /// An origin (scheme, host and port) to which `Session::call` may send the access token; may be given several
    /// times. No other origin ever gets it.
    ///
    /// # Errors
    /// [`Error::Misconfigured`] naming `api_origins`: not a URL with `https` (or with `http` and a host that
    /// [`danger_allow_loopback_http`](Self::danger_allow_loopback_http) allows).
    pub fn api_origin(mut self, origin: &str) -> Result<Self> {
        const FIX: &str = "give an absolute URL with https, such as `https://api.example.com`";
        let url = Url::parse(origin).map_err(|_| Error::Misconfigured { field: "api_origins", fix: FIX })?;
        if !(url.scheme() == "https" || (url.scheme() == "http" && Loopback::AllowHttp.permits(&url))) {
            return Err(Error::Misconfigured { field: "api_origins", fix: FIX });
        }
        self.api_origins.push(url.origin());
        Ok(self)
    }

    /// Where the browser returns after a logout that ends the server's session too.
    ///
    /// # Errors
    /// [`Error::Misconfigured`] naming `post_logout_redirect_uri`.
    pub fn post_logout_redirect_uri(mut self, uri: &str) -> Result<Self> {
        let parsed = RedirectUri::parse(uri).map_err(|error| Error::from(error).about("post_logout_redirect_uri"))?;
        self.post_logout_redirect_uri = Some(parsed);
        Ok(self)
    }

    /// Whether requests to an Auth0 tenant name the SDK and its version (the `Auth0-Client` header); on by default. Other
    /// providers never get it.
    #[must_use]
    pub fn telemetry(mut self, enabled: bool) -> Self {
        self.client.telemetry = enabled.then(Telemetry::default);
        self
    }

    /// Binds the tokens of the next login to a key of this device (DPoP, RFC 9449), so that a stolen token cannot be used
    /// elsewhere. An existing session stays as it is until the user logs in again.
    ///
    /// The key is the session's signer (`SessionBuilder::signer`), by default a software key stored beside the record. The
    /// server has to accept proofs signed with ES256. Tokens that it does not bind are refused.
    #[must_use]
    pub fn dpop(mut self) -> Self {
        self.dpop = true;
        self
    }

    /// Pushes the parameters of a login to the server before the browser opens, so that the browser gets only a reference
    /// (RFC 9126). If the server's metadata requires this, it is always done. Auth0's metadata is not read, so a tenant that
    /// requires it needs this setting.
    ///
    /// It costs a login one request; a login that cannot reach the server opens no page. With a server that has no such
    /// endpoint, a login is [`Error::Misconfigured`] naming `par`.
    #[must_use]
    pub fn par(mut self) -> Self {
        self.par = true;
        self
    }

    /// Allows plain HTTP to an authorization server and to APIs on this machine (`localhost`, `127.0.0.0/8`, `::1`), and
    /// to the host of an Android emulator (`10.0.2.2`), for development. Everything else needs HTTPS. Do not use it in a
    /// release: on a phone `10.0.2.2` is any machine with that address in the phone's network.
    #[must_use]
    pub fn danger_allow_loopback_http(mut self) -> Self {
        self.loopback = Loopback::AllowHttp;
        self
    }

    /// Where the provider's metadata is, if it is not below the issuer. It has to name the issuer.
    ///
    /// # Errors
    /// [`Error::Misconfigured`] naming `metadata_url`: not an absolute URL.
    pub fn metadata_url(mut self, url: &str) -> Result<Self> {
        const FIX: &str = "give an absolute URL with https, as the provider documents it";
        let url = Url::parse(url).ok().filter(|url| Loopback::AllowHttp.permits(url));
        self.metadata_url = Some(url.ok_or(Error::Misconfigured { field: "metadata_url", fix: FIX })?);
        Ok(self)
    }

    /// A template for an issuer with many tenants: for Microsoft's `common` and `organizations`,
    /// `https://login.microsoftonline.com/{tenantid}/v2.0`. In a token's issuer, the claim `tid` has to replace `{tenantid}`.
    /// Users of every tenant are accepted; the app has to decide who may use it.
    ///
    /// # Errors
    /// [`Error::Misconfigured`] naming `issuer_template`: without `{tenantid}`, or with another host.
    pub fn issuer_template(mut self, template: &str) -> Result<Self> {
        const FIX: &str = "give the issuer's own URL with `{tenantid}` once in its path";
        let issuer = self.client.issuer.with_template(template);
        self.client.issuer = issuer.map_err(|_| Error::Misconfigured { field: "issuer_template", fix: FIX })?;
        Ok(self)
    }

    /// Accepts an ID token without `nonce` at a login, for a provider that never returns it (LinkedIn). The nonce is one of
    /// two protections against an injected code; the other is PKCE, which is always on. If there is a nonce, it is
    /// checked.
    #[must_use]
    pub fn danger_accept_missing_nonce(mut self) -> Self {
        self.accepts_missing_nonce = true;
        self
    }

    /// Allows a redirect URI whose scheme has no period, such as `myapp://callback` or `msal{client id}://auth`, for a client
    /// that is registered with it. Any app on the device can claim such a scheme and get the callback (RFC 8252 §7.1). PKCE
    /// makes the code useless for that app, but the user's login does not finish.
    #[must_use]
    pub fn danger_allow_any_redirect_scheme(mut self) -> Self {
        self.allows_any_scheme = true;
        self
    }

    /// Checks what several settings decide together.
    pub(crate) fn check(&self) -> Result<()> {
        const FIX: &str = "use https, or call `danger_allow_loopback_http` for a server on this machine";
        if self.loopback == Loopback::RequireHttps {
            if self.client.issuer.url().scheme() != "https" {
                return Err(Error::Misconfigured { field: "issuer", fix: FIX });
            }
            if self.api_origins.iter().any(|origin| matches!(origin, Origin::Tuple(scheme, ..) if scheme != "https")) {
                return Err(Error::Misconfigured { field: "api_origins", fix: FIX });
            }
            if self.metadata_url.as_ref().is_some_and(|url| url.scheme() != "https") {
                return Err(Error::Misconfigured { field: "metadata_url", fix: FIX });
            }
        }
        if self.redirect_uri.has_scheme_of_anybody() && !self.allows_any_scheme {
            return Err(ConfigError::RedirectUriScheme.into());
        }
        Ok(())
    }
}

/// What a login may ask for.
pub(crate) fn scope_of_a_login(scope: &str) -> Result<Scope> {
    let scope = Scope::parse(scope)?;
    if !scope.contains("openid") {
        return Err(Error::Misconfigured { field: "scope", fix: "add `openid`; without it no one is signed in" });
    }
    Ok(scope)
}
