//! The callback: the URL with which the browser comes back (RFC 6749 §4.1.2, RFC 9207).
//!
//! Anybody can open a deep link, so a callback is hostile until proven otherwise: it is parsed without looking at anything
//! else, then finished against the pending login that its `state` names. What is wrong changes nothing.

use alloc::borrow::Cow;
use alloc::string::String;

use url::Url;

use crate::authorize::PendingLogin;
use crate::discovery::ProviderMetadata;
use crate::error::ServerError;
use crate::secret::{AuthorizationCode, State};
use crate::time::Timestamp;

/// The longest callback that is read, in bytes.
pub const MAX_CALLBACK: usize = 16 * 1024;

/// A URL that came back, taken apart and not yet believed.
#[derive(Debug)]
pub struct Callback {
    url: Url,
    state: Option<State>,
    code: Option<AuthorizationCode>,
    error: Option<ServerError>,
    issuer: Option<String>,
}

/// The parameters of an authorization response. None may stand twice (RFC 6749 §3.1).
#[derive(Default)]
struct Parameters<'a> {
    state: Option<Cow<'a, str>>,
    code: Option<Cow<'a, str>>,
    iss: Option<Cow<'a, str>>,
    error: Option<Cow<'a, str>>,
    error_description: Option<Cow<'a, str>>,
    error_uri: Option<Cow<'a, str>>,
    session_state: Option<Cow<'a, str>>,
}

impl Callback {
    /// Takes a URL apart. Only its query is looked at: a response in the fragment is not one to a code flow.
    ///
    /// # Errors
    /// [`CallbackError::TooLarge`], [`NotARedirect`](CallbackError::NotARedirect), [`Malformed`](CallbackError::Malformed)
    /// or [`Duplicate`](CallbackError::Duplicate).
    pub fn parse(url: &str) -> Result<Self, CallbackError> {
        if url.len() > MAX_CALLBACK {
            return Err(CallbackError::TooLarge);
        }
        let url = Url::parse(url).map_err(|_| CallbackError::NotARedirect)?;
        // Some servers append an empty fragment, which says nothing.
        if url.fragment().is_some_and(|fragment| !fragment.is_empty()) {
            return Err(CallbackError::Malformed);
        }
        let parameters = Parameters::of(&url)?;
        let code = parameters.code.filter(|code| !code.is_empty());
        // RFC 6749 appendix A.11: 1*VSCHAR
        if code.as_ref().is_some_and(|code| !code.bytes().all(|byte| matches!(byte, 0x20..=0x7e))) {
            return Err(CallbackError::Malformed);
        }
        Ok(Self {
            state: parameters.state.map(State::new),
            code: code.map(AuthorizationCode::new),
            error: parameters
                .error
                .map(|error| ServerError::of_callback(&error, parameters.error_description.as_deref())),
            issuer: parameters.iss.map(Cow::into_owned),
            url,
        })
    }

    /// The `state`, under which the pending login can be looked up.
    #[must_use]
    pub const fn state(&self) -> Option<&State> {
        self.state.as_ref()
    }

    /// Judges the callback and returns its code. Whatever the outcome but for [`CallbackError::RedirectMismatch`],
    /// [`StateMissing`](CallbackError::StateMissing) and [`StateMismatch`](CallbackError::StateMismatch), which say that
    /// it belongs to another login, the pending login is over.
    ///
    /// # Errors
    /// In the order of the checks: [`RedirectMismatch`](CallbackError::RedirectMismatch), `StateMissing`, `StateMismatch`,
    /// [`Expired`](CallbackError::Expired), [`IssuerMissing`](CallbackError::IssuerMissing),
    /// [`IssuerMismatch`](CallbackError::IssuerMismatch), [`Server`](CallbackError::Server), also when there is a code
    /// beside the error, and [`CodeMissing`](CallbackError::CodeMissing).
    pub fn finish(
        self,
        pending: &PendingLogin,
        provider: &ProviderMetadata,
        now: Timestamp,
    ) -> Result<AuthorizationCode, CallbackError> {
        if !same_place(&self.url, pending.redirect_uri().url()) {
            return Err(CallbackError::RedirectMismatch);
        }
        let state = self.state.ok_or(CallbackError::StateMissing)?;
        if !pending.state().same(state.expose()) {
            return Err(CallbackError::StateMismatch);
        }
        if now >= pending.expires() {
            return Err(CallbackError::Expired);
        }
        // RFC 9207 §2.4: compared byte for byte, in an error response too.
        match self.issuer {
            Some(issuer) if issuer == pending.issuer().as_str() => {}
            Some(_) => return Err(CallbackError::IssuerMismatch),
            None if provider.authorization_response_iss_parameter_supported => {
                return Err(CallbackError::IssuerMissing);
            }
            None => {}
        }
        if let Some(error) = self.error {
            return Err(CallbackError::Server(error));
        }
        self.code.ok_or(CallbackError::CodeMissing)
    }
}

