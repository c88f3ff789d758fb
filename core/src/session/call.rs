//! Calls to APIs with the access token (RFC 6750, RFC 9449 §7): one renewal and one repeat when the API refuses it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hallpass_protocol::dpop::{self, ServerNonce};
use hallpass_protocol::http::{Headers, Method, Request, Response};
use hallpass_protocol::secret::Fingerprint;
use hallpass_protocol::userinfo::{self, UserInfo, UserInfoError};
use url::{Origin, Url};

use super::account::{Account, LOGGED_OUT};
use super::credentials::{Credentials, CredentialsRequest};
use super::provider::Provider;
use super::record::GrantKey;
use super::renewal::{Renewals, Trigger};
use super::state::State;
use super::wire::dpop::Undelivered;
use super::wire::{LONGEST_REQUEST, Wire};
use crate::config::Config;
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

/// Requests that carry the access token.
pub(crate) struct Calls {
    pub(crate) config: Arc<Config>,
    pub(crate) account: Arc<Account>,
    pub(crate) wire: Arc<Wire>,
    pub(crate) provider: Arc<Provider>,
    pub(crate) renewals: Arc<Renewals>,
    pub(crate) refusals: Refusals,
}

/// The access tokens that an API refused although they were new.
#[derive(Default)]
pub(crate) struct Refusals(Mutex<HashMap<(Origin, GrantKey), Refused>>);

struct Refused {
    token: Fingerprint,
    /// By `Clock::elapsed`.
    at: Duration,
}

/// The header fields that are the session's to say.
const OURS: [&str; 3] = ["authorization", "dpop", "host"];

/// How long an API that refused a new access token is believed (rule 8). One that refuses every token does not make the
/// session renew with every call.
const REFUSAL_LASTS: Duration = Duration::from_secs(30);

impl Calls {
    /// Calls an API; documented at `Session::call`.
    pub(crate) async fn call(&self, request: ApiRequest) -> Result<ApiResponse> {
        let url = self.allowed(&request.url)?;
        if let Some(name) = OURS.iter().find(|name| request.headers.get(name).is_some()) {
            return Err(Error::Misconfigured {
                field: "headers",
                fix: match *name {
                    "host" => "leave `Host` out; it follows from the URL",
                    _ => "leave `Authorization` and `DPoP` out; the session adds them",
                },
            });
        }
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
    pub(crate) async fn userinfo(&self) -> Result<UserInfo> {
        // Nobody to ask about: not even where to ask has to be learnt.
        if let State::SignedOut { reason } = self.account.state() {
            return Err(Error::LoginRequired { reason });
        }
        let metadata = self.provider.metadata().await?;
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

    /// The header fields that authorize a request of the app's own; documented at `Session::proof`.
    pub(crate) async fn proof(&self, method: Method, url: &str, wanted: CredentialsRequest) -> Result<Headers> {
        let url = self.allowed(url)?;
        let credentials = self.renewals.credentials(wanted).await?;
        let mut headers = Headers::from_iter([("Authorization", credentials.authorization())]);
        if let Some(bound_to) = credentials.bound_to() {
            match self.wire.proof(bound_to, method, &url, credentials.access_token()).await {
                Ok(proof) => headers.push(dpop::HEADER, proof),
                Err(undelivered) => return Err(self.concluded(undelivered).await),
            }
        }
        Ok(headers)
    }

    /// Notes the nonce of an answer that the app got; documented at `Session::note_nonce`.
    pub(crate) fn note_nonce(&self, url: &str, nonce: &str) -> Result<bool> {
        let origin = self.allowed(url)?.origin();
        Ok(ServerNonce::parse(nonce).is_some_and(|nonce| self.wire.record_nonce(origin, nonce)))
    }

    /// Sends a request with an access token and, when the answer is 401, once more with a renewed one.
    ///
    /// The status alone counts: some APIs misspell the `WWW-Authenticate` header, others leave it out.
    async fn authorized(
        &self,
        wanted: CredentialsRequest,
        request: impl Fn(&Credentials) -> Request,
    ) -> Result<(Response, u32)> {
        let key = wanted.key.clone();
        let user = self.account.user();
        let credentials = self.renewals.credentials(wanted).await?;
        let first = request(&credentials);
        let place = (first.url.origin(), key.clone());
        let response = self.present(&credentials, first).await?;
        let refused = credentials.access_token().fingerprint();
        if response.status != 401 || self.refusals.lately(&place, refused, self.wire.elapsed()) {
            return Ok((response, u32::from(credentials.renewed())));
        }
        let renewed = match self.renewals.renewed(key, Trigger::Replacing(refused), self.account.user().as_ref()).await
        {
            Ok(renewed) => renewed,
            // There is no other token to be had, so the API's answer is what there is to say.
            Err(Error::LoginRequired { reason: LoginReason::NoRefreshToken }) => {
                return Ok((response, u32::from(credentials.renewed())));
            }
            Err(error) => return Err(error),
        };
        if user.is_some() && !self.account.is_still(user.as_ref()) {
            return Err(LOGGED_OUT);
        }
        let response = self.present(&renewed, request(&renewed)).await?;
        if response.status == 401 {
            self.refusals.note(place, renewed.access_token().fingerprint(), self.wire.elapsed());
        }
        Ok((response, u32::from(renewed.renewed())))
    }

    /// Sends a request with its access token, and with a proof where the token is bound to a key.
    async fn present(&self, credentials: &Credentials, request: Request) -> Result<Response> {
        let bound_to = credentials.bound_to();
        match self.wire.send_bound(bound_to, Some(credentials.access_token()), None, LONGEST_REQUEST, request).await {
            Ok(response) => Ok(response),
            Err(undelivered) => Err(self.concluded(undelivered).await),
        }
    }

    /// The error for a request with the session's tokens that got no answer; ends the session if its key is gone.
    async fn concluded(&self, undelivered: Undelivered) -> Error {
        let Undelivered::KeyGone(bound_to) = undelivered else { return undelivered.into() };
        match self.account.end_if_bound_to(bound_to).await {
            Ok(()) => LOGGED_OUT,
            Err(error) => error,
        }
    }

    /// Parses the URL of an API and checks that tokens may go there (rule 15).
    fn allowed(&self, url: &str) -> Result<Url> {
        let url = Url::parse(url).map_err(|_| Error::Misconfigured { field: "url", fix: "give an absolute URL" })?;
        if !url.username().is_empty() || url.password().is_some() {
            Err(Error::Misconfigured { field: "url", fix: "leave user name and password out of the URL" })
        } else if self.config.api_origins.contains(&url.origin()) {
            Ok(url)
        } else {
            Err(Error::Misconfigured {
                field: "api_origins",
                fix: "add the API's origin (scheme, host and port) to the configuration; tokens go nowhere else",
            })
        }
    }
}

impl Refusals {
    /// Whether `token` was new when the API at `place` refused it, a short while ago.
    fn lately(&self, place: &(Origin, GrantKey), token: Fingerprint, elapsed: Duration) -> bool {
        self.lock().get(place).is_some_and(|refused| refused.token == token && refused.is_young(elapsed))
    }

    fn note(&self, place: (Origin, GrantKey), token: Fingerprint, elapsed: Duration) {
        let mut refusals = self.lock();
        refusals.retain(|_, refused| refused.is_young(elapsed));
        refusals.insert(place, Refused { token, at: elapsed });
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(Origin, GrantKey), Refused>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Refused {
    fn is_young(&self, elapsed: Duration) -> bool {
        elapsed.saturating_sub(self.at) < REFUSAL_LASTS
    }
}
