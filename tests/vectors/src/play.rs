//! Playing a case through one driver.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use hallpass_tenant::misbehaving::{MisbehavingIssuer, TemplateError};
use serde_json::{Map, Value, json};

use crate::case::{Action, Case, Expected, Step};
use crate::compare;
use crate::driver::{Driver, Failure, Outcome};

/// The client of all cases.
const CLIENT_ID: &str = "app";
const REDIRECT_URI: &str = "com.example.app:/callback";
/// How long the key set may take that a client fetches while the user types.
const FETCHED_AHEAD: Duration = Duration::from_secs(10);

/// What playing a case came to.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// Every way in which it was not as expected, a sentence each. None is a case that passed.
    pub differences: Vec<String>,
    /// What was asked and answered, a line each.
    pub conversation: Vec<String>,
}

/// Plays `case` through `driver`, against an issuer of its own called `name`.
pub async fn play(server: &MisbehavingIssuer, driver: &Driver, name: &str, case: &Case) -> Verdict {
    server.add(name, case.issuer.clone());
    let mut play = Play { server, driver, name, case, session: String::new(), verdict: Verdict::default() };
    if let Err(error) = play.all().await {
        play.verdict.differences.push(format!("{error:#}"));
    }
    play.verdict
}

struct Play<'a> {
    server: &'a MisbehavingIssuer,
    driver: &'a Driver,
    name: &'a str,
    case: &'a Case,
    session: String,
    verdict: Verdict,
}

