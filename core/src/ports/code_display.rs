//! A screen that shows the user which code to enter, and where.

use std::time::Duration;

use async_trait::async_trait;
use url::Url;

/// Shows the code of a device login (RFC 8628 §3.3): on a television, in a terminal, on a printed slip. Any function that takes
/// a [`UserCode`] is one.
#[async_trait]
pub trait CodeDisplay: Send + Sync + 'static {
    /// Shows `code`. It may return at once, or only when the code is no longer shown: the future is dropped when the login
    /// ends, for whatever reason. The session asks the server meanwhile and does not wait for the display.
    async fn show(&self, code: UserCode);
}

/// What the user enters, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserCode {
    /// The code, as the server writes it. Show it large, in a font without similar letters.
    pub code: String,
    /// The page on which it is entered, on any other device.
    pub verification_uri: Url,
    /// The same page with the code in it, for a QR code; not every server has one. Show the code too, so that the user can
    /// compare (RFC 8628 §3.3.1).
    pub verification_uri_complete: Option<Url>,
    /// How long both are valid.
    pub lifetime: Duration,
}

#[async_trait]
impl<F: Fn(UserCode) + Send + Sync + 'static> CodeDisplay for F {
    async fn show(&self, code: UserCode) {
        self(code);
    }
}
