//! Texts with places for what is known at run time only.
//!
//! `${NAME}` is a variable, `${NAME%}` the same percent-encoded for a query; `${now}`, `${now+60}` and `${now-60}` are
//! seconds since 1970, `${http_date+60}` the same as in a `Date` header; `${repeat 50000 [}` is a text many times. A JSON
//! string that is nothing but `${now…}` becomes a number.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value};

/// A template names something that there is not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a template names `${{{0}}}`, which there is not here")]
pub struct TemplateError(pub String);

/// Writes `text` with what its places stand for: `${NAME}` as `variable` knows the name, `${NAME%}` the same percent-encoded
/// for a query; `${now}`, `${now+60}` and `${now-60}` in seconds since 1970, `${http_date+60}` the same as in a `Date` header,
/// and `${repeat 50000 [}` for a text many times.
///
/// # Errors
/// [`TemplateError`] for a name that there is not.
pub fn expand(text: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<String, TemplateError> {
    let mut expanded = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (name, after) = after.split_once('}').ok_or_else(|| TemplateError(after.to_owned()))?;
        expanded.push_str(before);
        expanded.push_str(&value(name, variable).ok_or_else(|| TemplateError(name.to_owned()))?);
        rest = after;
    }
    expanded.push_str(rest);
    Ok(expanded)
}

/// The same for every text in a JSON value.
pub(super) fn expand_json(value: &Value, variable: &dyn Fn(&str) -> Option<String>) -> Result<Value, TemplateError> {
    Ok(match value {
        Value::String(text) => {
            let expanded = expand(text, variable)?;
            let is_time = text.starts_with("${now") && text.find('}') == Some(text.len() - 1);
            match expanded.parse::<i64>() {
                Ok(seconds) if is_time => seconds.into(),
                Ok(_) | Err(_) => expanded.into(),
            }
        }
        Value::Array(items) => {
            Value::Array(items.iter().map(|item| expand_json(item, variable)).collect::<Result<_, _>>()?)
        }
        Value::Object(members) => Value::Object(expand_members(members, variable)?),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    })
}

/// The same for the members of an object.
pub(super) fn expand_members(
    members: &Map<String, Value>,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Map<String, Value>, TemplateError> {
    members.iter().map(|(name, value)| Ok((name.clone(), expand_json(value, variable)?))).collect()
}

/// Seconds since 1970.
pub(super) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

fn value(name: &str, variable: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    if let Some(offset) = name.strip_prefix("now") {
        return Some((now() + seconds(offset)?).to_string());
    }
    if let Some(offset) = name.strip_prefix("http_date") {
        let at = u64::try_from(now() + seconds(offset)?).ok()?;
        return Some(httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(at)));
    }
    if let Some(repeated) = name.strip_prefix("repeat ") {
        let (times, text) = repeated.split_once(' ')?;
        return Some(text.repeat(times.parse().ok()?));
    }
    match name.strip_suffix('%') {
        Some(name) => Some(url::form_urlencoded::byte_serialize(variable(name)?.as_bytes()).collect()),
        None => variable(name),
    }
}

/// `+60` and `-60`; nothing is 0.
fn seconds(offset: &str) -> Option<i64> {
    if offset.is_empty() { Some(0) } else { offset.parse().ok().filter(|_| offset.starts_with(['+', '-'])) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn known(name: &str) -> Option<String> {
        (name == "issuer").then(|| "http://127.0.0.1:1/a b".to_owned())
    }

    #[test]
    fn places_are_filled_and_other_text_is_kept() {
        assert_eq!(expand("{$} ${issuer}!", &known).unwrap(), "{$} http://127.0.0.1:1/a b!");
        assert_eq!(expand("${issuer%}", &known).unwrap(), "http%3A%2F%2F127.0.0.1%3A1%2Fa+b");
        assert_eq!(expand("${repeat 3 [a}", &known).unwrap(), "[a[a[a");
        assert_eq!(expand("${http_date-9999999999}", &known), Err(TemplateError("http_date-9999999999".to_owned())));
    }

    #[test]
    fn name_that_is_not_known_is_an_error_that_names_it() {
        for (text, name) in
            [("${nobody}", "nobody"), ("${now60}", "now60"), ("${open", "open"), ("${repeat x y}", "repeat x y")]
        {
            assert_eq!(expand(text, &known), Err(TemplateError(name.to_owned())));
        }
    }

    #[test]
    fn time_alone_is_a_number_and_a_text_with_a_time_in_it_is_text() {
        let before = now();
        let expanded =
            expand_json(&json!({"exp": "${now+60}", "text": "at ${now}", "list": ["${now}", 1]}), &known).unwrap();
        assert!(expanded["exp"].as_i64().unwrap() >= before + 60);
        assert!(expanded["text"].is_string() && expanded["list"][0].is_i64());
    }
}
