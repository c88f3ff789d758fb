//! Claims from the userinfo endpoint (OpenID Connect Core §5.3).

use alloc::string::String;
use core::fmt;

use serde_json::Value;

pub use crate::claims::Profile;
use crate::claims::{ClaimSet, Place, Text};
use crate::discovery::ProviderMetadata;
use crate::error::ServerError;
use crate::http::{MAX_TOKEN_RESPONSE, Request, Response};
use crate::json;

/// Asks for the claims of a user; the access token, which says whose, is for the caller to add. `None` when the provider has
/// no such endpoint.
#[must_use]
pub fn request(provider: &ProviderMetadata) -> Option<Request> {
    Some(Request::get_json(provider.userinfo_endpoint.clone()?, MAX_TOKEN_RESPONSE))
}

/// Reads the answer, which has to be about the user `expected_sub` of the ID token: an access token may have been
/// swapped for another user's (OpenID Connect Core §5.3.2, §5.3.4).
///
/// # Errors
/// [`UserInfoError`].
pub fn parse(response: &Response, expected_sub: &str) -> Result<UserInfo, UserInfoError> {
    match response.status {
        200 => {}
        401 => return Err(UserInfoError::Unauthorized),
        _ => return Err(UserInfoError::Server(ServerError::of_response(response))),
    }
    if response.content_type().as_deref() == Some("application/jwt") {
        return Err(UserInfoError::Signed);
    }
    if response.body.len() > MAX_TOKEN_RESPONSE {
        return Err(UserInfoError::Malformed);
    }
    let source = core::str::from_utf8(&response.body).map_err(|_| UserInfoError::Malformed)?;
    let source = String::from(json::without_mark(source));
    let set = ClaimSet::parse(&source).map_err(|_| UserInfoError::Malformed)?;
    match set.place(Text::Sub) {
        Some(sub) if set.at(sub) == expected_sub => Ok(UserInfo { source, set, sub }),
        Some(_) | None => Err(UserInfoError::Subject),
    }
}

/// What the provider says about the user.
#[derive(Clone)]
pub struct UserInfo {
    source: String,
    set: ClaimSet,
    sub: Place,
}

impl UserInfo {
    /// `sub`: who the user is; the one of the ID token.
    #[must_use]
    pub fn sub(&self) -> &str {
        self.set.at(self.sub)
    }

    /// The claims about the person.
    #[must_use]
    pub const fn profile(&self) -> Profile<'_> {
        Profile::new(&self.set)
    }

    /// Any claim, by name. Reads the JSON anew, so keep what you need often.
    #[must_use]
    pub fn claim(&self, name: &str) -> Option<Value> {
        let mut claims: serde_json::Map<String, Value> = serde_json::from_str(&self.source).ok()?;
        claims.remove(name)
    }

    /// All claims, as the JSON that was received.
    #[must_use]
    pub fn json(&self) -> &str {
        &self.source
    }
}

/// Personal data is not for logs.
impl fmt::Debug for UserInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[UserInfo]")
    }
}

/// Why there are no claims.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UserInfoError {
    /// The access token was not accepted (401): renew it and ask again.
    #[error("the userinfo endpoint did not accept the access token")]
    Unauthorized,
    /// Any other status than 200.
    #[error(transparent)]
    Server(ServerError),
    /// The claims are signed or encrypted, which this client does not ask for (OpenID Connect Core §5.3.2).
    #[error("the userinfo endpoint answers with a JWT; configure the client there for plain JSON")]
    Signed,
    /// It is not a JSON object with unique members.
    #[error("the userinfo response is malformed")]
    Malformed,
    /// It is about another user, or does not say about whom.
    #[error("the userinfo response is about another user")]
    Subject,
}

impl UserInfoError {
    /// What happened, from a fixed vocabulary; the server's own code when it refused.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unauthorized => "userinfo_unauthorized",
            Self::Server(error) => error.code(),
            Self::Signed => "userinfo_signed",
            Self::Malformed => "userinfo_malformed",
            Self::Subject => "userinfo_subject",
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use alloc::format;

