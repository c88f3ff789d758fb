//! Keycloak, started without its script, which would stay between it and the signal to stop.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use async_trait::async_trait;
use hallpass_core::Config;
use hallpass_core::protocol::http::Method;
use serde_json::Value;
use tokio::process::Command;
use url::Url;

use crate::http::{Http, bearer, json};
use crate::process::{Launch, free_port};
use crate::server::{Api, Facts, Manners, Offered, Place, REDIRECT_URI, Restart, Reuse, Server};

/// Its folder among the tools: `java`, and `server` with the realm in its database.
pub(crate) const FOLDER: &str = "keycloak";

const CLIENT_ID: &str = "hallpass-app";
/// A user of the realm who may administer it.
const ADMINISTRATOR: (&str, &str) = ("administrator", "only for this test");

/// What `bin/kc.sh` hands to Java.
const JAVA: [&str; 14] = [
    "-Xms64m",
    "-Xmx512m",
    // The time until it is ready matters here, and not how fast it becomes.
    "-XX:TieredStopAtLevel=1",
    "-Dfile.encoding=UTF-8",
    "-Djava.util.concurrent.ForkJoinPool.common.threadFactory=io.quarkus.bootstrap.forkjoin.QuarkusForkJoinWorkerThreadFactory",
    "-Djava.util.logging.manager=org.jboss.logmanager.LogManager",
    "-Dpicocli.disable.closures=true",
    "--add-opens=java.base/java.util=ALL-UNNAMED",
    "--add-opens=java.base/java.util.concurrent=ALL-UNNAMED",
    "--add-opens=java.base/java.security=ALL-UNNAMED",
    "--add-opens=java.base/java.lang=ALL-UNNAMED",
    "--enable-native-access=ALL-UNNAMED",
    "-cp",
    "lib/quarkus-run.jar",
];

/// Makes it, with a copy of the database for this run.
pub(crate) fn keycloak(place: &Place) -> Result<Box<dyn Server>> {
    let installed = place.tools.join(FOLDER);
    if place.work.exists() {
        fs::remove_dir_all(&place.work).context("the last run's files cannot be removed")?;
    }
    fs::create_dir_all(&place.work)?;
    let database = "keycloakdb.mv.db";
    fs::copy(installed.join("server/data/h2").join(database), place.work.join(database)).context("no database")?;

    let port = free_port()?;
    let origin = Url::parse(&format!("http://127.0.0.1:{port}/"))?;
    let issuer = origin.join("realms/hallpass")?;
    let endpoint = |name: &str| Url::parse(&format!("{issuer}/protocol/openid-connect/{name}"));
    let told = fs::read_to_string(installed.join("server/version.txt")).context("it does not say its version")?;
    let version = told.trim().rsplit(' ').next().unwrap_or_default().to_owned();
    let facts = Facts {
        name: place.name,
        version,
        folder: place.work.clone(),
        config: Config::new(issuer.as_str(), CLIENT_ID, REDIRECT_URI)?.api_origin(origin.as_str())?,
        client_id: CLIENT_ID,
        prompt: None,
        token_endpoint: endpoint("token")?,
        api: Api::UserInfo(endpoint("userinfo")?),
        user: ("ada", "correct horse"),
        agrees: &[],
        manners: Manners {
            name: ("name", "Ada Lovelace"),
            userinfo: Offered::Yes,
            token_type: "Bearer",
            refusal: (400, "invalid_grant"),
            reuse: Reuse::EndsSession,
            restart: Restart::Kept,
            end_session: Offered::Yes,
            revocation: Offered::Yes,
        },
        deviations: &[],
    };
    Ok(Box::new(Keycloak { facts, origin, port, home: installed }))
}

struct Keycloak {
    facts: Facts,
    origin: Url,
    port: u16,
    home: PathBuf,
}

#[async_trait]
impl Server for Keycloak {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn launch(&self) -> Launch {
        let server = self.home.join("server");
        let mut command = Command::new(self.home.join("java/bin/java"));
        command.args(JAVA).arg(format!("-Dkc.home.dir={}", server.display()));
        command.arg(format!("-Djboss.server.config.dir={}", server.join("conf").display()));
        command.args(["io.quarkus.bootstrap.runner.QuarkusEntryPoint", "start", "--optimized"]);
        // One node: without this it would look for others in the network.
        command.args(["--cache=local", "--http-enabled=true", "--http-host=127.0.0.1"]);
        command.arg(format!("--http-port={}", self.port));
        command.arg(format!("--hostname={}", self.origin.as_str().trim_end_matches('/')));
        let database = self.facts.folder.join("keycloakdb");
        command.arg(format!("--db-url=jdbc:h2:file:{};NON_KEYWORDS=VALUE", database.display()));
        command.current_dir(server);
        let mut ready = self.origin.clone();
        ready.set_path("realms/hallpass/.well-known/openid-configuration");
        Launch { command, ready, patience: Duration::from_secs(240) }
    }

    /// Over the REST API, as the button "Sign out all active sessions" does, and for the sessions without a browser.
    async fn sign_out(&self, http: &Http) -> Result<()> {
        let form = [
            ("grant_type", "password"),
            ("client_id", "admin-cli"),
            ("username", ADMINISTRATOR.0),
            ("password", ADMINISTRATOR.1),
        ];
        let token = self.origin.join("realms/hallpass/protocol/openid-connect/token")?;
        let token = json(&http.post(&token, &form).await?);
        let token = token["access_token"].as_str().context("the administrator cannot log in")?;
        let authorization = [("Authorization", bearer(token))];
        let headers = authorization.each_ref().map(|(name, value)| (*name, value.as_str()));
        let users = self.origin.join("admin/realms/hallpass/users/")?;
        let found = json(&http.get(&users.join("?username=ada&exact=true")?, Some(token)).await?);
        let id = found.pointer("/0/id").and_then(Value::as_str).context("there is no user")?;
        let user = users.join(&format!("{id}/"))?;
        let out = http.send(Method::Post, &user.join("logout")?, &headers, None).await?;
        ensure!(out.status == 204, "the administrator was answered {}", out.status);
        // `offline_access` makes a session of its own, which only the withdrawal of the consent ends.
        let consent = user.join(&format!("consents/{CLIENT_ID}"))?;
        let withdrawn = http.send(Method::Delete, &consent, &headers, None).await?;
        ensure!(withdrawn.status == 204, "the administrator was answered {}", withdrawn.status);
        Ok(())
    }
}
