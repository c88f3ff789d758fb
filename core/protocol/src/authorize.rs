//! The authorization request: code flow with PKCE, `state` and `nonce` (RFC 6749 §4.1.1, RFC 7636 §4.3, OpenID
//! Connect Core §3.1.2.1, RFC 8707 §2).

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use serde::{Deserialize, Serialize};
use url::Url;
use zeroize::ZeroizeOnDrop;

use crate::client::{Client, ConfigError, Issuer, RedirectUri};
use crate::discovery::ProviderMetadata;
use crate::dpop::Thumbprint;
use crate::pkce;
use crate::scope::Scope;
use crate::secret::{CodeVerifier, Entropy, Nonce, State};
use crate::time::Timestamp;

/// What the app asks for.
#[derive(Debug, Clone, Default)]
pub struct AuthorizationParameters {
    /// `scope`; `openid` in it makes the server give an ID token, `offline_access` a refresh token.
    pub scope: Scope,
    /// `audience`: the API that the access token is for (Auth0).
    pub audience: Option<String>,
    /// `resource`, any number of times: an API that the access token is for (RFC 8707).
    pub resource: Vec<String>,
    /// `prompt`, any number of values; [`Prompt::None`] only alone.
    pub prompt: Vec<Prompt>,
    /// `max_age`, in seconds: the longest time since the user authenticated. The ID token is checked against it.
    pub max_age: Option<u64>,
    /// `login_hint`
    pub login_hint: Option<String>,
    /// `ui_locales`, separated by spaces
    pub ui_locales: Option<String>,
    /// `acr_values`, separated by spaces
    pub acr_values: Option<String>,
    /// `organization`: the id (`org_…`) or name of an Auth0 organization. The ID token is checked against it.
    pub organization: Option<String>,
    /// `invitation`: the id of an invitation to an Auth0 organization.
    pub invitation: Option<String>,
    /// `connection`: the Auth0 connection to log in with.
    pub connection: Option<String>,
    /// `dpop_jkt`: the key that the tokens are to be bound to, so that the code is of no use without it (RFC 9449 §10).
    pub dpop_jkt: Option<Thumbprint>,
    /// Further parameters, sent last and in this order. None may have the name of one that the protocol sets.
    pub extra: Vec<(String, String)>,
}

/// `prompt` (OpenID Connect Core §3.1.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Prompt {
    /// Show nothing; fail when something would have to be shown.
    None,
    /// Have the user authenticate again.
    Login,
    /// Have the user consent again.
    Consent,
    /// Have the user choose an account.
    SelectAccount,
    /// Show the page on which a user signs up (Initiating User Registration via OpenID Connect 1.0).
    Create,
}

impl Prompt {
    /// The value in the request.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Login => "login",
            Self::Consent => "consent",
            Self::SelectAccount => "select_account",
            Self::Create => "create",
        }
    }
}

/// The random part of a login: three values of 32 bytes from a cryptographic generator, used once and wiped.
#[derive(ZeroizeOnDrop)]
pub struct LoginEntropy {
    /// Becomes `state`.
    pub state: Entropy,
    /// Becomes `nonce`.
    pub nonce: Entropy,
    /// Becomes `code_verifier`.
    pub code_verifier: Entropy,
}

/// A login that waits for its callback: all that is needed to judge the callback and the tokens after it, also in
/// another process. Single use, and over at [`expires`](PendingLogin::expires). It holds secrets: store it encrypted.
#[derive(Debug, Serialize, Deserialize)]
pub struct PendingLogin {
    state: State,
    nonce: Nonce,
    code_verifier: CodeVerifier,
    redirect_uri: RedirectUri,
    issuer: Issuer,
    scope: Scope,
    audience: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    resource: Vec<String>,
    organization: Option<String>,
    max_age: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dpop_jkt: Option<Thumbprint>,
    started: Timestamp,
    expires: Timestamp,
}

impl PendingLogin {
    /// The `state` that the callback must have.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// The `nonce` that the ID token must have.
    #[must_use]
    pub const fn nonce(&self) -> &Nonce {
        &self.nonce
    }

    /// The verifier that goes with the code.
    #[must_use]
    pub const fn code_verifier(&self) -> &CodeVerifier {
        &self.code_verifier
    }

    /// The redirect URI at which the callback must arrive.
    #[must_use]
    pub const fn redirect_uri(&self) -> &RedirectUri {
        &self.redirect_uri
    }

