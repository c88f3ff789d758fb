//! Where the authorization server sends the user back (RFC 6749 §3.1.2, RFC 8252 §7).

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use core::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use url::Url;

use super::config_error::ConfigError;
use super::issuer::{has_user_information, is_loopback, parse_as_written};

/// A redirect URI, kept byte for byte as it was given, because that is how the server compares it. A query in it comes
/// back with the callback (RFC 6749 §3.1.2):
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

/// Schemes that a browser or the system takes for its own.
const SCHEMES_OF_BROWSERS: [&str; 16] = [
    "about",
    "blob",
    "chrome",
    "content",
    "data",
    "file",
    "filesystem",
    "ftp",
    "intent",
    "javascript",
    "mailto",
    "sms",
    "tel",
    "vbscript",
    "view-source",
    "ws",
];

/// What a callback brings, which the URI itself cannot have.
pub(crate) const CALLBACK_PARAMETERS: [&str; 7] =
    ["state", "code", "iss", "error", "error_description", "error_uri", "session_state"];

impl RedirectUri {
    /// Reads a redirect URI without fragment and user information.
    ///
    /// # Errors
    /// [`ConfigError`], the field of each being `redirect_uri`. A scheme without a period (`myapp`, but also
    /// `javascript`, `data`, `file`) is refused: any app can claim it. So is a query with a parameter of the callback.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let uri = Self::danger_parse_any_scheme(text)?;
        if uri.has_scheme_of_anybody() { Err(ConfigError::RedirectUriScheme) } else { Ok(uri) }
    }

    /// The same with a scheme of the app's own that has no period in it, such as `myapp` or `msal{client id}`. **Another
    /// app on the device can claim it too and get the callback** (RFC 8252 §7.1); PKCE keeps the code in it from being of
    /// use (RFC 7636 §1).
    ///
    /// # Errors
    /// As [`RedirectUri::parse`]; schemes that mean something to a browser are refused.
    pub fn danger_parse_any_scheme(text: &str) -> Result<Self, ConfigError> {
        let url = parse_as_written(text).ok_or(ConfigError::RedirectUriNotUri)?;
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(&url) => {}
            "http" => return Err(ConfigError::RedirectUriInsecure),
            scheme if SCHEMES_OF_BROWSERS.contains(&scheme) => return Err(ConfigError::RedirectUriScheme),
            _ => {}
        }
        let has_reserved = url.query_pairs().any(|(name, _)| CALLBACK_PARAMETERS.contains(&&*name));
        if url.fragment().is_some() || has_user_information(&url) || has_reserved {
            return Err(ConfigError::RedirectUriExtra);
        }
        Ok(Self { text: text.to_owned(), url })
    }

    /// Whether any app can claim its scheme.
    #[must_use]
    pub fn has_scheme_of_anybody(&self) -> bool {
        !matches!(self.url.scheme(), "https" | "http") && !self.url.scheme().contains('.')
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

    /// Whether it is plain `http` to this machine, so that something has to listen there.
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
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
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
        // Whether its scheme is allowed was judged before it was stored.
        Self::danger_parse_any_scheme(&String::deserialize(deserializer)?).map_err(de::Error::custom)
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
            "https://app.example.com/callback?tenant=7",
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
    fn a_scheme_of_the_apps_own_without_a_period_is_read_where_that_is_allowed() {
        for text in ["myapp://callback", "msal11112222://auth", "fb123://authorize"] {
            assert_eq!(RedirectUri::parse(text), Err(ConfigError::RedirectUriScheme), "{text}");
            let uri = RedirectUri::danger_parse_any_scheme(text).unwrap();
            assert!(uri.has_scheme_of_anybody() && uri.as_str() == text, "{text}");
        }
        for text in ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "intent://x", "about:blank"] {
            assert_eq!(RedirectUri::danger_parse_any_scheme(text), Err(ConfigError::RedirectUriScheme), "{text}");
        }
        assert!(!RedirectUri::parse("http://127.0.0.1/cb").unwrap().has_scheme_of_anybody());
    }

    #[test]
    fn more_than_a_redirect_uri_is_refused() {
        for text in [
            "com.example.app:/cb?state=1",
            "https://app.example.com/cb?x=1&code=",
            "https://app.example.com/cb#f",
            "https://u:p@app.example.com/cb",
        ] {
            assert_eq!(RedirectUri::parse(text), Err(ConfigError::RedirectUriExtra), "{text}");
        }
        // A query is allowed, so the advice names the parameters that are not.
        let fix = ConfigError::RedirectUriExtra.fix();
        assert!(["fragment", "user name", "`state`", "`code`"].iter().all(|word| fix.contains(word)), "{fix}");
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
            ("http://127.0.0.1?x=/y", "http://127.0.0.1:5000?x=/y"),
            ("http://127.0.0.1/cb?x=1", "http://127.0.0.1:5000/cb?x=1"),
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
        assert!(serde_json::from_str::<RedirectUri>("\"javascript:x\"").is_err());
    }
}
