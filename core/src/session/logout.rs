//! Logout: first here, then at the server, then in the browser. What the user asked for does not wait for a network.

use std::sync::Arc;

use hallpass_protocol::discovery::ProviderMetadata;
use hallpass_protocol::logout::{self, LogoutParameters};
use hallpass_protocol::revoke;
use hallpass_protocol::secret::{RawIdToken, RefreshToken, State};
use url::Url;

use super::engine::Engine;
use crate::error::{Error, Result};

/// How to log out; by default here and at the server, without a browser.
#[derive(Debug, Clone, Default)]
pub struct Logout {
    end_session: bool,
    federated: bool,
}

/// What a logout came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoggedOut {
    /// Whether there was a session to erase. Either way nothing of one is left here.
    pub erased: bool,
    /// Whether the server confirmed that it revoked the refresh token. It cannot be told offline; the token is gone from
    /// this device all the same.
    pub revoked: bool,
    /// Whether the browser came back from the end-session page.
    pub session_ended: bool,
}

impl Logout {
    /// A logout here and at the server's token endpoint.
    pub fn new() -> Self {
        Self::default()
    }

    /// Also ends the server's own session in the system browser (OpenID Connect RP-Initiated Logout 1.0), so that the
    /// next login asks for the password again. It needs a browser and a `post_logout_redirect_uri`.
    #[must_use]
    pub fn end_session(mut self) -> Self {
        self.end_session = true;
        self
    }

    /// Also logs out of the identity provider behind an Auth0 tenant; implies `end_session`.
    #[must_use]
    pub fn federated(mut self) -> Self {
        self.end_session = true;
        self.federated = true;
        self
    }
}

impl Engine {
    /// Logs the user out; documented at `Session::logout`.
    pub(crate) async fn log_out(self: &Arc<Self>, logout: Logout) -> Result<LoggedOut> {
        let browser = match (&self.browser, &self.config.post_logout_redirect_uri) {
            _ if !logout.end_session => None,
            (Some(browser), Some(redirect_uri)) => Some((browser, redirect_uri)),
            (None, _) => {
                return Err(Error::Misconfigured {
                    field: "browser",
                    fix: "give the session a browser to end the server's session in",
                });
            }
            (_, None) => {
                return Err(Error::Misconfigured {
                    field: "post_logout_redirect_uri",
                    fix: "set it; the browser has to know where to return after the logout",
                });
            }
        };

        let erased = self.erase().await?;
        let metadata = self.metadata().await;
        let revoked = match (&metadata, erased.as_ref().and_then(|erased| erased.refresh_token.as_ref())) {
            (Ok(metadata), Some(refresh_token)) => self.revoke_token(metadata, refresh_token).await.is_ok(),
            (Ok(_) | Err(_), _) => false,
        };
        let mut session_ended = false;
        if let (Some((browser, redirect_uri)), Ok(metadata)) = (browser, &metadata) {
            let visit = browser.begin(redirect_uri).await?;
            let hint = erased.as_ref().map(|erased| &erased.id_token);
            let url = self.logout_url(metadata, Some(visit.redirect_uri().as_str()), hint, logout.federated)?;
            session_ended = visit.navigate(url).await.is_ok();
        }
        Ok(LoggedOut { erased: erased.is_some(), revoked, session_ended })
    }

    /// Revokes the refresh token and, once the server has confirmed it, erases the session.
    pub(crate) async fn revoke_session(&self) -> Result<()> {
        let refresh_token = {
            let vault = self.opened_vault().await?;
            let signed_in = vault.record().and_then(|record| record.signed_in());
            signed_in.and_then(|signed_in| signed_in.refresh.as_ref()).map(|refresh| refresh.token.clone())
        };
        if let Some(refresh_token) = refresh_token {
            let metadata = self.metadata().await?;
            self.revoke_token(&metadata, &refresh_token).await?;
        }
        self.erase().await.map(drop)
    }

    /// The page that ends the server's session, for apps that open it themselves.
    pub(crate) fn logout_url(
        &self,
        metadata: &ProviderMetadata,
        post_logout_redirect_uri: Option<&str>,
        id_token_hint: Option<&RawIdToken>,
        federated: bool,
    ) -> Result<Url> {
        let state = State::from_entropy(self.entropy()?);
        let parameters = LogoutParameters {
            post_logout_redirect_uri,
            id_token_hint,
            state: post_logout_redirect_uri.map(|_| &state),
            federated,
            ..LogoutParameters::default()
        };
        let url = logout::url(&self.config.client, metadata, parameters)
            .ok_or(Error::Misconfigured { field: "issuer", fix: "this provider has no end-session endpoint" })?;
        Ok(url?)
    }

    /// Revokes a refresh token, and with it what was issued for it (RFC 7009 §2.1).
    pub(crate) async fn revoke_token(&self, metadata: &ProviderMetadata, refresh_token: &RefreshToken) -> Result<()> {
        let request = revoke::request(&self.config.client, metadata, refresh_token)
            .ok_or(Error::Misconfigured { field: "issuer", fix: "this provider has no revocation endpoint" })?;
        let response = self.send(request).await?;
        revoke::parse(&response).map_err(|error| self.unusable(&response, error))
    }

    /// Erases all that is kept of the session, the login in progress included.
    async fn erase(&self) -> Result<Option<Erased>> {
        self.cancel_login().await?;
        // Not while another process is renewing: what it writes back would bring the session back.
        let _lease = self.lease.acquire_soon().await;
        let mut vault = self.vault.lock().await;
        // A record that cannot be read is erased like any other.
        if let Err(error) = vault.open().await {
            tracing::debug!(%error, "the record is erased unread");
        }
        let erased = vault.record().and_then(|record| record.signed_in()).map(|signed_in| Erased {
            refresh_token: signed_in.refresh.as_ref().map(|refresh| refresh.token.clone()),
            id_token: signed_in.id_token.clone(),
        });
        let was_bound = vault.record().and_then(|record| record.signed_in()?.dpop_jkt).is_some();
        vault.erase().await?;
        self.publish(&vault);
        // With the record in the hand, so that no login binds its tokens to a key that is about to go.
        if was_bound || self.config.dpop {
            self.prover.delete_key().await;
        }
        Ok(erased)
    }
}

/// What the server has to be told about a session that is gone here.
struct Erased {
    refresh_token: Option<RefreshToken>,
    id_token: RawIdToken,
}
