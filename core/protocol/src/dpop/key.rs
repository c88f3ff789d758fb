//! The public half of a key that signs proofs, its name, and what it signs with.

use alloc::format;
use alloc::string::String;
use core::fmt;

use ring::digest;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::base64url;

/// A point on P-256, uncompressed (SEC 1 §2.3.3): 0x04, then 32 bytes each of `x` and `y`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey([u8; 65]);

impl PublicKey {
    /// Takes a point as `SecKeyCopyExternalRepresentation` and `ring` write it.
    ///
    /// # Errors
    /// [`NotOnP256`] when it has another length or another form. Whether it is on the curve shows with the first proof,
    /// whose signature is checked.
    pub fn from_sec1(bytes: &[u8]) -> Result<Self, NotOnP256> {
        match <[u8; 65]>::try_from(bytes) {
            Ok(point) if point[0] == 4 => Ok(Self(point)),
            Ok(_) | Err(_) => Err(NotOnP256),
        }
    }

    /// The point, 65 bytes.
    #[must_use]
    pub const fn sec1(&self) -> &[u8; 65] {
        &self.0
    }

    /// The name of the key for everybody: SHA-256 over its members in their one order (RFC 7638 §3).
    #[must_use]
    pub fn thumbprint(&self) -> Thumbprint {
        let Jwk { x, y, .. } = self.jwk();
        Thumbprint::of(&format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#))
    }

    pub(super) fn jwk(&self) -> Jwk {
        let (x, y) = self.0[1..].split_at(32);
        Jwk { kty: "EC", x: base64url::encode(x), y: base64url::encode(y), crv: "P-256" }
    }
}

/// A public key of an elliptic curve (RFC 7517, RFC 7518 §6.2.1).
#[derive(Serialize)]
pub(super) struct Jwk {
    kty: &'static str,
    x: String,
    y: String,
    crv: &'static str,
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.thumbprint())
    }
}

/// What was given as a public key is no uncompressed point on P-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the public key is not an uncompressed point on P-256 of 65 bytes")]
pub struct NotOnP256;

/// The name of a key (RFC 7638): what a token is bound to (`cnf.jkt`, RFC 9449 §6.1), and `dpop_jkt` (§10).
///
/// Shown and serialised as 43 characters of base64url. No secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Thumbprint([u8; 32]);

impl Thumbprint {
    fn of(members: &str) -> Self {
        let digest = digest::digest(&digest::SHA256, members.as_bytes());
        Self(digest.as_ref().try_into().expect("SHA-256 has 32 bytes"))
    }
}

impl fmt::Display for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base64url::encode(&self.0))
    }
}

impl fmt::Debug for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Thumbprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Thumbprint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        base64url::decode(&text)
            .ok()
            .and_then(|bytes| bytes.try_into().ok())
            .map(Self)
            .ok_or_else(|| de::Error::custom("a thumbprint is 43 characters of base64url"))
    }
}

/// An ECDSA signature on P-256 as a JWS has it: 32 bytes each of `r` and `s` (RFC 7518 §3.4), not DER.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signature([u8; 64]);

impl Signature {
    /// Takes 64 bytes; `None` for any other number, such as that of a DER encoding.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// `r`, then `s`.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;
    use alloc::vec::Vec;

    use super::*;

    impl PublicKey {
        /// The key of the examples of RFC 9449.
        pub(crate) fn of_the_rfc() -> Self {
            let coordinate = |text| base64url::decode(text).unwrap();
            let point: Vec<u8> = [
                &[4][..],
                &coordinate("l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs"),
                &coordinate("9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA"),
            ]
            .concat();
            Self::from_sec1(&point).unwrap()
        }
    }

    #[test]
    fn the_thumbprint_of_rfc_9449_section_6_1_is_reproduced() {
        let key = PublicKey::of_the_rfc();
        assert_eq!(key.thumbprint().to_string(), "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
        assert_eq!(format!("{key:?}"), "PublicKey(0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I)");
    }

    #[test]
    fn the_hash_of_rfc_7638_section_3_1_is_reproduced() {
        let members = concat!(
            r#"{"e":"AQAB","kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7a"#,
            "PFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0",
            "_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4",
            r#"lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"}"#
        );
        assert_eq!(Thumbprint::of(members).to_string(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }

    #[test]
    fn a_thumbprint_serialised_is_read_again_and_nothing_else_is() {
        let thumbprint = PublicKey::of_the_rfc().thumbprint();
        let text = serde_json::to_string(&thumbprint).unwrap();
        assert_eq!(serde_json::from_str::<Thumbprint>(&text).unwrap(), thumbprint);
        for wrong in ["\"\"", "\"0ZcO\"", "\"0ZcOCORZNYy+DWpqq30jZyJGHTN0d2HglBV3uiguA4I\"", "1"] {
            assert!(serde_json::from_str::<Thumbprint>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_key_in_another_form_and_a_signature_in_der_are_refused() {
        let point = *PublicKey::of_the_rfc().sec1();
        let compressed = [&[2][..], &point[1..33]].concat();
        let hybrid = [&[6][..], &point[1..]].concat();
        for wrong in [&[][..], &point[1..], &compressed, &hybrid] {
            assert_eq!(PublicKey::from_sec1(wrong), Err(NotOnP256), "{} bytes", wrong.len());
        }
        assert!(Signature::from_bytes(&[0x30; 70]).is_none());
    }
}
