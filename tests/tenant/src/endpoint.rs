//! The parts of a tenant by name.

use serde::{Deserialize, Serialize};

/// A part of the tenant that requests can be sent to, as faults and the request log name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// `/authorize`
    Authorization,
    /// `/oauth/par`
    PushedAuthorizationRequest,
    /// `/oauth/device/code`
    DeviceAuthorization,
    /// `/activate`, the page on which a device's code is entered.
    Activation,
    /// `/u/login`, the login page.
    Login,
    /// `/u/consent`, the consent page.
    Consent,
    /// `/oauth/token`
    Token,
    /// `/userinfo`
    Userinfo,
    /// `/oauth/revoke`
    Revocation,
    /// `/v2/logout`
    Logout,
    /// `/oidc/logout`
    EndSession,
    /// `/.well-known/openid-configuration`
    OpenidConfiguration,
    /// `/.well-known/oauth-authorization-server`
    AuthorizationServerMetadata,
    /// `/.well-known/jwks.json`
    KeySet,
    /// The expenses API, any path.
    Api,
    /// Any other path of the tenant: a client that follows a redirect it should not follow ends here.
    Elsewhere,
}

impl Endpoint {
    /// All of them, in the order in which a dashboard would list them.
    pub const ALL: [Self; 16] = [
        Self::Token,
        Self::Api,
        Self::Userinfo,
        Self::Revocation,
        Self::OpenidConfiguration,
        Self::AuthorizationServerMetadata,
        Self::KeySet,
        Self::Authorization,
        Self::PushedAuthorizationRequest,
        Self::DeviceAuthorization,
        Self::Activation,
        Self::Login,
        Self::Consent,
        Self::Logout,
        Self::EndSession,
        Self::Elsewhere,
    ];

    /// The endpoint at a path of the tenant.
    pub(crate) fn at(path: &str) -> Self {
        match path {
            "/authorize" => Self::Authorization,
            "/oauth/par" => Self::PushedAuthorizationRequest,
            "/oauth/device/code" => Self::DeviceAuthorization,
            "/activate" => Self::Activation,
            "/u/login" => Self::Login,
            "/u/consent" => Self::Consent,
            "/oauth/token" => Self::Token,
            "/userinfo" => Self::Userinfo,
            "/oauth/revoke" => Self::Revocation,
            "/v2/logout" => Self::Logout,
            "/oidc/logout" => Self::EndSession,
            "/.well-known/openid-configuration" => Self::OpenidConfiguration,
            "/.well-known/oauth-authorization-server" => Self::AuthorizationServerMetadata,
            "/.well-known/jwks.json" => Self::KeySet,
            _ => Self::Elsewhere,
        }
    }

    /// Whether scripts of other origins may read its answers.
    pub(crate) const fn shares_with_other_origins(self) -> bool {
        match self {
            Self::Token
            | Self::PushedAuthorizationRequest
            | Self::DeviceAuthorization
            | Self::Userinfo
            | Self::Revocation
            | Self::OpenidConfiguration
            | Self::AuthorizationServerMetadata
            | Self::KeySet
            | Self::Api => true,
            Self::Authorization
            | Self::Activation
            | Self::Login
            | Self::Consent
            | Self::Logout
            | Self::EndSession
            | Self::Elsewhere => false,
        }
    }

    /// Whether the tenant counts its requests against the rate limit.
    pub(crate) const fn is_rate_limited(self) -> bool {
        matches!(self, Self::Token | Self::Userinfo | Self::Revocation)
    }
}
