//! The URL that ends the session at the server, for the browser: OpenID Connect RP-Initiated Logout 1.0, and Auth0's
//! own.

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

#[cfg(test)]
mod tests {
    use alloc::string::String;

    use super::*;
    use crate::fixtures::{auth0, auth0_provider, openid, openid_provider};

    fn text(client: &Client, provider: &ProviderMetadata, parameters: LogoutParameters<'_>) -> String {
        url(client, provider, parameters).unwrap().unwrap().into()
    }

    #[test]
    fn auth0s_logout_is_its_own_unless_asked_otherwise() {
        let hint = RawIdToken::new("h.e.y");
        let parameters = LogoutParameters {
            post_logout_redirect_uri: Some("com.example.app://x/out"),
            id_token_hint: Some(&hint),
            federated: true,
            ..LogoutParameters::default()
        };
        let (client, provider) = (auth0(), auth0_provider());
        assert_eq!(
            text(&client, &provider, parameters),
            "https://tenant.eu.auth0.com/v2/logout?client_id=client-1&returnTo=com.example.app%3A%2F%2Fx%2Fout&federated"
        );
        assert_eq!(
            text(&client, &provider, LogoutParameters::default()),
            "https://tenant.eu.auth0.com/v2/logout?client_id=client-1"
        );
        let parameters = LogoutParameters { style: Some(LogoutStyle::RpInitiated), ..parameters };
        assert_eq!(
            text(&client, &provider, parameters),
            "https://tenant.eu.auth0.com/oidc/logout?id_token_hint=h.e.y\
             &post_logout_redirect_uri=com.example.app%3A%2F%2Fx%2Fout&client_id=client-1"
        );
    }

    #[test]
    fn a_logout_at_an_openid_provider_goes_to_its_endpoint() {
        let state = State::new("s");
        let parameters = LogoutParameters { state: Some(&state), federated: true, ..LogoutParameters::default() };
        assert_eq!(
            text(&openid(), &openid_provider(), parameters),
            "https://op.example/realm/logout?state=s&client_id=client-1"
        );
    }

    #[test]
    fn a_provider_without_the_endpoint_has_no_url() {
        let provider = ProviderMetadata { end_session_endpoint: None, ..openid_provider() };
        assert!(url(&openid(), &provider, LogoutParameters::default()).is_none());
    }

    #[test]
    fn a_return_address_that_is_no_uri_is_refused() {
        let parameters = LogoutParameters { post_logout_redirect_uri: Some("/out"), ..LogoutParameters::default() };
        let outcome = url(&auth0(), &auth0_provider(), parameters).unwrap();
        assert_eq!(outcome, Err(ConfigError::PostLogoutRedirectUri));
    }
}
