//! Strict JSON, for responses and tokens.
//!
//! JSON that two readers understand differently allows attacks (RFC 8725 §2.4, RFC 8259 §4): `{"sub":"a","sub":"b"}` is
//! one user to one library and another user to the next. So member names must be unique at every depth, and depth, number
//! of members and size are bounded. The grammar itself is `serde_json`'s.
//!
//! [`read_object`] reads in a single pass, for the hot path: it returns the wanted members and checks the rest. [`object`]
//! is the convenient form for everything else.

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::convert::Infallible;
use core::fmt;

use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

/// How deep objects and arrays may be nested, the outermost counting as one.
const MAX_DEPTH: usize = 16;
/// How many members one object may have, apart from those that are wanted.
const MAX_MEMBERS: usize = 512;

/// What was read is not a JSON object, or not one that can be read in one way only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed;

impl From<serde_json::Error> for Malformed {
    /// Leaves the message out, since it quotes the input.
    fn from(_: serde_json::Error) -> Self {
        Self
    }
}

/// Reads a whole document that is an object of at most `max_bytes` into `T`. Members that `T` does not know are checked
/// and ignored, and so is a byte order mark, as RFC 8259 §8.1 allows.
pub(crate) fn object<T: DeserializeOwned>(bytes: &[u8], max_bytes: usize) -> Result<T, Malformed> {
    if bytes.len() > max_bytes {
        return Err(Malformed);
    }
    let text = without_mark(core::str::from_utf8(bytes).map_err(|_| Malformed)?);
    read_object(text, &mut NoFields)?;
    Ok(serde_json::from_str(text)?)
}

/// The text without its byte order mark.
pub(crate) fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// Reads a whole document that is an object, in one pass, giving `fields` what it wants.
pub(crate) fn read_object<'de, F: Fields<'de>>(text: &'de str, fields: &mut F) -> Result<(), Malformed> {
    let mut names = Vec::new();
    let mut deserializer = serde_json::Deserializer::from_str(text);
    Object { fields, inside: Inside { names: &mut names, depth: 1 } }.deserialize(&mut deserializer)?;
    Ok(deserializer.end()?)
}

/// The wanted members of an object.
pub(crate) trait Fields<'de> {
    /// One of them.
    type Field: Copy;

    /// The wanted member of this name.
    fn field(name: &str) -> Option<Self::Field>;

    /// The number of the member among all that are wanted, below 64.
    fn number(field: Self::Field) -> u32;

    /// Takes the member's value from `map`, with one of the readers of [`Inside`]. Called at most once for each field.
    fn read<A: MapAccess<'de>>(
        &mut self,
        field: Self::Field,
        map: &mut A,
        inside: Inside<'_, 'de>,
    ) -> Result<(), A::Error>;
}

/// A scalar value, or the information that the value is compound.
#[derive(Debug, PartialEq)]
pub(crate) enum Scalar<'de> {
    Text(Cow<'de, str>),
    Integer(i64),
    /// Any other number, also an integer beyond `i64`.
    Number(f64),
    Boolean(bool),
    Null,
    /// An object or an array, checked and left out.
    Compound,
}

/// The reader's position.
pub(crate) struct Inside<'n, 'de> {
    /// The names of unwanted members in all objects that are open, the innermost's last. Wanted ones have numbers.
    names: &'n mut Vec<Cow<'de, str>>,
    depth: usize,
}

