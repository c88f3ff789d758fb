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
