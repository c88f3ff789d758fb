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

use std::sync::Arc;

use hallpass_core::adapters::{LoopbackBrowser, MemoryStore};
use hallpass_core::{Config, Session};
use hallpass_tenant::{Tenant, TenantOptions};
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
    let tenant = start_tenant().await?;
    narrator.tell(&Event::Started {
        tenant: tenant.issuer(),
        api: tenant.api_url(),
        dashboard: tenant.dashboard_url(),
        client_id: tenant.client_id(),
    });
    if arguments.open {
        let (name, password) = USER;
        let text = format!("Sign in as {name} with the password \"{password}\" when the browser opens.");
        narrator.tell(&Event::Note { text });
    }
    let mut stage = stage(tenant, narrator, arguments.open).await?;
    steps::play(&mut stage).await;
    let (tenant, passed) = stage.ends();
    tenant.stop().await;
    Ok(passed)
}

async fn start_tenant() -> Result<Tenant, Failure> {
    let mut options = TenantOptions { ports: None, api_host: "127.0.0.1".to_owned(), ..TenantOptions::lab() };
    options.settings.public_host = Some("127.0.0.1".to_owned());
    Tenant::start(options).await.map_err(|error| Failure::Server(error.to_string()))
}

/// The app, by way of the real core, in front of `tenant`.
async fn stage(tenant: Tenant, narrator: Narrator, by_hand: bool) -> Result<Stage, Failure> {
    let transport = adapters::transport().await?;
    let recorder = Recorder::new(transport.clone(), Party::App, narrator.clone());
    let device_clock = MovableClock::default();
    let redirect_uri = if by_hand { LOOPBACK_REDIRECT_URI } else { APP_REDIRECT_URI };
    let builder = Session::builder(config(&tenant, redirect_uri)?)
        .store(MemoryStore::new())
        .transport(recorder.clone())
        .clock(device_clock.clone());
    let builder = if by_hand {
        builder.browser(LoopbackBrowser::new())
    } else {
        let of_the_browser = Recorder::new(transport, Party::Browser, narrator.clone());
        builder.browser(ScriptedBrowser::new(UserAgent::new(Arc::new(of_the_browser)), USER.0, USER.1))
    };
    let api = Url::parse(&tenant.api_url()).map_err(|error| Failure::Server(error.to_string()))?;
    let app = App::new(builder.build()?, recorder, api, narrator.clone());
    Ok(Stage::new(tenant, app, device_clock, by_hand, narrator))
}

fn config(tenant: &Tenant, redirect_uri: &str) -> hallpass_core::Result<Config> {
    Ok(Config::auth0(&tenant.issuer(), &tenant.client_id(), redirect_uri)?
        .audience(tenant.audience())
        .scope(SCOPE)?
        .api_origin(&tenant.api_url())?
        .post_logout_redirect_uri(redirect_uri)?
        .danger_allow_loopback_http())
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Mutex, MutexGuard};

    use hallpass_tenant::{Endpoint, Fault, FaultKind};

    use super::*;
    use event::Summary;
    use narrator::Voice;

    /// Tells nobody, and remembers.
    #[derive(Clone, Default)]
    struct Memory(Arc<Mutex<Vec<Event>>>);

    impl Voice for Memory {
        fn tell(&mut self, event: &Event) -> io::Result<()> {
            self.0.lock().unwrap().push(event.clone());
            Ok(())
        }
    }

    impl Memory {
        fn events(&self) -> MutexGuard<'_, Vec<Event>> {
            self.0.lock().unwrap()
        }

        fn summary(&self) -> Summary {
            match self.events().last() {
                Some(Event::Finished(summary)) => summary.clone(),
                other => panic!("no summary at the end, but {other:?}"),
            }
        }
    }

    async fn silent_stage(memory: &Memory) -> Stage {
        stage(start_tenant().await.unwrap(), Narrator::with_voice(memory.clone()), false).await.unwrap()
    }

    #[tokio::test]
    async fn walk_whose_token_endpoint_fails_says_which_steps_failed_and_goes_on_to_the_end() {
        let memory = Memory::default();
        let mut stage = silent_stage(&memory).await;
        stage.tenant.fault(Fault::always(Endpoint::Token, FaultKind::UnknownError { status: 400 }));
        steps::play(&mut stage).await;
        assert!(!stage.ends().1);
        let summary = memory.summary();
        let passed: Vec<u8> = summary.steps.iter().filter(|step| step.passed).map(|step| step.number).collect();
        assert_eq!((summary.steps.len(), passed), (8, vec![1, 2]));
        assert!(summary.steps[2].failures.contains(&"the user signs in".to_owned()), "{summary:?}");
    }

    #[tokio::test]
    async fn step_in_which_nothing_is_checked_has_not_passed() {
        let mut stage = silent_stage(&Memory::default()).await;
        stage.step(1, "nothing");
        assert!(!stage.ends().1);
    }

    #[tokio::test]
    async fn claim_that_does_not_hold_fails_its_step_and_no_other() {
        let memory = Memory::default();
        let mut stage = silent_stage(&memory).await;
        stage.step(1, "one");
        let mark = stage.mark();
        stage.sees("one request is sent", mark, "POST /oauth/token 200");
        stage.step(2, "two");
        stage.equals("two", 2, 2);
        assert!(!stage.ends().1);
        assert_eq!(memory.summary().steps.iter().map(|step| step.passed).collect::<Vec<_>>(), [false, true]);
        let failed = memory.events().iter().any(|event| {
            matches!(event, Event::Check { passed: false, expected: Some(expected), seen: Some(seen), .. }
                if expected == "POST /oauth/token 200" && seen == "nothing")
        });
        assert!(failed);
    }
}
