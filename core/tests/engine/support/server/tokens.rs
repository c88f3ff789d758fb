//! The token endpoint and the revocation endpoint: codes, refresh tokens and what becomes of them.

use std::collections::{BTreeMap, BTreeSet};

use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use super::super::keys::base64;
use super::behaviour::{Reply, Reuse, Revocation};
use super::id_token::{self, OddIdToken};
use super::{CLIENT_ID, Inner, device, merged};

/// An authorization code that waits to be exchanged.
pub(super) struct Code {
    pub(super) user: String,
    pub(super) nonce: String,
    pub(super) challenge: String,
    pub(super) redirect_uri: String,
    pub(super) jkt: Option<String>,
}

/// The tokens of one login.
pub(super) struct Family {
    user: String,
    nonce: String,
    signed_in_at: i64,
    /// Whether the client has a refresh token at all.
    offline: bool,
    current: String,
    /// What still works within the reuse interval: the token before the current one, and others that took its place.
    previous: Vec<(String, i64)>,
    older: Vec<String>,
    /// Tokens that were revoked one by one.
    revoked: BTreeSet<String>,
    pub(super) ended: bool,
    jkt: Option<String>,
    access_token: Option<String>,
}

/// An access token that was issued.
pub(super) struct AccessToken {
    pub(super) expires: i64,
    /// The key that it is bound to.
    pub(super) jkt: Option<String>,
}

type Parameters = BTreeMap<String, String>;

impl Inner {
    pub(super) fn token(&mut self, parameters: &Parameters, jkt: Option<String>, now: i64) -> Reply {
        assert_eq!(parameters["client_id"], CLIENT_ID);
        match parameters["grant_type"].as_str() {
            "authorization_code" => self.exchange(parameters, jkt, now),
            device::GRANT_TYPE => match self.approved(parameters, now) {
                Ok(user) => {
                    let family = self.begin_family(user, String::new(), jkt, now);
                    self.response(family, false, true, None, now)
                }
                Err(code) => error(400, code, ""),
            },
            "refresh_token" => {
                let (audience, scope) = (parameters.get("audience"), parameters.get("scope"));
                self.refusal(audience.map(String::as_str), scope.map(String::as_str))
                    .unwrap_or_else(|| self.refresh(parameters, jkt.as_deref(), now))
            }
            other => error(400, "unsupported_grant_type", other),
        }
    }

    fn exchange(&mut self, parameters: &Parameters, jkt: Option<String>, now: i64) -> Reply {
        let Some(code) = self.codes.remove(&parameters["code"]) else {
            return error(403, "invalid_grant", "Invalid authorization code");
        };
        let verifier = digest(&SHA256, parameters["code_verifier"].as_bytes());
        if base64(verifier.as_ref()) != code.challenge || parameters["redirect_uri"] != code.redirect_uri {
            return error(403, "invalid_grant", "Failed to verify code verifier");
        }
        if code.jkt.is_some() && code.jkt != jkt {
            return error(400, "invalid_dpop_proof", "another key");
        }
        let family = self.begin_family(code.user, code.nonce, jkt, now);
        self.response(family, false, true, None, now)
    }

    /// The user signs in; returns the number of the session.
    pub(super) fn begin_family(&mut self, user: String, nonce: String, jkt: Option<String>, now: i64) -> usize {
        let current = self.next("refresh", &user);
        self.families.push(Family {
            user,
            nonce,
            signed_in_at: now,
            offline: self.behaviour.offline_access,
            current,
            previous: Vec::new(),
            older: Vec::new(),
            revoked: BTreeSet::new(),
            ended: false,
            jkt,
            access_token: None,
        });
        self.families.len() - 1
    }

    fn refusal(&mut self, audience: Option<&str>, scope: Option<&str>) -> Option<Reply> {
        let refusal = self.refusals.iter_mut().find(|refusal| refusal.is_for(audience, scope))?;
        refusal.left = refusal.left.map(|left| left - 1);
        Some(refusal.reply.clone())
    }

    fn refresh(&mut self, parameters: &Parameters, jkt: Option<&str>, now: i64) -> Reply {
        let presented = &parameters["refresh_token"];
        match self.redeem(presented, jkt, now) {
            Ok((number, rotated)) => self.response(number, true, rotated, parameters.get("scope"), now),
            Err(reply) => reply,
        }
    }

