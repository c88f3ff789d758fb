//! The network, one request at a time.

use async_trait::async_trait;
use hallpass_protocol::http::{Request, Response};

/// Sends HTTP requests.
///
/// An implementation
/// - verifies the server's certificate as the platform does, and sends plain HTTP only where the URL says `http`;
/// - follows no redirect: a 3xx is a response like any other (RFC 9700 §4.12: a redirect would disclose a token request);
/// - keeps no cookie and no cache, and reuses connections, so that a renewal costs one round trip;
/// - gives up after 10 seconds without a connection, and after 30 seconds in total;
/// - stops reading at [`Request::max_response_bytes`];
/// - logs neither headers, nor bodies, nor the query of a URL.
#[async_trait]
pub trait Transport: Send + Sync + 'static {
    /// Returns the response, whatever its status.
    ///
    /// # Errors
    /// [`TransportError`], which says whether the server may have acted on the request.
    async fn send(&self, request: Request) -> Result<Response, TransportError>;
}

/// Why there is no response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// The request did not leave: no route, no such host, connection refused. The server has not acted.
    #[error("the server could not be reached")]
    Unreachable,
    /// The server's certificate was not accepted, or no secure connection was possible. The server has not acted.
    #[error("no trusted connection to the server could be made")]
    Tls,
    /// The request was sent, at least in part, and no complete response came. The server may have acted.
    #[error("the server did not answer")]
    NoAnswer,
    /// The response is larger than the request allows. The server has acted.
    #[error("the answer is larger than {limit} bytes")]
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The request cannot be expressed in HTTP, such as a header value with a line break. Nothing was sent.
    #[error("the request is not valid HTTP")]
    InvalidRequest,
}
