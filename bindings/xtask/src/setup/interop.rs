//! Real authorization servers, each in a folder of the cache, which `hallpass-interop` is handed.

mod django_oauth_toolkit;
mod glewlwyd;
mod keycloak;
mod oidc_provider;
mod python;

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::ValueEnum;

use crate::cli;
use crate::workspace;

/// A server that was not written here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum InteropServer {
    /// node-oidc-provider, in three shapes.
    OidcProvider,
    /// Keycloak; about 210 MB, and half a minute for each start.
    Keycloak,
    /// django-oauth-toolkit.
    DjangoOauthToolkit,
    /// Glewlwyd.
    Glewlwyd,
}

impl InteropServer {
    /// What `hallpass-interop` calls the stories at it.
    pub(crate) fn stories(self) -> &'static [&'static str] {
        match self {
            InteropServer::OidcProvider => &["oidc-provider", "oidc-provider-auth0", "oidc-provider-auth0-leeway"],
            InteropServer::Keycloak => &["keycloak"],
            InteropServer::DjangoOauthToolkit => &["django-oauth-toolkit"],
            InteropServer::Glewlwyd => &["glewlwyd"],
        }
    }
}

/// The folder of all servers.
///
/// # Errors
/// When there is no cache.
pub(crate) fn folder() -> Result<PathBuf> {
    let folder = workspace::cache()?.join("interop");
    fs::create_dir_all(&folder).context("cannot write to the cache")?;
    folder.canonicalize().context("cannot find the cache")
}

/// Installs `server`, unless what is there was made of the same files.
///
/// # Errors
/// When something it needs cannot be had on this machine.
pub(crate) fn prepare(server: InteropServer) -> Result<()> {
    let name = cli::name_of(&server);
    let folder = folder()?.join(&name);
    // Two commands at once would write over each other.
    let turn = File::create(folder.with_extension("turn")).context("cannot write to the cache")?;
    turn.lock().context("cannot wait for another command that installs it")?;
    match server {
        InteropServer::OidcProvider => oidc_provider::prepare(&folder),
        InteropServer::Keycloak => keycloak::prepare(&folder),
        InteropServer::DjangoOauthToolkit => django_oauth_toolkit::prepare(&folder),
        InteropServer::Glewlwyd => glewlwyd::prepare(&folder),
    }
}

/// Installs every server.
///
/// # Errors
/// As for [`prepare`].
pub(super) fn prepare_all() -> Result<()> {
    InteropServer::value_variants().iter().try_for_each(|&server| prepare(server))
}

/// The folder of the project with what a server is made of.
fn sources(name: &str) -> PathBuf {
    workspace::root().join("tests/interop/servers").join(name)
}

/// Makes `folder` with `make`, unless it was made of the same `recipe` before.
fn made_of(recipe: &str, folder: &Path, make: impl FnOnce() -> Result<()>) -> Result<()> {
    let stamp = folder.join(".hallpass-made-of");
    if fs::read_to_string(&stamp).is_ok_and(|made_of| made_of == recipe) {
        println!("found {}", folder.display());
        return Ok(());
    }
    if folder.exists() {
        fs::remove_dir_all(folder).context("cannot remove what was there before")?;
    }
    fs::create_dir_all(folder)?;
    make()?;
    fs::write(stamp, recipe)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folder_is_made_once_for_each_recipe() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("server");
        let mut made = 0;
        for recipe in ["1", "1", "2"] {
            made_of(recipe, &folder, || {
                made += 1;
                Ok(())
            })
            .unwrap();
        }
        assert_eq!(made, 2);
    }

    #[test]
    fn folder_that_could_not_be_made_is_made_again() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("server");
        assert!(made_of("1", &folder, || anyhow::bail!("no network")).is_err());
        let mut made = false;
        made_of("1", &folder, || {
            made = true;
            Ok(())
        })
        .unwrap();
        assert!(made);
    }
}
