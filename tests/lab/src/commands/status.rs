//! `lab status`: what is known without asking anybody.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use hallpass_core::ports::{EntryName, SecureStore, StoreError, StoredValue, Transport, TransportError};
use hallpass_core::protocol::http::{Request, Response};
use hallpass_core::protocol::time::Timestamp;
use hallpass_core::{Credentials, Error, LoginGrant, LoginReason, MinTtl, Report, Session, State, User};
use serde_json::{Value, json};

use super::account::Account;
use crate::cli::StatusArguments;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::terminal::{say, say_json};

/// Shows the session, and ends as `LoginRequired` does when nobody is signed in, so that scripts can ask.
pub(crate) async fn status(arguments: &StatusArguments) -> Result<Exit, Failure> {
    let account = Account::of(&arguments.tenant)?;
    let known = known(&account).await?;
    if arguments.report {
        let report = json!(known.report);
        if arguments.json { say_json(&report) } else { say(known.report.to_string().trim_end()) }
    } else if arguments.json {
        say_json(&known.as_json(&account));
    } else {
        say(&known.as_text(&account));
    }
    Ok(if known.user.is_some() && known.required.is_none() { Exit::Done } else { Exit::LoginRequired })
}

/// What is known of a session without asking anybody.
pub(super) struct Known {
    pub(super) user: Option<User>,
    /// Why a login is required, if one is.
    pub(super) required: Option<LoginReason>,
    token: Option<Credentials>,
    grant: Option<LoginGrant>,
    report: Report,
}

/// Reads the session of an account. Sends nothing, and leaves the store as it is.
pub(super) async fn known(account: &Account) -> Result<Known, Failure> {
    let store = ReadOnly { inner: account.store().await?, written: Mutex::default() };
    let session = account.session_over(store, Nowhere).build().map_err(|error| account.explained(error))?;
    let (user, required) = match session.restored().await? {
        State::SignedIn { user } => (Some(user), None),
        State::LoginRequired { user, reason } => (Some(user), Some(reason)),
        State::SignedOut { reason } => (None, Some(reason)),
        State::Restoring { problem: Some(problem) } => return Err(Error::Storage { problem }.into()),
        State::Restoring { problem: None } => {
            return Err(Error::Internal { reference: "restoring_after_restored" }.into());
        }
    };
    let token = if user.is_some() { token(&session).await? } else { None };
    Ok(Known { user, required, token, grant: session.grant().await?, report: session.report().await })
}

/// What the user is called: the name, else the e-mail address, else the subject.
pub(super) fn name(user: &User) -> &str {
    let profile = user.claims().profile();
    profile.name().or(profile.email()).unwrap_or_else(|| user.sub())
}

/// Until when an access token is valid, in words.
pub(super) fn validity(expires_at: Option<Timestamp>) -> String {
    let Some(at) = expires_at else { return "the server did not say how long the access token is valid".to_owned() };
    let at = UNIX_EPOCH + Duration::from_millis(u64::try_from(at.unix_millis()).unwrap_or_default());
    let left = at.duration_since(SystemTime::now()).unwrap_or_default();
    if left.as_secs() == 0 {
        return format!("the access token has expired, at {}", httpdate::fmt_http_date(at));
    }
    format!("the access token is valid for another {}, until {}", words(left), httpdate::fmt_http_date(at))
}

/// A duration in its two largest units.
fn words(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, minutes) => format!("{minutes} min {} s", seconds % 60),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

impl Known {
    fn is_renewable(&self) -> bool {
        self.grant.as_ref().is_some_and(LoginGrant::is_renewable) && self.required != Some(LoginReason::Refused)
    }

    fn as_text(&self, account: &Account) -> String {
        let (provider, account) = (account.provider(), account.name());
        let mut text = match (&self.user, self.required) {
            (None, Some(reason)) => return format!("Not signed in at {provider} (account {account}): {reason}."),
            (None, None) => return format!("Not signed in at {provider} (account {account})."),
            (Some(user), None) => format!("Signed in as {} at {provider} (account {account}).\n", name(user)),
            (Some(user), Some(reason)) => {
                format!("{} has to sign in again at {provider} (account {account}): {reason}.\n", name(user))
            }
        };
        let token = self.token.as_ref();
        let validity = token.map_or("the access token has expired".to_owned(), |token| validity(token.expires_at()));
        let renewal = if self.required == Some(LoginReason::Refused) {
            "the server refuses to renew it"
        } else if self.is_renewable() {
            "it can be renewed"
        } else {
            "there is no refresh token to renew it with"
        };
        text.push_str(&format!("  {validity}; {renewal}"));
        if let Some(token) = token {
            text.push_str(&format!("\n  scope: {}", token.scope()));
        }
        if let Some(audience) = self.grant.as_ref().and_then(LoginGrant::audience) {
            text.push_str(&format!("\n  audience: {audience}"));
        }
        text
    }

