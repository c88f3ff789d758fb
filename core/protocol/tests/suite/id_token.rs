//! OpenID Connect Core §3.1.3.7, step by step: each check with a token that passes it and one that does not.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hallpass_protocol::client::{ClientId, Issuer, Loopback};
use hallpass_protocol::id_token::{Claims, Expectations, IdTokenError, RequiredClaim, validate};
use hallpass_protocol::jwk::KeySet;
use hallpass_protocol::jws::Algorithm;
use hallpass_protocol::secret::{AccessToken, Nonce, RawIdToken};
use hallpass_protocol::time::Timestamp;
use serde_json::{Value, json};

use crate::signer::{Signer, base64url};

/// A login at a provider: its key, and what the client expects.
pub(crate) struct Login {
    pub(crate) signer: Signer,
    pub(crate) keys: KeySet,
    issuer: Issuer,
    pub(crate) client_id: ClientId,
    nonce: Nonce,
    access_token: AccessToken,
}

pub(crate) const NOW: i64 = 1_700_000_000;
const LEEWAY: i64 = 60;

impl Login {
    pub(crate) fn new(algorithm: Algorithm) -> Self {
        let signer = Signer::new(algorithm);
        let keys = key_set(&[signer.named_jwk("key-1")]);
        Self {
            signer,
            keys,
            issuer: Issuer::parse("https://op.example/", Loopback::RequireHttps).unwrap(),
            client_id: ClientId::parse("client-1").unwrap(),
            nonce: Nonce::new("nonce-1"),
            access_token: AccessToken::new("access-token-1"),
        }
    }

    pub(crate) fn expectations(&self) -> Expectations<'_> {
        Expectations {
            issuer: &self.issuer,
            client_id: &self.client_id,
            nonce: Some(&self.nonce),
            access_token: None,
            max_age: None,
            organization: None,
            algorithms: &[],
            now: Timestamp::from_unix_seconds(NOW),
            leeway: Duration::from_secs(60),
        }
    }

    pub(crate) fn header(&self) -> Value {
        json!({ "alg": self.signer.algorithm.name(), "kid": "key-1", "typ": "JWT" })
    }

    pub(crate) fn sign(&self, claims: &Value) -> RawIdToken {
        self.sign_with(&self.header(), claims)
    }

    fn sign_with(&self, header: &Value, claims: &Value) -> RawIdToken {
        RawIdToken::new(self.signer.token(&header.to_string(), &claims.to_string()))
    }

    /// Validates a token with these claims.
    fn claims(&self, claims: &Value) -> Result<Claims, IdTokenError> {
        validate(&self.sign(claims), &self.keys, &self.expectations())
    }

    /// Validates a token of which one claim is another; `null` takes it away.
    fn claim(&self, name: &str, value: Value) -> Result<Claims, IdTokenError> {
        self.claims(&with(&claims(), name, value))
    }

    /// Validates a good token with another header.
    fn header_member(&self, name: &str, value: Value) -> Result<Claims, IdTokenError> {
        let token = self.sign_with(&with(&self.header(), name, value), &claims());
        validate(&token, &self.keys, &self.expectations())
    }
}

