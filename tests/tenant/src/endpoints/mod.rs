//! The authorization server's endpoints.

mod authorize;
mod consent;
mod device;
mod login;
mod logout;
mod par;
mod revoke;
mod token;
mod userinfo;
mod well_known;

use std::sync::Arc;

use axum::{
    Router,
    routing::{get, post},
};

use crate::shared::Shared;

/// Everything that clients and their users see of the authorization server.
pub(crate) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/authorize", get(authorize::authorize).post(authorize::authorize))
        .route("/oauth/par", post(par::push))
        .route("/oauth/device/code", post(device::authorize_device))
        .route("/activate", get(device::show).post(device::submit))
        .route("/u/login", get(login::show).post(login::submit))
        .route("/u/consent", get(consent::show).post(consent::submit))
        .route("/oauth/token", post(token::token))
        .route("/userinfo", get(userinfo::userinfo).post(userinfo::userinfo))
        .route("/oauth/revoke", post(revoke::revoke))
        .route("/v2/logout", get(logout::auth0_logout))
        .route("/oidc/logout", get(logout::end_session).post(logout::end_session))
        .route("/.well-known/openid-configuration", get(well_known::metadata))
        .route("/.well-known/oauth-authorization-server", get(well_known::metadata))
        .route("/.well-known/jwks.json", get(well_known::key_set))
}
