//! OpenID Connect Core §12.2: an ID token that comes with a renewal is about the same user, or about nobody.

use hallpass_protocol::id_token::{Claims, Expectations, IdTokenError, same_subject, validate, validate_refreshed};
use hallpass_protocol::jws::Algorithm;
use serde_json::{Value, json};

use crate::id_token::{Login, NOW, claims, with};

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

    /// What is said of the same token without a key at hand.
    fn claim_without_key(&self, name: &str, value: Value) -> Result<(), IdTokenError> {
        same_subject(&self.login.sign(&with(&self.first, name, value)), &self.previous)
    }
}

#[test]
fn a_renewed_token_about_the_same_user_is_accepted() {
    let renewal = Renewal::after(claims());
    assert_eq!(renewal.claim("iat", json!(NOW + 30)), Ok(()));
    assert_eq!(renewal.claim("name", json!("Ada King")), Ok(()));
    assert_eq!(renewal.claim_without_key("name", json!("Ada King")), Ok(()));
}

#[test]
fn a_renewed_token_about_another_user_is_refused() {
    let renewal = Renewal::after(claims());
    for sub in [json!("user-2"), json!("User-1"), Value::Null] {
        assert_eq!(renewal.claim("sub", sub.clone()), Err(IdTokenError::Subject));
        assert_eq!(renewal.claim_without_key("sub", sub), Err(IdTokenError::Subject));
    }
}

#[test]
fn a_renewed_token_of_another_issuer_is_refused() {
    let renewal = Renewal::after(claims());
    assert_eq!(renewal.claim("iss", json!("https://op.example")), Err(IdTokenError::Issuer));
    assert_eq!(renewal.claim_without_key("iss", json!("https://op.example")), Err(IdTokenError::Issuer));
}

#[test]
fn a_renewed_token_has_to_have_the_audiences_of_the_first() {
    let several = with(&with(&claims(), "aud", json!(["client-1", "api"])), "azp", json!("client-1"));
    let renewal = Renewal::after(several);
    assert_eq!(renewal.claim("aud", json!(["more", "api", "client-1"])), Ok(()));
    assert_eq!(renewal.claim("aud", json!(["client-1"])), Err(IdTokenError::Audience));
    assert_eq!(renewal.claim_without_key("aud", json!("client-1")), Err(IdTokenError::Audience));
    assert_eq!(renewal.claim("aud", json!(["api"])), Err(IdTokenError::Audience));
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

#[test]
fn a_token_that_cannot_be_read_is_nobodys() {
    let renewal = Renewal::after(claims());
    for token in ["", "e30.e30", "e30.!.e30", "e30.W10.e30"] {
        let token = hallpass_protocol::secret::RawIdToken::new(token);
        assert_eq!(same_subject(&token, &renewal.previous), Err(IdTokenError::Malformed));
    }
}
