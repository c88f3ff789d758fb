//! Rule 10: clocks that are wrong, jump or begin again neither revive a token nor kill one, nor sign anybody out.

use crate::support::Device;

#[tokio::test]
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

#[tokio::test]
async fn rule_10_after_a_restart_a_clock_set_back_does_not_revive_an_expired_token() {
    let mut device = Device::signed_in().await;
    device.pass(3_000);
    device.clock.set_wall_by(-2_900);
    device.pass(1_000);
    device.restart();
    device.access_token().await.unwrap();
    assert_eq!(device.server.count("token"), 1);
}

#[tokio::test]
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

#[tokio::test]
async fn rule_10_after_a_reboot_with_a_clock_before_the_token_was_received_it_is_renewed() {
    let mut device = Device::signed_in().await;
    device.clock.reboot();
    device.clock.set_wall_by(-10_000_000);
    device.restart();
    device.access_token().await.unwrap();
    assert_eq!(device.server.count("token"), 1);
}

#[tokio::test]
async fn rule_10_the_servers_date_corrects_a_device_clock_that_is_hours_wrong() {
    for ahead in [-36_000, 36_000] {
        let device = Device::new();
        device.server.change(|server| server.clock_ahead = ahead);
        device.log_in("ada").await.unwrap_or_else(|error| panic!("{ahead} seconds: {error}"));
        device.expire();
        device.access_token().await.unwrap();
    }
}

#[tokio::test]
async fn rule_10_the_expiry_told_is_by_the_devices_clock() {
    let device = Device::new();
    device.server.change(|server| server.clock_ahead = 36_000);
    device.log_in("ada").await.unwrap();
    let credentials = device.session().credentials(hallpass_core::MinTtl::default()).await.unwrap();
    let left = credentials.expires_at().unwrap().unix_seconds() - device.clock.unix_seconds();
    assert_eq!(left, 3_600);
}