    use super::*;
    use crate::fixtures::{openid_provider, response};

    fn read(status: u16, content_type: &str, body: &str) -> Result<UserInfo, UserInfoError> {
        parse(&response(status, content_type, body), "u1")
    }

    fn refused(status: u16, content_type: &str, body: &str) -> UserInfoError {
        read(status, content_type, body).unwrap_err()
    }

    #[test]
    fn the_request_goes_to_the_providers_endpoint_where_it_has_one() {
        let request = request(&openid_provider()).unwrap();
        assert_eq!(request.url.as_str(), "https://op.example/realm/userinfo");
        let provider = ProviderMetadata { userinfo_endpoint: None, ..openid_provider() };
        assert!(super::request(&provider).is_none());
    }

    #[test]
    fn claims_about_the_same_user_are_read() {
        let body = r#"{"sub":"u1","name":"Ada","email":"ada@x.example","roles":["a"]}"#;
        let user = read(200, "application/json; charset=utf-8", body).unwrap();
        assert_eq!((user.sub(), user.profile().name(), user.json()), ("u1", Some("Ada"), body));
        assert_eq!(user.claim("roles"), Some(serde_json::json!(["a"])));
        assert_eq!(user.claim("absent"), None);
        assert_eq!(format!("{user:?} {:?}", user.profile()), "[UserInfo] [Profile]");
    }

    #[test]
    fn claims_of_odd_types_that_were_not_asked_for_decide_nothing() {
        let body = "\u{feff}{\"sub\":\"u1\",\"org_id\":42,\"org_name\":[\"x\"],\"sid\":1,\"auth_time\":\"now\",\"aud\":{},\
                    \"exp\":\"x\",\"iss\":1,\"nonce\":[],\"email\":1,\"name\":\"Ada\"}";
        let user = read(200, "application/json", body).unwrap();
        assert_eq!((user.sub(), user.profile().name(), user.profile().email()), ("u1", Some("Ada"), None));
        assert_eq!(user.claim("org_id"), Some(serde_json::json!(42)));
        assert_eq!(user.json(), &body['\u{feff}'.len_utf8()..]);
    }

    #[test]
    fn claims_about_another_user_or_nobody_are_refused() {
        for body in [r#"{"sub":"u2"}"#, r#"{"sub":"U1"}"#, r#"{"sub":""}"#, r#"{"name":"Ada"}"#, r#"{"sub":1}"#] {
            assert_eq!(refused(200, "application/json", body), UserInfoError::Subject, "{body}");
        }
    }

    #[test]
    fn an_answer_that_is_not_plain_claims_is_refused() {
        assert_eq!(refused(200, "application/jwt", "e.y.J"), UserInfoError::Signed);
        for body in ["", "<html>", "[]", r#"{"sub":"u1","sub":"u1"}"#] {
            assert_eq!(refused(200, "application/json", body), UserInfoError::Malformed, "{body}");
        }
        assert_eq!(refused(401, "application/json", "{}"), UserInfoError::Unauthorized);
        let error = refused(403, "application/json", r#"{"error":"insufficient_scope"}"#);
        assert_eq!(error.code(), "insufficient_scope");
    }

    #[test]
    fn every_error_has_its_code() {
        let server = ServerError::of_response(&response(500, "text/plain", "x"));
        for (error, code) in [
            (UserInfoError::Unauthorized, "userinfo_unauthorized"),
            (UserInfoError::Server(server), "absent"),
            (UserInfoError::Signed, "userinfo_signed"),
            (UserInfoError::Malformed, "userinfo_malformed"),
            (UserInfoError::Subject, "userinfo_subject"),
        ] {
            assert_eq!(error.code(), code);
            assert!(!error.to_string().is_empty());
        }
    }
}
