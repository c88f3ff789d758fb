//! What users granted to clients, and the codes and tokens that stand for it.
//!
//! A *grant* is one user's yes to one client, made at `/authorize`. An authorization code, a family of refresh tokens and
//! any number of access tokens hang on it. Refresh tokens of a family are counted in *generations*: the login's token is
//! generation 1; with rotation, using a token of the current generation begins the next one.

use std::collections::{HashMap, HashSet, hash_map::Entry};

use crate::{
    clock::Timestamp,
    directory::Organization,
    jwt,
    random::{Purpose, Random},
    scope::Scope,
    settings::{RefreshTokenRevocation, Settings},
};

/// What was granted, by whom, to whom.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub(crate) subject: String,
    pub(crate) client_id: String,
    pub(crate) scope: Scope,
    pub(crate) audience: Option<String>,
    pub(crate) organization: Option<Organization>,
    pub(crate) authenticated_at: Timestamp,
    pub(crate) session_id: String,
}

/// Names a grant for as long as the tenant lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct GrantId(u64);

#[derive(Default)]
pub(crate) struct Grants {
    grants: HashMap<GrantId, Grant>,
    codes: HashMap<String, AuthorizationCode>,
    families: HashMap<GrantId, Family>,
    refresh_tokens: HashMap<String, (GrantId, u32)>,
    /// Those that were revoked one by one.
    revoked: HashSet<String>,
    access_tokens: HashMap<String, AccessToken>,
    /// Prune the access tokens when there are this many.
    prune_at: usize,
}

/// What an authorization request fixes for the token request (RFC 6749 §4.1.3, RFC 7636 §4.6).
#[derive(Clone, Debug)]
pub(crate) struct CodeBinding {
    pub(crate) redirect_uri: String,
    pub(crate) code_challenge: String,
    pub(crate) nonce: Option<String>,
    /// The key that the code is bound to (RFC 9449 §10).
    pub(crate) dpop_jkt: Option<String>,
}

/// What comes with a code, to be compared with what it is bound to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CodeRequest<'a> {
    pub(crate) client_id: &'a str,
    pub(crate) redirect_uri: &'a str,
    pub(crate) code_verifier: &'a str,
    /// The key that was proved, if one was.
    pub(crate) jkt: Option<&'a str>,
}

struct AuthorizationCode {
    grant: GrantId,
    binding: CodeBinding,
    issued_at: Timestamp,
    spent: bool,
}

struct Family {
    began_at: Timestamp,
    last_used_at: Timestamp,
    generation: u32,
    generation_began_at: Timestamp,
    revoked: bool,
    /// The key that its tokens are bound to, as a public client's are (RFC 9449 §5).
    jkt: Option<String>,
}

struct AccessToken {
    grant: GrantId,
    scope: Scope,
    expires_at: Timestamp,
    jkt: Option<String>,
}

/// Why a code was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CodeRefusal {
    Unknown,
    Expired,
    Reused,
    OtherClient,
    OtherRedirectUri,
    WrongVerifier,
    OtherKey,
}

/// Why a refresh token was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RefreshRefusal {
    Unknown,
    OtherClient,
    OtherKey,
    Revoked,
    Expired,
    Idle,
    Reused,
}

/// What an accepted refresh token comes to.
#[derive(Debug)]
pub(crate) struct Renewal {
    pub(crate) grant: GrantId,
    /// The token that replaces the one used; `None`: that one goes on working.
    pub(crate) refresh_token: Option<String>,
}

impl Grants {
    /// Keeps a grant that has no code, such as a device's.
    pub(crate) fn add(&mut self, grant: Grant) -> GrantId {
        let id = GrantId(self.grants.len() as u64);
        self.grants.insert(id, grant);
        id
    }

