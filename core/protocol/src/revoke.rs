//! Revocation of a refresh token (RFC 7009), which ends what was granted with it.

use crate::client::{Client, RevocationMember};
use crate::discovery::ProviderMetadata;
use crate::error::ServerError;
use crate::http::{Request, Response};
use crate::secret::RefreshToken;
use crate::token::post;

/// Asks to revoke the token; `None` when the provider has no such endpoint.
#[must_use]
pub fn request(client: &Client, provider: &ProviderMetadata, refresh_token: &RefreshToken) -> Option<Request> {
    let endpoint = provider.revocation_endpoint.as_ref()?;
    let member = |member: &RevocationMember| match member {
        RevocationMember::Token => ("token", Some(refresh_token.expose())),
        RevocationMember::TokenTypeHint => ("token_type_hint", Some("refresh_token")),
        RevocationMember::ClientId => ("client_id", Some(client.client_id.as_str())),
    };
    let members: alloc::vec::Vec<_> = client.dialect.data().revocation.iter().map(member).collect();
    Some(post(client, endpoint, &members))
}

/// Reads the answer. Success says that the token is not valid any more, also when it never was (RFC 7009 §2.2).
///
/// # Errors
/// [`ServerError`] for every status but 2xx.
pub fn parse(response: &Response) -> Result<(), ServerError> {
    if response.is_success() { Ok(()) } else { Err(ServerError::of_response(response)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{auth0, auth0_provider, openid, openid_provider, response};

    fn body(client: &Client, provider: &ProviderMetadata) -> alloc::string::String {
        let request = request(client, provider, &RefreshToken::new("v1.a")).unwrap();
        alloc::string::String::from_utf8(request.body.as_bytes().to_vec()).unwrap()
    }

    #[test]
    fn each_dialect_has_its_own_members() {
        assert_eq!(body(&auth0(), &auth0_provider()), r#"{"client_id":"client-1","token":"v1.a"}"#);
        let expected = "token=v1.a&token_type_hint=refresh_token&client_id=client-1";
        assert_eq!(body(&openid(), &openid_provider()), expected);
    }

    #[test]
    fn a_provider_without_the_endpoint_gets_no_request() {
        let provider = ProviderMetadata { revocation_endpoint: None, ..openid_provider() };
        assert!(request(&openid(), &provider, &RefreshToken::new("t")).is_none());
    }

    #[test]
    fn success_is_any_2xx_and_nothing_else() {
        assert_eq!(parse(&response(200, "text/plain", "")), Ok(()));
        assert_eq!(parse(&response(204, "text/plain", "")), Ok(()));
        let error = parse(&response(503, "application/json", r#"{"error":"temporarily_unavailable"}"#)).unwrap_err();
        assert_eq!((error.status, error.code()), (Some(503), "temporarily_unavailable"));
        assert!(parse(&response(302, "text/plain", "")).is_err());
    }
}
