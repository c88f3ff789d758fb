//! What a login asked for, and whether its session can be renewed.

use hallpass_protocol::scope::Scope;

use super::record::{Asked, SignedIn};

/// What the login of the signed-in user asked for. A setting that was changed since takes effect with the next login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginGrant {
    asked: Option<Asked>,
    is_renewable: bool,
}

impl LoginGrant {
    pub(crate) fn of(signed_in: &SignedIn) -> Self {
        Self { asked: signed_in.asked.clone(), is_renewable: signed_in.refresh.is_some() }
    }

    /// The scope that was asked for; `None` for a session that an earlier version stored.
    /// [`Credentials::scope`](super::credentials::Credentials::scope) is the one granted.
    pub fn scope(&self) -> Option<&Scope> {
        self.asked.as_ref().map(|asked| &asked.scope)
    }

    /// The API that the access token was asked for (Auth0's `audience`).
    pub fn audience(&self) -> Option<&str> {
        self.asked.as_ref()?.audience.as_deref()
    }

    /// The APIs that the access token was asked for (RFC 8707 `resource`).
    pub fn resources(&self) -> &[String] {
        self.asked.as_ref().map_or(&[], |asked| &asked.resources)
    }

    /// Whether there is a refresh token.
    pub fn is_renewable(&self) -> bool {
        self.is_renewable
    }
}
