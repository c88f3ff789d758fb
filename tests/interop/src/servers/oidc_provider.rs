//! node-oidc-provider, in a shape of its own and dressed as Auth0: `servers/oidc-provider/server.mjs`.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use async_trait::async_trait;
use hallpass_core::Config;
use hallpass_core::protocol::authorize::Prompt;
use serde_json::{Value, json};
use tokio::process::Command;
use url::Url;

use crate::http::Http;
use crate::process::{Launch, free_port};
use crate::server::{Api, Facts, Manners, Offered, Place, REDIRECT_URI, Restart, Reuse, Server};

/// Its folder among the tools: `package.json`, `package-lock.json` and `node_modules`.
pub(crate) const FOLDER: &str = "oidc-provider";

const CLIENT_ID: &str = "hallpass-app";
const SCOPE: &str = "openid profile read:reports offline_access";
const API: &str = "https://expenses-api";
const REUSE_INTERVAL: Duration = Duration::from_secs(8);

/// Found by discovery; a spent refresh token ends the session; a restart forgets everything, its keys included.
pub(crate) fn strict(place: &Place) -> Result<Box<dyn Server>> {
    OidcProvider::shaped(place, Shape::OpenId, None, Restart::Lost)
}

/// Auth0's paths and words; a spent refresh token ends the session.
pub(crate) fn auth0(place: &Place) -> Result<Box<dyn Server>> {
    OidcProvider::shaped(place, Shape::Auth0, None, Restart::Kept)
}

/// Auth0's paths and words; a spent refresh token works again for some seconds.
pub(crate) fn auth0_with_leeway(place: &Place) -> Result<Box<dyn Server>> {
    OidcProvider::shaped(place, Shape::Auth0, Some(REUSE_INTERVAL), Restart::Kept)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    OpenId,
    Auth0,
}

struct OidcProvider {
    facts: Facts,
    origin: Url,
    settings: Value,
}

impl OidcProvider {
    fn shaped(place: &Place, shape: Shape, reuse: Option<Duration>, restart: Restart) -> Result<Box<dyn Server>> {
        let installed = place.tools.join(FOLDER);
        lay_out(&installed, &place.work)?;
        let port = free_port()?;
        let origin = Url::parse(&format!("http://127.0.0.1:{port}/"))?;
        let state = place.work.join("state.json");
        let settings = json!({
            "port": port,
            "shape": match shape { Shape::OpenId => "openid", Shape::Auth0 => "auth0" },
            "reuseInterval": reuse.map_or(0, |interval| interval.as_secs()),
            "state": (restart == Restart::Kept).then_some(state),
        });
        let manners = Manners {
            name: ("name", "Ada Lovelace"),
            userinfo: match shape {
                Shape::OpenId => Offered::No("an access token for a `resource` is for nothing else (RFC 8707 §2)"),
                Shape::Auth0 => Offered::Yes,
            },
            token_type: "Bearer",
            refusal: (if shape == Shape::Auth0 { 403 } else { 400 }, "invalid_grant"),
            reuse: reuse.map_or(Reuse::EndsSession, |interval| Reuse::Forgiven { interval }),
            restart,
            end_session: Offered::Yes,
            revocation: Offered::Yes,
        };
        let facts = Facts {
            name: place.name,
            version: version(&installed)?,
            folder: place.work.clone(),
            config: config(shape, &origin)?,
            client_id: CLIENT_ID,
            prompt: (shape == Shape::OpenId).then_some(Prompt::Consent),
            token_endpoint: origin.join(if shape == Shape::Auth0 { "oauth/token" } else { "token" })?,
            api: Api::Own(origin.join("api/reports")?),
            user: ("ada", "correct horse"),
            agrees: &["allow", "Log out"],
            manners,
            deviations: match shape {
                Shape::OpenId => &[
                    "Without `prompt=consent` it drops `offline_access` without a word (OpenID Connect Core §11 allows that): \
                     an app adds `Login::prompt(Prompt::Consent)`, or is `no_refresh_token` when the first access token is over.",
                ],
                Shape::Auth0 => &[],
            },
        };
        Ok(Box::new(Self { facts, origin, settings }))
    }
}

#[async_trait]
impl Server for OidcProvider {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn launch(&self) -> Launch {
        let mut command = Command::new("node");
        command.arg("server.mjs").arg(self.settings.to_string()).current_dir(&self.facts.folder);
        let mut ready = self.origin.clone();
        ready.set_path(".well-known/openid-configuration");
        Launch { command, ready, patience: Duration::from_secs(60) }
    }

    async fn sign_out(&self, http: &Http) -> Result<()> {
        let answer = http.post(&self.origin.join("admin/sign-out")?, &[]).await?;
        ensure!(answer.status == 204, "the administrator was answered {}", answer.status);
        Ok(())
    }
}

fn config(shape: Shape, origin: &Url) -> Result<Config> {
    let config = match shape {
        Shape::OpenId => {
            let issuer = origin.as_str().trim_end_matches('/');
            Config::new(issuer, CLIENT_ID, REDIRECT_URI)?.resource(API)
        }
        Shape::Auth0 => Config::auth0(origin.as_str(), CLIENT_ID, REDIRECT_URI)?.audience(API),
    };
    Ok(config.scope(SCOPE)?.api_origin(origin.as_str())?)
}

/// Scripts find packages beside themselves, so both are brought together in the server's own folder.
fn lay_out(installed: &Path, folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).context("the last run's files cannot be removed")?;
    }
    fs::create_dir_all(folder)?;
    std::os::unix::fs::symlink(installed.join("node_modules"), folder.join("node_modules"))?;
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("servers").join(FOLDER))? {
        let file = entry?.path();
        if file.extension().is_some_and(|ending| ending == "mjs") {
            fs::copy(&file, folder.join(file.file_name().context("a file has a name")?))?;
        }
    }
    Ok(())
}

fn version(installed: &Path) -> Result<String> {
    let package = fs::read(installed.join("node_modules/oidc-provider/package.json")).context("it is not installed")?;
    let package: Value = serde_json::from_slice(&package)?;
    package["version"].as_str().map(str::to_owned).context("the package has no version")
}
