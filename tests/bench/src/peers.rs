//! Contenders in other processes: libraries that must not be in this workspace, and other languages.
//!
//! A peer is a program that is told a task by its arguments. It prints `ready` when it has set up what an app sets up once,
//! then reads a number of iterations a line and answers each with the nanoseconds that they took.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::rounds::Contender;

/// The variable that names the peers of this run: a line each, of a name, a tab, and the words of its command with a tab
/// between them. `cargo xtask bench` sets it.
pub const PEERS: &str = "HALLPASS_BENCH_PEERS";

/// A peer that is running; it is stopped when this is dropped.
pub struct Peer {
    name: String,
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

/// Starts every peer that there is for `task`, with the further `words`. Peers that do not have the task say so and are
/// left out.
///
/// # Errors
/// When one does not start, or fails to set up.
pub fn start(task: &str, words: &[&str]) -> Result<Vec<Peer>> {
    let listed = env::var(PEERS).unwrap_or_default();
    let mut peers = Vec::new();
    for line in listed.lines() {
        let mut command = line.split('\t');
        let (name, program) = (command.next().unwrap_or_default(), command.next().unwrap_or_default());
        let mut start = Command::new(program);
        start.args(command).arg(task).args(words).stdin(Stdio::piped()).stdout(Stdio::piped());
        peers.extend(Peer::start(name, &mut start).with_context(|| format!("the peer {name}, {task}"))?);
    }
    Ok(peers)
}

impl Peer {
    fn start(name: &str, command: &mut Command) -> Result<Option<Self>> {
        let mut child = command.spawn().context("cannot be started")?;
        let input = child.stdin.take().context("its input was asked for")?;
        let output = BufReader::new(child.stdout.take().context("its output was asked for")?);
        let mut peer = Self { name: name.to_owned(), child, input, output };
        match peer.line()?.as_str() {
            "ready" => Ok(Some(peer)),
            "no such task" => Ok(None),
            other => bail!("said `{other}` where it should be ready"),
        }
    }

    /// Its name, as the measures have it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Lets it do some iterations.
    ///
    /// # Panics
    /// When it ends, or says something else than a time.
    pub fn run(&mut self, iterations: u32) -> Duration {
        self.asked(iterations).unwrap_or_else(|error| panic_of(&self.name, &error))
    }

    fn asked(&mut self, iterations: u32) -> Result<Duration> {
        writeln!(self.input, "{iterations}").context("it has ended")?;
        let line = self.line()?;
        line.parse().map(Duration::from_nanos).with_context(|| format!("`{line}` is no time"))
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        ensure!(self.output.read_line(&mut line)? > 0, "it has ended");
        Ok(line.trim_end().to_owned())
    }

    /// As one of those that take turns.
    pub fn contender<'a>(mut self) -> Contender<'a> {
        Contender::timed(&self.name.clone(), move |iterations| self.run(iterations))
    }
}

#[expect(clippy::panic, reason = "a bench without its peer has no result, and its message says which peer")]
fn panic_of(name: &str, error: &anyhow::Error) -> Duration {
    panic!("the peer {name}: {error:#}")
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Result<Option<Peer>> {
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped());
        Peer::start("sh", &mut command)
    }

    #[test]
    fn a_peer_that_is_ready_tells_how_long_each_run_took() {
        let mut peer = shell("echo ready; while read n; do echo $((n * 1000)); done").unwrap().unwrap();
        assert_eq!(peer.run(3), Duration::from_micros(3));
        assert_eq!(peer.run(5), Duration::from_micros(5));
    }

    #[test]
    fn a_peer_without_the_task_is_left_out() {
        assert!(shell("echo 'no such task'").unwrap().is_none());
    }

    #[test]
    fn a_peer_that_ends_early_is_an_error() {
        let told = shell("true").err().map(|error| error.to_string());
        assert_eq!(told.as_deref(), Some("it has ended"));
    }
}
