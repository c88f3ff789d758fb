//! Child processes, each with a time limit.
//!
//! A child leads a process group of its own. At the limit, on an interrupt, and when the child has ended, what is left
//! of that group is stopped by the child's id: nothing outlives the command that started it, and nothing else is hit.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

/// Between the request to end and the order to.
const GRACE: Duration = Duration::from_secs(3);

/// Runs `command` with this process's output; an error when it fails or is still running at `limit`.
pub(crate) fn run(command: &mut Command, limit: Duration) -> Result<()> {
    let status = Group::spawn(command.stdin(Stdio::null()))?.wait(limit)?;
    succeeded(command, status)
}

/// Like [`run`], but its standard output is handed to `on_line`, a line at a time, and printed as well.
///
/// The status is returned rather than judged: a test runner that failed has still said how many tests did.
pub(crate) fn tee(command: &mut Command, limit: Duration, mut on_line: impl FnMut(&str) + Send) -> Result<ExitStatus> {
    let mut group = Group::spawn(command.stdin(Stdio::null()).stdout(Stdio::piped()))?;
    let stdout = group.child.stdout.take().context("the output was asked for above")?;
    thread::scope(|scope| {
        scope.spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                println!("{line}");
                on_line(&line);
            }
        });
        group.wait(limit)
    })
}

/// The standard output of `command`; an error with the end of its standard error when it fails.
pub(crate) fn read(command: &mut Command, limit: Duration) -> Result<String> {
    let mut group = Group::spawn(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()))?;
    let stdout = group.child.stdout.take().context("the output was asked for above")?;
    let stderr = group.child.stderr.take().context("the output was asked for above")?;
    let (status, stdout, stderr) = thread::scope(|scope| {
        let stdout = scope.spawn(move || read_all(stdout));
        let stderr = scope.spawn(move || read_all(stderr));
        let status = group.wait(limit);
        (status, stdout.join().unwrap_or_default(), stderr.join().unwrap_or_default())
    });
    succeeded(command, status?).with_context(|| last_lines(&stderr, 12))?;
    Ok(stdout)
}

/// Whether `program` is on the path.
pub(crate) fn is_installed(program: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(program).is_file()))
}

/// On an interrupt or a request to end, stops every child of this process before it goes itself.
pub(crate) fn stop_children_on_interrupt() -> Result<()> {
    ctrlc::set_handler(|| {
        for &leader in running().iter() {
            signal(leader, Signal::KILL);
        }
        std::process::exit(130);
    })
    .context("cannot listen for interrupts")
}

/// A child that leads its own process group; the whole group is stopped when this is dropped.
pub(crate) struct Group {
    pub(crate) child: Child,
    name: String,
    reaped: bool,
}

impl Group {
    /// Starts `command` in a group of its own. A group that is not the terminal's may not read from it: the caller sets
    /// the standard input to something else.
    pub(crate) fn spawn(command: &mut Command) -> Result<Self> {
        let name = described(command);
        let mut running = running();
        let child = command.process_group(0).spawn().with_context(|| format!("cannot start `{name}`"))?;
        running.insert(child.id());
        Ok(Self { child, name, reaped: false })
    }

    /// Waits until the child ends, then stops what it has left behind. At `limit` everything is stopped.
    pub(crate) fn wait(&mut self, limit: Duration) -> Result<ExitStatus> {
        if !self.ended_within(limit) {
            self.stop();
            bail!("`{}` was stopped after {} s", self.name, limit.as_secs());
        }
        self.reap()
    }

    /// Whether the child has ended of itself. It is not reaped: its id stays its own until [`Group::reap`].
    pub(crate) fn has_ended(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        let Some(pid) = process_id(self.child.id()) else { return true };
        !matches!(waitid(WaitId::Pid(pid), options), Ok(None))
    }

    fn ended_within(&self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        while !self.has_ended() {
            if Instant::now() >= deadline {
                return false;
            }
            thread::sleep(Duration::from_millis(20));
        }
        true
    }

