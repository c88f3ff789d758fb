//! ID tokens.

use std::sync::LazyLock;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hallpass_core::protocol::id_token::{self, Claims, Expectations};
use hallpass_core::protocol::jwk::KeySet;
use hallpass_core::protocol::secret::{Nonce, RawIdToken};
use hallpass_core::protocol::time::Timestamp;
use ring::signature::{Ed25519KeyPair, KeyPair};

use super::responses::{ISSUER, client};

const NONCE: [u8; 32] = [7; 32];
const NOW: Timestamp = Timestamp::from_unix_seconds(1_767_225_600);
const LEEWAY: Duration = Duration::from_secs(60);

static KEY: LazyLock<Ed25519KeyPair> = LazyLock::new(|| Ed25519KeyPair::from_seed_unchecked(&[9; 32]).unwrap());
static KEYS: LazyLock<KeySet> = LazyLock::new(|| {
    let public = base64url(KEY.public_key().as_ref());
    let json = format!(r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","kid":"one","x":"{public}"}}]}}"#);
    KeySet::parse(json.as_bytes()).unwrap()
});

/// A token that is believed is signed, by the issuer, for this client and this login, and not over.
///
/// With a line break in it, the input is a header and a payload, which are signed; else it is the token as it came.
/// `{nonce}` stands for the login's.
pub(crate) fn run(data: &[u8]) {
    let nonce = Nonce::from_entropy(NONCE);
    let Ok(text) = std::str::from_utf8(data) else { return };
    let text = text.replace("{nonce}", nonce.expose());
    let (token, is_signed) = match text.split_once('\n') {
        Some((header, payload)) => (signed(header, payload), true),
        None => (text, false),
    };
    let client = client();
    let expectations = Expectations {
        issuer: &client.issuer,
        client_id: &client.client_id,
        nonce: Some(&nonce),
        access_token: None,
        max_age: None,
        organization: None,
        algorithms: &[],
        now: NOW,
        leeway: LEEWAY,
    };
    let token = RawIdToken::new(token);
    let Ok(claims) = id_token::validate(&token, &KEYS, &expectations) else { return };
    assert!(is_signed, "a token was believed that nobody signed");
    assert_eq!(claims.iss(), ISSUER);
    assert!(claims.aud().any(|audience| audience == "client-1"));
    assert_eq!(claims.nonce(), Some(nonce.expose()));
    assert!(!claims.sub().is_empty());
    assert!(claims.exp() > NOW.saturating_sub(LEEWAY) && claims.iat() <= NOW.saturating_add(LEEWAY));
    let json: serde_json::Value = serde_json::from_str(claims.json()).unwrap();
    assert_eq!(json["sub"], claims.sub());
    // Stored and read again, and renewed by itself, it is about the same user.
    let stored = serde_json::to_string(&claims).unwrap();
    assert_eq!(serde_json::from_str::<Claims>(&stored).unwrap(), claims);
    assert_eq!(id_token::contradicts(&token, &claims, &client.client_id), None);
    assert_eq!(id_token::validate_refreshed(&token, &KEYS, &expectations, &claims).unwrap(), claims);
}

fn signed(header: &str, payload: &str) -> String {
    let signing_input = format!("{}.{}", base64url(header.as_bytes()), base64url(payload.as_bytes()));
    let signature = base64url(KEY.sign(signing_input.as_bytes()).as_ref());
    format!("{signing_input}.{signature}")
}

pub(crate) fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
