//! Scopes (RFC 6749 §3.3).

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::hash::{Hash, Hasher};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::client::ConfigError;

/// A set of scope tokens. It is sent in the order in which it was written, and compared without regard to order.
///
/// Serialised as one string with single spaces.
#[derive(Debug, Clone, Default)]
pub struct Scope(Arc<Vec<String>>);

impl Scope {
    /// Reads scope tokens separated by spaces. More than one space counts as one, a repeated token as one; no token
    /// at all is the empty scope.
    ///
    /// # Errors
    /// [`ConfigError::ScopeCharacter`] when there is a character that a scope token cannot have.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let mut scope = Self::default();
        for token in text.split(' ').filter(|token| !token.is_empty()) {
            if !is_scope_token(token) {
                return Err(ConfigError::ScopeCharacter);
            }
            scope.insert(token);
        }
        Ok(scope)
    }

    /// What a server says it granted: as [`Scope::parse`], but what is no scope token is left out, since a response
    /// with a token in it must not be lost over its description.
    pub(crate) fn granted(text: &str) -> Self {
        let mut scope = Self::default();
        text.split_ascii_whitespace().filter(|token| is_scope_token(token)).for_each(|token| scope.insert(token));
        scope
    }

    fn insert(&mut self, token: &str) {
        if !self.contains(token) {
            Arc::make_mut(&mut self.0).push(token.to_owned());
        }
    }

    /// Whether `token` is one of them, compared byte for byte.
    #[must_use]
    pub fn contains(&self, token: &str) -> bool {
        self.0.iter().any(|present| present == token)
    }

    /// Whether each of them is also in `other`.
    #[must_use]
    pub fn is_subset_of(&self, other: &Self) -> bool {
        self.iter().all(|token| other.contains(token))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The tokens in the order in which they were written.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    fn sorted(&self) -> Vec<&str> {
        let mut tokens: Vec<&str> = self.iter().collect();
        tokens.sort_unstable();
        tokens
    }
}

/// `1*( %x21 / %x23-5B / %x5D-7E )`
fn is_scope_token(token: &str) -> bool {
    !token.is_empty() && token.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}

impl PartialEq for Scope {
    fn eq(&self, other: &Self) -> bool {
        self.0.len() == other.0.len() && self.is_subset_of(other)
    }
}

impl Eq for Scope {}

impl Hash for Scope {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.sorted().hash(state);
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, token) in self.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            f.write_str(token)?;
        }
        Ok(())
    }
}

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;
    use core::hash::BuildHasher;

    use super::*;

    extern crate std;

    fn scope(text: &str) -> Scope {
        Scope::parse(text).unwrap()
    }

    #[test]
    fn a_scope_written_keeps_its_order_and_loses_repetitions() {
        assert_eq!(scope("openid  profile openid read:reports ").to_string(), "openid profile read:reports");
        assert!(scope("").is_empty());
    }

    #[test]
    fn scopes_in_another_order_are_the_same_and_hash_alike() {
        let hashes = std::hash::RandomState::new();
        let (one, other) = (scope("a b c"), scope("c a b"));
        assert_eq!(one, other);
        assert_eq!(hashes.hash_one(&one), hashes.hash_one(&other));
        assert_ne!(one, scope("a b"));
        assert_ne!(scope("a b"), scope("a c"));
    }

    #[test]
    fn a_subset_asked_for_is_told_from_more() {
        assert!(scope("a").is_subset_of(&scope("b a")));
        assert!(scope("").is_subset_of(&scope("")));
        assert!(!scope("a c").is_subset_of(&scope("a b")));
        assert!(!scope("a").contains("A"));
    }

    #[test]
    fn a_character_outside_the_grammar_is_refused() {
        for text in ["a\"b", "a\\b", "a\tb", "a\nb", "é", "a\u{7f}"] {
            assert_eq!(Scope::parse(text), Err(ConfigError::ScopeCharacter), "{text:?}");
        }
    }

    #[test]
    fn a_granted_scope_with_something_else_in_it_keeps_the_rest() {
        assert_eq!(Scope::granted("openid \u{e9} a\\b\tread:reports").to_string(), "openid read:reports");
    }

    #[test]
    fn a_scope_serialised_is_one_string() {
        let text = serde_json::to_string(&scope("b a")).unwrap();
        assert_eq!(text, "\"b a\"");
        assert_eq!(serde_json::from_str::<Scope>(&text).unwrap().to_string(), "b a");
        assert!(serde_json::from_str::<Scope>("\"a\\\\b\"").is_err());
    }
}