    fn as_json(&self, account: &Account) -> Value {
        let Some(user) = &self.user else {
            let reason = self.required.map(|reason| reason.code());
            return json!({ "state": "signed_out", "reason": reason, "account": account.name() });
        };
        let token = self.token.as_ref();
        let mut status = json!({
            "state": "signed_in",
            "account": account.name(),
            "provider": account.provider(),
            "sub": user.sub(),
            "name": name(user),
            "access_token_valid": token.is_some(),
            "expires_at": token.and_then(Credentials::expires_at).map(Timestamp::unix_seconds),
            "scope": token.map(|token| token.scope().to_string()),
            "audience": self.grant.as_ref().and_then(LoginGrant::audience),
            "renewable": self.is_renewable(),
        });
        if let Some(reason) = self.required {
            status["state"] = "login_required".into();
            status["reason"] = reason.code().into();
        }
        status
    }
}

/// The access token, if it is still valid.
async fn token(session: &Session) -> Result<Option<Credentials>, Error> {
    match session.credentials(MinTtl::seconds(0)).await {
        Ok(credentials) => Ok(Some(credentials)),
        Err(
            Error::Offline { .. } | Error::LoginRequired { reason: LoginReason::NoRefreshToken | LoginReason::Refused },
        ) => Ok(None),
        Err(error) => Err(error),
    }
}

/// A transport that sends nothing.
struct Nowhere;

#[async_trait]
impl Transport for Nowhere {
    async fn send(&self, _: Request) -> Result<Response, TransportError> {
        Err(TransportError::Unreachable)
    }
}

/// A store whose changes are forgotten with it: the intent of a renewal that is never sent must not be kept.
struct ReadOnly {
    inner: Arc<dyn SecureStore>,
    written: Mutex<BTreeMap<EntryName, Option<StoredValue>>>,
}

impl ReadOnly {
    fn write(&self, name: &EntryName, value: Option<StoredValue>) {
        self.written.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone(), value);
    }
}

#[async_trait]
impl SecureStore for ReadOnly {
    fn identity(&self) -> String {
        self.inner.identity()
    }

    async fn load(&self, name: &EntryName) -> Result<Option<StoredValue>, StoreError> {
        let written = self.written.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        match written {
            Some(value) => Ok(value),
            None => self.inner.load(name).await,
        }
    }

    async fn save(&self, name: &EntryName, value: &StoredValue) -> Result<(), StoreError> {
        self.write(name, Some(value.clone()));
        Ok(())
    }

    async fn delete(&self, name: &EntryName) -> Result<(), StoreError> {
        self.write(name, None);
        Ok(())
    }

    async fn list(&self) -> Result<Vec<EntryName>, StoreError> {
        self.inner.list().await
    }
}

#[cfg(test)]
mod tests {
    use hallpass_core::adapters::MemoryStore;

    use super::*;

    #[test]
    fn duration_is_told_in_its_two_largest_units() {
        for (seconds, expected) in
            [(0, "0 s"), (59, "59 s"), (61, "1 min 1 s"), (3_600, "1 h 0 min"), (90_061, "1 d 1 h")]
        {
            assert_eq!(words(Duration::from_secs(seconds)), expected);
        }
    }

    #[tokio::test]
    async fn what_is_written_is_read_again_and_never_reaches_the_store() {
        let store = MemoryStore::new();
        let (kept, gone) = (EntryName::parse("kept").unwrap(), EntryName::parse("gone").unwrap());
        store.save(&kept, &StoredValue::new("before")).await.unwrap();
        store.save(&gone, &StoredValue::new("before")).await.unwrap();
        let read_only = ReadOnly { inner: Arc::new(store.clone()), written: Mutex::default() };
        read_only.save(&kept, &StoredValue::new("after")).await.unwrap();
        read_only.delete(&gone).await.unwrap();
        assert_eq!(read_only.load(&kept).await.unwrap().unwrap().expose(), "after");
        assert!(read_only.load(&gone).await.unwrap().is_none());
        for name in [&kept, &gone] {
            assert_eq!(store.load(name).await.unwrap().unwrap().expose(), "before");
        }
    }
}
