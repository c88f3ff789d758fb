//! Login, and in a new process the stored session: API call, renewal, logout. `hallpass-consumer login|later ISSUER API FOLDER`
use std::error::Error;
use std::path::Path;

use async_trait::async_trait;
use hallpass_core::adapters::DangerPlainFiles;
use hallpass_core::ports::{Browser, BrowserError, Visit};
use hallpass_core::protocol::client::RedirectUri;
use hallpass_core::{ApiRequest, Config, Login, Logout, MinTtl, Session, State};
use reqwest::header::{CONTENT_TYPE, LOCATION};
use reqwest::{Client, Method, Response, redirect};
use url::Url;

const REDIRECT_URI: &str = "com.example.hallpass.lab:/callback";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().collect();
    let [_, phase, issuer, api, folder] = &words[..] else { return Err("login|later ISSUER API FOLDER".into()) };
    let client = Client::builder().redirect(redirect::Policy::none()).no_proxy().build()?;
    let admin = async |method: Method, path: &str, body: &'static str| -> reqwest::Result<Response> {
        let url = format!("{issuer}admin/api/{path}");
        client.request(method, url).header(CONTENT_TYPE, "application/json").body(body).send().await?.error_for_status()
    };
    let config = Config::auth0(issuer, "hallpass-lab", REDIRECT_URI)?
        .audience("https://expenses-api")
        .scope("openid profile read:reports offline_access")?
        .api_origin(api.trim_end_matches('/'))?
        .danger_allow_loopback_http();
    let store = DangerPlainFiles::open(Path::new(folder))?;
    let browser = Ada(client.clone());
    let session = Session::builder(config).store(store).browser(browser).build()?;

    if phase == "login" {
        admin(Method::PATCH, "settings", r#"{"refresh_token_rotation": true}"#).await?;
        let user = session.login(Login::default()).await?;
        println!("login: {}", user.sub());
        return Ok(());
    }
    assert!(matches!(session.restored().await?, State::SignedIn { .. }), "the session was not found again");
    let url = &format!("{api}expenses");
    let credentials = session.credentials(MinTtl::seconds(60)).await?;
    let reply = session.call(ApiRequest::get(url)).await?;
    assert_eq!((reply.status, reply.renewals), (200, 0));
    admin(Method::POST, "expire-access-tokens", "{}").await?;
    let reply = session.call(ApiRequest::get(url)).await?;
    assert_eq!((reply.status, reply.renewals), (200, 1));
    let renewed = session.credentials(MinTtl::seconds(60)).await?;
    assert_ne!(credentials.access_token().expose(), renewed.access_token().expose());
    session.logout(Logout::default()).await?;
    assert!(session.credentials(MinTtl::seconds(60)).await.is_err());
    println!("restart, call, renewal, logout");
    Ok(())
}

/// A browser in which Ada signs in as soon as she is asked.
struct Ada(Client);

#[async_trait]
impl Browser for Ada {
    async fn begin(&self, configured: &RedirectUri) -> Result<Box<dyn Visit>, BrowserError> {
        Ok(Box::new(Page { client: self.0.clone(), home: configured.clone() }))
    }
}

struct Page {
    client: Client,
    home: RedirectUri,
}

#[async_trait]
impl Visit for Page {
    fn redirect_uri(&self) -> RedirectUri {
        self.home.clone()
    }

    async fn navigate(self: Box<Self>, url: Url) -> Result<String, BrowserError> {
        self.sign_in(url).await.map_err(|_| BrowserError::Failed("the pages are not as expected"))
    }
}

impl Page {
    /// Follows redirects to the login page, submits it, and follows them back to the app.
    async fn sign_in(&self, mut url: Url) -> Result<String, Box<dyn Error + Send + Sync>> {
        let mut answer = self.client.get(url.clone()).send().await?;
        for _ in 0..10 {
            if let Some(location) = answer.headers().get(LOCATION) {
                let location = location.to_str()?;
                if location.starts_with(REDIRECT_URI) {
                    return Ok(location.to_owned());
                }
                url = url.join(location)?;
                answer = self.client.get(url.clone()).send().await?;
            } else {
                let page = answer.text().await?;
                let rest = page.split_once("name=\"transaction\" value=\"").ok_or("no login page")?.1;
                let transaction = rest.split('"').next().unwrap_or_default();
                url = url.join("/u/login")?;
                let form = format!("transaction={transaction}&username=ada%40example.com&password=correct+horse");
                let request = self.client.post(url.clone()).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
                answer = request.body(form).send().await?;
            }
        }
        Err("the pages lead nowhere".into())
    }
}
