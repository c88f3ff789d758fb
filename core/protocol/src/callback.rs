//! The callback: the URL with which the browser comes back (RFC 6749 §4.1.2, RFC 9207).
//!
//! Anybody can open a deep link, so a callback is hostile until proven otherwise: it is parsed without looking at
//! anything else, then finished against the pending login that its `state` names. What is wrong changes nothing.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use url::Url;

use crate::authorize::PendingLogin;
use crate::client::{CALLBACK_PARAMETERS, parse_as_written};
use crate::discovery::ProviderMetadata;
use crate::error::ServerError;
use crate::secret::{AuthorizationCode, State};
use crate::time::Timestamp;

/// The longest callback that is read, in bytes.
pub const MAX_CALLBACK: usize = 16 * 1024;

/// A URL that came back, taken apart and not yet believed.
#[derive(Debug)]
pub struct Callback {
    /// Without its query.
    url: Url,
    rest: Rest,
    state: Option<State>,
    code: Option<AuthorizationCode>,
    error: Option<ServerError>,
    issuer: Option<String>,
}

/// The parameters in its query that are not of the response, such as those of the redirect URI. Not printed: nobody knows
/// what they are.
struct Rest(Vec<(String, String)>);

impl fmt::Debug for Rest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} parameters", self.0.len())
    }
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
    /// Takes a URL apart. Only its query is looked at: a response in the fragment is not one to a code flow, and what
    /// stands there is often another's, such as Facebook's `#_=_`, which passes through the provider. An empty `error`
    /// or `code` is absent.
    ///
    /// # Errors
    /// [`CallbackError::TooLarge`], [`NotARedirect`](CallbackError::NotARedirect),
    /// [`Malformed`](CallbackError::Malformed) or [`Duplicate`](CallbackError::Duplicate).
    pub fn parse(url: &str) -> Result<Self, CallbackError> {
        if url.len() > MAX_CALLBACK {
            return Err(CallbackError::TooLarge);
        }
        let mut url = parse_as_written(url).ok_or(CallbackError::NotARedirect)?;
        url.set_fragment(None);
        let parameters = Parameters::of(&url)?;
        let code = parameters.code.filter(|code| !code.is_empty());
        // RFC 6749 appendix A.11: 1*VSCHAR
        if code.as_ref().is_some_and(|code| !code.bytes().all(|byte| matches!(byte, 0x20..=0x7e))) {
            return Err(CallbackError::Malformed);
        }
        let state = parameters.state.map(State::new);
        let code = code.map(AuthorizationCode::new);
        let description = parameters.error_description;
        let error = parameters.error.filter(|error| !error.is_empty());
        let error = error.map(|error| ServerError::of_callback(&error, description.as_deref()));
        let issuer = parameters.iss.map(Cow::into_owned);
        let others = url.query_pairs().filter(|(name, _)| !CALLBACK_PARAMETERS.contains(&&**name));
        let rest = Rest(others.map(|(name, value)| (name.into_owned(), value.into_owned())).collect());
        // From here on the URL only says where it arrived.
        url.set_query(None);
        Ok(Self { url, rest, state, code, error, issuer })
    }

    /// The `state`, under which the pending login can be looked up.
    #[must_use]
    pub const fn state(&self) -> Option<&State> {
        self.state.as_ref()
    }

    /// Whether the callback answers this login, as far as the login alone can tell: where it arrived, its `state`, and
    /// when. For a look before anything is fetched, since anyone can open a link.
    ///
    /// # Errors
    /// In the order of the checks: [`RedirectMismatch`](CallbackError::RedirectMismatch),
    /// [`StateMissing`](CallbackError::StateMissing) and [`StateMismatch`](CallbackError::StateMismatch), which say that
    /// it belongs to another login or to none, and [`Expired`](CallbackError::Expired), after which the login is over.
    pub fn belongs_to(&self, pending: &PendingLogin, now: Timestamp) -> Result<(), CallbackError> {
        let expected = pending.redirect_uri().url();
        if !same_place(&self.url, expected) || !self.rest.has_query_of(expected) {
            return Err(CallbackError::RedirectMismatch);
        }
        let state = self.state.as_ref().ok_or(CallbackError::StateMissing)?;
        if !pending.state().same(state.expose()) {
            return Err(CallbackError::StateMismatch);
        }
        if now >= pending.expires() {
            return Err(CallbackError::Expired);
        }
        Ok(())
    }

    /// Judges the callback and returns its code. Whatever the outcome but for [`CallbackError::RedirectMismatch`],
    /// [`StateMissing`](CallbackError::StateMissing) and [`StateMismatch`](CallbackError::StateMismatch), which say
    /// that it belongs to another login, the pending login is over.
    ///
    /// # Errors
    /// In the order of the checks: those of [`Callback::belongs_to`], [`IssuerMissing`](CallbackError::IssuerMissing) or
    /// [`IssuerMismatch`](CallbackError::IssuerMismatch), [`Server`](CallbackError::Server), also when there is a
    /// code beside the error, and [`CodeMissing`](CallbackError::CodeMissing).
    pub fn finish(
        self,
        pending: &PendingLogin,
        provider: &ProviderMetadata,
        now: Timestamp,
    ) -> Result<AuthorizationCode, CallbackError> {
        self.belongs_to(pending, now)?;
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

/// Whether both have the same scheme, host, port and path, and no user information. The port of a loopback redirect
/// is the one that was chosen for this login. No path is the same as `/` (RFC 3986 §6.2.3): Azure AD B2C and .NET write
/// the slash that the app's URI leaves out.
fn same_place(came: &Url, expected: &Url) -> bool {
    came.scheme() == expected.scheme()
        && came.username().is_empty()
        && came.password().is_none()
        && came.host() == expected.host()
        && came.port_or_known_default() == expected.port_or_known_default()
        && path_or_slash(came) == path_or_slash(expected)
}

impl Rest {
    /// Whether all that stands in the query of the redirect URI came back, as often and with the same values: the server
    /// adds its parameters to it (RFC 6749 §4.1.2).
    fn has_query_of(&self, expected: &Url) -> bool {
        expected.query_pairs().all(|(name, value)| {
            let came = self.0.iter().filter(|(other, text)| *other == name && *text == value).count();
            let wanted = expected.query_pairs().filter(|(other, text)| *other == name && *text == value).count();
            came == wanted
        })
    }
}

fn path_or_slash(url: &Url) -> &str {
    if url.path().is_empty() { "/" } else { url.path() }
}

/// Why a callback does not finish a login.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallbackError {
    /// It is no URL, or one with spaces or line breaks in it.
    #[error("the callback is no URL")]
    NotARedirect,
    /// It is longer than [`MAX_CALLBACK`].
    #[error("the callback is too long")]
    TooLarge,
    /// It has a code with characters that no code has.
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

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::ToString;
    use core::time::Duration;

    use super::*;
    use crate::error::ErrorCode;
    use crate::fixtures::{self, NOW, auth0, auth0_provider, openid, openid_provider};

    const REDIRECT: &str = "com.example.app://tenant.eu.auth0.com/callback";

    /// Finishes a login at Auth0, which does not announce `iss`; `STATE` stands for the login's state.
    fn finish(url: &str) -> Result<AuthorizationCode, CallbackError> {
        let provider = auth0_provider();
        let (_, pending) = fixtures::start(&auth0(), &provider, REDIRECT);
        Callback::parse(&url.replace("STATE", pending.state().expose()))?.finish(&pending, &provider, NOW)
    }

    fn refused(url: &str) -> CallbackError {
        finish(url).map(|_| url).unwrap_err()
    }

    #[test]
    fn a_callback_of_the_login_gives_its_code() {
        let code =
            finish("com.example.app://tenant.eu.auth0.com/callback?code=a%2Fb+c&state=STATE&unknown=1&unknown=2");
        assert_eq!(code.unwrap().expose(), "a/b c");
    }

    #[test]
    fn a_fragment_says_nothing() {
        for fragment in ["", "_=_", "code=y&state=other&error=access_denied"] {
            let code = finish(&format!("{REDIRECT}?code=x&state=STATE#{fragment}"));
            assert_eq!(code.unwrap().expose(), "x", "{fragment}");
        }
        assert_eq!(refused(&format!("{REDIRECT}#code=x&state=STATE")), CallbackError::StateMissing);
        let callback = Callback::parse(&format!("{REDIRECT}?code=x#code=secret")).unwrap();
        assert!(!format!("{callback:?}").contains("secret"), "{callback:?}");
    }

    #[test]
    fn an_empty_error_is_none() {
        let url = format!("{REDIRECT}?code=x&state=STATE&error=&error_description=&error_uri=");
        assert_eq!(finish(&url).unwrap().expose(), "x");
        assert_eq!(refused(&format!("{REDIRECT}?error=&state=STATE")), CallbackError::CodeMissing);
    }

    #[test]
    fn a_callback_that_arrives_elsewhere_is_refused() {
        for place in [
            "com.example.app://tenant.eu.auth0.com/callback/",
            "com.example.app://tenant.eu.auth0.com/callbac",
            "com.example.app://tenant.eu.auth0.com:1/callback",
            "com.example.app://evil.example/callback",
            "com.example.app://u@tenant.eu.auth0.com/callback",
            "com.example.app:/callback",
            "com.evil.app://tenant.eu.auth0.com/callback",
            "https://tenant.eu.auth0.com/callback",
        ] {
            assert_eq!(refused(&format!("{place}?code=x&state=STATE")), CallbackError::RedirectMismatch, "{place}");
        }
    }

    #[test]
    fn a_callback_with_the_slash_that_its_redirect_uri_leaves_out_arrives() {
        let provider = auth0_provider();
        for (came, redirect, accepted) in [
            ("com.example.app://callback/", "com.example.app://callback", true),
            ("com.example.app://callback", "com.example.app://callback/", true),
            ("com.example.app://callback//", "com.example.app://callback", false),
            ("com.example.app://callback/x", "com.example.app://callback", false),
            ("com.example.app://callback", "com.example.app://callback/x", false),
        ] {
            let (_, pending) = fixtures::start(&auth0(), &provider, redirect);
            let url = format!("{came}?code=x&state={}", pending.state().expose());
            let outcome = Callback::parse(&url).unwrap().finish(&pending, &provider, NOW);
            assert_eq!(outcome.is_ok(), accepted, "{came} for {redirect}");
        }
    }

    #[test]
    fn a_callback_brings_back_the_query_of_its_redirect_uri() {
        let provider = auth0_provider();
        let (_, pending) = fixtures::start(&auth0(), &provider, "https://app.example/cb?tenant=7");
        for (query, accepted) in [
            ("tenant=7&code=x", true),
            ("code=x&tenant=7", true),
            ("code=x", false),
            ("tenant=8&code=x", false),
            ("tenant=7&tenant=7&code=x", false),
        ] {
            let url = format!("https://app.example/cb?{query}&state={}", pending.state().expose());
            let outcome = Callback::parse(&url).unwrap().finish(&pending, &provider, NOW).map(|_| ());
            let expected = if accepted { Ok(()) } else { Err(CallbackError::RedirectMismatch) };
            assert_eq!(outcome, expected, "{query}");
        }
    }

    #[test]
    fn a_loopback_callback_has_to_arrive_at_the_port_that_was_chosen() {
        let provider = auth0_provider();
        for (came, redirect, accepted) in [
            ("http://127.0.0.1:5000/cb", "http://127.0.0.1:5000/cb", true),
            ("http://127.0.0.1:5001/cb", "http://127.0.0.1:5000/cb", false),
            ("http://localhost:5000/cb", "http://127.0.0.1:5000/cb", false),
            ("http://[::1]:5000/cb", "http://[::1]:5000/cb", true),
            ("https://127.0.0.1:5000/cb", "http://127.0.0.1:5000/cb", false),
            ("HTTP://127.0.0.1:5000/cb", "http://127.0.0.1:5000/cb", true),
            ("https://app.example/cb", "https://app.example:443/cb", true),
        ] {
            let (_, pending) = fixtures::start(&auth0(), &provider, redirect);
            let url = format!("{came}?code=x&state={}", pending.state().expose());
            let outcome = Callback::parse(&url).unwrap().finish(&pending, &provider, NOW);
            assert_eq!(outcome.is_ok(), accepted, "{came} for {redirect}");
        }
    }

    #[test]
    fn a_callback_without_the_state_of_the_login_is_refused() {
        assert_eq!(refused(&format!("{REDIRECT}?code=x")), CallbackError::StateMissing);
        for state in ["", "other", "STATEx", "%20STATE"] {
            assert_eq!(refused(&format!("{REDIRECT}?code=x&state={state}")), CallbackError::StateMismatch, "{state}");
        }
    }

    #[test]
    fn a_callback_after_the_login_is_over_is_refused() {
        let provider = auth0_provider();
        let (_, pending) = fixtures::start(&auth0(), &provider, REDIRECT);
        let url = format!("{REDIRECT}?code=x&state={}", pending.state().expose());
        let at = |seconds| {
            let now = NOW.saturating_add(Duration::from_secs(seconds));
            Callback::parse(&url).unwrap().finish(&pending, &provider, now)
        };
        assert!(at(599).is_ok());
        assert_eq!(at(600).map(|_| ()), Err(CallbackError::Expired));
    }

    #[test]
    fn a_callback_is_compared_with_its_login_before_anything_is_known_of_the_provider() {
        let (_, pending) = fixtures::start(&openid(), &openid_provider(), REDIRECT);
        let state = pending.state().expose();
        let judged = |url: &str, seconds| {
            let now = NOW.saturating_add(Duration::from_secs(seconds));
            Callback::parse(url).unwrap().belongs_to(&pending, now)
        };
        // Neither `iss`, nor an error, nor the lack of a code is looked at yet.
        for rest in ["code=x", "iss=https://evil.example", "error=access_denied", ""] {
            assert_eq!(judged(&format!("{REDIRECT}?state={state}&{rest}"), 599), Ok(()), "{rest}");
        }
        assert_eq!(judged(&format!("{REDIRECT}?state={state}"), 600), Err(CallbackError::Expired));
        assert_eq!(judged(&format!("{REDIRECT}?state=other"), 600), Err(CallbackError::StateMismatch));
        assert_eq!(judged(REDIRECT, 600), Err(CallbackError::StateMissing));
        assert_eq!(judged(&format!("{REDIRECT}/?state=other"), 600), Err(CallbackError::RedirectMismatch));
    }

    #[test]
    fn a_parameter_that_stands_twice_is_refused() {
        for parameter in ["state", "code", "iss", "error", "error_description", "error_uri", "session_state"] {
            let url = format!("{REDIRECT}?{parameter}=a&x=1&{parameter}=a");
            assert_eq!(Callback::parse(&url).map(|_| ()), Err(CallbackError::Duplicate { parameter }));
        }
        assert!(Callback::parse(&format!("{REDIRECT}?%73tate=a&state=a")).is_err());
    }

    #[test]
    fn an_iss_that_is_not_the_issuer_is_refused_and_one_announced_is_required() {
        assert!(finish(&format!("{REDIRECT}?code=x&state=STATE&iss=https%3A%2F%2Ftenant.eu.auth0.com%2F")).is_ok());
        for issuer in ["https://tenant.eu.auth0.com", "https://evil.example/", ""] {
            let url = format!("{REDIRECT}?code=x&state=STATE&iss={issuer}");
            assert_eq!(refused(&url), CallbackError::IssuerMismatch, "{issuer}");
        }
        let provider = openid_provider();
        let (_, pending) = fixtures::start(&openid(), &provider, REDIRECT);
        let finish = |more: &str| {
            let url = format!("{REDIRECT}?state={}&{more}", pending.state().expose());
            Callback::parse(&url).unwrap().finish(&pending, &provider, NOW).map(|_| ())
        };
        assert_eq!(finish("code=x&iss=https://op.example/realm"), Ok(()));
        assert_eq!(finish("code=x"), Err(CallbackError::IssuerMissing));
        assert_eq!(finish("error=access_denied"), Err(CallbackError::IssuerMissing));
        assert_eq!(finish("error=access_denied&iss=https://evil.example"), Err(CallbackError::IssuerMismatch));
    }

    #[test]
    fn an_error_beats_a_code_but_not_a_wrong_state() {
        let url = format!("{REDIRECT}?code=x&error=access_denied&error_description=no&state=STATE");
        let CallbackError::Server(error) = refused(&url) else { panic!("not the server's error") };
        assert_eq!((error.code, error.status), (ErrorCode::AccessDenied, None));
        assert_eq!(error.words.description(), Some("no"));
        let hostile = format!("{REDIRECT}?error=access_denied&state=other");
        assert_eq!(refused(&hostile), CallbackError::StateMismatch);
    }

    #[test]
    fn a_callback_without_a_code_is_refused() {
        assert_eq!(refused(&format!("{REDIRECT}?state=STATE")), CallbackError::CodeMissing);
        assert_eq!(refused(&format!("{REDIRECT}?code=&state=STATE")), CallbackError::CodeMissing);
    }

    #[test]
    fn what_is_no_callback_is_refused() {
        assert_eq!(refused(""), CallbackError::NotARedirect);
        assert_eq!(refused("/callback?code=x"), CallbackError::NotARedirect);
        assert_eq!(refused(&format!(" {REDIRECT}?code=x&state=STATE")), CallbackError::NotARedirect);
        assert_eq!(refused(&format!("{REDIRECT}?code=x\n&state=STATE")), CallbackError::NotARedirect);
        assert_eq!(refused(&format!("{REDIRECT}?code=%00&state=STATE")), CallbackError::Malformed);
        assert_eq!(refused(&format!("{REDIRECT}?code=%ff&state=STATE")), CallbackError::Malformed);
        let long = |length: usize| format!("{REDIRECT}?x={}", "x".repeat(length - REDIRECT.len() - 3));
        assert!(Callback::parse(&long(MAX_CALLBACK)).is_ok());
        assert_eq!(refused(&long(MAX_CALLBACK + 1)), CallbackError::TooLarge);
    }

    #[test]
    fn a_callback_printed_shows_no_code_and_no_query() {
        let callback = Callback::parse(&format!("{REDIRECT}?code=secret&state=secret&iss=i&other=secret")).unwrap();
        assert!(callback.state().unwrap().same("secret"));
        assert!(!format!("{callback:?}").contains("secret"), "{callback:?}");
    }

    #[test]
    fn every_error_has_its_code() {
        for (error, code) in [
            (CallbackError::NotARedirect, "callback_not_a_redirect"),
            (CallbackError::TooLarge, "callback_too_large"),
            (CallbackError::Malformed, "callback_malformed"),
            (CallbackError::Duplicate { parameter: "state" }, "callback_duplicate"),
            (CallbackError::RedirectMismatch, "callback_redirect"),
            (CallbackError::StateMissing, "callback_state_missing"),
            (CallbackError::StateMismatch, "callback_state"),
            (CallbackError::Expired, "callback_expired"),
            (CallbackError::IssuerMissing, "callback_iss_missing"),
            (CallbackError::IssuerMismatch, "callback_iss"),
            (CallbackError::CodeMissing, "callback_code_missing"),
            (CallbackError::Server(ServerError::of_callback("access_denied", None)), "access_denied"),
        ] {
            assert_eq!(error.code(), code);
            assert!(!error.to_string().is_empty());
        }
    }
}
