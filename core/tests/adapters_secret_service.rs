//! The Secret Service store against a real gnome-keyring.
//!
//! The first tests use the service on this session's bus, `DBUS_SESSION_BUS_ADDRESS`; `cargo xtask test secret-service`
//! gives them one of their own. Those about a service that is locked, absent or restarted start a bus and a keyring
//! themselves, and this program again to be the process on that bus: which bus a process uses is in its environment.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "helpers of tests, which clippy does not know for such outside a test")]

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use hallpass_core::adapters::{Keychain, contract};
use hallpass_core::ports::{EntryName, SecureStore, StoreError, StoredValue};
use secret_service::{EncryptionType, SecretService};

const BUS: &str = "DBUS_SESSION_BUS_ADDRESS";
const NO_SERVICE: StoreError = StoreError::Failed("no Secret Service answers on the session bus");

/// Far more than any call takes that is not waiting for somebody.
const LIMIT: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread")]
async fn secret_service_keeps_the_contract_of_a_store() {
    let service = own_service("contract");
    contract::secure_store(async || Keychain::new(service.as_str())).await;
}

#[tokio::test]
async fn secret_service_entries_of_two_services_do_not_meet() {
    let (one, other) = (Keychain::new(own_service("one")), Keychain::new(own_service("other")));
    one.save(&entry(), &StoredValue::new("of one")).await.unwrap();
    assert!(other.load(&entry()).await.unwrap().is_none());
    assert_eq!(other.list().await, Ok(vec![]));
    other.delete(&entry()).await.unwrap();
    assert_eq!(one.load(&entry()).await.unwrap().unwrap().expose(), "of one");
    one.delete(&entry()).await.unwrap();
}

#[tokio::test]
async fn secret_service_entry_that_is_not_utf_8_fails_and_stays() {
    let service = own_service("bytes");
    let store = Keychain::new(service.as_str());
    let session = SecretService::connect(EncryptionType::Plain).await.unwrap();
    let collection = session.get_default_collection().await.unwrap();
    // The stored format: how an entry of an earlier version is found.
    let attributes = HashMap::from([("xdg:schema", "hallpass.Entry"), ("service", &*service), ("entry", "entry")]);
    collection.create_item("by hand", attributes.clone(), b"\xff\xfe", false, "text/plain").await.unwrap();
    assert_eq!(store.load(&entry()).await.unwrap_err(), StoreError::Failed("the entry is not UTF-8"));
    assert_eq!(collection.search_items(attributes).await.unwrap().len(), 1);
    store.delete(&entry()).await.unwrap();
}

#[tokio::test]
async fn secret_service_entry_in_another_collection_than_the_default_is_found_replaced_and_deleted() {
    let service = own_service("elsewhere");
    let store = Keychain::new(service.as_str());
    let session = SecretService::connect(EncryptionType::Plain).await.unwrap();
    // Of the session alone: making one that lasts asks the user.
    let elsewhere = session.get_collection_by_alias("session").await.unwrap();
    let attributes = HashMap::from([("xdg:schema", "hallpass.Entry"), ("service", &*service), ("entry", "entry")]);
    elsewhere.create_item("by hand", attributes.clone(), b"before", false, "text/plain").await.unwrap();
    assert_eq!(store.load(&entry()).await.unwrap().unwrap().expose(), "before");
    assert_eq!(store.list().await, Ok(vec![entry()]));
    store.save(&entry(), &StoredValue::new("after")).await.unwrap();
    assert_eq!(store.load(&entry()).await.unwrap().unwrap().expose(), "after");
    assert_eq!(session.search_items(attributes.clone()).await.unwrap().unlocked.len(), 1, "it is there twice");
    store.delete(&entry()).await.unwrap();
    assert!(store.load(&entry()).await.unwrap().is_none());
    assert!(session.search_items(attributes).await.unwrap().unlocked.is_empty());
}

#[test]
fn secret_service_without_a_default_collection_finds_what_is_elsewhere_and_says_of_nothing_that_it_is_absent() {
    let bus = Bus::start();
    let _keyring = bus.start_keyring_without_a_collection();
    bus.process("the_process_on_a_bus_whose_service_has_no_default").succeeds();
}

/// A connection a call is affordable as long as it is not noticed, and leaves nothing open.
#[tokio::test]
async fn secret_service_called_often_is_quick_and_keeps_no_connection() {
    let open_files = || fs::read_dir("/proc/self/fd").unwrap().count();
    let store = Keychain::new(own_service("often"));
    store.save(&entry(), &StoredValue::new("value")).await.unwrap();
    let (before, start) = (open_files(), Instant::now());
    for _ in 0..50 {
        assert_eq!(store.load(&entry()).await.unwrap().unwrap().expose(), "value");
    }
    let each = start.elapsed() / 50;
    println!("a load takes {each:?}");
    assert!(each < Duration::from_millis(100), "a load takes {each:?}");
    // Other tests open and close some of theirs meanwhile.
    assert!(open_files() < before + 25, "connections stay open");
    store.delete(&entry()).await.unwrap();
}

