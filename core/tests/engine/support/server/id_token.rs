//! ID tokens, as they are and as they should not be, and the keys that sign them.

use serde_json::{Value, json};

use super::super::keys::{SigningKey, encrypted, hs256, signed};
use super::{CLIENT_ID, ISSUER, merged};

/// What is wrong with the ID token of a renewal. The access token and the refresh token beside it are good.
#[derive(Debug, Clone)]
pub(crate) enum OddIdToken {
    /// Nothing.
    Usual,
    /// These claims replace or, when null, remove those that it should have.
    Claims(Value),
    /// The same for its header.
    Header(Value),
    /// Signed with a secret that a native app does not have.
    Hs256,
    /// Encrypted: five parts.
    Encrypted,
    /// 64 KiB of groups.
    Huge,
    /// A claim that stands there twice.
    DoubledClaim,
    /// No JWT.
    NotAJwt,
    /// Signed by a key that no set ever had, under the name of one that is there.
    SignedByAnother,
}

/// The keys that the server signs with.
pub(super) struct Keys {
    /// What the key set holds; the first one signs.
    present: Vec<(String, SigningKey)>,
    /// What the header of a token says, where that is not the name of the key that signs.
    stated: Option<String>,
    made: usize,
}

impl Keys {
    pub(super) fn new() -> Self {
        let mut keys = Self { present: Vec::new(), stated: None, made: 0 };
        keys.present = vec![keys.another(SigningKey::es256())];
        keys
    }

    fn another(&mut self, key: SigningKey) -> (String, SigningKey) {
        self.made += 1;
        (format!("key-{}", self.made), key)
    }

    /// A new key in the place of all others.
    pub(super) fn roll(&mut self, key: SigningKey) {
        self.present = vec![self.another(key)];
    }

    /// A new key under the name of the one that signed so far.
    pub(super) fn replace(&mut self) {
        self.present[0].1 = SigningKey::es256();
    }

    /// A new key that signs, beside the old one, whose name the tokens go on to state.
    pub(super) fn roll_and_state_the_old_name(&mut self) {
        self.stated = Some(self.present[0].0.clone());
        let next = self.another(SigningKey::es256());
        self.present.insert(0, next);
    }

    pub(super) fn key_set(&self) -> Value {
        let keys: Vec<Value> = self.present.iter().map(|(kid, key)| key.public_jwk(kid)).collect();
        json!({ "keys": keys })
    }

    /// What the metadata says of signatures.
    pub(super) fn algorithms(&self) -> Value {
        json!([self.present[0].1.algorithm()])
    }

    pub(super) fn id_token(&self, claims: Value, odd: &OddIdToken) -> String {
        let (kid, key) = &self.present[0];
        let kid = self.stated.as_ref().unwrap_or(kid);
        let header = json!({ "alg": key.algorithm(), "kid": kid, "typ": "JWT" });
        match odd {
            OddIdToken::Usual => signed(&header, &claims.to_string(), key),
            OddIdToken::Claims(changes) => signed(&header, &merged(claims, changes).to_string(), key),
            OddIdToken::Header(changes) => signed(&merged(header, changes), &claims.to_string(), key),
            OddIdToken::Hs256 => hs256(kid, &claims.to_string(), CLIENT_ID),
            OddIdToken::Encrypted => encrypted(),
            OddIdToken::Huge => {
                let groups: Vec<String> = (0..2_048).map(|number| format!("group-{number:026}")).collect();
                signed(&header, &merged(claims, &json!({ "groups": groups })).to_string(), key)
            }
            OddIdToken::DoubledClaim => {
                let claims = claims.to_string();
                signed(&header, &format!("{{\"name\":\"another name\",{}", &claims[1..]), key)
            }
            OddIdToken::NotAJwt => "eyJub3QiOiJhIHRva2VuIn0".to_owned(),
            OddIdToken::SignedByAnother => signed(&header, &claims.to_string(), &SigningKey::es256()),
        }
    }
}

/// What an ID token says.
pub(super) fn claims(user: &str, nonce: &str, signed_in_at: i64, now: i64) -> Value {
    json!({
        "iss": ISSUER, "sub": user, "aud": CLIENT_ID, "iat": now, "exp": now + 3_600, "auth_time": signed_in_at,
        "nonce": (!nonce.is_empty()).then_some(nonce),
        "name": format!("{user} of the test"),
    })
}