pub(crate) fn key_set(keys: &[Value]) -> KeySet {
    KeySet::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

/// Claims that pass every check.
pub(crate) fn claims() -> Value {
    json!({
        "iss": "https://op.example/",
        "sub": "user-1",
        "aud": "client-1",
        "exp": NOW + 3600,
        "iat": NOW,
        "nonce": "nonce-1",
        "name": "Ada Lovelace",
        "email": "ada@example.com",
        "email_verified": true,
        "https://example.com/roles": ["approver"],
    })
}

pub(crate) fn with(object: &Value, name: &str, value: Value) -> Value {
    let mut object = object.clone();
    if value.is_null() {
        object.as_object_mut().unwrap().remove(name);
    } else {
        object[name] = value;
    }
    object
}

fn login() -> Login {
    Login::new(Algorithm::EdDsa)
}

#[track_caller]
fn refused(outcome: Result<Claims, IdTokenError>, expected: IdTokenError) {
    assert_eq!(outcome.map(|claims| claims.json().to_owned()), Err(expected));
}

#[test]
fn a_good_token_of_every_algorithm_gives_its_claims() {
    for algorithm in Algorithm::ALL {
        let claims = Login::new(algorithm).claims(&claims()).unwrap();
        assert_eq!((claims.iss(), claims.sub()), ("https://op.example/", "user-1"), "{algorithm:?}");
        assert_eq!(claims.aud().collect::<Vec<_>>(), ["client-1"]);
        assert_eq!(claims.exp(), Timestamp::from_unix_seconds(NOW + 3600));
        assert_eq!(claims.iat(), Timestamp::from_unix_seconds(NOW));
        assert_eq!((claims.nonce(), claims.azp(), claims.sid()), (Some("nonce-1"), None, None));
        assert_eq!(claims.profile().name(), Some("Ada Lovelace"));
        assert_eq!(claims.profile().email_verified(), Some(true));
        assert_eq!(claims.claim("https://example.com/roles"), Some(json!(["approver"])));
        assert_eq!(claims.claim("absent"), None);
    }
}

#[test]
fn claims_printed_show_nothing_about_the_person() {
    let claims = login().claims(&claims()).unwrap();
    let expected = r#"Claims { iss: "https://op.example/", aud: ["client-1"], exp: 1700003600, .. }"#;
    assert_eq!(format!("{claims:?}"), expected);
}

#[test]
fn claims_stored_are_read_as_they_were() {
    let validated = login().claims(&claims()).unwrap();
    let stored = serde_json::to_string(&validated).unwrap();
    let read: Claims = serde_json::from_str(&stored).unwrap();
    assert_eq!(read, validated);
    assert_eq!((read.sub(), read.profile().email()), ("user-1", Some("ada@example.com")));
    for damaged in [r#""{}""#, r#""{\"iss\":\"i\",\"sub\":\"s\",\"exp\":1}""#, r#""x""#, "{}"] {
        assert!(serde_json::from_str::<Claims>(damaged).is_err(), "{damaged}");
    }
}

#[test]
fn step_1_an_encrypted_token_is_refused() {
    let login = login();
    let validate = |token: &str| validate(&RawIdToken::new(token), &login.keys, &login.expectations());
    refused(validate("e30.e30.e30.e30.e30"), IdTokenError::Encrypted);
}

#[test]
fn a_token_that_is_not_three_parts_of_base64url_is_refused() {
    let login = login();
    let token = login.sign(&claims());
    let validate = |token: &str| validate(&RawIdToken::new(token), &login.keys, &login.expectations());
    assert!(validate(token.expose()).is_ok());
    let [header, payload, signature] = token.expose().split('.').collect::<Vec<_>>().try_into().unwrap();
    for malformed in [
        String::new(),
        ".".into(),
        "..".into(),
        format!("{header}.{payload}"),
        format!("{header}.{payload}.{signature}.e30"),
        format!("{header}=.{payload}.{signature}"),
        format!("{header}.{payload}.{signature}="),
        format!("{header}.{payload} .{signature}"),
        format!("{header}.{payload}.{signature}\n"),
        format!("{header}.{payload}.{}+", &signature[1..]),
        format!("{}.{payload}.{signature}", base64url(b"[]")),
        format!("{}.{payload}.{signature}", base64url(b"{}")),
        format!("{}.{payload}.{signature}", base64url(br#"{"alg":"EdDSA","alg":"EdDSA"}"#)),
        format!("{}.{payload}.{signature}", base64url(br#"{"alg":1}"#)),
        format!("{}.{payload}.{signature}", base64url(b"\xff")),
    ] {
        refused(validate(&malformed), IdTokenError::Malformed);
    }
}

#[test]
fn a_token_whose_claims_can_be_read_in_two_ways_is_refused() {
    let login = login();
    let validate = |payload: &str| {
        let token = RawIdToken::new(login.signer.token(&login.header().to_string(), payload));
        validate(&token, &login.keys, &login.expectations())
    };
    let good = claims().to_string();
    assert!(validate(&good).is_ok());
    let begin = &good[..good.len() - 1];
    for payload in [
        format!(r#"{begin},"sub":"user-2"}}"#),
        format!(r#"{begin},"\u0073ub":"user-2"}}"#),
        format!(r#"{begin},"x":{{"a":1,"a":2}}}}"#),
        format!(r#"{begin},"x":{}1{}}}"#, "[".repeat(20), "]".repeat(20)),
        format!("{good}{good}"),
        String::new(),
        "[]".into(),
    ] {
        refused(validate(&payload), IdTokenError::Malformed);
    }
}

#[test]
fn a_token_beyond_64_kib_is_refused() {
    let login = login();
    let fill = |length: usize| login.claim("fill", json!("x".repeat(length)));
    assert!(fill(40_000).is_ok());
    refused(fill(50_000), IdTokenError::Malformed);
}

#[test]
fn a_token_that_says_it_is_something_else_is_refused() {
    let login = login();
    for name in ["JWT", "jwt", "application/jwt"] {
        assert!(login.header_member("typ", json!(name)).is_ok(), "{name}");
    }
    assert!(login.header_member("typ", Value::Null).is_ok());
    for name in ["at+jwt", "logout+jwt", "dpop+jwt", ""] {
        refused(login.header_member("typ", json!(name)), IdTokenError::Type);
    }
}

#[test]
fn step_2_another_issuer_is_refused() {
    let login = login();
    for issuer in
        [json!("https://op.example"), json!("https://OP.example/"), json!("https://evil.example/"), Value::Null]
    {
        refused(login.claim("iss", issuer), IdTokenError::Issuer);
    }
}

#[test]
fn step_3_an_audience_without_the_client_is_refused() {
    let login = login();
    assert!(login.claim("aud", json!(["client-1"])).is_ok());
    for audience in [json!("client-2"), json!(["client-2", "client"]), json!([]), json!("Client-1"), Value::Null] {
        refused(login.claim("aud", audience), IdTokenError::Audience);
    }
    for audience in [json!([1, "client-1"]), json!(1), json!({ "client-1": 1 })] {
        refused(login.claim("aud", audience), IdTokenError::Audience);
    }
}

#[test]
fn step_4_more_audiences_without_azp_are_refused() {
    let login = login();
    let several = with(&claims(), "aud", json!(["other", "client-1"]));
    refused(login.claims(&several), IdTokenError::AuthorizedParty);
    let claims = login.claims(&with(&several, "azp", json!("client-1"))).unwrap();
    assert_eq!((claims.aud().count(), claims.azp()), (2, Some("client-1")));
}

#[test]
fn step_5_another_authorized_party_is_refused() {
    let login = login();
    assert!(login.claim("azp", json!("client-1")).is_ok());
    refused(login.claim("azp", json!("client-2")), IdTokenError::AuthorizedParty);
}

#[test]
fn step_6_a_signature_that_is_not_of_the_key_is_refused() {
    for algorithm in Algorithm::ALL {
        let login = Login::new(algorithm);
        let token = login.sign(&claims());
        let (signing_input, signature) = token.expose().rsplit_once('.').unwrap();
        let (header, _) = signing_input.split_once('.').unwrap();
        let other = base64url(with(&claims(), "sub", json!("user-2")).to_string().as_bytes());
        let bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let flipped: Vec<u8> = [&[bytes[0] ^ 1], &bytes[1..]].concat();
        let signed = |signature: &[u8]| format!("{signing_input}.{}", base64url(signature));
        for forged in [
            format!("{header}.{other}.{signature}"),
            signed(&flipped),
            signed(&[]),
            signed(&bytes[..bytes.len() - 1]),
            signed(&[&bytes[..], &[0]].concat()),
            signed(&[&[0], &bytes[..]].concat()),
            signed(&vec![0; bytes.len()]),
        ] {
            let outcome = validate(&RawIdToken::new(forged), &login.keys, &login.expectations());
            refused(outcome, IdTokenError::Signature);
        }
    }
}

#[test]
fn step_6_a_key_that_is_not_in_the_set_may_be_in_a_newer_one() {
    let login = login();
    refused(login.header_member("kid", json!("key-2")), IdTokenError::UnknownKey);
    refused(login.header_member("kid", json!("")), IdTokenError::UnknownKey);
}

#[test]
fn step_6_a_token_that_names_no_key_is_tried_with_every_one_that_suits() {
    let login = login();
    let token = login.sign_with(&with(&login.header(), "kid", Value::Null), &claims());
    let other = Signer::new(Algorithm::EdDsa);
    let ecdsa = Signer::new(Algorithm::Es256);
    let validate = |keys: &[Value]| validate(&token, &key_set(keys), &login.expectations());
    assert!(validate(&[ecdsa.jwk(), other.named_jwk("a"), login.signer.jwk()]).is_ok());
    refused(validate(&[other.jwk(), other.named_jwk("a")]), IdTokenError::SignatureOfNoKey);
    refused(validate(&[ecdsa.jwk()]), IdTokenError::UnknownKey);
}

#[test]
fn step_6_keys_of_one_name_and_several_kinds_are_told_apart() {
    let login = login();
    let keys = key_set(&[
        Signer::new(Algorithm::Es256).named_jwk("key-1"),
        login.signer.named_jwk("key-1"),
        Signer::new(Algorithm::EdDsa).named_jwk("key-0"),
        Signer::new(Algorithm::Rs256).jwk(),
    ]);
    assert!(validate(&login.sign(&claims()), &keys, &login.expectations()).is_ok());
}

#[test]
fn step_7_an_algorithm_that_is_not_allowed_or_not_the_keys_is_refused() {
    let login = Login::new(Algorithm::Rs256);
    let token = login.sign(&claims());
    let allowed = |algorithms: &[Algorithm]| {
        let expectations = Expectations { algorithms, ..login.expectations() };
        validate(&token, &login.keys, &expectations)
    };
    assert!(allowed(&[Algorithm::Es256, Algorithm::Rs256]).is_ok());
    refused(allowed(&[Algorithm::Es256]), IdTokenError::Algorithm);

    // The same RSA key, bound to RS256 by its `alg`, does not verify as PS256.
    let pss = Signer::new(Algorithm::Ps256);
    let header = json!({ "alg": "PS256", "kid": "key-1" }).to_string();
    let token = RawIdToken::new(pss.token(&header, &claims().to_string()));
    refused(validate(&token, &login.keys, &login.expectations()), IdTokenError::Algorithm);
    let unbound = key_set(&[with(&login.signer.jwk(), "kid", json!("key-1"))]);
    assert!(validate(&token, &unbound, &login.expectations()).is_ok());
    refused(login.header_member("alg", json!("ES256")), IdTokenError::Algorithm);
}

#[test]
fn step_8_a_token_without_signature_or_with_hmac_is_refused() {
    let login = login();
    for name in ["none", "None", "NONE", "HS256", "HS512", "eddsa"] {
        refused(login.header_member("alg", json!(name)), IdTokenError::Algorithm);
        let header = base64url(json!({ "alg": name }).to_string().as_bytes());
        let token = RawIdToken::new(format!("{header}.{}.", base64url(claims().to_string().as_bytes())));
        refused(validate(&token, &login.keys, &login.expectations()), IdTokenError::Algorithm);
    }
}

#[test]
fn an_extension_that_has_to_be_understood_is_refused() {
    let login = login();
    refused(login.header_member("crit", json!(["exp"])), IdTokenError::Critical);
    refused(login.header_member("crit", json!([])), IdTokenError::Critical);
    refused(login.header_member("b64", json!(false)), IdTokenError::Critical);
    assert!(login.header_member("cty", json!("json")).is_ok());
}

#[test]
fn a_key_that_comes_with_the_token_is_not_looked_at() {
    let login = login();
    let attacker = Signer::new(Algorithm::EdDsa);
    for (name, value) in [
        ("jwk", attacker.named_jwk("key-1")),
        ("jku", json!("https://evil.example/jwks")),
        ("x5u", json!("https://evil.example/chain")),
        ("x5c", json!(["MIIB"])),
    ] {
        let header = with(&login.header(), name, value.clone()).to_string();
        let forged = RawIdToken::new(attacker.token(&header, &claims().to_string()));
        refused(validate(&forged, &login.keys, &login.expectations()), IdTokenError::Signature);
        assert!(login.header_member(name, value).is_ok(), "{name}");
    }
}

#[test]
fn step_9_a_token_is_expired_from_exp_on_with_the_leeway() {
    let login = login();
    assert!(login.claim("exp", json!(NOW - LEEWAY + 1)).is_ok());
    refused(login.claim("exp", json!(NOW - LEEWAY)), IdTokenError::Expired);
    refused(login.claim("exp", json!(-1)), IdTokenError::Expired);
    assert!(login.claim("exp", json!(1e30)).is_ok());
    refused(login.claim("exp", Value::Null), IdTokenError::Missing { claim: RequiredClaim::Exp });
    refused(login.claim("exp", json!("1700003600")), IdTokenError::Missing { claim: RequiredClaim::Exp });
}

#[test]
fn step_10_a_token_from_the_future_is_refused() {
    let login = login();
    assert!(login.claim("iat", json!(NOW + LEEWAY)).is_ok());
    assert!(login.claim("iat", json!(0)).is_ok());
    refused(
        login.claim("iat", json!(NOW + LEEWAY + 1)),
        IdTokenError::IssuedInFuture { issued: Timestamp::from_unix_seconds(NOW + LEEWAY + 1) },
    );
    refused(login.claim("iat", Value::Null), IdTokenError::Missing { claim: RequiredClaim::Iat });
}

#[test]
fn a_token_that_is_not_yet_valid_is_refused() {
    let login = login();
    assert!(login.claim("nbf", json!(NOW + LEEWAY)).is_ok());
    refused(login.claim("nbf", json!(NOW + LEEWAY + 1)), IdTokenError::NotYetValid);
}

#[test]
fn step_11_another_nonce_or_none_is_refused() {
    let login = login();
    refused(login.claim("nonce", json!("nonce-2")), IdTokenError::Nonce);
    refused(login.claim("nonce", json!("")), IdTokenError::Nonce);
    refused(login.claim("nonce", Value::Null), IdTokenError::Nonce);
    let expectations = Expectations { nonce: None, ..login.expectations() };
    assert!(validate(&login.sign(&with(&claims(), "nonce", Value::Null)), &login.keys, &expectations).is_ok());
}

#[test]
fn step_13_an_authentication_that_is_too_old_or_not_told_is_refused() {
    let login = login();
    let authenticated = |auth_time: Value, max_age: u64| {
        let expectations = Expectations { max_age: Some(max_age), ..login.expectations() };
        validate(&login.sign(&with(&claims(), "auth_time", auth_time)), &login.keys, &expectations)
    };
    assert!(authenticated(json!(NOW - 300 - LEEWAY), 300).is_ok());
    refused(authenticated(json!(NOW - 300 - LEEWAY - 1), 300), IdTokenError::AuthTime);
    assert!(authenticated(json!(NOW), 0).is_ok());
    assert!(authenticated(json!(0), u64::MAX).is_ok());
    refused(authenticated(Value::Null, 300), IdTokenError::AuthTimeMissing);
    assert_eq!(login.claim("auth_time", json!(5)).unwrap().auth_time(), Some(Timestamp::from_unix_seconds(5)));
}

#[test]
fn an_access_token_that_is_not_the_hashed_one_is_refused() {
    use ring::digest::{SHA256, SHA384, SHA512, digest};
    for algorithm in Algorithm::ALL {
        let login = Login::new(algorithm);
        let hash = match algorithm {
            Algorithm::Rs256 | Algorithm::Ps256 | Algorithm::Es256 => &SHA256,
            Algorithm::Rs384 | Algorithm::Ps384 | Algorithm::Es384 => &SHA384,
            Algorithm::Rs512 | Algorithm::Ps512 | Algorithm::EdDsa => &SHA512,
        };
        let of = |token: &str| {
            let digest = digest(hash, token.as_bytes());
            base64url(&digest.as_ref()[..digest.as_ref().len() / 2])
        };
        let expectations = Expectations { access_token: Some(&login.access_token), ..login.expectations() };
        let hashed =
            |at_hash: Value| validate(&login.sign(&with(&claims(), "at_hash", at_hash)), &login.keys, &expectations);
        assert!(hashed(json!(of("access-token-1"))).is_ok(), "{algorithm:?}");
        assert!(hashed(Value::Null).is_ok());
        for wrong in [of("access-token-2"), of("access-token-1")[1..].to_owned(), String::new()] {
            refused(hashed(json!(wrong)), IdTokenError::AccessTokenHash);
        }
        // Without an access token at hand there is nothing to compare.
        assert!(login.claim("at_hash", json!(of("access-token-2"))).is_ok());
    }
}

#[test]
fn a_token_of_another_organization_is_refused() {
    let login = login();
    let organization = |requested: &str, claim: &str, value: Value| {
        let expectations = Expectations { organization: Some(requested), ..login.expectations() };
        validate(&login.sign(&with(&claims(), claim, value)), &login.keys, &expectations)
    };
    assert!(organization("org_1", "org_id", json!("org_1")).is_ok());
    refused(organization("org_1", "org_id", json!("ORG_1")), IdTokenError::Organization);
    refused(organization("org_1", "org_id", json!("org_12")), IdTokenError::Organization);
    refused(organization("org_1", "org_name", json!("org_1")), IdTokenError::Organization);
    refused(organization("org_1", "org_id", Value::Null), IdTokenError::Organization);
    assert!(organization("Acme", "org_name", json!("acme")).is_ok());
    refused(organization("acme", "org_name", json!("acme2")), IdTokenError::Organization);
    refused(organization("acme", "org_id", json!("acme")), IdTokenError::Organization);
    let claims = login.claim("org_id", json!("org_1")).unwrap();
    assert_eq!((claims.org_id(), claims.org_name()), (Some("org_1"), None));
}

#[test]
fn a_token_about_nobody_is_refused() {
    let login = login();
    refused(login.claim("sub", Value::Null), IdTokenError::Missing { claim: RequiredClaim::Sub });
    refused(login.claim("sub", json!("")), IdTokenError::Missing { claim: RequiredClaim::Sub });
    refused(login.claim("sub", json!(58318)), IdTokenError::Missing { claim: RequiredClaim::Sub });
}

#[test]
fn a_claim_of_another_type_that_every_token_is_judged_by_is_refused_by_name() {
    let login = login();
    for (name, error) in [
        ("iss", IdTokenError::Issuer),
        ("aud", IdTokenError::Audience),
        ("azp", IdTokenError::AuthorizedParty),
        ("sub", IdTokenError::Missing { claim: RequiredClaim::Sub }),
        ("exp", IdTokenError::Missing { claim: RequiredClaim::Exp }),
        ("iat", IdTokenError::Missing { claim: RequiredClaim::Iat }),
        ("nbf", IdTokenError::NotYetValid),
    ] {
        for value in [json!(true), json!([]), json!({})] {
            refused(login.claim(name, value), error);
        }
    }
}

#[test]
fn claims_of_odd_types_that_were_not_asked_for_decide_nothing() {
    let login = login();
    for name in ["org_id", "org_name", "sid", "auth_time", "at_hash", "name", "email", "email_verified", "updated_at"] {
        for value in [json!(42), json!(["x"]), json!({ "x": 1 }), json!("then")] {
            assert!(login.claim(name, value.clone()).is_ok(), "{name}: {value}");
        }
    }
    let expectations = Expectations { nonce: None, ..login.expectations() };
    assert!(validate(&login.sign(&with(&claims(), "nonce", json!(1))), &login.keys, &expectations).is_ok());
}

#[test]
fn claims_of_odd_types_that_were_asked_for_are_none() {
    let login = login();
    let judged = |name: &str, expectations: Expectations<'_>| {
        validate(&login.sign(&with(&claims(), name, json!([1]))), &login.keys, &expectations)
    };
    refused(judged("nonce", login.expectations()), IdTokenError::Nonce);
    let expectations = || login.expectations();
    refused(judged("auth_time", Expectations { max_age: Some(300), ..expectations() }), IdTokenError::AuthTimeMissing);
    for (organization, name) in [("org_1", "org_id"), ("acme", "org_name")] {
        let expectations = Expectations { organization: Some(organization), ..expectations() };
        refused(judged(name, expectations), IdTokenError::Organization);
    }
}

#[test]
fn a_claim_with_escapes_is_read_as_it_was_meant() {
    let login = login();
    let payload = claims().to_string().replace("Ada Lovelace", r#"Ad\u00e1 \"L\"\u2028\ud83d\udd11"#);
    let token = RawIdToken::new(login.signer.token(&login.header().to_string(), &payload));
    let claims = validate(&token, &login.keys, &login.expectations()).unwrap();
    assert_eq!(claims.profile().name(), Some("Ad\u{e1} \"L\"\u{2028}\u{1f511}"));
    assert_eq!(claims.sub(), "user-1");
}

#[test]
fn every_error_has_its_code() {
    use IdTokenError as E;
    for (error, code) in [
        (E::Malformed, "id_token_malformed"),
        (E::Encrypted, "id_token_encrypted"),
        (E::Critical, "id_token_critical"),
        (E::Type, "id_token_type"),
        (E::Missing { claim: RequiredClaim::Sub }, "id_token_sub"),
        (E::Missing { claim: RequiredClaim::Exp }, "id_token_exp"),
        (E::Missing { claim: RequiredClaim::Iat }, "id_token_iat"),
        (E::Issuer, "id_token_issuer"),
        (E::Audience, "id_token_audience"),
        (E::AuthorizedParty, "id_token_azp"),
        (E::UnknownKey, "id_token_key_unknown"),
        (E::Signature, "id_token_signature"),
        (E::SignatureOfNoKey, "id_token_signature"),
        (E::Algorithm, "id_token_algorithm"),
        (E::Expired, "id_token_expired"),
        (E::IssuedInFuture { issued: Timestamp::from_unix_seconds(NOW) }, "id_token_issued_in_future"),
        (E::NotYetValid, "id_token_not_yet_valid"),
        (E::Nonce, "id_token_nonce"),
        (E::AuthTimeMissing, "id_token_auth_time_missing"),
        (E::AuthTime, "id_token_auth_time"),
        (E::AccessTokenHash, "id_token_at_hash"),
        (E::Organization, "id_token_organization"),
        (E::Subject, "id_token_subject"),
    ] {
        assert_eq!(error.code(), code);
        assert!(error.to_string().contains("token"), "{error}");
        assert!(error.code().starts_with("id_token_"));
        let is_of_keys = matches!(error, E::UnknownKey | E::SignatureOfNoKey | E::Signature | E::Algorithm);
        assert_eq!(error.may_be_stale_metadata(), is_of_keys, "{error}");
    }
}

#[test]
fn an_error_about_a_claim_names_it() {
    for (claim, name) in [(RequiredClaim::Sub, "`sub`"), (RequiredClaim::Exp, "`exp`"), (RequiredClaim::Iat, "`iat`")] {
        assert!(IdTokenError::Missing { claim }.to_string().contains(name));
    }
}
