//! Everything that can be switched while the tenant runs: what Auth0 spreads over its dashboard, and a few ways in which
//! authorization servers differ.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The tenant's settings. In JSON every member has the name it has here; `PATCH /admin/api/settings` merges (RFC 7396).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// *Allow Offline Access*: off, no refresh token is issued although `offline_access` was asked for. Refresh tokens
    /// that exist go on working.
    pub allow_offline_access: bool,
    /// *Token Expiration*: lifetime of an access token in seconds.
    pub token_expiration_seconds: u64,
    /// Lifetime of an ID token in seconds.
    pub id_token_lifetime_seconds: u64,
    /// Lifetime of an authorization code in seconds.
    pub code_lifetime_seconds: u64,
    /// Lifetime of a device code in seconds (RFC 8628).
    pub device_code_lifetime_seconds: u64,
    /// How long a device has to wait between two questions, in seconds; one that asks earlier is told to slow down.
    pub device_interval_seconds: u64,
    /// How long the browser stays signed in, in seconds from the login.
    pub session_lifetime_seconds: u64,
    /// *Rotation*: each renewal answers with a new refresh token and supersedes the one that was used.
    pub refresh_token_rotation: bool,
    /// *Reuse interval* in seconds: for so long after it was superseded, the immediately previous refresh token is
    /// still accepted. Any older one, or this one later, revokes the family.
    pub refresh_token_reuse_interval_seconds: u64,
    /// Absolute lifetime of a family of refresh tokens in seconds from the login; `None` is for ever.
    pub refresh_token_lifetime_seconds: Option<u64>,
    /// Idle lifetime of a family of refresh tokens in seconds from its last use; `None` is for ever.
    pub refresh_token_idle_lifetime_seconds: Option<u64>,
    /// What the revocation of a refresh token ends (RFC 7009 §2.1 leaves it to the server).
    pub refresh_token_revocation: RefreshTokenRevocation,
    /// In which words a renewal with a dead refresh token is refused.
    pub dead_refresh_token: DeadRefreshToken,
    /// Whether a renewal answers with an ID token when `openid` is granted. OpenID Connect Core §12.2 allows either.
    pub id_token_on_refresh: bool,
    /// What new tokens are signed with.
    pub signing_algorithm: SigningAlgorithm,
    /// Whether the key set still names the keys before the last roll.
    pub publish_previous_keys: bool,
    /// `max-age` in seconds of both metadata documents and the key set.
    pub metadata_max_age_seconds: u64,
    /// Whether authorization responses carry `iss`, and the metadata says so (RFC 9207).
    pub issuer_in_authorization_response: bool,
    /// Whether an authorization request has to be pushed, and the metadata says so (RFC 9126 §5). One that is pushed is taken
    /// in any case.
    pub require_pushed_authorization_requests: bool,
    /// Whether a user is asked for consent to scopes not consented to before. `prompt=consent` asks in any case.
    pub require_consent: bool,
    /// The audiences for which tokens may be asked. A `*` stands for one or more characters other than `/`.
    pub audiences: Vec<String>,
    /// The audience of an authorization request that names none; `None` issues an opaque token for `/userinfo`.
    pub default_audience: Option<String>,
    /// The scope values of every audience, besides those of OpenID Connect.
    pub api_scopes: Vec<String>,
    /// How a token response gives the lifetime.
    pub expires_in: ExpiresIn,
    /// `token_type` of a token response, in the case wanted (RFC 6749 §7.1: the case does not matter).
    pub token_type: String,
    /// Whether DPoP proofs are understood, and the metadata says so (RFC 9449). Off, they are ignored: tokens are bearer
    /// tokens.
    pub dpop: bool,
    /// The nonce that proofs to the tenant have to state (RFC 9449 §8); `None` wants none.
    pub dpop_nonce: Option<String>,
    /// The nonce that proofs to the expenses API have to state (RFC 9449 §9); `None` wants none.
    pub api_dpop_nonce: Option<String>,
    /// The shape and status of errors of the token endpoint.
    pub error_style: ErrorStyle,
    /// How the expenses API spells the header of its challenge.
    pub challenge_header: ChallengeHeader,
    /// How many requests one endpoint of token, userinfo and revocation takes in a window before it answers 429.
    pub rate_limit_requests: u64,
    /// The window of the rate limit in seconds.
    pub rate_limit_window_seconds: u64,
    /// Whether, and how, a 429 says when to come back, besides `x-ratelimit-reset`.
    pub rate_limit_retry_after: RetryAfter,
    /// The host in the issuer, for all requests; `None` follows each request's `Host` header, so that an Android
    /// emulator reaches the tenant as `10.0.2.2` and gets an issuer that says so.
    pub public_host: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            allow_offline_access: true,
            token_expiration_seconds: 3_600,
            id_token_lifetime_seconds: 36_000,
            code_lifetime_seconds: 60,
            device_code_lifetime_seconds: 900,
            device_interval_seconds: 5,
            session_lifetime_seconds: 3 * 86_400,
            refresh_token_rotation: false,
            refresh_token_reuse_interval_seconds: 0,
            refresh_token_lifetime_seconds: Some(30 * 86_400),
            refresh_token_idle_lifetime_seconds: Some(15 * 86_400),
            refresh_token_revocation: RefreshTokenRevocation::Family,
            dead_refresh_token: DeadRefreshToken::InvalidGrant,
            id_token_on_refresh: true,
            signing_algorithm: SigningAlgorithm::Rs256,
            publish_previous_keys: true,
            metadata_max_age_seconds: 15,
            issuer_in_authorization_response: true,
            require_pushed_authorization_requests: false,
            require_consent: false,
            audiences: vec!["https://expenses-api".to_owned(), "https://api-*.example".to_owned()],
            default_audience: None,
            api_scopes: ["read:reports", "write:reports"].map(str::to_owned).to_vec(),
            expires_in: ExpiresIn::Number,
            token_type: "Bearer".to_owned(),
            dpop: true,
            dpop_nonce: None,
            api_dpop_nonce: None,
            error_style: ErrorStyle::Auth0,
            challenge_header: ChallengeHeader::WwwAuthentication,
            rate_limit_requests: 100_000,
            rate_limit_window_seconds: 60,
            rate_limit_retry_after: RetryAfter::Absent,
            public_host: Some("127.0.0.1".to_owned()),
        }
    }
}

