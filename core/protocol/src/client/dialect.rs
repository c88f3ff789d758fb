//! How authorization servers differ in what they want to hear: a table, so that the code that speaks has no branches.

use serde::{Deserialize, Serialize};

/// How an authorization server wants to be spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    /// The standards: OpenID Connect Discovery, form encoding, RP-initiated logout.
    OpenIdConnect,
    /// Auth0: known paths, JSON bodies, `/v2/logout`, telemetry.
    Auth0,
}

impl Dialect {
    /// Everything in which this dialect differs from another.
    #[must_use]
    pub const fn data(self) -> &'static DialectData {
        match self {
            Self::OpenIdConnect => &OPEN_ID_CONNECT,
            Self::Auth0 => &AUTH0,
        }
    }
}

/// A row of the table of dialects.
#[derive(Debug, PartialEq, Eq)]
pub struct DialectData {
    /// The endpoints' paths, if they follow from the issuer; `None` when discovery is needed.
    pub endpoints: Option<EndpointPaths>,
    /// How the members of a token or revocation request are encoded.
    pub encoding: TokenEncoding,
    /// The members of a revocation request, in order.
    pub revocation: &'static [RevocationMember],
    /// How the browser logs out, when the app does not choose.
    pub logout: LogoutStyle,
    /// The header and the query parameter that carry [`Telemetry`](super::Telemetry); `None` when it is not sent.
    pub telemetry: Option<TelemetryNames>,
}

/// Paths of the endpoints, relative to the issuer.
#[derive(Debug, PartialEq, Eq)]
pub struct EndpointPaths {
    /// `authorization_endpoint`
    pub authorization: &'static str,
    /// `token_endpoint`
    pub token: &'static str,
    /// `jwks_uri`
    pub jwks: &'static str,
    /// `userinfo_endpoint`
    pub userinfo: &'static str,
    /// `revocation_endpoint`
    pub revocation: &'static str,
    /// `end_session_endpoint`
    pub end_session: &'static str,
    /// `pushed_authorization_request_endpoint`
    pub pushed_authorization_request: &'static str,
    /// `device_authorization_endpoint`
    pub device_authorization: &'static str,
}

/// How members of a request's body are encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenEncoding {
    /// `application/x-www-form-urlencoded` (RFC 6749 §4.1.3)
    Form,
    /// A JSON object of strings
    Json,
}

/// A member of a revocation request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RevocationMember {
    /// `token` (RFC 7009 §2.1)
    Token,
    /// `token_type_hint=refresh_token` (RFC 7009 §2.1)
    TokenTypeHint,
    /// `client_id`
    ClientId,
}

/// How a browser logs out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogoutStyle {
    /// OpenID Connect RP-Initiated Logout 1.0, at the `end_session_endpoint`.
    RpInitiated,
    /// Auth0's own `/v2/logout`.
    Auth0,
}

/// Where telemetry goes.
#[derive(Debug, PartialEq, Eq)]
pub struct TelemetryNames {
    /// The header of a token or revocation request.
    pub header: &'static str,
    /// The parameter of an authorization request.
    pub parameter: &'static str,
}

const OPEN_ID_CONNECT: DialectData = DialectData {
    endpoints: None,
    encoding: TokenEncoding::Form,
    revocation: &[RevocationMember::Token, RevocationMember::TokenTypeHint, RevocationMember::ClientId],
    logout: LogoutStyle::RpInitiated,
    telemetry: None,
};

const AUTH0: DialectData = DialectData {
    endpoints: Some(EndpointPaths {
        authorization: "authorize",
        token: "oauth/token",
        jwks: ".well-known/jwks.json",
        userinfo: "userinfo",
        revocation: "oauth/revoke",
        end_session: "oidc/logout",
        pushed_authorization_request: "oauth/par",
        device_authorization: "oauth/device/code",
    }),
    encoding: TokenEncoding::Json,
    revocation: &[RevocationMember::ClientId, RevocationMember::Token],
    logout: LogoutStyle::Auth0,
    telemetry: Some(TelemetryNames { header: "Auth0-Client", parameter: "auth0Client" }),
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dialect_stored_is_its_name() {
        for (dialect, name) in [(Dialect::OpenIdConnect, "\"open_id_connect\""), (Dialect::Auth0, "\"auth0\"")] {
            assert_eq!(serde_json::to_string(&dialect).unwrap(), name);
            assert_eq!(serde_json::from_str::<Dialect>(name).unwrap(), dialect);
        }
    }

    #[test]
    fn only_the_dialect_that_knows_its_endpoints_needs_no_discovery() {
        assert!(Dialect::OpenIdConnect.data().endpoints.is_none());
        assert!(Dialect::Auth0.data().endpoints.is_some());
    }
}
