//! Login, and in a new process the stored session: API call, renewal, logout. `hallpass-consumer login|later ISSUER API FOLDER`
use std::error::Error;
use std::path::Path;

use async_trait::async_trait;
use hallpass_core::adapters::{DangerPlainFiles, Reqwest};
use hallpass_core::ports::{Browser, BrowserError, Transport, Visit};
use hallpass_core::protocol::client::RedirectUri;
use hallpass_core::protocol::http::{Headers, Method, Request, Response};
use hallpass_core::{ApiRequest, Config, Login, Logout, MinTtl, Session, State};
use url::Url;

const REDIRECT_URI: &str = "com.example.hallpass.lab:/callback";

type Failure = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let words: Vec<String> = std::env::args().collect();
    let [_, phase, issuer, api, folder] = &words[..] else { return Err("login|later ISSUER API FOLDER".into()) };
    let ada = Ada(Reqwest::new()?);
    let admin = async |method, path: &str, body: &str| -> Result<(), Failure> {
        let url = Url::parse(issuer)?.join("/admin/api/")?.join(path)?;
        let answer = ada.send(method, &url, "application/json", body).await?;
        if answer.is_success() { Ok(()) } else { Err(format!("{path}: {}", answer.status).into()) }
    };
    let config = Config::auth0(issuer, "hallpass-lab", REDIRECT_URI)?
        .audience("https://expenses-api")
        .scope("openid profile read:reports offline_access")?
        .api_origin(api.trim_end_matches('/'))?
        .danger_allow_loopback_http();
    let store = DangerPlainFiles::open(Path::new(folder))?;
    let browser = ada.clone();
    let session = Session::builder(config).store(store).browser(browser).build()?;

    if phase == "login" {
        admin(Method::Patch, "settings", r#"{"refresh_token_rotation": true}"#).await?;
        let user = session.login(Login::default()).await?;
        println!("login: {}", user.sub());
        return Ok(());
    }
    assert!(matches!(session.restored().await?, State::SignedIn { .. }), "the session was not found again");
    let url = &format!("{api}expenses");
    let credentials = session.credentials(MinTtl::seconds(60)).await?;
    let reply = session.call(ApiRequest::get(url)).await?;
    assert_eq!((reply.status, reply.renewals), (200, 0));
    admin(Method::Post, "expire-access-tokens", "{}").await?;
    let reply = session.call(ApiRequest::get(url)).await?;
    assert_eq!((reply.status, reply.renewals), (200, 1));
    let renewed = session.credentials(MinTtl::seconds(60)).await?;
    assert_ne!(credentials.access_token().expose(), renewed.access_token().expose());
    session.logout(Logout::default()).await?;
    assert!(session.credentials(MinTtl::seconds(60)).await.is_err(), "a session after its logout");
    println!("restart, call, renewal, logout");
    Ok(())
}

/// A browser in which Ada signs in as soon as she is asked.
#[derive(Clone)]
struct Ada(Reqwest);

#[async_trait]
impl Browser for Ada {
    async fn begin(&self, _configured: &RedirectUri) -> Result<Box<dyn Visit>, BrowserError> {
        Ok(Box::new(self.clone()))
    }
}

#[async_trait]
impl Visit for Ada {
    fn redirect_uri(&self) -> RedirectUri {
        RedirectUri::parse(REDIRECT_URI).expect("it is one")
    }

    async fn navigate(self: Box<Self>, url: Url) -> Result<String, BrowserError> {
        self.sign_in(url).await.map_err(|_| BrowserError::Failed("the pages are not as expected"))
    }
}

impl Ada {
    /// Follows redirects to the login page, submits it, and follows them back to the app.
    async fn sign_in(&self, mut url: Url) -> Result<String, Failure> {
        let mut answer = self.send(Method::Get, &url, "text/plain", "").await?;
        for _ in 0..10 {
            if let Some(location) = answer.headers.get("location") {
                if location.starts_with(REDIRECT_URI) {
                    return Ok(location.to_owned());
                }
                url = url.join(location)?;
                answer = self.send(Method::Get, &url, "text/plain", "").await?;
            } else {
                let page = std::str::from_utf8(&answer.body)?;
                let rest = page.split_once("name=\"transaction\" value=\"").ok_or("no login page")?.1;
                let transaction = rest.split('"').next().unwrap_or_default();
                let form = format!("transaction={transaction}&username=ada%40example.com&password=correct+horse");
                url = url.join("/u/login")?;
                answer = self.send(Method::Post, &url, "application/x-www-form-urlencoded", &form).await?;
            }
        }
        Err("the pages lead nowhere".into())
    }

    async fn send(&self, method: Method, url: &Url, kind: &str, body: &str) -> Result<Response, Failure> {
        let headers = Headers::from_iter([("Content-Type", kind)]);
        let (url, body) = (url.clone(), body.to_owned().into());
        Ok(self.0.send(Request { method, url, headers, body, max_response_bytes: 1 << 20 }).await?)
    }
}
