//! An access token, and how long it has to last.

use std::fmt;
use std::time::Duration;

use hallpass_core as core;
use hallpass_core::protocol::time::Timestamp;

/// A valid access token. Its text shows no secret.
#[derive(Clone, uniffi::Record)]
#[uniffi::export(Debug, Display)]
pub struct Credentials {
    /// The access token.
    pub access_token: String,
    /// How it is to be presented: `Bearer`, or `DPoP` with a proof for each request.
    pub token_type: String,
    /// The scope granted, its values separated by spaces.
    pub scope: String,
    /// When it expires, in seconds since 1970, by this device's clock; `None` when the server did not say.
    pub expires_at: Option<i64>,
    /// Whether the call waited for a renewal.
    pub renewed: bool,
}

/// An ID token that was validated. Its text shows no secret.
#[derive(Clone, uniffi::Record)]
#[uniffi::export(Debug, Display)]
pub struct IdToken {
    /// The token: a JWT in compact form.
    pub raw: String,
    /// Until when it may be accepted, in seconds since 1970.
    pub expires_at: i64,
}

/// Which access token is wanted.
#[derive(Debug, Clone, uniffi::Record)]
pub struct CredentialsRequest {
    /// For how long it has to be valid at least, in milliseconds.
    pub min_ttl_milliseconds: u64,
    /// For another API than the one of the login.
    pub audience: Option<String>,
    /// With a narrower scope than the one of the login.
    pub scope: Option<String>,
}

impl From<&core::Credentials> for Credentials {
    fn from(credentials: &core::Credentials) -> Self {
        Self {
            access_token: credentials.access_token().expose().to_owned(),
            token_type: credentials.token_type().as_str().to_owned(),
            scope: credentials.scope().to_string(),
            expires_at: credentials.expires_at().map(Timestamp::unix_seconds),
            renewed: credentials.renewed(),
        }
    }
}

impl From<core::IdToken> for IdToken {
    fn from(id_token: core::IdToken) -> Self {
        Self { raw: id_token.raw().expose().to_owned(), expires_at: id_token.expires_at().unix_seconds() }
    }
}

impl fmt::Debug for IdToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("IdToken").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

impl fmt::Display for IdToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, formatter)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Credentials")
            .field("access_token", &format_args!("[redacted]"))
            .field("scope", &self.scope)
            .field("expires_at", &self.expires_at)
            .field("renewed", &self.renewed)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, formatter)
    }
}

impl TryFrom<CredentialsRequest> for core::CredentialsRequest {
    type Error = core::Error;

    fn try_from(request: CredentialsRequest) -> core::Result<Self> {
        let mut wanted = Self::new().min_ttl(Duration::from_millis(request.min_ttl_milliseconds));
        if let Some(audience) = request.audience {
            wanted = wanted.audience(audience);
        }
        match &request.scope {
            Some(scope) => wanted.scope(scope),
            None => Ok(wanted),
        }
    }
}