impl<'de> Inside<'_, 'de> {
    /// The next value, if it is a scalar.
    pub(crate) fn scalar<A: MapAccess<'de>>(self, map: &mut A) -> Result<Scalar<'de>, A::Error> {
        map.next_value_seed(Value { inside: self, keep: true })
    }

    /// The next value: calls `each` for a string, or for each string of an array. Returns whether it was one of these or
    /// `null`; anything else is checked and skipped.
    pub(crate) fn texts<A: MapAccess<'de>>(self, map: &mut A, each: impl FnMut(&str)) -> Result<bool, A::Error> {
        map.next_value_seed(Texts { inside: self, each })
    }

    /// The same place again.
    fn again(&mut self) -> Inside<'_, 'de> {
        Inside { names: self.names, depth: self.depth }
    }

    /// The same place one level deeper.
    fn deeper<E: serde::de::Error>(&mut self) -> Result<Inside<'_, 'de>, E> {
        if self.depth == MAX_DEPTH {
            return Err(E::custom("nested too deep"));
        }
        Ok(Inside { names: self.names, depth: self.depth + 1 })
    }

    /// Walks the members of one object, which may have each name once, and gives `fields` what it wants.
    fn members<A: MapAccess<'de>, F: Fields<'de>>(self, mut map: A, fields: &mut F) -> Result<(), A::Error> {
        let Self { names, depth } = self;
        let first = names.len();
        let mut wanted_so_far = 0_u64;
        while let Some(name) = map.next_key_seed(Name)? {
            if let Some(field) = F::field(&name) {
                let bit = 1 << F::number(field);
                if wanted_so_far & bit != 0 {
                    return Err(A::Error::custom("a member stands twice"));
                }
                wanted_so_far |= bit;
                fields.read(field, &mut map, Inside { names, depth })?;
            } else {
                let siblings = &names[first..];
                if siblings.len() == MAX_MEMBERS {
                    return Err(A::Error::custom("too many members"));
                }
                if siblings.contains(&name) {
                    return Err(A::Error::custom("a member stands twice"));
                }
                names.push(name);
                map.next_value_seed(Value { inside: Inside { names, depth }, keep: false })?;
            }
        }
        names.truncate(first);
        Ok(())
    }
}

/// An object of which nothing is wanted.
struct NoFields;

impl<'de> Fields<'de> for NoFields {
    type Field = Infallible;

    fn field(_: &str) -> Option<Infallible> {
        None
    }

    fn number(field: Infallible) -> u32 {
        match field {}
    }

    fn read<A: MapAccess<'de>>(&mut self, field: Infallible, _: &mut A, _: Inside<'_, 'de>) -> Result<(), A::Error> {
        match field {}
    }
}

/// Reads the outermost object.
struct Object<'f, 'n, 'de, F> {
    fields: &'f mut F,
    inside: Inside<'n, 'de>,
}

impl<'de, F: Fields<'de>> DeserializeSeed<'de> for Object<'_, '_, 'de, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, F: Fields<'de>> Visitor<'de> for Object<'_, '_, 'de, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        self.inside.members(map, self.fields)
    }
}

/// Reads a member's name, without a copy unless it is written with escapes.
pub(crate) struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Cow<'de, str>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member name")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(text.into()))
    }
}

/// Reads any value; what is nested in it is checked and left out, and so is a string unless `keep`.
struct Value<'n, 'de> {
    inside: Inside<'n, 'de>,
    keep: bool,
}

impl<'de> DeserializeSeed<'de> for Value<'_, 'de> {
    type Value = Scalar<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Scalar<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_, 'de> {
    type Value = Scalar<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Text(if self.keep { Cow::Owned(text.into()) } else { Cow::Borrowed("") }))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Boolean(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Integer(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Scalar<'de>, E> {
        Ok(i64::try_from(value).map_or(Scalar::Number(value as f64), Scalar::Integer))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Number(value))
    }

    fn visit_unit<E>(self) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<Scalar<'de>, A::Error> {
        let mut inside = self.inside.deeper()?;
        while items.next_element_seed(Value { inside: inside.again(), keep: false })?.is_some() {}
        Ok(Scalar::Compound)
    }

    fn visit_map<A: MapAccess<'de>>(mut self, map: A) -> Result<Scalar<'de>, A::Error> {
        self.inside.deeper()?.members(map, &mut NoFields)?;
        Ok(Scalar::Compound)
    }
}

/// Reads a string or an array of strings.
struct Texts<'n, 'de, F> {
    inside: Inside<'n, 'de>,
    each: F,
}

