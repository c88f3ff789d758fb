//! Rule 5: a key belongs to one account. Two accounts on one key would sign each other out.

use hallpass_core::{Error, Login, Logout, Session};

use crate::support::server::Revocation;
use crate::support::signer::TestSigner;
use crate::support::{Device, config, within};

fn account(device: &Device, name: &str, signer: Option<&TestSigner>) -> hallpass_core::Result<Session> {
    let builder = Session::builder(config().dpop())
        .account(name)
        .store(device.store.clone())
        .transport(device.server.clone())
        .clock(device.clock.clone());
    match signer {
        Some(signer) => builder.signer(signer.clone()).build(),
        None => builder.build(),
    }
}

async fn log_in(device: &Device, session: &Session, user: &str) {
    let started = within(session.start_login(Login::default())).await.unwrap();
    let callback = device.server.sign_in(&started.url, user);
    within(session.resume(&callback)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn rule_5_a_signer_that_two_accounts_of_a_process_use_is_refused_to_the_second() {
    let device = Device::new();
    let signer = TestSigner::new();
    let home = account(&device, "home", Some(&signer)).unwrap();
    let error = account(&device, "work", Some(&signer)).unwrap_err();
    assert!(matches!(error, Error::Misconfigured { field: "signer", .. }), "{error:?}");
    log_in(&device, &home, "ada").await;
    within(home.renew()).await.unwrap();

    drop(home);
    let work = account(&device, "work", Some(&signer)).unwrap();
    drop(work);
}

#[tokio::test(start_paused = true)]
async fn rule_5_an_account_that_could_not_be_built_for_its_signer_can_be_built_with_another() {
    let device = Device::new();
    let signer = TestSigner::new();
    let _home = account(&device, "home", Some(&signer)).unwrap();
    account(&device, "work", Some(&signer)).unwrap_err();
    let work = account(&device, "work", Some(&TestSigner::new())).unwrap();
    log_in(&device, &work, "ada").await;
}

#[tokio::test(start_paused = true)]
async fn rule_5_the_keys_in_software_of_two_accounts_are_two() {
    let device = Device::new();
    device.server.change(|server| server.revocation = Revocation::Session);
    let home = account(&device, "home", None).unwrap();
    let work = account(&device, "work", None).unwrap();
    log_in(&device, &home, "ada").await;
    log_in(&device, &work, "ada").await;
    within(work.logout(Logout::default())).await.unwrap();
    within(home.renew()).await.unwrap_or_else(|error| panic!("the other account is signed out: {error}"));
}
