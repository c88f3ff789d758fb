//! Which keys of a key set verify what.

use hallpass_protocol::jwk::{JwkError, KeySet, MAX_KEYS};
use hallpass_protocol::jws::{Algorithm, JwsError, verify};
use serde_json::{Value, json};

use crate::id_token::with;
use crate::signer::{Signer, base64url};

fn parse(keys: &[Value]) -> Result<KeySet, JwkError> {
    KeySet::parse(json!({ "keys": keys }).to_string().as_bytes())
}

/// Whether the key alone can be used.
fn is_usable(key: Value) -> bool {
    match parse(&[key]) {
        Ok(keys) => keys.len() == 1,
        Err(error) => {
            assert_eq!(error, JwkError::NoUsableKey);
            false
        }
    }
}

#[test]
fn a_key_of_every_algorithm_can_be_used() {
    for algorithm in Algorithm::ALL {
        let signer = Signer::new(algorithm);
        assert!(is_usable(signer.jwk()) && is_usable(signer.named_jwk("a")), "{algorithm:?}");
        let keys = parse(&[signer.named_jwk("a")]).unwrap();
        let header = json!({ "alg": algorithm.name(), "kid": "a" }).to_string();
        assert_eq!(verify(&signer.token(&header, "any bytes"), &keys, &[]).unwrap(), b"any bytes");
    }
}

#[test]
fn a_key_for_something_else_is_skipped() {
    let jwk = Signer::new(Algorithm::Es256).jwk();
    for (member, value, usable) in [
        ("use", json!("sig"), true),
        ("use", json!("enc"), false),
        ("use", json!(""), false),
        ("use", json!(1), false),
        ("key_ops", json!(["verify"]), true),
        ("key_ops", json!(["sign", "verify"]), true),
        ("key_ops", json!(["encrypt"]), false),
        ("key_ops", json!([]), false),
        ("alg", json!("ES256"), true),
        ("alg", json!("ES384"), false),
        ("alg", json!("RS256"), false),
        ("alg", json!("ES521"), false),
        ("alg", json!("ECDH-ES"), false),
        ("kid", json!("a"), true),
        ("kid", json!(1), false),
        ("x5c", json!(["MIIB"]), true),
    ] {
        assert_eq!(is_usable(with(&jwk, member, value.clone())), usable, "{member} {value}");
    }
}

#[test]
fn a_key_that_is_secret_or_was_given_away_is_skipped() {
    assert!(!is_usable(json!({ "kty": "oct", "k": "c2VjcmV0", "alg": "HS256" })));
    for (algorithm, member) in
        [(Algorithm::Es256, "d"), (Algorithm::EdDsa, "d"), (Algorithm::Rs256, "p"), (Algorithm::Rs256, "qi")]
    {
        assert!(!is_usable(with(&Signer::new(algorithm).jwk(), member, json!("AQ"))), "{algorithm:?} {member}");
    }
}

#[test]
fn a_key_of_another_kind_or_form_is_skipped() {
    let ec = Signer::new(Algorithm::Es256).jwk();
    let ed = Signer::new(Algorithm::EdDsa).jwk();
    for key in [
        with(&ec, "kty", json!("ec")),
        with(&ec, "kty", json!("OKP")),
        with(&ec, "kty", Value::Null),
        with(&ec, "crv", json!("P-384")),
        with(&ec, "crv", json!("secp256k1")),
        with(&ec, "crv", Value::Null),
        with(&ec, "x", json!(base64url(&[1; 31]))),
        with(&ec, "x", json!(base64url(&[1; 33]))),
        with(&ec, "y", Value::Null),
        with(&ec, "y", json!("not base64url!")),
        with(&ed, "crv", json!("X25519")),
        with(&ed, "crv", json!("Ed448")),
        with(&ed, "x", json!(base64url(&[1; 31]))),
        json!("key"),
        json!({}),
        Value::Null,
    ] {
        assert!(!is_usable(key.clone()), "{key}");
    }
}

