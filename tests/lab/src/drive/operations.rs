//! Each operation of the driver: the core's verb, its arguments and its result as JSON.

use std::time::Duration;

use hallpass_core::ports::UserCode;
use hallpass_core::protocol::authorize::Prompt;
use hallpass_core::protocol::http::{Headers, Method};
use hallpass_core::protocol::time::Timestamp;
use hallpass_core::{
    ApiRequest, ApiResponse, Credentials, CredentialsRequest, Error, Event, Login, Logout, MinTtl, State, User,
};
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;
use url::Url;

use super::answer::Failure;
use super::request::{Call, CredentialsOf, LoginParameters, OpenPrompt, Operation, RefusalCode};
use super::sessions::{Driver, OpenSession};

impl Driver {
    /// Does what a request asks for.
    pub(super) async fn perform(&self, operation: Operation) -> Result<Value, Failure> {
        let of = |name: &str| self.session(name).map(|open| open.session);
        match operation {
            Operation::Open(open) => self.open(*open).await,
            Operation::LoginStart(start) => {
                let started = of(&start.session)?.start_login(login(start.params)?).await?;
                Ok(json!({ "url": started.url.as_str(), "state": started.state }))
            }
            Operation::LoginFinish(finish) => {
                let open = self.session(&finish.session)?;
                let user = open.session.resume(&finish.callback).await?;
                Ok(self.signed_in(&open, &user).await)
            }
            Operation::DeviceStart(start) => {
                let open = self.session(&start.session)?;
                start_device_login(&open, login(start.params)?).await
            }
            Operation::DeviceFinish(finish) => {
                let open = self.session(&finish.session)?;
                let ended = open.device.lock().await.join_next().await.ok_or_else(|| Failure::Request {
                    code: RefusalCode::NotARequest,
                    message: "`device_finish`: no device login was started".to_owned(),
                })?;
                let user = ended.map_err(|_| Error::Internal { reference: "lab_task_ended" })??;
                Ok(self.signed_in(&open, &user).await)
            }
            Operation::LoginCancel(cancel) => {
                of(&cancel.session)?.cancel_login().await?;
                Ok(json!({}))
            }
            Operation::Credentials(wanted) => {
                let session = of(&wanted.session)?;
                Ok(credentials(&session.credentials(credentials_request(wanted)?).await?))
            }
            Operation::Renew(renew) => Ok(credentials(&of(&renew.session)?.renew().await?)),
            Operation::Userinfo(userinfo) => {
                let userinfo = of(&userinfo.session)?.userinfo().await?;
                Ok(json!({ "claims": document(userinfo.json()) }))
            }
            Operation::User(user) => Ok(json!({ "user": of(&user.session)?.user().as_ref().map(claims) })),
            Operation::State(state_of) => Ok(json!({ "state": state(&of(&state_of.session)?.state()) })),
            Operation::Reload(reload) => Ok(json!({ "state": state(&of(&reload.session)?.reload().await?) })),
            Operation::Events(wanted) => {
                let events = self.session(&wanted.session)?.events.taken(wanted.count.unwrap_or_default()).await;
                Ok(json!({ "events": events.iter().map(event).collect::<Vec<_>>() }))
            }
            Operation::Call(call) => self.call(*call).await,
            Operation::Revoke(revoke) => {
                of(&revoke.session)?.revoke().await?;
                Ok(json!({}))
            }
            Operation::LogoutUrl(logout) => {
                let url = of(&logout.session)?.logout_url(logout.post_logout_redirect_uri.as_deref()).await?;
                Ok(json!({ "url": url.as_str() }))
            }
            Operation::Logout(logout) => {
                let logged_out = of(&logout.session)?.logout(Logout::new()).await?;
                Ok(json!({ "erased": logged_out.erased, "revoked": logged_out.revoked }))
            }
            Operation::Advance(advance) => {
                self.clock.advance(advance.seconds);
                Ok(json!({}))
            }
            Operation::Close(close) => self.close(&close.session).await,
            Operation::Counters(counters) => Ok(self.session(&counters.session)?.counters.to_json()),
        }
    }

