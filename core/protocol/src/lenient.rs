//! A lenient reader for responses of a server.
//!
//! [`json`](crate::json) refuses JSON that two readers could understand differently; tokens need that. A token response
//! came over TLS from the right server, and with rotation the refresh token in it may be the only one that works. So only
//! the members that are used are checked, and the rest only has to be JSON. A byte order mark, another charset, or a
//! duplicate of an unused member does no harm.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::{fmt, mem};

use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use url::form_urlencoded;
use zeroize::Zeroize;

use crate::http::{MAX_TOKEN_RESPONSE, Response};
use crate::json::{Malformed, Name};

/// The text of a body: one byte order mark is dropped (RFC 8259 §8.1 allows that), and what is not UTF-8 is replaced
/// by U+FFFD, so that a name in latin-1 does not cost the tokens beside it.
pub(crate) fn text(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes))
}

/// Calls `each` for every occurrence of a `wanted` member, and returns whether the object has any member at all. After an
/// error, `each` was called for what was read before it.
pub(crate) fn members(
    text: &str,
    wanted: &[&'static str],
    each: impl FnMut(&'static str, Value),
) -> Result<bool, Malformed> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let has_members = deserializer.deserialize_map(Wanted { wanted, each })?;
    deserializer.end()?;
    Ok(has_members)
}

struct Wanted<'w, F> {
    wanted: &'w [&'static str],
    each: F,
}

impl<'de, F: FnMut(&'static str, Value)> Visitor<'de> for Wanted<'_, F> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<bool, A::Error> {
        let mut has_members = false;
        while let Some(name) = map.next_key_seed(Name)? {
            has_members = true;
            match self.wanted.iter().find(|wanted| **wanted == name) {
                Some(wanted) => (self.each)(wanted, map.next_value()?),
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(has_members)
    }
}

/// The members of a response that are wanted. What is left of them is wiped when dropped.
pub(crate) struct Members {
    members: Vec<(&'static str, Member)>,
    /// Whether the body is an object or a form with something in it.
    pub(crate) has_any: bool,
    /// Whether the body is a form and not JSON.
    pub(crate) is_form: bool,
}

/// A member of a response.
#[derive(Debug, Default, PartialEq)]
pub(crate) enum Member {
    #[default]
    Absent,
    Once(Value),
    Twice,
}

impl Members {
    /// Reads a JSON object or, where the response says that it is a form or plain text, the encoded members of one:
    /// GitHub answers so (RFC 6749 §5 asks for JSON).
    pub(crate) fn of_response(response: &Response, wanted: &[&'static str]) -> Result<Self, Malformed> {
        if response.body.len() > MAX_TOKEN_RESPONSE {
            return Err(Malformed);
        }
        let mut read = Self {
            members: wanted.iter().map(|name| (*name, Member::Absent)).collect(),
            has_any: false,
            is_form: may_be_form(response),
        };
        let text = text(&response.body);
        // Some servers say that their JSON is text.
        if read.is_form && !text.trim_start().starts_with('{') {
            for (name, value) in form_urlencoded::parse(text.as_bytes()) {
                if let Some(wanted) = wanted.iter().find(|wanted| **wanted == name) {
                    read.has_any = true;
                    read.put(wanted, Value::String(value.into_owned()));
                }
            }
            return if read.has_any { Ok(read) } else { Err(Malformed) };
        }
        read.is_form = false;
        read.has_any = members(&text, wanted, |name, value| read.put(name, value))?;
        Ok(read)
    }

    /// The member, which is absent from then on.
    pub(crate) fn take(&mut self, name: &str) -> Member {
        self.place(name).map(mem::take).unwrap_or_default()
    }

    pub(crate) fn get(&self, name: &str) -> &Member {
        self.members.iter().find(|(present, _)| *present == name).map_or(&Member::Absent, |(_, member)| member)
    }

    /// The member's text, if it occurs once and is text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        match self.get(name) {
            Member::Once(value) => value.as_str(),
            Member::Absent | Member::Twice => None,
        }
    }

    fn put(&mut self, name: &str, value: Value) {
        let Some(place) = self.place(name) else { return };
        let next = if *place == Member::Absent { Member::Once(value) } else { Member::Twice };
        mem::replace(place, next).wipe();
    }

    fn place(&mut self, name: &str) -> Option<&mut Member> {
        self.members.iter_mut().find(|(present, _)| *present == name).map(|(_, member)| member)
    }
}

impl Drop for Members {
    fn drop(&mut self) {
        for (_, member) in &mut self.members {
            member.wipe();
        }
    }
}

impl Member {
    /// Whether nothing was said: the member is not there, `null` or empty.
    pub(crate) fn says_nothing(&self) -> bool {
        match self {
            Self::Absent | Self::Once(Value::Null) => true,
            Self::Once(Value::String(text)) => text.is_empty(),
            Self::Once(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) | Self::Twice => false,
        }
    }

