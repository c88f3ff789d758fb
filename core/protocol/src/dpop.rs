//! Proof of possession (RFC 9449): a signed statement with each request that says which key the token is bound to, so
//! that a token that was stolen is of no use without the key.
//!
//! The key itself is elsewhere: [`ProofClaims::unsigned`] gives the bytes to sign, whoever holds the key signs them, and
//! [`UnsignedProof::signed`] makes the header's value of both. The one algorithm is ES256, which every keystore of a
//! phone has and every server of note takes. What a server answers about a proof is read by [`refusal`],
//! [`challenge_error`] and [`ServerNonce::of`].

mod challenge;
mod key;

use alloc::format;
use alloc::string::String;

use ring::digest;
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use serde::Serialize;
use url::{Position, Url};

pub use self::challenge::{ServerNonce, challenge_error, refusal};
pub use self::key::{NotOnP256, PublicKey, Signature, Thumbprint};
use crate::base64url;
use crate::http::Method;
use crate::secret::AccessToken;
use crate::time::Timestamp;

/// The name of the header field with the proof (RFC 9449 §4.1).
pub const HEADER: &str = "DPoP";

/// The algorithm of every proof, as metadata names it (RFC 7518 §3.4).
pub const ALGORITHM: &str = "ES256";

/// What makes a proof unlike any other: 96 bits from a cryptographic generator, used once (RFC 9449 §4.2, `jti`).
pub type ProofEntropy = [u8; 12];

/// What a proof states (RFC 9449 §4.2).
#[derive(Debug, Clone, Copy)]
pub struct ProofClaims<'a> {
    /// `jti`
    pub entropy: ProofEntropy,
    /// `htm`: the method of the request.
    pub method: Method,
    /// `htu`: the URL of the request; its query and fragment stay out of the proof.
    pub url: &'a Url,
    /// `iat`: the time by the server's clock, as far as that is known; whole seconds.
    pub issued_at: Timestamp,
    /// `ath`: a hash of the access token that goes with the request, if one does.
    pub access_token: Option<&'a AccessToken>,
    /// `nonce`: the last one from the request's origin, if there was one (§8, §9).
    pub nonce: Option<&'a ServerNonce>,
}

impl ProofClaims<'_> {
    /// The proof before it is signed with `key`'s private half.
    #[must_use]
    pub fn unsigned(&self, key: &PublicKey) -> UnsignedProof {
        let header = Header { typ: "dpop+jwt", alg: ALGORITHM, jwk: key.jwk() };
        let payload = Payload {
            jti: base64url::encode(&self.entropy),
            htm: self.method.as_str(),
            htu: target(self.url),
            iat: self.issued_at.unix_seconds(),
            ath: self.access_token.map(access_token_hash),
            nonce: self.nonce.map(ServerNonce::as_str),
        };
        UnsignedProof { signing_input: format!("{}.{}", encoded(&header), encoded(&payload)), key: *key }
    }
}

/// A proof that waits for its signature.
#[derive(Debug)]
pub struct UnsignedProof {
    signing_input: String,
    key: PublicKey,
}

impl UnsignedProof {
    /// The bytes to sign with ECDSA on P-256 over their SHA-256 (RFC 7515 §5.1).
    #[must_use]
    pub fn signing_input(&self) -> &[u8] {
        self.signing_input.as_bytes()
    }

    /// The value of the header field: the proof with its signature.
    ///
    /// # Errors
    /// [`SignatureMismatch`] when the signature is not by this proof's key: a server's refusal would say less.
    pub fn signed(self, signature: &Signature) -> Result<String, SignatureMismatch> {
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, self.key.sec1())
            .verify(self.signing_input(), signature.as_bytes())
            .map_err(|_| SignatureMismatch)?;
        Ok([self.signing_input.as_str(), ".", &base64url::encode(signature.as_bytes())].concat())
    }
}

/// The signature is not one by the key that the proof names, or not over this proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signature is not by the key that the proof names")]
pub struct SignatureMismatch;

#[derive(Serialize)]
struct Header<'a> {
    typ: &'a str,
    alg: &'a str,
    jwk: key::Jwk,
}