impl<'de, F: FnMut(&str)> DeserializeSeed<'de> for Texts<'_, 'de, F> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, F: FnMut(&str)> Visitor<'de> for Texts<'_, 'de, F> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or an array of strings")
    }

    fn visit_str<E>(mut self, text: &str) -> Result<bool, E> {
        (self.each)(text);
        Ok(true)
    }

    fn visit_unit<E>(self) -> Result<bool, E> {
        Ok(true)
    }

    fn visit_bool<E>(self, _: bool) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_i64<E>(self, _: i64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_u64<E>(self, _: u64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_f64<E>(self, _: f64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_map<A: MapAccess<'de>>(mut self, map: A) -> Result<bool, A::Error> {
        self.inside.deeper()?.members(map, &mut NoFields)?;
        Ok(false)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<bool, A::Error> {
        let mut inside = self.inside.deeper()?;
        let mut all_text = true;
        while let Some(item) = items.next_element_seed(Value { inside: inside.again(), keep: true })? {
            match item {
                Scalar::Text(text) => (self.each)(&text),
                Scalar::Integer(_) | Scalar::Number(_) | Scalar::Boolean(_) | Scalar::Null | Scalar::Compound => {
                    all_text = false;
                }
            }
        }
        Ok(all_text)
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::String;

    use super::*;

    type Map = serde_json::Map<String, serde_json::Value>;

    fn read(text: &str) -> Result<Map, Malformed> {
        object(text.as_bytes(), 1024 * 1024)
    }

    #[test]
    fn an_object_of_unique_members_is_read() {
        for text in ["{}", r#" {"a":{"a":1,"b":[{"a":1},{"a":2}]},"b":null,"c":-1.5e3,"\u00e9":"\ud83d\ude00"} "#] {
            assert!(read(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn a_member_that_stands_twice_is_refused_at_every_depth() {
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"x":{"a":1,"b":2,"a":1}}"#,
            r#"{"x":[[{"a":1,"a":2}]]}"#,
            r#"{"x":{"y":1},"x":{"z":1}}"#,
        ] {
            assert_eq!(read(text), Err(Malformed), "{text}");
        }
    }

    #[test]
    fn what_is_not_one_whole_object_is_refused() {
        for text in
            ["", "[]", "1", "\"a\"", "null", "{", "{}{}", "{} x", "{\"a\":1,}", "{'a':1}", "{}\u{feff}", "{\"a\":NaN}"]
        {
            assert_eq!(read(text), Err(Malformed), "{text}");
        }
        assert_eq!(object::<Map>(b"{\"a\":\"\xff\"}", 100), Err(Malformed));
        assert_eq!(read(r#"{"a":"\ud800"}"#), Err(Malformed));
    }

    #[test]
    fn one_byte_order_mark_is_passed_over() {
        assert!(read("\u{feff}{}").is_ok());
        assert_eq!(read("\u{feff}\u{feff}{}"), Err(Malformed));
        assert_eq!((without_mark("\u{feff}a"), without_mark("a\u{feff}")), ("a", "a\u{feff}"));
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth: usize| format!("{{\"a\":{}1{}}}", "[".repeat(depth - 1), "]".repeat(depth - 1));
        assert!(read(&nested(MAX_DEPTH)).is_ok());
        assert_eq!(read(&nested(MAX_DEPTH + 1)), Err(Malformed));
        assert_eq!(read(&nested(100_000)), Err(Malformed));
        let objects = |depth: usize| format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
        assert!(read(&objects(MAX_DEPTH)).is_ok());
        assert_eq!(read(&objects(MAX_DEPTH + 1)), Err(Malformed));
    }

    #[test]
    fn members_and_size_are_bounded() {
        let members = |count: usize| {
            let members: Vec<String> = (0..count).map(|index| format!("\"{index}\":0")).collect();
            format!("{{{}}}", members.join(","))
        };
        assert!(read(&members(MAX_MEMBERS)).is_ok());
        assert_eq!(read(&members(MAX_MEMBERS + 1)), Err(Malformed));
        assert!(object::<Map>(b"{}", 2).is_ok());
        assert_eq!(object::<Map>(b"{} ", 2), Err(Malformed));
    }
}
