//! The network, one request at a time.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use hallpass_core::ports::{self, TransportError};
use hallpass_core::protocol::http::{Headers, Request, Response};

/// Sends HTTP requests; what is asked of one is documented at [`ports::Transport`].
#[uniffi::export(with_foreign)]
#[async_trait]
pub trait Transport: Send + Sync {
    /// Returns the answer, whatever its status. It follows no redirect and logs nothing.
    ///
    /// # Errors
    /// [`TransportFailure`]; what matters is whether the server can have acted on the request.
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, TransportFailure>;
}

/// A request to be sent as it is. Its text shows no secret.
#[derive(Clone, uniffi::Record)]
#[uniffi::export(Debug, Display)]
pub struct HttpRequest {
    /// `GET`, `POST`, `PUT`, `PATCH`, `DELETE`, `HEAD` or `OPTIONS`.
    pub method: String,
    /// An absolute URL.
    pub url: String,
    /// The header fields that matter to the protocol.
    pub headers: Vec<HttpHeader>,
    /// The content; empty for none.
    pub body: Vec<u8>,
    /// How many bytes of the response's body may be read.
    pub max_response_bytes: u64,
}

/// A response, read whole. Its text shows no secret.
#[derive(Clone, uniffi::Record)]
#[uniffi::export(Debug, Display)]
pub struct HttpResponse {
    /// The status code.
    pub status: u16,
    /// The header fields.
    pub headers: Vec<HttpHeader>,
    /// The body, decoded from any transfer or content encoding.
    pub body: Vec<u8>,
}

/// One header field. Its text shows the name only.
#[derive(Clone, uniffi::Record)]
#[uniffi::export(Debug, Display)]
pub struct HttpHeader {
    /// The name.
    pub name: String,
    /// The value.
    pub value: String,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum TransportFailure {
    /// The request did not leave. The server has not acted.
    #[error("the server could not be reached")]
    Unreachable,
    /// No trusted connection could be made. The server has not acted.
    #[error("no trusted connection to the server could be made")]
    Tls,
    /// The request left, in part at least, and no whole answer came back. The server may have acted.
    #[error("the server did not answer")]
    NoAnswer,
    /// The answer is larger than asked for.
    #[error("the answer is too large")]
    TooLarge,
    /// The request cannot be expressed in HTTP. Nothing was sent.
    #[error("the request is not valid HTTP")]
    InvalidRequest,
}

impl From<uniffi::UnexpectedUniFFICallbackError> for TransportFailure {
    fn from(_: uniffi::UnexpectedUniFFICallbackError) -> Self {
        // The one that is right whatever happened: the server may have acted.
        Self::NoAnswer
    }
}

/// The core's view of a foreign transport.
pub(crate) struct ForeignTransport(pub(crate) Arc<dyn Transport>);

#[async_trait]
impl ports::Transport for ForeignTransport {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let limit = request.max_response_bytes;
        let answer = self.0.send(HttpRequest::from(&request)).await.map_err(|failure| match failure {
            TransportFailure::Unreachable => TransportError::Unreachable,
            TransportFailure::Tls => TransportError::Tls,
            TransportFailure::NoAnswer => TransportError::NoAnswer,
            TransportFailure::TooLarge => TransportError::TooLarge { limit },
            TransportFailure::InvalidRequest => TransportError::InvalidRequest,
        })?;
        if answer.body.len() > limit {
            return Err(TransportError::TooLarge { limit });
        }
        let headers: Headers = answer.headers.into_iter().map(|header| (header.name, header.value)).collect();
        Ok(Response { status: answer.status, headers, body: answer.body })
    }
}

impl From<&Request> for HttpRequest {
    fn from(request: &Request) -> Self {
        Self {
            method: request.method.as_str().to_owned(),
            url: request.url.as_str().to_owned(),
            headers: HttpHeader::all(&request.headers),
            body: request.body.as_bytes().to_vec(),
            max_response_bytes: request.max_response_bytes.try_into().unwrap_or(u64::MAX),
        }
    }
}

impl HttpHeader {
    pub(crate) fn all(headers: &Headers) -> Vec<Self> {
        headers.iter().map(|(name, value)| Self { name: name.to_owned(), value: value.to_owned() }).collect()
    }
}

impl fmt::Debug for HttpRequest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "HttpRequest({}, {} bytes)", self.method, self.body.len())
    }
}

impl fmt::Display for HttpRequest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, formatter)
    }
}

impl fmt::Debug for HttpResponse {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "HttpResponse({}, {} bytes)", self.status, self.body.len())
    }
}

impl fmt::Display for HttpResponse {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, formatter)
    }
}

impl fmt::Debug for HttpHeader {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "HttpHeader({})", self.name)
    }
}

impl fmt::Display for HttpHeader {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, formatter)
    }
}
