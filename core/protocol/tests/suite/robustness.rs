//! Hostile input: valid documents, damaged in many ways that are the same in every run. Nothing panics, and nothing
//! that was signed or bound to a login is accepted after it was changed.

use std::time::Duration;

use hallpass_protocol::authorize::{self, AuthorizationParameters, LoginEntropy, PendingLogin};
use hallpass_protocol::callback::Callback;
use hallpass_protocol::client::{Client, ClientId, Dialect, Issuer, Loopback, RedirectUri};
use hallpass_protocol::discovery::{self, ProviderMetadata};
use hallpass_protocol::error::ServerError;
use hallpass_protocol::http::{Headers, Response};
use hallpass_protocol::id_token::{contradicts, validate};
use hallpass_protocol::jwk::KeySet;
use hallpass_protocol::jws::Algorithm;
use hallpass_protocol::scope::Scope;
use hallpass_protocol::secret::RawIdToken;
use hallpass_protocol::time::Timestamp;
use hallpass_protocol::token::{TokenResponse, TokenType};
use hallpass_protocol::{token, userinfo};
use serde_json::json;

use crate::id_token::{Login, claims};
use crate::signer::Signer;

const ROUNDS: usize = 20_000;

/// SplitMix64 (Steele, Lea, Flood 2014): small, and the same everywhere.
struct Generator(u64);

impl Generator {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound.max(1) as u64).unwrap()
    }

    /// The input with one to three places damaged.
    fn damage(&mut self, input: &[u8]) -> Vec<u8> {
        const PIECES: [&[u8]; 24] = [
            b"\"",
            b"\\",
            b"\\u0000",
            b"\\ud800",
            b"{",
            b"}",
            b"[",
            b"]",
            b",",
            b":",
            b"null",
            b"1e999",
            b"-0.0",
            b"99999999999999999999",
            b"\x00",
            b"\xff",
            b"\xc3",
            b"%",
            b"%zz",
            b"&",
            b"=",
            b".",
            b"#",
            b"://",
        ];
        let mut bytes = input.to_vec();
        for _ in 0..=self.below(3) {
            let place = self.below(bytes.len() + 1);
            let end = (place + self.below(8)).min(bytes.len());
            match self.below(6) {
                0 => bytes.truncate(place),
                1 => drop(bytes.drain(place..end)),
                2 => drop(bytes.splice(place..place, PIECES[self.below(PIECES.len())].iter().copied())),
                3 => {
                    let copy = bytes[place..end].to_vec();
                    let target = self.below(bytes.len() + 1);
                    drop(bytes.splice(target..target, copy));
                }
                4 if place < bytes.len() => bytes[place] ^= 1 << self.below(8),
                _ if place < bytes.len() => bytes[place] = u8::try_from(self.below(256)).unwrap(),
                _ => {}
            }
        }
        bytes
    }

    fn damage_text(&mut self, input: &str) -> String {
        String::from_utf8_lossy(&self.damage(input.as_bytes())).into_owned()
    }
}

fn response(status: u16, body: Vec<u8>) -> Response {
    Response { status, headers: Headers::from_iter([("content-type", "application/json")]), body }
}

fn client() -> Client {
    Client {
        client_id: ClientId::parse("client-1").unwrap(),
        issuer: Issuer::parse("https://op.example/", Loopback::RequireHttps).unwrap(),
        dialect: Dialect::Auth0,
        telemetry: None,
    }
}

fn started(redirect_uri: &str) -> (ProviderMetadata, PendingLogin) {
    let provider = ProviderMetadata::of_dialect(&client()).unwrap();
    let entropy = LoginEntropy { state: [1; 32], nonce: [2; 32], code_verifier: [3; 32] };
    let (_, pending) = authorize::start(
        &client(),
        &provider,
        &AuthorizationParameters::default(),
        RedirectUri::parse(redirect_uri).unwrap(),
        entropy,
        Timestamp::from_unix_seconds(0),
        Duration::from_secs(60),
    )
    .unwrap();
    (provider, pending)
}

