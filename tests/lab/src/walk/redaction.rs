//! Secrets taken out of what is shown. In their place stands the fingerprint that the tenant's dashboard shows too, so
//! that two occurrences of one token can be told from two tokens.

use std::fmt;

use hallpass_core::protocol::http::Headers;
use hallpass_tenant::fingerprint;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use url::{Url, form_urlencoded};

/// Members and parameters whose values are secrets.
const SECRETS: [&str; 10] = [
    "access_token",
    "code",
    "code_verifier",
    "id_token",
    "id_token_hint",
    "nonce",
    "refresh_token",
    "state",
    "token",
    "transaction",
];

/// More of an object is not shown, in characters; the answer of a token endpoint has to fit.
const MOST_OF_OBJECT: usize = 400;
/// More of any other JSON is not shown.
const MOST_OF_LIST: usize = 100;

/// A value as it may be shown.
pub(super) fn value(name: &str, value: &str) -> String {
    if name == "password" {
        "(not shown)".to_owned()
    } else if SECRETS.contains(&name) {
        fingerprint(value)
    } else {
        value.to_owned()
    }
}

/// The parameters of a query or of a form.
pub(super) fn parameters(encoded: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(encoded).map(|(name, text)| (name.to_string(), value(&name, &text))).collect()
}

/// An address on one line: its query shown without secrets, and readable rather than encoded.
pub(super) fn address(address: &str) -> String {
    let (place, query) = address.split_once('?').unwrap_or((address, ""));
    let pairs: Vec<String> =
        parameters(query.as_bytes()).into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    if pairs.is_empty() { place.to_owned() } else { format!("{place}?{}", pairs.join("&")) }
}

/// An address without its query.
pub(super) fn place(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    url.into()
}

/// The header fields of `headers` that are in `shown`, in that order.
pub(super) fn headers(headers: &Headers, shown: &[&str]) -> Vec<(String, String)> {
    let mut fields = Vec::new();
    for name in shown {
        for (known, text) in headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name)) {
            let text = match known.to_ascii_lowercase().as_str() {
                "authorization" => text
                    .split_once(' ')
                    .map_or_else(|| fingerprint(text), |(scheme, secret)| format!("{scheme} {}", fingerprint(secret))),
                "location" => address(text),
                _ => text.to_owned(),
            };
            fields.push((known.to_owned(), text));
        }
    }
    fields
}

/// A JSON body on one line, cut short: an object in the order in which its members came, without secrets, and of lists
/// in it their length only.
pub(super) fn json(body: &[u8]) -> Option<String> {
    match serde_json::from_slice(body) {
        Ok(Ordered(members)) => {
            let members: Vec<String> = members.iter().map(|(name, value)| member(name, value)).collect();
            Some(shortened(&format!("{{{}}}", members.join(",")), MOST_OF_OBJECT))
        }
        Err(_) => Some(shortened(&serde_json::from_slice::<Value>(body).ok()?.to_string(), MOST_OF_LIST)),
    }
}

fn member(name: &str, member: &Value) -> String {
    let shown = match member {
        Value::String(text) => Value::String(value(name, text)).to_string(),
        Value::Array(items) if items.iter().any(Value::is_object) => format!("[… {} …]", items.len()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => member.to_string(),
    };
    format!("{}:{shown}", Value::from(name))
}

fn shortened(text: &str, most: usize) -> String {
    let short: String = text.chars().take(most).collect();
    if short.len() < text.len() { short + " …" } else { short }
}

/// A JSON object whose members keep their order: on the wire, the order is part of what is shown.
struct Ordered(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Ordered {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Ordered;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Ordered, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Ordered(members))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn object_keeps_its_order_and_loses_its_secrets() {
        let shown =
            json(br#"{"refresh_token":"s3cret","client_id":"abc","expires_in":10,"access_token":"t0ken"}"#).unwrap();
        let expected = format!(
            r#"{{"refresh_token":"{}","client_id":"abc","expires_in":10,"access_token":"{}"}}"#,
            fingerprint("s3cret"),
            fingerprint("t0ken")
        );
        assert_eq!(shown, expected);
    }

    #[test]
    fn body_that_is_no_json_is_not_shown_and_a_long_one_is_cut_short() {
        assert_eq!(json(b"<html>"), None);
        let long = format!("[{}1]", "1,".repeat(1000));
        assert!(json(long.as_bytes()).unwrap().ends_with(" …"));
        assert_eq!(json(br#"{"keys":[{"kty":"RSA"},{"kty":"EC"}]}"#).as_deref(), Some(r#"{"keys":[… 2 …]}"#));
    }

    #[test]
    fn query_of_an_address_loses_its_secrets_and_stays_readable() {
        let shown = address("com.example.app:/callback?code=c0de&state=st&iss=http%3A%2F%2F127.0.0.1%2F");
        assert!(shown.ends_with("&iss=http://127.0.0.1/") && !shown.contains("c0de"), "{shown}");
        assert_eq!(address("/plain"), "/plain");
    }

    #[test]
    fn authorization_is_shown_as_its_scheme_and_a_fingerprint() {
        let all: Headers = [("Authorization", "Bearer t0ken"), ("Cookie", "a=1"), ("X", "y")].into_iter().collect();
        let shown = headers(&all, &["authorization", "x"]);
        assert_eq!(
            shown,
            [
                ("Authorization".to_owned(), format!("Bearer {}", fingerprint("t0ken"))),
                ("X".to_owned(), "y".to_owned())
            ]
        );
    }

    #[test]
    fn form_with_a_password_shows_that_there_is_one() {
        let shown = parameters(b"username=ada&password=horse&transaction=t");
        assert_eq!(shown[1], ("password".to_owned(), "(not shown)".to_owned()));
        assert!(!format!("{shown:?}").contains("horse"));
    }
}
