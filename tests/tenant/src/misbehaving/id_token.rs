//! ID tokens, made as they should be, but for what a behaviour says.

use base64ct::{Base64UrlUnpadded, Encoding};
use ring::digest::{self, digest};
use serde_json::{Map, Value, json};

use super::{
    behaviour::{Edit, IdToken, Signature},
    keys::{self, Key},
    template::{TemplateError, expand, expand_members, now},
};

/// What an ID token tells, besides the time.
pub(super) struct Subject<'a> {
    pub(super) issuer: &'a str,
    pub(super) client_id: &'a str,
    /// Of a login only.
    pub(super) nonce: Option<&'a str>,
    pub(super) auth_time: i64,
    pub(super) access_token: &'a str,
}

/// Makes a token (OpenID Connect Core §2, RFC 7515 §3.1). `variable` knows the names in templates.
pub(super) fn make(
    deviation: &IdToken,
    subject: &Subject<'_>,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<String, TemplateError> {
    let kid = deviation.key.as_deref().unwrap_or("rsa-1");
    let key = keys::find(kid).ok_or_else(|| TemplateError(kid.to_owned()))?;
    let algorithm = deviation.algorithm.as_deref().unwrap_or(key.usual_algorithm());
    let hash = access_token_hash(algorithm, subject.access_token);
    let variable = |name: &str| match name {
        "at_hash" => Some(hash.clone()),
        // Of other keys as well, for headers that bring one along.
        name => match name.strip_prefix("jwk:") {
            Some(other) => keys::find(other).map(|key| key.jwk(other).to_string()),
            None => variable(name),
        },
    };
    let mut header = json!({ "alg": algorithm, "typ": "JWT", "kid": kid });
    let mut claims = json!({
        "iss": subject.issuer, "sub": "ada", "aud": subject.client_id, "exp": now() + 300, "iat": now(),
        "auth_time": subject.auth_time, "at_hash": hash, "name": "Ada Lovelace",
    });
    if let Some(nonce) = subject.nonce {
        claims["nonce"] = nonce.into();
    }
    let mut payload = edited(claims, &deviation.claims, &variable)?;
    let signer = Signer { key, algorithm, deviation, client_id: subject.client_id };
    if deviation.nested {
        let inner = edited(header.clone(), &Edit::default(), &variable)?;
        payload = signer.compact(&inner, &payload, None, &variable)?;
        header["cty"] = "JWT".into();
    }
    let header = edited(header, &deviation.header, &variable)?;
    signer.compact(&header, &payload, deviation.compact.as_deref(), &variable)
}

/// `at_hash` (OpenID Connect Core §3.1.3.6): the left half of a hash that is as long as the algorithm says.
fn access_token_hash(algorithm: &str, access_token: &str) -> String {
    let function = match algorithm {
        name if name.ends_with("384") => &digest::SHA384,
        name if name.ends_with("512") || name == "EdDSA" => &digest::SHA512,
        _ => &digest::SHA256,
    };
    let hash = digest(function, access_token.as_bytes());
    Base64UrlUnpadded::encode_string(&hash.as_ref()[..hash.as_ref().len() / 2])
}

/// The text of an object after what is done to it.
pub(super) fn edited(
    object: Value,
    edit: &Edit,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<String, TemplateError> {
    if let Some(raw) = &edit.raw {
        return expand(raw, variable);
    }
    let mut members: Map<String, Value> = match object {
        Value::Object(members) => members,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
    };
    members.extend(expand_members(&edit.set, variable)?);
    members.retain(|name, _| !edit.remove.contains(name));
    let text = Value::Object(members).to_string();
    let inside = text[1..text.len() - 1].to_owned();
    let raw = |text: &Option<String>| text.as_deref().map(|text| expand(text, variable)).transpose();
    let parts = [raw(&edit.prepend)?, Some(inside), raw(&edit.append)?];
    let parts: Vec<String> = parts.into_iter().flatten().filter(|part| !part.is_empty()).collect();
    Ok(format!("{{{}}}", parts.join(",")))
}

struct Signer<'a> {
    key: &'static Key,
    algorithm: &'a str,
    deviation: &'a IdToken,
    client_id: &'a str,
}

