//! A process that has the session: the driver of the `lab` command, spoken to in lines.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines, stdin, stdout};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use crate::space;

/// No single answer takes this long, not even on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Is the process: answers lines until the input ends.
pub(crate) async fn be() -> Result<()> {
    space::survive_a_full_disk()?;
    hallpass_lab::drive::drive(BufReader::new(stdin()), stdout()).await.context("the driver cannot go on")
}

/// A driver in a process of its own, killed with this value.
pub(crate) struct Driver {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    last_id: u64,
    early: BTreeMap<u64, Value>,
}

/// What became of a request: the result, or the error as `kind/code`.
pub(crate) type Answer = Result<Value, String>;

impl Driver {
    pub(crate) fn start() -> Result<Self> {
        let mut command = Command::new(std::env::current_exe().context("this program has no path")?);
        command.arg("--drive").kill_on_drop(true).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().context("cannot start a driver")?;
        let input = child.stdin.take().context("its input was asked for")?;
        let output = BufReader::new(child.stdout.take().context("its output was asked for")?).lines();
        Ok(Self { child, input, output, last_id: 0, early: BTreeMap::new() })
    }

    /// Sends a request and returns its `id`.
    pub(crate) async fn send(&mut self, op: &str, mut members: Value) -> Result<u64> {
        self.last_id += 1;
        members["id"] = json!(self.last_id);
        members["op"] = json!(op);
        let line = format!("{members}\n");
        self.input.write_all(line.as_bytes()).await.context("the driver does not read")?;
        self.input.flush().await.context("the driver does not read")?;
        Ok(self.last_id)
    }

    /// Waits for the answer to a request.
    pub(crate) async fn answer(&mut self, id: u64) -> Result<Answer> {
        let mut answer = loop {
            if let Some(answer) = self.early.remove(&id) {
                break answer;
            }
            let line = timeout(PATIENCE, self.output.next_line()).await.context("a caller got no answer")??;
            let answer: Value = serde_json::from_str(&line.context("the driver ended")?)?;
            self.early.insert(answer["id"].as_u64().context("an answer without an id that was sent")?, answer);
        };
        let error = &answer["error"];
        let word = |member: &str| error[member].as_str().unwrap_or_default();
        Ok(if error.is_null() { Ok(answer["ok"].take()) } else { Err(format!("{}/{}", word("kind"), word("code"))) })
    }

    /// Sends a request and waits for its answer.
    pub(crate) async fn ask(&mut self, op: &str, members: Value) -> Result<Answer> {
        let id = self.send(op, members).await?;
        self.answer(id).await
    }

    /// Sends a request that has to succeed.
    pub(crate) async fn ok(&mut self, op: &str, members: Value) -> Result<Value> {
        match self.ask(op, members).await? {
            Ok(result) => Ok(result),
            Err(error) => bail!("`{op}` failed with {error}"),
        }
    }

    /// Sends a request that has to fail, and returns its error.
    pub(crate) async fn error(&mut self, op: &str, members: Value) -> Result<String> {
        match self.ask(op, members).await? {
            Ok(result) => bail!("`{op}` did not fail: {result}"),
            Err(error) => Ok(error),
        }
    }

    /// Whether an answer to `id` is there by now. Waits for none.
    pub(crate) async fn has_answered(&mut self, id: u64) -> bool {
        while !self.early.contains_key(&id) {
            let Ok(Ok(Some(line))) = timeout(Duration::from_millis(1), self.output.next_line()).await else {
                return false;
            };
            let Ok(answer) = serde_json::from_str::<Value>(&line) else { return false };
            let Some(id) = answer["id"].as_u64() else { return false };
            self.early.insert(id, answer);
        }
        true
    }

    /// Its process id.
    pub(crate) fn process_id(&self) -> Result<u32> {
        self.child.id().context("the driver ended")
    }

    /// Kills the process at once, with SIGKILL, and waits until it is gone.
    pub(crate) async fn kill(&mut self) -> Result<()> {
        timeout(PATIENCE, self.child.kill()).await.context("a killed process did not end")?.context("cannot kill")
    }
}
