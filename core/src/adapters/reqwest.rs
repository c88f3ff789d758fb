//! The default transport: `reqwest` over `rustls` and `ring`, with the platform's own decision whom to trust.
//!
//! The cryptography is handed to this client alone. Nothing is installed for the whole process, where it would meet
//! what the app or another library of it installs.
//!
//! HTTP/1.1 only: a renewal is one request on one connection, and HTTP/2 would double the code for it.

mod connections;
mod failure;

use std::sync::Arc;
use std::time::Duration;

use ::reqwest::header::{ACCEPT_ENCODING, HeaderMap, HeaderName, HeaderValue};
use async_trait::async_trait;
use bytes::Bytes;
use hallpass_protocol::http::{Body, Headers, Method, Request, Response};
use rustls::ClientConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls_platform_verifier::Verifier;
use url::{Host, Url};

use self::connections::{Connections, Way};
use crate::ports::{Transport, TransportError};

/// Less than the minute after which many servers close a connection, so that a request rarely meets a closed one; long
/// enough for what one login and its first calls need.
const IDLE: Duration = Duration::from_secs(55);

/// Sends requests with its own `reqwest` client. A clone shares its connections.
///
/// On desktops it uses the proxy that the environment names (`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`, in
/// capitals or not), except for this machine. It keeps no cookie, follows no redirect and sends no request twice. It asks for
/// no compression (`Accept-Encoding: identity`) unless the request does, and returns the content of the response unchanged.
#[derive(Debug, Clone)]
pub struct Reqwest {
    direct: Arc<Connections>,
    /// To other machines, when the environment names a proxy.
    abroad: Option<Arc<Connections>>,
    whole: Duration,
}

/// Why there is no transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReqwestError {
    /// The machine has no list of authorities to trust. On a minimal Linux system, install `ca-certificates`.
    #[error("the system has no certificate authorities to trust")]
    NoTrust,
    /// The extra root is not a certificate in PEM.
    #[error("the extra root is not a certificate in PEM")]
    ExtraRoot,
    /// The HTTP client could not be created.
    #[error("the HTTP client could not be made")]
    Client,
}

impl ReqwestError {
    /// What to do about it.
    #[must_use]
    pub const fn fix(self) -> &'static str {
        match self {
            ReqwestError::NoTrust => "install the system's certificate authorities (the package `ca-certificates`)",
            ReqwestError::ExtraRoot => "give the extra root as a certificate in PEM",
            ReqwestError::Client => "give the session a transport of its own",
        }
    }
}

impl Reqwest {
    /// A transport with the limits of the port: 10 seconds for a connection, 30 for everything.
    ///
    /// # Errors
    /// [`ReqwestError`].
    pub fn new() -> Result<Self, ReqwestError> {
        Self::builder().build()
    }

    /// A transport with other limits, or with trust in one more authority.
    #[must_use]
    pub fn builder() -> ReqwestBuilder {
        ReqwestBuilder {
            connect: Duration::from_secs(10),
            whole: Duration::from_secs(30),
            idle: IDLE,
            extra_roots: Vec::new(),
        }
    }
}

/// Settings of a [`Reqwest`] transport.
#[derive(Debug, Clone)]
pub struct ReqwestBuilder {
    connect: Duration,
    whole: Duration,
    idle: Duration,
    extra_roots: Vec<String>,
}

impl ReqwestBuilder {
    /// How long to wait for a connection, from the look-up of the name to the end of the TLS handshake.
    #[must_use]
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect = limit;
        self
    }

    /// How long to wait in all, to the last byte of the answer.
    #[must_use]
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.whole = limit;
        self
    }

    /// How long an idle connection may be used again; 55 seconds by default. Time that the device
    /// sleeps counts.
    #[must_use]
    pub fn idle_timeout(mut self, limit: Duration) -> Self {
        self.idle = limit;
        self
    }

    /// Trusts one more authority beside the platform's: a certificate in PEM, such as a company's or a test's.
    #[must_use]
    pub fn extra_root(mut self, pem: impl Into<String>) -> Self {
        self.extra_roots.push(pem.into());
        self
    }

    /// Makes the transport. Reads the system's authorities from disk where they are files.
    ///
    /// # Errors
    /// [`ReqwestError`].
    pub fn build(self) -> Result<Reqwest, ReqwestError> {
        let tls = tls(&self.extra_roots)?;
        let connections = |way| Connections::new(tls.clone(), self.connect, self.idle, way).map(Arc::new);
        let abroad = names_a_proxy().then(|| connections(Way::AsTheEnvironmentSays)).transpose()?;
        Ok(Reqwest { direct: connections(Way::Direct)?, abroad, whole: self.whole })
    }
}