    fn wipe(&mut self) {
        if let Self::Once(Value::String(text)) = self {
            text.zeroize();
        }
    }
}

fn may_be_form(response: &Response) -> bool {
    matches!(response.content_type().as_deref(), Some("application/x-www-form-urlencoded" | "text/plain"))
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::vec;

    use serde_json::json;

    use super::*;
    use crate::fixtures::response;
    use crate::http::Headers;

    fn read(content_type: &str, body: &str) -> Result<Members, Malformed> {
        Members::of_response(&response(200, content_type, body), &["a", "b"])
    }

    fn a(body: &str) -> Member {
        read("application/json", body).unwrap().take("a")
    }

    #[test]
    fn what_no_one_wants_may_stand_twice_and_be_nested_deeper_than_any_reader_likes() {
        let deep = format!(r#"{{"x":{}{},"x":1,"a":1}}"#, "[".repeat(10_000), "]".repeat(10_000));
        assert_eq!(a(&deep), Member::Once(json!(1)));
        assert_eq!(a(r#"{"x":{"y":1,"y":2},"x":"\ud800","a":null}"#), Member::Once(Value::Null));
        let many: Vec<_> = (0..1_000).map(|index| format!("\"{index}\":0")).collect();
        assert_eq!(a(&format!("{{{},\"a\":[2]}}", many.join(","))), Member::Once(json!([2])));
    }

    #[test]
    fn what_is_wanted_is_told_from_what_is_not_there_or_twice() {
        assert_eq!(a("{}"), Member::Absent);
        assert_eq!(a(r#"{"b":1}"#), Member::Absent);
        assert_eq!(a(r#"{"a":1,"b":1,"\u0061":1}"#), Member::Twice);
        assert_eq!(a(r#"{"a":1,"a":1,"a":1}"#), Member::Twice);
        assert!(!read("application/json", "{}").unwrap().has_any);
        assert!(read("application/json", r#"{"x":1}"#).unwrap().has_any);
        let mut members = read("application/json", r#"{"a":"t"}"#).unwrap();
        assert_eq!((members.text("a"), members.text("b"), members.text("x")), (Some("t"), None, None));
        assert_eq!((members.take("a"), members.take("a")), (Member::Once(json!("t")), Member::Absent));
    }

    #[test]
    fn what_says_nothing_is_absent_null_or_empty() {
        for body in ["{}", r#"{"a":null}"#, r#"{"a":""}"#] {
            assert!(a(body).says_nothing(), "{body}");
        }
        for body in [r#"{"a":" "}"#, r#"{"a":0}"#, r#"{"a":false}"#, r#"{"a":[]}"#, r#"{"a":{}}"#, r#"{"a":1,"a":1}"#] {
            assert!(!a(body).says_nothing(), "{body}");
        }
    }

    #[test]
    fn a_byte_order_mark_and_another_charset_are_read_over() {
        assert_eq!(a("\u{feff}{\"a\":1}"), Member::Once(json!(1)));
        assert!(read("application/json", "\u{feff}\u{feff}{\"a\":1}").is_err());
        let latin =
            Response { status: 200, headers: Headers::new(), body: b"{\"x\":\"Jos\xe9\",\"a\":\"\xe9\"}".to_vec() };
        assert_eq!(Members::of_response(&latin, &["a"]).unwrap().take("a"), Member::Once(json!("\u{fffd}")));
    }

    #[test]
    fn what_is_not_one_whole_object_is_refused() {
        for body in ["", "[]", "{", "{}{}", "{\"a\":1,}", "{\"x\":NaN}", "null", "<html>", "a=1"] {
            assert!(read("application/json", body).is_err(), "{body}");
        }
        let large = |length: usize| {
            let body = format!("{{{}}}", " ".repeat(length - 2)).into_bytes();
            Members::of_response(&Response { status: 200, headers: Headers::new(), body }, &["a"]).is_ok()
        };
        assert!(large(MAX_TOKEN_RESPONSE));
        assert!(!large(MAX_TOKEN_RESPONSE + 1));
    }

    #[test]
    fn a_form_is_read_where_the_response_says_that_it_may_be_one() {
        for content_type in ["application/x-www-form-urlencoded; charset=utf-8", "text/plain"] {
            let mut form = read(content_type, "x=1&a=b%20c+d&b=1&b=2").unwrap();
            assert!(form.is_form && form.has_any);
            assert_eq!((form.take("a"), form.take("b")), (Member::Once(json!("b c d")), Member::Twice));
            assert!(read(content_type, "x=1&ab=2").is_err());
            let mut json = read(content_type, " {\"a\":\"x=1\"}").unwrap();
            assert_eq!((json.is_form, json.take("a")), (false, Member::Once(json!("x=1"))));
        }
        for content_type in ["text/html", "application/json", ""] {
            assert!(read(content_type, "a=b").is_err(), "{content_type}");
        }
    }

    #[test]
    fn what_was_read_before_an_error_was_handed_over() {
        let mut read = vec![];
        assert_eq!(members(r#"{"a":1,"b":2"#, &["a"], |name, value| read.push((name, value))), Err(Malformed));
        assert_eq!(read, [("a", json!(1))]);
    }
}
