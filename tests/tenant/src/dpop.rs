//! Proof of possession (RFC 9449): the check of a proof, in the order of §4.3, and what goes with a refusal.

use std::collections::HashMap;

use axum::{
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header::WWW_AUTHENTICATE},
    response::Response,
};
use base64ct::{Base64UrlUnpadded, Encoding};
use ring::{
    digest::{SHA256, digest},
    signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey},
};
use serde_json::{Map, Value, json};

use crate::{
    answer::{self, OAuthError},
    clock::Timestamp,
    server::Exchange,
};

/// How far `iat` may be from now, in seconds: what clocks are off, and what a request takes.
const WINDOW_SECONDS: i64 = 60;

/// The proofs that were used, for as long as they could be used again.
#[derive(Default)]
pub(crate) struct UsedProofs(HashMap<String, i64>);

/// What a proof has to fit.
pub(crate) struct ProvenRequest<'a> {
    pub(crate) method: &'a str,
    /// Without its query.
    pub(crate) url: &'a str,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) now: Timestamp,
}

impl<'a> From<&'a Exchange> for ProvenRequest<'a> {
    fn from(exchange: &'a Exchange) -> Self {
        Self { method: &exchange.method, url: &exchange.target, headers: &exchange.headers, now: exchange.now }
    }
}

/// Why a proof is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProofRefusal {
    /// The server wants its nonce in it (§8, §9).
    NonceWanted,
    /// Anything else, for this reason.
    Invalid(&'static str),
}

impl UsedProofs {
    /// Checks the proof of a request and returns the thumbprint of its key; `None` when the request has no proof.
    /// `access_token` is the one that the proof has to be for, `nonce` the one that it has to state.
    pub(crate) fn check(
        &mut self,
        request: &ProvenRequest<'_>,
        access_token: Option<&str>,
        nonce: Option<&str>,
    ) -> Result<Option<String>, ProofRefusal> {
        let mut fields = request.headers.get_all("dpop").iter();
        let (Some(proof), another) = (fields.next(), fields.next()) else { return Ok(None) };
        if another.is_some() {
            return Err(ProofRefusal::Invalid("there are two proofs"));
        }
        let proof = proof.to_str().map_err(|_| ProofRefusal::Invalid("the proof is not a JWT"))?;
        let Proof { jkt, claims } = Proof::read(proof)?;
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        let now = request.now.seconds();
        let issued = claims.get("iat").and_then(Value::as_i64);
        let identifier = text("jti").filter(|identifier| !identifier.is_empty());
        let (Some(identifier), Some(issued)) = (identifier, issued) else {
            return Err(ProofRefusal::Invalid("the proof lacks jti or iat"));
        };
        if text("htm") != Some(request.method) {
            return Err(ProofRefusal::Invalid("the proof is for another method"));
        }
        if text("htu") != Some(request.url) {
            return Err(ProofRefusal::Invalid("the proof is for another URL"));
        }
        if nonce.is_some() && text("nonce") != nonce {
            return Err(ProofRefusal::NonceWanted);
        }
        if (now - issued).abs() > WINDOW_SECONDS {
            return Err(ProofRefusal::Invalid("the proof was made at another time"));
        }
        if text("ath") != access_token.map(sha256).as_deref() {
            return Err(ProofRefusal::Invalid("the proof is for another access token"));
        }
        self.use_up(&format!("{jkt} {identifier}"), issued, request.now)?;
        Ok(Some(jkt))
    }

    /// Checks that an access token is presented as its type wants it (§7.1): one bound to `jkt` with a proof by that key,
    /// any other as a bearer token.
    pub(crate) fn check_presented(
        &mut self,
        exchange: &Exchange,
        presented: &Presented<'_>,
        jkt: Option<&str>,
        nonce: Option<&str>,
    ) -> Result<(), ProofRefusal> {
        match (jkt, presented.scheme) {
            (None, Scheme::Bearer) => Ok(()),
            (None, Scheme::Dpop) => Err(ProofRefusal::Invalid("the token is bound to no key")),
            (Some(_), Scheme::Bearer) => {
                Err(ProofRefusal::Invalid("the token is bound to a key, and came without proof"))
            }
            (Some(jkt), Scheme::Dpop) => match self.check(&exchange.into(), Some(presented.token), nonce)? {
                Some(proved) if proved == jkt => Ok(()),
                Some(_) => Err(ProofRefusal::Invalid("the proof is by another key than the token's")),
                None => Err(ProofRefusal::Invalid("there is no proof")),
            },
        }
    }

    fn use_up(&mut self, proof: &str, issued: i64, now: Timestamp) -> Result<(), ProofRefusal> {
        let oldest = now.seconds() - WINDOW_SECONDS;
        self.0.retain(|_, issued| *issued >= oldest);
        match self.0.insert(proof.to_owned(), issued) {
            None => Ok(()),
            Some(_) => Err(ProofRefusal::Invalid("the proof was used before")),
        }
    }
}

