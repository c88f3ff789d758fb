//! The exercise from end to end, as a newcomer and as a program see it.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Ended, PATIENCE, lab, visit_as};

#[tokio::test]
async fn exercise_passes_and_ends_with_its_table() {
    let begun = Instant::now();
    let ended = Ended::of(lab(&[])).await;
    assert_eq!(ended.code, 0, "{}", ended.stdout);
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());

    let table: Vec<&str> = ended.stdout.lines().skip_while(|line| !line.trim_start().starts_with("Step ")).collect();
    for (number, title) in [
        "The settings are in one property file",
        "Refresh Token before any login",
        "Allow Offline Access, off and on",
        "Log In, with the system browser and PKCE",
        "Refresh Token, without rotation and with it",
        "Token Expiration of 10 seconds",
        "The core's own call",
        "Log Out",
    ]
    .iter()
    .enumerate()
    {
        let row = table[number + 1];
        assert!(row.starts_with(&format!("{}  {title}", number + 1)) && row.contains("passed"), "{row}");
    }
    assert!(table.last().unwrap().starts_with("All 8 steps passed: "), "{table:?}");

    assert!(!ended.stdout.contains('\u{1b}'), "colours without a terminal");
    assert!(!ended.stdout.contains("correct horse") && !ended.stdout.contains("eyJhbGciOi"), "a secret was shown");
    assert!(
        ended.stdout.contains("\"grant_type\":\"refresh_token\",\"client_id\":\"hallpass-lab\",\"refresh_token\":\"#")
    );
    assert!(ended.stdout.contains("www-authentication: Bearer realm=\"api\", error=\"invalid_token\""));
    assert!(ended.stdout.contains("waiting until the access token expires: 10 s"));
}

#[tokio::test]
async fn exercise_is_told_to_machines_as_one_object_a_line() {
    let ended = Ended::of(lab(&["walk", "--json"])).await;
    assert_eq!(ended.code, 0, "{}", ended.stdout);
    let events: Vec<Value> = ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |kind: &str| events.iter().filter(|event| event["event"] == kind).collect::<Vec<_>>();
    assert_eq!((of("started").len(), of("step").len(), of("finished").len()), (1, 8, 1));
    assert!(of("check").iter().all(|check| check["passed"] == true));
    let finished = events.last().unwrap();
    assert_eq!((&finished["event"], &finished["passed"]), (&Value::from("finished"), &Value::Bool(true)));
    assert_eq!(finished["checks"].as_u64().unwrap() as usize, of("check").len());
    let waits: Vec<u64> = of("waiting").iter().map(|wait| wait["seconds_left"].as_u64().unwrap()).collect();
    assert!(waits.len() > 9 && waits.is_sorted_by(|before, after| before > after), "{waits:?}");
}

/// The system browser is a script that writes down what it is to open; the pages are then gone through from here. Other
/// systems do not ask `BROWSER`, and would open a real one.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn exercise_is_played_by_hand_in_the_browser_that_the_system_opens() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let (browser, opened) = (folder.path().join("browser"), folder.path().join("opened"));
    std::fs::write(&browser, format!("#!/bin/sh\ncat \"${{1#file://}}\" >> '{}'\n", opened.display())).unwrap();
    std::fs::set_permissions(&browser, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = lab(&["walk", "--open", "--json"]);
    let child = command.env("BROWSER", &browser).env("HOME", folder.path()).spawn().unwrap();

    let person = tokio::spawn(async move {
        let mut agent = crate::support::agent();
        let mut seen = 0;
        loop {
            let addresses = std::fs::read_to_string(&opened).unwrap_or_default();
            // The file that the browser gets leads on to the page.
            let pages = addresses.lines().filter_map(|line| line.split_once("0;url=")?.1.strip_suffix("\">"));
            for address in pages.skip(seen) {
                assert_eq!(visit_as(&mut agent, &address.replace("&amp;", "&")).await.status, 200);
                seen += 1;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let ended = tokio::time::timeout(PATIENCE, Ended::of_child(child)).await.expect("in time");
    assert_eq!(ended.code, 0, "{}", ended.stdout);
    assert!(!person.is_finished(), "a page did not answer");
    person.abort();
}
