//! Rule 15: what is known of the provider is used while it is renewed beside, and passes the same checks wherever it comes
//! from. Rule 14: on a contradiction it is asked for once more.

use std::time::Duration;

use hallpass_core::{Error, State};
use tokio::time::Instant;

use crate::support::server::{Fault, OddIdToken, Reply};
use crate::support::{Device, live, settle, still_works, within};

const DAY: u64 = 24 * 3_600;

#[tokio::test(start_paused = true)]
async fn rule_15_metadata_past_its_age_is_used_while_a_discovery_endpoint_hangs() {
    for restarted in [false, true] {
        let mut device = Device::signed_in().await;
        device.pass(DAY + 3_600);
        if restarted {
            device.restart();
        }
        device.server.always("metadata", Fault::Hangs);
        for _ in 0..5 {
            let began = Instant::now();
            device.renew().await.unwrap();
            assert!(began.elapsed() < Duration::from_secs(1), "waited for {:?}", began.elapsed());
            device.pass(60);
        }
        let asked = device.server.count("metadata");
        assert!((1..=5).contains(&asked), "{asked} requests, beside the renewals");
        still_works(&device).await;
    }
}

#[tokio::test(start_paused = true)]
async fn rule_15_a_discovery_endpoint_that_fails_is_not_asked_with_every_renewal() {
    let device = Device::signed_in().await;
    device.pass(DAY + 3_600);
    device.server.always("metadata", Fault::Says(Reply::html(503)));
    for _ in 0..20 {
        device.renew().await.unwrap();
        settle().await;
    }
    let asked = device.server.count("metadata");
    assert!((1..=2).contains(&asked), "{asked} requests");
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_15_metadata_past_its_age_is_renewed_beside_and_used_from_then_on() {
    let device = Device::signed_in().await;
    device.pass(DAY + 3_600);
    device.renew().await.unwrap();
    settle().await;
    assert_eq!(device.server.count("metadata"), 1);
    device.renew().await.unwrap();
    settle().await;
    assert_eq!(device.server.count("metadata"), 1);
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_15_a_logout_does_not_wait_for_a_discovery_endpoint_that_hangs() {
    let device = Device::signed_in().await;
    device.pass(DAY + 3_600);
    device.server.always("metadata", Fault::Hangs);
    let began = Instant::now();
    assert!(device.logout().await.unwrap().revoked);
    assert!(began.elapsed() < Duration::from_secs(1), "waited for {:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn rule_15_stored_metadata_of_another_issuer_or_with_plain_http_is_not_used() {
    for (from, to) in [
        ("https://issuer.example/token", "http://evil.example/token"),
        ("https://issuer.example/revoke", "http://evil.example/revoke"),
        ("https://issuer.example/keys", "http://evil.example/keys"),
        ("\"https://issuer.example\"", "\"https://evil.example\""),
        ("\"https://issuer.example\"", "\"http://issuer.example\""),
    ] {
        let mut device = Device::signed_in().await;
        let stored = device.store.text("provider").unwrap();
        assert!(stored.contains(from), "{stored}");
        device.store.tamper("provider", |text| *text = text.replace(from, to));
        device.restart();
        device.renew().await.unwrap_or_else(|error| panic!("{to}: {error}"));
        assert_eq!(device.server.count("nowhere"), 0, "{to}");
        assert_eq!((device.server.count("metadata"), device.server.count("token")), (1, 1), "fetched anew: {to}");
        device.logout().await.unwrap();
        assert_eq!(device.server.count("nowhere"), 0, "{to}");
    }
}

#[tokio::test(start_paused = true)]
async fn rule_15_stored_metadata_that_is_damaged_is_fetched_anew() {
    for damage in ["", "{", "{\"version\":1}", "[]", "{\"version\":9,\"metadata\":null,\"keys\":null}"] {
        let mut device = Device::signed_in().await;
        device.store.tamper("provider", |text| damage.clone_into(text));
        device.restart();
        device.renew().await.unwrap_or_else(|error| panic!("{damage}: {error}"));
        still_works(&device).await;
    }
}

#[tokio::test(start_paused = true)]
async fn rule_14_keys_that_have_moved_are_found_at_a_login() {
    let device = Device::signed_in().await;
    device.server.change(|server| server.keys_path = "/keys/2");
    device.server.roll_key();
    device.pass(2 * 3_600);
    device.log_in("ada").await.unwrap_or_else(|error| panic!("the keys have moved: {error}"));
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_14_keys_that_have_moved_are_found_at_a_renewal_too() {
    let device = Device::signed_in().await;
    device.server.change(|server| server.keys_path = "/keys/2");
    device.server.roll_key();
    device.pass(2 * 3_600);
    device.renew().await.unwrap();
    device.renew().await.unwrap();
    assert_eq!(device.user().as_deref(), Some("ada"));
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_14_a_token_endpoint_that_has_moved_is_found_by_a_renewal_and_by_a_login() {
    let device = Device::signed_in().await;
    device.server.change(|server| server.token_path = "/oauth/token");
    device.renew().await.unwrap_or_else(|error| panic!("a renewal: {error}"));
    assert_eq!(device.server.count("metadata"), 1, "fetched once more, though it is fresh");
    still_works(&device).await;

    let device = Device::signed_in().await;
    device.server.change(|server| server.token_path = "/oauth/token");
    device.log_in("ada").await.unwrap_or_else(|error| panic!("a login: {error}"));
    assert_eq!(device.server.count("metadata"), 1);
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_14_a_token_endpoint_that_is_gone_for_good_is_not_looked_for_with_every_renewal() {
    let device = Device::signed_in().await;
    device.server.always("token", Fault::Says(Reply::html(404)));
    for _ in 0..10 {
        assert_eq!(device.renew().await.unwrap_err().kind(), "Offline");
        live(5).await;
    }
    assert!(device.server.count("metadata") <= 1, "{} requests in a minute", device.server.count("metadata"));
    assert!(matches!(device.session().state(), State::SignedIn { .. }));
    device.server.work_again();
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_14_another_algorithm_is_learnt_from_newer_metadata_and_keys_at_a_login() {
    let device = Device::signed_in().await;
    device.server.switch_algorithm();
    device.log_in("ada").await.unwrap_or_else(|error| panic!("both are supported: {error}"));
    assert_eq!((device.server.count("metadata"), device.server.count("keys")), (1, 1), "each once more");
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_14_another_algorithm_is_learnt_from_newer_metadata_and_keys_at_a_renewal() {
    let device = Device::signed_in().await;
    device.server.switch_algorithm();
    let renamed = serde_json::json!({ "name": "Ada Lovelace" });
    device.server.change(|server| server.renewed_id_token = OddIdToken::Claims(renamed.clone()));
    device.renew().await.unwrap();
    let name = device.session().user().unwrap().claims().claim("name");
    assert_eq!(name, Some(renamed["name"].clone()), "the ID token was understood");
    device.renew().await.unwrap();
    assert_eq!((device.server.count("metadata"), device.server.count("keys")), (1, 1), "each once more");
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_14_a_key_replaced_under_its_name_is_fetched_at_a_login_and_at_a_renewal() {
    let device = Device::signed_in().await;
    device.server.replace_key();
    device.log_in("ada").await.unwrap_or_else(|error| panic!("login: {error}"));
    assert_eq!(device.server.count("keys"), 1);
    device.pass(100);
    device.server.replace_key();
    let renamed = serde_json::json!({ "name": "Ada Lovelace" });
    device.server.change(|server| server.renewed_id_token = OddIdToken::Claims(renamed.clone()));
    device.renew().await.unwrap();
    assert_eq!(device.session().user().unwrap().claims().claim("name"), Some(renamed["name"].clone()));
    assert_eq!(device.server.count("keys"), 2);
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_14_a_key_rotation_that_states_the_old_name_signs_nobody_out() {
    // Ory Hydra: the header has the old `kid`, the signature is of the new key, and the refresh token was rotated.
    let device = Device::signed_in().await;
    device.server.roll_key_and_state_the_old_name();
    for _ in 0..10 {
        device.renew().await.unwrap();
        live(5).await;
    }
    assert_eq!(device.user().as_deref(), Some("ada"));
    assert!(device.server.count("keys") <= 2, "{} requests for keys in a minute", device.server.count("keys"));
    assert!(device.server.count("metadata") <= 2);
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_14_an_algorithm_that_nobody_knows_does_not_fetch_metadata_and_keys_with_every_renewal() {
    let device = Device::signed_in().await;
    let unknown = serde_json::json!({ "alg": "ML-DSA-65" });
    device.server.change(|server| server.renewed_id_token = OddIdToken::Header(unknown));
    for _ in 0..10 {
        device.renew().await.unwrap();
        live(3).await;
    }
    let (metadata, keys) = (device.server.count("metadata"), device.server.count("keys"));
    assert!(metadata <= 1 && keys <= 1, "{metadata} and {keys} requests in half a minute");
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_14_a_firewalls_page_in_place_of_the_keys_is_no_word_of_the_provider() {
    for reply in [Reply::html(403), Reply::html(200), Reply::empty(503)] {
        let device = Device::new();
        device.server.always("keys", Fault::Says(reply.clone()));
        let error = device.log_in("ada").await.unwrap_err();
        assert_eq!(error.kind(), "Offline", "{reply:?}: {error:?}");
        assert!(matches!(device.session().state(), State::SignedOut { .. }));
        device.server.work_again();
        device.log_in("ada").await.unwrap();
        still_works(&device).await;
    }
}

#[tokio::test(start_paused = true)]
async fn rule_13_a_strangers_link_fetches_nothing() {
    let device = Device::new();
    let link = "com.example.app:/callback?code=c&state=guess";
    let error = within(device.session().resume(link)).await.unwrap_err();
    assert_eq!(error, Error::Untrusted { check: "callback_without_login" });
    assert_eq!(device.server.count("metadata"), 0, "no login waits");

    let mut device = Device::new();
    within(device.session().start_login(hallpass_core::Login::default())).await.unwrap();
    settle().await;
    device.store.tamper("provider", String::clear);
    device.restart();
    device.forget();
    device.server.always("metadata", Fault::Hangs);
    let began = Instant::now();
    let error = within(device.session().resume(link)).await.unwrap_err();
    assert_eq!(error, Error::Untrusted { check: "callback_state" });
    assert!(began.elapsed() < Duration::from_secs(1));
    assert_eq!(device.server.count("metadata"), 0, "it is not the state of the login that waits");
}