#[derive(Serialize)]
struct Payload<'a> {
    jti: String,
    htm: &'a str,
    htu: String,
    iat: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    ath: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
}

fn encoded(part: &impl Serialize) -> String {
    base64url::encode(serde_json::to_string(part).expect("strings and a number are JSON").as_bytes())
}

/// The URL without query and fragment (RFC 9449 §4.2), and without user information, which no request line has.
fn target(url: &Url) -> String {
    [&url[..Position::BeforeUsername], &url[Position::BeforeHost..Position::AfterPath]].concat()
}

/// `BASE64URL(SHA256(access token))` (RFC 9449 §4.2).
fn access_token_hash(access_token: &AccessToken) -> String {
    base64url::encode(digest::digest(&digest::SHA256, access_token.expose().as_bytes()).as_ref())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// RFC 9449 §4.1, figure 2 decoded: the first 12 bytes are those of its `jti`.
    const EXAMPLE: &str = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg";

    fn entropy(jti: &str) -> ProofEntropy {
        base64url::decode(jti).unwrap().try_into().unwrap()
    }

    fn claims(url: &Url) -> ProofClaims<'_> {
        ProofClaims {
            entropy: entropy("-BwC3ESc6acc2lTc"),
            method: Method::Post,
            url,
            issued_at: Timestamp::from_unix_seconds(1_562_262_616),
            access_token: None,
            nonce: None,
        }
    }

    fn payload(claims: &ProofClaims<'_>) -> Value {
        let unsigned = claims.unsigned(&PublicKey::of_the_rfc());
        let (_, payload) = unsigned.signing_input.split_once('.').unwrap();
        serde_json::from_slice(&base64url::decode(payload).unwrap()).unwrap()
    }

    #[test]
    fn the_proof_of_rfc_9449_section_4_1_is_reproduced() {
        let url = Url::parse("https://server.example.com/token").unwrap();
        let unsigned = claims(&url).unsigned(&PublicKey::of_the_rfc());
        let (signing_input, signature) = EXAMPLE.rsplit_once('.').unwrap();
        assert_eq!(unsigned.signing_input, signing_input);
        let signature = Signature::from_bytes(&base64url::decode(signature).unwrap()).unwrap();
        assert_eq!(unsigned.signed(&signature).unwrap(), EXAMPLE);
    }

    #[test]
    fn the_access_token_hash_of_rfc_9449_section_7_1_is_reproduced() {
        let url = Url::parse("https://resource.example.org/protectedresource").unwrap();
        let access_token = AccessToken::new("Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU");
        let claims = ProofClaims {
            entropy: entropy("e1j3V_bKic8-LAEB"),
            method: Method::Get,
            issued_at: Timestamp::from_unix_seconds(1_562_262_618),
            access_token: Some(&access_token),
            ..claims(&url)
        };
        let expected = json!({
            "jti": "e1j3V_bKic8-LAEB",
            "htm": "GET",
            "htu": "https://resource.example.org/protectedresource",
            "iat": 1_562_262_618,
            "ath": "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo",
        });
        assert_eq!(payload(&claims), expected);
    }

    #[test]
    fn a_nonce_is_stated_and_query_fragment_and_user_are_not() {
        let url = Url::parse("https://user:secret@api.example:8443/a%20b?secret=1#secret").unwrap();
        let nonce = ServerNonce::parse("eyJ7S_zG.eyJH0-Z.HX4w-7v").unwrap();
        let stated = payload(&ProofClaims { nonce: Some(&nonce), ..claims(&url) });
        assert_eq!(stated["htu"], "https://api.example:8443/a%20b");
        assert_eq!(stated["nonce"], "eyJ7S_zG.eyJH0-Z.HX4w-7v");
    }

    #[test]
    fn a_signature_over_something_else_makes_no_proof() {
        let url = Url::parse("https://server.example.com/other").unwrap();
        let signature = base64url::decode(EXAMPLE.rsplit_once('.').unwrap().1).unwrap();
        let signature = Signature::from_bytes(&signature).unwrap();
        assert_eq!(claims(&url).unsigned(&PublicKey::of_the_rfc()).signed(&signature), Err(SignatureMismatch));
    }
}