    /// Who was asked.
    #[must_use]
    pub const fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// The scope asked for; it is the one granted when the token response names none (RFC 6749 §5.1).
    #[must_use]
    pub const fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The audience asked for.
    #[must_use]
    pub fn audience(&self) -> Option<&str> {
        self.audience.as_deref()
    }

    /// The resources asked for (RFC 8707 §2).
    #[must_use]
    pub fn resource(&self) -> &[String] {
        &self.resource
    }

    /// The organization asked for.
    #[must_use]
    pub fn organization(&self) -> Option<&str> {
        self.organization.as_deref()
    }

    /// How long ago the user may have authenticated, in seconds.
    #[must_use]
    pub const fn max_age(&self) -> Option<u64> {
        self.max_age
    }

    /// The key that the tokens are bound to.
    #[must_use]
    pub const fn dpop_jkt(&self) -> Option<Thumbprint> {
        self.dpop_jkt
    }

    /// When the login was started.
    #[must_use]
    pub const fn started(&self) -> Timestamp {
        self.started
    }

    /// The time from which a callback is too late.
    #[must_use]
    pub const fn expires(&self) -> Timestamp {
        self.expires
    }
}

/// Starts a login: returns the URL for the browser, and what to keep until the callback.
///
/// The parameters are in the order `response_type`, `client_id`, `redirect_uri`, `scope`, `audience`, `state`,
/// `nonce`, `code_challenge`, `code_challenge_method`, then the optional ones and the extra ones.
///
/// # Errors
/// [`ConfigError::ExtraParameter`] when an extra parameter has the name of one of the protocol's,
/// [`ConfigError::Resource`] when a resource is no absolute URI, and [`ConfigError::Prompt`] when [`Prompt::None`] is
/// together with another value.
#[expect(clippy::needless_pass_by_value, reason = "entropy that was moved cannot be used for a second login")]
pub fn start(
    client: &Client,
    provider: &ProviderMetadata,
    parameters: &AuthorizationParameters,
    redirect_uri: RedirectUri,
    entropy: LoginEntropy,
    now: Timestamp,
    lifetime: Duration,
) -> Result<(Url, PendingLogin), ConfigError> {
    check(client, parameters)?;
    let pending = PendingLogin {
        state: State::from_entropy(entropy.state),
        nonce: Nonce::from_entropy(entropy.nonce),
        code_verifier: CodeVerifier::from_entropy(entropy.code_verifier),
        redirect_uri,
        issuer: client.issuer.clone(),
        scope: parameters.scope.clone(),
        audience: parameters.audience.clone(),
        resource: parameters.resource.clone(),
        organization: parameters.organization.clone(),
        max_age: parameters.max_age,
        dpop_jkt: parameters.dpop_jkt,
        started: now,
        expires: now.saturating_add(lifetime),
    };
    // The endpoint may have a query of its own, which stays (RFC 6749 §3.1).
    let mut url = provider.authorization_endpoint.clone();
    append(&mut url, client, parameters, &pending);
    Ok((url, pending))
}

/// Parameters that may not be given as extra ones: those that [`start`] sets, and those that would change the form of the
/// callback or the source of the request.
const PROTOCOL_PARAMETERS: [&str; 22] = [
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "audience",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
    "connection",
    "organization",
    "invitation",
    "max_age",
    "prompt",
    "login_hint",
    "ui_locales",
    "acr_values",
    "resource",
    "dpop_jkt",
    "response_mode",
    "request",
    "request_uri",
];

pub(crate) fn check(client: &Client, parameters: &AuthorizationParameters) -> Result<(), ConfigError> {
    let telemetry = client.dialect.data().telemetry.as_ref();
    let reserved =
        |name: &str| PROTOCOL_PARAMETERS.contains(&name) || telemetry.is_some_and(|names| names.parameter == name);
    if parameters.extra.iter().any(|(name, _)| reserved(name)) {
        return Err(ConfigError::ExtraParameter);
    }
    let absolute = |text: &String| Url::parse(text).is_ok_and(|url| url.fragment().is_none());
    if !parameters.resource.iter().all(absolute) {
        return Err(ConfigError::Resource);
    }
    if parameters.prompt.contains(&Prompt::None) && parameters.prompt.iter().any(|prompt| *prompt != Prompt::None) {
        return Err(ConfigError::Prompt);
    }
    Ok(())
}

