//! What everybody may see: the valid credentials, read without a lock.
//!
//! `credentials()` stands on the path of every API call. A hit costs one reading of the clock and one reference count:
//! the snapshot is immutable, and a change puts a new one in its place.

use std::sync::Arc;
use std::time::Duration;

use super::credentials::{Credentials, CredentialsRequest, Granted, MinTtl};
use super::moment::Moment;
use super::observer::LatestCredentials;
use super::record::{Grant, GrantKey, SignedIn};

/// The access tokens of the signed-in user; none when nobody is signed in.
#[derive(Default)]
pub(crate) struct Published(Box<[PublishedGrant]>);

struct PublishedGrant {
    key: GrantKey,
    is_of_login: bool,
    granted: Arc<Granted>,
    lifetime: Duration,
    /// When it expires, by `Clock::elapsed`. `Duration::MAX` when the server did not say, zero when nobody can tell.
    deadline: Duration,
}

impl Published {
    /// The snapshot of `signed_in` at `now`.
    pub(crate) fn of(signed_in: &SignedIn, now: Moment) -> Self {
        Self(signed_in.grants.iter().map(|grant| PublishedGrant::of(grant, now)).collect())
    }

    /// The credentials for `request`, if they are valid for as long as it asks at the time `elapsed`.
    pub(crate) fn valid(&self, request: &CredentialsRequest, elapsed: Duration) -> Option<Credentials> {
        let grant = self.grant(&request.key)?;
        grant.lasts(request.min_ttl, elapsed).then(|| grant.credentials())
    }

    /// The credentials for `key`, if they have not expired at the time `elapsed`.
    pub(crate) fn unexpired(&self, key: &GrantKey, elapsed: Duration) -> Option<Credentials> {
        let grant = self.grant(key)?;
        (grant.deadline > elapsed).then(|| grant.credentials())
    }

    /// The credentials for `key`, expired or not.
    pub(crate) fn latest(&self, key: &GrantKey) -> Option<Credentials> {
        self.grant(key).map(PublishedGrant::credentials)
    }

    /// The credentials of the login at the time `elapsed`, unless they have expired.
    pub(crate) fn of_login(&self, elapsed: Duration) -> Option<LatestCredentials> {
        let grant = self.grant(&GrantKey::default()).filter(|grant| grant.deadline > elapsed)?;
        let remaining =
            if grant.deadline == Duration::MAX { Duration::MAX } else { grant.deadline.saturating_sub(elapsed) };
        Some(LatestCredentials { credentials: grant.credentials(), remaining })
    }

    fn grant(&self, key: &GrantKey) -> Option<&PublishedGrant> {
        match (&*self.0, key) {
            // The login's own token stands first and is nearly always the one.
            ([first, ..], GrantKey { audience: None, scope: None }) if first.is_of_login => Some(first),
            (grants, key) => grants.iter().find(|grant| grant.key == *key),
        }
    }
}

impl PublishedGrant {
    fn of(grant: &Grant, now: Moment) -> Self {
        let lifetime = grant.lifetime.unwrap_or(Duration::MAX);
        let left = match grant.lifetime {
            None => Some(Duration::MAX),
            Some(lifetime) => grant.received.age(now).map(|age| lifetime.saturating_sub(age)),
        };
        let deadline = left.map_or(Duration::ZERO, |left| now.elapsed().saturating_add(left));
        Self {
            key: grant.key.clone(),
            is_of_login: grant.key == GrantKey::default(),
            granted: Arc::new(Granted {
                access_token: grant.access_token.clone(),
                scope: grant.scope.clone(),
                expires_at: grant.lifetime.map(|_| now.wall().saturating_add(left.unwrap_or_default())),
            }),
            lifetime,
            deadline,
        }
    }

    /// Whether it is valid for another `min_ttl`. A token whose whole lifetime is shorter than that cannot be; then the
    /// last tenth of its lifetime is what is kept in reserve (rule 9).
    fn lasts(&self, min_ttl: MinTtl, elapsed: Duration) -> bool {
        let min_ttl = min_ttl.as_duration();
        let reserve = if self.lifetime > min_ttl { min_ttl } else { self.lifetime / 10 };
        self.deadline.saturating_sub(reserve) > elapsed
    }

    fn credentials(&self) -> Credentials {
        Credentials { granted: Arc::clone(&self.granted), renewed: false }
    }
}
