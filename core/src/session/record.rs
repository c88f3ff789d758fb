//! The record: what is stored of an account, as one versioned value that is replaced as a whole.
//!
//! The text is `version.check.body`. The version decides how the rest is read, the check (SHA-256 over the body) detects a
//! damaged record, and the body is JSON. A version never changes its meaning. Every version that ever shipped can still be
//! read (`core/tests/engine/golden`); a newer one is left alone.

use std::time::Duration;

use hallpass_protocol::dpop::Thumbprint;
use hallpass_protocol::id_token::Claims;
use hallpass_protocol::scope::Scope;
use hallpass_protocol::secret::{AccessToken, Fingerprint, RawIdToken, RefreshToken};
use hallpass_protocol::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::hexadecimal::hexadecimal;
use super::moment::Moment;
use crate::error::LoginReason;
use crate::ports::StoredValue;

const VERSION: &str = "1";

/// The most access tokens for other audiences or scopes that are kept.
const OTHER_GRANTS: usize = 16;

/// The most sessions whose place was taken that are remembered.
const REPLACED: usize = 8;

/// The record of an account.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Random, one for each login: distinguishes a session from the next one.
    pub(crate) lineage: String,
    /// Grows by one with every save, so that two processes can tell whose record is newer.
    pub(crate) revision: u64,
    /// Random, one for each process: distinguishes two records of one revision.
    pub(crate) writer: String,
    /// When the user came back from the browser: of two logins the later one counts, whichever was saved first. Earlier
    /// versions did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) begun: Option<Moment>,
    /// The sessions that this one took the place of, the latest last: a logout of it ends them as well, for a process that
    /// has not heard of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) replaced: Vec<String>,
    /// When the latest logout was that was known at the login, if one was: it is not about this session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) logout_before: Option<Moment>,
    pub(crate) content: Content,
}

/// Whether a user is signed in.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Content {
    SignedIn(Box<SignedIn>),
    /// The session ended, for this reason. Kept so that the reason survives a restart and reaches other processes.
    SignedOut(LoginReason),
}

/// All that belongs to a signed-in user.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SignedIn {
    pub(crate) identity: Claims,
    /// The latest ID token as it came, for `id_token_hint` (OpenID Connect RP-Initiated Logout 1.0 §2).
    pub(crate) id_token: RawIdToken,
    pub(crate) refresh: Option<Refresh>,
    pub(crate) grants: Vec<Grant>,
    /// The key that all of these tokens are bound to (RFC 9449); `None` when they are bearer tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) dpop_jkt: Option<Thumbprint>,
    /// What the login asked for. Earlier versions did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) asked: Option<Asked>,
}

/// What a login asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Asked {
    pub(crate) scope: Scope,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) audience: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) resources: Vec<String>,
}

/// The refresh token and what is known about it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Refresh {
    pub(crate) token: RefreshToken,
    /// How often the token of the login has been replaced: of two tokens of one session the higher one counts, whatever
    /// clocks say and whichever answer was on its way for longer.
    #[serde(default)]
    pub(crate) generation: u64,
    pub(crate) received: Moment,
    /// Whether it went on working after a renewal. Until that was seen it has to be taken for a one-time token.
    pub(crate) reusable: bool,
    /// A renewal with this very token whose answer has not been stored (rule 4).
    pub(crate) attempt: Option<Attempt>,
    /// How the server refuses this token in other words than `invalid_grant`, if it does (rule 6).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) refusal: Option<Refusal>,
}

/// A refusal that is no verdict on the session, and may become a reason to ask for a login.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Refusal {
    /// The server's code, from the fixed vocabulary.
    pub(crate) code: String,
    /// When it was given first.
    pub(crate) since: Moment,
    /// How often it was given.
    pub(crate) count: u32,
    /// Whether it has stayed the same for long enough.
    pub(crate) is_settled: bool,
}

/// A renewal that was begun.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Attempt {
    pub(crate) begun: Timestamp,
    /// Whether this process knows that the server did not act on it. Another process cannot know.
    #[serde(skip)]
    pub(crate) settled: bool,
}

/// One access token.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Grant {
    pub(crate) key: GrantKey,
    pub(crate) access_token: AccessToken,
    /// The scope granted, which may be narrower than the one asked for (RFC 6749 §3.3).
    pub(crate) scope: Scope,
    pub(crate) received: Moment,
    /// How long it lives from `received` on; `None` when the server did not say.
    pub(crate) lifetime: Option<Duration>,
}

