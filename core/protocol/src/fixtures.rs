//! What the unit tests of several modules need.

use alloc::string::String;
use core::time::Duration;

use url::Url;

use crate::authorize::{self, AuthorizationParameters, LoginEntropy, PendingLogin};
use crate::client::{Client, ClientId, Dialect, Issuer, Loopback, RedirectUri};
use crate::discovery::ProviderMetadata;
use crate::http::{Headers, Response};
use crate::scope::Scope;
use crate::time::Timestamp;

pub(crate) const NOW: Timestamp = Timestamp::from_unix_seconds(1_700_000_000);

/// A client without telemetry.
pub(crate) fn client(dialect: Dialect, issuer: &str) -> Client {
    Client {
        client_id: ClientId::parse("client-1").unwrap(),
        issuer: Issuer::parse(issuer, Loopback::RequireHttps).unwrap(),
        dialect,
        telemetry: None,
    }
}

/// The client of an Auth0 tenant.
pub(crate) fn auth0() -> Client {
    client(Dialect::Auth0, "https://tenant.eu.auth0.com/")
}

/// What is known of that tenant.
pub(crate) fn auth0_provider() -> ProviderMetadata {
    ProviderMetadata::of_dialect(&auth0()).unwrap()
}

/// The client of an OpenID Provider.
pub(crate) fn openid() -> Client {
    client(Dialect::OpenIdConnect, "https://op.example/realm")
}

/// What is known of that provider.
pub(crate) fn openid_provider() -> ProviderMetadata {
    let endpoint = |path: &str| Url::parse("https://op.example/realm/").unwrap().join(path).unwrap();
    ProviderMetadata {
        issuer: openid().issuer,
        authorization_endpoint: endpoint("auth?tenant=7"),
        token_endpoint: endpoint("token"),
        jwks_uri: endpoint("jwks"),
        userinfo_endpoint: Some(endpoint("userinfo")),
        revocation_endpoint: Some(endpoint("revoke")),
        end_session_endpoint: Some(endpoint("logout")),
        pushed_authorization_request_endpoint: Some(endpoint("par")),
        require_pushed_authorization_requests: false,
        device_authorization_endpoint: Some(endpoint("device")),
        authorization_response_iss_parameter_supported: true,
        id_token_signing_alg_values_supported: alloc::vec![],
        code_challenge_methods_supported: None,
        dpop_signing_alg_values_supported: None,
    }
}

pub(crate) fn entropy() -> LoginEntropy {
    LoginEntropy { state: [1; 32], nonce: [2; 32], code_verifier: [3; 32] }
}

/// Starts a login that lasts ten minutes from [`NOW`] on.
pub(crate) fn start(client: &Client, provider: &ProviderMetadata, redirect_uri: &str) -> (Url, PendingLogin) {
    let scope = Scope::parse("openid profile read:reports offline_access").unwrap();
    let parameters = AuthorizationParameters { scope, ..AuthorizationParameters::default() };
    start_with(client, provider, redirect_uri, &parameters)
}

/// The same with other parameters.
pub(crate) fn start_with(
    client: &Client,
    provider: &ProviderMetadata,
    redirect_uri: &str,
    parameters: &AuthorizationParameters,
) -> (Url, PendingLogin) {
    let redirect_uri = RedirectUri::parse(redirect_uri).unwrap();
    authorize::start(client, provider, parameters, redirect_uri, entropy(), NOW, Duration::from_secs(600)).unwrap()
}

pub(crate) fn response(status: u16, content_type: &str, body: &str) -> Response {
    let headers = Headers::from_iter([("content-type", content_type)]);
    Response { status, headers, body: String::from(body).into_bytes() }
}
