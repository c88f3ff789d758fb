//! A screen that shows the code of a device login.

use std::sync::Arc;

use async_trait::async_trait;
use hallpass_core::ports;

/// Shows the user which code to enter, and where; documented at [`ports::CodeDisplay`].
#[uniffi::export(with_foreign)]
pub trait CodeDisplay: Send + Sync {
    /// Shows `code`, and returns. It is called on a thread of its own.
    ///
    /// # Errors
    /// Ignored: the login goes on until the code is over.
    fn show(&self, code: UserCode) -> Result<(), DisplayFailure>;
}

/// A display threw. There is nobody to tell.
#[derive(Debug, thiserror::Error, uniffi::Error)]
pub enum DisplayFailure {
    /// It threw something.
    #[error("the display failed")]
    Failed,
}

impl From<uniffi::UnexpectedUniFFICallbackError> for DisplayFailure {
    fn from(_: uniffi::UnexpectedUniFFICallbackError) -> Self {
        Self::Failed
    }
}

/// What the user enters, and where.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct UserCode {
    /// The code, as the server writes it.
    pub code: String,
    /// The page on which it is entered, on any other device.
    pub verification_uri: String,
    /// The same page with the code in it; not every server has one.
    pub verification_uri_complete: Option<String>,
    /// For how long both are good, in seconds.
    pub lifetime_seconds: u64,
}

impl From<ports::UserCode> for UserCode {
    fn from(code: ports::UserCode) -> Self {
        Self {
            code: code.code,
            verification_uri: code.verification_uri.into(),
            verification_uri_complete: code.verification_uri_complete.map(Into::into),
            lifetime_seconds: code.lifetime.as_secs(),
        }
    }
}

/// The core's view of a foreign display.
pub(crate) struct ForeignDisplay(pub(crate) Arc<dyn CodeDisplay>);

#[async_trait]
impl ports::CodeDisplay for ForeignDisplay {
    async fn show(&self, code: ports::UserCode) {
        let display = Arc::clone(&self.0);
        // Not one of the runtime's threads: what is called may block. There is nobody to tell what it throws.
        drop(tokio::task::spawn_blocking(move || display.show(code.into())).await);
    }
}