#[test]
fn secret_service_that_is_locked_is_told_as_such_and_not_as_empty() {
    let bus = Bus::start();
    let _keyring = bus.start_keyring();
    bus.process("the_process_on_a_bus_whose_collection_gets_locked").succeeds();
}

#[test]
fn secret_service_that_nobody_provides_fails() {
    Bus::start().process("the_process_on_a_bus_without_a_service").succeeds();
}

#[test]
fn secret_service_without_a_bus_fails() {
    let mut bus = Bus::start();
    bus.address = "unix:path=/nonexistent/bus".to_owned();
    bus.process("the_process_on_a_bus_without_a_service").succeeds();
}

#[test]
fn secret_service_that_is_killed_and_started_again_still_has_what_was_saved() {
    let bus = Bus::start();
    let keyring = bus.start_keyring();
    let mut process = bus.process("the_process_on_a_bus_whose_service_restarts");
    process.wait_for("saved");
    drop(keyring);
    process.go_on();
    process.wait_for("gone");
    let _keyring = bus.start_keyring();
    process.go_on();
    process.succeeds();
}

#[tokio::test]
#[ignore = "run by another test, on a bus of its own"]
async fn the_process_on_a_bus_whose_collection_gets_locked() {
    let store = Keychain::new("hallpass-tests");
    store.save(&entry(), &StoredValue::new("value")).await.unwrap();
    assert_eq!(store.load(&entry()).await.unwrap().unwrap().expose(), "value");

    let session = SecretService::connect(EncryptionType::Plain).await.unwrap();
    session.get_default_collection().await.unwrap().lock().await.unwrap();
    let start = Instant::now();
    assert_eq!(store.load(&entry()).await.map(|_| ()), Err(StoreError::Locked));
    assert_eq!(store.save(&entry(), &StoredValue::new("new")).await, Err(StoreError::Locked));
    assert_eq!(store.delete(&entry()).await, Err(StoreError::Locked));
    assert_eq!(store.list().await, Err(StoreError::Locked));
    assert!(start.elapsed() < LIMIT, "it waited {:?} for somebody to unlock", start.elapsed());
}

#[tokio::test]
#[ignore = "run by another test, on a bus of its own"]
async fn the_process_on_a_bus_whose_service_has_no_default() {
    let store = Keychain::new("hallpass-tests");
    let absent = EntryName::parse("absent").unwrap();
    let session = SecretService::connect(EncryptionType::Plain).await.unwrap();
    let elsewhere = session.get_collection_by_alias("session").await.unwrap();
    let attributes =
        HashMap::from([("xdg:schema", "hallpass.Entry"), ("service", "hallpass-tests"), ("entry", "entry")]);
    elsewhere.create_item("by hand", attributes, b"value", false, "text/plain").await.unwrap();
    assert_eq!(store.load(&entry()).await.unwrap().unwrap().expose(), "value");
    store.save(&entry(), &StoredValue::new("newer")).await.unwrap();
    assert_eq!(store.load(&entry()).await.unwrap().unwrap().expose(), "newer");
    let problem =
        StoreError::Failed("the Secret Service has no default collection; open or create one in the password manager");
    assert_eq!(store.load(&absent).await.map(|_| ()), Err(problem));
    assert_eq!(store.save(&absent, &StoredValue::new("value")).await, Err(problem));
    assert_eq!(store.delete(&absent).await, Err(problem));
}

#[tokio::test]
#[ignore = "run by another test, on a bus of its own"]
async fn the_process_on_a_bus_without_a_service() {
    let store = Keychain::new("hallpass-tests");
    let start = Instant::now();
    assert_eq!(store.load(&entry()).await.map(|_| ()), Err(NO_SERVICE));
    assert_eq!(store.save(&entry(), &StoredValue::new("value")).await, Err(NO_SERVICE));
    assert_eq!(store.delete(&entry()).await, Err(NO_SERVICE));
    assert_eq!(store.list().await, Err(NO_SERVICE));
    assert!(start.elapsed() < LIMIT, "it waited {:?} for a service", start.elapsed());
}

#[tokio::test]
#[ignore = "run by another test, on a bus of its own"]
async fn the_process_on_a_bus_whose_service_restarts() {
    let store = Keychain::new("hallpass-tests");
    store.save(&entry(), &StoredValue::new("value")).await.unwrap();
    println!("saved");
    wait_to_go_on();
    assert_eq!(store.load(&entry()).await.map(|_| ()), Err(NO_SERVICE));
    println!("gone");
    wait_to_go_on();
    assert_eq!(store.load(&entry()).await.unwrap().unwrap().expose(), "value");
}

fn entry() -> EntryName {
    EntryName::parse("entry").unwrap()
}