impl Signer<'_> {
    fn compact(
        &self,
        header: &str,
        payload: &str,
        template: Option<&str>,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<String, TemplateError> {
        let base64url = |text: &str| Base64UrlUnpadded::encode_string(text.as_bytes());
        let (header, payload) = (base64url(header), base64url(payload));
        let signed = if self.deviation.signature == Signature::OfOtherClaims {
            format!("{header}.{}", base64url(r#"{"sub":"somebody else"}"#))
        } else {
            format!("{header}.{payload}")
        };
        let signature = self.sign(signed.as_bytes()).ok_or_else(|| TemplateError(self.algorithm.to_owned()))?;
        let signature = self.encoded(signature);
        let variable = |name: &str| match name {
            "header" => Some(header.clone()),
            "payload" => Some(payload.clone()),
            "signature" => Some(signature.clone()),
            name => variable(name),
        };
        expand(template.unwrap_or("${header}.${payload}.${signature}"), &variable)
    }

    fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        match self.deviation.secret {
            Some(secret) => self.key.hmac(secret, self.client_id, message),
            None => self.key.sign(self.algorithm, message),
        }
    }

    fn encoded(&self, mut signature: Vec<u8>) -> String {
        let right = Base64UrlUnpadded::encode_string(&signature);
        match self.deviation.signature {
            Signature::Right | Signature::OfOtherClaims => return right,
            Signature::Empty => signature.clear(),
            Signature::Zeros => signature.fill(0),
            Signature::Flipped => {
                if let Some(byte) = signature.last_mut() {
                    *byte ^= 1;
                }
            }
            Signature::Short => drop(signature.pop()),
            Signature::Long => signature.push(0),
            Signature::Der => signature = keys::der_of_ecdsa(&signature),
            Signature::NonCanonical => return with_unused_bits_set(right),
            Signature::Padded => return format!("{right}=="),
            Signature::LineBreak => return format!("{}\n{}", &right[..20], &right[20..]),
        }
        Base64UrlUnpadded::encode_string(&signature)
    }
}

/// Signatures of 64 and 256 bytes leave four bits of the last character unused; the next character sets one.
fn with_unused_bits_set(mut encoded: String) -> String {
    if let Some(last) = encoded.pop() {
        encoded.push(char::from(last as u8 + 1));
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject() -> Subject<'static> {
        Subject { issuer: "http://i", client_id: "app", nonce: Some("n"), auth_time: 1, access_token: "at-1" }
    }

    fn made(deviation: &str) -> String {
        let deviation: IdToken = serde_json::from_str(deviation).unwrap();
        make(&deviation, &subject(), &|name| (name == "issuer").then(|| "http://i".to_owned())).unwrap()
    }

    fn part(token: &str, number: usize) -> String {
        let part = token.split('.').nth(number).unwrap();
        String::from_utf8(Base64UrlUnpadded::decode_vec(part).unwrap()).unwrap()
    }

    #[test]
    fn token_without_deviation_says_what_it_has_to() {
        let token = made("{}");
        let header: Value = serde_json::from_str(&part(&token, 0)).unwrap();
        assert_eq!(header, json!({ "alg": "RS256", "typ": "JWT", "kid": "rsa-1" }));
        let claims: Value = serde_json::from_str(&part(&token, 1)).unwrap();
        assert_eq!(
            (&claims["aud"], &claims["nonce"], &claims["iss"]),
            (&json!("app"), &json!("n"), &json!("http://i"))
        );
    }

    #[test]
    fn members_are_set_left_out_and_written_twice_as_told() {
        let token = made(
            r#"{"claims": {"set": {"aud": "${issuer}", "exp": "${now+5}"}, "remove": ["nonce"], "prepend": "\"sub\":1", "append": "\"sub\":2"}}"#,
        );
        let claims = part(&token, 1);
        assert!(claims.starts_with(r#"{"sub":1,"#) && claims.ends_with(r#","sub":2}"#), "{claims}");
        assert!(claims.contains(r#""aud":"http://i""#) && !claims.contains("nonce"), "{claims}");
    }

    #[test]
    fn signature_and_form_are_bent_as_told() {
        let count = |token: &str| token.split('.').count();
        assert_eq!(count(&made(r#"{"compact": "${header}.${payload}.${signature}.x"}"#)), 4);
        assert!(made(r#"{"algorithm": "none"}"#).ends_with('.'));
        let zeros = made(r#"{"key": "p256-1", "signature": "zeros"}"#);
        assert!(zeros.ends_with(&"A".repeat(86)));
        let right = made("{}");
        let bent = made(r#"{"signature": "non_canonical"}"#);
        assert!(Base64UrlUnpadded::decode_vec(bent.rsplit('.').next().unwrap()).is_err());
        assert_eq!(right.len(), bent.len());
        let nested = part(&made(r#"{"nested": true}"#), 1);
        assert_eq!(count(&nested), 3);
    }
}
