//! The system browser, in which the user signs in.

use async_trait::async_trait;
use hallpass_protocol::client::RedirectUri;
use url::Url;

/// Opens the authorization page in the system browser and returns the redirect (RFC 8252).
///
/// A visit has two steps, because a loopback redirect has a port only once something listens (RFC 8252 §7.3), and the
/// port is part of the authorization request.
#[async_trait]
pub trait Browser: Send + Sync + 'static {
    /// Prepares to receive one redirect to `configured`.
    ///
    /// # Errors
    /// [`BrowserError::Failed`] when the redirect cannot be received.
    async fn begin(&self, configured: &RedirectUri) -> Result<Box<dyn Visit>, BrowserError>;
}

/// One visit to the authorization server, from its page to the redirect. Dropping it closes what it opened.
#[async_trait]
pub trait Visit: Send {
    /// The redirect URI for the authorization request: the configured one, with its port.
    fn redirect_uri(&self) -> RedirectUri;

    /// Called before [`navigate`](Self::navigate) at a login, with the `state` of its redirect. The page's URL has it too,
    /// unless the request was pushed (RFC 9126). A visit that can check `state` should ignore redirects with another one; the
    /// session always checks it. Does nothing unless implemented.
    fn expect_state(&mut self, state: &str) {
        let _ = state;
    }

    /// Shows `url` to the user and returns the redirect's URL, unparsed.
    ///
    /// # Errors
    /// [`BrowserError`].
    async fn navigate(self: Box<Self>, url: Url) -> Result<String, BrowserError>;
}

/// Why there is no redirect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BrowserError {
    /// The user closed the page, or did not finish in time.
    #[error("the user closed the browser")]
    Cancelled,
    /// No browser could be opened, or the redirect cannot be received.
    #[error("the browser could not be used: {0}")]
    Failed(&'static str),
    /// The system does not deliver the redirect URI to this app. The text says what to do.
    #[error("the redirect URI does not lead back to this app: {0}")]
    RedirectUri(&'static str),
}