    /// Issues a code for a grant. Codes that expired are forgotten an hour later.
    pub(crate) fn issue_code(
        &mut self,
        grant: Grant,
        binding: CodeBinding,
        random: &mut Random,
        now: Timestamp,
    ) -> String {
        self.codes.retain(|_, code| !now.is_past(code.issued_at, 3_600));
        let id = self.add(grant);
        let code = random.token(Purpose::AuthorizationCode);
        self.codes.insert(code.clone(), AuthorizationCode { grant: id, binding, issued_at: now, spent: false });
        code
    }

    /// Spends a code, whatever comes of it: a wrong verifier does not get a second try. A second use revokes what the
    /// first one issued (RFC 6749 §4.1.2).
    pub(crate) fn redeem_code(
        &mut self,
        code: &str,
        request: CodeRequest<'_>,
        lifetime_seconds: u64,
        now: Timestamp,
    ) -> Result<(GrantId, Option<String>), CodeRefusal> {
        let CodeRequest { client_id, redirect_uri, code_verifier, jkt } = request;
        let record = self.codes.get_mut(code).ok_or(CodeRefusal::Unknown)?;
        let grant = record.grant;
        if self.grants[&grant].client_id != client_id {
            return Err(CodeRefusal::OtherClient);
        }
        if std::mem::replace(&mut record.spent, true) {
            self.revoke_everything(grant);
            return Err(CodeRefusal::Reused);
        }
        if now.is_past(record.issued_at, lifetime_seconds) {
            return Err(CodeRefusal::Expired);
        }
        if record.binding.redirect_uri != redirect_uri {
            return Err(CodeRefusal::OtherRedirectUri);
        }
        if record.binding.code_challenge != jwt::code_challenge(code_verifier) {
            return Err(CodeRefusal::WrongVerifier);
        }
        if record.binding.dpop_jkt.is_some() && record.binding.dpop_jkt.as_deref() != jkt {
            return Err(CodeRefusal::OtherKey);
        }
        Ok((grant, record.binding.nonce.clone()))
    }

    /// Begins a family of refresh tokens, bound to the key `jkt` if there is one.
    pub(crate) fn begin_family(
        &mut self,
        grant: GrantId,
        jkt: Option<String>,
        random: &mut Random,
        now: Timestamp,
    ) -> String {
        let family =
            Family { began_at: now, last_used_at: now, generation: 1, generation_began_at: now, revoked: false, jkt };
        self.families.insert(grant, family);
        self.issue_refresh_token(grant, 1, random)
    }

    /// Accepts or refuses a refresh token, rotating it when the settings say so.
    pub(crate) fn renew(
        &mut self,
        refresh_token: &str,
        client_id: &str,
        jkt: Option<&str>,
        settings: &Settings,
        random: &mut Random,
        now: Timestamp,
    ) -> Result<Renewal, RefreshRefusal> {
        let &(grant, generation) = self.refresh_tokens.get(refresh_token).ok_or(RefreshRefusal::Unknown)?;
        if self.grants[&grant].client_id != client_id {
            return Err(RefreshRefusal::OtherClient);
        }
        let family = self.families.get_mut(&grant).ok_or(RefreshRefusal::Revoked)?;
        if family.jkt.is_some() && family.jkt.as_deref() != jkt {
            return Err(RefreshRefusal::OtherKey);
        }
        if family.revoked || self.revoked.contains(refresh_token) {
            return Err(RefreshRefusal::Revoked);
        }
        if settings.refresh_token_lifetime_seconds.is_some_and(|lifetime| now.is_past(family.began_at, lifetime)) {
            return Err(RefreshRefusal::Expired);
        }
        if settings.refresh_token_idle_lifetime_seconds.is_some_and(|idle| now.is_past(family.last_used_at, idle)) {
            return Err(RefreshRefusal::Idle);
        }
        if generation < family.generation {
            // A sibling of the token that superseded this one: whoever lost the first answer gets a second one. The
            // interval is not begun anew.
            let immediately_previous = generation + 1 == family.generation;
            let interval = settings.refresh_token_reuse_interval_seconds;
            if !immediately_previous || now.is_past(family.generation_began_at, interval) {
                family.revoked = true;
                return Err(RefreshRefusal::Reused);
            }
        } else if settings.refresh_token_rotation {
            family.generation += 1;
            family.generation_began_at = now;
        }
        family.last_used_at = now;
        let successor = family.generation;
        let refresh_token = (successor > generation).then(|| self.issue_refresh_token(grant, successor, random));
        Ok(Renewal { grant, refresh_token })
    }

