//! The authorization of requests to APIs (RFC 6750, RFC 9449 §7): which token goes where, with which proof, and what follows
//! from the answer. Whoever sends the request, the session or the app's own HTTP client, these rules are the same.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hallpass_protocol::challenge::StepUp;
use hallpass_protocol::dpop::{self, ServerNonce};
use hallpass_protocol::error::ErrorCode;
use hallpass_protocol::http::{Headers, Method};
use hallpass_protocol::secret::Fingerprint;
use url::{Origin, Url};

use super::account::{Account, LOGGED_OUT};
use super::credentials::{Credentials, CredentialsRequest};
use super::record::GrantKey;
use super::renewal::{Renewals, Trigger};
use super::state::User;
use super::wire::Wire;
use super::wire::dpop::Undelivered;
use crate::config::Config;
use crate::error::{Error, LoginReason, Result};

/// The authorization of one request to an API: the header fields to send with it, and what
/// [`Session::after`](crate::Session::after) has to know of it when the answer is there.
#[derive(Debug, Clone)]
pub struct Authorization {
    headers: Headers,
    method: Method,
    url: Url,
    key: GrantKey,
    /// Who was signed in when the request was made first.
    user: Option<User>,
    credentials: Credentials,
    /// The nonce in the proof, if there is one.
    nonce: Option<ServerNonce>,
    /// Whether the request with this token was repeated for the API's nonce.
    is_repeat_for_nonce: bool,
    /// Whether the token took the place of one that the API refused.
    is_replacement: bool,
}

impl Authorization {
    /// The fields to set on the request, each in place of a field of the same name: `Authorization`, and `DPoP` when the
    /// access token is bound to a key. A proof is for one request and for once.
    pub fn headers(&self) -> &Headers {
        &self.headers
    }

    /// How often the access token was renewed for this request: 0 or 1.
    pub fn renewals(&self) -> u32 {
        u32::from(self.credentials.renewed())
    }
}

/// Makes authorizations, and judges what APIs answer to them.
pub(crate) struct Authorizations {
    pub(crate) config: Arc<Config>,
    pub(crate) account: Arc<Account>,
    pub(crate) wire: Arc<Wire>,
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

/// How long an API that refused a new access token is believed (rule 8). One that refuses every token does not make the
/// session renew with every call.
const REFUSAL_LASTS: Duration = Duration::from_secs(30);

impl Authorizations {
    /// Parses the URL of an API and checks that tokens may go there (rule 15).
    pub(crate) fn allowed(&self, url: &str) -> Result<Url> {
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

    /// Authorizes a request to a URL that was checked; documented at `Session::authorize`.
    pub(crate) async fn authorize(
        &self,
        method: Method,
        url: Url,
        wanted: CredentialsRequest,
    ) -> Result<Authorization> {
        let key = wanted.key.clone();
        let user = self.account.user();
        let credentials = self.renewals.credentials(wanted).await?;
        let unsigned = Authorization {
            headers: Headers::new(),
            method,
            url,
            key,
            user,
            credentials,
            nonce: None,
            is_repeat_for_nonce: false,
            is_replacement: false,
        };
        self.signed(unsigned).await
    }

    /// Decides what follows from an answer; documented at `Session::after`.
    ///
    /// The status alone makes a token one to replace: some APIs misspell the `WWW-Authenticate` header, others leave it out.
    pub(crate) async fn after(
        &self,
        authorization: &Authorization,
        status: u16,
        headers: &Headers,
    ) -> Result<Option<Authorization>> {
        let is_bound = authorization.credentials.bound_to().is_some();
        let told = ServerNonce::of(headers).filter(|_| is_bound);
        if let Some(nonce) = &told {
            self.wire.record_nonce(authorization.url.origin(), nonce.clone());
        }
        if status != 401 {
            return Ok(None);
        }
        if let Some(step_up) = StepUp::of(headers) {
            return Err(Error::StepUpRequired { step_up });
        }
        if is_bound {
            let asks_for_nonce = matches!(dpop::challenge_error(headers), None | Some(ErrorCode::UseDpopNonce));
            if asks_for_nonce && told.is_some() && told != authorization.nonce && !authorization.is_repeat_for_nonce {
                let again = Authorization { is_repeat_for_nonce: true, ..authorization.clone() };
                return self.signed(again).await.map(Some);
            }
        }
        let place = (authorization.url.origin(), authorization.key.clone());
        let refused = authorization.credentials.access_token().fingerprint();
        if authorization.is_replacement {
            self.refusals.note(place, refused, self.wire.elapsed());
            return Ok(None);
        }
        if self.refusals.lately(&place, refused, self.wire.elapsed()) {
            return Ok(None);
        }
        match self.replacement(authorization, refused).await {
            // There is no other token to be had, so the API's answer is what there is to say.
            Err(Error::LoginRequired { reason: LoginReason::NoRefreshToken }) => Ok(None),
            outcome => outcome.map(Some),
        }
    }

    /// The same request with another token in place of the refused one.
    async fn replacement(&self, authorization: &Authorization, refused: Fingerprint) -> Result<Authorization> {
        let key = authorization.key.clone();
        let user = self.account.user();
        let credentials = self.renewals.renewed(key, Trigger::Replacing(refused), user.as_ref()).await?;
        if authorization.user.is_some() && !self.account.is_still(authorization.user.as_ref()) {
            return Err(LOGGED_OUT);
        }
        let again =
            Authorization { credentials, is_repeat_for_nonce: false, is_replacement: true, ..authorization.clone() };
        self.signed(again).await
    }

    /// The authorization with its header fields. Ends the session if the key that its tokens are bound to is gone.
    async fn signed(&self, mut authorization: Authorization) -> Result<Authorization> {
        let credentials = &authorization.credentials;
        let mut headers = Headers::from_iter([("Authorization", credentials.authorization())]);
        if let Some(bound_to) = credentials.bound_to() {
            let token = credentials.access_token();
            match self.wire.proof(bound_to, authorization.method, &authorization.url, token).await {
                Ok((proof, nonce)) => {
                    headers.push(dpop::HEADER, proof);
                    authorization.nonce = nonce;
                }
                Err(Undelivered::KeyGone(key)) => {
                    self.account.end_if_bound_to(key).await?;
                    return Err(LOGGED_OUT);
                }
                Err(undelivered) => return Err(undelivered.into()),
            }
        }
        authorization.headers = headers;
        Ok(authorization)
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
