//! Rule 3: what arrives is saved, then judged, then published. An ID token at a renewal that fails a check costs nobody
//! the refresh token beside it.

use hallpass_core::{Error, Event, State};
use serde_json::{Value, json};

use crate::support::server::{CLIENT_ID, Fault, OddIdToken, Revocation};
use crate::support::store::Operation;
use crate::support::{Device, settle, still_works, within};

/// Renews twice with whatever the server makes of it, and then once more with a server that is as it should be.
async fn renew_three_times(device: &Device) {
    for _ in 0..2 {
        assert!(device.renew().await.unwrap().renewed());
        assert_eq!(device.user().as_deref(), Some("ada"));
    }
    device.server.change(|server| server.renewed_id_token = OddIdToken::Usual);
    assert!(device.renew().await.unwrap().renewed());
    let sent = device.server.sent_refresh_tokens();
    let distinct: std::collections::BTreeSet<_> = sent.iter().collect();
    assert_eq!(distinct.len(), 3, "each refresh token that came was used: {sent:?}");
}

fn rejected(device: &Device) -> Vec<&'static str> {
    let check = |event: &Event| if let Event::IdTokenRejected { check } = event { Some(*check) } else { None };
    device.witness.notes().events.iter().filter_map(check).collect()
}

#[tokio::test(start_paused = true)]
async fn rule_3_an_id_token_that_fails_a_check_at_a_renewal_is_told_and_costs_nothing() {
    let two_audiences = json!({ "aud": [CLIENT_ID, "https://api.example"] });
    for (odd, check) in [
        (OddIdToken::Claims(two_audiences), "id_token_azp"),
        (OddIdToken::Claims(json!({ "azp": "another-client" })), "id_token_azp"),
        (OddIdToken::Claims(json!({ "iat": null })), "id_token_iat"),
        (OddIdToken::Claims(json!({ "exp": null })), "id_token_exp"),
        (OddIdToken::Hs256, "id_token_algorithm"),
        (OddIdToken::Header(json!({ "alg": "ML-DSA-65" })), "id_token_algorithm"),
        (OddIdToken::Header(json!({ "alg": "ES512" })), "id_token_algorithm"),
        (OddIdToken::Header(json!({ "alg": "none" })), "id_token_algorithm"),
        (OddIdToken::Header(json!({ "typ": "at+jwt" })), "id_token_type"),
        (OddIdToken::Header(json!({ "crit": ["b64"], "b64": false })), "id_token_critical"),
        (OddIdToken::Encrypted, "id_token_encrypted"),
        (OddIdToken::Huge, "id_token_malformed"),
        (OddIdToken::DoubledClaim, "id_token_malformed"),
        (OddIdToken::NotAJwt, "id_token_malformed"),
        (OddIdToken::SignedByAnother, "id_token_signature"),
    ] {
        let device = Device::signed_in().await;
        let before = device.session().user().unwrap();
        device.server.change(|server| server.renewed_id_token = odd.clone());
        device.renew().await.unwrap_or_else(|error| panic!("{odd:?}: {error}"));
        assert_eq!(rejected(&device), [check], "{odd:?}");
        assert_eq!(device.session().user().unwrap(), before, "the identity stays: {odd:?}");
        device.forget();
        renew_three_times(&device).await;
        still_works(&device).await;
    }
}

