//! The authorization request, judged without a page: who can be signed in is signed in at once.

use std::collections::BTreeMap;

use url::Url;

/// What an authorization came to: what a right callback carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorized {
    /// Where the callback goes.
    pub redirect_uri: String,
    /// `code`
    pub code: String,
    /// `state`
    pub state: String,
    /// Every parameter of the request.
    pub parameters: BTreeMap<String, String>,
}

/// Why an authorization request is refused. It is the client's fault, not a deviation of the issuer's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthorizeError {
    /// No issuer was added under this name.
    #[error("there is no issuer `{0}`")]
    UnknownIssuer(String),
    /// The URL cannot be read, or goes to another endpoint than the issuer's.
    #[error("the authorization request goes to `{0}`")]
    Elsewhere(String),
    /// The issuer takes pushed requests only (RFC 9126 §4), and this one was not.
    #[error("the authorization request was not pushed")]
    NotPushed,
    /// A parameter is missing, or not what it has to be.
    #[error("the authorization request has no right `{0}`")]
    Parameter(&'static str),
    /// A parameter stands twice (RFC 6749 §3.1).
    #[error("the authorization request has `{0}` twice")]
    Duplicate(String),
}

/// What the issuer keeps of an authorization request until its code comes.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) client_id: String,
    pub(super) redirect_uri: String,
    pub(super) scope: String,
    pub(super) state: String,
    pub(super) nonce: String,
    pub(super) code_challenge: String,
    pub(super) parameters: BTreeMap<String, String>,
}

impl Request {
    /// What a device asks for (RFC 8628 §3.1): there is nothing of the browser's in it.
    pub(super) fn of_device(parameters: BTreeMap<String, String>) -> Self {
        let of = |name: &str| parameters.get(name).cloned().unwrap_or_default();
        Self {
            client_id: of("client_id"),
            redirect_uri: String::new(),
            scope: of("scope"),
            state: String::new(),
            nonce: String::new(),
            code_challenge: String::new(),
            parameters,
        }
    }

    /// Reads the request as RFC 6749 §4.1.1, RFC 7636 §4.3 and OpenID Connect Core §3.1.2.1 have it.
    pub(super) fn parse(url: &str, endpoint: &str) -> Result<Self, AuthorizeError> {
        let place = url.split('?').next().unwrap_or_default();
        let url = Url::parse(url).ok().filter(|_| place == endpoint);
        let url = url.ok_or_else(|| AuthorizeError::Elsewhere(place.to_owned()))?;
        let mut parameters = BTreeMap::new();
        for (name, value) in url.query_pairs() {
            if parameters.insert(name.to_string(), value.into_owned()).is_some() {
                return Err(AuthorizeError::Duplicate(name.into_owned()));
            }
        }
        let required = |name: &'static str| {
            parameters.get(name).filter(|value| !value.is_empty()).cloned().ok_or(AuthorizeError::Parameter(name))
        };
        let is = |name: &'static str, right: &dyn Fn(&str) -> bool| {
            required(name).and_then(|value| right(&value).then_some(value).ok_or(AuthorizeError::Parameter(name)))
        };
        is("response_type", &|value| value == "code")?;
        is("code_challenge_method", &|value| value == "S256")?;
        Ok(Self {
            client_id: required("client_id")?,
            redirect_uri: required("redirect_uri")?,
            scope: is("scope", &|value| value.split(' ').any(|name| name == "openid"))?,
            state: is("state", &|value| value.len() >= 22)?,
            nonce: is("nonce", &|value| value.len() >= 22)?,
            code_challenge: is("code_challenge", &|value| value.len() == 43)?,
            parameters,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RIGHT: &str = "http://i/authorize?response_type=code&client_id=c&redirect_uri=a.b%3A%2Fc&scope=openid&\
        state=0123456789012345678901&nonce=0123456789012345678901&code_challenge_method=S256&\
        code_challenge=0123456789012345678901234567890123456789012";

    fn refused(url: &str) -> AuthorizeError {
        Request::parse(url, "http://i/authorize").unwrap_err()
    }

    #[test]
    fn request_is_read_when_everything_is_there_and_refused_by_name_when_not() {
        let request = Request::parse(RIGHT, "http://i/authorize").unwrap();
        assert_eq!((request.redirect_uri.as_str(), request.parameters["scope"].as_str()), ("a.b:/c", "openid"));
        for (wrong, name) in [
            (RIGHT.replace("=S256", "=plain"), "code_challenge_method"),
            (RIGHT.replace("scope=openid", "scope=profile"), "scope"),
            (RIGHT.replace("client_id=c", "client_id="), "client_id"),
            (RIGHT.replace("nonce=0", "nonce_=0"), "nonce"),
        ] {
            assert_eq!(refused(&wrong), AuthorizeError::Parameter(name));
        }
        assert_eq!(refused(&format!("{RIGHT}&scope=openid")), AuthorizeError::Duplicate("scope".to_owned()));
        assert_eq!(refused("http://j/authorize?a=b"), AuthorizeError::Elsewhere("http://j/authorize".to_owned()));
    }
}
