//! Claims about a user, as in ID tokens and userinfo responses (OpenID Connect Core §2, §5.1).
//!
//! They are read at a login and at every renewal. So reading takes one pass over the JSON, and one allocation for any
//! number of claims: all texts are in one buffer, and a claim is a range in it.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::de::MapAccess;

use crate::json::{self, Fields, Inside, Scalar};
use crate::time::Timestamp;

/// The claims about the user that the provider sent. None of them is checked. Only `sub` identifies the user (OpenID Connect
/// Core §5.7): an email address can later belong to another user.
///
/// A claim that is missing, `null` or of another type than OpenID Connect's is `None`.
#[derive(Clone, Copy)]
pub struct Profile<'a>(&'a ClaimSet);

impl<'a> Profile<'a> {
    pub(crate) const fn new(claims: &'a ClaimSet) -> Self {
        Self(claims)
    }

    /// `name`: the full name, as it is to be shown.
    #[must_use]
    pub fn name(&self) -> Option<&'a str> {
        self.0.text(Text::Name)
    }

    /// `given_name`
    #[must_use]
    pub fn given_name(&self) -> Option<&'a str> {
        self.0.text(Text::GivenName)
    }

    /// `family_name`
    #[must_use]
    pub fn family_name(&self) -> Option<&'a str> {
        self.0.text(Text::FamilyName)
    }

    /// `nickname`
    #[must_use]
    pub fn nickname(&self) -> Option<&'a str> {
        self.0.text(Text::Nickname)
    }

    /// `preferred_username`
    #[must_use]
    pub fn preferred_username(&self) -> Option<&'a str> {
        self.0.text(Text::PreferredUsername)
    }

    /// `email`
    #[must_use]
    pub fn email(&self) -> Option<&'a str> {
        self.0.text(Text::Email)
    }

    /// `email_verified`
    #[must_use]
    pub fn email_verified(&self) -> Option<bool> {
        self.0.email_verified
    }

    /// `picture`: a URL, not checked in any way.
    #[must_use]
    pub fn picture(&self) -> Option<&'a str> {
        self.0.text(Text::Picture)
    }

    /// `locale`
    #[must_use]
    pub fn locale(&self) -> Option<&'a str> {
        self.0.text(Text::Locale)
    }

    /// `zoneinfo`
    #[must_use]
    pub fn zoneinfo(&self) -> Option<&'a str> {
        self.0.text(Text::Zoneinfo)
    }

    /// `updated_at`: when the profile last changed, from seconds since the epoch (OpenID Connect Core §5.1) or, as
    /// Auth0 writes it, from RFC 3339 text.
    #[must_use]
    pub fn updated_at(&self) -> Option<Timestamp> {
        self.0.updated_at
    }
}

/// Personal data is not for logs.
impl fmt::Debug for Profile<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[Profile]")
    }
}

/// All claims of one document that this crate knows. One of a wrong type is absent, and [`ClaimSet::is_odd`] says so: code
/// that asked for the claim decides whether that matters.
#[derive(Clone)]
pub(crate) struct ClaimSet {
    /// The texts of all claims, one after another.
    texts: String,
    places: [Option<Place>; Text::COUNT],
    times: [Option<Timestamp>; NumericDate::COUNT],
    audience: Audience,
    email_verified: Option<bool>,
    updated_at: Option<Timestamp>,
    /// The claims that are odd, one bit each, by [`Fields::number`].
    odd: u64,
}

/// Where a text stands in [`ClaimSet::texts`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    start: u32,
    end: u32,
}

/// `aud`: nearly always one, which then costs no allocation.
#[derive(Clone, Default)]
struct Audience {
    first: Option<Place>,
    others: Vec<Place>,
}

/// Claims that are text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Text {
    Iss,
    Sub,
    Nonce,
    Azp,
    AtHash,
    OrgId,
    OrgName,
    Sid,
    Name,
    GivenName,
    FamilyName,
    Nickname,
    PreferredUsername,
    Email,
    Picture,
    Locale,
    Zoneinfo,
}

