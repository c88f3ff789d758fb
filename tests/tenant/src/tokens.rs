//! Making tokens: what goes into an access token (RFC 9068 §2.2, with Auth0's members) and into an ID token (OpenID Connect
//! Core §2).

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::{
    directory::User,
    grants::{Grant, GrantId},
    jwt,
    keys::SigningKey,
    random::Purpose,
    scope::Scope,
    server::Exchange,
    settings::{ExpiresIn, merge},
    shared,
};

/// What opaque access tokens begin with.
pub(crate) const OPAQUE_PREFIX: &str = "opaque-";

/// What a token request asks for, on a grant that allows it.
pub(crate) struct TokenRequest {
    pub(crate) grant: GrantId,
    pub(crate) scope: Scope,
    pub(crate) audience: Option<String>,
    pub(crate) nonce: Option<String>,
    pub(crate) with_id_token: bool,
    pub(crate) refresh_token: Option<String>,
    /// The key that the access token is bound to (RFC 9449 §6).
    pub(crate) jkt: Option<String>,
}

/// Everything decided, nothing signed: signing takes a millisecond and happens outside the lock.
pub(crate) struct UnsignedTokens {
    key: Arc<SigningKey>,
    access_token: UnsignedAccessToken,
    id_token_claims: Option<Map<String, Value>>,
    id_token_patch: Option<Value>,
    refresh_token: Option<String>,
    scope: Scope,
    expires_in: Option<Value>,
    token_type: String,
}

enum UnsignedAccessToken {
    Jwt(Map<String, Value>),
    Opaque(String),
}

/// A successful token response (RFC 6749 §5.1), in Auth0's order of members.
#[derive(Debug, Serialize)]
pub(crate) struct TokenResponse {
    access_token: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<String>,
    scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_in: Option<Value>,
    token_type: String,
}

pub(crate) fn prepare(state: &mut shared::State, exchange: &Exchange, request: TokenRequest) -> UnsignedTokens {
    let TokenRequest { grant: id, scope, audience, nonce, with_id_token, refresh_token, jkt } = request;
    let settings = state.settings.clone();
    let grant = state.grants.grant(id).clone();
    let random = state.random.token(Purpose::AccessToken);
    // A JWT tells its identifier to whoever reads it; it must not be usable as an opaque token.
    let identifier = if audience.is_some() { random } else { format!("{OPAQUE_PREFIX}{random}") };
    let lifetime = i64::try_from(settings.token_expiration_seconds).unwrap_or(i64::MAX);
    state.grants.remember_access_token(
        identifier.clone(),
        (id, scope.clone(), jkt.clone()),
        exchange.now.plus_seconds(lifetime),
        exchange.now,
    );
    let access_token = match &audience {
        None => UnsignedAccessToken::Opaque(identifier),
        Some(audience) => {
            let mut claims = access_token_claims(exchange, &grant, audience, &scope, lifetime, &identifier);
            if let Some(jkt) = &jkt {
                claims.insert("cnf".to_owned(), json!({ "jkt": jkt }));
            }
            UnsignedAccessToken::Jwt(claims)
        }
    };
    let user = state.user(&grant.subject);
    let id_token_claims = (with_id_token && scope.contains("openid")).then(|| {
        let lifetime = i64::try_from(settings.id_token_lifetime_seconds).unwrap_or(i64::MAX);
        id_token_claims(exchange, &grant, user, &scope, nonce, lifetime)
    });
    UnsignedTokens {
        key: state.keys.current(settings.signing_algorithm),
        access_token,
        id_token_claims,
        id_token_patch: exchange.id_token_patch.clone(),
        refresh_token,
        scope,
        expires_in: match settings.expires_in {
            ExpiresIn::Number => Some(json!(settings.token_expiration_seconds)),
            ExpiresIn::String => Some(json!(settings.token_expiration_seconds.to_string())),
            ExpiresIn::Absent => None,
        },
        token_type: if jkt.is_some() { "DPoP".to_owned() } else { settings.token_type },
    }
}

impl UnsignedTokens {
    pub(crate) fn sign(self) -> TokenResponse {
        let access_token = match self.access_token {
            UnsignedAccessToken::Jwt(claims) => jwt::sign(&self.key, &claims),
            UnsignedAccessToken::Opaque(token) => token,
        };
        let id_token = self.id_token_claims.map(|mut claims| {
            claims.insert("at_hash".to_owned(), jwt::access_token_hash(&access_token).into());
            let mut claims = Value::Object(claims);
            if let Some(patch) = &self.id_token_patch {
                merge(&mut claims, patch);
            }
            jwt::sign(&self.key, &claims)
        });
        TokenResponse {
            access_token,
            refresh_token: self.refresh_token,
            id_token,
            scope: self.scope.to_string(),
            expires_in: self.expires_in,
            token_type: self.token_type,
        }
    }
}

/// The claims about a user that these scope values ask for (OpenID Connect Core §5.4).
pub(crate) fn profile_claims(user: &User, scope: &Scope) -> Map<String, Value> {
    let mut claims = Map::new();
    let mut insert = |name: &str, value: Value| claims.insert(name.to_owned(), value);
    if scope.contains("profile") {
        let nickname = user.username.split('@').next().unwrap_or_default();
        insert("name", user.name.clone().into());
        insert("nickname", nickname.into());
        if let Some((given, family)) = user.name.rsplit_once(' ') {
            insert("given_name", given.into());
            insert("family_name", family.into());
        }
    }
    if scope.contains("email") {
        insert("email", user.username.clone().into());
        insert("email_verified", true.into());
    }
    claims
}

fn access_token_claims(
    exchange: &Exchange,
    grant: &Grant,
    audience: &str,
    scope: &Scope,
    lifetime: i64,
    identifier: &str,
) -> Map<String, Value> {
    let audiences = if scope.contains("openid") {
        json!([audience, format!("{}userinfo", exchange.issuer)])
    } else {
        json!(audience)
    };
    let mut claims = object(json!({
        "iss": exchange.issuer,
        "sub": grant.subject,
        "aud": audiences,
        "iat": exchange.written_now.seconds(),
        "exp": exchange.written_now.plus_seconds(lifetime).seconds_rounded_up(),
        "scope": scope.to_string(),
        "azp": grant.client_id,
        "client_id": grant.client_id,
        "jti": identifier,
    }));
    if let Some(organization) = &grant.organization {
        claims.insert("org_id".to_owned(), organization.id.clone().into());
    }
    claims
}

fn id_token_claims(
    exchange: &Exchange,
    grant: &Grant,
    user: Option<&User>,
    scope: &Scope,
    nonce: Option<String>,
    lifetime: i64,
) -> Map<String, Value> {
    let clock_error = exchange.written_now.milliseconds_since(exchange.now) / 1_000;
    let mut claims = user.map(|user| profile_claims(user, scope)).unwrap_or_default();
    claims.extend(object(json!({
        "iss": exchange.named_issuer,
        "sub": grant.subject,
        "aud": grant.client_id,
        "iat": exchange.written_now.seconds(),
        "exp": exchange.written_now.plus_seconds(lifetime).seconds(),
        "auth_time": grant.authenticated_at.plus_seconds(clock_error).seconds(),
        "sid": grant.session_id,
    })));
    if let Some(nonce) = nonce {
        claims.insert("nonce".to_owned(), nonce.into());
    }
    if let Some(organization) = &grant.organization {
        claims.insert("org_id".to_owned(), organization.id.clone().into());
        claims.insert("org_name".to_owned(), organization.name.clone().into());
    }
    claims
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
    }
}
