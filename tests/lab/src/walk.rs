//! The exercise, played from end to end against an embedded tenant and API, through the real core.
//!
//! The steps are the exercise's own (1 to 7) and the logout; they are in `steps/`, one file each. What the app of the
//! exercise does is in `app`; what every step has at hand, and who judges it, is in `stage`.

mod app;
mod event;
mod narrator;
mod recorder;
mod redaction;
mod stage;
mod steps;
mod text;

use hallpass_core::adapters::{LoopbackBrowser, MemoryStore};
use hallpass_core::{Config, Session};
use hallpass_tenant::{StartError, Tenant, TenantOptions};
use url::Url;

use crate::adapters;
use crate::cli::WalkArguments;
use crate::drive::MovableClock;
use crate::failure::Failure;
use crate::user_agent::{ScriptedBrowser, UserAgent};
use app::App;
use event::{Event, Party};
use narrator::Narrator;
use recorder::Recorder;
use stage::Stage;

/// The scope that the exercise asks for.
const SCOPE: &str = "openid profile read:reports offline_access";
/// Where the browser returns to when the user signs in by script: to the app, as on a phone.
const APP_REDIRECT_URI: &str = "com.example.hallpass.lab://callback";
/// Where it returns to when the user signs in by hand: to this process.
const LOOPBACK_REDIRECT_URI: &str = "http://127.0.0.1/callback";
/// The user who signs in by script. The tenant has her from the start.
const USER: (&str, &str) = ("ada@example.com", "correct horse");

/// Plays the exercise and returns whether every step passed.
///
/// # Errors
/// [`Failure`] when there is no stage to play on.
pub(crate) async fn walk(arguments: &WalkArguments) -> Result<bool, Failure> {
    let narrator = Narrator::on_stdout(arguments.json);
    let tenant = Tenant::start(TenantOptions { ports: None, api_host: "127.0.0.1".to_owned(), ..TenantOptions::lab() })
        .await
        .map_err(|error: StartError| Failure::Server(error.to_string()))?;
    tenant.set(|settings| settings.public_host = Some("127.0.0.1".to_owned()));
    narrator.tell(&Event::Started {
        tenant: tenant.issuer(),
        api: tenant.api_url(),
        dashboard: tenant.dashboard_url(),
        client_id: tenant.client_id(),
    });
    if arguments.open {
        narrator.tell(&Event::Note {
            text: format!("Sign in as {} with the password \"{}\" when the browser opens.", USER.0, USER.1),
        });
    }

    let transport = adapters::transport().await?;
    let app_side = Recorder::new(transport.clone(), Party::App, narrator.clone());
    let browser_side = Recorder::new(transport, Party::Browser, narrator.clone());
    let device_clock = MovableClock::default();
    let redirect_uri = if arguments.open { LOOPBACK_REDIRECT_URI } else { APP_REDIRECT_URI };
    let builder = Session::builder(config(&tenant, redirect_uri)?)
        .store(MemoryStore::new())
        .transport(app_side.clone())
        .clock(device_clock.clone());
    let builder = if arguments.open {
        builder.browser(LoopbackBrowser::new())
    } else {
        let agent = UserAgent::new(std::sync::Arc::new(browser_side));
        builder.browser(ScriptedBrowser::new(agent, USER.0, USER.1))
    };
    let api = Url::parse(&tenant.api_url()).map_err(|error| Failure::Server(error.to_string()))?;
    let app = App::new(builder.build()?, app_side, api, narrator.clone());

    let mut stage = Stage::new(tenant, app, device_clock, arguments.open, narrator);
    steps::play(&mut stage).await;
    let (tenant, passed) = stage.ends();
    tenant.stop().await;
    Ok(passed)
}

fn config(tenant: &Tenant, redirect_uri: &str) -> hallpass_core::Result<Config> {
    Ok(Config::auth0(&tenant.issuer(), &tenant.client_id(), redirect_uri)?
        .audience(tenant.audience())
        .scope(SCOPE)?
        .api_origin(&tenant.api_url())?
        .post_logout_redirect_uri(redirect_uri)?
        .danger_allow_loopback_http())
}