    async fn call(&self, call: Call) -> Result<Value, Failure> {
        // A mistake in the line is told before the session is looked for, as with every operation.
        let method: Method = call.method.parse().map_err(|error| Failure::Request {
            code: RefusalCode::NotARequest,
            message: format!("`call`: {error}"),
        })?;
        let session = self.session(&call.session)?.session;
        let mut request = ApiRequest::new(method, call.url);
        for (name, value) in call.headers {
            request = request.header(name, value);
        }
        if let Some(body) = call.body {
            request = request.body(body);
        }
        Ok(response(&session.call(request).await?))
    }

    /// What a login brought.
    async fn signed_in(&self, open: &OpenSession, user: &User) -> Value {
        // The token has just arrived, so this asks for what is there and sends nothing.
        let credentials = open.session.credentials(MinTtl::seconds(0)).await.ok();
        let expires_at = credentials.as_ref().and_then(Credentials::expires_at);
        let expires_in = expires_at.map(|at| at.saturating_since(hallpass_core::ports::Clock::now(&self.clock)));
        json!({
            "claims": claims(user),
            "scope": credentials.as_ref().map(|credentials| credentials.scope().to_string()),
            "expires_in": expires_in.map(|left| left.as_secs_f64().round()),
            "has_refresh_token": open.counters.has_refresh_token(),
        })
    }
}

/// Begins a device login, and returns what it shows.
async fn start_device_login(open: &OpenSession, login: Login) -> Result<Value, Failure> {
    let (show, mut shown) = mpsc::unbounded_channel();
    let session = open.session.clone();
    let mut device = open.device.lock().await;
    device.spawn(async move {
        let display = move |code: UserCode| drop(show.send(code));
        session.device_login(login, display).await
    });
    match shown.recv().await {
        Some(code) => Ok(json!({
            "user_code": code.code,
            "verification_uri": code.verification_uri.as_str(),
            "verification_uri_complete": code.verification_uri_complete.as_ref().map(Url::as_str),
            "expires_in": code.lifetime.as_secs(),
        })),
        // It ended before it had a code.
        None => match device.join_next().await {
            Some(Ok(Err(error))) => Err(error.into()),
            Some(_) | None => Err(Error::Internal { reference: "lab_task_ended" }.into()),
        },
    }
}

fn login(parameters: LoginParameters) -> Result<Login, Error> {
    let mut login = Login::new();
    for prompt in parameters.prompt.0 {
        login = login.prompt(match prompt {
            OpenPrompt::None => Prompt::None,
            OpenPrompt::Login => Prompt::Login,
            OpenPrompt::Consent => Prompt::Consent,
            OpenPrompt::SelectAccount => Prompt::SelectAccount,
            OpenPrompt::Create => Prompt::Create,
        });
    }
    if let Some(scope) = parameters.scope {
        login = login.scope(&scope)?;
    }
    if let Some(audience) = parameters.audience {
        login = login.audience(audience);
    }
    login = parameters.resource.into_iter().fold(login, Login::resource);
    if let Some(hint) = parameters.login_hint {
        login = login.login_hint(hint);
    }
    if let Some(locales) = parameters.ui_locales {
        login = login.ui_locales(locales);
    }
    if let Some(values) = parameters.acr_values {
        login = login.acr_values(values);
    }
    if let Some(seconds) = parameters.max_age {
        login = login.max_age(Duration::from_secs(seconds));
    }
    if let Some(organization) = parameters.organization {
        login = login.organization(organization);
    }
    if let Some(ticket) = parameters.invitation {
        login = login.invitation(ticket);
    }
    if let Some(connection) = parameters.connection {
        login = login.connection(connection);
    }
    Ok(parameters.extra.into_iter().fold(login, |login, (name, value)| login.extra(name, value)))
}