    /// Revokes a refresh token of this client, or its whole family; does nothing for any other token (RFC 7009 §2.2).
    /// Returns whether something was alive that is not any more.
    pub(crate) fn revoke(&mut self, token: &str, client_id: &str, revocation: RefreshTokenRevocation) -> bool {
        let Some((grant, generation)) = self.refresh_tokens.get(token) else { return false };
        if self.grants[grant].client_id != client_id {
            return false;
        }
        let Some(family) = self.families.get_mut(grant).filter(|family| !family.revoked) else { return false };
        match revocation {
            RefreshTokenRevocation::Family => family.revoked = true,
            RefreshTokenRevocation::Token if *generation < family.generation => return false,
            RefreshTokenRevocation::Token => return self.revoked.insert(token.to_owned()),
        }
        true
    }

    /// Revokes every family of a user, or of everyone. Returns how many were alive.
    pub(crate) fn revoke_families(&mut self, subject: Option<&str>) -> usize {
        let mut revoked = 0;
        for (id, family) in &mut self.families {
            let concerned = subject.is_none_or(|subject| self.grants[id].subject == subject);
            if concerned && !std::mem::replace(&mut family.revoked, true) {
                revoked += 1;
            }
        }
        revoked
    }

    /// The scope that a refresh token stands for.
    pub(crate) fn scope_of(&self, refresh_token: &str) -> Option<&Scope> {
        self.refresh_tokens.get(refresh_token).map(|(grant, _)| &self.grants[grant].scope)
    }

    pub(crate) fn grant(&self, id: GrantId) -> &Grant {
        &self.grants[&id]
    }

    /// Remembers an issued access token (of which grant, with which scope, bound to which key) under its identifier, which is its `jti` or, when it is opaque, itself.
    pub(crate) fn remember_access_token(
        &mut self,
        identifier: String,
        access_token: (GrantId, Scope, Option<String>),
        expires_at: Timestamp,
        now: Timestamp,
    ) {
        let (grant, scope, jkt) = access_token;
        if self.access_tokens.len() >= self.prune_at {
            self.access_tokens.retain(|_, token| token.expires_at > now);
            self.prune_at = (self.access_tokens.len() * 2).max(1_024);
        }
        self.access_tokens.insert(identifier, AccessToken { grant, scope, expires_at, jkt });
    }

    /// What an access token that was not withdrawn stands for, the key that it is bound to, and until when: to the millisecond, where the token's own
    /// `exp` can only say seconds.
    pub(crate) fn access_token(&self, identifier: &str) -> Option<(&Grant, &Scope, Timestamp, Option<&str>)> {
        let token = self.access_tokens.get(identifier)?;
        Some((&self.grants[&token.grant], &token.scope, token.expires_at, token.jkt.as_deref()))
    }

    /// Makes every access token issued so far invalid, although not expired. Returns how many there were.
    pub(crate) fn expire_access_tokens(&mut self, now: Timestamp) -> usize {
        let live = self.access_tokens.values().filter(|token| token.expires_at > now).count();
        self.access_tokens.clear();
        live
    }

    fn revoke_everything(&mut self, grant: GrantId) {
        if let Entry::Occupied(mut family) = self.families.entry(grant) {
            family.get_mut().revoked = true;
        }
        self.access_tokens.retain(|_, token| token.grant != grant);
    }

    fn issue_refresh_token(&mut self, grant: GrantId, generation: u32, random: &mut Random) -> String {
        let token = random.token(Purpose::RefreshToken);
        self.refresh_tokens.insert(token.clone(), (grant, generation));
        token
    }
}
