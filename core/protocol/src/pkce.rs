//! Proof Key for Code Exchange (RFC 7636), with the one method that may still be used: S256 (RFC 9700 §2.1.1).

use alloc::string::String;

use ring::digest;

use crate::base64url;
use crate::secret::CodeVerifier;

/// The `code_challenge_method` of every request.
pub const METHOD: &str = "S256";

/// The `code_challenge` of a verifier: 43 characters of base64url, `BASE64URL(SHA256(code_verifier))` (RFC 7636 §4.2).
#[must_use]
pub fn challenge(code_verifier: &CodeVerifier) -> String {
    base64url::encode(digest::digest(&digest::SHA256, code_verifier.expose().as_bytes()).as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_7636_appendix_b_is_reproduced() {
        let octets = [
            116, 24, 223, 180, 151, 153, 224, 37, 79, 250, 96, 125, 216, 173, 187, 186, 22, 212, 37, 77, 105, 214, 191,
            240, 91, 88, 5, 88, 83, 132, 141, 121,
        ];
        let verifier = CodeVerifier::from_entropy(octets);
        assert_eq!(verifier.expose(), "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert_eq!(challenge(&verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }
}
