//! Request parameters from a query, a form or a JSON object, in their order and with their repetitions.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::Value;
use url::form_urlencoded;

/// Name and value pairs as they came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Parameters(Vec<(String, String)>);

/// A parameter that was given more than once (RFC 6749 §3.1 and §3.2 forbid it).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Repeated(pub(crate) String);

impl Parameters {
    pub(crate) fn from_urlencoded(text: &[u8]) -> Self {
        Self(form_urlencoded::parse(text).into_owned().collect())
    }

    /// `None` when the bytes are not a JSON object.
    pub(crate) fn from_json(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The value of `name`, where an empty one counts as absent (RFC 6749 §3.1).
    pub(crate) fn one(&self, name: &str) -> Result<Option<&str>, Repeated> {
        let mut values = self.0.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let first = values.next();
        if values.next().is_some() {
            return Err(Repeated(name.to_owned()));
        }
        Ok(first.filter(|value| !value.is_empty()))
    }

    /// The first value of `name`, for the tenant's own forms.
    pub(crate) fn first(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    pub(crate) fn append(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }
}

impl<'a> FromIterator<(&'a str, &'a str)> for Parameters {
    fn from_iter<I: IntoIterator<Item = (&'a str, &'a str)>>(pairs: I) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }
}

impl<'de> Deserialize<'de> for Parameters {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Parameters;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Parameters, A::Error> {
                let mut pairs = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    match value {
                        Value::Null => {}
                        Value::String(text) => pairs.push((name, text)),
                        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                            pairs.push((name, value.to_string()));
                        }
                    }
                }
                Ok(Parameters(pairs))
            }
        }

        deserializer.deserialize_map(Members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_parameter_is_an_error_in_a_form_and_in_json() {
        let form = Parameters::from_urlencoded(b"scope=a&client_id=x&client_id=y");
        let json = Parameters::from_json(br#"{"scope":"a","client_id":"x","client_id":"y"}"#).unwrap();
        for parameters in [form, json] {
            assert_eq!(parameters.one("scope"), Ok(Some("a")));
            assert_eq!(parameters.one("client_id"), Err(Repeated("client_id".to_owned())));
            assert_eq!(parameters.one("code"), Ok(None));
        }
    }

    #[test]
    fn empty_parameter_counts_as_absent() {
        assert_eq!(Parameters::from_urlencoded(b"state=&x=1").one("state"), Ok(None));
    }

    #[test]
    fn json_that_is_not_an_object_is_refused() {
        for text in ["[]", "\"text\"", "{", "", "12"] {
            assert_eq!(Parameters::from_json(text.as_bytes()), None, "{text}");
        }
    }
}
