//! The issuer identifier of an authorization server (OpenID Connect Discovery §3, RFC 8414 §2).

use alloc::borrow::ToOwned;
use alloc::string::String;
use core::fmt;
use core::net::Ipv4Addr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use url::{Host, Url};

use super::config_error::ConfigError;
use super::placeholder::is_placeholder;

/// Whether plain HTTP to this very machine may be used, for development.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Loopback {
    /// HTTPS everywhere.
    #[default]
    RequireHttps,
    /// HTTPS, but for `localhost`, `127.0.0.0/8` and `::1`, and for `10.0.2.2`: the name under which an Android emulator
    /// finds the loopback interface of the machine that it runs on. On a phone that address is a stranger's.
    AllowHttp,
}

impl Loopback {
    /// Whether requests may go to `url`: it is `https`, or `http` on this machine and that is allowed.
    #[must_use]
    pub fn permits(self, url: &Url) -> bool {
        match (url.scheme(), self) {
            ("https", Self::RequireHttps | Self::AllowHttp) => true,
            ("http", Self::AllowHttp) => is_loopback(url) || is_host_of_emulator(url),
            (_, Self::RequireHttps | Self::AllowHttp) => false,
        }
    }
}

/// Whether the host is this very machine (RFC 8252 §7.3, RFC 6761 §6.3).
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Whether the host is what an Android emulator calls the loopback interface of its own host. Nothing can listen there
/// for a redirect, so that a redirect URI is judged by [`is_loopback`] alone.
fn is_host_of_emulator(url: &Url) -> bool {
    const HOST_OF_EMULATOR: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 2);
    url.host() == Some(Host::Ipv4(HOST_OF_EMULATOR))
}

/// An issuer identifier, kept byte for byte as it was given, because that is how it is compared.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Issuer {
    text: String,
    url: Url,
    template: Option<Template>,
}

/// The text before and after `{tenantid}` in the name of an issuer with many tenants.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Template {
    before: String,
    after: String,
}

/// In the place of the tenant, as Microsoft's metadata has it.
const TENANT: &str = "{tenantid}";

impl Issuer {
    /// Reads an issuer identifier: an absolute URL without query, fragment and user information.
    ///
    /// # Errors
    /// [`ConfigError`], the field of each being `issuer`.
    pub fn parse(text: &str, loopback: Loopback) -> Result<Self, ConfigError> {
        if is_placeholder(text.strip_prefix("https://").unwrap_or(text)) {
            return Err(ConfigError::IssuerPlaceholder);
        }
        let url = parse_as_written(text).filter(Url::has_host).ok_or(ConfigError::IssuerNotUrl)?;
        if !loopback.permits(&url) {
            return Err(ConfigError::IssuerInsecure);
        }
        if url.query().is_some() || url.fragment().is_some() || has_user_information(&url) {
            return Err(ConfigError::IssuerExtra);
        }
        Ok(Self { text: text.to_owned(), url, template: None })
    }

    /// The same issuer, whose metadata and tokens name it by a template: `https://login.microsoftonline.com/{tenantid}/v2.0`.
    /// The metadata has the template itself. In a token `{tenantid}` is replaced by the tenant's id, which has to be the claim
    /// `tid`. **Users of every tenant are accepted**; the app has to decide who may sign in.
    ///
    /// # Errors
    /// [`ConfigError::IssuerNotUrl`] when `{tenantid}` is not in it once, or when it is another host's.
    pub fn with_template(mut self, template: &str) -> Result<Self, ConfigError> {
        let (before, after) = template.split_once(TENANT).ok_or(ConfigError::IssuerNotUrl)?;
        let example = parse_as_written(&[before, "tenant", after].concat()).ok_or(ConfigError::IssuerNotUrl)?;
        if after.contains(TENANT) || example.origin() != self.url.origin() || !before.ends_with('/') {
            return Err(ConfigError::IssuerNotUrl);
        }
        self.template = Some(Template { before: before.to_owned(), after: after.to_owned() });
        Ok(self)
    }

    /// Whether tokens name it by a template.
    pub(crate) const fn has_template(&self) -> bool {
        self.template.is_some()
    }

    /// Whether metadata that names `name` is this issuer's (OpenID Connect Discovery §4.3, RFC 8414 §3.3: identical, not
    /// merely equivalent).
    pub(crate) fn is_named_in_metadata(&self, name: &str) -> bool {
        let of_template = |template: &Template| [&template.before, TENANT, &template.after].concat() == name;
        self.text == name || self.template.as_ref().is_some_and(of_template)
    }

    /// Whether a token with this `iss` and this `tid` is this issuer's.
    pub(crate) fn is_named_in_token(&self, iss: &str, tid: Option<&str>) -> bool {
        match &self.template {
            None => self.text == iss,
            Some(template) => {
                let tenant = iss.strip_prefix(&*template.before).and_then(|rest| rest.strip_suffix(&*template.after));
                let is_plain = |tenant: &str| tenant.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
                tenant.is_some_and(|tenant| !tenant.is_empty() && is_plain(tenant) && tid == Some(tenant))
            }
        }
    }

    /// The identifier as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The identifier as a URL.
    #[must_use]
    pub const fn url(&self) -> &Url {
        &self.url
    }
}

/// Parses a URL that needs no repair. The URL standard's parser repairs what browsers meet: it drops line breaks and
/// surrounding spaces, reads `\` as `/`, and adds missing slashes or drops extra ones. Here the text is stored and compared
/// byte for byte, so it must mean what was parsed.
pub(crate) fn parse_as_written(text: &str) -> Option<Url> {
    if text.bytes().any(|byte| byte <= b' ' || byte == b'\\' || byte == 0x7f) {
        return None;
    }
    let url = Url::parse(text).ok()?;
    if matches!(url.scheme(), "http" | "https") {
        let authority = text.get(url.scheme().len()..)?.strip_prefix("://")?;
        if authority.starts_with('/') {
            return None;
        }
    }
    Some(url)
}