#[test]
fn an_rsa_key_is_taken_within_its_bounds() {
    let modulus = |bits: usize| {
        let mut bytes = vec![0; bits.div_ceil(8)];
        bytes[0] = 1 << ((bits - 1) % 8);
        *bytes.last_mut().unwrap() |= 1;
        bytes
    };
    let rsa = |n: &[u8], e: &[u8]| json!({ "kty": "RSA", "n": base64url(n), "e": base64url(e) });
    for (bits, usable) in [(1024, false), (2047, false), (2048, true), (4096, true), (8192, true), (8193, false)] {
        assert_eq!(is_usable(rsa(&modulus(bits), &[1, 0, 1])), usable, "{bits}");
    }
    let n = modulus(2048);
    let most = [1, 0xff, 0xff, 0xff, 0xff];
    for (e, usable) in [
        (&[3][..], true),
        (&most, true),
        (&[1], false),
        (&[2], false),
        (&[0x10], false),
        (&[2, 0, 0, 0, 1], false),
        (&[1, 0, 0, 0, 0, 0, 0, 0, 1], false),
        (&[], false),
        (&[0], false),
    ] {
        assert_eq!(is_usable(rsa(&n, e)), usable, "{e:?}");
    }
    let even: Vec<u8> = [&n[..255], &[2]].concat();
    assert!(!is_usable(rsa(&even, &[3])));
    assert!(!is_usable(rsa(&[], &[3])));
    // Zeros in front neither make a key larger nor spoil it.
    assert!(is_usable(rsa(&[&[0, 0], &n[..]].concat(), &[0, 1, 0, 1])));
    assert!(!is_usable(rsa(&[&[0; 128], &modulus(1024)[..]].concat(), &[3])));
}

#[test]
fn a_key_that_cannot_be_used_does_not_spoil_the_others() {
    let signer = Signer::new(Algorithm::Es256);
    let keys = parse(&[json!({ "kty": "oct", "kid": "a", "k": "AA" }), json!(7), signer.named_jwk("a")]).unwrap();
    assert_eq!(keys.len(), 1);
    assert!(verify(&signer.token(r#"{"alg":"ES256","kid":"a"}"#, ""), &keys, &[]).is_ok());
}

#[test]
fn a_point_off_the_curve_verifies_nothing() {
    let signer = Signer::new(Algorithm::Es256);
    let keys = parse(&[with(&signer.jwk(), "x", json!(base64url(&[1; 32])))]).unwrap();
    assert_eq!(verify(&signer.token(r#"{"alg":"ES256"}"#, ""), &keys, &[]), Err(JwsError::SignatureOfNoKey));
}

#[test]
fn a_set_that_is_none_or_too_large_is_refused() {
    for json in [
        "",
        "[]",
        "{}",
        r#"{"keys":{}}"#,
        r#"{"keys":[],"keys":[]}"#,
        r#"{"keys":[{"kty":"EC","kty":"RSA"}]}"#,
        "\u{feff}{}",
    ] {
        assert_eq!(KeySet::parse(json.as_bytes()).map(|_| ()), Err(JwkError::Malformed), "{json}");
    }
    assert_eq!(parse(&[]).map(|_| ()), Err(JwkError::NoUsableKey));
    let jwk = Signer::new(Algorithm::EdDsa).jwk();
    assert_eq!(parse(&vec![jwk.clone(); MAX_KEYS]).unwrap().len(), MAX_KEYS);
    assert_eq!(parse(&vec![jwk; MAX_KEYS + 1]).map(|_| ()), Err(JwkError::TooManyKeys));
    let large = format!(r#"{{"keys":[],"x":"{}"}}"#, "x".repeat(1024 * 1024));
    assert_eq!(KeySet::parse(large.as_bytes()).map(|_| ()), Err(JwkError::Malformed));
}

#[test]
fn a_set_stored_is_read_as_it_was_and_prints_names_only() {
    let keys = parse(&[Signer::new(Algorithm::EdDsa).named_jwk("b"), Signer::new(Algorithm::Es256).jwk()]).unwrap();
    let read = KeySet::parse(keys.source().as_bytes()).unwrap();
    assert_eq!((read.len(), read.source()), (2, keys.source()));
    assert_eq!(format!("{keys:?}"), r#"["(no kid)", "b"]"#);
}

#[test]
fn every_error_has_its_code() {
    for (error, code) in [
        (JwkError::Status { status: 404 }, "jwks_status"),
        (JwkError::Malformed, "jwks_malformed"),
        (JwkError::TooManyKeys, "jwks_too_many_keys"),
        (JwkError::NoUsableKey, "jwks_no_usable_key"),
    ] {
        assert_eq!(error.code(), code);
        assert!(error.to_string().contains("key set"));
    }
    for (error, code) in [
        (JwsError::TooLarge, "jws_too_large"),
        (JwsError::Malformed, "jws_malformed"),
        (JwsError::Encrypted, "jws_encrypted"),
        (JwsError::Critical, "jws_critical"),
        (JwsError::Algorithm, "jws_algorithm"),
        (JwsError::UnknownKey, "jws_key_unknown"),
        (JwsError::Signature, "jws_signature"),
        (JwsError::SignatureOfNoKey, "jws_signature"),
    ] {
        assert_eq!(error.code(), code);
        assert!(error.to_string().contains("token"));
    }
}
