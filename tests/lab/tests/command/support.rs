//! What the tests of the `lab` binary share: a tenant, a driver in a process of its own, and a user who signs in.

use std::collections::BTreeMap;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use hallpass_core::adapters::Reqwest;
use hallpass_lab::user_agent::{Arrival, Page, ScriptedBrowser, UserAgent, UserAgentError};
use hallpass_tenant::{Endpoint, Tenant, TenantOptions};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;
use url::Url;

/// No single thing in these tests takes this long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) const REDIRECT_URI: &str = "com.example.hallpass:/callback";

/// A tenant on free ports.
pub(crate) async fn tenant() -> Tenant {
    Tenant::start(TenantOptions::default()).await.expect("free ports")
}

/// How often an endpoint was asked.
pub(crate) fn count(tenant: &Tenant, endpoint: Endpoint) -> usize {
    tenant.requests().iter().filter(|request| request.endpoint == endpoint).count()
}

/// A user agent without cookies.
pub(crate) fn agent() -> UserAgent {
    UserAgent::new(Arc::new(Reqwest::new().expect("a transport")))
}

/// Goes through the tenant's pages as Ada and returns the callback, which is not followed.
pub(crate) async fn sign_in(url: &str) -> String {
    let browser = ScriptedBrowser::new(agent(), "ada@example.com", "correct horse");
    let url = Url::parse(url).expect("a URL");
    let home = url.query_pairs().find(|(name, _)| name == "redirect_uri").map(|(_, value)| value.into_owned());
    let home = Url::parse(&home.expect("a redirect URI")).expect("a URL");
    timeout(PATIENCE, browser.go(&url, &home)).await.expect("in time").expect("a callback")
}

/// Fetches a page.
pub(crate) async fn fetch(url: &str) -> Page {
    page(agent().open(&Url::parse(url).expect("a URL"), None).await)
}

/// Goes through the tenant's pages as Ada, and on to the page that the redirect leads to.
pub(crate) async fn visit(url: &str) -> Page {
    visit_as(&mut agent(), url).await
}

/// The same with a user agent that may be signed in already.
pub(crate) async fn visit_as(agent: &mut UserAgent, url: &str) -> Page {
    let first = page(agent.open(&Url::parse(url).expect("a URL"), None).await);
    let Ok(form) = first.form_with_password() else { return first };
    let mut form = form.clone();
    form.fill("username", "ada@example.com").and_then(|form| form.fill("password", "correct horse")).expect("fields");
    page(agent.submit(&form, None).await)
}

/// Presses *Cancel* on the tenant's login page, and goes on to the page that the redirect leads to.
pub(crate) async fn press_cancel(url: &str) -> Page {
    let mut agent = agent();
    let login = page(agent.open(&Url::parse(url).expect("a URL"), None).await);
    let mut form = login.form_with_password().expect("a login page").clone();
    form.press("Cancel").expect("a button");
    page(agent.submit(&form, None).await)
}

fn page(arrival: Result<Arrival, UserAgentError>) -> Page {
    match arrival.expect("an answer") {
        Arrival::Page(page) => page,
        Arrival::Left(url) => unreachable!("it left for {url}"),
    }
}

/// The `lab` command, to be killed with the test.
pub(crate) fn lab(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lab"));
    command.args(arguments).kill_on_drop(true).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // Nothing of the machine that runs the tests may take part.
    for (variable, _) in std::env::vars().filter(|(name, _)| name.starts_with("HALLPASS_")) {
        command.env_remove(variable);
    }
    command
}

