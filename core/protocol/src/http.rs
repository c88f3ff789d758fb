//! HTTP messages as values. Something else sends them; see the transport port of `hallpass-core`.

use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use url::Url;
use zeroize::{Zeroize, Zeroizing};

/// The most that is read of a token, revocation or userinfo response, in bytes.
pub const MAX_TOKEN_RESPONSE: usize = 1024 * 1024;
/// The most that is read of a provider's metadata, in bytes.
pub const MAX_DISCOVERY_RESPONSE: usize = 1024 * 1024;
/// The most that is read of a key set, in bytes.
pub const MAX_KEY_SET_RESPONSE: usize = 1024 * 1024;

/// A request method (RFC 9110 §9, RFC 5789).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// GET
    Get,
    /// POST
    Post,
    /// PUT
    Put,
    /// PATCH
    Patch,
    /// DELETE
    Delete,
    /// HEAD
    Head,
    /// OPTIONS
    Options,
}

impl Method {
    /// The method as in a request line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
            Method::Head => "HEAD",
            Method::Options => "OPTIONS",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The method is not one of [`Method`]'s.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the method is not GET, POST, PUT, PATCH, DELETE, HEAD or OPTIONS")]
pub struct UnknownMethod;

impl FromStr for Method {
    type Err = UnknownMethod;

    /// Reads a method, case-sensitively as HTTP does.
    fn from_str(text: &str) -> Result<Self, UnknownMethod> {
        [Method::Get, Method::Post, Method::Put, Method::Patch, Method::Delete, Method::Head, Method::Options]
            .into_iter()
            .find(|method| method.as_str() == text)
            .ok_or(UnknownMethod)
    }
}

/// Header fields in the order in which they were added; a name may occur more than once.
#[derive(Clone, Default)]
pub struct Headers(Vec<(String, Zeroizing<String>)>);

/// Fields whose values are secrets.
const SECRET_FIELDS: [&str; 5] = ["authorization", "proxy-authorization", "cookie", "set-cookie", "dpop"];

impl Headers {
    /// No fields.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// The first value of the field, its name compared without regard to case (RFC 9110 §5.1).
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(present, _)| present.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// All values of the field, in order.
    pub fn get_all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.iter().filter(move |(present, _)| present.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Adds a field after those present.
    pub fn push(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.push((name.into(), Zeroizing::new(value.into())));
    }

    /// All fields as (name, value), in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(fields: I) -> Self {
        Self(fields.into_iter().map(|(name, value)| (name.into(), Zeroizing::new(value.into()))).collect())
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.iter().map(|(name, value)| {
                let secret = SECRET_FIELDS.iter().any(|field| name.eq_ignore_ascii_case(field));
                (name, if secret { "[redacted]" } else { value })
            }))
            .finish()
    }
}

/// The content of a request: wiped when dropped, and shown by its length only.
#[derive(Clone, Default)]
pub struct Body(Zeroizing<Vec<u8>>);

impl Body {
    /// No content.
    #[must_use]
    pub fn empty() -> Self {
        Self(Zeroizing::new(Vec::new()))
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// How many bytes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no content.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        text.into_bytes().into()
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} bytes]", self.len())
    }
}

/// A request, to be sent unchanged and without following a redirect.
///
/// `Clone`, because a request that got no answer is sent again in the very same bytes. `Debug` shows the method, the
/// URL without its query, and the headers that hold no secret.
#[derive(Clone)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// An absolute `https` URL, or `http` on this machine where that was allowed.
    pub url: Url,
    /// All header fields that matter to the protocol; the transport adds `Host`, `Content-Length` and the like.
    pub headers: Headers,
    /// The content, already encoded.
    pub body: Body,
    /// How many bytes of the response's body may be read; a longer response is an error.
    pub max_response_bytes: usize,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Up to the path, so without user information, query and fragment.
        let (scheme, host) = (self.url.scheme(), self.url.host_str().unwrap_or_default());
        let (colon, port) = self.url.port().map_or(("", String::new()), |port| (":", port.to_string()));
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("url", &format_args!("{scheme}://{host}{colon}{port}{}", self.url.path()))
            .field("headers", &self.headers)
            .field("body", &self.body)
            .finish_non_exhaustive()
    }
}

impl Request {
    /// A GET that asks for JSON.
    pub(crate) fn get_json(url: Url, max_response_bytes: usize) -> Self {
        let headers = Headers::from_iter([("Accept", "application/json")]);
        Self { method: Method::Get, url, headers, body: Body::empty(), max_response_bytes }
    }
}

/// A response, read whole. Its body may hold tokens: it is wiped when dropped, and shown by its length only.
///
/// To keep the body, take it out with [`core::mem::take`].
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The header fields.
    pub headers: Headers,
    /// The body, decoded from any transfer coding. Protocol functions want it decoded from any content coding, too.
    pub body: Vec<u8>,
}

impl Response {
    /// Whether the status is 2xx.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The media type in lower case, without parameters such as `charset`; `None` when the field is absent.
    #[must_use]
    pub fn content_type(&self) -> Option<String> {
        let value = self.headers.get("content-type")?;
        let media_type = value.split(';').next().unwrap_or_default().trim();
        Some(media_type.to_owned().to_ascii_lowercase())
    }
}

impl Drop for Response {
    fn drop(&mut self) {
        self.body.zeroize();
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("headers", &self.headers)
            .field("body", &format_args!("[{} bytes]", self.body.len()))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::vec;

    use super::*;

    #[test]
    fn a_header_asked_for_in_another_case_is_found() {
        let headers = Headers::from_iter([("Retry-After", "3"), ("X-A", "1"), ("retry-after", "4")]);
        assert_eq!(headers.get("RETRY-AFTER"), Some("3"));
        assert_eq!(headers.get_all("retry-after").collect::<Vec<_>>(), ["3", "4"]);
        assert_eq!(headers.get("retry"), None);
    }

    #[test]
    fn a_request_printed_shows_no_query_no_body_and_no_credentials() {
        let mut request =
            Request::get_json(Url::parse("https://secret:secret@a.example:8443/p?secret=1#secret").unwrap(), 10);
        request.headers.push("Authorization", "Bearer secret");
        request.headers.push("Cookie", "secret");
        request.body = Body::from(String::from("secret"));
        let shown = format!("{request:?}");
        assert!(!shown.contains("secret"), "{shown}");
        assert!(shown.contains("https://a.example:8443/p") && shown.contains("[6 bytes]"), "{shown}");
    }

    #[test]
    fn a_response_printed_shows_no_body() {
        let response = Response { status: 200, headers: Headers::new(), body: vec![b's'; 3] };
        assert_eq!(format!("{response:?}"), "Response { status: 200, headers: {}, body: [3 bytes] }");
    }

    #[test]
    fn a_method_is_read_as_written_and_no_other_is() {
        for method in [Method::Get, Method::Post, Method::Put, Method::Patch, Method::Delete, Method::Head] {
            assert_eq!(method.as_str().parse(), Ok(method));
        }
        assert_eq!("get".parse::<Method>(), Err(UnknownMethod));
        assert_eq!("TRACE".parse::<Method>(), Err(UnknownMethod));
    }

    #[test]
    fn a_content_type_with_parameters_is_told_without_them() {
        let headers = Headers::from_iter([("content-type", "Application/JSON; charset=utf-8")]);
        let response = Response { status: 204, headers, body: vec![] };
        assert_eq!(response.content_type().as_deref(), Some("application/json"));
        assert!(response.is_success());
    }
}
