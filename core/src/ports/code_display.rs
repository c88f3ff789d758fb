//! A screen that shows the user which code to enter, and where.

use std::time::Duration;

use async_trait::async_trait;
use url::Url;

/// Shows the code of a device login (RFC 8628 §3.3): on a television, in a terminal, on a printed slip. Any function that takes
/// a [`UserCode`] is one.
#[async_trait]
pub trait CodeDisplay: Send + Sync + 'static {
    /// Shows `code`. It may return at once, or stay for as long as the code is shown: it is dropped when the login has ended,
    /// however it ended. The session asks the server meanwhile and waits for no display.
    async fn show(&self, code: UserCode);
}

/// What the user enters, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserCode {
    /// The code, as the server writes it; to be shown large, in letters that cannot be mistaken.
    pub code: String,
    /// The page on which it is entered, on any other device.
    pub verification_uri: Url,
    /// The same page with the code in it, for a QR code; not every server has one. The code is to be shown beside it, so
    /// that the user can compare (RFC 8628 §3.3.1).
    pub verification_uri_complete: Option<Url>,
    /// For how long both are good.
    pub lifetime: Duration,
}

#[async_trait]
impl<F: Fn(UserCode) + Send + Sync + 'static> CodeDisplay for F {
    async fn show(&self, code: UserCode) {
        self(code);
    }
}
