//! JSON Web Signatures in compact form (RFC 7515), as ID tokens are.
//!
//! Only two members of the header are used: the algorithm, which has to be allowed and to fit the key, and the key's name.
//! A key in the header, or a URL of one (`jwk`, `jku`, `x5c`, `x5u`), is never used. A critical extension (`crit`, `b64`) is
//! refused.

#[cfg(test)]
mod vectors;

use alloc::borrow::Cow;
use alloc::vec;
use alloc::vec::Vec;

use serde::de::{Error as _, MapAccess};

pub use crate::algorithm::Algorithm;
use crate::base64url;
use crate::json::{self, Fields, Inside, Scalar};
use crate::jwk::KeySet;

/// The longest token that is read, in bytes.
pub const MAX_TOKEN: usize = 64 * 1024;

/// Verifies a token in compact form with one of `keys`, and returns its payload. An empty list of `algorithms` allows
/// all that [`Algorithm`] knows.
///
/// # Errors
/// [`JwsError`]; see its variants.
pub fn verify(token: &str, keys: &KeySet, algorithms: &[Algorithm]) -> Result<Vec<u8>, JwsError> {
    let decoded = Decoded::of(token)?;
    decoded.verify(&decoded.header()?, keys, algorithms)?;
    Ok(decoded.payload)
}

/// A token decoded and not yet believed.
pub(crate) struct Decoded<'t> {
    signing_input: &'t str,
    pub(crate) payload: Vec<u8>,
    /// The header and, after it, the signature: neither is kept for long.
    header_and_signature: Vec<u8>,
    header_length: usize,
}

impl<'t> Decoded<'t> {
    /// Takes a token apart (RFC 7515 §5.2, steps 1 to 4 and 6 to 7).
    pub(crate) fn of(token: &'t str) -> Result<Self, JwsError> {
        if token.len() > MAX_TOKEN {
            return Err(JwsError::TooLarge);
        }
        let (signing_input, signature) = token.rsplit_once('.').ok_or(JwsError::Malformed)?;
        let (header, payload) = signing_input.split_once('.').ok_or(JwsError::Malformed)?;
        if payload.contains('.') {
            // Five parts are an encrypted token (RFC 7516 §7.1), any other number is nothing at all.
            let parts = token.split('.').count();
            return Err(if parts == 5 { JwsError::Encrypted } else { JwsError::Malformed });
        }
        let header_length = base64url::decoded_length(header);
        let mut header_and_signature = vec![0; header_length + base64url::decoded_length(signature)];
        let (header_bytes, signature_bytes) = header_and_signature.split_at_mut(header_length);
        base64url::decode_into(header, header_bytes).map_err(|_| JwsError::Malformed)?;
        base64url::decode_into(signature, signature_bytes).map_err(|_| JwsError::Malformed)?;
        let payload = base64url::decode(payload).map_err(|_| JwsError::Malformed)?;
        Ok(Self { signing_input, payload, header_and_signature, header_length })
    }

    pub(crate) fn header(&self) -> Result<Header<'_>, JwsError> {
        Header::parse(&self.header_and_signature[..self.header_length])
    }

    /// Checks the signature (RFC 7515 §5.2, steps 5 and 8) and returns the algorithm that did it.
    pub(crate) fn verify(
        &self,
        header: &Header<'_>,
        keys: &KeySet,
        allowed: &[Algorithm],
    ) -> Result<Algorithm, JwsError> {
        let algorithm = Algorithm::of_name(&header.algorithm).ok_or(JwsError::Algorithm)?;
        if !allowed.is_empty() && !allowed.contains(&algorithm) {
            return Err(JwsError::Algorithm);
        }
        let candidates = match &header.kid {
            Some(kid) => keys.named(kid),
            None => keys.all(),
        };
        if candidates.is_empty() {
            return Err(JwsError::UnknownKey);
        }
        let mut suitable = candidates.iter().filter(|key| key.suits(algorithm)).peekable();
        if suitable.peek().is_none() {
            return Err(if header.kid.is_some() { JwsError::Algorithm } else { JwsError::UnknownKey });
        }
        let (message, signature) = (self.signing_input.as_bytes(), &self.header_and_signature[self.header_length..]);
        if suitable.any(|key| key.public.verify(algorithm, message, signature).is_ok()) {
            return Ok(algorithm);
        }
        Err(if header.kid.is_some() { JwsError::Signature } else { JwsError::SignatureOfNoKey })
    }
}