fn append(url: &mut Url, client: &Client, parameters: &AuthorizationParameters, pending: &PendingLogin) {
    let mut query = url.query_pairs_mut();
    let mut optional = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            query.append_pair(name, value);
        }
    };
    optional("response_type", Some("code"));
    optional("client_id", Some(client.client_id.as_str()));
    optional("redirect_uri", Some(pending.redirect_uri.as_str()));
    optional("scope", (!pending.scope.is_empty()).then(|| pending.scope.to_string()).as_deref());
    optional("audience", parameters.audience.as_deref());
    optional("state", Some(pending.state.expose()));
    optional("nonce", Some(pending.nonce.expose()));
    optional("code_challenge", Some(&pkce::challenge(&pending.code_verifier)));
    optional("code_challenge_method", Some(pkce::METHOD));
    if let (Some(names), Some(telemetry)) = (&client.dialect.data().telemetry, &client.telemetry) {
        optional(names.parameter, Some(&telemetry.encoded()));
    }
    optional("connection", parameters.connection.as_deref());
    optional("organization", parameters.organization.as_deref());
    optional("invitation", parameters.invitation.as_deref());
    optional("max_age", parameters.max_age.map(|seconds| seconds.to_string()).as_deref());
    let prompt = parameters.prompt.iter().map(|prompt| prompt.as_str()).collect::<Vec<_>>().join(" ");
    optional("prompt", (!prompt.is_empty()).then_some(&*prompt));
    optional("login_hint", parameters.login_hint.as_deref());
    optional("ui_locales", parameters.ui_locales.as_deref());
    optional("acr_values", parameters.acr_values.as_deref());
    for resource in &parameters.resource {
        optional("resource", Some(resource));
    }
    optional("dpop_jkt", parameters.dpop_jkt.map(|thumbprint| thumbprint.to_string()).as_deref());
    for (name, value) in &parameters.extra {
        optional(name, Some(value));
    }
}

#[cfg(test)]
mod tests {
    use alloc::borrow::ToOwned;
    use alloc::format;
    use alloc::vec;

    use super::*;
    use crate::client::Telemetry;
    use crate::dpop::PublicKey;
    use crate::fixtures::{self, NOW, auth0, auth0_provider, entropy, openid, openid_provider};

    const REDIRECT: &str = "com.example.app://tenant.eu.auth0.com/callback";

    fn url(
        client: &Client,
        provider: &ProviderMetadata,
        parameters: &AuthorizationParameters,
    ) -> Result<Url, ConfigError> {
        let redirect_uri = RedirectUri::parse(REDIRECT).unwrap();
        start(client, provider, parameters, redirect_uri, entropy(), NOW, Duration::from_secs(60)).map(|(url, _)| url)
    }

    fn names(url: &Url) -> Vec<String> {
        url.query_pairs().map(|(name, _)| name.into_owned()).collect()
    }

    #[test]
    fn the_request_to_auth0_is_the_labs() {
        let parameters = AuthorizationParameters {
            scope: Scope::parse("openid profile read:reports offline_access").unwrap(),
            audience: Some("https://expenses-api".to_owned()),
            ..AuthorizationParameters::default()
        };
        let state = State::from_entropy([1; 32]);
        let nonce = Nonce::from_entropy([2; 32]);
        let challenge = pkce::challenge(&CodeVerifier::from_entropy([3; 32]));
        assert_eq!(
            url(&auth0(), &auth0_provider(), &parameters).unwrap().as_str(),
            format!(
                "https://tenant.eu.auth0.com/authorize?response_type=code&client_id=client-1\
                 &redirect_uri=com.example.app%3A%2F%2Ftenant.eu.auth0.com%2Fcallback\
                 &scope=openid+profile+read%3Areports+offline_access&audience=https%3A%2F%2Fexpenses-api\
                 &state={}&nonce={}&code_challenge={challenge}&code_challenge_method=S256",
                state.expose(),
                nonce.expose(),
            )
        );
    }

