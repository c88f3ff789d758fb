//! The server's half of proof of possession (RFC 9449 §4.3, §7.1, §8, §9), written apart from the client's.

use std::collections::{BTreeMap, BTreeSet};

use base64ct::{Base64UrlUnpadded, Encoding};
use hallpass_core::protocol::http::Request;
use ring::digest::{SHA256, digest};
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use serde_json::Value;

/// How old a proof may be, or how far ahead, in seconds.
const WINDOW: i64 = 60;

/// What servers remember of proofs.
#[derive(Default)]
pub(crate) struct Proofs {
    used: BTreeSet<String>,
    /// By origin: the nonce that proofs sent there have to state.
    pub(crate) nonces: BTreeMap<String, String>,
    pub(crate) accepted: Vec<Proof>,
}

/// A proof that was accepted.
#[derive(Debug, Clone)]
pub(crate) struct Proof {
    pub(crate) origin: String,
    pub(crate) jkt: String,
    pub(crate) claims: Value,
}

impl Proofs {
    /// Checks the proof of a request; `None` when there is none. `access_token` is what the proof has to be for.
    pub(crate) fn check(
        &mut self,
        request: &Request,
        access_token: Option<&str>,
        now: i64,
    ) -> Option<Result<Proof, &'static str>> {
        let mut fields = request.headers.get_all("dpop");
        let proof = fields.next()?;
        assert!(fields.next().is_none(), "two proofs on one request");
        Some(self.judge(proof, request, access_token, now))
    }

    fn judge(
        &mut self,
        proof: &str,
        request: &Request,
        access_token: Option<&str>,
        now: i64,
    ) -> Result<Proof, &'static str> {
        const INVALID: &str = "invalid_dpop_proof";
        let (signing_input, signature) = proof.rsplit_once('.').ok_or(INVALID)?;
        let (header, claims) = signing_input.split_once('.').ok_or(INVALID)?;
        let (header, claims) = (json(header), json(claims));
        let jwk = &header["jwk"];
        let coordinate = |name: &str| Base64UrlUnpadded::decode_vec(jwk[name].as_str().unwrap()).unwrap();
        let point = [vec![4], coordinate("x"), coordinate("y")].concat();
        let signature = Base64UrlUnpadded::decode_vec(signature).unwrap();
        let signed = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
            .verify(signing_input.as_bytes(), &signature)
            .is_ok();
        let (mut url, origin) = (request.url.clone(), request.url.origin().ascii_serialization());
        url.set_query(None);
        let right = signed
            && header["typ"] == "dpop+jwt"
            && header["alg"] == "ES256"
            && jwk.as_object().unwrap().len() == 4
            && claims["htm"] == request.method.as_str()
            && claims["htu"] == url.as_str()
            && claims.get("ath").and_then(Value::as_str) == access_token.map(sha256).as_deref()
            && claims["iat"].as_i64().is_some_and(|issued| (issued - now).abs() <= WINDOW);
        if !right || !self.used.insert(claims["jti"].as_str().unwrap().to_owned()) {
            return Err(INVALID);
        }
        if self.nonces.get(&origin).is_some_and(|wanted| claims["nonce"] != wanted.as_str()) {
            return Err("use_dpop_nonce");
        }
        let (x, y) = (jwk["x"].as_str().unwrap(), jwk["y"].as_str().unwrap());
        let jkt = sha256(&format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#));
        let proof = Proof { origin, jkt, claims };
        self.accepted.push(proof.clone());
        Ok(proof)
    }
}

fn json(part: &str) -> Value {
    serde_json::from_slice(&Base64UrlUnpadded::decode_vec(part).unwrap()).unwrap()
}

fn sha256(text: &str) -> String {
    Base64UrlUnpadded::encode_string(digest(&SHA256, text.as_bytes()).as_ref())
}
