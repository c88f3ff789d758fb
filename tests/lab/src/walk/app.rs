//! The app of the exercise: four buttons, and an area that shows what happened.
//!
//! This is what an app has to do, and all of it: the core does the rest. One thing no app should do is here for the
//! exercise's sake: [`App::call_api`] sends the access token that the app holds, valid or not, as the exercise's app does.
//! [`App::call_api_with_the_core`] is how it is meant.

use hallpass_core::ports::{Transport, TransportError};
use hallpass_core::protocol::authorize::Prompt;
use hallpass_core::protocol::http::{Body, Headers, Method, Request, Response};
use hallpass_core::{
    ApiRequest, ApiResponse, Credentials, Error, LoggedOut, Login, LoginReason, Logout, MinTtl, Result, Session, User,
};
use serde_json::Value;
use url::Url;

use super::event::Event;
use super::narrator::Narrator;
use super::recorder::Recorder;

/// The app: a session, the credentials at hand, and what it shows.
pub(super) struct App {
    pub(super) session: Session,
    pub(super) recorder: Recorder,
    held: Option<Credentials>,
    api: Url,
    narrator: Narrator,
}

impl App {
    pub(super) fn new(session: Session, recorder: Recorder, api: Url, narrator: Narrator) -> Self {
        Self { session, recorder, held: None, api, narrator }
    }

    /// The button *Log In*.
    pub(super) async fn log_in(&mut self, prompt: Option<Prompt>) -> Result<User> {
        let login = prompt.map_or_else(Login::new, |prompt| Login::new().prompt(prompt));
        let outcome = self.session.login(login).await;
        match &outcome {
            Ok(user) => {
                self.held = Some(self.session.credentials(MinTtl::seconds(0)).await?);
                let name = user.claims().profile().name().unwrap_or_else(|| user.sub()).to_owned();
                self.say(&format!("Signed in as {name}."));
            }
            Err(error) => self.say(&format!("Login failed: {error}.")),
        }
        outcome
    }

    /// The button *Call API*, with the access token at hand; `None` when there is none.
    pub(super) async fn call_api(&self) -> Option<std::result::Result<Response, TransportError>> {
        let Some(held) = &self.held else {
            self.say("No Access Token found");
            return None;
        };
        let headers = Headers::from_iter([("Authorization", format!("Bearer {}", held.access_token().expose()))]);
        let request = Request {
            method: Method::Get,
            url: self.api.clone(),
            headers,
            body: Body::empty(),
            max_response_bytes: 64 * 1024,
        };
        let outcome = self.recorder.send(request).await;
        match &outcome {
            Ok(response) => self.say_reply(response.status, &response.body),
            Err(error) => self.say(&format!("The API did not answer: {error}.")),
        }
        Some(outcome)
    }

    /// The button *Call API* as it is meant.
    pub(super) async fn call_api_with_the_core(&self) -> Result<ApiResponse> {
        let outcome = self.session.call(ApiRequest::get(self.api.as_str())).await;
        match &outcome {
            Ok(reply) => self.say_reply(reply.status, &reply.body),
            Err(error) => self.say(&format!("The API could not be called: {error}.")),
        }
        outcome
    }

    /// The button *Refresh Token*.
    pub(super) async fn refresh_token(&mut self) -> Result<Credentials> {
        let outcome = self.session.renew().await;
        match &outcome {
            Ok(credentials) => {
                self.say("The Access Token was renewed.");
                self.held = Some(credentials.clone());
            }
            Err(Error::LoginRequired {
                reason: LoginReason::NotSignedIn | LoginReason::NoRefreshToken | LoginReason::LoggedOut,
            }) => self.say("No Refresh Token found"),
            Err(error) => self.say(&format!("The Access Token could not be renewed: {error}.")),
        }
        outcome
    }

    /// The button *Log Out*; `in_the_browser` also ends the server's session there.
    pub(super) async fn log_out(&mut self, in_the_browser: bool) -> Result<LoggedOut> {
        let logout = if in_the_browser { Logout::new().end_session() } else { Logout::new() };
        let outcome = self.session.logout(logout).await;
        self.held = None;
        match &outcome {
            Ok(_) => self.say("Signed out."),
            Err(error) => self.say(&format!("The session could not be erased: {error}.")),
        }
        outcome
    }

    fn say_reply(&self, status: u16, body: &[u8]) {
        let shown = match (status, expenses(body)) {
            (200, Some(expenses)) => expenses,
            (status, _) => format!("The API answered {status}."),
        };
        self.say(&shown);
    }

    fn say(&self, text: &str) {
        self.narrator.tell(&Event::Said { text: text.to_owned() });
    }
}

/// The expenses on one line; `None` when the body is no list of them.
fn expenses(body: &[u8]) -> Option<String> {
    let list: Vec<Value> = serde_json::from_slice(body).ok()?;
    let expense =
        |expense: &Value| Some(format!("{} {:.2}", expense.get("date")?.as_str()?, expense.get("value")?.as_f64()?));
    let expenses: Option<Vec<String>> = list.iter().map(expense).collect();
    expenses.map(|expenses| format!("{} expenses: {}", expenses.len(), expenses.join(" · ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expenses_are_shown_on_one_line_and_anything_else_is_not() {
        let body = br#"[{"date":"2026-02-03","description":"Pizza","value":102.0},{"date":"2026-02-11","value":42}]"#;
        assert_eq!(expenses(body).as_deref(), Some("2 expenses: 2026-02-03 102.00 · 2026-02-11 42.00"));
        assert_eq!(expenses(b"{}"), None);
        assert_eq!(expenses(br#"[{"date":1}]"#), None);
    }
}