impl ProofRefusal {
    pub(crate) const fn error(self) -> &'static str {
        match self {
            Self::NonceWanted => "use_dpop_nonce",
            Self::Invalid(_) => "invalid_dpop_proof",
        }
    }

    pub(crate) const fn reason(self) -> &'static str {
        match self {
            Self::NonceWanted => "the proof has to state the nonce",
            Self::Invalid(reason) => reason,
        }
    }

    /// The answer of a resource server (§7.1, §9). Always under the right name, since a client has to read it.
    pub(crate) fn challenge(self) -> Response {
        let body = json!({ "error": self.error(), "error_description": self.reason() });
        let mut response = answer::json(StatusCode::UNAUTHORIZED, &body);
        let challenge = match self {
            Self::NonceWanted => "DPoP algs=\"ES256\", error=\"use_dpop_nonce\"",
            Self::Invalid(_) => "DPoP algs=\"ES256\", error=\"invalid_dpop_proof\"",
        };
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        answer::noted(response, self.reason())
    }
}

impl From<ProofRefusal> for OAuthError {
    fn from(refusal: ProofRefusal) -> Self {
        Self::new(refusal.error(), refusal.reason())
    }
}

/// Adds the nonce that the next proof has to state (§8.2).
pub(crate) fn with_nonce(mut response: Response, nonce: Option<&str>) -> Response {
    if let Some(nonce) = nonce.and_then(|nonce| HeaderValue::from_str(nonce).ok()) {
        response.headers_mut().insert(HeaderName::from_static("dpop-nonce"), nonce);
    }
    response
}

/// An access token as it was presented.
pub(crate) struct Presented<'a> {
    pub(crate) scheme: Scheme,
    pub(crate) token: &'a str,
}

/// The scheme of an `Authorization` field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Bearer,
    Dpop,
}

/// A proof whose signature is right.
struct Proof {
    jkt: String,
    claims: Map<String, Value>,
}

impl Proof {
    fn read(proof: &str) -> Result<Self, ProofRefusal> {
        const MALFORMED: ProofRefusal = ProofRefusal::Invalid("the proof is not a JWT");
        let (signed, signature) = proof.rsplit_once('.').ok_or(MALFORMED)?;
        let (header, claims) = signed.split_once('.').ok_or(MALFORMED)?;
        let (header, claims) = (object(header).ok_or(MALFORMED)?, object(claims).ok_or(MALFORMED)?);
        let member = |name: &str| header.get(name).and_then(Value::as_str);
        if (member("typ"), member("alg")) != (Some("dpop+jwt"), Some("ES256")) {
            return Err(ProofRefusal::Invalid("typ is not dpop+jwt, or alg is not ES256"));
        }
        let jwk = header.get("jwk").and_then(Value::as_object).ok_or(ProofRefusal::Invalid("there is no jwk"))?;
        let member = |name: &str| jwk.get(name).and_then(Value::as_str);
        if (member("kty"), member("crv")) != (Some("EC"), Some("P-256")) || jwk.contains_key("d") {
            return Err(ProofRefusal::Invalid("jwk is not a public key on P-256"));
        }
        let (x, y) = (member("x").unwrap_or_default(), member("y").unwrap_or_default());
        let decode = |text: &str| Base64UrlUnpadded::decode_vec(text).map_err(|_| MALFORMED);
        let point = [vec![4], decode(x)?, decode(y)?].concat();
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
            .verify(signed.as_bytes(), &decode(signature)?)
            .map_err(|_| ProofRefusal::Invalid("the signature of the proof is wrong"))?;
        // RFC 7638 §3.2: the required members in lexicographic order.
        let jkt = sha256(&format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#));
        Ok(Self { jkt, claims })
    }
}

fn object(part: &str) -> Option<Map<String, Value>> {
    serde_json::from_slice(&Base64UrlUnpadded::decode_vec(part).ok()?).ok()
}

fn sha256(text: &str) -> String {
    Base64UrlUnpadded::encode_string(digest(&SHA256, text.as_bytes()).as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proof_of_the_specifications_example_is_read_and_its_key_has_the_name_given_there() {
        // RFC 9449 §4.1, figure 1, and §6.1.
        let example = concat!(
            "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0Rs",
            "cEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2",
            "In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuI",
            "iwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3",
            "Lg"
        );
        let proof = Proof::read(example).ok().unwrap();
        assert_eq!(proof.jkt, "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
        assert_eq!(proof.claims["htu"], "https://server.example.com/token");
        let changed = example.replacen("LnRva2VuI", "LnRva2VuJ", 1);
        assert!(Proof::read(&changed[..changed.len() - 2]).is_err());
        assert!(Proof::read(&example.replacen(".2-", ".3-", 1)).is_err());
    }

    #[test]
    fn proof_used_twice_is_refused_until_nobody_would_take_it_any_more() {
        let mut used = UsedProofs::default();
        let at = |seconds: i64| Timestamp::from_milliseconds(seconds * 1_000);
        assert_eq!(used.use_up("a", 100, at(100)), Ok(()));
        assert_eq!(used.use_up("a", 100, at(160)), Err(ProofRefusal::Invalid("the proof was used before")));
        assert_eq!(used.use_up("b", 100, at(160)), Ok(()));
        assert_eq!(used.0.len(), 2);
        assert_eq!(used.use_up("c", 161, at(161)), Ok(()));
        assert_eq!(used.0.len(), 1, "what is too old to be taken is forgotten");
    }
}
