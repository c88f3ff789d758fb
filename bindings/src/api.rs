//! A request to an API, and its answer.

use std::fmt;
use std::sync::Arc;

use hallpass_core as core;
use hallpass_core::protocol::http::Method;

use crate::credentials::CredentialsRequest;
use crate::ports::transport::HttpHeader;

/// A request to an API, without its authorization.
#[derive(Clone, uniffi::Record)]
#[uniffi::export(Debug, Display)]
pub struct ApiRequest {
    /// `GET`, `POST`, `PUT`, `PATCH`, `DELETE`, `HEAD` or `OPTIONS`.
    pub method: String,
    /// An absolute URL below one of the configured origins.
    pub url: String,
    /// The header fields.
    pub headers: Vec<HttpHeader>,
    /// The body.
    pub body: Vec<u8>,
    /// Which access token to send.
    pub credentials: CredentialsRequest,
}

/// What an API answered.
#[derive(Clone, uniffi::Record)]
#[uniffi::export(Debug, Display)]
pub struct ApiReply {
    /// The status code.
    pub status: u16,
    /// The header fields.
    pub headers: Vec<HttpHeader>,
    /// The body, as it came.
    pub body: Vec<u8>,
    /// How often the access token was renewed for this call: 0 or 1.
    pub renewals: u32,
}

/// The authorization of one request of the app's own HTTP client.
#[derive(Clone, uniffi::Record)]
#[uniffi::export(Debug, Display)]
pub struct Authorization {
    /// The fields to set on the request, each in place of a field of the same name.
    pub headers: Vec<HttpHeader>,
    /// What the session has to know of the request when the answer is there.
    pub receipt: Arc<Receipt>,
}

/// What an [`Authorization`] was made of; it is handed back with the answer.
#[derive(Debug, uniffi::Object)]
pub struct Receipt(core::Authorization);

impl Receipt {
    pub(crate) fn authorization(&self) -> &core::Authorization {
        &self.0
    }
}

impl From<core::Authorization> for Authorization {
    fn from(authorization: core::Authorization) -> Self {
        Self { headers: HttpHeader::all(authorization.headers()), receipt: Arc::new(Receipt(authorization)) }
    }
}

impl TryFrom<ApiRequest> for core::ApiRequest {
    type Error = core::Error;

    fn try_from(request: ApiRequest) -> core::Result<Self> {
        let whole = Self::new(method(&request.method)?, request.url)
            .body(request.body)
            .credentials(request.credentials.try_into()?);
        Ok(request.headers.into_iter().fold(whole, |whole, header| whole.header(header.name, header.value)))
    }
}

/// Reads a method.
///
/// # Errors
/// [`core::Error::Misconfigured`] naming `method`.
pub(crate) fn method(text: &str) -> core::Result<Method> {
    text.parse().map_err(|_| core::Error::Misconfigured {
        field: "method",
        fix: "use GET, POST, PUT, PATCH, DELETE, HEAD or OPTIONS",
    })
}

impl From<core::ApiResponse> for ApiReply {
    fn from(response: core::ApiResponse) -> Self {
        Self {
            status: response.status,
            headers: HttpHeader::all(&response.headers),
            body: response.body,
            renewals: response.renewals,
        }
    }
}

impl fmt::Debug for ApiRequest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ApiRequest({}, {} bytes)", self.method, self.body.len())
    }
}

impl fmt::Display for ApiRequest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, formatter)
    }
}

impl fmt::Debug for Authorization {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Authorization({} fields)", self.headers.len())
    }
}

impl fmt::Display for Authorization {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, formatter)
    }
}

impl fmt::Debug for ApiReply {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ApiReply({}, {} bytes)", self.status, self.body.len())
    }
}

impl fmt::Display for ApiReply {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, formatter)
    }
}