    fn stop(&mut self) {
        signal(self.child.id(), Signal::TERM);
        self.ended_within(GRACE);
        // A child that refuses to end is killed by `reap`; there is nobody to tell about its status.
        drop(self.reap());
    }

    fn reap(&mut self) -> Result<ExitStatus> {
        signal(self.child.id(), Signal::KILL);
        let status = self.child.wait();
        self.reaped = true;
        running().remove(&self.child.id());
        status.with_context(|| format!("cannot learn how `{}` ended", self.name))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if !self.reaped {
            self.stop();
        }
    }
}

/// The leaders of the groups that are running now.
fn running() -> std::sync::MutexGuard<'static, BTreeSet<u32>> {
    static RUNNING: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Errors are of no interest: the group may be gone already, which is what was wanted.
fn signal(leader: u32, signal: Signal) {
    if let Some(pid) = process_id(leader) {
        let _ = kill_process_group(pid, signal);
    }
}

fn process_id(id: u32) -> Option<Pid> {
    i32::try_from(id).ok().and_then(Pid::from_raw)
}

fn succeeded(command: &Command, status: ExitStatus) -> Result<()> {
    if !status.success() {
        bail!("`{}` failed ({status})", described(command));
    }
    Ok(())
}

fn described(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str());
    let words = std::iter::once(name).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

fn read_all(mut from: impl Read) -> String {
    let mut bytes = Vec::new();
    // What was read before an error is still worth showing.
    drop(from.read_to_end(&mut bytes));
    String::from_utf8_lossy(&bytes).into_owned()
}

fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(20);

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn child_that_succeeds_is_read_whole() {
        assert_eq!(read(&mut shell("echo one; echo two"), LIMIT).unwrap(), "one\ntwo\n");
    }

    #[test]
    fn child_that_fails_is_an_error_with_its_last_words() {
        let error = read(&mut shell("echo the reason >&2; exit 7"), LIMIT).unwrap_err();
        let told = format!("{error:#}");
        assert!(told.contains("the reason") && told.contains("exit status: 7"), "{told}");
    }

    #[test]
    fn child_over_its_limit_is_stopped_with_its_own_children() {
        let folder = tempfile::tempdir().unwrap();
        let ids = folder.path().join("ids");
        let script = format!("sleep 600 & echo $! > {}; wait", ids.display());
        let started = Instant::now();

        let error = run(&mut shell(&script), Duration::from_millis(300)).unwrap_err();

        assert!(error.to_string().contains("was stopped"), "{error}");
        assert!(started.elapsed() < LIMIT);
        assert_gone(std::fs::read_to_string(ids).unwrap().trim());
    }

    #[test]
    fn child_that_ends_leaves_no_child_behind() {
        let left_behind = read(&mut shell("sleep 600 >/dev/null 2>&1 & echo $!"), LIMIT).unwrap();
        assert_gone(left_behind.trim());
    }

    #[test]
    fn child_that_fails_while_watched_keeps_the_lines_it_printed() {
        let mut lines = Vec::new();
        let status = tee(&mut shell("echo first; echo second; exit 1"), LIMIT, |line| lines.push(line.to_owned()));
        assert!(!status.unwrap().success());
        assert_eq!(lines, ["first", "second"]);
    }

    #[test]
    fn program_that_does_not_exist_is_an_error_naming_it() {
        let error = run(&mut Command::new("no-such-program"), LIMIT).unwrap_err();
        assert!(error.to_string().contains("no-such-program"), "{error}");
    }

    /// The kernel takes a moment to bury a process; a zombie of another parent counts as gone.
    fn assert_gone(id: &str) {
        let deadline = Instant::now() + LIMIT;
        let state = || read(Command::new("ps").args(["-o", "stat=", "-p", id]), LIMIT).unwrap_or_default();
        while !matches!(state().trim().chars().next(), None | Some('Z')) {
            assert!(Instant::now() < deadline, "process {id} is still running");
            thread::sleep(Duration::from_millis(20));
        }
    }
}