/// How a command ended.
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// Runs a command to its end.
    pub(crate) async fn of(mut command: Command) -> Self {
        Self::of_child(command.spawn().expect("it runs")).await
    }

    /// Waits for the end of a command that runs.
    pub(crate) async fn of_child(child: Child) -> Self {
        let output = timeout(PATIENCE, child.wait_with_output()).await.expect("in time").expect("it ran");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        let code = output.status.code().expect("no signal ended it");
        Self { code, stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

/// A `lab drive` in a process of its own.
pub(crate) struct Driver {
    child: Child,
    input: Option<ChildStdin>,
    output: Lines<BufReader<ChildStdout>>,
    last_id: u64,
    early: BTreeMap<u64, Value>,
}

impl Driver {
    pub(crate) fn start() -> Self {
        let mut child = lab(&["drive"]).stdin(Stdio::piped()).stderr(Stdio::inherit()).spawn().expect("it runs");
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        Self { child, input, output, last_id: 0, early: BTreeMap::new() }
    }

    /// Sends a request, and returns its `id`.
    pub(crate) async fn send(&mut self, op: &str, mut members: Value) -> u64 {
        self.last_id += 1;
        members["id"] = json!(self.last_id);
        members["op"] = json!(op);
        self.send_line(members.to_string().as_bytes()).await;
        self.last_id
    }

    pub(crate) async fn send_line(&mut self, line: &[u8]) {
        let input = self.input.as_mut().expect("not ended");
        input.write_all(line).await.expect("it reads");
        input.write_all(b"\n").await.expect("it reads");
        input.flush().await.expect("it reads");
    }

    /// The next line of output.
    pub(crate) async fn line(&mut self) -> Value {
        let line = timeout(PATIENCE, self.output.next_line()).await.expect("in time").expect("a pipe");
        serde_json::from_str(&line.expect("an answer")).expect("JSON")
    }

    /// The answer to a request.
    pub(crate) async fn answer(&mut self, id: u64) -> Value {
        loop {
            if let Some(answer) = self.early.remove(&id) {
                return answer;
            }
            let answer = self.line().await;
            self.early.insert(answer["id"].as_u64().expect("an id that was sent"), answer);
        }
    }

    /// The result of an operation that succeeds.
    pub(crate) async fn ok(&mut self, op: &str, members: Value) -> Value {
        let id = self.send(op, members).await;
        let mut answer = self.answer(id).await;
        assert!(answer.get("error").is_none(), "{op}: {answer}");
        answer["ok"].take()
    }

    /// The error of an operation that fails, as `kind/code`.
    pub(crate) async fn error(&mut self, op: &str, members: Value) -> String {
        let id = self.send(op, members).await;
        let answer = self.answer(id).await;
        let text = |member: &str| answer["error"][member].as_str().expect("an error, not a result").to_owned();
        assert!(!text("message").is_empty());
        format!("{}/{}", text("kind"), text("code"))
    }

    /// Opens a session at `tenant`, and returns its name.
    pub(crate) async fn open(&mut self, tenant: &Tenant, store: &str) -> String {
        let opened = self.ok("open", json!({ "config": config(tenant), "store": store })).await;
        opened["session"].as_str().expect("a name").to_owned()
    }

    /// Signs Ada in.
    pub(crate) async fn log_in(&mut self, session: &str) -> Value {
        let started = self.ok("login_start", json!({ "session": session })).await;
        let callback = sign_in(started["url"].as_str().expect("a URL")).await;
        self.ok("login_finish", json!({ "session": session, "callback": callback })).await
    }

    /// Ends the input and waits for the process.
    pub(crate) async fn end(mut self) -> ExitStatus {
        self.input = None;
        timeout(PATIENCE, self.child.wait()).await.expect("in time").expect("a child")
    }

    /// Ends the input, and returns the lines that still come.
    pub(crate) async fn drain(mut self) -> (Vec<Value>, ExitStatus) {
        self.input = None;
        let mut lines: Vec<Value> = self.early.into_values().collect();
        while let Some(line) = timeout(PATIENCE, self.output.next_line()).await.expect("in time").expect("a pipe") {
            lines.push(serde_json::from_str(&line).expect("JSON"));
        }
        (lines, timeout(PATIENCE, self.child.wait()).await.expect("in time").expect("a child"))
    }

    /// Kills the process at once, as the system would.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.expect("a child");
    }
}

/// `config` of `open` for `tenant`, in Auth0's dialect.
pub(crate) fn config(tenant: &Tenant) -> Value {
    json!({
        "issuer": tenant.issuer(),
        "client_id": tenant.client_id(),
        "redirect_uri": REDIRECT_URI,
        "audience": tenant.audience(),
        "scope": "openid profile read:reports offline_access",
        "dialect": "auth0",
        "allow_loopback_http": true,
        "api_origins": [tenant.api_url()],
    })
}
