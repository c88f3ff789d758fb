//! What is simulated: the engine itself, or a model of another policy, driven by the same verbs.

use std::sync::Arc;

use hallpass_core::{
    ApiRequest, Config, CredentialsRequest, Error, Event, Events, Login, Logout, MinTtl, Result, Session, State, States,
};

use crate::model::{Model, Policy};
use crate::ports::Ports;
use crate::server::{API, CLIENT_ID, ISSUER, REDIRECT_URI};

/// Which client the processes of a run use.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Engine,
    Model(Policy),
}

/// The client of one process.
#[derive(Clone)]
pub(crate) enum Client {
    Engine(Session),
    Model(Arc<Model>),
}

/// What a caller wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Credentials(u64),
    Renew,
    Call,
}

impl Client {
    pub(crate) fn open(kind: Kind, ports: &Ports) -> Result<Self> {
        match kind {
            Kind::Engine => Ok(Client::Engine(session(ports)?)),
            Kind::Model(policy) => Ok(Client::Model(Model::open(policy, ports.clone()))),
        }
    }

    /// Does what a caller wants; returns the access token that it got to see, if it did.
    pub(crate) async fn answer(&self, verb: Verb, audience: &'static str, caller: u64) -> Result<Answered> {
        match self {
            Client::Engine(session) => match verb {
                Verb::Credentials(min_ttl) => {
                    let request = wanted(audience).min_ttl(MinTtl::seconds(min_ttl));
                    session.credentials(request).await.map(|credentials| answered(&credentials))
                }
                Verb::Renew => session.renew().await.map(|credentials| answered(&credentials)),
                Verb::Call => {
                    let request = ApiRequest::get(format!("{API}/{caller}")).credentials(wanted(audience));
                    let response = session.call(request).await?;
                    Ok(Answered { access_token: None, shown: format!("{} {:?}", response.status, response.headers) })
                }
            },
            Client::Model(model) => {
                let min_ttl = if let Verb::Credentials(min_ttl) = verb { min_ttl } else { 60 };
                let audience = if verb == Verb::Renew { "" } else { audience };
                let access_token = model.credentials(audience, min_ttl, verb == Verb::Renew).await?;
                Ok(Answered { access_token: Some(access_token), shown: String::new() })
            }
        }
    }

    /// Begins a login; returns the page to open.
    pub(crate) async fn start_login(&self) -> Result<url::Url> {
        match self {
            Client::Engine(session) => Ok(session.start_login(Login::default()).await?.url),
            Client::Model(model) => Ok(model.start_login()),
        }
    }

    pub(crate) async fn finish_login(&self, callback: &str) -> Result<()> {
        match self {
            Client::Engine(session) => session.resume(callback).await.map(drop),
            Client::Model(model) => model.finish_login(callback).await,
        }
    }

    /// Logs out; returns whether the client says that the refresh token was revoked.
    pub(crate) async fn logout(&self) -> Result<bool> {
        match self {
            Client::Engine(session) => session.logout(Logout::default()).await.map(|logged_out| logged_out.revoked),
            Client::Model(model) => model.logout().await.map(|()| false),
        }
    }

    /// The user by the present state, if it is known.
    pub(crate) fn user(&self) -> Option<String> {
        match self {
            Client::Engine(session) => session.user().map(|user| user.sub().to_owned()),
            Client::Model(_) => None,
        }
    }

    /// The present state, for those that have one, and its text.
    pub(crate) fn state(&self) -> Option<(State, String)> {
        match self {
            Client::Engine(session) => Some((session.state(), format!("{session:?}"))),
            Client::Model(_) => None,
        }
    }

    pub(crate) fn events(&self) -> Option<Events> {
        match self {
            Client::Engine(session) => Some(session.events()),
            Client::Model(_) => None,
        }
    }

    /// The states from now on, for those that have one.
    pub(crate) fn states(&self) -> Option<States> {
        match self {
            Client::Engine(session) => Some(session.states()),
            Client::Model(_) => None,
        }
    }

    /// Whether a second session on the same account is refused, and in the right words.
    pub(crate) fn refuses_a_second(&self, ports: &Ports) -> bool {
        match self {
            Client::Engine(_) => matches!(session(ports), Err(Error::Misconfigured { field: "account", .. })),
            Client::Model(_) => true,
        }
    }
}

/// What a caller got.
pub(crate) struct Answered {
    pub(crate) access_token: Option<String>,
    /// What a log would show of it.
    pub(crate) shown: String,
}

fn answered(credentials: &hallpass_core::Credentials) -> Answered {
    let access_token = Some(credentials.access_token().expose().to_owned());
    Answered { access_token, shown: format!("{credentials:?}") }
}

fn wanted(audience: &str) -> CredentialsRequest {
    let request = CredentialsRequest::new();
    if audience.is_empty() { request } else { request.audience(audience) }
}

fn session(ports: &Ports) -> Result<Session> {
    let config = Config::new(ISSUER, CLIENT_ID, REDIRECT_URI)?.api_origin(API)?;
    Session::builder(config)
        .store(ports.clone())
        .transport(ports.clone())
        .lease(ports.clone())
        .clock(ports.clone())
        .random(ports.clone())
        .build()
}

/// Whether `event` ends a session.
pub(crate) fn ends_session(event: Event) -> Option<hallpass_core::LoginReason> {
    if let Event::SignedOut { reason } = event { Some(reason) } else { None }
}
