//! What a server says about a proof: that it is wrong, or that it wants its nonce in it (RFC 9449 §5, §7.1, §8, §9).

use alloc::borrow::ToOwned;
use alloc::string::String;

use crate::error::{ErrorCode, ServerError};
use crate::http::Response;

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
    let challenged = response.headers.get_all("www-authenticate").find_map(challenged_error);
    challenged.filter(about_proof).or_else(|| Some(ServerError::of_response(response).code).filter(about_proof))
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
    pub fn of_response(response: &Response) -> Option<Self> {
        let mut values = response.headers.get_all("dpop-nonce");
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

/// The `error` of the `DPoP` challenge in a `WWW-Authenticate` field, which may hold several challenges (RFC 9110
/// §11.6.1): words and `name=value` pairs between commas, where a word of its own begins a challenge.
fn challenged_error(field: &str) -> Option<ErrorCode> {
    let mut in_dpop = false;
    for element in elements(field) {
        // A new challenge has its scheme and its first parameter in one element, with spaces between.
        let (scheme, parameter) = match element.find([' ', '\t', '=', '"']) {
            Some(end) if matches!(element.as_bytes()[end], b' ' | b'\t') => {
                let rest = element[end..].trim_start();
                if rest.starts_with('=') { (None, element) } else { (Some(&element[..end]), rest) }
            }
            Some(_) => (None, element),
            None => (Some(element), ""),
        };
        if let Some(scheme) = scheme {
            in_dpop = scheme.eq_ignore_ascii_case("dpop");
        }
        if in_dpop
            && let Some((name, value)) = parameter.split_once('=')
            && name.trim().eq_ignore_ascii_case("error")
        {
            return Some(ErrorCode::of(value.trim().trim_matches('"')));
        }
    }
    None
}

/// What stands between the commas of a field's value, those inside quotes not counted.
fn elements(field: &str) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    field
        .split(move |character| {
            let separates = character == ',' && !quoted;
            quoted ^= character == '"' && !escaped;
            escaped = quoted && character == '\\' && !escaped;
            separates
        })
        .map(str::trim)
        .filter(|element| !element.is_empty())
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::vec;

    use super::*;
    use crate::fixtures;
    use crate::http::Headers;

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
        let of = |values: &[&str]| {
            let headers = values.iter().map(|value| ("dpop-nonce", *value)).collect();
            ServerNonce::of_response(&Response { status: 200, headers, body: vec![] })
        };
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
