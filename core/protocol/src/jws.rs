//! JSON Web Signatures (RFC 7515) as ID tokens use them.

use serde::{Deserialize, Serialize};

/// A signature algorithm that is accepted (RFC 7518 §3.1, RFC 8037 §3.1). There is no `none` and no HMAC among them: neither
/// can prove anything to a public client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256
    #[serde(rename = "RS256")]
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384
    #[serde(rename = "RS384")]
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512
    #[serde(rename = "RS512")]
    Rs512,
    /// RSASSA-PSS with SHA-256
    #[serde(rename = "PS256")]
    Ps256,
    /// RSASSA-PSS with SHA-384
    #[serde(rename = "PS384")]
    Ps384,
    /// RSASSA-PSS with SHA-512
    #[serde(rename = "PS512")]
    Ps512,
    /// ECDSA on P-256 with SHA-256
    #[serde(rename = "ES256")]
    Es256,
    /// ECDSA on P-384 with SHA-384
    #[serde(rename = "ES384")]
    Es384,
    /// EdDSA on Ed25519
    #[serde(rename = "EdDSA")]
    EdDsa,
}

impl Algorithm {
    /// All that are accepted.
    pub const ALL: [Self; 9] = [
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::EdDsa,
    ];

    /// The name in a JOSE header.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The algorithm of this name in a JOSE header, compared byte for byte. `Ed25519`, the fully-specified name of
    /// RFC 9864 §2.2, is the same algorithm as `EdDSA` here, where no other curve is accepted.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        match name {
            "Ed25519" => Some(Self::EdDsa),
            name => Self::ALL.into_iter().find(|algorithm| algorithm.name() == name),
        }
    }
}
