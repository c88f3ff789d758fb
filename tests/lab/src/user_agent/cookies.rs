//! Cookies, as far as pages of an authorization server need them (RFC 6265): per host, for the session.

use url::{Host, Url};

/// The cookies of one user agent.
#[derive(Default)]
pub(super) struct Cookies(Vec<Cookie>);

struct Cookie {
    host: String,
    path: String,
    name: String,
    value: String,
}

impl Cookies {
    /// Takes what a response from `url` sets in its `Set-Cookie` fields, and drops what it deletes.
    ///
    /// `Expires` and `Max-Age` count only where they say that the cookie is over: no visit lasts longer than a cookie.
    /// `Domain` is left out, as no page here sets a cookie for another host.
    pub(super) fn receive<'a>(&mut self, url: &Url, fields: impl Iterator<Item = &'a str>) {
        for field in fields {
            let mut parts = field.split(';').map(str::trim);
            let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else { continue };
            let attributes: Vec<(String, &str)> = parts
                .map(|part| part.split_once('=').unwrap_or((part, "")))
                .map(|(name, value)| (name.to_ascii_lowercase(), value))
                .collect();
            let attribute = |wanted: &str| attributes.iter().find(|(name, _)| name == wanted).map(|(_, value)| *value);
            if attribute("secure").is_some() && !is_trustworthy(url) {
                continue;
            }
            let path =
                attribute("path").filter(|path| path.starts_with('/')).map_or_else(|| default_path(url), str::to_owned);
            let host = url.host_str().unwrap_or_default().to_owned();
            self.0.retain(|cookie| !(cookie.host == host && cookie.path == path && cookie.name == name));
            let over_by_age = attribute("max-age").is_some_and(|age| age.parse::<i64>().is_ok_and(|age| age <= 0));
            let over_by_date = attribute("expires").is_some_and(|date| date.contains(" 1970 "));
            if !(over_by_age || over_by_date) {
                self.0.push(Cookie { host, path, name: name.to_owned(), value: value.to_owned() });
            }
        }
    }

    /// The `Cookie` field of a request to `url`; `None` when there is nothing to send. Cookies do not know ports.
    pub(super) fn for_url(&self, url: &Url) -> Option<String> {
        let host = url.host_str().unwrap_or_default();
        let pairs: Vec<String> = self
            .0
            .iter()
            .filter(|cookie| cookie.host == host && path_matches(&cookie.path, url.path()))
            .map(|cookie| format!("{}={}", cookie.name, cookie.value))
            .collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }
}

/// Browsers count a loopback host as secure (Secure Contexts §3.1), and some servers rely on that.
fn is_trustworthy(url: &Url) -> bool {
    let is_loopback = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    url.scheme() == "https" || is_loopback
}

/// RFC 6265 §5.1.4.
fn default_path(url: &Url) -> String {
    match url.path().rsplit_once('/') {
        Some(("", _)) | None => "/".to_owned(),
        Some((folder, _)) => folder.to_owned(),
    }
}

/// RFC 6265 §5.1.4.
fn path_matches(cookie: &str, path: &str) -> bool {
    path == cookie || path.strip_prefix(cookie).is_some_and(|rest| cookie.ends_with('/') || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn cookie_is_sent_to_its_host_and_path_only() {
        let mut cookies = Cookies::default();
        cookies.receive(&url("http://127.0.0.1:3000/u/login"), ["a=1; Path=/", "b=2", "c=3; Path=/x"].into_iter());
        assert_eq!(cookies.for_url(&url("http://127.0.0.1:4000/u/consent")).as_deref(), Some("a=1; b=2"));
        assert_eq!(cookies.for_url(&url("http://127.0.0.1:3000/users")).as_deref(), Some("a=1"));
        assert_eq!(cookies.for_url(&url("http://localhost:3000/u/login")), None);
    }

    #[test]
    fn cookie_set_again_is_replaced_and_one_that_is_over_is_deleted() {
        let mut cookies = Cookies::default();
        let here = url("http://127.0.0.1/");
        cookies.receive(&here, ["a=1", "a=2", "b=1", "c=1"].into_iter());
        cookies.receive(&here, ["b=; Max-Age=0", "c=; Expires=Thu, 01 Jan 1970 00:00:00 GMT"].into_iter());
        assert_eq!(cookies.for_url(&here).as_deref(), Some("a=2"));
    }

    #[test]
    fn secure_cookie_over_plain_http_is_taken_from_this_machine_only() {
        let mut cookies = Cookies::default();
        cookies.receive(&url("http://id.example/"), ["a=1; Secure"].into_iter());
        assert_eq!(cookies.for_url(&url("http://id.example/")), None);
        for origin in ["https://id.example/", "http://127.0.0.1/", "http://[::1]/", "http://localhost/"] {
            cookies.receive(&url(origin), ["a=1; Secure"].into_iter());
            assert_eq!(cookies.for_url(&url(origin)).as_deref(), Some("a=1"), "{origin}");
        }
    }
}