impl<'a> Parameters<'a> {
    fn of(url: &'a Url) -> Result<Self, CallbackError> {
        let mut parameters = Self::default();
        for (name, value) in url.query_pairs() {
            let (parameter, place) = match name.as_ref() {
                "state" => ("state", &mut parameters.state),
                "code" => ("code", &mut parameters.code),
                "iss" => ("iss", &mut parameters.iss),
                "error" => ("error", &mut parameters.error),
                "error_description" => ("error_description", &mut parameters.error_description),
                "error_uri" => ("error_uri", &mut parameters.error_uri),
                "session_state" => ("session_state", &mut parameters.session_state),
                _ => continue,
            };
            if place.replace(value).is_some() {
                return Err(CallbackError::Duplicate { parameter });
            }
        }
        Ok(parameters)
    }
}

/// Whether both have the same scheme, host, port and path, and no user information. The port of a loopback redirect is the
/// one that was chosen for this login.
fn same_place(came: &Url, expected: &Url) -> bool {
    came.scheme() == expected.scheme()
        && came.username().is_empty()
        && came.password().is_none()
        && came.host() == expected.host()
        && came.port_or_known_default() == expected.port_or_known_default()
        && came.path() == expected.path()
}

/// Why a callback does not finish a login.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallbackError {
    /// It is no URL.
    #[error("the callback is no URL")]
    NotARedirect,
    /// It is longer than [`MAX_CALLBACK`].
    #[error("the callback is too long")]
    TooLarge,
    /// It has a fragment, or a code with characters that no code has.
    #[error("the callback is malformed")]
    Malformed,
    /// A parameter stands twice.
    #[error("the callback has `{parameter}` twice")]
    Duplicate {
        /// The parameter.
        parameter: &'static str,
    },
    /// It arrived somewhere else than the redirect URI of the login.
    #[error("the callback did not arrive at the redirect URI")]
    RedirectMismatch,
    /// It has no `state`.
    #[error("the callback has no `state`")]
    StateMissing,
    /// Its `state` is another login's.
    #[error("the callback's `state` is not that of the login")]
    StateMismatch,
    /// The login waited for too long.
    #[error("the callback came too late; start again")]
    Expired,
    /// It has no `iss`, although the server announces that it always has.
    #[error("the callback has no `iss`")]
    IssuerMissing,
    /// Its `iss` is another authorization server's: a mix-up attack (RFC 9207 §1).
    #[error("the callback's `iss` is not the issuer")]
    IssuerMismatch,
    /// It has neither a code nor an error.
    #[error("the callback has no `code`")]
    CodeMissing,
    /// The server refused.
    #[error(transparent)]
    Server(ServerError),
}

impl CallbackError {
    /// What happened, from a fixed vocabulary; the server's own code when it refused.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotARedirect => "callback_not_a_redirect",
            Self::TooLarge => "callback_too_large",
            Self::Malformed => "callback_malformed",
            Self::Duplicate { .. } => "callback_duplicate",
            Self::RedirectMismatch => "callback_redirect",
            Self::StateMissing => "callback_state_missing",
            Self::StateMismatch => "callback_state",
            Self::Expired => "callback_expired",
            Self::IssuerMissing => "callback_iss_missing",
            Self::IssuerMismatch => "callback_iss",
            Self::CodeMissing => "callback_code_missing",
            Self::Server(error) => error.code(),
        }
    }
}
