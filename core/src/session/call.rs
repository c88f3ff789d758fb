//! Requests of the session's own with the access token: to APIs, and to the provider about the user.

use std::sync::Arc;

use super::account::Account;
use super::authorization::{Authorization, Authorizations};
use super::credentials::CredentialsRequest;
use super::provider::Provider;
use super::state::State;
use super::wire::{LONGEST_REQUEST, Wire};
use crate::error::{Error, Result};
use hallpass_protocol::http::{Headers, Method, Request, Response};
use hallpass_protocol::userinfo::{self, UserInfo, UserInfoError};

/// What an API may answer at most, in bytes.
const MAX_API_RESPONSE: usize = 16 * 1024 * 1024;

/// A request to an API, without its authorization.
#[derive(Debug, Clone)]
pub struct ApiRequest {
    method: Method,
    url: String,
    headers: Headers,
    body: Vec<u8>,
    credentials: CredentialsRequest,
}

/// What an API answered.
#[derive(Debug, Clone)]
pub struct ApiResponse {
    /// The status code. A 401 here is the API's answer to a token that was renewed just now.
    pub status: u16,
    /// The header fields.
    pub headers: Headers,
    /// The body, as it came.
    pub body: Vec<u8>,
    /// How often the access token was renewed for this call: 0 or 1.
    pub renewals: u32,
}

impl ApiRequest {
    /// A request with any method.
    pub fn new(method: Method, url: impl Into<String>) -> Self {
        Self {
            method,
            url: url.into(),
            headers: Headers::default(),
            body: Vec::new(),
            credentials: CredentialsRequest::default(),
        }
    }

    /// A `GET` request.
    pub fn get(url: impl Into<String>) -> Self {
        Self::new(Method::Get, url)
    }

    /// Adds a header field.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push(name, value);
        self
    }

    /// Sets the body. It is kept for a repeat.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Which access token to send; the one of the login unless given.
    #[must_use]
    pub fn credentials(mut self, credentials: CredentialsRequest) -> Self {
        self.credentials = credentials;
        self
    }
}

/// The requests that the session sends itself.
pub(crate) struct Calls {
    pub(crate) account: Arc<Account>,
    pub(crate) wire: Arc<Wire>,
    pub(crate) provider: Arc<Provider>,
    pub(crate) authorizations: Authorizations,
}

/// The header fields that are the session's to say.
const OURS: [&str; 3] = ["authorization", "dpop", "host"];

impl Calls {
    /// Calls an API; documented at `Session::call`.
    pub(crate) async fn call(&self, request: ApiRequest) -> Result<ApiResponse> {
        let ApiRequest { method, url, headers, body, credentials } = request;
        let url = self.authorizations.allowed(&url)?;
        if let Some(name) = OURS.iter().find(|name| headers.get(name).is_some()) {
            return Err(Error::Misconfigured {
                field: "headers",
                fix: match *name {
                    "host" => "leave `Host` out; it follows from the URL",
                    _ => "leave `Authorization` and `DPoP` out; the session adds them",
                },
            });
        }
        let request = Request { method, url, headers, body: body.into(), max_response_bytes: MAX_API_RESPONSE };
        let (mut response, last) = self.send(&request, credentials).await?;
        let (headers, body) = (std::mem::take(&mut response.headers), std::mem::take(&mut response.body));
        Ok(ApiResponse { status: response.status, headers, body, renewals: last.renewals() })
    }

    /// Asks the provider about the user; documented at `Session::userinfo`.
    pub(crate) async fn userinfo(&self) -> Result<UserInfo> {
        // Nobody to ask about: not even where to ask has to be learnt.
        if let State::SignedOut { reason } = self.account.state() {
            return Err(Error::LoginRequired { reason });
        }
        let metadata = self.provider.metadata().await?;
        let Some(request) = userinfo::request(&metadata) else {
            return Err(Error::Misconfigured { field: "issuer", fix: "this provider has no userinfo endpoint" });
        };
        let (response, _) = self.send(&request, CredentialsRequest::default()).await?;
        // Credentials are published before the state, both with the record locked.
        drop(self.account.lock().await);
        match self.account.state() {
            State::SignedIn { user } | State::LoginRequired { user, .. } => {
                userinfo::parse(&response, user.sub()).map_err(|error| match error {
                    // A JWT is no JSON, and still the provider's answer.
                    UserInfoError::Signed => error.into(),
                    UserInfoError::Unauthorized
                    | UserInfoError::Server(_)
                    | UserInfoError::Malformed
                    | UserInfoError::Subject => self.wire.unusable(&response, error),
                })
            }
            State::SignedOut { reason } => Err(Error::LoginRequired { reason }),
            State::Restoring { .. } => Err(Error::Internal { reference: "userinfo_while_restoring" }),
        }
    }

    /// Sends a request with an access token, again as the answer demands; returns also how it was authorized last.
    async fn send(&self, request: &Request, wanted: CredentialsRequest) -> Result<(Response, Authorization)> {
        let mut authorization = self.authorizations.authorize(request.method, request.url.clone(), wanted).await?;
        loop {
            let mut authorized = request.clone();
            for (name, value) in authorization.headers().iter() {
                authorized.headers.push(name, value);
            }
            let response = self.wire.send_within(LONGEST_REQUEST, authorized).await?;
            match self.authorizations.after(&authorization, response.status, &response.headers).await? {
                Some(again) => authorization = again,
                None => return Ok((response, authorization)),
            }
        }
    }
}
