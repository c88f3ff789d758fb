//! The operator's side of the tenant, dashboard and admin API, apart from what clients see: no fault and no rate limit
//! applies to it, and it is not logged.

use axum::http::{HeaderMap, StatusCode, header::HOST};

use crate::{answer, settings::Settings, shared::own_host};
use axum::response::Response;

/// Whether a path of the authorization server is the operator's, or one of the files that pages load.
pub(super) fn is_for_the_operator(path: &str) -> bool {
    path == "/"
        || path == "/dashboard"
        || ["/dashboard/", "/admin/", "/assets/"].iter().any(|root| path.starts_with(root))
}

/// Refuses what another web site makes a browser send: there is no password on a server that only this machine reaches,
/// but every page in its browser can reach it too.
pub(super) fn refuse_strangers(headers: &HeaderMap, settings: &Settings) -> Option<Response> {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let cross_site = header("sec-fetch-site") == Some("cross-site");
    let named = header(HOST.as_str()).is_some_and(|host| {
        own_host(host).is_some()
            || settings.public_host.as_deref().is_some_and(|public| host.split(':').next() == Some(public))
    });
    (cross_site || !named).then(|| {
        answer::with_body(
            StatusCode::FORBIDDEN,
            "text/plain; charset=utf-8",
            "The dashboard and the admin API answer only to this machine, under its own name.\n",
        )
    })
}