/// Which access token is meant: the one of the login, or one for another audience or a narrower scope.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct GrantKey {
    pub(crate) audience: Option<String>,
    pub(crate) scope: Option<Scope>,
    /// One of several resources (RFC 8707).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) resource: Option<String>,
}

impl Grant {
    fn is_of_login(&self) -> bool {
        self.key.is_login()
    }

    /// Whether it has expired, or its age is unknown.
    fn is_over(&self, now: Moment) -> bool {
        self.lifetime.is_some_and(|lifetime| self.received.age(now).is_none_or(|age| age >= lifetime))
    }
}

impl GrantKey {
    /// Whether it is the access token of the login that is meant.
    pub(crate) fn is_login(&self) -> bool {
        matches!(self, Self { audience: None, scope: None, resource: None })
    }
}

/// Why a stored text is not a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RecordError {
    /// A newer version of Hallpass wrote it.
    Newer,
    /// It is damaged.
    Damaged,
}

impl Record {
    /// The record as text to store.
    pub(crate) fn to_stored(&self) -> StoredValue {
        let body = serde_json::to_string(self).expect("a record holds only strings, numbers and lists");
        StoredValue::new(format!("{VERSION}.{}.{body}", check(&body)))
    }

    /// Reads a stored text.
    pub(crate) fn from_stored(value: &StoredValue) -> Result<Self, RecordError> {
        let (version, rest) = value.expose().split_once('.').ok_or(RecordError::Damaged)?;
        match version {
            VERSION => {
                let (found, body) = rest.split_once('.').ok_or(RecordError::Damaged)?;
                if found != check(body) {
                    return Err(RecordError::Damaged);
                }
                serde_json::from_str(body).map_err(|_| RecordError::Damaged)
            }
            newer if newer.parse::<u32>().is_ok_and(|version| version > 1) => Err(RecordError::Newer),
            _ => Err(RecordError::Damaged),
        }
    }

    pub(crate) fn signed_in(&self) -> Option<&SignedIn> {
        match &self.content {
            Content::SignedIn(signed_in) => Some(signed_in),
            Content::SignedOut(_) => None,
        }
    }

    pub(crate) fn into_signed_in(self) -> Option<SignedIn> {
        match self.content {
            Content::SignedIn(signed_in) => Some(*signed_in),
            Content::SignedOut(_) => None,
        }
    }

    /// Whether somebody is signed in by a login that came after the one that was `begun`.
    pub(crate) fn is_of_a_login_after(&self, begun: Moment, now: Moment) -> bool {
        self.signed_in().is_some() && self.begun.is_some_and(|theirs| theirs.is_between(begun, now))
    }

    /// The names of this session and of those that it took the place of, the oldest first.
    pub(crate) fn into_lineages(self) -> Vec<String> {
        let mut lineages = self.replaced;
        lineages.retain(|known| *known != self.lineage);
        lineages.push(self.lineage);
        let surplus = lineages.len().saturating_sub(REPLACED);
        lineages.drain(..surplus);
        lineages
    }

    /// Keeps in mind that somebody has begun a renewal with the same refresh token, as `other` says.
    pub(crate) fn keep_attempt_of(&mut self, other: &Self) {
        let attempted = other.signed_in().and_then(|signed_in| signed_in.refresh.as_ref());
        if let Some((token, attempt)) =
            attempted.and_then(|refresh| Some((refresh.token.fingerprint(), refresh.attempt?)))
            && let Some(ours) = self.signed_in_mut().and_then(|signed_in| signed_in.refresh_mut(token))
        {
            let is_known = ours.attempt.is_some_and(|known| known.begun == attempt.begun);
            if !is_known {
                ours.attempt = Some(attempt);
            }
        }
    }

    /// Takes the access tokens of `other`, a record of this process, that are surely later than those held here. Returns
    /// whether there were any.
    pub(crate) fn keep_later_grants_of(&mut self, other: &Self) -> bool {
        let Some((signed_in, other)) = self.signed_in_mut().zip(other.signed_in()) else { return false };
        let mut any = false;
        for grant in &mut signed_in.grants {
            if let Some(later) = other.grant(&grant.key).filter(|later| later.received.is_surely_after(grant.received))
            {
                grant.clone_from(later);
                any = true;
            }
        }
        any
    }

    pub(crate) fn signed_in_mut(&mut self) -> Option<&mut SignedIn> {
        match &mut self.content {
            Content::SignedIn(signed_in) => Some(signed_in),
            Content::SignedOut(_) => None,
        }
    }
}