#[test]
fn a_damaged_callback_is_accepted_only_with_its_state_at_its_place() {
    let redirect = "com.example.app://tenant.eu.auth0.com/callback";
    let (provider, pending) = started(redirect);
    let state = pending.state().expose();
    let url = format!("{redirect}?code=abc%20def&state={state}&iss=https%3A%2F%2Fop.example%2F&scope=a+b");
    let mut generator = Generator(1);
    let mut accepted = 0;
    for _ in 0..ROUNDS {
        let damaged = generator.damage_text(&url);
        let Ok(callback) = Callback::parse(&damaged) else { continue };
        let state_came = callback.state().is_some_and(|came| came.same(state));
        if callback.finish(&pending, &provider, Timestamp::from_unix_seconds(1)).is_ok() {
            assert!(state_came, "{damaged}");
            assert!(damaged.to_ascii_lowercase().starts_with("com.example.app:"), "{damaged}");
            accepted += 1;
        }
    }
    // Damage in the code or in an unknown parameter is nothing that the callback can show.
    assert!((1..ROUNDS / 2).contains(&accepted), "{accepted}");
}

#[test]
fn a_changed_id_token_is_never_accepted() {
    for algorithm in [Algorithm::EdDsa, Algorithm::Rs256] {
        let login = Login::new(algorithm);
        let token = login.sign(&claims());
        let previous = validate(&token, &login.keys, &login.expectations()).unwrap();
        let mut generator = Generator(2);
        for _ in 0..ROUNDS / 4 {
            let damaged = generator.damage_text(token.expose());
            let unchanged = damaged == token.expose();
            let damaged = RawIdToken::new(damaged);
            let outcome = validate(&damaged, &login.keys, &login.expectations());
            assert_eq!(outcome.is_ok(), unchanged, "{}", damaged.expose());
            let contradiction = contradicts(&damaged, &previous, &login.client_id);
            assert!(!unchanged || contradiction.is_none());
        }
    }
}

#[test]
fn signed_claims_that_are_damaged_are_judged_without_a_panic() {
    let login = Login::new(Algorithm::EdDsa);
    let payload = claims().to_string();
    let header = login.header().to_string();
    let mut generator = Generator(3);
    for _ in 0..ROUNDS / 4 {
        let (header, payload) = match generator.below(3) {
            0 => (generator.damage_text(&header), payload.clone()),
            _ => (header.clone(), generator.damage_text(&payload)),
        };
        let token = RawIdToken::new(login.signer.token(&header, &payload));
        if let Ok(claims) = validate(&token, &login.keys, &login.expectations()) {
            assert_eq!((claims.iss(), claims.nonce()), ("https://op.example/", Some("nonce-1")));
            assert!(claims.aud().any(|audience| audience == "client-1") && !claims.sub().is_empty());
        }
    }
}

#[test]
fn damaged_metadata_never_names_another_issuer_or_an_insecure_endpoint() {
    let document = json!({
        "issuer": "https://op.example/",
        "authorization_endpoint": "https://op.example/authorize",
        "token_endpoint": "https://op.example/token",
        "jwks_uri": "https://op.example/jwks",
        "end_session_endpoint": "https://op.example/logout",
        "response_types_supported": ["code"],
        "code_challenge_methods_supported": ["S256"],
        "id_token_signing_alg_values_supported": ["RS256"],
    })
    .to_string();
    let mut generator = Generator(4);
    for _ in 0..ROUNDS {
        let response = response(200, generator.damage(document.as_bytes()));
        if let Ok(provider) = discovery::parse(&response, &client(), Loopback::RequireHttps) {
            assert_eq!(provider.issuer, client().issuer);
            for url in [&provider.authorization_endpoint, &provider.token_endpoint, &provider.jwks_uri] {
                assert_eq!(url.scheme(), "https");
            }
        }
    }
}

