//! The client as registered at the authorization server, parsed once, so that it has no invalid value.

mod config_error;
mod dialect;
mod issuer;
mod placeholder;
mod redirect_uri;
mod telemetry;

use alloc::borrow::ToOwned;
use alloc::string::String;
use core::fmt;

use serde::{Deserialize, Deserializer, Serialize, de};

pub use self::config_error::ConfigError;
pub use self::dialect::{
    Dialect, DialectData, EndpointPaths, LogoutStyle, RevocationMember, TelemetryNames, TokenEncoding,
};
pub(crate) use self::issuer::parse_as_written;
pub use self::issuer::{Issuer, Loopback};
use self::placeholder::is_placeholder_of_an_identifier;
pub(crate) use self::redirect_uri::CALLBACK_PARAMETERS;
pub use self::redirect_uri::RedirectUri;
pub use self::telemetry::Telemetry;

/// Who asks, and whom: the argument of every request builder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// The client's identifier.
    pub client_id: ClientId,
    /// The authorization server.
    pub issuer: Issuer,
    /// The server's dialect.
    pub dialect: Dialect,
    /// What the server learns about the SDK; nothing if `None`. Only a dialect with telemetry sends it.
    pub telemetry: Option<Telemetry>,
}

/// A client identifier (RFC 6749 §2.2). It is not a secret: native apps are public clients.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct ClientId(String);

impl ClientId {
    /// The identifier as it is registered.
    ///
    /// # Errors
    /// [`ConfigError`] when it is empty, was left as a placeholder such as `YOUR_CLIENT_ID` or `{clientId}`, or is not made of
    /// `VSCHAR` (RFC 6749 Appendix A.1: visible ASCII and the space), or begins or ends with a space (which came along when it
    /// was copied).
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        if text.is_empty() {
            return Err(ConfigError::ClientIdEmpty);
        }
        if is_placeholder_of_an_identifier(text) {
            return Err(ConfigError::ClientIdPlaceholder);
        }
        if text.trim_matches(' ') != text || !text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return Err(ConfigError::ClientIdCharacter);
        }
        Ok(Self(text.to_owned()))
    }

    /// The identifier.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ClientId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_id_as_registered_is_kept() {
        for text in ["aBcD1234", "0oa1b2c3", "urn:example:app", "com.example.app", "yours", "s6BhdRkqt3"] {
            assert_eq!(ClientId::parse(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn a_client_id_left_empty_or_as_a_placeholder_is_refused() {
        assert_eq!(ClientId::parse(""), Err(ConfigError::ClientIdEmpty));
        for text in
            ["YOUR_CLIENT_ID", "yourClientId", "{clientId}", "<client-id>", "{{ID}}", "CLIENT_ID", "TODO", "%ID%"]
        {
            assert_eq!(ClientId::parse(text), Err(ConfigError::ClientIdPlaceholder), "{text}");
        }
    }

    #[test]
    fn a_client_id_of_any_visible_characters_is_kept() {
        // As the registration endpoint of the OpenID Foundation's suite gives them out.
        for text in ["client_rPfgy26939|( ++", "client_vXiqu98633;'&]<`", "a{b}c", "a<b>c", "50%", "{a}b", "%"] {
            assert_eq!(ClientId::parse(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn a_client_id_with_a_space_around_it_or_another_character_is_refused() {
        for text in ["abc ", " abc", "a\nb", "a\tb", "é"] {
            assert_eq!(ClientId::parse(text), Err(ConfigError::ClientIdCharacter), "{text:?}");
        }
    }

    #[test]
    fn a_client_id_stored_is_judged_again_when_read() {
        assert_eq!(serde_json::from_str::<ClientId>("\"abc\"").unwrap().as_str(), "abc");
        assert!(serde_json::from_str::<ClientId>("\"\"").is_err());
    }
}