impl Refusal {
    /// Given so often at least, and for so long, before anybody is asked to sign in for it.
    const COUNT: u32 = 3;
    const PERIOD: Duration = Duration::from_secs(2 * 60);

    /// What is known after the server refused with `code` once more.
    pub(crate) fn after(before: Option<&Self>, code: &str, now: Moment) -> Self {
        let same = before.filter(|before| before.code == code);
        // When nobody can tell any more when it began, it begins now.
        let Some((same, age)) = same.and_then(|same| Some((same, same.since.age_at_least(now)?))) else {
            return Self {
                code: code.to_owned(),
                since: now,
                count: 1,
                is_settled: same.is_some_and(|same| same.is_settled),
            };
        };
        let count = same.count.saturating_add(1);
        let has_lasted = count >= Self::COUNT && age >= Self::PERIOD;
        Self { count, is_settled: same.is_settled || has_lasted, ..same.clone() }
    }
}

impl Refresh {
    /// A token that was received just now.
    pub(crate) fn new(token: RefreshToken, generation: u64, received: Moment) -> Self {
        Self { token, generation, received, reusable: false, attempt: None, refusal: None }
    }

    /// Whether this one counts rather than another one, of `generation`, that came at `received`.
    ///
    /// Of two answers to the same token, the one that arrived last brought the token that the server goes on with.
    pub(crate) fn is_ahead_of(&self, generation: u64, received: Moment) -> bool {
        self.generation > generation || self.generation == generation && self.received.is_after(received)
    }
}

impl SignedIn {
    /// Whether the server keeps refusing to renew in other words than `invalid_grant`.
    pub(crate) fn is_refused(&self) -> bool {
        let refusal = self.refresh.as_ref().and_then(|refresh| refresh.refusal.as_ref());
        refusal.is_some_and(|refusal| refusal.is_settled)
    }

    pub(crate) fn grant(&self, key: &GrantKey) -> Option<&Grant> {
        self.grants.iter().find(|grant| grant.key == *key)
    }

    /// Puts `grant` in the place of the one with the same key. Those for other audiences go when they have expired, and of
    /// the rest the ones that were renewed longest ago (rule 17).
    pub(crate) fn put_grant(&mut self, grant: Grant, now: Moment) {
        self.grants.retain(|present| present.key != grant.key && (present.is_of_login() || !present.is_over(now)));
        self.grants.push(grant);
        let others = self.grants.iter().filter(|grant| !grant.is_of_login()).count();
        // They stand in the order of their renewals.
        let mut surplus = others.saturating_sub(OTHER_GRANTS);
        self.grants.retain(|grant| {
            let goes = surplus > 0 && !grant.is_of_login();
            surplus -= usize::from(goes);
            !goes
        });
    }

    /// Drops access tokens for other audiences: all but the latest, and then that one too. Returns whether there were any
    /// to drop.
    pub(crate) fn shed_grants(&mut self) -> bool {
        let mut others = self.grants.iter().filter(|grant| !grant.is_of_login()).count();
        let keep = usize::from(others > 1);
        let any = others > 0;
        self.grants.retain(|grant| {
            let stays = grant.is_of_login() || others <= keep;
            others -= usize::from(!grant.is_of_login());
            stays
        });
        any
    }

    /// The refresh token called `fingerprint`, if it is still the one in use.
    pub(crate) fn refresh_mut(&mut self, fingerprint: Fingerprint) -> Option<&mut Refresh> {
        self.refresh.as_mut().filter(|refresh| refresh.token.fingerprint() == fingerprint)
    }
}

/// The first half of SHA-256 in hexadecimal: enough against accidents, which is all that it is for.
fn check(body: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, body.as_bytes());
    hexadecimal(&digest.as_ref()[..16])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_with_all_that_it_may_hold_is_saved_again_as_it_was_read() {
        let golden = include_str!("../../tests/engine/golden/record-1-asked.txt").trim_end();
        let record = Record::from_stored(&StoredValue::new(golden)).unwrap();
        let again = record.to_stored();
        for name in ["begun", "replaced", "logout_before", "asked", "resource"] {
            assert!(again.expose().contains(&format!("\"{name}\":")), "{name}");
        }
        let read_again = Record::from_stored(&again).unwrap().to_stored();
        assert_eq!(read_again.expose(), again.expose());
    }
}
