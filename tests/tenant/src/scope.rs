//! Scope values as an ordered set (RFC 6749 §3.3).

use std::fmt;

/// What OpenID Connect Core §5.4 and §11 define, and the tenant grants to every client.
const OPENID_SCOPES: [&str; 4] = ["openid", "profile", "email", "offline_access"];

/// An ordered set of scope values.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(crate) struct Scope(Vec<String>);

impl Scope {
    pub(crate) fn parse(text: &str) -> Self {
        let mut values: Vec<String> = Vec::new();
        for value in text.split(' ').filter(|value| !value.is_empty()) {
            if !values.iter().any(|known| known == value) {
                values.push(value.to_owned());
            }
        }
        Self(values)
    }

    pub(crate) fn contains(&self, value: &str) -> bool {
        self.0.iter().any(|known| known == value)
    }

    pub(crate) fn contains_all(&self, other: &Self) -> bool {
        other.0.iter().all(|value| self.contains(value))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// What the tenant grants of this request: OpenID Connect's own values, and those of the API when one is asked for.
    pub(crate) fn granted(&self, api_scopes: &[String], offline_access: bool) -> Self {
        let known = |value: &str| OPENID_SCOPES.contains(&value) || api_scopes.iter().any(|scope| scope == value);
        let permitted = |value: &str| offline_access || value != "offline_access";
        Self(self.0.iter().filter(|value| known(value) && permitted(value)).cloned().collect())
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_values_parse_once_in_their_order() {
        assert_eq!(Scope::parse(" openid  profile openid").to_string(), "openid profile");
    }

    #[test]
    fn granted_drops_unknown_values_and_offline_access_when_it_is_off() {
        let requested = Scope::parse("openid read:reports delete:everything offline_access");
        let api = vec!["read:reports".to_owned()];
        assert_eq!(requested.granted(&api, true).to_string(), "openid read:reports offline_access");
        assert_eq!(requested.granted(&[], false).to_string(), "openid");
    }
}
