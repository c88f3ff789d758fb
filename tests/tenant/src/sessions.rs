//! Browser state: the single sign-on session behind a cookie, and authorization requests that wait for a person.

use std::collections::{HashMap, HashSet};

use crate::{
    authorization_request::AuthorizationRequest,
    clock::Timestamp,
    random::{Purpose, Random},
};

/// How long a login or consent page may stay open.
const INTERACTION_LIFETIME_SECONDS: u64 = 600;

/// A signed-in browser.
#[derive(Clone, Debug)]
pub(crate) struct BrowserSession {
    /// The `sid` claim.
    pub(crate) id: String,
    pub(crate) subject: String,
    pub(crate) authenticated_at: Timestamp,
}

#[derive(Default)]
pub(crate) struct Sessions {
    by_cookie: HashMap<String, BrowserSession>,
    waiting: HashMap<String, (AuthorizationRequest, Timestamp)>,
    /// (subject, client, scope value) of each consent.
    consents: HashSet<(String, String, String)>,
}

impl Sessions {
    /// Signs a browser in and returns its cookie.
    pub(crate) fn begin(&mut self, subject: &str, random: &mut Random, now: Timestamp) -> (String, BrowserSession) {
        let session = BrowserSession {
            id: random.identifier(Purpose::Session),
            subject: subject.to_owned(),
            authenticated_at: now,
        };
        let cookie = random.token(Purpose::SessionCookie);
        self.by_cookie.insert(cookie.clone(), session.clone());
        (cookie, session)
    }

    pub(crate) fn find(&self, cookie: &str, lifetime_seconds: u64, now: Timestamp) -> Option<&BrowserSession> {
        self.by_cookie.get(cookie).filter(|session| !now.is_past(session.authenticated_at, lifetime_seconds))
    }

    pub(crate) fn end(&mut self, cookie: &str) -> Option<BrowserSession> {
        self.by_cookie.remove(cookie)
    }

    /// Signs out every browser of a user, or of everyone. Returns how many.
    pub(crate) fn revoke(&mut self, subject: Option<&str>) -> usize {
        let before = self.by_cookie.len();
        self.by_cookie.retain(|_, session| subject.is_some_and(|subject| session.subject != subject));
        before - self.by_cookie.len()
    }

    /// Keeps an authorization request while a person looks at a page; returns its handle.
    pub(crate) fn wait(&mut self, request: AuthorizationRequest, random: &mut Random, now: Timestamp) -> String {
        self.waiting.retain(|_, (_, since)| !now.is_past(*since, INTERACTION_LIFETIME_SECONDS));
        let handle = random.token(Purpose::Login);
        self.waiting.insert(handle.clone(), (request, now));
        handle
    }

    pub(crate) fn waiting(&self, handle: &str, now: Timestamp) -> Option<&AuthorizationRequest> {
        let (request, since) = self.waiting.get(handle)?;
        (!now.is_past(*since, INTERACTION_LIFETIME_SECONDS)).then_some(request)
    }

    pub(crate) fn stop_waiting(&mut self, handle: &str) {
        self.waiting.remove(handle);
    }

    pub(crate) fn has_consent(&self, subject: &str, request: &AuthorizationRequest) -> bool {
        request.scope.iter().all(|value| self.consents.contains(&consent(subject, request, value)))
    }

    pub(crate) fn remember_consent(&mut self, subject: &str, request: &AuthorizationRequest) {
        self.consents.extend(request.scope.iter().map(|value| consent(subject, request, value)));
    }
}

fn consent(subject: &str, request: &AuthorizationRequest, value: &str) -> (String, String, String) {
    (subject.to_owned(), request.client_id.clone(), value.to_owned())
}
