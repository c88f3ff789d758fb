//! Calls to APIs with the access token (RFC 6750, RFC 9449 §7): one renewal and one repeat when the API refuses it.

use std::sync::Arc;

use hallpass_protocol::http::{Headers, Method, Request, Response};
use hallpass_protocol::userinfo::{self, UserInfo, UserInfoError};
use url::Url;

use super::credentials::{Credentials, CredentialsRequest};
use super::engine::{Engine, LONGEST_REQUEST};
use super::renewal::Trigger;
use super::state::State;
use crate::error::{Error, LoginReason, Result};

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

impl Engine {
    /// Calls an API; documented at `Session::call`.
    pub(crate) async fn call(self: &Arc<Self>, request: ApiRequest) -> Result<ApiResponse> {
        let url = self.allowed(&request.url)?;
        let authorized = |credentials: &Credentials| {
            let mut headers = request.headers.clone();
            headers.push("Authorization", credentials.authorization());
            Request {
                method: request.method,
                url: url.clone(),
                headers,
                body: request.body.clone().into(),
                max_response_bytes: MAX_API_RESPONSE,
            }
        };
        let (mut response, renewals) = self.authorized(request.credentials.clone(), authorized).await?;
        let (headers, body) = (std::mem::take(&mut response.headers), std::mem::take(&mut response.body));
        Ok(ApiResponse { status: response.status, headers, body, renewals })
    }

    /// Asks the provider about the user; documented at `Session::userinfo`.
    pub(crate) async fn userinfo(self: &Arc<Self>) -> Result<UserInfo> {
        // Nobody to ask about: not even where to ask has to be learnt.
        if let State::SignedOut { reason } = *self.states.borrow() {
            return Err(Error::LoginRequired { reason });
        }
        let metadata = self.metadata().await?;
        if metadata.userinfo_endpoint.is_none() {
            return Err(Error::Misconfigured { field: "issuer", fix: "this provider has no userinfo endpoint" });
        }
        let request = CredentialsRequest::default();
        let (response, _) = self
            .authorized(request, |credentials| {
                userinfo::request(&metadata, credentials.access_token(), credentials.token_type())
                    .expect("the endpoint was looked at above")
            })
            .await?;
        let state = self.states.borrow().clone();
        match state {
            State::SignedIn { user } | State::LoginRequired { user, .. } => {
                userinfo::parse(&response, user.sub()).map_err(|error| match error {
                    // A JWT is no JSON, and still the provider's answer.
                    UserInfoError::Signed => error.into(),
                    UserInfoError::Unauthorized
                    | UserInfoError::Server(_)
                    | UserInfoError::Malformed
                    | UserInfoError::Subject => self.unusable(&response, error),
                })
            }
            State::SignedOut { reason } => Err(Error::LoginRequired { reason }),
            State::Restoring { .. } => Err(Error::Internal { reference: "userinfo_while_restoring" }),
        }
    }

    /// Sends a request with an access token and, when the answer is 401, once more with a renewed one.
    ///
    /// The status alone counts: some APIs misspell the `WWW-Authenticate` header, others leave it out.
    async fn authorized(
        self: &Arc<Self>,
        wanted: CredentialsRequest,
        request: impl Fn(&Credentials) -> Request,
    ) -> Result<(Response, u32)> {
        let key = wanted.key.clone();
        let user = self.user();
        let credentials = self.credentials(wanted).await?;
        let response = self.present(&credentials, request(&credentials)).await?;
        if response.status != 401 {
            return Ok((response, u32::from(credentials.renewed())));
        }
        let refused = credentials.access_token().fingerprint();
        let renewed = self.renewed(key, Trigger::Replacing(refused), self.user().as_ref()).await?;
        if user.is_some() && !self.is_still(user.as_ref()) {
            return Err(Error::LoginRequired { reason: LoginReason::LoggedOut });
        }
        let response = self.present(&renewed, request(&renewed)).await?;
        Ok((response, u32::from(renewed.renewed())))
    }

    /// Sends a request with its access token, and with a proof where the token is bound to a key.
    async fn present(&self, credentials: &Credentials, request: Request) -> Result<Response> {
        let bound_to = credentials.bound_to();
        match self.transmit_bound(bound_to, Some(credentials.access_token()), None, LONGEST_REQUEST, request).await {
            Ok(response) => Ok(response),
            Err(undelivered) => Err(self.concluded(undelivered).await),
        }
    }

    /// Parses the URL of an API and checks that tokens may go there (rule 15).
    pub(crate) fn allowed(&self, url: &str) -> Result<Url> {
        let url = Url::parse(url).map_err(|_| Error::Misconfigured { field: "url", fix: "give an absolute URL" })?;
        if self.config.api_origins.contains(&url.origin()) {
            Ok(url)
        } else {
            Err(Error::Misconfigured {
                field: "api_origins",
                fix: "add the API's origin (scheme, host and port) to the configuration; tokens go nowhere else",
            })
        }
    }
}
