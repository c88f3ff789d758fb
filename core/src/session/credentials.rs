//! What an app gets and asks for: an access token and how long it has to last.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::Guard;
use hallpass_protocol::dpop::Thumbprint;
use hallpass_protocol::scope::Scope;
use hallpass_protocol::secret::AccessToken;
use hallpass_protocol::time::Timestamp;
use hallpass_protocol::token::TokenType;

use super::record::GrantKey;
use crate::error::Result;

/// A valid access token. Cheap to clone; `Debug` shows no secret.
#[derive(Clone)]
pub struct Credentials {
    granted: Held,
}

/// What [`Credentials`] are, shared by all callers: so they are no larger than what two registers hold, and on their way to
/// a caller no copy of them waits for memory.
#[derive(Clone)]
pub(crate) struct Granted {
    /// Whether it is for those who waited for it.
    pub(crate) renewed: bool,
    pub(crate) access_token: AccessToken,
    pub(crate) scope: Scope,
    pub(crate) expires_at: Option<Timestamp>,
    /// How long it lived when it was new; `Duration::MAX` when the server did not say.
    pub(crate) lifetime: Duration,
    /// When it expires, by `Clock::elapsed`. `Duration::MAX` when the server did not say, zero when nobody can tell.
    pub(crate) deadline: Duration,
    /// The key that the token is bound to, if it is.
    pub(crate) dpop_jkt: Option<Thumbprint>,
}

/// A share in what is [`Granted`], kept as it was read: by a note of the thread that read it, where a counter would have
/// to be handed to and fro among all threads that read.
pub(crate) struct Held(Guard<Option<Arc<Granted>>>);

impl Held {
    /// `None` when there is nothing in it.
    #[inline]
    pub(crate) fn of(read: Guard<Option<Arc<Granted>>>) -> Option<Self> {
        read.is_some().then(|| Self(read))
    }
}

impl From<Arc<Granted>> for Held {
    fn from(granted: Arc<Granted>) -> Self {
        Self(Guard::from_inner(Some(granted)))
    }
}

impl Clone for Held {
    fn clone(&self) -> Self {
        Self(Guard::from_inner(Option::clone(&self.0)))
    }
}

impl Deref for Held {
    type Target = Granted;

    #[inline]
    fn deref(&self) -> &Granted {
        self.0.as_ref().expect("nothing is held unless there is something")
    }
}

impl Credentials {
    /// What was there without a renewal.
    #[inline]
    pub(crate) fn found(granted: Held) -> Self {
        Self { granted }
    }

    /// The same for those who waited for it.
    pub(crate) fn waited_for(&self) -> Self {
        Self { granted: Held::from(Arc::new(Granted { renewed: true, ..Granted::clone(&self.granted) })) }
    }

    /// The access token, to be sent as `Authorization: Bearer …` (RFC 6750 §2.1), unless its type says otherwise.
    pub fn access_token(&self) -> &AccessToken {
        &self.granted.access_token
    }

    /// How the access token is to be presented: as it is, or with a proof made for each request, which
    /// [`Session::call`](crate::Session::call) does and [`Session::authorize`](crate::Session::authorize) gives to other clients.
    pub fn token_type(&self) -> TokenType {
        TokenType::bound_to(self.bound_to())
    }

    /// The key that the access token is bound to, if it is.
    pub(crate) fn bound_to(&self) -> Option<Thumbprint> {
        self.granted.dpop_jkt
    }

    /// The value of the `Authorization` field.
    pub(crate) fn authorization(&self) -> String {
        format!("{} {}", self.token_type().as_str(), self.access_token().expose())
    }

    /// The scope granted, which may be narrower than the one asked for (RFC 6749 §3.3).
    pub fn scope(&self) -> &Scope {
        &self.granted.scope
    }

    /// When the access token expires, by this device's clock; `None` when the server did not say.
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.granted.expires_at
    }

    /// Whether this call waited for a renewal.
    pub fn renewed(&self) -> bool {
        self.granted.renewed
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Credentials")
            .field("access_token", self.access_token())
            .field("token_type", &self.token_type())
            .field("scope", self.scope())
            .field("expires_at", &self.expires_at())
            .field("renewed", &self.renewed())
            .finish()
    }
}

/// For how long an access token has to be valid at least, in the hand of the caller.
///
/// It is what the core aims for, never a reason to fail: when the server only issues shorter lifetimes, or cannot be
/// reached while the present token still has some time left, that token is returned. One that has expired never is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct MinTtl(Duration);

impl MinTtl {
    /// At least this many seconds.
    pub const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// As a duration.
    pub const fn as_duration(self) -> Duration {
        self.0
    }
}

impl Default for MinTtl {
    /// 60 seconds: longer than any request may take, and than most clocks are wrong.
    fn default() -> Self {
        Self::seconds(60)
    }
}

impl From<Duration> for MinTtl {
    fn from(duration: Duration) -> Self {
        Self(duration)
    }
}

/// Which access token is wanted; by default the one of the login, valid for another 60 seconds.
#[derive(Debug, Clone, Default)]
pub struct CredentialsRequest {
    pub(crate) min_ttl: MinTtl,
    pub(crate) key: GrantKey,
}

impl CredentialsRequest {
    /// The access token of the login.
    pub fn new() -> Self {
        Self::default()
    }

    /// For how long it has to be valid at least.
    #[must_use]
    pub fn min_ttl(mut self, min_ttl: impl Into<MinTtl>) -> Self {
        self.min_ttl = min_ttl.into();
        self
    }

    /// For another API than the one of the login, obtained with the same refresh token.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.key.audience = Some(audience.into());
        self
    }

    /// For one of several resources that the login asked for (RFC 8707 §2.2), obtained with the same refresh token.
    #[must_use]
    pub fn resource(mut self, resource: impl Into<String>) -> Self {
        self.key.resource = Some(resource.into());
        self
    }

    /// With a narrower scope than the one of the login (RFC 6749 §6), its values separated by spaces.
    ///
    /// # Errors
    /// [`crate::Error::Misconfigured`] naming `scope`.
    pub fn scope(mut self, scope: &str) -> Result<Self> {
        self.key.scope = Some(Scope::parse(scope)?);
        Ok(self)
    }
}

impl From<MinTtl> for CredentialsRequest {
    fn from(min_ttl: MinTtl) -> Self {
        Self { min_ttl, ..Self::default() }
    }
}