fn credentials_request(wanted: CredentialsOf) -> Result<CredentialsRequest, Failure> {
    let mut request = CredentialsRequest::new();
    if let Some(seconds) = wanted.min_ttl {
        request = request.min_ttl(MinTtl::seconds(seconds));
    }
    if let Some(audience) = wanted.audience {
        request = request.audience(audience);
    }
    if let Some(scope) = wanted.scope {
        request = request.scope(&scope)?;
    }
    Ok(request)
}

fn credentials(credentials: &Credentials) -> Value {
    json!({
        "access_token": credentials.access_token().expose(),
        "token_type": credentials.token_type().as_str(),
        "expires_at": credentials.expires_at().map(Timestamp::unix_seconds),
        "scope": credentials.scope().to_string(),
        "renewed": credentials.renewed(),
    })
}

/// A state, by its name in `snake_case`.
pub(super) fn state(state: &State) -> Value {
    match state {
        State::Restoring { problem: None } => json!({ "name": "restoring" }),
        State::Restoring { problem: Some(problem) } => json!({ "name": "restoring", "problem": problem.code() }),
        State::SignedOut { reason } => json!({ "name": "signed_out", "reason": reason.code() }),
        State::SignedIn { user } => json!({ "name": "signed_in", "user": claims(user) }),
        State::LoginRequired { user, reason } => {
            json!({ "name": "login_required", "reason": reason.code(), "user": claims(user) })
        }
    }
}

/// An event, by its name in `snake_case`.
fn event(event: &Event) -> Value {
    match event {
        Event::SignedIn => json!({ "name": "signed_in" }),
        Event::Renewed => json!({ "name": "renewed" }),
        Event::RenewalFailed { retryable, code } => {
            json!({ "name": "renewal_failed", "retryable": retryable, "code": code })
        }
        Event::IdTokenRejected { check } => json!({ "name": "id_token_rejected", "check": check }),
        Event::SignedOut { reason } => json!({ "name": "signed_out", "reason": reason.code() }),
    }
}

fn claims(user: &User) -> Value {
    document(user.claims().json())
}

/// JSON that was validated before; null if it were not.
fn document(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or_default()
}

fn response(response: &ApiResponse) -> Value {
    json!({
        "status": response.status,
        "headers": headers(&response.headers),
        "body": String::from_utf8_lossy(&response.body),
        "renewals": response.renewals,
    })
}

/// Names in lower case; the values of a name that stands more than once are joined (RFC 9110 §5.3).
fn headers(headers: &Headers) -> Value {
    let mut members = Map::new();
    for (name, value) in headers.iter() {
        let name = name.to_ascii_lowercase();
        let joined = match members.get(&name).and_then(Value::as_str) {
            Some(before) => format!("{before}, {value}"),
            None => value.to_owned(),
        };
        members.insert(name, Value::String(joined));
    }
    Value::Object(members)
}

#[cfg(test)]
mod tests {
    use hallpass_core::{LoginReason, StorageProblem};

    use super::*;

    #[test]
    fn every_event_is_told_by_its_name_and_members() {
        let reason = LoginReason::Revoked;
        for (told, expected) in [
            (Event::SignedIn, json!({ "name": "signed_in" })),
            (Event::Renewed, json!({ "name": "renewed" })),
            (
                Event::RenewalFailed { retryable: true, code: "no_answer" },
                json!({ "name": "renewal_failed", "retryable": true, "code": "no_answer" }),
            ),
            (
                Event::IdTokenRejected { check: "id_token_audience" },
                json!({ "name": "id_token_rejected", "check": "id_token_audience" }),
            ),
            (Event::SignedOut { reason }, json!({ "name": "signed_out", "reason": "revoked" })),
        ] {
            assert_eq!(event(&told), expected);
        }
    }

    #[test]
    fn a_state_that_could_not_be_read_says_why() {
        assert_eq!(state(&State::Restoring { problem: None }), json!({ "name": "restoring" }));
        let locked = State::Restoring { problem: Some(StorageProblem::Locked) };
        assert_eq!(state(&locked), json!({ "name": "restoring", "problem": "storage_locked" }));
    }
}
