//! Where the authorization server sends the user back (RFC 6749 §3.1.2, RFC 8252 §7).

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use core::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use url::Url;

use super::config_error::ConfigError;
use super::issuer::{has_user_information, is_loopback, parse_as_written};

/// A redirect URI, kept byte for byte as it was given, because that is how the server compares it:
///
/// - a scheme of the app's own with a period in it, such as `com.example.app:/callback` (RFC 8252 §7.1) or Auth0's
///   `com.example.app://tenant.eu.auth0.com/ios/com.example.app/callback`;
/// - `https`, claimed by the app (RFC 8252 §7.2);
/// - `http` on a loopback host (RFC 8252 §7.3), whose port may be left open until something listens there. The code
///   never leaves the machine on this way, so it needs no permission as plain HTTP elsewhere does.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RedirectUri {
    text: String,
    url: Url,
}

impl RedirectUri {
    /// Reads a redirect URI without query, fragment and user information.
    ///
    /// # Errors
    /// [`ConfigError`], the field of each being `redirect_uri`. A scheme without a period (`myapp`, but also
    /// `javascript`, `data`, `file`) is refused: any app can claim it.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let url = parse_as_written(text).ok_or(ConfigError::RedirectUriNotUri)?;
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(&url) => {}
            "http" => return Err(ConfigError::RedirectUriInsecure),
            own if own.contains('.') => {}
            _ => return Err(ConfigError::RedirectUriScheme),
        }
        if url.query().is_some() || url.fragment().is_some() || has_user_information(&url) {
            return Err(ConfigError::RedirectUriExtra);
        }
        Ok(Self { text: text.to_owned(), url })
    }

    /// The URI as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The URI, parsed.
    #[must_use]
    pub const fn url(&self) -> &Url {
        &self.url
    }

    /// Whether it is plain `http` to this very machine, so that something has to listen there.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.url.scheme() == "http"
    }

    /// The same loopback URI with `port`, all else byte for byte as it was: the server lets the port differ, and
    /// nothing else (RFC 8252 §7.3).
    ///
    /// # Errors
    /// [`ConfigError::RedirectUriPort`] when it is no loopback URI.
    pub fn with_port(&self, port: u16) -> Result<Self, ConfigError> {
        let (scheme, rest) = self.text.split_once("://").ok_or(ConfigError::RedirectUriPort)?;
        if !self.is_loopback() {
            return Err(ConfigError::RedirectUriPort);
        }
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        // A colon inside the brackets of an IPv6 address begins no port.
        let host_end = match (authority.rfind(':'), authority.rfind(']')) {
            (Some(colon), Some(bracket)) if colon < bracket => authority.len(),
            (Some(colon), _) => colon,
            (None, _) => authority.len(),
        };
        Self::parse(&format!("{scheme}://{}:{port}{path}", &authority[..host_end]))
    }
}

impl fmt::Display for RedirectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for RedirectUri {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for RedirectUri {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_uri_of_each_kind_is_kept_byte_for_byte() {
        for text in [
            "com.example.app:/callback",
            "com.example.app:callback",
            "com.example.app://tenant.eu.auth0.com/ios/com.example.app/callback",
            "https://app.example.com/callback",
            "http://127.0.0.1/callback",
            "http://localhost:0",
            "http://[::1]:49152/callback",
        ] {
            let uri = RedirectUri::parse(text).unwrap();
            assert_eq!(uri.as_str(), text);
            assert_eq!(uri.is_loopback(), text.starts_with("http:"), "{text}");
        }
    }

    #[test]
    fn a_scheme_that_anybody_can_claim_is_refused() {
        for text in ["myapp://callback", "javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "about:blank"]
        {
            assert_eq!(RedirectUri::parse(text), Err(ConfigError::RedirectUriScheme), "{text}");
        }
        for text in ["http://app.example.com/callback", "http://192.168.0.1/callback", "http://10.0.2.2/callback"] {
            assert_eq!(RedirectUri::parse(text), Err(ConfigError::RedirectUriInsecure), "{text}");
        }
    }

    #[test]
    fn more_than_a_redirect_uri_is_refused() {
        for text in ["com.example.app:/cb?x=1", "https://app.example.com/cb#f", "https://u:p@app.example.com/cb"] {
            assert_eq!(RedirectUri::parse(text), Err(ConfigError::RedirectUriExtra), "{text}");
        }
        for text in [
            "",
            "/callback",
            "com.example.app",
            "com.example.app:/call back",
            "https://app.example.com/\t",
            "http://127.0.0.1\\x/cb",
            "http:/127.0.0.1/x://y",
        ] {
            assert_eq!(RedirectUri::parse(text), Err(ConfigError::RedirectUriNotUri), "{text:?}");
        }
    }

    #[test]
    fn a_port_chosen_for_a_loopback_uri_changes_nothing_else() {
        for (text, expected) in [
            ("http://127.0.0.1/cb", "http://127.0.0.1:5000/cb"),
            ("http://127.0.0.1", "http://127.0.0.1:5000"),
            ("http://localhost:0/", "http://localhost:5000/"),
            ("http://[::1]/cb", "http://[::1]:5000/cb"),
            ("http://[::1]:1/cb:2", "http://[::1]:5000/cb:2"),
        ] {
            let uri = RedirectUri::parse(text).unwrap().with_port(5000).unwrap();
            assert_eq!(uri.as_str(), expected);
            assert_eq!(uri.url().port(), Some(5000));
        }
    }

    #[test]
    fn a_port_chosen_for_another_uri_is_refused() {
        for text in ["https://app.example.com/cb", "com.example.app://host/cb", "com.example.app:/cb"] {
            assert_eq!(RedirectUri::parse(text).unwrap().with_port(1), Err(ConfigError::RedirectUriPort), "{text}");
        }
    }

    #[test]
    fn a_redirect_uri_stored_is_read_as_it_was() {
        let uri = RedirectUri::parse("com.example.app:/callback").unwrap();
        let text = serde_json::to_string(&uri).unwrap();
        assert_eq!(serde_json::from_str::<RedirectUri>(&text).unwrap(), uri);
        assert!(serde_json::from_str::<RedirectUri>("\"myapp://x\"").is_err());
    }
}