#[tokio::test(start_paused = true)]
async fn rule_3_an_id_token_that_fails_a_check_at_a_server_that_does_not_rotate_stops_no_renewal() {
    let device = Device::signed_in_without_rotation().await;
    device.server.change(|server| server.renewed_id_token = OddIdToken::Encrypted);
    for _ in 0..3 {
        assert!(device.renew().await.unwrap().renewed());
    }
    assert_eq!(device.server.count("token"), 3);
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_3_an_audience_that_joins_or_leaves_beside_the_client_changes_nothing() {
    let both = json!({ "aud": [CLIENT_ID, "sibling"], "azp": CLIENT_ID });
    let alone = json!({ "aud": CLIENT_ID, "azp": CLIENT_ID });
    for (at_login, renewed) in [(both.clone(), alone.clone()), (alone, both)] {
        let device = Device::new();
        device.server.change(|server| server.id_token = at_login.clone());
        device.log_in("ada").await.unwrap();
        device.forget();
        device.server.change(|server| server.renewed_id_token = OddIdToken::Claims(renewed.clone()));
        renew_three_times(&device).await;
        still_works(&device).await;
    }
}

#[tokio::test(start_paused = true)]
async fn rule_3_a_renewal_about_another_user_or_issuer_or_for_another_client_gives_no_access_token_and_keeps_the_session()
 {
    for (claims, check) in [
        (json!({ "sub": "mallory" }), "id_token_subject"),
        (json!({ "iss": "https://other.example" }), "id_token_issuer"),
        (json!({ "aud": "another-client" }), "id_token_audience"),
        (json!({ "aud": ["another-client", "a third"], "azp": "another-client" }), "id_token_audience"),
    ] {
        let device = Device::signed_in().await;
        let (before, user) = (device.access_token().await.unwrap(), device.session().user().unwrap());
        device.server.change(|server| server.renewed_id_token = OddIdToken::Claims(claims.clone()));
        assert_eq!(device.renew().await.unwrap_err(), Error::Untrusted { check }, "{claims}");
        assert_eq!(device.access_token().await.unwrap(), before, "the one that came is withheld");
        assert_eq!(device.witness.notes().latest.map(|(token, _)| token), Some(before));
        assert_eq!(device.session().user(), Some(user));
        assert!(matches!(device.session().state(), State::SignedIn { .. }));

        device.pass(100);
        assert_eq!(device.renew().await.unwrap_err(), Error::Untrusted { check }, "{claims}");
        let sent = device.server.sent_refresh_tokens();
        assert_eq!(sent.len(), 2);
        assert_ne!(sent[0], sent[1], "the refresh token that came was kept");
        device.server.change(|server| server.renewed_id_token = OddIdToken::Usual);
        still_works(&device).await;
    }
}

#[tokio::test(start_paused = true)]
async fn rule_3_a_contradiction_survives_a_restart_and_revokes_nothing_that_lives() {
    let mut device = Device::signed_in().await;
    device.server.change(|server| {
        server.revocation = Revocation::AllOfTheUser;
        server.renewed_id_token = OddIdToken::Claims(json!({ "iss": "https://other.example" }));
    });
    device.renew().await.unwrap_err();
    device.restart();
    assert!(matches!(device.state().await, State::SignedIn { .. }));
    assert_eq!(device.server.revoked(), [""; 0]);
    device.server.change(|server| server.renewed_id_token = OddIdToken::Usual);
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_3_the_refresh_token_is_durable_before_keys_are_asked_for() {
    let mut device = Device::signed_in().await;
    device.server.roll_key();
    device.server.always("keys", Fault::Hangs);
    let renewal = device.renewal_in_flight().await;
    assert_eq!(device.server.count("token"), 1);
    assert!(
        device.store.text("session").unwrap().contains(&device.server.living()[0]),
        "and nothing has judged it yet"
    );
    renewal.abort();
    device.restart();
    device.server.work_again();
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_3_an_id_token_that_cannot_be_checked_for_want_of_keys_keeps_the_tokens_and_the_identity() {
    let device = Device::signed_in().await;
    device.server.roll_key();
    device.server.refuse_keys();
    renew_three_times(&device).await;
    device.expire();
    device.access_token().await.unwrap();
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_3_claims_of_the_wrong_type_that_nobody_asked_for_cost_nothing() {
    for claims in [
        json!({ "org_id": 42 }),
        json!({ "org_name": ["a", "b"] }),
        json!({ "auth_time": "2026-01-01" }),
        json!({ "sid": 7 }),
        json!({ "name": 7, "email": ["ada@example.com"], "email_verified": "yes" }),
    ] {
        let device = Device::signed_in().await;
        device.server.change(|server| server.renewed_id_token = OddIdToken::Claims(claims.clone()));
        renew_three_times(&device).await;
        still_works(&device).await;
    }
}

#[tokio::test(start_paused = true)]
async fn rule_3_a_new_name_in_a_good_id_token_is_published_with_the_renewal() {
    let device = Device::signed_in().await;
    let renamed: Value = json!({ "name": "Ada Lovelace" });
    device.server.change(|server| server.renewed_id_token = OddIdToken::Claims(renamed));
    device.renew().await.unwrap();
    assert_eq!(device.session().user().unwrap().claims().claim("name"), Some(json!("Ada Lovelace")));
    assert_eq!(rejected(&device), [""; 0]);
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_3_a_renewal_with_a_good_id_token_and_known_keys_costs_two_writes() {
    let device = Device::signed_in().await;
    for renewals in 1..=3 {
        device.renew().await.unwrap();
        assert_eq!(device.store.count(Operation::Save, "session"), 2 * renewals, "the intent, and what arrived");
    }
    assert_eq!(device.store.count(Operation::Save, "provider"), 0);
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_3_a_process_killed_between_the_save_and_the_verdict_loses_nothing() {
    // A key that has to be fetched takes its time; the process dies before it has come.
    let mut device = Device::signed_in().await;
    device.server.replace_key();
    device.server.fail_at("keys", [Fault::Held]);
    let renewal = device.renewal_in_flight().await;
    device.kill();
    device.server.release();
    settle().await;
    renewal.abort();
    let _ = within(renewal).await;
    device.restart();
    assert_eq!(device.state().await.user().unwrap().sub(), "ada");
    still_works(&device).await;
}