/// Whether the environment names a proxy. On a phone the environment is not a setting of the user, so it is not read.
fn names_a_proxy() -> bool {
    const VARIABLES: [&str; 6] = ["https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"];
    let is_set = |name: &&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    !cfg!(target_os = "ios") && VARIABLES.iter().any(is_set)
}

/// Whether the URL leads to this machine, for which no proxy is used.
fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        None => false,
    }
}

fn tls(extra_roots: &[String]) -> Result<ClientConfig, ReqwestError> {
    let extra_roots: Vec<CertificateDer<'static>> = extra_roots
        .iter()
        .map(|pem| CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|_| ReqwestError::ExtraRoot))
        .collect::<Result<_, _>>()?;
    let provider: Arc<CryptoProvider> = Arc::new(rustls::crypto::ring::default_provider());
    let nothing_else_to_trust = extra_roots.is_empty();
    let verifier = Verifier::new_with_extra_roots(extra_roots, Arc::clone(&provider))
        .map_err(|_| if nothing_else_to_trust { ReqwestError::NoTrust } else { ReqwestError::ExtraRoot })?;
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring supports TLS 1.2 and 1.3")
        .dangerous() // Named so because a verifier could be anything; this one is the platform's.
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

#[async_trait]
impl Transport for Reqwest {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let limit = request.max_response_bytes;
        let connections = match &self.abroad {
            Some(abroad) if !is_this_machine(&request.url) => abroad,
            Some(_) | None => &self.direct,
        };
        let request = outgoing(request)?;
        let exchange = async {
            let client = connections.client();
            let response = client.execute(request).await.map_err(|error| failure::classify(&error))?;
            let answer = incoming(response, limit).await;
            connections.were_used();
            answer
        };
        // The connection has a limit of its own, well within this one; so the request has left when this one is reached.
        tokio::time::timeout(self.whole, exchange).await.unwrap_or(Err(TransportError::NoAnswer))
    }
}

/// The same request in `reqwest`'s types.
fn outgoing(request: Request) -> Result<::reqwest::Request, TransportError> {
    let Request { method, url, headers, body, max_response_bytes: _ } = request;
    // `reqwest` would drop a user name silently.
    if !matches!(url.scheme(), "https" | "http") || !url.username().is_empty() || url.password().is_some() {
        return Err(TransportError::InvalidRequest);
    }
    let mut outgoing = ::reqwest::Request::new(of_method(method), url);
    *outgoing.headers_mut() = of_headers(&headers)?;
    // Without the field any coding is as good as none (RFC 9110 §12.5.3).
    outgoing.headers_mut().entry(ACCEPT_ENCODING).or_insert(HeaderValue::from_static("identity"));
    if !body.is_empty() {
        // As an owner, the body is wiped when the last piece of it has left.
        *outgoing.body_mut() = Some(Bytes::from_owner(Sent(body)).into());
    }
    Ok(outgoing)
}

struct Sent(Body);

impl AsRef<[u8]> for Sent {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

fn of_method(method: Method) -> ::reqwest::Method {
    match method {
        Method::Get => ::reqwest::Method::GET,
        Method::Post => ::reqwest::Method::POST,
        Method::Put => ::reqwest::Method::PUT,
        Method::Patch => ::reqwest::Method::PATCH,
        Method::Options => ::reqwest::Method::OPTIONS,
        Method::Delete => ::reqwest::Method::DELETE,
        Method::Head => ::reqwest::Method::HEAD,
    }
}

fn of_headers(headers: &Headers) -> Result<HeaderMap, TransportError> {
    let mut map = HeaderMap::new();
    for (name, value) in headers.iter() {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| TransportError::InvalidRequest)?;
        let mut value = HeaderValue::from_str(value).map_err(|_| TransportError::InvalidRequest)?;
        // Shown as `Sensitive` by whatever prints the map.
        value.set_sensitive(true);
        map.append(name, value);
    }
    Ok(map)
}

/// Reads an answer, at most `limit` bytes of its body.
async fn incoming(mut response: ::reqwest::Response, limit: usize) -> Result<Response, TransportError> {
    let too_large = TransportError::TooLarge { limit };
    let announced = response.content_length().map(usize::try_from);
    if announced.is_some_and(|length| !length.is_ok_and(|length| length <= limit)) {
        return Err(too_large);
    }
    let status = response.status().as_u16();
    let headers = response
        .headers()
        .iter()
        .map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes())))
        .collect();
    let mut answer = Response { status, headers, body: Vec::new() };
    while let Some(chunk) = response.chunk().await.map_err(|error| failure::classify(&error))? {
        if chunk.len() > limit - answer.body.len() {
            return Err(too_large);
        }
        answer.body.extend_from_slice(&chunk);
    }
    Ok(answer)
}
