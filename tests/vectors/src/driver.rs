//! A driver as a process: requests and answers as JSON lines, any number at a time.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use serde_json::{Map, Value};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::oneshot;
use tokio::time::timeout;

/// Longer than a request to a server that never answers.
const ANSWER: Duration = Duration::from_secs(70);
/// A virtual machine that starts on a busy computer.
const START: Duration = Duration::from_secs(60);
const END: Duration = Duration::from_secs(20);

/// The languages that have a driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Language {
    /// `lab drive`
    Rust,
    /// `hallpass-drive` of `bindings/swift`
    Swift,
    /// `hallpass-drive` of `bindings/kotlin`
    Kotlin,
}

impl Language {
    /// All of them, as they stand in the table of results.
    pub const ALL: [Self; 3] = [Self::Rust, Self::Swift, Self::Kotlin];
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Language::Rust => "Rust",
            Language::Swift => "Swift",
            Language::Kotlin => "Kotlin",
        })
    }
}

/// How a driver is started.
#[derive(Clone, Debug)]
pub struct Program {
    /// Which language's it is.
    pub language: Language,
    /// The program.
    pub path: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
}

/// What became of a request.
pub type Outcome = std::result::Result<Value, Failure>;

/// The `error` of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What an app does next.
    pub kind: String,
    /// What happened.
    pub code: String,
    /// The same for people.
    pub message: String,
}

/// A running driver. Dropping it stops the process.
pub struct Driver {
    /// Which language's it is.
    pub language: Language,
    process: Mutex<Option<Child>>,
    input: tokio::sync::Mutex<Option<ChildStdin>>,
    waiting: Arc<Mutex<BTreeMap<String, oneshot::Sender<Value>>>>,
    last_id: AtomicU64,
}

impl Driver {
    /// Starts `program` and waits until it answers.
    ///
    /// # Errors
    /// When it cannot be started, or does not answer.
    pub async fn start(program: &Program) -> Result<Self> {
        let mut process = Command::new(&program.path)
            .args(&program.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start the {} driver, {}", program.language, program.path.display()))?;
        let input = process.stdin.take().context("the input was asked for above")?;
        let output = process.stdout.take().context("the output was asked for above")?;
        let waiting: Arc<Mutex<BTreeMap<String, oneshot::Sender<Value>>>> = Arc::default();
        let answered = Arc::clone(&waiting);
        tokio::spawn(async move {
            let mut lines = BufReader::new(output).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                let answer: Value = serde_json::from_str(&line).unwrap_or(Value::Null);
                let id = answer["id"].as_str().unwrap_or_default().to_owned();
                if let Some(answer_to) = lock(&answered).remove(&id) {
                    // Whoever asked may have given up.
                    let _asked_for = answer_to.send(answer);
                }
            }
            // Nobody is answered any more: those who wait are told by what is dropped here.
            lock(&answered).clear();
        });
        let driver = Self {
            language: program.language,
            process: Mutex::new(Some(process)),
            input: tokio::sync::Mutex::new(Some(input)),
            waiting,
            last_id: AtomicU64::new(0),
        };
        let started = timeout(START, driver.ask("advance", Map::from_iter([("seconds".to_owned(), 0.into())]))).await;
        match started {
            Ok(Ok(Ok(_))) => Ok(driver),
            Ok(Ok(Err(failure))) => bail!("the {} driver is not one: {failure:?}", program.language),
            Ok(Err(error)) => Err(error),
            Err(_) => bail!("the {} driver does not answer", program.language),
        }
    }

    /// Asks the driver to do something, and waits for the answer.
    ///
    /// # Errors
    /// When the driver has ended, does not answer, or answers with something else than a result or an error.
    pub async fn ask(&self, operation: &str, members: Map<String, Value>) -> Result<Outcome> {
        let id = format!("v{}", self.last_id.fetch_add(1, Ordering::Relaxed));
        let mut request = members;
        request.insert("id".to_owned(), id.clone().into());
        request.insert("op".to_owned(), operation.into());
        let answer = self.exchange(&id, Value::Object(request).to_string()).await?;
        read(&answer).with_context(|| format!("the {} driver answered {answer}", self.language))
    }

    /// Ends the input, and waits until the process has ended.
    ///
    /// # Errors
    /// When it does not end in time, or badly.
    pub async fn end(self) -> Result<()> {
        drop(self.input.lock().await.take());
        let process = self.process.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut process) = process else { return Ok(()) };
        match timeout(END, process.wait()).await {
            Ok(status) if status.as_ref().is_ok_and(std::process::ExitStatus::success) => Ok(()),
            Ok(status) => bail!("the {} driver ended badly: {status:?}", self.language),
            Err(_) => bail!("the {} driver goes on after the end of its input", self.language),
        }
    }

    async fn exchange(&self, id: &str, line: String) -> Result<Value> {
        let (answer_to, answer) = oneshot::channel();
        lock(&self.waiting).insert(id.to_owned(), answer_to);
        let ended = || anyhow!("the {} driver has ended", self.language);
        {
            let mut input = self.input.lock().await;
            let input = input.as_mut().ok_or_else(ended)?;
            input.write_all(format!("{line}\n").as_bytes()).await.map_err(|_| ended())?;
            input.flush().await.map_err(|_| ended())?;
        }
        match timeout(ANSWER, answer).await {
            Ok(answer) => answer.map_err(|_| ended()),
            Err(_) => bail!("the {} driver does not answer {}", self.language, &line[..line.len().min(200)]),
        }
    }
}

fn read(answer: &Value) -> Result<Outcome> {
    if let Some(result) = answer.get("ok") {
        return Ok(Ok(result.clone()));
    }
    let text = |name: &str| answer["error"][name].as_str().map(str::to_owned);
    let failure = text("kind").zip(text("code")).context("neither a result nor an error")?;
    Ok(Err(Failure { kind: failure.0, code: failure.1, message: text("message").unwrap_or_default() }))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
