//! ID token validation: OpenID Connect Core §3.1.3.7 for a login and §12.2 for a renewal.
//!
//! The checks are in the order of the specification and have its numbers. Nothing of a token is returned before all of
//! them have passed.

mod claims;
mod error;

use alloc::borrow::Cow;
use alloc::string::{String, ToString};
use core::mem;
use core::time::Duration;

use ring::digest;
use serde::Deserialize;
use serde_json::Value;

pub use self::claims::Claims;
pub use self::error::{IdTokenError, RequiredClaim};
use crate::base64url;
pub use crate::claims::Profile;
use crate::claims::{ClaimSet, Field, NumericDate, Text};
use crate::client::{ClientId, Issuer};
use crate::jwk::KeySet;
use crate::jws::{Algorithm, Decoded};
use crate::lenient;
use crate::secret::{AccessToken, Nonce, RawIdToken};
use crate::time::Timestamp;

/// What an ID token must contain.
#[derive(Debug, Clone, Copy)]
pub struct Expectations<'a> {
    /// The issuer.
    pub issuer: &'a Issuer,
    /// The client that it is for.
    pub client_id: &'a ClientId,
    /// The nonce of the login; `None` when none was sent. Ignored for a renewed token.
    pub nonce: Option<&'a Nonce>,
    /// The access token that came with it, which is compared with `at_hash` if the token has one.
    pub access_token: Option<&'a AccessToken>,
    /// The longest time since the user authenticated, in seconds; `None` when it was not asked for. Ignored for a renewed
    /// token, which has the time of the login.
    pub max_age: Option<u64>,
    /// The organization that was asked for: an id (`org_…`) or a name.
    pub organization: Option<&'a str>,
    /// The algorithms that are allowed; empty for all that [`Algorithm`] knows.
    pub algorithms: &'a [Algorithm],
    /// The time by the server's clock.
    pub now: Timestamp,
    /// The clock difference that the checks allow.
    pub leeway: Duration,
}

/// Validates the ID token of a login and returns its claims.
///
/// # Errors
/// [`IdTokenError`], one variant for each check. If [`IdTokenError::may_be_stale_metadata`], fetch the metadata and the key
/// set again and retry.
pub fn validate(token: &RawIdToken, keys: &KeySet, expected: &Expectations<'_>) -> Result<Claims, IdTokenError> {
    validate_with(token, keys, expected, |claims| {
        check_nonce(claims, expected)?;
        check_auth_time(claims, expected)
    })
}

/// Validates the ID token that came with a renewal, and that it is about the user of `previous` (OpenID Connect Core
/// §12.2).
///
/// # Errors
/// As [`validate`], and [`IdTokenError::Issuer`], [`Subject`](IdTokenError::Subject),
/// [`AuthTime`](IdTokenError::AuthTime) or [`Nonce`](IdTokenError::Nonce) when that claim is not the one of `previous`.
pub fn validate_refreshed(
    token: &RawIdToken,
    keys: &KeySet,
    expected: &Expectations<'_>,
    previous: &Claims,
) -> Result<Claims, IdTokenError> {
    validate_with(token, keys, expected, |claims| check_unchanged(claims, previous))
}

/// What in the ID token of a renewal says that the renewal is not this user's or this client's: another `iss`
/// ([`IdTokenError::Issuer`]), another `sub` ([`Subject`](IdTokenError::Subject)), or an `aud` that does not name the
/// client ([`Audience`](IdTokenError::Audience)), looked at in this order (OpenID Connect Core §12.2).
///
/// The signature is not looked at, since the token came straight from the token endpoint over TLS (§3.1.3.7, step 6).
/// The three claims are read apart from each other and from everything else, so that an odd claim beside them hides
/// nothing. A claim that is missing, of a type that cannot name anyone, or in a token that cannot be read (encrypted,
/// not a JWT) contradicts nothing: `None`.
#[must_use]
pub fn contradicts(token: &RawIdToken, previous: &Claims, client_id: &ClientId) -> Option<IdTokenError> {
    let mut parts = token.expose().split('.');
    let (Some(_), Some(payload), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return None;
    };
    let payload = base64url::decode(payload.trim_end_matches('=')).ok()?;
    let (mut issuer, mut subject, mut audience) = (None, None, None);
    // What was read before the claims break says what it says.
    let _ = lenient::members(&lenient::text(&payload), &["iss", "sub", "aud"], |claim, value| {
        // Where a claim stands twice, each has to be right: it is not known which one another reader believes.
        let is_right = |right: &mut Option<bool>, this| *right = Some(right.unwrap_or(true) && this);
        match (claim, value) {
            ("aud", Value::Array(items)) => {
                is_right(&mut audience, items.iter().filter_map(named).any(|name| name == client_id.as_str()));
            }
            (claim, value) => {
                let Some(name) = named(&value) else { return };
                match claim {
                    "iss" => is_right(&mut issuer, name == previous.iss()),
                    "sub" => is_right(&mut subject, name == previous.sub()),
                    _ => is_right(&mut audience, name == client_id.as_str()),
                }
            }
        }
    });
    [(issuer, IdTokenError::Issuer), (subject, IdTokenError::Subject), (audience, IdTokenError::Audience)]
        .into_iter()
        .find_map(|(right, error)| (right == Some(false)).then_some(error))
}

