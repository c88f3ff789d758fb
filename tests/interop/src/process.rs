//! A server as a process: started, waited for, stopped by its own id.
//!
//! It stays in the group of this program, so that whoever interrupts or ends that group ends the server with it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};
use url::Url;

use crate::http::Http;

/// The file in a server's folder that has what it said.
pub(crate) const LOG: &str = "server.log";

/// Between the request to end and the order to.
const GRACE: Duration = Duration::from_secs(20);

/// How to start a server.
pub(crate) struct Launch {
    /// The program and its arguments. It must not start others and leave them behind.
    pub(crate) command: Command,
    /// Answers 200 once the server is ready.
    pub(crate) ready: Url,
    /// For how long to wait for that.
    pub(crate) patience: Duration,
}

/// A server that runs; it is killed when this is dropped.
pub(crate) struct Running {
    child: Child,
    /// How long it took until it was ready.
    pub(crate) start: Duration,
}

impl Running {
    /// Starts a server and waits until it answers.
    ///
    /// # Errors
    /// When it ends, or does not answer in time; the log in `folder` says why.
    pub(crate) async fn start(launch: Launch, folder: &Path, http: &Http) -> Result<Self> {
        let Launch { mut command, ready, patience } = launch;
        let log = File::options().create(true).append(true).open(folder.join(LOG)).context("no log can be written")?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).kill_on_drop(true);
        let begun = Instant::now();
        let mut child = command.spawn().context("the server cannot be started")?;
        while !http.get(&ready, None).await.is_ok_and(|answer| answer.status == 200) {
            if let Some(status) = child.try_wait()? {
                bail!("the server ended before it was ready ({status})");
            }
            ensure!(begun.elapsed() < patience, "the server was not ready after {} s", patience.as_secs());
            sleep(Duration::from_millis(50)).await;
        }
        Ok(Self { child, start: begun.elapsed() })
    }

    /// Asks the server to end, and kills it when it does not.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub(crate) async fn stop(mut self) -> Result<()> {
        let id = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(id) = id {
            kill_process(id, Signal::TERM).context("the server had ended by itself")?;
        }
        if timeout(GRACE, self.child.wait()).await.is_err() {
            self.child.kill().await.context("the server cannot be stopped")?;
        }
        Ok(())
    }
}

/// A port of 127.0.0.1 that nobody uses now.
///
/// # Errors
/// When there is none.
pub(crate) fn free_port() -> Result<u16> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").context("no port of 127.0.0.1 is free")?;
    Ok(listener.local_addr()?.port())
}

/// The end of a log, if there is one.
pub(crate) fn last_lines(log: &PathBuf, count: usize) -> Vec<String> {
    let text = std::fs::read(log).unwrap_or_default();
    let lines: Vec<String> = String::from_utf8_lossy(&text).lines().map(str::to_owned).collect();
    lines[lines.len().saturating_sub(count)..].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Result<Launch> {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let ready = Url::parse(&format!("http://127.0.0.1:{}/", free_port()?))?;
        Ok(Launch { command, ready, patience: Duration::from_millis(300) })
    }

    #[tokio::test]
    async fn server_that_ends_at_once_is_an_error_and_its_words_are_in_the_log() {
        let folder = tempfile::tempdir().unwrap();
        let launch = shell("echo the reason >&2; exit 3").unwrap();
        let started = Running::start(launch, folder.path(), &Http::new().unwrap()).await;
        assert!(started.err().unwrap().to_string().contains("exit status: 3"));
        assert_eq!(last_lines(&folder.path().join(LOG), 5), ["the reason"]);
    }

    #[tokio::test]
    async fn server_that_never_answers_is_given_up_and_killed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("id");
        let launch = shell(&format!("echo $$ > {}; exec sleep 600", file.display())).unwrap();
        let started = Running::start(launch, folder.path(), &Http::new().unwrap()).await;
        assert!(started.err().unwrap().to_string().contains("was not ready"));
        let id = Pid::from_raw(std::fs::read_to_string(file).unwrap().trim().parse().unwrap()).unwrap();
        let gone = async {
            // The runtime reaps it in the background.
            while rustix::process::test_kill_process(id).is_ok() {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(GRACE, gone).await.unwrap();
    }
}
