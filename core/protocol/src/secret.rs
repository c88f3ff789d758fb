//! Secrets, one type each: shown by no `Debug` or `Display`, not compared by accident, and in memory once: a clone is a share
//! in it, and the last one to be dropped wipes it.
//!
//! They can be serialised, because the session's record and a pending login are made of them; where that text goes is
//! the store's business, and no log takes a value that serialises.

use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;

use ring::digest;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::base64url;

macro_rules! secret {
    ($(#[$documentation:meta])* $name:ident) => {
        $(#[$documentation])*
        pub struct $name(Arc<Zeroizing<String>>);

        impl $name {
            /// The secret with this text.
            #[must_use]
            pub fn new(text: impl Into<String>) -> Self {
                Self(Arc::new(Zeroizing::new(text.into())))
            }

            /// The text itself. Named so that every place where a secret leaves its type can be found.
            #[must_use]
            pub fn expose(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!("[", stringify!($name), "]"))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!("[", stringify!($name), "]"))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer).map(Self::new)
            }
        }
    };
}

secret! {
    /// An access token (RFC 6749 §1.4), opaque to everybody but the API.
    ///
    /// `Clone`, because the record keeps it while an API call carries it.
    #[derive(Clone)]
    AccessToken
}
secret! {
    /// A refresh token (RFC 6749 §1.5). It never leaves the core.
    ///
    /// `Clone`, because the record keeps it while a renewal with it is under way.
    #[derive(Clone)]
    RefreshToken
}
secret! {
    /// An ID token in its compact form, not yet validated; see [`id_token`](crate::id_token).
    ///
    /// `Clone`, because the record keeps it for `id_token_hint` while a logout URL is built from it.
    #[derive(Clone)]
    RawIdToken
}
secret! {
    /// An authorization code (RFC 6749 §1.3.1), good for one exchange.
    AuthorizationCode
}
secret! {
    /// A device code (RFC 8628 §3.2), which is exchanged for tokens once the user has approved.
    DeviceCode
}
secret! {
    /// A PKCE `code_verifier` (RFC 7636 §4.1).
    CodeVerifier
}
secret! {
    /// The `state` that ties a callback to the login that it answers (RFC 6749 §10.12).
    ///
    /// `Clone`, because it is also the name under which the pending login is stored.
    #[derive(Clone)]
    State
}
secret! {
    /// The `nonce` that ties an ID token to the login that asked for it (OpenID Connect Core §15.5.2).
    Nonce
}

/// The entropy of each random value: 32 bytes, as RFC 7636 §4.1 recommends for the verifier.
pub type Entropy = [u8; 32];

impl State {
    /// 43 characters of base64url made of `entropy`, which comes from a cryptographic generator and is used once.
    #[must_use]
    pub fn from_entropy(entropy: Entropy) -> Self {
        Self::new(base64url::encode(&entropy))
    }

    /// Whether `other` is this state, in constant time.
    #[must_use]
    pub fn same(&self, other: &str) -> bool {
        self.0.as_bytes().ct_eq(other.as_bytes()).into()
    }
}

impl Nonce {
    /// 43 characters of base64url made of `entropy`, which comes from a cryptographic generator and is used once.
    #[must_use]
    pub fn from_entropy(entropy: Entropy) -> Self {
        Self::new(base64url::encode(&entropy))
    }
}

impl CodeVerifier {
    /// 43 characters of base64url made of `entropy`, which comes from a cryptographic generator and is used once.
    #[must_use]
    pub fn from_entropy(entropy: Entropy) -> Self {
        Self::new(base64url::encode(&entropy))
    }
}

impl AccessToken {
    /// A name for this token that may be logged.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.0)
    }
}

impl RefreshToken {
    /// A name for this token that may be logged.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.0)
    }
}

/// The first 8 bytes of a token's SHA-256: distinguishes tokens in a log and cannot be used as one.
///
/// Shown and serialised as 16 hexadecimal digits in lower case.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 8]);

impl Fingerprint {
    fn of(token: &str) -> Self {
        let digest = digest::digest(&digest::SHA256, token.as_bytes());
        let mut first = [0; 8];
        first.copy_from_slice(&digest.as_ref()[..8]);
        Self(first)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", u64::from_be_bytes(self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digits = text.len() == 16 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        match u64::from_str_radix(&text, 16) {
            Ok(number) if digits => Ok(Self(number.to_be_bytes())),
            Ok(_) | Err(_) => Err(de::Error::custom("a fingerprint has 16 hexadecimal digits")),
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn a_secret_printed_shows_only_its_kind() {
        let token = RefreshToken::new("v1.secret");
        assert_eq!(format!("{token} {token:?}"), "[RefreshToken] [RefreshToken]");
        assert_eq!(format!("{:?}", State::new("s")), "[State]");
    }

    #[test]
    fn a_state_compared_is_the_same_only_when_all_of_it_is() {
        let state = State::from_entropy([7; 32]);
        assert_eq!(state.expose().len(), 43);
        assert!(state.same(state.expose()));
        assert!(!state.same(&state.expose()[..42]));
        assert!(!state.same(""));
        assert!(!state.same(State::from_entropy([8; 32]).expose()));
    }

    #[test]
    fn a_fingerprint_is_the_beginning_of_sha_256() {
        // RFC 6234's well-known digest of "abc" begins with these bytes.
        let fingerprint = AccessToken::new("abc").fingerprint();
        assert_eq!(fingerprint.to_string(), "ba7816bf8f01cfea");
        assert_eq!(fingerprint, RefreshToken::new("abc").fingerprint());
        assert_ne!(fingerprint, AccessToken::new("abd").fingerprint());
    }

    #[test]
    fn a_fingerprint_serialised_is_read_again_and_nothing_else_is() {
        let fingerprint = AccessToken::new("abc").fingerprint();
        let text = serde_json::to_string(&fingerprint).unwrap();
        assert_eq!(text, "\"ba7816bf8f01cfea\"");
        assert_eq!(serde_json::from_str::<Fingerprint>(&text).unwrap(), fingerprint);
        for wrong in ["\"\"", "\"+a7816bf8f01cfea\"", "\"BA7816BF8F01CFEA\"", "\"ba7816bf8f01cfea0\"", "1"] {
            assert!(serde_json::from_str::<Fingerprint>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_secret_serialised_is_its_text() {
        let text = serde_json::to_string(&CodeVerifier::new("v")).unwrap();
        assert_eq!(text, "\"v\"");
        assert_eq!(serde_json::from_str::<CodeVerifier>(&text).unwrap().expose(), "v");
    }
}