/// A service that no other run of these tests uses.
fn own_service(test: &str) -> String {
    assert!(std::env::var_os(BUS).is_some(), "there is no session bus; run `cargo xtask test secret-service`");
    format!("hallpass-tests-{}-{test}", std::process::id())
}

fn wait_to_go_on() {
    std::io::stdin().read_line(&mut String::new()).unwrap();
}

/// A message bus that starts no service by itself.
struct Bus {
    address: String,
    home: tempfile::TempDir,
    _daemon: Daemon,
}

impl Bus {
    fn start() -> Self {
        let home = tempfile::tempdir().unwrap();
        // gnome-keyring takes no folder that others may read.
        fs::set_permissions(home.path(), fs::Permissions::from_mode(0o700)).unwrap();
        let configuration = home.path().join("bus.conf");
        let listen = home.path().display();
        fs::write(
            &configuration,
            format!(
                "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\" \
                 \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\
                 <busconfig><type>session</type><listen>unix:dir={listen}</listen><policy context=\"default\">\
                 <allow send_destination=\"*\" eavesdrop=\"true\"/><allow eavesdrop=\"true\"/><allow own=\"*\"/></policy></busconfig>"
            ),
        )
        .unwrap();
        let mut command = Command::new("dbus-daemon");
        command.args(["--nofork", "--nopidfile", "--print-address=1", "--config-file"]).arg(configuration);
        let mut daemon =
            Daemon(command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("dbus is installed"));
        let mut address = String::new();
        // It says its address or ends; either way this returns.
        BufReader::new(daemon.0.stdout.take().unwrap()).read_line(&mut address).unwrap();
        Self { address: address.trim().to_owned(), home, _daemon: daemon }
    }

    /// Starts gnome-keyring with the keyring in this bus's home, made if it is not there, and unlocks it.
    fn start_keyring(&self) -> Daemon {
        let mut keyring = self.spawn_keyring(&["--unlock"]);
        keyring.0.stdin.take().unwrap().write_all(b"only for this test").unwrap();
        self.wait_for_alias("/org/");
        keyring
    }

    /// Starts gnome-keyring without any keyring, so that there is no default collection.
    fn start_keyring_without_a_collection(&self) -> Daemon {
        let keyring = self.spawn_keyring(&[]);
        self.wait_for_alias("/");
        keyring
    }

    fn spawn_keyring(&self, more: &[&str]) -> Daemon {
        let home = self.home.path();
        let mut command = Command::new("gnome-keyring-daemon");
        command.args(["--foreground", "--components=secrets"]).args(more).arg("--control-directory").arg(home);
        command.env(BUS, &self.address).env("HOME", home).env("XDG_DATA_HOME", home).env("XDG_RUNTIME_DIR", home);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        Daemon(command.spawn().expect("gnome-keyring is installed"))
    }

    /// Waits until the service answers, and the alias of the default collection leads to a path that begins so.
    fn wait_for_alias(&self, beginning: &str) {
        let deadline = Instant::now() + LIMIT;
        while !self.default_collection(self.home.path()).starts_with(beginning) {
            assert!(Instant::now() < deadline, "gnome-keyring does not come up");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The path of the default collection, `/` when there is none, and nothing while nobody answers.
    fn default_collection(&self, home: &Path) -> String {
        let mut ask = Command::new("dbus-send");
        ask.arg(format!("--bus={}", self.address)).args(["--print-reply=literal", "--dest=org.freedesktop.secrets"]);
        ask.args(["/org/freedesktop/secrets", "org.freedesktop.Secret.Service.ReadAlias", "string:default"]);
        let answer = ask.env("HOME", home).stderr(Stdio::null()).output().expect("dbus is installed");
        String::from_utf8_lossy(&answer.stdout).trim().to_owned()
    }

    /// Runs a test of this program on this bus.
    fn process(&self, test: &str) -> Process {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", test, "--ignored", "--nocapture"]).env(BUS, &self.address);
        let mut child = Daemon(command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap());
        let (input, output) = (child.0.stdin.take().unwrap(), BufReader::new(child.0.stdout.take().unwrap()));
        Process { child, input, output }
    }
}

struct Process {
    child: Daemon,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Process {
    /// Every call in it has a limit, so that it says this or ends.
    fn wait_for(&mut self, expected: &str) {
        let mut line = String::new();
        while !line.contains(expected) {
            line.clear();
            assert_ne!(self.output.read_line(&mut line).unwrap(), 0, "the process ended without saying {expected:?}");
        }
    }

    fn go_on(&mut self) {
        self.input.write_all(b"\n").unwrap();
    }

    fn succeeds(mut self) {
        let mut rest = String::new();
        std::io::Read::read_to_string(&mut self.output, &mut rest).unwrap();
        assert!(self.child.0.wait().unwrap().success(), "the process on the bus failed:\n{rest}");
        assert!(rest.contains("1 passed"), "no such test:\n{rest}");
    }
}

/// A process of ours that ends with this.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}