pub(super) fn has_user_information(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for Issuer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

/// Whether plain HTTP is allowed was judged when the issuer was given; what is read here was stored by this crate.
impl<'de> Deserialize<'de> for Issuer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?, Loopback::AllowHttp).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_with_a_template_is_named_by_it_in_metadata_and_with_its_tenant_in_a_token() {
        const TEMPLATE: &str = "https://login.example/{tenantid}/v2.0";
        let issuer = Issuer::parse("https://login.example/common/v2.0", Loopback::RequireHttps).unwrap();
        assert!(!issuer.is_named_in_metadata(TEMPLATE));
        let issuer = issuer.with_template(TEMPLATE).unwrap();
        assert!(issuer.is_named_in_metadata(TEMPLATE) && issuer.is_named_in_metadata(issuer.as_str()));
        assert!(!issuer.is_named_in_metadata("https://login.example/7/v2.0"));
        for (iss, tid, accepted) in [
            ("https://login.example/7-a/v2.0", Some("7-a"), true),
            ("https://login.example/7/v2.0", Some("8"), false),
            ("https://login.example/7/v2.0", None, false),
            ("https://login.example//v2.0", Some(""), false),
            ("https://login.example/7/x/v2.0", Some("7/x"), false),
            ("https://evil.example/7/v2.0", Some("7"), false),
            ("https://login.example/{tenantid}/v2.0", Some("{tenantid}"), false),
            ("https://login.example/common/v2.0", None, false),
        ] {
            assert_eq!(issuer.is_named_in_token(iss, tid), accepted, "{iss} {tid:?}");
        }
    }

    #[test]
    fn a_template_without_its_tenant_or_of_another_host_is_refused() {
        let issuer = || Issuer::parse("https://login.example/common", Loopback::RequireHttps).unwrap();
        for template in [
            "https://login.example/v2.0",
            "https://login.example/{tenantid}/{tenantid}",
            "https://{tenantid}.login.example/",
            "https://evil.example/{tenantid}",
            "{tenantid}",
        ] {
            assert_eq!(issuer().with_template(template).map(drop), Err(ConfigError::IssuerNotUrl), "{template}");
        }
    }

    #[test]
    fn an_issuer_given_is_kept_byte_for_byte() {
        for text in ["https://tenant.eu.auth0.com/", "https://A.example", "https://a.example:443/realms/x"] {
            assert_eq!(Issuer::parse(text, Loopback::RequireHttps).unwrap().as_str(), text);
        }
    }

    #[test]
    fn plain_http_is_accepted_on_this_machine_and_when_allowed() {
        for text in ["http://localhost:3000/", "http://127.0.0.1/", "http://127.8.9.1/", "http://[::1]:80/"] {
            assert!(Issuer::parse(text, Loopback::AllowHttp).is_ok(), "{text}");
            assert_eq!(Issuer::parse(text, Loopback::RequireHttps), Err(ConfigError::IssuerInsecure), "{text}");
        }
        for text in ["http://a.example/", "http://localhost.example/", "http://10.0.0.1/", "ftp://localhost/"] {
            assert_eq!(Issuer::parse(text, Loopback::AllowHttp), Err(ConfigError::IssuerInsecure), "{text}");
        }
    }

    #[test]
    fn plain_http_from_an_emulator_is_accepted_to_its_host_alone_and_when_allowed() {
        let text = "http://10.0.2.2:3000/";
        assert_eq!(Issuer::parse(text, Loopback::AllowHttp).unwrap().as_str(), text);
        assert_eq!(Issuer::parse(text, Loopback::RequireHttps), Err(ConfigError::IssuerInsecure));
        for text in [
            "http://10.0.2.3/",
            "http://10.0.2.15/",
            "http://10.0.2.2.example/",
            "http://10.0.2.22/",
            "ftp://10.0.2.2/",
        ] {
            assert_eq!(Issuer::parse(text, Loopback::AllowHttp), Err(ConfigError::IssuerInsecure), "{text}");
        }
    }

    #[test]
    fn more_than_an_issuer_is_refused() {
        for text in ["https://a.example/?q", "https://a.example/#f", "https://u@a.example/", "https://u:p@a.example/"] {
            assert_eq!(Issuer::parse(text, Loopback::RequireHttps), Err(ConfigError::IssuerExtra), "{text}");
        }
        for text in [
            "",
            "a.example",
            "https://",
            "https://a.example/\n",
            " https://a.example/",
            "mailto:a@b.example",
            "https:a.example",
            "https:///a.example",
            "https:\\\\a.example",
        ] {
            assert_eq!(Issuer::parse(text, Loopback::RequireHttps), Err(ConfigError::IssuerNotUrl), "{text:?}");
        }
    }

    #[test]
    fn a_placeholder_left_is_refused_as_one() {
        for text in ["https://{yourDomain}/", "https://YOUR_DOMAIN/", "https://your-tenant.auth0.com/", "{issuer}"] {
            assert_eq!(Issuer::parse(text, Loopback::RequireHttps), Err(ConfigError::IssuerPlaceholder), "{text}");
        }
    }

    #[test]
    fn an_issuer_stored_is_read_as_it_was() {
        let issuer = Issuer::parse("https://a.example", Loopback::RequireHttps).unwrap();
        let text = serde_json::to_string(&issuer).unwrap();
        assert_eq!(text, "\"https://a.example\"");
        assert_eq!(serde_json::from_str::<Issuer>(&text).unwrap(), issuer);
        assert!(serde_json::from_str::<Issuer>("\"x\"").is_err());
    }
}
