//! The system browser, in which the user signs in.

use async_trait::async_trait;
use hallpass_protocol::client::RedirectUri;
use url::Url;

/// Opens the authorization page in the system browser and brings the redirect back (RFC 8252).
///
/// A visit has two steps because a loopback redirect gets its port only when somebody listens (RFC 8252 §7.3), and the
/// port is part of the authorization request.
#[async_trait]
pub trait Browser: Send + Sync + 'static {
    /// Gets ready to receive one redirect to `configured`.
    ///
    /// # Errors
    /// [`BrowserError::Failed`] when it cannot listen there.
    async fn begin(&self, configured: &RedirectUri) -> Result<Box<dyn Visit>, BrowserError>;
}

/// One visit to the authorization server, from its page to the redirect. Dropping it closes whatever is open.
#[async_trait]
pub trait Visit: Send {
    /// Where the authorization server is to send the user back: the configured URI, with its port chosen.
    fn redirect_uri(&self) -> RedirectUri;

    /// Told before [`navigate`](Self::navigate) at a login: the `state` that its redirect carries. The page's URL has it too,
    /// unless the request was pushed (RFC 9126). A visit that can tell redirects apart by it ends for no other; the session
    /// checks it in any case. Unless implemented, nothing is done.
    fn expect_state(&mut self, state: &str) {
        let _ = state;
    }

    /// Shows `url` to the user and returns the URL that came back, unparsed.
    ///
    /// # Errors
    /// [`BrowserError`].
    async fn navigate(self: Box<Self>, url: Url) -> Result<String, BrowserError>;
}

/// Why no redirect came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BrowserError {
    /// The user closed the page, or let it wait too long.
    #[error("the user closed the browser")]
    Cancelled,
    /// No browser could be opened, or the redirect cannot be received.
    #[error("the browser could not be used: {0}")]
    Failed(&'static str),
    /// The system does not bring the redirect URI back to this app; what to do about it.
    #[error("the redirect URI does not lead back to this app: {0}")]
    RedirectUri(&'static str),
}
