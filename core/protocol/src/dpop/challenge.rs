//! What a server says about a proof: that it is wrong, or that it wants its nonce in it (RFC 9449 §5, §7.1, §8, §9).

use alloc::borrow::ToOwned;
use alloc::string::String;

use crate::challenge::Challenge;
use crate::error::{ErrorCode, ServerError};
use crate::http::{Headers, Response};

/// What the server has against the proof, if anything: [`ErrorCode::UseDpopNonce`] or [`ErrorCode::InvalidDpopProof`].
/// Either way it did not act on the request.
///
/// An authorization server says so in the body of a 400 (§8), a resource server in the `DPoP` challenge of a 401 (§9).
#[must_use]
pub fn refusal(response: &Response) -> Option<ErrorCode> {
    if !matches!(response.status, 400 | 401) {
        return None;
    }
    let about_proof = |code: &ErrorCode| matches!(code, ErrorCode::UseDpopNonce | ErrorCode::InvalidDpopProof);
    let challenged = challenge_error(&response.headers).filter(about_proof);
    challenged.or_else(|| Some(ServerError::of_response(response).code).filter(about_proof))
}

/// The `error` of the `DPoP` challenge of a resource server (§7.1), if it names one.
#[must_use]
pub fn challenge_error(headers: &Headers) -> Option<ErrorCode> {
    let of_scheme = Challenge::all(headers).into_iter().filter(|challenge| challenge.is("dpop"));
    of_scheme.flat_map(|challenge| challenge.parameter("error").map(ErrorCode::of)).next()
}

/// A nonce that a server wants in the proofs of later requests (RFC 9449 §8). It belongs to the origin that sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerNonce(String);

impl ServerNonce {
    /// The most that is taken, in bytes: servers have been seen to put a whole JWT in it.
    const MAX_LENGTH: usize = 2048;

    /// Takes a nonce of the characters that one has (§8.1: `1*NQCHAR`).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let characters = text.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e));
        ((1..=Self::MAX_LENGTH).contains(&text.len()) && characters).then(|| Self(text.to_owned()))
    }

    /// The nonce of an answer of any status (`DPoP-Nonce`); `None` when there is none, or more than one.
    #[must_use]
    pub fn of(headers: &Headers) -> Option<Self> {
        let mut values = headers.get_all("dpop-nonce");
        match (values.next(), values.next()) {
            (Some(value), None) => Self::parse(value),
            (_, _) => None,
        }
    }

    /// The nonce as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::vec;

    use super::*;
    use crate::fixtures;

    fn challenge(status: u16, field: &str) -> Option<ErrorCode> {
        let headers = Headers::from_iter([("WWW-Authenticate", field)]);
        refusal(&Response { status, headers, body: vec![] })
    }

    #[test]
    fn a_challenge_is_found_among_others_wherever_it_stands() {
        for field in [
            r#"DPoP error="use_dpop_nonce", error_description="Resource server requires nonce in DPoP proof""#,
            r#"dpop algs="ES256 PS256", error="use_dpop_nonce""#,
            r#"Bearer, DPoP error=use_dpop_nonce"#,
            r#"Bearer realm="a, DPoP \" error=", error="invalid_token", DPoP algs="ES256",error = "use_dpop_nonce""#,
            r#"Negotiate YWJj==, DPoP error="use_dpop_nonce""#,
        ] {
            assert_eq!(challenge(401, field), Some(ErrorCode::UseDpopNonce), "{field}");
        }
        assert_eq!(challenge(401, r#"DPoP error="invalid_dpop_proof""#), Some(ErrorCode::InvalidDpopProof));
    }

    #[test]
    fn what_another_scheme_says_and_what_is_quoted_is_no_challenge() {
        for field in [
            "",
            "DPoP",
            r#"DPoP algs="ES256""#,
            r#"DPoP error="invalid_token""#,
            r#"Bearer error="use_dpop_nonce""#,
            r#"DPoP algs="ES256", Bearer error="use_dpop_nonce""#,
            r#"Bearer realm="x, DPoP error=use_dpop_nonce""#,
            r#"DPoP x="error=use_dpop_nonce"#,
        ] {
            assert_eq!(challenge(401, field), None, "{field}");
        }
        assert_eq!(challenge(403, r#"DPoP error="use_dpop_nonce""#), None);
    }

    #[test]
    fn the_body_of_a_token_response_says_so_too() {
        let body = r#"{"error":"use_dpop_nonce","error_description":"Authorization server requires nonce"}"#;
        let of = |status| refusal(&fixtures::response(status, "application/json", body));
        assert_eq!((of(400), of(401)), (Some(ErrorCode::UseDpopNonce), Some(ErrorCode::UseDpopNonce)));
        assert_eq!((of(200), of(500)), (None, None));
        assert_eq!(refusal(&fixtures::response(400, "application/json", r#"{"error":"invalid_grant"}"#)), None);
    }

    #[test]
    fn a_nonce_is_taken_when_there_is_one_that_can_stand_in_json_as_it_is() {
        let of = |values: &[&str]| ServerNonce::of(&values.iter().map(|value| ("dpop-nonce", *value)).collect());
        assert_eq!(of(&["eyJ7S_zG.eyJH0-Z"]).unwrap().as_str(), "eyJ7S_zG.eyJH0-Z");
        assert_eq!(of(&[]), None);
        assert_eq!(of(&["one", "two"]), None);
        let long = "n".repeat(ServerNonce::MAX_LENGTH + 1);
        for wrong in ["", "a b", "a\"b", "a\\b", "a\u{7f}", "ä", &long] {
            assert_eq!(of(&[wrong]), None, "{wrong}");
        }
        assert!(of(&[&format!("{}n", &long[2..])]).is_some());
    }
}
