//! Logout: first on the device, then at the server, then in the browser. So a logout also works without a network.

use std::sync::Arc;

use hallpass_protocol::client::RedirectUri;
use hallpass_protocol::secret::RefreshToken;
use url::Url;

use super::account::Account;
use super::login::Logins;
use super::provider::Provider;
use super::record::{Record, SignedIn};
use super::renewal::lease::SharedLease;
use super::wire::Wire;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::ports::Browser;

/// How to log out; by default on the device and at the server, without a browser.
#[derive(Debug, Clone, Default)]
pub struct Logout {
    end_session: bool,
    federated: bool,
}

/// The result of a logout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoggedOut {
    /// Whether there was a session to erase. In both cases none is left on the device.
    pub erased: bool,
    /// Whether the server confirmed that it revoked the refresh token. Without a network it cannot; the token is erased from
    /// the device in any case.
    pub revoked: bool,
    /// Whether the browser returned from the end-session page. If it returned with a `state`, it has to be the one sent.
    pub session_ended: bool,
}

impl Logout {
    /// A logout on the device and at the server's revocation endpoint.
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

/// Ends sessions because the user asks.
pub(crate) struct Logouts {
    pub(crate) config: Arc<Config>,
    pub(crate) account: Arc<Account>,
    pub(crate) wire: Arc<Wire>,
    pub(crate) provider: Arc<Provider>,
    pub(crate) lease: Arc<SharedLease>,
    pub(crate) logins: Arc<Logins>,
    pub(crate) browser: Option<Arc<dyn Browser>>,
}

impl Logouts {
    /// Logs the user out; documented at `Session::logout`.
    pub(crate) async fn log_out(&self, logout: Logout) -> Result<LoggedOut> {
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
        let metadata = self.provider.metadata().await;
        // Metadata may have taken its time, and the user may have signed in again meanwhile.
        let to_revoke = erased.as_ref().filter(|erased| !self.account.is_signed_in_as(erased.identity.sub()));
        let revoked = match (&metadata, to_revoke.and_then(|erased| erased.refresh.as_ref())) {
            (Ok(metadata), Some(refresh)) => self.provider.revoke(metadata, &refresh.token).await.is_ok(),
            (Ok(_) | Err(_), _) => false,
        };
        let mut session_ended = false;
        if let (Some((browser, redirect_uri)), Ok(metadata)) = (browser, &metadata) {
            let visit = browser.begin(redirect_uri).await?;
            let hint = erased.as_ref().map(|erased| &erased.id_token);
            let back = visit.redirect_uri();
            let url = self.provider.end_session_url(metadata, Some(back.as_str()), hint, logout.federated)?;
            let sent = state_of(&url);
            session_ended = visit.navigate(url).await.is_ok_and(|back| {
                // A server may leave `state` out; another one than was sent is not the answer to this logout.
                Url::parse(&back).ok().as_ref().and_then(state_of).is_none_or(|state| Some(state) == sent)
            });
        }
        Ok(LoggedOut { erased: erased.is_some(), revoked, session_ended })
    }

    /// Revokes the refresh token and, once the server has confirmed it, erases the session; documented at
    /// `Session::revoke`.
    pub(crate) async fn revoke(&self) -> Result<()> {
        let mut revoked = None;
        // A renewal in flight, here or in another process, may replace the token while it is being revoked.
        for _ in 0..TURNS {
            let Some(token) = self.live_token().await?.filter(|token| Some(token.fingerprint()) != revoked) else {
                break;
            };
            let metadata = self.provider.metadata().await?;
            self.provider.revoke(&metadata, &token).await?;
            revoked = Some(token.fingerprint());
        }
        let erased = self.erase().await?;
        let last = erased.and_then(|erased| erased.refresh).filter(|last| Some(last.token.fingerprint()) != revoked);
        if let Some(last) = last {
            let metadata = self.provider.metadata().await?;
            if let Err(error) = self.provider.revoke(&metadata, &last.token).await {
                tracing::debug!(%error, "a refresh token that came while another was revoked was not revoked");
            }
        }
        Ok(())
    }

    /// The page that ends the server's session; documented at `Session::logout_url`.
    pub(crate) async fn url(&self, post_logout_redirect_uri: Option<&str>) -> Result<Url> {
        let metadata = self.provider.metadata().await?;
        let guard = self.account.open().await?;
        let hint = guard.record().and_then(Record::signed_in).map(|signed_in| &signed_in.id_token);
        let configured = self.config.post_logout_redirect_uri.as_ref().map(RedirectUri::as_str);
        self.provider.end_session_url(&metadata, post_logout_redirect_uri.or(configured), hint, false)
    }

    /// The refresh token that the server honours, also when another process has replaced it (rule 5).
    async fn live_token(&self) -> Result<Option<RefreshToken>> {
        let guard = self.account.synchronized().await?;
        let signed_in = guard.record().and_then(Record::signed_in);
        Ok(signed_in.and_then(|signed_in| signed_in.refresh.as_ref()).map(|refresh| refresh.token.clone()))
    }

    /// Erases all that is kept of the session, the login in progress included. Returns who was signed in.
    async fn erase(&self) -> Result<Option<SignedIn>> {
        let asked = self.wire.now();
        self.logins.withdraw().await?;
        // Not while another process is renewing: what it writes back would bring the session back.
        let _lease = self.lease.acquire_soon().await;
        let mut guard = self.account.lock().await;
        // What another process has made of the session is what has to be revoked. A record that cannot be read is erased
        // like any other.
        if let Err(error) = guard.synchronize().await {
            tracing::debug!(%error, "the record is erased unread");
        }
        // The user has signed in since, in another process: that is what they want now.
        if guard.has_begun_after(asked) {
            return Ok(None);
        }
        let erased = guard.erase().await?;
        let was_bound = erased.as_ref().is_some_and(|erased| erased.dpop_jkt.is_some());
        // With the record locked, so that no login binds its tokens to a key that is about to go.
        if was_bound || self.config.dpop {
            self.wire.delete_key().await;
        }
        Ok(erased)
    }
}

/// The `state` in a URL; an empty one is none.
fn state_of(url: &Url) -> Option<String> {
    let state = url.query_pairs().find(|(name, _)| name == "state").map(|(_, value)| value.into_owned());
    state.filter(|state| !state.is_empty())
}

/// A refresh token that is replaced while it is being revoked is followed this often.
const TURNS: usize = 4;
