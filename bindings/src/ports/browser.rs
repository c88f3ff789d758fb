//! The system browser, in which the user signs in.

use std::sync::Arc;

use async_trait::async_trait;
use hallpass_core::ports::{self, BrowserError, Visit};
use hallpass_core::protocol::client::RedirectUri;
use url::Url;

/// Opens the authorization page in the system browser and brings the redirect back.
#[uniffi::export(with_foreign)]
#[async_trait]
pub trait Browser: Send + Sync {
    /// Shows `url` to the user and returns the URL below `redirect_uri` that came back, as it came. When it is
    /// cancelled, it closes what it opened.
    ///
    /// # Errors
    /// [`BrowserFailure`].
    async fn open(&self, url: String, redirect_uri: String) -> Result<String, BrowserFailure>;
}

/// Why no redirect came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum BrowserFailure {
    /// The user closed the page, or let it wait too long.
    #[error("the user closed the browser")]
    Cancelled,
    /// No browser could be opened, or the redirect cannot be received.
    #[error("the browser could not be used: {problem:?}")]
    Failed {
        /// What the matter was. It reaches the app that asked for the login.
        problem: BrowserProblem,
    },
    /// The system does not bring this redirect URI back to the app: an `https` one of a domain that the app is not associated
    /// with.
    #[error("the redirect URI does not lead back to this app")]
    RedirectUri,
}

/// Why no browser would do: a fixed vocabulary, so that it can be logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum BrowserProblem {
    /// There is none, or the app may not see it.
    NoBrowser,
    /// There is none of those that the app allows.
    NoneAllowed,
    /// There is none that can show a page without keeping cookies.
    NoneEphemeral,
    /// Those that there are do not return to an app through its `https` redirect URI.
    KeepsAppLinks,
    /// The system did not show it.
    NotShown,
    /// The app does not declare what brings the redirect back.
    NotDeclared,
    /// It came back with another URL than the redirect URI of this login.
    AnotherUrl,
    /// Anything else.
    Other,
}

impl BrowserProblem {
    /// A code to look for, and what to do.
    const fn fix(self) -> &'static str {
        match self {
            Self::NoBrowser => {
                "no_browser: no browser is installed, or the manifest does not ask for them in `<queries>`"
            }
            Self::NoneAllowed => "none_allowed: none of the browsers that the app allows is installed",
            Self::NoneEphemeral => {
                "none_ephemeral: no installed browser can show a page without keeping cookies; let it keep them, or ask for another"
            }
            Self::KeepsAppLinks => {
                "keeps_app_links: the installed browsers show an App Link as a page; use a custom scheme as the redirect URI"
            }
            Self::NotShown => {
                "not_shown: the system did not show the browser; log in while the app is in the foreground"
            }
            Self::NotDeclared => "not_declared: the app's manifest lacks the activity that opens the browser",
            Self::AnotherUrl => {
                "another_url: the browser came back with another URL than the redirect URI of this login"
            }
            Self::Other => "the app's browser could not be opened",
        }
    }
}

const NOT_ASSOCIATED: &str = "associate the app with the domain of this https redirect URI: `webcredentials:` and the domain \
     among its Associated Domains (Apple), or a verified App Link (Android), and the app's identifier in the file that the \
     domain serves for it; or use a redirect URI with a scheme of the app's own";

impl From<uniffi::UnexpectedUniFFICallbackError> for BrowserFailure {
    fn from(_: uniffi::UnexpectedUniFFICallbackError) -> Self {
        Self::Failed { problem: BrowserProblem::Other }
    }
}

/// The core's view of a foreign browser.
pub(crate) struct ForeignBrowser(pub(crate) Arc<dyn Browser>);

#[async_trait]
impl ports::Browser for ForeignBrowser {
    async fn begin(&self, configured: &RedirectUri) -> Result<Box<dyn Visit>, BrowserError> {
        Ok(Box::new(ForeignVisit { browser: Arc::clone(&self.0), redirect_uri: configured.clone() }))
    }
}

struct ForeignVisit {
    browser: Arc<dyn Browser>,
    redirect_uri: RedirectUri,
}

#[async_trait]
impl Visit for ForeignVisit {
    fn redirect_uri(&self) -> RedirectUri {
        self.redirect_uri.clone()
    }

    async fn navigate(self: Box<Self>, url: Url) -> Result<String, BrowserError> {
        let redirect_uri = self.redirect_uri.as_str().to_owned();
        self.browser.open(url.into(), redirect_uri).await.map_err(|failure| match failure {
            BrowserFailure::Cancelled => BrowserError::Cancelled,
            BrowserFailure::Failed { problem } => BrowserError::Failed(problem.fix()),
            BrowserFailure::RedirectUri => BrowserError::RedirectUri(NOT_ASSOCIATED),
        })
    }
}
