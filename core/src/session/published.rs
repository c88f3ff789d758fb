//! The published credentials, read without a lock.
//!
//! `credentials()` is called before every API call. A hit costs a reading of the clock and two atomic operations, which
//! protect the value in the reading thread's own memory: threads that ask at the same time share no counter. A published
//! value is immutable; a change replaces it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use hallpass_protocol::dpop::Thumbprint;
use hallpass_protocol::secret::Fingerprint;

use super::credentials::{Credentials, CredentialsRequest, Granted, Held, MinTtl};
use super::moment::Moment;
use super::observer::LatestCredentials;
use super::record::{Grant, GrantKey, SignedIn};

/// The access tokens of the signed-in user; none when no one is signed in.
#[derive(Default)]
pub(crate) struct Published {
    /// The login's own, which is nearly always the one.
    of_login: ArcSwapOption<Granted>,
    others: ArcSwap<Others>,
    /// Whether there is no refresh token to get the next one with.
    is_last: AtomicBool,
}

/// What is about to be published.
#[derive(Default)]
pub(crate) struct Snapshot {
    of_login: Option<Arc<Granted>>,
    others: Others,
    is_last: bool,
}

/// The access tokens for other audiences or with a narrower scope.
type Others = Vec<(GrantKey, Arc<Granted>)>;

impl Published {
    /// Puts `snapshot` in the place of what was published.
    pub(crate) fn replace(&self, snapshot: Snapshot) {
        self.of_login.store(snapshot.of_login);
        self.others.store(Arc::new(snapshot.others));
        self.is_last.store(snapshot.is_last, Ordering::Release);
    }

    /// Whether the access token of the login has expired at the time `elapsed`, and nothing can renew it.
    pub(crate) fn is_over_for_good(&self, elapsed: Duration) -> bool {
        self.is_last.load(Ordering::Acquire) && self.unexpired(&GrantKey::default(), elapsed).is_none()
    }

    /// The credentials for `request`, if they are valid for as long as it asks at the time `elapsed`.
    // Written out and inlined: each hand that they pass through is a copy on the hot path.
    #[inline]
    pub(crate) fn valid(&self, request: &CredentialsRequest, elapsed: Duration) -> Option<Credentials> {
        let held = self.held(&request.key)?;
        if held.lasts(request.min_ttl, elapsed) { Some(Credentials::found(held)) } else { None }
    }

    /// The credentials for `key`, if they have not expired at the time `elapsed`.
    pub(crate) fn unexpired(&self, key: &GrantKey, elapsed: Duration) -> Option<Credentials> {
        self.held(key).filter(|granted| granted.deadline > elapsed).map(Credentials::found)
    }

    /// Tells one access token of the login from another, and how long it lasts.
    pub(crate) fn of_login(&self) -> Option<(Fingerprint, Duration)> {
        let granted = self.of_login.load();
        granted.as_ref().map(|granted| (granted.access_token.fingerprint(), granted.deadline))
    }

    /// The credentials for `key`, expired or not.
    pub(crate) fn latest(&self, key: &GrantKey) -> Option<Credentials> {
        self.held(key).map(Credentials::found)
    }

    #[inline]
    fn held(&self, key: &GrantKey) -> Option<Held> {
        if key.is_login() {
            return Held::of(self.of_login.load());
        }
        let others = self.others.load();
        others.iter().find(|(other, _)| other == key).map(|(_, granted)| Held::from(Arc::clone(granted)))
    }
}

impl Snapshot {
    /// The snapshot of `signed_in` at `now`.
    pub(crate) fn of(signed_in: &SignedIn, now: Moment) -> Self {
        let mut snapshot = Self { is_last: signed_in.refresh.is_none(), ..Self::default() };
        for grant in &signed_in.grants {
            let granted = Arc::new(Granted::of(grant, signed_in.dpop_jkt, now));
            if grant.key.is_login() {
                snapshot.of_login = Some(granted);
            } else {
                snapshot.others.push((grant.key.clone(), granted));
            }
        }
        snapshot
    }

    /// The credentials of the login at the time `elapsed`, unless they have expired.
    pub(crate) fn of_login(&self, elapsed: Duration) -> Option<LatestCredentials> {
        let granted = self.of_login.as_ref().filter(|granted| granted.deadline > elapsed)?;
        let remaining =
            if granted.deadline == Duration::MAX { Duration::MAX } else { granted.deadline.saturating_sub(elapsed) };
        Some(LatestCredentials { credentials: Credentials::found(Held::from(Arc::clone(granted))), remaining })
    }
}

impl Granted {
    fn of(grant: &Grant, dpop_jkt: Option<Thumbprint>, now: Moment) -> Self {
        let left = match grant.lifetime {
            None => Some(Duration::MAX),
            Some(lifetime) => grant.received.age(now).map(|age| lifetime.saturating_sub(age)),
        };
        Self {
            renewed: false,
            access_token: grant.access_token.clone(),
            scope: grant.scope.clone(),
            expires_at: grant.lifetime.map(|_| now.wall().saturating_add(left.unwrap_or_default())),
            lifetime: grant.lifetime.unwrap_or(Duration::MAX),
            deadline: left.map_or(Duration::ZERO, |left| now.elapsed().saturating_add(left)),
            dpop_jkt,
        }
    }

    /// Whether it is valid for another `min_ttl`. A token whose whole lifetime is shorter than that cannot be; then the
    /// last tenth of its lifetime is what is kept in reserve (rule 9).
    #[inline]
    fn lasts(&self, min_ttl: MinTtl, elapsed: Duration) -> bool {
        let min_ttl = min_ttl.as_duration();
        let reserve = if self.lifetime > min_ttl { min_ttl } else { self.lifetime / 10 };
        self.deadline.saturating_sub(reserve) > elapsed
    }
}
