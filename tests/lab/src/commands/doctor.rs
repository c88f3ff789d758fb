//! `lab doctor`: what a tenant is like, whether that is what an app needs, and what to change.
//!
//! Without a login it reads what the provider says of itself and asks about the redirect URI. With one it measures what only
//! tokens tell, with a session of its own that is revoked at the end: the stored one is not touched.

mod finding;
mod provider;
mod redirect;
mod tokens;

use hallpass_core::Error;
use hallpass_core::adapters::{SystemClock, SystemRandom};
use hallpass_core::ports::{Clock, Random, Transport, TransportError};
use hallpass_core::protocol::authorize::LoginEntropy;
use hallpass_core::protocol::client::{Client, ClientId, Dialect, Issuer, Loopback, RedirectUri};
use hallpass_core::protocol::http::{Request, Response};
use hallpass_core::protocol::scope::Scope;
use hallpass_core::protocol::time::Timestamp;
use serde_json::json;
use url::Url;

use self::finding::{Findings, Level};
use super::account::Account;
use crate::adapters;
use crate::cli::DoctorArguments;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::settings::{REDIRECT_URI, Setting};
use crate::terminal::{say, say_json};
use crate::watch::Watched;

/// The tenant as the settings name it, and how to speak to it.
struct Patient {
    account: Account,
    client: Client,
    redirect_uri: RedirectUri,
    scope: Scope,
    loopback: Loopback,
    transport: Box<dyn Transport>,
}

/// Examines the tenant and says what was found.
pub(crate) async fn doctor(arguments: &DoctorArguments) -> Result<Exit, Failure> {
    let account = Account::of(&arguments.tenant)?;
    let patient = Patient::of(account).await?;
    let mut findings = Findings::default();
    let examining = async {
        let metadata = provider::examine(&patient, &mut findings).await?;
        redirect::examine_association(&patient, &mut findings).await;
        let Some(metadata) = metadata else { return Ok(()) };
        redirect::examine(&patient, &metadata, &mut findings).await?;
        if arguments.login {
            tokens::examine(&patient, &metadata, arguments, &mut findings).await?;
        } else {
            findings.note(
                "tokens",
                "not measured: refresh tokens, rotation, and what a lost answer costs",
                "run `lab doctor --login`; it signs in beside the stored session, and revokes what it got",
            );
        }
        Ok::<(), Failure>(())
    };
    patient.account.in_time(examining).await?;
    if arguments.json {
        say_json(&json!({ "provider": patient.account.provider(), "findings": findings.to_json() }));
    } else {
        findings.lines().iter().for_each(|line| say(line));
    }
    Ok(if findings.worst() == Level::Fail { Exit::Failed } else { Exit::Done })
}

impl Patient {
    async fn of(account: Account) -> Result<Self, Failure> {
        let settings = account.settings();
        let loopback = if account.allows_loopback_http() { Loopback::AllowHttp } else { Loopback::RequireHttps };
        let explained = |error: hallpass_core::protocol::client::ConfigError| account.explained(error.into());
        let (dialect, issuer) = match (settings.text(Setting::Issuer), settings.text(Setting::Domain)) {
            (Some(issuer), _) => (Dialect::OpenIdConnect, issuer.to_owned()),
            (None, domain) => {
                let base = domain.unwrap_or_default().trim_end_matches('/');
                let scheme = if base.contains("://") { "" } else { "https://" };
                (Dialect::Auth0, format!("{scheme}{base}/"))
            }
        };
        let client = Client {
            client_id: ClientId::parse(settings.text(Setting::ClientId).unwrap_or_default()).map_err(explained)?,
            issuer: Issuer::parse(&issuer, loopback).map_err(explained)?,
            dialect,
            telemetry: None,
        };
        let uri = settings.text(Setting::RedirectUri).unwrap_or(REDIRECT_URI);
        let redirect_uri = RedirectUri::danger_parse_any_scheme(uri).map_err(explained)?;
        let scope = settings.text(Setting::Scope).unwrap_or("openid profile offline_access");
        let scope = Scope::parse(scope).map_err(explained)?;
        let transport = Box::new(Watched { inner: adapters::transport().await?, watch: account.watch().clone() });
        Ok(Self { client, redirect_uri, scope, loopback, transport, account })
    }

    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        self.transport.send(request).await
    }

    async fn get(&self, url: &Url) -> Result<Response, TransportError> {
        let request = Request {
            method: hallpass_core::protocol::http::Method::Get,
            url: url.clone(),
            headers: [("Accept", "application/json, text/html;q=0.5")].into_iter().collect(),
            body: hallpass_core::protocol::http::Body::empty(),
            max_response_bytes: 1024 * 1024,
        };
        self.send(request).await
    }

    /// What a request failed for, as any command would say it.
    fn failed(&self, error: TransportError) -> Failure {
        self.account.explained(error.into())
    }

    fn now() -> Timestamp {
        SystemClock.now()
    }

    fn entropy() -> Result<LoginEntropy, Failure> {
        let random = SystemRandom::default();
        let bytes = || {
            let mut bytes = [0; 32];
            random.fill(&mut bytes).map_err(Error::from)?;
            Ok::<_, Error>(bytes)
        };
        Ok(LoginEntropy { state: bytes()?, nonce: bytes()?, code_verifier: bytes()? })
    }
}
