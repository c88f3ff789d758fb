//! Rule 16: no secret, and nothing that a server wrote, in anything that can be printed.

use std::fmt::Debug;
use std::io::Write;
use std::sync::{Arc, LazyLock, Mutex};

use hallpass_core::{Login, Logout, MinTtl};
use serde_json::json;

use crate::support::server::{Fault, OddBody, OddIdToken, Reply, Target};
use crate::support::{Device, audience, within};

/// What all tests of this process make the engine say.
static LOG: LazyLock<Log> = LazyLock::new(|| {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(log.clone()).finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();
    log
});

#[tokio::test(start_paused = true)]
async fn rule_16_nothing_that_can_be_printed_holds_a_secret() {
    LazyLock::force(&LOG);
    let device = Device::signed_in().await;
    let mut printed = Vec::new();
    let mut print = |value: &dyn Debug| printed.push(format!("{value:?}"));
    let started = device.session().start_login(Login::default()).await.unwrap();
    let callback = device.server.sign_in(&started.url, "ada");
    print(&device.session().resume(&callback).await.unwrap());
    print(&device.session());
    print(&device.session().state());
    print(&device.session().credentials(MinTtl::default()).await.unwrap());
    let faults = [Fault::AnswerLost, Fault::Truncated, Fault::TooLarge, Fault::Unreachable];
    for fault in faults.into_iter().chain(OddBody::SALVAGEABLE.map(Fault::Odd)) {
        device.server.change(|server| server.reuse_interval = std::time::Duration::from_secs(1_000));
        device.server.fail([fault]);
        print(&device.renew().await);
        device.pass(100);
    }
    device.server.change(|server| server.renewed_id_token = OddIdToken::Claims(json!({ "sub": "mallory" })));
    print(&device.renew().await);
    print(&device.session().logout(Logout::default()).await);
    print(&device.witness.notes().events);
    print(&device.witness.notes().state);

    let printed = printed.join("\n") + &LOG.text();
    let secrets = device.server.secrets();
    assert!(secrets.len() > 3, "there are secrets to look for");
    for secret in secrets {
        assert!(!printed.contains(&secret), "{secret}");
    }
    assert!(LOG.text().contains("session"), "the log was listened to");
}

#[tokio::test(start_paused = true)]
async fn rule_16_what_a_server_wrote_reaches_no_log_and_no_error() {
    LazyLock::force(&LOG);
    const WRITTEN: &str = "Dear user, call 555-0100";
    let body = json!({ "error": "made_up_word", "error_description": WRITTEN, "message": WRITTEN }).to_string();
    let device = Device::signed_in().await;
    let mut printed = Vec::new();
    for status in [200, 400, 401, 403, 500] {
        // A server that fails is asked twice.
        let times = if status == 500 { 2 } else { 1 };
        device.server.refuse_times(times, Target::Login, Reply::json(status, body.clone()));
        let error = device.renew().await.unwrap_err();
        printed.push(format!("{error} {error:?} {} {}", error.code(), error.kind()));
        device.pass(1_000);
    }
    device.server.refuse_times(1, Target::Audience("https://b.example"), Reply::invalid_grant(WRITTEN));
    printed.push(format!("{:?}", device.ask(audience("https://b.example")).await.unwrap_err()));
    device.server.always("userinfo", Fault::Says(Reply::json(403, body.clone())));
    printed.push(format!("{:?}", within(device.session().userinfo()).await.unwrap_err()));
    printed.push(format!("{:?} {:?}", device.witness.notes().events, device.session()));
    let printed = printed.join("\n") + &LOG.text();
    for written in ["555-0100", "made_up_word"] {
        assert!(!printed.contains(written), "{written} is in:\n{printed:.2000}");
    }
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> tracing_subscriber::fmt::MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