/// The members of a header that are used (RFC 7515 §4.1).
pub(crate) struct Header<'a> {
    algorithm: Cow<'a, str>,
    kid: Option<Cow<'a, str>>,
    pub(crate) token_type: Option<Cow<'a, str>>,
}

#[derive(Default)]
struct Members<'a> {
    algorithm: Option<Cow<'a, str>>,
    kid: Option<Cow<'a, str>>,
    token_type: Option<Cow<'a, str>>,
    is_extended: bool,
}

#[derive(Clone, Copy)]
pub(crate) enum Member {
    Algorithm,
    Kid,
    Type,
    Critical,
    Base64,
}

impl<'a> Header<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, JwsError> {
        let text = core::str::from_utf8(bytes).map_err(|_| JwsError::Malformed)?;
        let mut members = Members::default();
        json::read_object(text, &mut members).map_err(|json::Malformed| JwsError::Malformed)?;
        if members.is_extended {
            return Err(JwsError::Critical);
        }
        let algorithm = members.algorithm.ok_or(JwsError::Malformed)?;
        Ok(Self { algorithm, kid: members.kid, token_type: members.token_type })
    }
}

impl<'de> Fields<'de> for Members<'de> {
    type Field = Member;

    fn field(name: &str) -> Option<Member> {
        match name {
            "alg" => Some(Member::Algorithm),
            "kid" => Some(Member::Kid),
            "typ" => Some(Member::Type),
            "crit" => Some(Member::Critical),
            "b64" => Some(Member::Base64),
            _ => None,
        }
    }

    fn number(field: Member) -> u32 {
        field as u32
    }

    fn read<A: MapAccess<'de>>(&mut self, field: Member, map: &mut A, inside: Inside<'_, 'de>) -> Result<(), A::Error> {
        let place = match field {
            Member::Algorithm => &mut self.algorithm,
            Member::Kid => &mut self.kid,
            Member::Type => &mut self.token_type,
            Member::Critical | Member::Base64 => {
                self.is_extended = true;
                return inside.scalar(map).map(drop);
            }
        };
        match inside.scalar(map)? {
            Scalar::Text(text) => *place = Some(text),
            Scalar::Integer(_) | Scalar::Number(_) | Scalar::Boolean(_) | Scalar::Null | Scalar::Compound => {
                return Err(A::Error::custom("a member that is to be text is not"));
            }
        }
        Ok(())
    }
}

/// Why a token is not verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JwsError {
    /// It is longer than [`MAX_TOKEN`].
    #[error("the token is too long")]
    TooLarge,
    /// It is not three parts of base64url of which the first is a JSON object with `alg`.
    #[error("the token is malformed")]
    Malformed,
    /// It is encrypted.
    #[error("the token is encrypted")]
    Encrypted,
    /// It has a critical extension (`crit`, `b64`); none is supported.
    #[error("the token has an extension that is not understood")]
    Critical,
    /// Its algorithm is not allowed, or not for the key that it names.
    #[error("the token's algorithm is not allowed")]
    Algorithm,
    /// Its key is not in the set; a newer set may have it.
    #[error("the token's key is not known")]
    UnknownKey,
    /// The key that it names did not make its signature.
    #[error("the token's signature is wrong")]
    Signature,
    /// It names no key, and none in the set made its signature; one in a newer set may have.
    #[error("the token's signature is of no known key")]
    SignatureOfNoKey,
}

impl JwsError {
    /// What happened, from a fixed vocabulary.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLarge => "jws_too_large",
            Self::Malformed => "jws_malformed",
            Self::Encrypted => "jws_encrypted",
            Self::Critical => "jws_critical",
            Self::Algorithm => "jws_algorithm",
            Self::UnknownKey => "jws_key_unknown",
            Self::Signature | Self::SignatureOfNoKey => "jws_signature",
        }
    }
}
