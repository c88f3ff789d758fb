//! Rule 17: a record is bounded, and a full store never blocks the login's own renewal.

use hallpass_core::State;

use crate::support::store::Operation;
use crate::support::{Device, audience, still_works};

/// Beside the login's own.
const MOST: usize = 16;

fn api(number: usize) -> String {
    format!("https://api-{number}.example")
}

/// The audiences whose tokens the record holds.
fn kept(device: &Device) -> Vec<usize> {
    let record = device.store.text("session").unwrap();
    (0..500).filter(|number| record.contains(&format!("\"{}\"", api(*number)))).collect()
}

async fn ask_for(device: &Device, numbers: impl IntoIterator<Item = usize>) {
    for number in numbers {
        device.ask(audience(&api(number))).await.unwrap_or_else(|error| panic!("{number}: {error}"));
    }
}

#[tokio::test(start_paused = true)]
async fn rule_17_of_many_audiences_the_latest_renewed_are_kept() {
    let device = Device::signed_in().await;
    let before = device.access_token().await.unwrap();
    ask_for(&device, 0..40).await;
    assert_eq!(kept(&device), (40 - MOST..40).collect::<Vec<_>>());
    assert_eq!(device.access_token().await.unwrap(), before, "the login's own is not one of them");
    device.forget();
    ask_for(&device, 40 - MOST..40).await;
    assert_eq!(device.server.count("token"), 0, "what is kept is not asked for");
    ask_for(&device, 0..1).await;
    assert_eq!(device.server.count("token"), 1, "what is not kept is");
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_17_an_audience_that_is_renewed_counts_as_the_latest() {
    let device = Device::signed_in().await;
    ask_for(&device, 0..MOST).await;
    device.pass(3_550);
    ask_for(&device, [0]).await;
    ask_for(&device, MOST..MOST + 3).await;
    let kept = kept(&device);
    assert!(kept.contains(&0), "{kept:?}");
    assert!(kept.len() <= MOST, "{kept:?}");
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_17_expired_tokens_of_audiences_go_with_the_next_that_is_saved() {
    let device = Device::signed_in().await;
    ask_for(&device, 0..10).await;
    device.expire();
    device.access_token().await.unwrap();
    assert_eq!(kept(&device), [0; 0]);
    ask_for(&device, [3]).await;
    assert_eq!(kept(&device), [3]);
    device.expire();
    ask_for(&device, [4]).await;
    assert_eq!(kept(&device), [4]);
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_17_a_record_stays_small_however_many_audiences_an_app_invents() {
    let device = Device::signed_in().await;
    for number in 0..464 {
        ask_for(&device, [number]).await;
        device.pass(10);
    }
    let length = device.store.text("session").unwrap().len();
    assert!(length < 16 * 1_024, "{length} bytes");
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_17_a_record_of_an_earlier_version_with_too_many_audiences_is_cut_by_the_next_save() {
    let mut device = Device::signed_in().await;
    ask_for(&device, 0..12).await;
    device.restart();
    device.state().await;
    ask_for(&device, 12..30).await;
    assert!(kept(&device).len() <= MOST, "{:?}", kept(&device));
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_17_a_full_store_never_blocks_the_logins_own_renewal() {
    let device = Device::signed_in().await;
    let alone = device.store.text("session").unwrap().len();
    ask_for(&device, 0..10).await;
    let full = device.store.text("session").unwrap().len();
    assert!(full > alone + 500);
    // It became full, or its limit came with an update.
    device.store.limit_to(alone + 300);
    for renewals in 1..=3 {
        device.renew().await.unwrap_or_else(|error| panic!("renewal {renewals}: {error}"));
    }
    assert_eq!(device.server.count("token"), 13);
    assert!(matches!(device.session().state(), State::SignedIn { .. }));
    let stored = device.store.text("session").unwrap();
    assert!(stored.contains(&device.server.living()[0]), "and what arrived is durable");
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_17_a_store_that_becomes_full_by_audiences_goes_on_with_fewer_of_them() {
    let device = Device::signed_in().await;
    let alone = device.store.text("session").unwrap().len();
    device.store.limit_to(alone + 900);
    ask_for(&device, 0..30).await;
    device.renew().await.unwrap();
    device.expire();
    device.access_token().await.unwrap();
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_17_a_store_that_takes_nothing_at_all_is_an_error_and_nothing_is_sent() {
    let device = Device::signed_in().await;
    ask_for(&device, 0..3).await;
    device.expire();
    device.forget();
    device.store.limit_to(10);
    device.access_token().await.unwrap_err();
    assert_eq!(device.server.count("token"), 0);
    assert_eq!(
        device.store.count(Operation::Save, "session"),
        3,
        "tried with the latest of the others, then without any"
    );
    device.store.repair();
    device.access_token().await.unwrap();
    still_works(&device).await;
}