impl Play<'_> {
    async fn all(&mut self) -> Result<()> {
        self.open().await?;
        for (number, step) in self.case.steps.iter().enumerate() {
            let differences = self.step(step).await?;
            let of = format!("step {}, {:?}", number + 1, step.action);
            self.verdict.differences.extend(differences.into_iter().map(|difference| format!("{of}: {difference}")));
        }
        // Closing waits until the session has ended all its work: whatever it had still wanted to send was seen then.
        let closed = self.ask("close", Map::new()).await?;
        if let Err(failure) = closed {
            self.verdict.differences.push(format!("it cannot be closed: {failure:?}"));
        }
        let seen = self.server.requests(self.name);
        self.verdict.differences.extend(compare::requests(&self.case.requests, &seen));
        Ok(())
    }

    async fn open(&mut self) -> Result<()> {
        let mut config = object(json!({
            "issuer": "${issuer}", "client_id": CLIENT_ID, "redirect_uri": REDIRECT_URI,
            "scope": "openid profile offline_access", "allow_loopback_http": true, "api_origins": ["${origin}"],
        }));
        config.extend(self.case.client.clone());
        let config = self.expand_json(&Value::Object(config))?;
        let opened = self.ask("open", object(json!({ "config": config }))).await?;
        let opened = opened.map_err(|failure| anyhow::anyhow!("no session can be opened: {failure:?}"))?;
        self.session = opened["session"].as_str().context("`open` names no session")?.to_owned();
        Ok(())
    }

    /// Takes one step. Returns how it was not as expected.
    async fn step(&mut self, step: &Step) -> Result<Vec<String>> {
        let mut differences = Vec::new();
        let outcome = match step.action {
            Action::Login => match self.start(step, &mut differences).await? {
                Ok(_) => self.finish(step).await?,
                failed => failed,
            },
            Action::Start => self.start(step, &mut differences).await?,
            Action::Finish => self.finish(step).await?,
            Action::DeviceStart => self.ask("device_start", step.with.clone()).await?,
            Action::DeviceFinish => self.ask("device_finish", step.with.clone()).await?,
            Action::Cancel => self.ask("login_cancel", step.with.clone()).await?,
            Action::Renew => self.ask("renew", step.with.clone()).await?,
            Action::Credentials => self.ask("credentials", step.with.clone()).await?,
            Action::Userinfo => self.ask("userinfo", step.with.clone()).await?,
            Action::Call => {
                let mut call = object(json!({ "method": "GET", "url": "${base}/api" }));
                call.extend(step.with.clone());
                self.ask("call", call).await?
            }
            Action::User => self.ask("user", step.with.clone()).await?,
            Action::State => self.ask("state", step.with.clone()).await?,
            Action::Reload => self.ask("reload", step.with.clone()).await?,
            Action::Events => {
                let mut wanted = step.with.clone();
                wanted.insert("count".to_owned(), awaited(&step.expected).into());
                self.ask("events", wanted).await?
            }
            Action::Revoke => self.ask("revoke", step.with.clone()).await?,
            Action::LogoutUrl => {
                let answered = self.ask("logout_url", step.with.clone()).await?;
                if let Ok(result) = &answered {
                    differences.extend(self.parameters(step, result)?);
                }
                answered
            }
            Action::Logout => self.ask("logout", step.with.clone()).await?,
            Action::Advance => self.ask_driver("advance", step.with.clone()).await?,
        };
        differences.extend(compare::outcome(&self.expected(step)?, &outcome));
        Ok(differences)
    }

    /// What is expected of a step, with its templates written out.
    fn expected(&self, step: &Step) -> Result<Expected, TemplateError> {
        Ok(match &step.expected {
            Expected::Ok { has, lacks } => {
                let has = object(self.expand_json(&Value::Object(has.clone()))?);
                Expected::Ok { has, lacks: lacks.clone() }
            }
            Expected::Error { .. } => step.expected.clone(),
        })
    }

    /// Starts a login and lets the issuer authorize it.
    async fn start(&mut self, step: &Step, differences: &mut Vec<String>) -> Result<Outcome> {
        let started = self.ask("login_start", step.with.clone()).await?;
        let Ok(result) = &started else { return Ok(started) };
        let url = result["url"].as_str().context("`login_start` gives no URL")?;
        if let Err(error) = self.server.authorize(self.name, url) {
            differences.push(error.to_string());
            return Ok(started);
        }
        differences.extend(self.parameters(step, result)?);
        self.wait_for_keys().await;
        Ok(started)
    }

    /// The keys are fetched while the user types; here nobody types. Only then the order of requests is certain.
    async fn wait_for_keys(&self) {
        let next = self.server.requests(self.name).len();
        if self.case.requests.get(next).is_none_or(|expected| expected != "keys") {
            return;
        }
        let deadline = Instant::now() + FETCHED_AHEAD;
        while self.server.requests(self.name).len() == next && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    async fn finish(&mut self, step: &Step) -> Result<Outcome> {
        let template = step.callback.as_deref().unwrap_or("${redirect_uri}?code=${code}&state=${state}");
        let callback = self.server.expand(self.name, template)?;
        self.ask("login_finish", object(json!({ "callback": callback }))).await
    }

    fn parameters(&self, step: &Step, result: &Value) -> Result<Option<String>> {
        let url = result["url"].as_str().context("there is no URL")?;
        let expand = |(name, value): (&String, &String)| Ok((name.clone(), self.server.expand(self.name, value)?));
        let expected: Result<_, TemplateError> = step.asks.iter().map(expand).collect();
        Ok(compare::parameters(&expected?, url))
    }

    /// Asks about the session.
    async fn ask(&mut self, operation: &str, mut members: Map<String, Value>) -> Result<Outcome> {
        if operation != "open" {
            members.insert("session".to_owned(), self.session.clone().into());
        }
        self.ask_driver(operation, members).await
    }

    async fn ask_driver(&mut self, operation: &str, members: Map<String, Value>) -> Result<Outcome> {
        let members = object(self.expand_json(&Value::Object(members))?);
        self.verdict.conversation.push(format!("> {operation} {}", Value::Object(members.clone())));
        let outcome = self.driver.ask(operation, members).await?;
        self.verdict.conversation.push(match &outcome {
            Ok(result) => format!("< {result}"),
            Err(Failure { kind, code, message }) => format!("< {kind} {code}: {message}"),
        });
        Ok(outcome)
    }

    fn expand_json(&self, value: &Value) -> Result<Value, TemplateError> {
        Ok(match value {
            Value::String(text) => self.server.expand(self.name, text)?.into(),
            Value::Array(items) => items.iter().map(|item| self.expand_json(item)).collect::<Result<_, _>>()?,
            Value::Object(members) => {
                let expand = |(name, value): (&String, &Value)| Ok((name.clone(), self.expand_json(value)?));
                Value::Object(members.iter().map(expand).collect::<Result<_, TemplateError>>()?)
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        })
    }
}

/// How many events a step expects.
fn awaited(expected: &Expected) -> usize {
    match expected {
        Expected::Ok { has, .. } => has.get("events").and_then(Value::as_array).map_or(0, Vec::len),
        Expected::Error { .. } => 0,
    }
}

fn object(value: Value) -> Map<String, Value> {
    if let Value::Object(members) = value { members } else { Map::new() }
}
