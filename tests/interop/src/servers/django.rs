//! django-oauth-toolkit: `servers/django-oauth-toolkit/server.py`.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use async_trait::async_trait;
use hallpass_core::Config;
use tokio::process::Command;
use url::Url;

use crate::http::Http;
use crate::process::{Launch, free_port};
use crate::server::{Api, Facts, Manners, Offered, Place, REDIRECT_URI, Restart, Reuse, Server};

/// Its folder among the tools: an environment of Python, and `requirements.txt`, of which it was made.
pub(crate) const FOLDER: &str = "django-oauth-toolkit";

const CLIENT_ID: &str = "hallpass-app";
const DATABASE: &str = "database.sqlite3";
const HIDDEN: &str = "database.hidden";

/// Makes it, without a database.
pub(crate) fn toolkit(place: &Place) -> Result<Box<dyn Server>> {
    let installed = place.tools.join(FOLDER);
    if place.work.exists() {
        fs::remove_dir_all(&place.work).context("the last run's files cannot be removed")?;
    }
    fs::create_dir_all(&place.work)?;
    let port = free_port()?;
    let origin = Url::parse(&format!("http://127.0.0.1:{port}/"))?;
    let issuer = origin.join("o")?;
    let facts = Facts {
        name: place.name,
        version: version(&installed)?,
        folder: place.work.clone(),
        // It knows no `offline_access`, and refuses a scope that it does not know.
        config: Config::new(issuer.as_str(), CLIENT_ID, REDIRECT_URI)?
            .scope("openid profile")?
            .api_origin(origin.as_str())?,
        client_id: CLIENT_ID,
        prompt: None,
        token_endpoint: origin.join("o/token/")?,
        api: Api::UserInfo(origin.join("o/userinfo/")?),
        user: ("ada", "correct horse"),
        agrees: &["Authorize", "Logout"],
        manners: Manners {
            name: ("name", "Ada Lovelace"),
            userinfo: Offered::Yes,
            token_type: "Bearer",
            refusal: (400, "invalid_grant"),
            reuse: Reuse::EndsSession,
            restart: Restart::Kept,
            end_session: Offered::Yes,
            revocation: Offered::No("its metadata names no revocation endpoint"),
        },
        deviations: &[
            "It has a revocation endpoint, and its OpenID Connect metadata does not name it (RFC 8414 §2 would have it): \
             `Session::revoke` is `Misconfigured`, and `LoggedOut::revoked` is false. The logout in the browser ends the tokens too.",
            "It knows no `offline_access`: every login gets a refresh token, and asking for that scope is refused with `invalid_scope`.",
        ],
    };
    Ok(Box::new(Toolkit { facts, origin, port, python: installed.join("bin/python") }))
}

struct Toolkit {
    facts: Facts,
    origin: Url,
    port: u16,
    python: PathBuf,
}

#[async_trait]
impl Server for Toolkit {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn launch(&self) -> Launch {
        let mut command = Command::new(&self.python);
        let server = Path::new(env!("CARGO_MANIFEST_DIR")).join("servers").join(FOLDER).join("server.py");
        // Nothing is written beside the sources.
        command.arg("-B").arg(server).arg(&self.facts.folder).arg(self.port.to_string());
        let mut ready = self.origin.clone();
        ready.set_path("o/.well-known/openid-configuration");
        Launch { command, ready, patience: Duration::from_secs(120) }
    }

    async fn sign_out(&self, http: &Http) -> Result<()> {
        let answer = http.post(&self.origin.join("admin/sign-out")?, &[]).await?;
        ensure!(answer.status == 204, "the administrator was answered {}", answer.status);
        Ok(())
    }

    fn break_down(&self) -> Result<Option<&'static str>> {
        fs::rename(self.facts.folder.join(DATABASE), self.facts.folder.join(HIDDEN))?;
        Ok(Some("the tables of its database are gone"))
    }

    fn mend(&self) -> Result<()> {
        Ok(fs::rename(self.facts.folder.join(HIDDEN), self.facts.folder.join(DATABASE))?)
    }
}

fn version(installed: &Path) -> Result<String> {
    let requirements = fs::read_to_string(installed.join("requirements.txt")).context("it is not installed")?;
    let version = requirements.lines().find_map(|line| line.strip_prefix("django-oauth-toolkit=="));
    version.map(str::to_owned).context("the requirements do not name it")
}