impl Settings {
    /// These settings with `patch` merged into them (RFC 7396).
    ///
    /// # Errors
    /// Says which member is unknown or has a value that it cannot have.
    pub fn patched(&self, patch: &Value) -> Result<Self, InvalidSettings> {
        let mut document = serde_json::to_value(self).expect("settings are plain data");
        merge(&mut document, patch);
        Ok(serde_json::from_value(document)?)
    }

    /// Whether tokens may be asked for `audience`.
    pub(crate) fn permits_audience(&self, audience: &str) -> bool {
        self.audiences.iter().any(|pattern| matches(pattern, audience))
    }
}

/// A patch that names an unknown setting, or gives one a value that it cannot have.
#[derive(Debug, thiserror::Error)]
#[error("settings: {0}")]
pub struct InvalidSettings(#[from] serde_json::Error);

/// The signature algorithm of access and ID tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SigningAlgorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256 and a key of 2048 bits.
    #[serde(rename = "RS256")]
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    #[serde(rename = "ES256")]
    Es256,
}

impl SigningAlgorithm {
    /// Its name in JOSE (RFC 7518 §3.1).
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
        }
    }
}

/// How `expires_in` comes in a token response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExpiresIn {
    /// `3600`, as RFC 6749 §5.1 says.
    Number,
    /// `"3600"`.
    String,
    /// Not at all: the lifetime is the client's guess.
    Absent,
}

