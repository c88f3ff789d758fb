//! What a resource server wants of a request that it refused: the challenges of `WWW-Authenticate` (RFC 9110 §11.6.1),
//! and step-up authentication among them (RFC 9470).

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use crate::http::Headers;

/// One challenge: a scheme and its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge<'a> {
    scheme: &'a str,
    parameters: Vec<(&'a str, Cow<'a, str>)>,
}

/// The user has to authenticate again, or in a stronger way, before an API serves this request (RFC 9470 §3).
///
/// The session goes on: the access token is good for other requests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StepUp {
    /// The authentication context classes that would do, separated by spaces, the preferred one first.
    pub acr_values: Option<String>,
    /// How long ago the user may have authenticated at most, in seconds.
    pub max_age: Option<u64>,
}

impl<'a> Challenge<'a> {
    /// The challenges of an answer, in order. What cannot be read as one is left out.
    #[must_use]
    pub fn all(headers: &'a Headers) -> Vec<Self> {
        let mut challenges = Vec::new();
        for field in headers.get_all("www-authenticate") {
            read(field, &mut challenges);
        }
        challenges
    }

    /// Whether it is of this scheme, whose name has no case.
    #[must_use]
    pub fn is(&self, scheme: &str) -> bool {
        self.scheme.eq_ignore_ascii_case(scheme)
    }

    /// The value of the first parameter called `name`, without its quotes.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let mut named = self.parameters.iter().filter(|(present, _)| present.eq_ignore_ascii_case(name));
        named.next().map(|(_, value)| value.as_ref())
    }
}

impl StepUp {
    /// The most that is taken of `acr_values`, in bytes.
    const MAX_LENGTH: usize = 1024;

    /// What an API's 401 with these header fields asks for, if it asks for that. A value that cannot stand in an
    /// authorization request is left out.
    #[must_use]
    pub fn of(headers: &Headers) -> Option<Self> {
        let asked = Challenge::all(headers).into_iter().find(|challenge| {
            (challenge.is("bearer") || challenge.is("dpop"))
                && challenge.parameter("error") == Some("insufficient_user_authentication")
        })?;
        let acr_values = asked.parameter("acr_values").map(str::trim).filter(|values| {
            (1..=Self::MAX_LENGTH).contains(&values.len()) && values.bytes().all(|byte| matches!(byte, 0x20..=0x7e))
        });
        Some(Self {
            acr_values: acr_values.map(String::from),
            max_age: asked.parameter("max_age").and_then(|seconds| seconds.trim().parse().ok()),
        })
    }
}

/// Reads the value of one field: words and `name=value` pairs between commas, where a word of its own begins a challenge.
fn read<'a>(field: &'a str, challenges: &mut Vec<Challenge<'a>>) {
    let mut is_open = false;
    for element in elements(field) {
        // A new challenge has its scheme and its first parameter in one element, with spaces between.
        let (scheme, parameter) = match element.find([' ', '\t', '=', '"']) {
            Some(end) if matches!(element.as_bytes()[end], b' ' | b'\t') => {
                let rest = element[end..].trim_start();
                if rest.starts_with('=') { (None, element) } else { (Some(&element[..end]), rest) }
            }
            Some(_) => (None, element),
            None => (Some(element), ""),
        };
        if let Some(scheme) = scheme {
            challenges.push(Challenge { scheme, parameters: Vec::new() });
            is_open = true;
        }
        if let Some(challenge) = challenges.last_mut().filter(|_| is_open)
            && let Some((name, value)) = parameter.split_once('=')
        {
            challenge.parameters.push((name.trim(), unquoted(value.trim())));
        }
    }
}

/// The text of a token or of a quoted string (RFC 9110 §5.6.4).
fn unquoted(value: &str) -> Cow<'_, str> {
    let Some(inner) = value.strip_prefix('"') else { return Cow::Borrowed(value) };
    let inner = inner.strip_suffix('"').unwrap_or(inner);
    if !inner.contains('\\') {
        return Cow::Borrowed(inner);
    }
    let mut text = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        text.extend(if character == '\\' { characters.next() } else { Some(character) });
    }
    Cow::Owned(text)
}

/// What stands between the commas of a field's value, those inside quotes not counted.
fn elements(field: &str) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    field
        .split(move |character| {
            let separates = character == ',' && !quoted;
            quoted ^= character == '"' && !escaped;
            escaped = quoted && character == '\\' && !escaped;
            separates
        })
        .map(str::trim)
        .filter(|element| !element.is_empty())
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    fn step_up(field: &str) -> Option<StepUp> {
        StepUp::of(&Headers::from_iter([("WWW-Authenticate", field)]))
    }

    #[test]
    fn challenges_are_told_apart_and_quotes_are_taken_off() {
        let headers = Headers::from_iter([
            (
                "WWW-Authenticate",
                r#"Newauth realm="apps, \"all\"", type=1, title="Login to \\ apps", Basic realm="simple""#,
            ),
            ("www-authenticate", "Negotiate YWJj==, Bearer"),
        ]);
        let challenges = Challenge::all(&headers);
        let schemes: Vec<&str> = challenges.iter().map(|challenge| challenge.scheme).collect();
        assert_eq!(schemes, ["Newauth", "Basic", "Negotiate", "Bearer"]);
        assert_eq!(challenges[0].parameter("realm"), Some(r#"apps, "all""#));
        assert_eq!(challenges[0].parameter("TYPE"), Some("1"));
        assert_eq!(challenges[0].parameter("title"), Some(r"Login to \ apps"));
        assert_eq!((challenges[1].parameter("realm"), challenges[1].parameter("type")), (Some("simple"), None));
    }

    #[test]
    fn step_up_is_read_as_the_rfc_writes_it() {
        let asked = step_up(
            r#"Bearer error="insufficient_user_authentication",
 error_description="A different authentication level is required", acr_values="myACR urn:other""#,
        );
        assert_eq!(asked, Some(StepUp { acr_values: Some("myACR urn:other".into()), max_age: None }));
        let recent = step_up(r#"DPoP error=insufficient_user_authentication, max_age="5""#);
        assert_eq!(recent, Some(StepUp { acr_values: None, max_age: Some(5) }));
        assert_eq!(step_up(r#"Bearer error="insufficient_user_authentication""#), Some(StepUp::default()));
    }

    #[test]
    fn a_value_that_cannot_be_sent_is_left_out() {
        let with =
            |parameters: &str| step_up(&format!("Bearer error=\"insufficient_user_authentication\", {parameters}"));
        let long = format!("acr_values=\"{}\"", "a".repeat(StepUp::MAX_LENGTH + 1));
        for odd in ["acr_values=\"\"", "acr_values=\"ä\"", "max_age=-1", "max_age=\"soon\"", &long] {
            assert_eq!(with(odd), Some(StepUp::default()), "{odd}");
        }
    }

    #[test]
    fn what_another_scheme_or_another_parameter_says_asks_for_nothing() {
        for field in [
            "",
            r#"Bearer error="invalid_token""#,
            r#"Basic error="insufficient_user_authentication""#,
            r#"Bearer realm="error=insufficient_user_authentication""#,
            r#"Bearer scope="a", Basic error="insufficient_user_authentication""#,
            r#"error="insufficient_user_authentication""#,
        ] {
            assert_eq!(step_up(field), None, "{field}");
        }
    }
}