impl Text {
    const COUNT: usize = Self::Zoneinfo as usize + 1;
}

/// Claims that are points in time (RFC 7519 §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NumericDate {
    Exp,
    Iat,
    Nbf,
    AuthTime,
}

impl NumericDate {
    const COUNT: usize = Self::AuthTime as usize + 1;
}

impl ClaimSet {
    /// Reads a JSON object of claims.
    ///
    /// # Errors
    /// [`json::Malformed`] when it is no object of unique members. `null` counts as absent.
    pub(crate) fn parse(source: &str) -> Result<Self, json::Malformed> {
        let mut claims = Self {
            // Unescaped, no text is longer than where it came from, so this never grows.
            texts: String::with_capacity(source.len()),
            places: [None; Text::COUNT],
            times: [None; NumericDate::COUNT],
            audience: Audience::default(),
            email_verified: None,
            updated_at: None,
            odd: 0,
        };
        json::read_object(source, &mut claims)?;
        Ok(claims)
    }

    pub(crate) fn text(&self, claim: Text) -> Option<&str> {
        self.place(claim).map(|place| self.at(place))
    }

    pub(crate) const fn place(&self, claim: Text) -> Option<Place> {
        self.places[claim as usize]
    }

    pub(crate) fn at(&self, place: Place) -> &str {
        &self.texts[place.start as usize..place.end as usize]
    }

    pub(crate) const fn time(&self, claim: NumericDate) -> Option<Timestamp> {
        self.times[claim as usize]
    }

    /// Whether the claim is there with a type that it cannot have.
    pub(crate) fn is_odd(&self, claim: Field) -> bool {
        self.odd & 1 << Self::number(claim) != 0
    }

    pub(crate) fn audience(&self) -> impl Iterator<Item = &str> {
        self.audience.first.iter().chain(&self.audience.others).map(|place| self.at(*place))
    }
}

/// A claim that this crate knows.
#[derive(Clone, Copy)]
pub(crate) enum Field {
    Text(Text),
    Date(NumericDate),
    Audience,
    EmailVerified,
    UpdatedAt,
}

impl<'de> Fields<'de> for ClaimSet {
    type Field = Field;

    fn field(name: &str) -> Option<Field> {
        Some(match name {
            "iss" => Field::Text(Text::Iss),
            "sub" => Field::Text(Text::Sub),
            "aud" => Field::Audience,
            "exp" => Field::Date(NumericDate::Exp),
            "iat" => Field::Date(NumericDate::Iat),
            "nbf" => Field::Date(NumericDate::Nbf),
            "auth_time" => Field::Date(NumericDate::AuthTime),
            "nonce" => Field::Text(Text::Nonce),
            "azp" => Field::Text(Text::Azp),
            "at_hash" => Field::Text(Text::AtHash),
            "org_id" => Field::Text(Text::OrgId),
            "org_name" => Field::Text(Text::OrgName),
            "sid" => Field::Text(Text::Sid),
            "name" => Field::Text(Text::Name),
            "given_name" => Field::Text(Text::GivenName),
            "family_name" => Field::Text(Text::FamilyName),
            "nickname" => Field::Text(Text::Nickname),
            "preferred_username" => Field::Text(Text::PreferredUsername),
            "email" => Field::Text(Text::Email),
            "email_verified" => Field::EmailVerified,
            "picture" => Field::Text(Text::Picture),
            "locale" => Field::Text(Text::Locale),
            "zoneinfo" => Field::Text(Text::Zoneinfo),
            "updated_at" => Field::UpdatedAt,
            _ => return None,
        })
    }

    fn number(field: Field) -> u32 {
        match field {
            Field::Text(claim) => claim as u32,
            Field::Date(claim) => 32 + claim as u32,
            Field::Audience => 48,
            Field::EmailVerified => 49,
            Field::UpdatedAt => 50,
        }
    }

