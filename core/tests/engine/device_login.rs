//! Login on a device without a browser (RFC 8628): how often the server is asked, what its answers mean, and who ends it
//! (rules 2 and 12).

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use hallpass_core::ports::{CodeDisplay, UserCode};
use hallpass_core::protocol::error::ErrorCode;
use hallpass_core::{Error, Login, OfflineCause, Result, State, User};
use serde_json::json;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::support::server::{Fault, Reply};
use crate::support::{Device, denied, in_flight, live, offline_cause, settle, still_works, within};

/// A screen that remembers what it showed, and shows it until the login has ended.
#[derive(Clone, Default)]
struct Screen {
    shown: Arc<Mutex<Vec<UserCode>>>,
    /// Whether something is on it now.
    lit: Arc<Mutex<bool>>,
}

#[async_trait]
impl CodeDisplay for Screen {
    async fn show(&self, code: UserCode) {
        struct Dark(Arc<Mutex<bool>>);
        impl Drop for Dark {
            fn drop(&mut self) {
                *self.0.lock().unwrap() = false;
            }
        }
        self.shown.lock().unwrap().push(code);
        *self.lit.lock().unwrap() = true;
        let _dark = Dark(Arc::clone(&self.lit));
        std::future::pending::<()>().await;
    }
}

impl Screen {
    fn code(&self) -> String {
        self.shown.lock().unwrap().last().expect("a code is shown").code.clone()
    }

    fn is_lit(&self) -> bool {
        *self.lit.lock().unwrap()
    }
}

/// A login whose code is shown.
async fn waiting(device: &Device) -> (Screen, JoinHandle<Result<User>>) {
    let screen = Screen::default();
    let (session, display) = (device.session().clone(), screen.clone());
    let login = in_flight(async move { session.device_login(Login::default(), display).await }).await;
    assert!(screen.is_lit());
    (screen, login)
}

async fn outcome(login: JoinHandle<Result<User>>) -> Result<User> {
    tokio::time::timeout(Duration::from_secs(3_600), login).await.expect("it ends").unwrap()
}

/// The same when the server's answers are these, and then the user approves.
async fn approved_after(faults: impl IntoIterator<Item = Fault>) -> (Device, Result<User>, Duration) {
    let device = Device::new();
    let (screen, login) = waiting(&device).await;
    device.server.fail(faults);
    device.server.approve(&screen.code(), "ada");
    let began = Instant::now();
    let outcome = outcome(login).await;
    (device, outcome, began.elapsed())
}

