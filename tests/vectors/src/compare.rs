//! What came, held against what had to come. Each difference is a sentence.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use url::Url;

use crate::case::Expected;
use crate::driver::{Failure, Outcome};

/// How many seconds may lie between an answer and a look at it, on a busy machine.
const SOME_TIME: f64 = 30.0;

/// How the outcome of a step differs from what is expected; `None` when it does not.
pub fn outcome(expected: &Expected, seen: &Outcome) -> Option<String> {
    match (expected, seen) {
        (Expected::Error { kind, code }, Err(failure)) => {
            let is_it = *kind == failure.kind && *code == failure.code;
            (!is_it).then(|| format!("expected the error {kind} {code}, seen {}", told(failure)))
        }
        (Expected::Error { kind, code }, Ok(result)) => {
            Some(format!("expected the error {kind} {code}, seen success with {}", shortened(result)))
        }
        (Expected::Ok { .. }, Err(failure)) => Some(format!("expected success, seen {}", told(failure))),
        (Expected::Ok { has, lacks }, Ok(result)) => {
            if let Some(difference) = members(has, result, "") {
                return Some(difference);
            }
            let extra = lacks.iter().find(|path| !at(result, path).is_null())?;
            Some(format!("expected no `{extra}`, seen {}", at(result, extra)))
        }
    }
}

/// How the parameters of a URL for the browser differ from what is expected.
pub fn parameters(expected: &BTreeMap<String, String>, url: &str) -> Option<String> {
    let Ok(url) = Url::parse(url) else { return Some(format!("`{url}` is no URL")) };
    let seen: BTreeMap<_, _> = url.query_pairs().collect();
    expected.iter().find_map(|(name, value)| match (value.as_str(), seen.get(name.as_str())) {
        ("*", Some(seen)) if !seen.is_empty() => None,
        (value, Some(seen)) if value == seen.as_ref() => None,
        (value, seen) => Some(format!("expected the URL to have {name}={value}, seen {seen:?}")),
    })
}

/// How the requests that an issuer has seen differ from those expected.
pub fn requests(expected: &[String], seen: &[String]) -> Option<String> {
    if expected == seen {
        return None;
    }
    let list = |requests: &[String]| if requests.is_empty() { "none".to_owned() } else { requests.join(", ") };
    Some(format!("expected the requests [{}], seen [{}]", list(expected), list(seen)))
}

/// Whether `seen` has all of `expected`; other members of objects do not matter.
fn members(expected: &Map<String, Value>, seen: &Value, path: &str) -> Option<String> {
    expected.iter().find_map(|(name, value)| {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let seen = seen.get(name).unwrap_or(&Value::Null);
        let is_it = match value {
            Value::Object(inner) => return members(inner, seen, &path),
            Value::Number(number) => is_number(&path, number.as_f64(), seen.as_f64()),
            Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) => value == seen,
        };
        (!is_it).then(|| format!("expected `{path}` to be {value}, seen {}", shortened(seen)))
    })
}

/// All languages write numbers in their own way. Of a lifetime, some may have passed.
fn is_number(path: &str, expected: Option<f64>, seen: Option<f64>) -> bool {
    let (Some(expected), Some(seen)) = (expected, seen) else { return false };
    let passed = if path.ends_with("expires_in") { SOME_TIME } else { 0.0 };
    (expected - passed..=expected).contains(&seen)
}

fn at<'a>(value: &'a Value, path: &str) -> &'a Value {
    path.split('.').fold(value, |value, name| value.get(name).unwrap_or(&Value::Null))
}

fn told(failure: &Failure) -> String {
    format!("the error {} {} ({})", failure.kind, failure.code, failure.message)
}

fn shortened(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(300) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn failed(kind: &str, code: &str) -> Outcome {
        Err(Failure { kind: kind.to_owned(), code: code.to_owned(), message: String::new() })
    }

    fn error(kind: &str, code: &str) -> Expected {
        Expected::Error { kind: kind.to_owned(), code: code.to_owned() }
    }

    fn ok(has: &Value, lacks: &[&str]) -> Expected {
        let has = has.as_object().cloned().unwrap_or_default();
        Expected::Ok { has, lacks: lacks.iter().map(|&path| path.to_owned()).collect() }
    }

    #[test]
    fn only_the_very_error_is_the_expected_one() {
        let expected = error("Untrusted", "id_token_nonce");
        assert_eq!(outcome(&expected, &failed("Untrusted", "id_token_nonce")), None);
        for seen in [
            failed("Untrusted", "id_token_issuer"),
            failed("Denied", "id_token_nonce"),
            Ok(json!({ "claims": { "sub": "ada" } })),
        ] {
            assert!(outcome(&expected, &seen).is_some_and(|why| why.contains("id_token_nonce")), "{seen:?}");
        }
    }

    #[test]
    fn success_is_held_against_the_members_that_are_named() {
        let seen = Ok(json!({ "claims": { "sub": "ada", "name": "Ada" }, "expires_in": 10.0, "scope": null }));
        assert_eq!(outcome(&ok(&json!({}), &[]), &seen), None);
        assert_eq!(
            outcome(&ok(&json!({ "claims": { "sub": "ada" }, "expires_in": 10 }), &["scope", "a.b"]), &seen),
            None
        );
        assert_eq!(outcome(&ok(&json!({ "expires_in": 15 }), &[]), &seen), None);
        for (wrong, path) in [
            (ok(&json!({ "claims": { "sub": "grace" } }), &[]), "claims.sub"),
            (ok(&json!({ "expires_in": 9 }), &[]), "expires_in"),
            (ok(&json!({ "expires_in": 100 }), &[]), "expires_in"),
            (ok(&json!({ "renewed": false }), &[]), "renewed"),
            (ok(&json!({}), &["claims.name"]), "claims.name"),
        ] {
            assert!(outcome(&wrong, &seen).is_some_and(|why| why.contains(path)), "{path}");
        }
        assert!(
            outcome(&ok(&json!({}), &[]), &failed("Offline", "tls")).is_some_and(|why| why.contains("Offline tls"))
        );
    }

    #[test]
    fn requests_are_the_same_in_number_and_order_or_different() {
        let list = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let expected = list(&["discovery", "code"]);
        assert_eq!(requests(&expected, &list(&["discovery", "code"])), None);
        for seen in
            [list(&[]), list(&["discovery"]), list(&["code", "discovery"]), list(&["discovery", "code", "keys"])]
        {
            assert!(requests(&expected, &seen).is_some(), "{seen:?}");
        }
        assert_eq!(requests(&[], &list(&["keys"])).unwrap(), "expected the requests [none], seen [keys]");
    }

    #[test]
    fn parameters_of_a_url_are_compared_by_value_or_presence() {
        let expected = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), value.to_owned())]);
        let url = "https://i/authorize?prompt=login&state=&nonce=n";
        assert_eq!(parameters(&expected("prompt", "login"), url), None);
        assert_eq!(parameters(&expected("nonce", "*"), url), None);
        for wrong in [expected("prompt", "none"), expected("state", "*"), expected("absent", "*")] {
            assert!(parameters(&wrong, url).is_some(), "{wrong:?}");
        }
    }
}