    #[test]
    fn every_optional_parameter_is_sent_once_and_after_the_required_ones() {
        let some = |text: &str| Some(text.to_owned());
        let parameters = AuthorizationParameters {
            scope: Scope::parse("openid").unwrap(),
            audience: some("a"),
            resource: vec!["https://one.example/".to_owned(), "urn:two".to_owned()],
            prompt: vec![Prompt::Login, Prompt::SelectAccount],
            max_age: Some(0),
            login_hint: some("l&h=1"),
            ui_locales: some("de en"),
            acr_values: some("x"),
            organization: some("org_1"),
            invitation: some("i"),
            connection: some("c"),
            dpop_jkt: Some(PublicKey::of_the_rfc().thumbprint()),
            extra: vec![("screen_hint".to_owned(), "signup".to_owned())],
        };
        let mut client = auth0();
        client.telemetry = Some(Telemetry::default());
        let url = url(&client, &auth0_provider(), &parameters).unwrap();
        let expected = "response_type client_id redirect_uri scope audience state nonce code_challenge \
             code_challenge_method auth0Client connection organization invitation max_age prompt login_hint ui_locales \
             acr_values resource resource dpop_jkt screen_hint";
        assert_eq!(names(&url).join(" "), expected);
        let value = |name: &str| url.query_pairs().find(|(found, _)| found == name).unwrap().1.into_owned();
        assert_eq!(value("auth0Client"), Telemetry::default().encoded());
        assert_eq!((value("prompt").as_str(), value("max_age").as_str()), ("login select_account", "0"));
        assert_eq!(value("login_hint"), "l&h=1");
        assert_eq!(value("dpop_jkt"), "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
    }

    #[test]
    fn an_endpoint_with_a_query_keeps_it_and_another_dialect_sends_no_telemetry() {
        let mut client = openid();
        client.telemetry = Some(Telemetry::default());
        let parameters = AuthorizationParameters::default();
        let url = url(&client, &openid_provider(), &parameters).unwrap();
        assert!(url.as_str().starts_with("https://op.example/realm/auth?tenant=7&response_type=code&"), "{url}");
        assert!(!names(&url).iter().any(|name| name == "auth0Client" || name == "scope"));
    }

    #[test]
    fn a_prompt_of_none_stands_alone() {
        let attempt = |prompt: &[Prompt]| {
            let parameters = AuthorizationParameters { prompt: prompt.to_vec(), ..AuthorizationParameters::default() };
            url(&openid(), &openid_provider(), &parameters)
        };
        assert!(attempt(&[Prompt::None]).is_ok());
        assert_eq!(attempt(&[Prompt::None, Prompt::Login]), Err(ConfigError::Prompt));
        let created = attempt(&[Prompt::Create]).unwrap();
        assert!(created.query_pairs().any(|(name, value)| name == "prompt" && value == "create"), "{created}");
    }

    #[test]
    fn an_extra_parameter_with_a_name_of_the_protocols_is_refused() {
        let attempt = |client: &Client, name: &str| {
            let extra = vec![(name.to_owned(), "x".to_owned())];
            let parameters = AuthorizationParameters { extra, ..AuthorizationParameters::default() };
            url(client, &auth0_provider(), &parameters)
        };
        for name in PROTOCOL_PARAMETERS {
            assert_eq!(attempt(&auth0(), name), Err(ConfigError::ExtraParameter), "{name}");
        }
        assert_eq!(attempt(&auth0(), "auth0Client"), Err(ConfigError::ExtraParameter));
        assert!(attempt(&openid(), "auth0Client").is_ok());
        assert!(attempt(&auth0(), "display").is_ok());
    }

    #[test]
    fn a_resource_that_is_no_absolute_uri_is_refused() {
        for resource in ["/api", "api", "https://api.example/#f", ""] {
            let parameters =
                AuthorizationParameters { resource: vec![resource.to_owned()], ..AuthorizationParameters::default() };
            assert_eq!(url(&openid(), &openid_provider(), &parameters), Err(ConfigError::Resource), "{resource}");
        }
    }

    #[test]
    fn a_pending_login_stored_is_read_as_it_was_and_prints_no_secret() {
        let (_, pending) = fixtures::start(&auth0(), &auth0_provider(), REDIRECT);
        let shown = format!("{pending:?}");
        for secret in [pending.state().expose(), pending.nonce().expose(), pending.code_verifier().expose()] {
            assert!(!shown.contains(secret), "{shown}");
        }
        let read: PendingLogin = serde_json::from_str(&serde_json::to_string(&pending).unwrap()).unwrap();
        assert!(read.state().same(pending.state().expose()));
        assert_eq!(read.nonce().expose(), pending.nonce().expose());
        assert_eq!(read.code_verifier().expose(), pending.code_verifier().expose());
        assert_eq!(
            (read.redirect_uri(), read.issuer(), read.scope()),
            (pending.redirect_uri(), pending.issuer(), pending.scope())
        );
        assert_eq!((read.started(), read.expires()), (NOW, NOW.saturating_add(Duration::from_secs(600))));
        assert_eq!((read.audience(), read.organization(), read.max_age()), (None, None, None));
    }
}
