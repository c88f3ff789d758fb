//! Why an ID token is refused: one variant a check.

use core::fmt;

use crate::jws::JwsError;
use crate::time::Timestamp;

/// The check that an ID token did not pass. Numbers are steps of OpenID Connect Core §3.1.3.7.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdTokenError {
    /// It is too long, not three parts of base64url, or not a JSON object of unique members.
    #[error("the ID token is malformed")]
    Malformed,
    /// 1: it is encrypted, which was not asked for.
    #[error("the ID token is encrypted")]
    Encrypted,
    /// It has a critical extension; none is supported (RFC 7515 §4.1.11).
    #[error("the ID token has an extension that is not understood")]
    Critical,
    /// It says that it is some other kind of token (RFC 8725 §3.11).
    #[error("the token is not an ID token")]
    Type,
    /// A required claim is missing, or has a wrong type (OpenID Connect Core §2).
    #[error("the ID token has no usable `{claim}`")]
    Missing {
        /// The claim.
        claim: RequiredClaim,
    },
    /// 2: `iss` is not the issuer, or not text.
    #[error("the ID token's `iss` is not the issuer")]
    Issuer,
    /// 3: `aud` lacks the client, or is neither text nor a list of it.
    #[error("the ID token's `aud` lacks the client")]
    Audience,
    /// 4 and 5: `azp` is not the client, or not text, or is missing although there are other audiences.
    #[error("the ID token's `azp` is not the client")]
    AuthorizedParty,
    /// 6: its key is not in the key set; a newer one may have it.
    #[error("the ID token's key is not known")]
    UnknownKey,
    /// 6: the key that it names did not make its signature.
    #[error("the ID token's signature is wrong")]
    Signature,
    /// 6: it names no key, and no key of the set made its signature; one of a newer set may have.
    #[error("the ID token's signature is of no known key")]
    SignatureOfNoKey,
    /// 7 and 8: its algorithm is not allowed, or not for its key.
    #[error("the ID token's algorithm is not allowed")]
    Algorithm,
    /// 9: `exp` is over.
    #[error("the ID token is expired")]
    Expired,
    /// 10: `iat` is in the future.
    #[error("the ID token was issued in the future; check the clock")]
    IssuedInFuture {
        /// When it says that it was issued.
        issued: Timestamp,
    },
    /// `nbf` is in the future, or not a time (RFC 7519 §4.1.5).
    #[error("the ID token is not yet valid; check the clock")]
    NotYetValid,
    /// 11: `nonce` is not the one of the login.
    #[error("the ID token's `nonce` is not that of the login")]
    Nonce,
    /// 13: `auth_time` was asked for, by `max_age`, and is missing.
    #[error("the ID token lacks `auth_time`")]
    AuthTimeMissing,
    /// 13: `auth_time` is too long ago; or, in a renewed token, not that of the login (§12.2).
    #[error("the ID token's `auth_time` is not acceptable")]
    AuthTime,
    /// §3.1.3.8: `at_hash` is not of the access token.
    #[error("the ID token's `at_hash` is not of the access token")]
    AccessTokenHash,
    /// `org_id` or `org_name` is not the organization asked for.
    #[error("the ID token is of another organization")]
    Organization,
    /// §12.2: a renewed token is about another user.
    #[error("the ID token is about another user")]
    Subject,
}

/// A claim that every ID token has, beside `iss` and `aud`, which have checks of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RequiredClaim {
    /// `sub`
    Sub,
    /// `exp`
    Exp,
    /// `iat`
    Iat,
}

impl fmt::Display for RequiredClaim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sub => "sub",
            Self::Exp => "exp",
            Self::Iat => "iat",
        })
    }
}

impl IdTokenError {
    /// The check, from a fixed vocabulary.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Malformed => "id_token_malformed",
            Self::Encrypted => "id_token_encrypted",
            Self::Critical => "id_token_critical",
            Self::Type => "id_token_type",
            Self::Missing { claim: RequiredClaim::Sub } => "id_token_sub",
            Self::Missing { claim: RequiredClaim::Exp } => "id_token_exp",
            Self::Missing { claim: RequiredClaim::Iat } => "id_token_iat",
            Self::Issuer => "id_token_issuer",
            Self::Audience => "id_token_audience",
            Self::AuthorizedParty => "id_token_azp",
            Self::UnknownKey => "id_token_key_unknown",
            Self::Signature | Self::SignatureOfNoKey => "id_token_signature",
            Self::Algorithm => "id_token_algorithm",
            Self::Expired => "id_token_expired",
            Self::IssuedInFuture { .. } => "id_token_issued_in_future",
            Self::NotYetValid => "id_token_not_yet_valid",
            Self::Nonce => "id_token_nonce",
            Self::AuthTimeMissing => "id_token_auth_time_missing",
            Self::AuthTime => "id_token_auth_time",
            Self::AccessTokenHash => "id_token_at_hash",
            Self::Organization => "id_token_organization",
            Self::Subject => "id_token_subject",
        }
    }

    /// Whether keys or metadata that are out of date may be the cause, so that fetching both once more and trying again
    /// is worth it: the provider rolled its keys, replaced one under its name, or signs with another algorithm now.
    #[must_use]
    pub const fn may_be_stale_metadata(&self) -> bool {
        matches!(self, Self::UnknownKey | Self::SignatureOfNoKey | Self::Signature | Self::Algorithm)
    }
}

impl From<JwsError> for IdTokenError {
    fn from(error: JwsError) -> Self {
        match error {
            JwsError::TooLarge | JwsError::Malformed => Self::Malformed,
            JwsError::Encrypted => Self::Encrypted,
            JwsError::Critical => Self::Critical,
            JwsError::Algorithm => Self::Algorithm,
            JwsError::UnknownKey => Self::UnknownKey,
            JwsError::Signature => Self::Signature,
            JwsError::SignatureOfNoKey => Self::SignatureOfNoKey,
        }
    }
}
