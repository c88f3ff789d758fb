//! OpenID Connect Core §12.2: an ID token that comes with a renewal is about the same user, or about no one.

use hallpass_protocol::id_token::{Claims, Expectations, IdTokenError, contradicts, validate, validate_refreshed};
use hallpass_protocol::jws::Algorithm;
use hallpass_protocol::secret::RawIdToken;
use serde_json::{Value, json};

use crate::id_token::{Login, NOW, claims, with};
use crate::signer::base64url;

struct Renewal {
    login: Login,
    first: Value,
    previous: Claims,
}

impl Renewal {
    /// After a login with these claims.
    fn after(first: Value) -> Self {
        let login = Login::new(Algorithm::EdDsa);
        let previous = validate(&login.sign(&first), &login.keys, &login.expectations()).unwrap();
        Self { login, first, previous }
    }

    /// Validates a renewed token of which one claim is another; `null` takes it away.
    fn claim(&self, name: &str, value: Value) -> Result<(), IdTokenError> {
        let token = self.login.sign(&with(&self.first, name, value));
        validate_refreshed(&token, &self.login.keys, &self.login.expectations(), &self.previous).map(drop)
    }

    /// What the same token contradicts.
    fn contradiction(&self, name: &str, value: Value) -> Option<IdTokenError> {
        self.contradiction_of(&self.login.sign(&with(&self.first, name, value)))
    }

    /// What a token with this payload contradicts, signed by no one.
    fn contradiction_in(&self, payload: &str) -> Option<IdTokenError> {
        self.contradiction_of(&RawIdToken::new(format!("e30.{}.", base64url(payload.as_bytes()))))
    }

    fn contradiction_of(&self, token: &RawIdToken) -> Option<IdTokenError> {
        contradicts(token, &self.previous, &self.login.client_id)
    }
}

#[test]
fn a_renewed_token_about_the_same_user_is_accepted() {
    let renewal = Renewal::after(claims());
    assert_eq!(renewal.claim("iat", json!(NOW + 30)), Ok(()));
    assert_eq!(renewal.claim("name", json!("Ada King")), Ok(()));
    assert_eq!(renewal.contradiction("name", json!("Ada King")), None);
}

#[test]
fn a_renewed_token_about_another_user_is_refused() {
    let renewal = Renewal::after(claims());
    for sub in [json!("user-2"), json!("User-1"), Value::Null] {
        assert_eq!(renewal.claim("sub", sub), Err(IdTokenError::Subject));
    }
    assert_eq!(renewal.claim("sub", json!(1)), Err(IdTokenError::Subject));
    for sub in [json!("user-2"), json!("User-1"), json!(""), json!(1)] {
        assert_eq!(renewal.contradiction("sub", sub), Some(IdTokenError::Subject));
    }
}

#[test]
fn a_renewed_token_of_another_issuer_is_refused() {
    let renewal = Renewal::after(claims());
    for issuer in ["https://op.example", "https://evil.example/", ""] {
        assert_eq!(renewal.claim("iss", json!(issuer)), Err(IdTokenError::Issuer));
        assert_eq!(renewal.contradiction("iss", json!(issuer)), Some(IdTokenError::Issuer));
    }
}

#[test]
fn a_renewed_token_may_have_other_audiences_as_long_as_the_client_is_among_them() {
    let several = with(&with(&claims(), "aud", json!(["client-1", "api"])), "azp", json!("client-1"));
    let renewal = Renewal::after(several);
    for audience in [json!(["more", "client-1"]), json!(["client-1"]), json!("client-1")] {
        assert_eq!(renewal.claim("aud", audience.clone()), Ok(()));
        assert_eq!(renewal.contradiction("aud", audience), None);
    }
    for audience in [json!(["api"]), json!("api"), json!([])] {
        assert_eq!(renewal.claim("aud", audience.clone()), Err(IdTokenError::Audience));
        assert_eq!(renewal.contradiction("aud", audience), Some(IdTokenError::Audience));
    }
    assert_eq!(renewal.contradiction("aud", json!([1, {}, "client-1"])), None);
    assert_eq!(renewal.contradiction("aud", json!(1)), Some(IdTokenError::Audience));
}

