//! What a session does while nobody asks it for anything: a process of its own signs in, renews, and is watched.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hallpass_core::adapters::{Reqwest, SystemClock};

use super::two_threads;
use crate::mill::Mill;
use crate::provider::{open, sign_in};
use crate::report::counted;
use crate::store::CountingStore;

/// How long the process is watched.
const WATCHED: Duration = Duration::from_secs(120);

/// What is over by then: the answer's last byte, the runtime going to sleep.
const SETTLING: Duration = Duration::from_secs(2);

pub(super) fn take() -> Result<()> {
    let seen = watch(&std::env::current_exe()?, WATCHED)?;
    counted("idle.wake-ups", seen.wake_ups);
    counted("idle.threads-waiting-on-time", seen.waiting_on_time);
    counted("idle.threads", seen.threads);
    Ok(())
}

/// What was seen of a process that had nothing to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// How often its threads went to sleep again, all of them together.
    pub wake_ups: usize,
    /// Threads that were asleep until some time rather than until something happens.
    pub waiting_on_time: usize,
    /// Threads.
    pub threads: usize,
}

/// Starts `program`, this crate's, with a session that is signed in and renewed, and watches it for that long.
///
/// # Errors
/// When it does not start, or ends, or this is not Linux.
pub fn watch(program: &Path, watched: Duration) -> Result<Seen> {
    let mill = Mill::start(Duration::ZERO)?;
    let mut command = Command::new(program);
    command.args(["idle-process", mill.issuer()]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut idle = Idle(command.spawn()?);
    let output = idle.0.stdout.take().context("its output was asked for")?;
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line)?;
    ensure!(line == "idle\n", "it said `{line}`");
    std::thread::sleep(SETTLING);
    let before = idle.slept()?;
    std::thread::sleep(watched);
    let wake_ups = idle.slept()? - before;
    Ok(Seen { wake_ups, waiting_on_time: idle.waiting_on_time()?, threads: idle.threads()?.len() })
}

/// What the process does that is watched: all of it happens before it says so.
///
/// # Errors
/// When the login or the renewal fails.
pub fn process(issuer: &str) -> Result<()> {
    let runtime = two_threads()?;
    let session = runtime.block_on(async {
        let session = open(issuer, Reqwest::new()?, CountingStore::default(), SystemClock);
        sign_in(&session).await;
        session.renew().await?;
        anyhow::Ok(session)
    })?;
    println!("idle");
    // Until the watcher goes.
    std::io::stdin().read_to_end(&mut Vec::new())?;
    drop(session);
    Ok(())
}

/// The process; it is stopped when this is dropped.
struct Idle(Child);

impl Idle {
    fn threads(&self) -> Result<Vec<std::path::PathBuf>> {
        let folder = format!("/proc/{}/task", self.0.id());
        let entries = fs::read_dir(&folder).with_context(|| format!("no {folder}: this measure is for Linux"))?;
        entries.map(|entry| Ok(entry?.path())).collect()
    }

    /// How often its threads went to sleep so far.
    fn slept(&self) -> Result<usize> {
        let mut sum = 0;
        for thread in self.threads()? {
            let status = fs::read_to_string(thread.join("status"))?;
            let count = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
            sum += count.context("no count of switches")?.trim().parse::<usize>()?;
        }
        Ok(sum)
    }

    /// How many threads are in a system call that ends at some time.
    fn waiting_on_time(&self) -> Result<usize> {
        let mut count = 0;
        for thread in self.threads()? {
            let call = fs::read_to_string(thread.join("syscall"))?;
            count += usize::from(ends_by_itself(&call));
        }
        Ok(count)
    }
}

impl Drop for Idle {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Whether a line of `/proc/…/syscall` on `x86_64` is of a call that waits with a limit: `epoll_wait` and `epoll_pwait`
/// have it in milliseconds as their fourth argument, -1 for none; `futex` a pointer to it, `clock_nanosleep` is one.
fn ends_by_itself(call: &str) -> bool {
    let words: Vec<&str> = call.split_whitespace().collect();
    let fourth = words.get(4).copied().unwrap_or_default();
    match words.first().copied() {
        Some("232" | "281") => !fourth.ends_with("ffffffff"),
        Some("202") => fourth != "0x0",
        Some("35" | "230") => true,
        Some(_) | None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_with_a_limit_is_told_from_one_without() {
        assert!(!ends_by_itself("232 0x3 0x7f 0x400 0xffffffff 0x0 0x0 0x7f 0x7f"));
        assert!(!ends_by_itself("281 0x3 0x7f 0x400 0xffffffffffffffff 0x0 0x8 0x7f 0x7f"));
        assert!(ends_by_itself("232 0x3 0x7f 0x400 0xd6d8 0x0 0x0 0x7f 0x7f"));
        assert!(!ends_by_itself("202 0x55 0x189 0x1 0x0 0x0 0xffffffff 0x7f 0x7f"));
        assert!(ends_by_itself("202 0x55 0x189 0x1 0x7ffe1230 0x0 0xffffffff 0x7f 0x7f"));
        assert!(!ends_by_itself("0 0x0 0x55 0x20 0x22 0x0 0x0 0x7f 0x7f"));
        assert!(!ends_by_itself("running"));
    }
}
