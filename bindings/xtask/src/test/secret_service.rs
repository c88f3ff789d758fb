//! The store contract against a real gnome-keyring, which runs on a message bus and in a home of its own: neither the
//! user's bus nor the user's keyring is touched.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::{missing, rust};
use crate::process::{self, Group};
use crate::report::{Outcome, Tally};
use crate::setup;
use crate::workspace::cargo;

/// For the bus and the keyring to come up; they take well under a second.
const START: Duration = Duration::from_secs(20);

/// The file in the home that has what the bus and the keyring say.
const LOG: &str = "services.log";

/// Runs the suite: the tests of the core that want a Secret Service on the bus.
pub(super) fn run(tally: &mut Tally) -> Result<Outcome> {
    if let Err(error) = setup::secret_service::prepare() {
        return Ok(missing(&error));
    }
    // gnome-keyring takes no folder that others may read.
    let owner_only = fs::Permissions::from_mode(0o700);
    let home =
        tempfile::Builder::new().permissions(owner_only).tempdir().context("cannot make a home for the keyring")?;
    let outcome = run_on_own_bus(home.path(), tally);
    if !matches!(outcome, Ok(Outcome::Passed)) {
        println!("\n-- what the bus and the keyring said");
        for line in fs::read_to_string(home.path().join(LOG)).unwrap_or_default().lines() {
            println!("{line}");
        }
    }
    outcome
}

fn run_on_own_bus(home: &Path, tally: &mut Tally) -> Result<Outcome> {
    let bus = Bus::start(home)?;
    let _keyring = start_keyring(&bus, home)?;
    // With the whole workspace selected, dependencies have the features that the suite `rust` has built them with.
    let mut tests = cargo(["test", "--locked", "--workspace", "--features", "hallpass-core/secret-service-tests"]);
    tests.args(["--test", "adapters_secret_service"]);
    rust::run_tests(tests.env("DBUS_SESSION_BUS_ADDRESS", &bus.address), tally)
}

/// A message bus that starts no service by itself.
struct Bus {
    address: String,
    /// The bus lives as long as this.
    _daemon: Group,
}

impl Bus {
    fn start(home: &Path) -> Result<Self> {
        let configuration = home.join("bus.conf");
        let rules = format!(
            "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\"\n \
             \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n\
             <busconfig><type>session</type><listen>unix:dir={}</listen><policy context=\"default\">\
             <allow send_destination=\"*\" eavesdrop=\"true\"/><allow eavesdrop=\"true\"/><allow own=\"*\"/>\
             </policy></busconfig>\n",
            home.display()
        );
        fs::write(&configuration, rules)?;
        let mut command = Command::new("dbus-daemon");
        command.args(["--nofork", "--nopidfile", "--print-address=1", "--config-file"]).arg(&configuration);
        let mut daemon = Group::spawn(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log(home)?))?;
        let stdout = daemon.child.stdout.take().context("the output was asked for above")?;
        let address = first_line(stdout).context("the message bus does not say its address")?;
        Ok(Self { address, _daemon: daemon })
    }

    /// Calls a method of the service `destination` and returns the answer as `dbus-send` prints it.
    fn call(&self, destination: &str, path: &str, method: &str, argument: &str) -> Result<String> {
        let mut command = Command::new("dbus-send");
        command.arg(format!("--bus={}", self.address)).arg("--print-reply=literal");
        process::read(command.arg(format!("--dest={destination}")).args([path, method, argument]), START)
    }
}

/// Starts gnome-keyring with a new keyring that is unlocked, and waits until it is the default one.
fn start_keyring(bus: &Bus, home: &Path) -> Result<Group> {
    let mut command = Command::new("gnome-keyring-daemon");
    command.args(["--foreground", "--components=secrets", "--unlock"]).arg("--control-directory").arg(home);
    command.env("DBUS_SESSION_BUS_ADDRESS", &bus.address).env("HOME", home);
    command.env("XDG_DATA_HOME", home).env("XDG_RUNTIME_DIR", home);
    let mut keyring = Group::spawn(command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(log(home)?))?;
    // The password ends where the input does.
    let mut password = keyring.child.stdin.take().context("the input was asked for above")?;
    password.write_all(b"only for this test")?;
    drop(password);

    let deadline = Instant::now() + START;
    while !default_keyring_is_there(bus) {
        ensure!(!keyring.has_ended(), "gnome-keyring ended before it was ready");
        if Instant::now() >= deadline {
            bail!("gnome-keyring was not ready after {} s", START.as_secs());
        }
        thread::sleep(Duration::from_millis(50));
    }
    Ok(keyring)
}

fn log(home: &Path) -> Result<File> {
    File::options().create(true).append(true).open(home.join(LOG)).context("cannot write the services' log")
}

/// An alias that means nothing leads to the path `/`.
fn default_keyring_is_there(bus: &Bus) -> bool {
    let (service, path) = ("org.freedesktop.secrets", "/org/freedesktop/secrets");
    let answer = bus.call(service, path, "org.freedesktop.Secret.Service.ReadAlias", "string:default");
    answer.is_ok_and(|collection| collection.trim().starts_with("/org/"))
}

/// The first line that comes out of `stdout`, unless it takes too long.
fn first_line(stdout: impl std::io::Read + Send + 'static) -> Result<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut line = String::new();
        let read = BufReader::new(stdout).read_line(&mut line);
        // Nobody listens any more when it took too long.
        drop(sender.send(read.map(|_| line.trim().to_owned())));
    });
    let line = receiver.recv_timeout(START)??;
    ensure!(!line.is_empty(), "it ended at once");
    Ok(line)
}