    fn read<A: MapAccess<'de>>(&mut self, field: Field, map: &mut A, inside: Inside<'_, 'de>) -> Result<(), A::Error> {
        let is_odd = match field {
            Field::Audience => {
                let Self { texts, audience, .. } = self;
                !inside.texts(map, |text| audience.extend(append(texts, text)))?
            }
            Field::Text(claim) => match inside.scalar(map)? {
                Scalar::Text(text) => {
                    self.places[claim as usize] = append(&mut self.texts, &text);
                    false
                }
                Scalar::Null => false,
                Scalar::Integer(_) | Scalar::Number(_) | Scalar::Boolean(_) | Scalar::Compound => true,
            },
            Field::Date(claim) => {
                let value = inside.scalar(map)?;
                self.times[claim as usize] = numeric_date(&value);
                self.times[claim as usize].is_none() && value != Scalar::Null
            }
            Field::EmailVerified => {
                let value = inside.scalar(map)?;
                self.email_verified = if let Scalar::Boolean(value) = value { Some(value) } else { None };
                self.email_verified.is_none() && value != Scalar::Null
            }
            Field::UpdatedAt => {
                let value = inside.scalar(map)?;
                self.updated_at =
                    if let Scalar::Text(text) = &value { Timestamp::of_rfc3339(text) } else { numeric_date(&value) };
                self.updated_at.is_none() && value != Scalar::Null
            }
        };
        if is_odd {
            self.odd |= 1 << Self::number(field);
        }
        Ok(())
    }
}

impl Audience {
    fn extend(&mut self, place: Option<Place>) {
        match self.first {
            None => self.first = place,
            Some(_) => self.others.extend(place),
        }
    }
}

/// Where the text stands after it was appended; `None` beyond 4 GiB, which no document here comes near.
fn append(texts: &mut String, text: &str) -> Option<Place> {
    let start = u32::try_from(texts.len()).ok()?;
    let end = start.checked_add(u32::try_from(text.len()).ok()?)?;
    texts.push_str(text);
    Some(Place { start, end })
}