    /// Uses a refresh token. Returns the number of its session, and whether another token takes its place.
    pub(super) fn redeem(&mut self, presented: &str, jkt: Option<&str>, now: i64) -> Result<(usize, bool), Reply> {
        let rotation = self.behaviour.rotation;
        let interval = i64::try_from(self.behaviour.reuse_interval.as_secs()).unwrap();
        let Some(number) = self.families.iter().position(|family| family.knows(presented)) else {
            return Err(self.behaviour.dead_token.clone());
        };
        let user = self.families[number].user.clone();
        let next = self.next("refresh", &user);
        let family = &mut self.families[number];
        if family.jkt.is_some() && family.jkt.as_deref() != jkt {
            return Err(error(400, "invalid_dpop_proof", "another key"));
        }
        let is_recent = |(previous, at): &(String, i64)| previous == presented && interval > 0 && now - at <= interval;
        let is_usable = family.current == presented || family.previous.iter().any(is_recent);
        if family.ended || family.revoked.contains(presented) {
            return Err(self.behaviour.dead_token.clone());
        }
        if !is_usable {
            // A spent token that comes back is a stolen one, as far as anybody can tell.
            match self.behaviour.reuse {
                Reuse::Nothing => {}
                Reuse::Session => family.ended = true,
                Reuse::AllOfTheUser => self.end_all_of(&user),
            }
            return Err(self.behaviour.dead_token.clone());
        }
        if rotation {
            let spent = std::mem::replace(&mut family.current, next);
            if spent == presented {
                family.older.extend(family.previous.drain(..).map(|(previous, _)| previous));
            }
            family.previous.push((spent, now));
        }
        Ok((number, rotation))
    }

    fn response(
        &mut self,
        number: usize,
        renewed: bool,
        with_refresh: bool,
        scope: Option<&String>,
        now: i64,
    ) -> Reply {
        let family = &self.families[number];
        let (user, jkt, before) = (family.user.clone(), family.jkt.clone(), family.access_token.clone());
        let claims = merged(id_token::claims(&user, &family.nonce, family.signed_in_at, now), &self.behaviour.id_token);
        let odd = if renewed { &self.behaviour.renewed_id_token } else { &OddIdToken::Usual };
        let id_token = self.keys.id_token(claims, odd);
        let refresh_token = (with_refresh && family.offline).then(|| family.current.clone());
        let lifetime = i64::try_from(self.behaviour.lifetime).unwrap();
        let access_token = match before.filter(|_| self.behaviour.same_access_token) {
            Some(before) => before,
            None => self.next("access", &user),
        };
        self.families[number].access_token = Some(access_token.clone());
        let token_type = if jkt.is_some() { "DPoP" } else { "Bearer" };
        self.access_tokens.insert(access_token.clone(), AccessToken { expires: now + lifetime, jkt });
        let scope = scope.map_or("openid profile offline_access", String::as_str);
        let members = json!({
            "access_token": access_token, "token_type": token_type, "expires_in": lifetime, "id_token": id_token,
            "refresh_token": refresh_token, "scope": scope,
        });
        Reply::json(200, merged(members, &self.behaviour.token_response).to_string())
    }

    pub(super) fn revoke(&mut self, parameters: &Parameters) -> Reply {
        assert_eq!(parameters["client_id"], CLIENT_ID);
        let token = &parameters["token"];
        self.revoked.push(token.clone());
        if let Some(number) = self.families.iter().position(|family| family.knows(token)) {
            let family = &mut self.families[number];
            match self.behaviour.revocation {
                Revocation::Token => _ = family.revoked.insert(token.clone()),
                Revocation::Session => family.ended = true,
                Revocation::AllOfTheUser => {
                    let user = family.user.clone();
                    self.end_all_of(&user);
                }
            }
        }
        // RFC 7009 §2.2: the same for a token that is not known.
        Reply::empty(200)
    }

    fn end_all_of(&mut self, user: &str) {
        self.families.iter_mut().filter(|family| family.user == user).for_each(|family| family.ended = true);
    }
}

impl Family {
    fn knows(&self, token: &str) -> bool {
        self.tokens().any(|known| known == token)
    }

    pub(super) fn tokens(&self) -> impl Iterator<Item = &String> {
        let previous = self.previous.iter().map(|(previous, _)| previous);
        [&self.current].into_iter().chain(previous).chain(&self.older)
    }

    pub(super) fn current(&self) -> &String {
        &self.current
    }

    /// Whether the server gives new tokens for the latest one.
    pub(super) fn lives(&self) -> bool {
        self.offline && !self.ended && !self.revoked.contains(&self.current)
    }
}

fn error(status: u16, code: &str, description: &str) -> Reply {
    let body: Value = json!({ "error": code, "error_description": description });
    Reply::json(status, body.to_string())
}
