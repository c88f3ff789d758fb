//! Rule 10: clocks that are wrong, jump or begin again neither revive a token nor kill one, nor sign anybody out.

use crate::support::server::ISSUER;
use crate::support::{Device, still_works};

#[tokio::test(start_paused = true)]
async fn rule_10_inside_a_process_a_jump_of_the_wall_clock_changes_nothing() {
    let device = Device::signed_in().await;
    for seconds in [86_400, -172_800, 31_536_000, -3_600] {
        device.clock.set_wall_by(seconds);
        device.access_token().await.unwrap();
        assert_eq!(device.server.count("token"), 0, "{seconds}");
    }
    device.expire();
    device.access_token().await.unwrap();
    assert_eq!(device.server.count("token"), 1);
}

#[tokio::test(start_paused = true)]
async fn rule_10_after_a_restart_a_clock_set_back_does_not_revive_an_expired_token() {
    let mut device = Device::signed_in().await;
    device.pass(3_000);
    device.clock.set_wall_by(-2_900);
    device.pass(1_000);
    device.restart();
    device.access_token().await.unwrap();
    assert_eq!(device.server.count("token"), 1);
}

#[tokio::test(start_paused = true)]
async fn rule_10_after_a_reboot_the_wall_clock_decides() {
    let mut device = Device::signed_in().await;
    device.pass(600);
    device.clock.reboot();
    device.restart();
    device.access_token().await.unwrap();
    assert_eq!(device.server.count("token"), 0);
    device.pass(3_100);
    device.clock.reboot();
    device.restart();
    device.access_token().await.unwrap();
    assert_eq!(device.server.count("token"), 1);
}

#[tokio::test(start_paused = true)]
async fn rule_10_after_a_reboot_with_a_clock_before_the_token_was_received_it_is_renewed() {
    let mut device = Device::signed_in().await;
    device.clock.reboot();
    device.clock.set_wall_by(-10_000_000);
    device.restart();
    device.access_token().await.unwrap();
    assert_eq!(device.server.count("token"), 1);
}

#[tokio::test(start_paused = true)]
async fn rule_10_the_servers_date_corrects_a_device_clock_that_is_hours_wrong() {
    for ahead in [-36_000, 36_000] {
        let device = Device::new();
        device.server.change(|server| server.clock_ahead = ahead);
        device.log_in("ada").await.unwrap_or_else(|error| panic!("{ahead} seconds: {error}"));
        device.expire();
        device.access_token().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn rule_10_the_expiry_told_is_by_the_devices_clock() {
    let device = Device::new();
    device.server.change(|server| server.clock_ahead = 36_000);
    device.log_in("ada").await.unwrap();
    let credentials = device.session().credentials(hallpass_core::MinTtl::default()).await.unwrap();
    let left = credentials.expires_at().unwrap().unix_seconds() - device.clock.unix_seconds();
    assert_eq!(left, 3_600);
}

#[tokio::test(start_paused = true)]
async fn rule_10_a_date_that_is_a_day_wrong_at_a_device_that_is_right_keeps_nobody_from_signing_in() {
    for ahead in [-86_400, 86_400] {
        let device = Device::new();
        device.server.change(|server| server.date_ahead = Some(ahead));
        device.log_in("ada").await.unwrap_or_else(|error| panic!("{ahead} seconds: {error}"));
        device.renew().await.unwrap();
        device.expire();
        device.access_token().await.unwrap();
        still_works(&device).await;
    }
}

#[tokio::test(start_paused = true)]
async fn rule_10_a_device_that_is_minutes_behind_a_server_without_a_date_can_sign_in() {
    let device = Device::new();
    device.server.change(|server| (server.clock_ahead, server.date_ahead) = (600, None));
    device.log_in("ada").await.unwrap();
    device.renew().await.unwrap();
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_10_a_key_set_from_a_cache_says_nothing_wrong_about_the_time() {
    let mut device = Device::new();
    device.dpop = true;
    device.restart();
    device.server.change(|server| server.keys_age = 36_000);
    device.log_in("ada").await.unwrap();
    assert_eq!(device.server.count("token"), 1, "the proof was of the right time");
    // The keys come from the cache once more, and an API is called after that.
    device.pass(2 * 3_600);
    device.server.roll_key();
    device.renew().await.unwrap();
    device.forget();
    let reply = device.call().await.unwrap();
    assert_eq!((reply.status, reply.renewals), (200, 0));
    let issued = device.server.proofs().last().unwrap().claims["iat"].as_i64().unwrap();
    assert!((issued - device.clock.unix_seconds()).abs() < 5);
    assert!(device.server.proofs().iter().any(|proof| proof.origin == ISSUER));
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_10_a_clock_that_somebody_sets_right_after_the_server_told_the_time_is_believed() {
    let mut device = Device::new();
    device.dpop = true;
    device.restart();
    // The device is ten hours behind, and learns it from the server.
    device.server.change(|server| server.clock_ahead = 36_000);
    device.log_in("ada").await.unwrap();
    // Now the user sets the clock right.
    device.clock.set_wall_by(36_000);
    device.server.change(|server| server.clock_ahead = 0);
    device.forget();
    assert_eq!(device.call().await.unwrap().status, 200);
    assert!(device.server.count("token") <= 1, "{} renewals", device.server.count("token"));
    assert_eq!(device.call().await.unwrap().renewals, 0);
    still_works(&device).await;
}