/// Seconds since the epoch, with or without a fraction (RFC 7519 §2).
fn numeric_date(value: &Scalar<'_>) -> Option<Timestamp> {
    match value {
        Scalar::Integer(seconds) => Some(Timestamp::from_unix_seconds(*seconds)),
        // Saturating, so that a number beyond all time is the end of it.
        Scalar::Number(seconds) => Some(Timestamp::from_unix_millis((seconds * 1_000.0) as i64)),
        Scalar::Text(_) | Scalar::Boolean(_) | Scalar::Null | Scalar::Compound => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(source: &str) -> ClaimSet {
        ClaimSet::parse(source).unwrap()
    }

    #[test]
    fn claims_of_every_kind_are_read() {
        let claims = parse(
            r#"{"iss":"i","sub":"s","aud":["a","b"],"exp":2,"iat":1.5,"auth_time":1,"nonce":"n\u00e9\n","org_id":"org_1",
            "name":"N","email":"e@x.example","email_verified":true,"updated_at":3,"https://x.example/roles":["r"]}"#,
        );
        assert_eq!(claims.text(Text::Iss), Some("i"));
        assert_eq!(claims.text(Text::Sub), Some("s"));
        assert_eq!(claims.text(Text::Nonce), Some("n\u{e9}\n"));
        assert_eq!(claims.audience().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(claims.time(NumericDate::Exp), Some(Timestamp::from_unix_seconds(2)));
        assert_eq!(claims.time(NumericDate::Iat), Some(Timestamp::from_unix_millis(1_500)));
        assert_eq!(claims.time(NumericDate::Nbf), None);
        let profile = Profile::new(&claims);
        assert_eq!((profile.name(), profile.email()), (Some("N"), Some("e@x.example")));
        assert_eq!(profile.email_verified(), Some(true));
        assert_eq!(profile.updated_at(), Some(Timestamp::from_unix_seconds(3)));
        assert_eq!(profile.picture(), None);
    }

    #[test]
    fn a_single_audience_is_one() {
        assert_eq!(parse(r#"{"aud":"a"}"#).audience().collect::<Vec<_>>(), ["a"]);
        assert_eq!(parse(r#"{"aud":[]}"#).audience().count(), 0);
    }

    #[test]
    fn a_claim_of_another_type_is_absent_and_odd() {
        use Field::{Audience, Date, EmailVerified, UpdatedAt};
        for (source, claim) in [
            (r#"{"iss":1}"#, Field::Text(Text::Iss)),
            (r#"{"sub":["s"]}"#, Field::Text(Text::Sub)),
            (r#"{"nonce":true}"#, Field::Text(Text::Nonce)),
            (r#"{"sid":{}}"#, Field::Text(Text::Sid)),
            (r#"{"name":1.5}"#, Field::Text(Text::Name)),
            (r#"{"exp":"2"}"#, Date(NumericDate::Exp)),
            (r#"{"iat":[1]}"#, Date(NumericDate::Iat)),
            (r#"{"auth_time":false}"#, Date(NumericDate::AuthTime)),
            (r#"{"aud":1}"#, Audience),
            (r#"{"aud":["a",1]}"#, Audience),
            (r#"{"aud":-1}"#, Audience),
            (r#"{"aud":1.5}"#, Audience),
            (r#"{"aud":true}"#, Audience),
            (r#"{"aud":{"a":1}}"#, Audience),
            (r#"{"email_verified":"true"}"#, EmailVerified),
            (r#"{"updated_at":"then"}"#, UpdatedAt),
        ] {
            let claims = parse(source);
            assert!(claims.is_odd(claim), "{source}");
            assert_eq!(claims.odd.count_ones(), 1, "{source}");
            match claim {
                Field::Text(claim) => assert_eq!(claims.text(claim), None),
                Date(claim) => assert_eq!(claims.time(claim), None),
                Audience | EmailVerified | UpdatedAt => {}
            }
        }
        let fine = r#"{"iss":"i","sub":null,"aud":null,"exp":2,"iat":null,"name":null,"email_verified":null,"updated_at":null}"#;
        assert_eq!(parse(fine).odd, 0);
        assert_eq!(parse(r#"{"email_verified":true,"updated_at":"2024-02-29T12:34:56Z"}"#).odd, 0);
    }

    #[test]
    fn claims_that_stand_twice_are_refused() {
        for source in [
            r#"{"sub":"a","sub":"b"}"#,
            r#"{"aud":"a","aud":"a"}"#,
            r#"{"x":{"y":1,"y":1}}"#,
            r#"{"aud":{"y":1,"y":1}}"#,
        ] {
            assert!(ClaimSet::parse(source).is_err(), "{source}");
        }
    }

    #[test]
    fn a_profile_claim_of_another_type_and_any_null_are_absent() {
        let claims =
            parse(r#"{"name":1,"email":["x"],"email_verified":"true","updated_at":"then","nonce":null,"exp":null}"#);
        let profile = Profile::new(&claims);
        assert_eq!((profile.name(), profile.email(), profile.email_verified()), (None, None, None));
        assert_eq!((profile.updated_at(), claims.text(Text::Nonce), claims.time(NumericDate::Exp)), (None, None, None));
    }

    #[test]
    fn a_time_beyond_all_time_is_the_end_of_it() {
        let claims = parse(r#"{"exp":1e300,"iat":-1e300,"nbf":99999999999999999999}"#);
        assert_eq!(claims.time(NumericDate::Exp), Some(Timestamp::from_unix_millis(i64::MAX)));
        assert_eq!(claims.time(NumericDate::Iat), Some(Timestamp::from_unix_millis(i64::MIN)));
        assert_eq!(claims.time(NumericDate::Nbf), Some(Timestamp::from_unix_millis(i64::MAX)));
    }

    #[test]
    fn an_update_in_auth0s_form_is_a_time() {
        let claims = parse(r#"{"updated_at":"2024-02-29T12:34:56.789Z"}"#);
        assert_eq!(Profile::new(&claims).updated_at(), Some(Timestamp::from_unix_millis(1_709_210_096_789)));
    }
}
