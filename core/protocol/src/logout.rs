//! The URL that ends the session at the server, for the browser: OpenID Connect RP-Initiated Logout 1.0, and Auth0's own.

use url::Url;

use crate::client::{Client, ConfigError, LogoutStyle};
use crate::discovery::{ProviderMetadata, beneath};
use crate::secret::{RawIdToken, State};

/// What a logout says.
#[derive(Debug, Clone, Copy, Default)]
pub struct LogoutParameters<'a> {
    /// Where the browser goes afterwards, as registered at the server.
    pub post_logout_redirect_uri: Option<&'a str>,
    /// Who logs out; without it many servers ask the user. [`LogoutStyle::RpInitiated`] only.
    pub id_token_hint: Option<&'a RawIdToken>,
    /// Comes back with the browser. [`LogoutStyle::RpInitiated`] only.
    pub state: Option<&'a State>,
    /// Whether to log out of the identity provider behind Auth0, too. [`LogoutStyle::Auth0`] only.
    pub federated: bool,
    /// How to log out; `None` for what the client's dialect prefers.
    pub style: Option<LogoutStyle>,
}

/// The URL; `None` when the provider has no endpoint for this.
///
/// # Errors
/// [`ConfigError::PostLogoutRedirectUri`] when that is no absolute URI.
pub fn url(
    client: &Client,
    provider: &ProviderMetadata,
    parameters: LogoutParameters<'_>,
) -> Option<Result<Url, ConfigError>> {
    let style = parameters.style.unwrap_or(client.dialect.data().logout);
    let mut url = match style {
        LogoutStyle::RpInitiated => provider.end_session_endpoint.clone()?,
        LogoutStyle::Auth0 => beneath(&client.issuer, "v2/logout"),
    };
    if parameters.post_logout_redirect_uri.is_some_and(|uri| Url::parse(uri).is_err()) {
        return Some(Err(ConfigError::PostLogoutRedirectUri));
    }
    let mut query = url.query_pairs_mut();
    match style {
        LogoutStyle::RpInitiated => {
            for (name, value) in [
                ("id_token_hint", parameters.id_token_hint.map(RawIdToken::expose)),
                ("post_logout_redirect_uri", parameters.post_logout_redirect_uri),
                ("state", parameters.state.map(State::expose)),
                ("client_id", Some(client.client_id.as_str())),
            ] {
                if let Some(value) = value {
                    query.append_pair(name, value);
                }
            }
        }
        LogoutStyle::Auth0 => {
            query.append_pair("client_id", client.client_id.as_str());
            if let Some(uri) = parameters.post_logout_redirect_uri {
                query.append_pair("returnTo", uri);
            }
            if parameters.federated {
                query.append_key_only("federated");
            }
        }
    }
    drop(query);
    Some(Ok(url))
}