#[test]
fn a_damaged_token_response_never_gives_a_token_that_breaks_a_header() {
    let body = json!({
        "access_token": "access-token-1",
        "refresh_token": "refresh-token-1",
        "id_token": "e30.e30.e30",
        "scope": "openid profile",
        "expires_in": 3600,
        "token_type": "Bearer",
    })
    .to_string();
    let mut generator = Generator(5);
    let (mut accepted, mut salvaged) = (0, 0);
    for _ in 0..ROUNDS {
        let response = response(200, generator.damage(body.as_bytes()));
        let outcome = token::parse(&response, TokenType::Bearer);
        if let Some(token) = token::salvage(&response) {
            assert!(!token.expose().is_empty() && token.expose().bytes().all(|byte| matches!(byte, 0x20..=0x7e)));
            salvaged += usize::from(outcome.is_err());
            // Both read the same token where both read one; only `parse` takes one outside RFC 6749's grammar.
            if let Ok(TokenResponse { refresh_token: Some(parsed), .. }) = &outcome {
                assert_eq!(parsed.expose(), token.expose());
            }
        }
        if let Ok(tokens) = outcome {
            let token = tokens.access_token.expose();
            assert!(!token.is_empty() && token.bytes().all(|byte| matches!(byte, 0x20..=0x7e)), "{token:?}");
            assert!(tokens.lifetime.is_none_or(|lifetime| lifetime <= token::MAX_LIFETIME));
            accepted += 1;
        }
    }
    assert!((1..ROUNDS).contains(&accepted));
    assert!(salvaged > 0);
}

#[test]
fn a_damaged_refusal_is_invalid_grant_only_when_it_says_so() {
    let bodies = [
        r#"{"error":"invalid_grant","error_description":"Unknown or invalid refresh token."}"#,
        r#"{"code":"invalid_grant","description":{"rules":[1]},"name":"E","statusCode":400}"#,
    ];
    let mut generator = Generator(6);
    for round in 0..ROUNDS {
        let damaged = generator.damage(bodies[round % 2].as_bytes());
        let error = ServerError::of_response(&response(400, damaged.clone()));
        if error.is_invalid_grant() {
            // As a whole text, in the member that is read; a number that no reader can hold beside it changes nothing.
            let text = String::from_utf8_lossy(&damaged);
            let says_so = |member: &str| text.contains(&format!(r#""{member}":"invalid_grant""#));
            assert!(says_so("error") || says_so("code"), "{text}");
        }
        assert!(error.words.description().is_none_or(|text| text.chars().count() <= 200 * 10));
    }
}

#[test]
fn damaged_key_sets_and_profiles_and_settings_are_read_without_a_panic() {
    let keys: Vec<_> = Algorithm::ALL.map(|algorithm| Signer::new(algorithm).named_jwk("key-1")).into();
    let keys = json!({ "keys": keys }).to_string();
    let user =
        json!({ "sub": "u1", "name": "Ada", "updated_at": "2024-02-29T12:34:56.789Z", "address": { "country": "x" } });
    let user = user.to_string();
    let mut generator = Generator(7);
    for _ in 0..ROUNDS / 4 {
        if let Ok(keys) = KeySet::parse(&generator.damage(keys.as_bytes())) {
            assert!(keys.len() > 0);
        }
        if let Ok(user) = userinfo::parse(&response(200, generator.damage(user.as_bytes())), "u1") {
            assert_eq!(user.sub(), "u1");
            let _ = user.profile().updated_at();
        }
        let issuer = generator.damage_text("https://tenant.eu.auth0.com/");
        if let Ok(issuer) = Issuer::parse(&issuer, Loopback::AllowHttp) {
            assert!(Loopback::AllowHttp.permits(issuer.url()));
        }
        for redirect in ["http://127.0.0.1:0/callback", "http://[::1]/callback", "com.example.app://host/callback"] {
            let redirect = generator.damage_text(redirect);
            if let Ok(uri) = RedirectUri::parse(&redirect) {
                assert_eq!(uri.as_str(), redirect);
                if let Ok(with_port) = uri.with_port(5000) {
                    assert_eq!((with_port.url().port(), with_port.url().path()), (Some(5000), uri.url().path()));
                    assert_eq!(with_port.url().host(), uri.url().host());
                }
            }
        }
        let _ = Scope::parse(&generator.damage_text("openid profile read:reports"));
        let _ = ClientId::parse(&generator.damage_text("aBcD1234"));
    }
}
