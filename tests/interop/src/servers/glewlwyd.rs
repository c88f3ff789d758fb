//! Glewlwyd, set up over its own interface for administrators. Its pages are one script, so the user does what that script
//! does: the same calls in the same order.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use async_trait::async_trait;
use hallpass_core::Config;
use hallpass_core::protocol::http::{Method, Response};
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::sync::Mutex;
use url::Url;

use crate::http::{Http, json as body};
use crate::person::{Journey, Person};
use crate::process::{Launch, free_port};
use crate::server::{Api, Facts, Manners, Offered, Place, REDIRECT_URI, Restart, Reuse, Server};

/// Its folder among the tools: the scripts `glewlwyd` and `sqlite3`, and a database without users.
pub(crate) const FOLDER: &str = "glewlwyd";

const CLIENT_ID: &str = "hallpass-app";
const USER: (&str, &str) = ("ada", "correct horse");
/// The administrator that every new database has.
const ADMINISTRATOR: (&str, &str) = ("admin", "password");

/// Makes it, with a copy of the database for this run.
pub(crate) fn glewlwyd(place: &Place) -> Result<Box<dyn Server>> {
    let installed = place.tools.join(FOLDER);
    if place.work.exists() {
        fs::remove_dir_all(&place.work).context("the last run's files cannot be removed")?;
    }
    fs::create_dir_all(&place.work)?;
    fs::copy(installed.join("empty.sqlite3"), place.work.join("database.sqlite3")).context("no database")?;
    let port = free_port()?;
    let origin = Url::parse(&format!("http://127.0.0.1:{port}/"))?;
    let modules = installed.join("root/usr/lib/glewlwyd");
    fs::write(place.work.join("glewlwyd.conf"), settings(&origin, port, &modules, &place.work))?;
    let issuer = origin.join("api/oidc")?;
    let facts = Facts {
        name: place.name,
        version: fs::read_to_string(installed.join("version")).context("it does not say its version")?,
        folder: place.work.clone(),
        config: Config::new(issuer.as_str(), CLIENT_ID, REDIRECT_URI)?.scope("openid")?.api_origin(origin.as_str())?,
        client_id: CLIENT_ID,
        prompt: None,
        token_endpoint: origin.join("api/oidc/token")?,
        api: Api::UserInfo(origin.join("api/oidc/userinfo")?),
        user: USER,
        agrees: &[],
        manners: Manners {
            name: ("name", "Ada Lovelace"),
            userinfo: Offered::Yes,
            token_type: "bearer",
            refusal: (400, ""),
            reuse: Reuse::EndsSession,
            restart: Restart::Kept,
            end_session: Offered::No("the page is a script"),
            revocation: Offered::No("a public client is answered 401"),
        },
        deviations: &[
            "A refresh token that it does not take is answered 400 without a body, where RFC 6749 §5.2 wants `invalid_grant`. \
             That cannot be told from a gateway's error, so nobody is signed out by it: the app stays offline until the user logs in again.",
            "Its revocation endpoint wants a secret, which a public client has not (RFC 7009 §2.1 wants its `client_id`): \
             `LoggedOut::revoked` is false, and the refresh token lives on until it expires.",
            "`token_type` is `bearer`, which is the same as `Bearer` (RFC 6749 §5.1).",
        ],
    };
    Ok(Box::new(Glewlwyd { facts, origin, program: installed.join("glewlwyd"), user: Mutex::default() }))
}

struct Glewlwyd {
    facts: Facts,
    origin: Url,
    program: PathBuf,
    /// The user's cookie.
    user: Mutex<Option<String>>,
}

#[async_trait]
impl Server for Glewlwyd {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn launch(&self) -> Launch {
        let mut command = Command::new(&self.program);
        command.arg("--config-file").arg(self.facts.folder.join("glewlwyd.conf"));
        let mut ready = self.origin.clone();
        ready.set_path("config");
        Launch { command, ready, patience: Duration::from_secs(60) }
    }

    async fn provision(&self, http: &Http) -> Result<()> {
        let administrator = self.log_in(http, ADMINISTRATOR).await?.context("the administrator cannot log in")?;
        for (path, value) in [("mod/plugin/", plugin(&self.origin)?), ("user/", user()), ("client/", client())] {
            let answer = self.call(http, Method::Post, path, Some(&administrator), Some(&value)).await?;
            ensure!(answer.status == 200, "{path} was answered {}: {}", answer.status, body(&answer));
        }
        Ok(())
    }

    /// Disables the user's refresh tokens, as the button in the list of them does.
    async fn sign_out(&self, http: &Http) -> Result<()> {
        let administrator = self.log_in(http, ADMINISTRATOR).await?.context("the administrator cannot log in")?;
        let list = "oidc/token?impersonate=ada";
        let tokens = body(&self.call(http, Method::Get, list, Some(&administrator), None).await?);
        for token in tokens.as_array().context("there is no list of tokens")?.iter().filter(|it| it["enabled"] == true)
        {
            let hash = token["token_hash"].as_str().context("a token without its hash")?;
            let hash: String = url::form_urlencoded::byte_serialize(hash.as_bytes()).collect();
            let path = format!("oidc/token/{hash}?impersonate=ada");
            let answer = self.call(http, Method::Delete, &path, Some(&administrator), None).await?;
            ensure!(answer.status == 200, "the administrator was answered {}", answer.status);
        }
        Ok(())
    }