#[tokio::test(start_paused = true)]
async fn the_code_is_shown_and_the_user_is_signed_in_when_it_was_entered() {
    let device = Device::new();
    let (screen, login) = waiting(&device).await;
    let shown = screen.shown.lock().unwrap()[0].clone();
    assert_eq!(shown.verification_uri.as_str(), "https://issuer.example/enter");
    assert!(shown.verification_uri_complete.unwrap().as_str().contains(&shown.code));
    assert_eq!(shown.lifetime, Duration::from_secs(600));
    live(12).await;
    assert_eq!(device.server.count("token"), 2, "asked every five seconds");
    device.server.approve(&screen.code(), "ada");
    assert_eq!(outcome(login).await.unwrap().sub(), "ada");
    assert!(!screen.is_lit());
    assert_eq!(device.server.count("token"), 3);
    assert_eq!(device.server.seen("device")[0].parameters["scope"], "openid profile offline_access");
    let grant = device.session().grant().await.unwrap().unwrap();
    assert_eq!(
        (grant.scope().unwrap().to_string().as_str(), grant.is_renewable()),
        ("openid profile offline_access", true)
    );
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn a_function_is_a_display() {
    let device = Device::new();
    let server = device.server.clone();
    let login =
        device.session().device_login(Login::default(), move |code: UserCode| server.approve(&code.code, "ada"));
    assert_eq!(within(login).await.unwrap().sub(), "ada");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_no_interval_is_asked_every_five_seconds() {
    let device = Device::new();
    device.server.change(|server| server.device_interval = None);
    let (_screen, _login) = waiting(&device).await;
    live(31).await;
    assert_eq!(device.server.count("token"), 6);
}

#[tokio::test(start_paused = true)]
async fn slow_down_adds_five_seconds_for_good() {
    let slow_down = || Fault::Says(Reply::json(400, r#"{"error":"slow_down"}"#));
    let device = Device::new();
    let (_screen, _login) = waiting(&device).await;
    device.server.fail([slow_down(), slow_down()]);
    live(5 + 10 + 1).await;
    assert_eq!(device.server.count("token"), 2);
    live(15 * 4).await;
    assert_eq!(device.server.count("token"), 6, "every fifteen seconds from then on");
}

#[tokio::test(start_paused = true)]
async fn a_user_who_says_no_is_a_refusal() {
    let device = Device::new();
    let (screen, login) = waiting(&device).await;
    device.server.deny(&screen.code());
    assert_eq!(denied(&outcome(login).await.unwrap_err()), Some(ErrorCode::AccessDenied));
    assert!(!screen.is_lit());
    device.log_in("ada").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_code_that_is_over_ends_the_login_by_either_clock() {
    let device = Device::new();
    let (_screen, login) = waiting(&device).await;
    assert_eq!(outcome(login).await.unwrap_err(), Error::Cancelled);
    assert_eq!(device.server.count("token"), 119, "not asked when it is over");
    // The server says so before the device knows.
    let (_screen, login) = waiting(&device).await;
    device.server.fail([Fault::Says(Reply::json(400, r#"{"error":"expired_token"}"#))]);
    assert_eq!(outcome(login).await.unwrap_err(), Error::Cancelled);
    // The device slept.
    let (_screen, login) = waiting(&device).await;
    device.server.forget_requests();
    device.pass(600);
    assert_eq!(outcome(login).await.unwrap_err(), Error::Cancelled);
    assert_eq!(device.server.count("token"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_cannot_be_asked_for_a_while_is_asked_more_rarely_and_costs_no_login() {
    for fault in [
        Fault::Unreachable,
        Fault::RequestLost,
        Fault::Says(Reply::json(503, "")),
        Fault::Says(Reply::html(403)),
        Fault::Says(Reply::html(200)),
        Fault::Says(Reply::json(429, "{}")),
    ] {
        let (device, outcome, took) = approved_after([fault.clone(), fault.clone(), fault.clone()]).await;
        assert_eq!(outcome.unwrap_or_else(|error| panic!("{fault:?}: {error}")).sub(), "ada");
        assert_eq!(took, Duration::from_secs(5 + 10 + 20 + 40), "{fault:?}");
        still_works(&device).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_when_to_come_back_is_not_asked_before() {
    let busy = Reply::json(429, "{}").header("Retry-After", "100");
    let (_device, outcome, took) = approved_after([Fault::Says(busy)]).await;
    outcome.unwrap();
    assert_eq!(took, Duration::from_secs(105));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_was_never_reached_is_told_as_such_when_the_code_is_over() {
    let device = Device::new();
    let (_screen, login) = waiting(&device).await;
    device.server.always("token", Fault::Unreachable);
    assert_eq!(offline_cause(&outcome(login).await.unwrap_err()), Some(OfflineCause::Unreachable));
}

#[tokio::test(start_paused = true)]
async fn the_answer_with_the_tokens_that_is_lost_is_no_answer_and_not_a_refusal() {
    let (device, outcome, _) = approved_after([Fault::AnswerLost]).await;
    assert_eq!(offline_cause(&outcome.unwrap_err()), Some(OfflineCause::NoAnswer));
    assert!(matches!(device.state().await, State::SignedOut { .. }));
    device.log_in("ada").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn rule_12_a_logout_a_newer_login_or_a_cancellation_withdraws_it() {
    for how in ["logout", "login", "device", "cancel"] {
        let device = Device::new();
        let (screen, login) = waiting(&device).await;
        match how {
            "logout" => drop(device.logout().await.unwrap()),
            "login" => drop(device.log_in("grace").await.unwrap()),
            "device" => waiting(&device).await.1.abort(),
            _ => device.session().cancel_login().await.unwrap(),
        }
        assert_eq!(outcome(login).await.unwrap_err(), Error::Cancelled, "{how}");
        settle().await;
        assert!(!screen.is_lit(), "{how}");
        device.server.forget_requests();
        device.server.approve(&screen.code(), "ada");
        live(60).await;
        assert!(device.server.seen("token").iter().all(|seen| !seen.parameters.contains_key("device_code")), "{how}");
        assert_eq!(device.user().as_deref(), (how == "login").then_some("grace"), "{how}");
    }
}

#[tokio::test(start_paused = true)]
async fn rule_12_tokens_that_come_after_it_was_withdrawn_are_revoked_and_install_nothing() {
    for how in ["logout", "login", "cancel", "dropped"] {
        for held in [Fault::Held, Fault::AnswerHeld] {
            let device = Device::new();
            let (screen, login) = waiting(&device).await;
            device.server.fail([held]);
            device.server.approve(&screen.code(), "ada");
            live(5).await;
            match how {
                "logout" => drop(device.logout().await.unwrap()),
                "login" => drop(device.session().start_login(Login::default()).await.unwrap()),
                "dropped" => login.abort(),
                _ => device.session().cancel_login().await.unwrap(),
            }
            settle().await;
            assert!(login.is_finished(), "{how}: the one who waits is told at once");
            device.server.release();
            settle().await;
            assert!(matches!(device.state().await, State::SignedOut { .. }), "{how}");
            assert!(device.server.living().is_empty(), "{how}: {:?}", device.server.revoked());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_login_that_waits_in_the_browser_is_withdrawn_when_the_code_is_asked_for() {
    let device = Device::new();
    let started = device.session().start_login(Login::default()).await.unwrap();
    let callback = device.server.sign_in(&started.url, "mallory");
    let (screen, login) = waiting(&device).await;
    let error = device.session().resume(&callback).await.unwrap_err();
    assert!(matches!(error, Error::Untrusted { check: "callback_without_login" }), "{error:?}");
    device.server.approve(&screen.code(), "ada");
    assert_eq!(outcome(login).await.unwrap().sub(), "ada");
}

#[tokio::test(start_paused = true)]
async fn a_key_that_tokens_are_to_be_bound_to_is_proved_with_each_question() {
    let mut device = Device::new();
    device.dpop = true;
    device.restart();
    let (screen, login) = waiting(&device).await;
    live(6).await;
    device.server.approve(&screen.code(), "ada");
    outcome(login).await.unwrap();
    assert_eq!(device.server.proofs().len(), 2);
    assert_eq!(device.call().await.unwrap().status, 200);
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn an_identity_that_fails_a_check_signs_no_one_in_and_its_tokens_are_revoked() {
    let device = Device::new();
    device.server.change(|server| server.id_token = json!({ "aud": "somebody-else" }));
    let (screen, login) = waiting(&device).await;
    device.server.approve(&screen.code(), "ada");
    assert!(matches!(outcome(login).await.unwrap_err(), Error::Untrusted { check: "id_token_audience" }));
    assert!(device.server.living().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_gives_no_code_says_why() {
    let device = Device::new();
    let attempt =
        async || within(device.session().device_login(Login::default(), Screen::default())).await.unwrap_err();
    device.server.fail_at("device", [Fault::Says(Reply::json(400, r#"{"error":"unauthorized_client"}"#))]);
    assert_eq!(denied(&attempt().await), Some(ErrorCode::UnauthorizedClient));
    device.server.fail_at("device", [Fault::Says(Reply::json(200, "{}"))]);
    assert_eq!(attempt().await.code(), "device_authorization_malformed");
    device.server.fail_at("device", [Fault::AnswerLost]);
    assert_eq!(attempt().await.code(), "no_answer");
    let other = Device::new();
    other.server.change(|server| server.metadata = json!({ "device_authorization_endpoint": null }));
    let error = within(other.session().device_login(Login::default(), Screen::default())).await.unwrap_err();
    assert!(matches!(error, Error::Misconfigured { field: "issuer", .. }), "{error:?}");
}
