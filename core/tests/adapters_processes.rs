//! What two processes see of each other's files.
//!
//! The other process is this test program again, told what to do by an environment variable.

#![expect(clippy::unwrap_used, reason = "helpers of tests, which clippy does not know for such outside a test")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use hallpass_core::adapters::{DangerPlainFiles, FileLease};
use hallpass_core::ports::{EntryName, Lease, SecureStore, StoredValue};

const DIRECTORY: &str = "HALLPASS_TEST_DIRECTORY";

#[tokio::test]
async fn a_lease_held_by_a_process_that_is_killed_is_free_again() {
    let directory = tempfile::tempdir().unwrap();
    let (lease, name) = (FileLease::in_directory(directory.path()), name("account"));
    let mut holder = another_process("the_other_process_holds_the_lease", directory.path());
    wait_for_line(&mut holder, "held");
    assert!(lease.acquire(&name, Duration::from_millis(100)).await.is_err(), "two processes hold one lease");

    holder.kill().unwrap();
    holder.wait().unwrap();
    assert!(lease.acquire(&name, Duration::from_secs(5)).await.is_ok(), "the lease died with its holder");
}

#[cfg(unix)]
#[tokio::test]
async fn directory_that_is_not_there_is_made_and_the_lock_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;

    let directory = tempfile::tempdir().unwrap();
    let below = directory.path().join("a/b");
    let (lease, name) = (FileLease::in_directory(&below), name("account"));
    let held = lease.acquire(&name, Duration::ZERO).await.unwrap();
    assert!(lease.acquire(&name, Duration::ZERO).await.is_err(), "two hold one lease");
    let mode = std::fs::metadata(below.join(".account.lock")).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0, "others may lock the file: {mode:o}");
    drop(held);
    assert!(lease.acquire(&name, Duration::ZERO).await.is_ok());
}

#[tokio::test]
async fn values_saved_by_another_process_are_seen_whole() {
    let directory = tempfile::tempdir().unwrap();
    let store = DangerPlainFiles::open(directory.path()).unwrap();
    store.save(&name("entry"), &StoredValue::new(value(0))).await.unwrap();
    let mut writer = another_process("the_other_process_saves", directory.path());
    wait_for_line(&mut writer, "saving");
    let mut seen = 0;
    while seen < 199 {
        let loaded = store.load(&name("entry")).await.unwrap().expect("an entry that is replaced is never absent");
        let now =
            (0..200).find(|number| loaded.expose() == value(*number)).expect("a value that nobody saved was loaded");
        assert!(now >= seen, "an older value came back");
        seen = now;
    }
    assert!(writer.wait().unwrap().success());
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1, "temporary files were left behind");
}

#[tokio::test]
#[ignore = "run by another test, as the other process"]
async fn the_other_process_holds_the_lease() {
    let lease = FileLease::in_directory(directory());
    let _held = lease.acquire(&name("account"), Duration::ZERO).await.unwrap();
    println!("held");
    tokio::time::sleep(Duration::from_secs(30)).await;
}

#[tokio::test]
#[ignore = "run by another test, as the other process"]
async fn the_other_process_saves() {
    let store = DangerPlainFiles::open(directory()).unwrap();
    println!("saving");
    for number in 1..200 {
        store.save(&name("entry"), &StoredValue::new(value(number))).await.unwrap();
    }
}

fn another_process(test: &str, directory: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--ignored", "--nocapture"])
        .env(DIRECTORY, directory)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn wait_for_line(process: &mut Child, expected: &str) {
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    // It ends with the process, which ends by itself.
    assert!(lines.any(|line| line.unwrap().contains(expected)), "the other process did not say {expected:?}");
    // Read on, so that the process does not wait for somebody to read.
    std::thread::spawn(move || lines.for_each(drop));
}

fn directory() -> std::path::PathBuf {
    std::env::var_os(DIRECTORY).expect("it is set by the test that runs this one").into()
}

fn name(name: &str) -> EntryName {
    EntryName::parse(name).unwrap()
}

fn value(number: usize) -> String {
    format!("{number} ").repeat(1000)
}
