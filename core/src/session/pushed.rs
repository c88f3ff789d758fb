//! Pushed authorization requests (RFC 9126): when a login is pushed, and the result.

use hallpass_protocol::discovery::ProviderMetadata;
use hallpass_protocol::par;
use url::Url;

use super::wire::Wire;
use crate::config::Config;
use crate::error::{Error, Result};

/// Whether a login has to be pushed: the server takes no other (§5), or the app asks for it.
pub(crate) fn is_wanted(config: &Config, metadata: &ProviderMetadata) -> bool {
    config.par || metadata.require_pushed_authorization_requests
}

/// Pushes the request that `url` is, and returns the page for the browser. Without an answer it is not sent again: the user
/// has seen no page yet, and the next login is a new request.
///
/// # Errors
/// [`Error::Misconfigured`] naming `par` when the server has no endpoint for it; [`Error::Denied`] when it refuses the login,
/// which it would otherwise tell the user on a page; else as for any request.
pub(crate) async fn pushed(config: &Config, wire: &Wire, metadata: &ProviderMetadata, url: &Url) -> Result<Url> {
    let request = par::request(&config.client, metadata, url).ok_or(Error::Misconfigured {
        field: "par",
        fix: "this server's metadata has no `pushed_authorization_request_endpoint`; leave `par` out",
    })?;
    let response = wire.send(request).await?;
    par::parse(&response, &config.client, metadata).map_err(|error| wire.unusable(&response, error))
}