/// What a value names: a text, or a number as some servers write identifiers.
fn named(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Number(number) => Some(Cow::Owned(number.to_string())),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn validate_with(
    token: &RawIdToken,
    keys: &KeySet,
    expected: &Expectations<'_>,
    check_login: impl FnOnce(&ClaimSet) -> Result<(), IdTokenError>,
) -> Result<Claims, IdTokenError> {
    // Step 1: an encrypted token is refused here: this client registers no key to encrypt to.
    let mut decoded = Decoded::of(token.expose())?;
    let source = String::from_utf8(mem::take(&mut decoded.payload)).map_err(|_| IdTokenError::Malformed)?;
    let header = decoded.header()?;
    check_type(header.token_type.as_deref())?;
    let claims = ClaimSet::parse(&source).map_err(|_| IdTokenError::Malformed)?;
    check_issuer(&claims, &source, expected)?;
    check_audience(&claims, expected)?;
    // Step 6: the signature is checked always, although TLS alone would do for a token from the token endpoint.
    // Step 7: the algorithm has to be allowed, and to be one of the key's; the header alone does not choose.
    // Step 8: HMAC is never allowed, since a native app has no client secret that is one.
    let algorithm = decoded.verify(&header, keys, expected.algorithms)?;
    check_times(&claims, expected)?;
    check_login(&claims)?;
    check_access_token_hash(&claims, algorithm, expected)?;
    check_organization(&claims, expected)?;
    Claims::new(source, claims)
}

/// RFC 8725 §3.11: a token that says that it is something else, such as an access token (`at+jwt`, RFC 9068 §2.1), is
/// not an ID token. One that says nothing may be.
fn check_type(token_type: Option<&str>) -> Result<(), IdTokenError> {
    match token_type {
        None => Ok(()),
        Some(name) if name.eq_ignore_ascii_case("jwt") || name.eq_ignore_ascii_case("application/jwt") => Ok(()),
        Some(_) => Err(IdTokenError::Type),
    }
}

/// Step 2: `iss` is the issuer, byte for byte.
fn check_issuer(claims: &ClaimSet, source: &str, expected: &Expectations<'_>) -> Result<(), IdTokenError> {
    /// The tenant, where the issuer has many of them.
    #[derive(Deserialize)]
    struct Tenant {
        tid: Option<Value>,
    }
    let tenant = || serde_json::from_str::<Tenant>(source).ok()?.tid;
    let is_named = |issuer: &str| {
        let tenant = if expected.issuer.has_template() { tenant() } else { None };
        expected.issuer.is_named_in_token(issuer, tenant.as_ref().and_then(Value::as_str))
    };
    if claims.text(Text::Iss).is_some_and(is_named) { Ok(()) } else { Err(IdTokenError::Issuer) }
}

/// Step 3: `aud` has the client in it; others beside it are trusted only when `azp` says that the token was made for
/// this client. Step 4: so `azp` is required then. Step 5: `azp`, when there is one, is the client.
fn check_audience(claims: &ClaimSet, expected: &Expectations<'_>) -> Result<(), IdTokenError> {
    let client_id = expected.client_id.as_str();
    if claims.is_odd(Field::Audience) || !claims.audience().any(|audience| audience == client_id) {
        return Err(IdTokenError::Audience);
    }
    match claims.text(Text::Azp) {
        Some(party) if party == client_id => Ok(()),
        Some(_) => Err(IdTokenError::AuthorizedParty),
        None if claims.is_odd(Field::Text(Text::Azp)) => Err(IdTokenError::AuthorizedParty),
        None if claims.audience().any(|audience| audience != client_id) => Err(IdTokenError::AuthorizedParty),
        None => Ok(()),
    }
}

/// Step 9: the time is before `exp`. Step 10: `iat` is not in the future. And `nbf`, which ID tokens rarely have, is
/// not either (RFC 7519 §4.1.5).
fn check_times(claims: &ClaimSet, expected: &Expectations<'_>) -> Result<(), IdTokenError> {
    let earliest = expected.now.saturating_sub(expected.leeway);
    let latest = expected.now.saturating_add(expected.leeway);
    let expires = claims.time(NumericDate::Exp).ok_or(IdTokenError::Missing { claim: RequiredClaim::Exp })?;
    if earliest >= expires {
        return Err(IdTokenError::Expired);
    }
    let issued = claims.time(NumericDate::Iat).ok_or(IdTokenError::Missing { claim: RequiredClaim::Iat })?;
    if issued > latest {
        return Err(IdTokenError::IssuedInFuture { issued });
    }
    let is_odd = claims.is_odd(Field::Date(NumericDate::Nbf));
    if is_odd || claims.time(NumericDate::Nbf).is_some_and(|not_before| not_before > latest) {
        return Err(IdTokenError::NotYetValid);
    }
    Ok(())
}

/// Step 11: `nonce` is the one sent.
fn check_nonce(claims: &ClaimSet, expected: &Expectations<'_>) -> Result<(), IdTokenError> {
    match (expected.nonce, claims.text(Text::Nonce)) {
        (None, _) => Ok(()),
        (Some(sent), Some(nonce)) if nonce == sent.expose() => Ok(()),
        (Some(_), _) => Err(IdTokenError::Nonce),
    }
}

/// Step 12 is about `acr`, which is a wish unless `claims` asks for it as essential (§5.5.1.1), and this client does
/// not. Step 13: `auth_time` is there and recent enough when `max_age` was sent.
fn check_auth_time(claims: &ClaimSet, expected: &Expectations<'_>) -> Result<(), IdTokenError> {
    let Some(max_age) = expected.max_age else { return Ok(()) };
    let authenticated = claims.time(NumericDate::AuthTime).ok_or(IdTokenError::AuthTimeMissing)?;
    let over = authenticated.saturating_add(Duration::from_secs(max_age)).saturating_add(expected.leeway);
    if expected.now > over { Err(IdTokenError::AuthTime) } else { Ok(()) }
}

/// §3.1.3.8: `at_hash` is the left half of the access token's hash. The token endpoint may leave it out.
fn check_access_token_hash(
    claims: &ClaimSet,
    algorithm: Algorithm,
    expected: &Expectations<'_>,
) -> Result<(), IdTokenError> {
    let (Some(access_token), Some(hash)) = (expected.access_token, claims.text(Text::AtHash)) else { return Ok(()) };
    let digest = digest::digest(algorithm.hash(), access_token.expose().as_bytes());
    let half = &digest.as_ref()[..digest.as_ref().len() / 2];
    // 32 bytes at most become 43 characters.
    let mut buffer = [0; 43];
    match base64url::encode_into(half, &mut buffer) {
        Some(encoded) if encoded == hash.as_bytes() => Ok(()),
        Some(_) | None => Err(IdTokenError::AccessTokenHash),
    }
}

/// Auth0, "Work with Tokens and Organizations": a requested id is compared with `org_id` exactly, a requested name with
/// `org_name` in lower case. A token without the claim is of no organization.
fn check_organization(claims: &ClaimSet, expected: &Expectations<'_>) -> Result<(), IdTokenError> {
    let Some(requested) = expected.organization else { return Ok(()) };
    let matches = if requested.starts_with("org_") {
        claims.text(Text::OrgId) == Some(requested)
    } else {
        claims.text(Text::OrgName).is_some_and(|name| name.eq_ignore_ascii_case(requested))
    };
    if matches { Ok(()) } else { Err(IdTokenError::Organization) }
}

/// §12.2, in its order. `iat` was checked as for any token, and `aud` has the client in it: that it has every audience
/// of before is not asked, since a provider may list the clients of a project, one of which is deleted.
fn check_unchanged(claims: &ClaimSet, previous: &Claims) -> Result<(), IdTokenError> {
    if claims.text(Text::Iss) != Some(previous.iss()) {
        return Err(IdTokenError::Issuer);
    }
    if claims.text(Text::Sub) != Some(previous.sub()) {
        return Err(IdTokenError::Subject);
    }
    // The time of the login, where both tell it.
    if let (Some(before), Some(after)) = (previous.auth_time(), claims.time(NumericDate::AuthTime))
        && before != after
    {
        return Err(IdTokenError::AuthTime);
    }
    // There should be none, and the same if there is.
    if claims.text(Text::Nonce).is_some_and(|nonce| previous.nonce() != Some(nonce)) {
        return Err(IdTokenError::Nonce);
    }
    // `azp` is the client in both, by step 5. Whether it is there at all may change when a server is updated, and
    // that should not cost anyone a session.
    Ok(())
}
