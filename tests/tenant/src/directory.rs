//! Who and what the tenant knows: users, organizations, client applications.

use serde::{Deserialize, Serialize};
use url::Url;

/// A person who can sign in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// What is typed into the login page; also the `email` claim.
    pub username: String,
    /// In clear text: these users exist only in tests.
    pub password: String,
    /// The `sub` claim.
    pub subject: String,
    /// The `name` claim.
    pub name: String,
    /// Ids of the organizations that the user belongs to.
    #[serde(default)]
    pub organizations: Vec<String>,
}

impl User {
    /// A user whose subject is derived from the username.
    pub fn new(username: &str, password: &str, name: &str) -> Self {
        let digest = ring::digest::digest(&ring::digest::SHA256, username.as_bytes());
        let id: String = digest.as_ref()[..12].iter().map(|byte| format!("{byte:02x}")).collect();
        Self {
            username: username.to_owned(),
            password: password.to_owned(),
            subject: format!("auth0|{id}"),
            name: name.to_owned(),
            organizations: Vec::new(),
        }
    }

    /// This user as a member of one more organization.
    #[must_use]
    pub fn member_of(mut self, organization_id: &str) -> Self {
        self.organizations.push(organization_id.to_owned());
        self
    }
}

/// An organization that a login can be bound to (Auth0's `organization` parameter).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Organization {
    /// `org_…`, the `org_id` claim.
    pub id: String,
    /// The `org_name` claim; an authorization request may name it instead of the id.
    pub name: String,
}

/// A native application: a public client (RFC 6749 §2.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// The `client_id`.
    pub id: String,
    /// What the consent page calls it.
    pub name: String,
    /// Where codes may be sent. Compared exactly; a loopback address matches with any port (RFC 8252 §7.3).
    pub redirect_uris: Vec<String>,
    /// Where a logout may return to, compared the same way.
    pub logout_uris: Vec<String>,
}

impl Client {
    pub(crate) fn allows_redirect_uri(&self, uri: &str) -> bool {
        self.redirect_uris.iter().any(|allowed| same_uri(allowed, uri))
    }

    pub(crate) fn allows_logout_uri(&self, uri: &str) -> bool {
        self.logout_uris.iter().any(|allowed| same_uri(allowed, uri))
    }
}

/// Byte for byte, but for the port of a loopback address (RFC 8252 §7.3).
fn same_uri(allowed: &str, uri: &str) -> bool {
    allowed == uri
        || matches!((loopback_without_port(allowed), loopback_without_port(uri)), (Some(a), Some(b)) if a == b)
}

fn loopback_without_port(uri: &str) -> Option<String> {
    let mut url = Url::parse(uri).ok()?;
    // A URL parser forgives much; what it had to change is not the registered URI.
    let spelled_as_parsed = url.as_str() == uri || url.as_str().strip_suffix('/') == Some(uri);
    let loopback = matches!(url.host_str(), Some("127.0.0.1" | "[::1]" | "localhost"));
    if url.scheme() != "http" || !loopback || !spelled_as_parsed || !url.username().is_empty() {
        return None;
    }
    url.set_port(None).ok()?;
    Some(url.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_redirect_matches_any_port_and_nothing_else() {
        let allowed = "http://127.0.0.1/callback";
        for same in ["http://127.0.0.1/callback", "http://127.0.0.1:49152/callback"] {
            assert!(same_uri(allowed, same), "{same}");
        }
        for other in [
            "http://127.0.0.1:49152/other",
            "http://127.0.0.1:49152/callback?x=1",
            "http://127.0.0.1:49152/a/../callback",
            "http://127.0.0.1@evil.example:49152/callback",
            "http://user@127.0.0.1:49152/callback",
            "http://localhost:49152/callback",
            "https://127.0.0.1:49152/callback",
            "http://[::1]:49152/callback",
        ] {
            assert!(!same_uri(allowed, other), "{other}");
        }
    }

    #[test]
    fn other_redirects_match_byte_for_byte() {
        let allowed = "com.example.hallpass://callback";
        assert!(same_uri(allowed, allowed));
        for other in ["com.example.hallpass://callback/", "COM.example.hallpass://callback", "com.example.hallpass:/x"]
        {
            assert!(!same_uri(allowed, other), "{other}");
        }
        assert!(!same_uri("https://app.example/callback", "https://app.example:444/callback"));
    }

    #[test]
    fn user_of_the_same_name_has_the_same_subject() {
        let first = User::new("ada@example.com", "a", "Ada");
        assert_eq!(first.subject, User::new("ada@example.com", "b", "A.").subject);
        assert_ne!(first.subject, User::new("grace@example.com", "a", "Grace").subject);
    }
}
