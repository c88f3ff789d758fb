//! The servers, each in a file of its own.

mod django;
mod glewlwyd;
mod keycloak;
mod oidc_provider;

use std::path::Path;

use anyhow::{Result, ensure};

use crate::server::{Place, Server};

/// Makes a server, ready to be started.
pub(crate) type Make = fn(&Place) -> Result<Box<dyn Server>>;

/// Name, folder among the tools, and how to make it; in the order of the table.
const ALL: [(&str, &str, Make); 6] = [
    ("oidc-provider", oidc_provider::FOLDER, oidc_provider::strict),
    ("oidc-provider-auth0", oidc_provider::FOLDER, oidc_provider::auth0),
    ("oidc-provider-auth0-leeway", oidc_provider::FOLDER, oidc_provider::auth0_with_leeway),
    ("keycloak", keycloak::FOLDER, keycloak::keycloak),
    ("glewlwyd", glewlwyd::FOLDER, glewlwyd::glewlwyd),
    ("django-oauth-toolkit", django::FOLDER, django::toolkit),
];

/// The names of all servers.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|(name, ..)| *name)
}

/// The servers called `wanted`, which have to be installed in `tools`; all that are when nothing is wanted.
///
/// # Errors
/// When one is not installed, or there is none of that name.
pub(crate) fn installed(tools: &Path, wanted: &[String]) -> Result<Vec<(&'static str, Make)>> {
    for name in wanted {
        ensure!(names().any(|known| known == name), "there is no server {name}");
    }
    let mut found = Vec::new();
    for (name, folder, make) in ALL {
        let is_wanted = wanted.iter().any(|wanted| wanted == name);
        let is_installed = tools.join(folder).is_dir();
        ensure!(is_installed || !is_wanted, "{name} is not installed");
        if is_wanted || (wanted.is_empty() && is_installed) {
            found.push((name, make));
        }
    }
    Ok(found)
}