    async fn visit(&self, _person: &Person, url: &Url, _home: &Url, mistaken: bool) -> Result<Journey> {
        let http = Http::new()?;
        let mut cookie = self.user.lock().await;
        let mut passwords = 0;
        if mistaken {
            passwords += 1;
            let wrong = (USER.0, "not the password");
            ensure!(self.log_in(&http, wrong).await?.is_none(), "a wrong password was taken");
        }
        if cookie.is_none() {
            passwords += 1;
            *cookie = self.log_in(&http, USER).await?;
        }
        let user = cookie.as_deref().context("the right password was not taken")?;
        let grant = format!("auth/grant/{CLIENT_ID}");
        let granted = self.call(&http, Method::Put, &grant, Some(user), Some(&json!({ "scope": "openid" }))).await?;
        ensure!(granted.status == 200, "the consent was answered {}", granted.status);
        let mut url = url.clone();
        // What the script adds when all that was asked has been answered.
        url.query_pairs_mut().append_key_only("g_continue");
        let answer = http.send(Method::Get, &url, &[("Cookie", user)], None).await?;
        let callback = answer.headers.get("location").context("there is no way back to the app")?.to_owned();
        Ok(Journey { callback, passwords })
    }
}

impl Glewlwyd {
    /// Returns the cookie of the session; `None` when the password is wrong.
    async fn log_in(&self, http: &Http, (username, password): (&str, &str)) -> Result<Option<String>> {
        let credentials = json!({ "username": username, "password": password });
        let answer = self.call(http, Method::Post, "auth/", None, Some(&credentials)).await?;
        ensure!(matches!(answer.status, 200 | 401), "the password was answered {}", answer.status);
        let cookie = answer.headers.get("set-cookie").and_then(|cookie| cookie.split(';').next());
        Ok(cookie.filter(|_| answer.status == 200).map(str::to_owned))
    }

    async fn call(
        &self,
        http: &Http,
        method: Method,
        path: &str,
        cookie: Option<&str>,
        value: Option<&Value>,
    ) -> Result<Response> {
        let url = self.origin.join("api/")?.join(path)?;
        let headers: Vec<_> = cookie.map(|cookie| ("Cookie", cookie)).into_iter().collect();
        http.send(method, &url, &headers, value.map(|value| ("application/json", value.to_string()))).await
    }
}

fn settings(origin: &Url, port: u16, modules: &std::path::Path, folder: &std::path::Path) -> String {
    let (origin, modules, folder) = (origin.as_str().trim_end_matches('/'), modules.display(), folder.display());
    format!(
        "port={port}\nbind_address=\"127.0.0.1\"\nexternal_url=\"{origin}\"\nlogin_url=\"login.html\"\napi_prefix=\"api\"\n\
         log_mode=\"console\"\nlog_level=\"INFO\"\ncookie_secure=0\nsession_expiration=86400\n\
         session_key=\"GLEWLWYD2_SESSION_ID\"\nadmin_scope=\"g_admin\"\nprofile_scope=\"g_profile\"\n\
         user_module_path=\"{modules}/user\"\nclient_module_path=\"{modules}/client\"\n\
         user_auth_scheme_module_path=\"{modules}/scheme\"\nplugin_module_path=\"{modules}/plugin\"\n\
         hash_algorithm=\"SHA512\"\ndatabase={{ type=\"sqlite3\" path=\"{folder}/database.sqlite3\" }}\n"
    )
}

/// The OpenID Provider among its modules: short tokens, refresh tokens that are good for one use, PKCE.
fn plugin(origin: &Url) -> Result<Value> {
    let keys =
        fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("servers").join(FOLDER).join("keys.json"))?;
    Ok(json!({
        "module": "oidc",
        "name": "oidc",
        "display_name": "OpenID Connect",
        "enabled": true,
        "parameters": {
            "iss": origin.join("api/oidc")?,
            "jwt-type": "rsa",
            "jwt-key-size": "256",
            "jwks-private": keys,
            "default-kid": "1",
            "jwks-show": true,
            "access-token-duration": 10,
            "refresh-token-duration": 3600,
            "code-duration": 60,
            "refresh-token-rolling": true,
            "refresh-token-one-use": "always",
            "allow-non-oidc": false,
            "auth-type-code-enabled": true,
            "auth-type-code-revoke-replayed": true,
            "auth-type-token-enabled": false,
            "auth-type-id-token-enabled": true,
            "auth-type-none-enabled": false,
            "auth-type-password-enabled": false,
            "auth-type-client-enabled": false,
            "auth-type-device-enabled": false,
            "auth-type-refresh-enabled": true,
            "subject-type": "public",
            "name-claim": "mandatory",
            "name-claim-scope": [],
            "email-claim": "no",
            "scope": [],
            "claims": [],
            "additional-parameters": [],
            "pkce-allowed": true,
            "pkce-required": true,
            "pkce-method-plain-allowed": false,
            "introspection-revocation-allowed": true,
            "introspection-revocation-allow-target-client": true,
            "introspection-revocation-auth-scope": [],
        },
    }))
}

fn user() -> Value {
    json!({
        "username": USER.0,
        "password": USER.1,
        "name": "Ada Lovelace",
        "scope": ["openid", "g_profile"],
        "enabled": true,
    })
}

fn client() -> Value {
    json!({
        "client_id": CLIENT_ID,
        "name": "Hallpass",
        "confidential": false,
        "enabled": true,
        "redirect_uri": [REDIRECT_URI],
        "authorization_type": ["code", "refresh_token"],
        "scope": ["openid"],
    })
}
