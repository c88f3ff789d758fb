//! Rule 16: no secret in anything that can be printed.

use std::fmt::Debug;
use std::io::Write;
use std::sync::{Arc, Mutex};

use hallpass_core::{Login, Logout, MinTtl};

use crate::support::Device;
use crate::support::server::Fault;

#[tokio::test(start_paused = true)]
async fn rule_16_nothing_that_can_be_printed_holds_a_secret() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(log.clone()).finish();
    // For the whole process: what other tests make the engine say is listened to as well, and may hold no secret either.
    tracing::subscriber::set_global_default(subscriber).unwrap();

    let device = Device::signed_in().await;
    let mut printed = Vec::new();
    let mut print = |value: &dyn Debug| printed.push(format!("{value:?}"));
    let started = device.session().start_login(Login::default()).await.unwrap();
    let callback = device.server.sign_in(&started.url, "ada");
    print(&device.session().resume(&callback).await.unwrap());
    print(&device.session());
    print(&device.session().state());
    print(&device.session().credentials(MinTtl::default()).await.unwrap());
    for fault in [Fault::AnswerLost, Fault::Truncated, Fault::TooLarge, Fault::Unreachable] {
        device.server.fail([fault]);
        print(&device.session().renew().await);
        device.pass(100);
    }
    print(&device.session().logout(Logout::default()).await);

    let printed = printed.join("\n") + &log.text();
    let secrets = device.server.secrets();
    assert!(secrets.len() > 3, "there are secrets to look for");
    for secret in secrets {
        assert!(!printed.contains(&secret), "{secret} is in:\n{printed}");
    }
    assert!(log.text().contains("session"), "the log was listened to");
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