/// The shape of a token endpoint's errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorStyle {
    /// Auth0: 403 for `invalid_grant` and `unsupported_grant_type`, in its words.
    Auth0,
    /// Auth0's older APIs: the same statuses, `{"name","code","description","statusCode"}`.
    Auth0Legacy,
    /// RFC 6749 §5.2: 400.
    Rfc6749,
}

/// What the revocation of a refresh token ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefreshTokenRevocation {
    /// All refresh tokens of its grant.
    Family,
    /// That token alone. A spent one is gone already: nothing ends, and the answer is the same.
    Token,
}

/// How a server says that a refresh token is dead. RFC 6749 §5.2 has one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeadRefreshToken {
    /// `invalid_grant`, with the status of the error style.
    InvalidGrant,
    /// 400 `invalid_request`, as Dex.
    InvalidRequest,
    /// 400 `unauthorized_client`, as Gitea.
    UnauthorizedClient,
    /// 400 with JSON that has no `error`, as Supabase.
    WithoutError,
    /// 401 without a body, as Spring Authorization Server to a public client.
    Empty,
}

/// The header in which the expenses API says why it answered 401 or 403.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChallengeHeader {
    /// As the exercise's API misspells it.
    #[serde(rename = "www-authentication")]
    WwwAuthentication,
    /// As RFC 6750 §3 says.
    #[serde(rename = "www-authenticate")]
    WwwAuthenticate,
}

impl ChallengeHeader {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::WwwAuthentication => "www-authentication",
            Self::WwwAuthenticate => "www-authenticate",
        }
    }
}

/// The two forms of `Retry-After` (RFC 9110 §10.2.3), or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryAfter {
    /// No header.
    Absent,
    /// Seconds from now.
    Seconds,
    /// An HTTP-date.
    HttpDate,
}

/// RFC 7396 §2.
pub(crate) fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(members) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    let Some(target) = target.as_object_mut() else { return };
    for (name, value) in members {
        if value.is_null() {
            // `None` of a setting is written as null, which a merge patch would take for "remove": both mean `None`,
            // and a removed member that is not optional fails to load.
            target.remove(name);
        } else {
            merge(target.entry(name.clone()).or_insert(Value::Null), value);
        }
    }
}

fn matches(pattern: &str, audience: &str) -> bool {
    let Some((before, after)) = pattern.split_once('*') else { return pattern == audience };
    audience
        .strip_prefix(before)
        .and_then(|rest| rest.strip_suffix(after))
        .is_some_and(|middle| !middle.is_empty() && !middle.contains('/'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn patch_changes_what_it_names_and_nothing_else() {
        let patched = Settings::default()
            .patched(&json!({"token_expiration_seconds": 10, "refresh_token_lifetime_seconds": null}))
            .unwrap();
        let expected =
            Settings { token_expiration_seconds: 10, refresh_token_lifetime_seconds: None, ..Settings::default() };
        assert_eq!(patched, expected);
    }

    #[test]
    fn patch_with_unknown_or_impossible_member_is_refused_by_name() {
        let unknown = Settings::default().patched(&json!({"token_expiry": 10})).unwrap_err();
        assert!(unknown.to_string().contains("token_expiry"), "{unknown}");
        let negative = Settings::default().patched(&json!({"token_expiration_seconds": -1})).unwrap_err();
        assert!(negative.to_string().contains("-1"), "{negative}");
        assert!(Settings::default().patched(&json!({"token_type": null})).is_err());
    }

    #[test]
    fn audience_pattern_matches_one_host_label_and_no_path() {
        let settings = Settings::default();
        for permitted in ["https://expenses-api", "https://api-1.example", "https://api-50.example"] {
            assert!(settings.permits_audience(permitted), "{permitted}");
        }
        for refused in ["https://expenses-api/", "https://api-.example", "https://api-1/.example", "https://other"] {
            assert!(!settings.permits_audience(refused), "{refused}");
        }
    }
}
