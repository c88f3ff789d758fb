//! What a login asked for. Its response is checked and stored by these terms, for a login in a browser and on a device.

use hallpass_protocol::authorize::{AuthorizationParameters, PendingLogin};
use hallpass_protocol::dpop::Thumbprint;
use hallpass_protocol::scope::Scope;
use hallpass_protocol::secret::Nonce;

use super::record::Asked;

/// What a login asked for.
#[derive(Clone, Copy)]
pub(crate) struct Terms<'a> {
    /// `None` for a login that sends none: a device login has no front channel in which a token could be injected.
    pub(crate) nonce: Option<&'a Nonce>,
    pub(crate) scope: &'a Scope,
    pub(crate) audience: Option<&'a str>,
    pub(crate) resource: &'a [String],
    pub(crate) organization: Option<&'a str>,
    pub(crate) max_age: Option<u64>,
    /// The key that the tokens are bound to.
    pub(crate) dpop_jkt: Option<Thumbprint>,
}

impl<'a> Terms<'a> {
    /// Those of a login in a browser.
    pub(crate) fn of_browser(pending: &'a PendingLogin) -> Self {
        Self {
            nonce: Some(pending.nonce()),
            scope: pending.scope(),
            audience: pending.audience(),
            resource: pending.resource(),
            organization: pending.organization(),
            max_age: pending.max_age(),
            dpop_jkt: pending.dpop_jkt(),
        }
    }

    /// Those of a login on a device.
    pub(crate) fn of_device(parameters: &'a AuthorizationParameters, dpop_jkt: Option<Thumbprint>) -> Self {
        Self {
            nonce: None,
            scope: &parameters.scope,
            audience: parameters.audience.as_deref(),
            resource: &parameters.resource,
            organization: parameters.organization.as_deref(),
            max_age: parameters.max_age,
            dpop_jkt,
        }
    }

    /// The same as the record keeps it.
    pub(crate) fn asked(&self) -> Asked {
        Asked {
            scope: self.scope.clone(),
            audience: self.audience.map(str::to_owned),
            resources: self.resource.to_vec(),
        }
    }
}