#[test]
fn a_claim_that_is_not_there_or_names_no_one_contradicts_nothing() {
    let renewal = Renewal::after(claims());
    for claim in ["iss", "sub", "aud"] {
        for value in [Value::Null, json!(true), json!({ "sub": "user-2" })] {
            assert_eq!(renewal.contradiction(claim, value), None, "{claim}");
        }
        assert_eq!(renewal.contradiction_in(&format!(r#"{{"{claim}":null}}"#)), None);
    }
    for claim in ["iss", "sub"] {
        assert_eq!(renewal.contradiction(claim, json!(["x"])), None, "{claim}");
    }
    assert_eq!(renewal.contradiction_in("{}"), None);
    let numbered = Renewal::after(with(&claims(), "sub", json!("42")));
    assert_eq!(numbered.contradiction("sub", json!(42)), None);
}

#[test]
fn another_user_is_seen_whatever_else_is_odd() {
    let renewal = Renewal::after(claims());
    let payload = |rest: &str| format!(r#"{{"sub":"user-2"{rest}}}"#);
    for odd in [
        r#","org_id":42"#,
        r#","auth_time":"now""#,
        r#","x":1,"x":2"#,
        r#","iss":1,"aud":{}"#,
        r#","iss":"https://op.example/","aud":["client-1"]"#,
        r#","x":"\ud800""#,
        r#","sub":"user-1""#,
        r#","x":"#,
    ] {
        let issuer_is_odd = odd.contains("\"iss\":1");
        let expected = if issuer_is_odd { IdTokenError::Issuer } else { IdTokenError::Subject };
        assert_eq!(renewal.contradiction_in(&payload(odd)), Some(expected), "{odd}");
    }
    let token = |payload: &str| RawIdToken::new(payload);
    let text = payload(&format!(r#","groups":"{}""#, "g".repeat(100_000)));
    assert_eq!(renewal.contradiction_in(&text), Some(IdTokenError::Subject));
    let padded = format!("!.{}==.!", base64url(br#"{"sub":"u"}"#));
    assert_eq!(renewal.contradiction_of(&token(&padded)), Some(IdTokenError::Subject));
    let latin = format!("e30.{}.", base64url(b"{\"sub\":\"user-2\",\"name\":\"Jos\xe9\"}"));
    assert_eq!(renewal.contradiction_of(&token(&latin)), Some(IdTokenError::Subject));
    assert_eq!(renewal.contradiction_in(r#"{"sub":"user-1","sub":"user-2"}"#), Some(IdTokenError::Subject));
    let all = r#"{"aud":"x","sub":"x","iss":"x"}"#;
    assert_eq!(renewal.contradiction_in(all), Some(IdTokenError::Issuer));
    assert_eq!(renewal.contradiction_in(r#"{"aud":"x","sub":"x"}"#), Some(IdTokenError::Subject));
}

#[test]
fn a_token_that_cannot_be_read_contradicts_nothing() {
    let renewal = Renewal::after(claims());
    let stranger = base64url(br#"{"sub":"user-2"}"#);
    for token in [
        String::new(),
        "opaque".into(),
        format!("e30.{stranger}"),
        format!("e30.{stranger}.e30.e30.e30"),
        format!("e30.{stranger}.e30.e30"),
        "e30.!.e30".into(),
        "e30.W10.e30".into(),
    ] {
        assert_eq!(renewal.contradiction_of(&RawIdToken::new(token)), None);
    }
}

#[test]
fn a_renewed_token_tells_the_time_of_the_login() {
    let renewal = Renewal::after(with(&claims(), "auth_time", json!(NOW - 5)));
    assert_eq!(renewal.claim("auth_time", json!(NOW - 5)), Ok(()));
    assert_eq!(renewal.claim("auth_time", Value::Null), Ok(()));
    assert_eq!(renewal.claim("auth_time", json!(NOW - 4)), Err(IdTokenError::AuthTime));
    assert_eq!(Renewal::after(claims()).claim("auth_time", json!(NOW)), Ok(()));
}

#[test]
fn a_renewed_token_has_no_nonce_or_the_one_of_the_login() {
    let renewal = Renewal::after(claims());
    assert_eq!(renewal.claim("nonce", Value::Null), Ok(()));
    assert_eq!(renewal.claim("nonce", json!("nonce-1")), Ok(()));
    assert_eq!(renewal.claim("nonce", json!("nonce-2")), Err(IdTokenError::Nonce));
}

#[test]
fn a_renewed_token_may_say_azp_or_not_but_never_another() {
    let renewal = Renewal::after(claims());
    assert_eq!(renewal.claim("azp", json!("client-1")), Ok(()));
    assert_eq!(renewal.claim("azp", json!("client-2")), Err(IdTokenError::AuthorizedParty));
}

#[test]
fn a_renewal_long_after_the_login_is_not_judged_by_max_age() {
    let renewal = Renewal::after(with(&claims(), "auth_time", json!(NOW - 100_000)));
    let expectations = Expectations { max_age: Some(300), ..renewal.login.expectations() };
    let token = renewal.login.sign(&renewal.first);
    assert!(validate_refreshed(&token, &renewal.login.keys, &expectations, &renewal.previous).is_ok());
}

#[test]
fn a_renewed_token_is_checked_like_any_other() {
    let renewal = Renewal::after(claims());
    assert_eq!(renewal.claim("exp", json!(NOW - 60)), Err(IdTokenError::Expired));
    let forged = Login::new(Algorithm::EdDsa).sign(&claims());
    let login = &renewal.login;
    let outcome = validate_refreshed(&forged, &login.keys, &login.expectations(), &renewal.previous);
    assert_eq!(outcome.map(drop), Err(IdTokenError::Signature));
}
