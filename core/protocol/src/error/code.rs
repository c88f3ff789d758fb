//! The words that servers refuse with, as a fixed vocabulary.

macro_rules! error_codes {
    ($($(#[$documentation:meta])* $name:ident = $text:literal,)*) => {
        /// The error codes that are registered, or that Auth0 documents, and matter to a native app.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorCode {
            $($(#[$documentation])* $name,)*
            /// There is a code, but none of these.
            Unrecognised,
            /// There is no code: no JSON object, or none with a code in it.
            Absent,
        }

        impl ErrorCode {
            /// Every code that is recognised.
            pub const RECOGNISED: &'static [Self] = &[$(Self::$name),*];

            /// The code as the server writes it; `unrecognised` and `absent` for those two.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                    Self::Unrecognised => "unrecognised",
                    Self::Absent => "absent",
                }
            }

            /// The code that the server writes as `text`, compared byte for byte.
            #[must_use]
            pub fn of(text: &str) -> Self {
                match text {
                    $($text => Self::$name,)*
                    _ => Self::Unrecognised,
                }
            }
        }
    };
}

error_codes! {
    /// The request lacks something or has it twice (RFC 6749 §5.2).
    InvalidRequest = "invalid_request",
    /// The client is unknown, or has to authenticate (RFC 6749 §5.2).
    InvalidClient = "invalid_client",
    /// The code or refresh token is invalid, expired or revoked, or belongs to another client (RFC 6749 §5.2).
    InvalidGrant = "invalid_grant",
    /// The client may not use this grant (RFC 6749 §5.2).
    UnauthorizedClient = "unauthorized_client",
    /// The server does not know this grant (RFC 6749 §5.2).
    UnsupportedGrantType = "unsupported_grant_type",
    /// The scope is unknown or exceeds what was granted (RFC 6749 §5.2).
    InvalidScope = "invalid_scope",
    /// The user or the server denied the request (RFC 6749 §4.1.2.1).
    AccessDenied = "access_denied",
    /// The server does not give codes (RFC 6749 §4.1.2.1).
    UnsupportedResponseType = "unsupported_response_type",
    /// The server failed (RFC 6749 §4.1.2.1).
    ServerError = "server_error",
    /// The server is busy (RFC 6749 §4.1.2.1).
    TemporarilyUnavailable = "temporarily_unavailable",
    /// `prompt=none`, and the user would have to do something (OpenID Connect Core §3.1.2.6).
    InteractionRequired = "interaction_required",
    /// `prompt=none`, and the user is not signed in (OpenID Connect Core §3.1.2.6).
    LoginRequired = "login_required",
    /// `prompt=none`, and the user would have to choose an account (OpenID Connect Core §3.1.2.6).
    AccountSelectionRequired = "account_selection_required",
    /// `prompt=none`, and the user would have to consent (OpenID Connect Core §3.1.2.6).
    ConsentRequired = "consent_required",
    /// The `request_uri` cannot be used (OpenID Connect Core §3.1.2.6).
    InvalidRequestUri = "invalid_request_uri",
    /// The request object cannot be used (OpenID Connect Core §3.1.2.6).
    InvalidRequestObject = "invalid_request_object",
    /// The server does not support request objects (OpenID Connect Core §3.1.2.6).
    RequestNotSupported = "request_not_supported",
    /// The server does not support `request_uri` (OpenID Connect Core §3.1.2.6).
    RequestUriNotSupported = "request_uri_not_supported",
    /// The server does not support registration in a request (OpenID Connect Core §3.1.2.6).
    RegistrationNotSupported = "registration_not_supported",
    /// The requested authentication is not possible (OpenID Connect Unmet Authentication Requirements 1.0).
    UnmetAuthenticationRequirements = "unmet_authentication_requirements",
    /// The `resource` is unknown or not allowed (RFC 8707 §2).
    InvalidTarget = "invalid_target",
    /// The server cannot revoke this kind of token (RFC 7009 §2.2.1).
    UnsupportedTokenType = "unsupported_token_type",
    /// The access token is expired, revoked or malformed (RFC 6750 §3.1).
    InvalidToken = "invalid_token",
    /// The access token lacks a scope (RFC 6750 §3.1).
    InsufficientScope = "insufficient_scope",
    /// The user has to authenticate again, or better (RFC 9470 §3).
    InsufficientUserAuthentication = "insufficient_user_authentication",
    /// The user has not yet approved the device (RFC 8628 §3.5).
    AuthorizationPending = "authorization_pending",
    /// Ask less often (RFC 8628 §3.5).
    SlowDown = "slow_down",
    /// The device code has expired (RFC 8628 §3.5).
    ExpiredToken = "expired_token",
    /// The DPoP proof is invalid (RFC 9449 §5).
    InvalidDpopProof = "invalid_dpop_proof",
    /// The server requires its nonce in the DPoP proof (RFC 9449 §8).
    UseDpopNonce = "use_dpop_nonce",
    /// Auth0: the user is blocked, or a rule refused.
    Unauthorized = "unauthorized",
    /// Auth0: wrong user name or password.
    InvalidUserPassword = "invalid_user_password",
    /// Auth0: a second factor is needed.
    MfaRequired = "mfa_required",
    /// Auth0: the user has to enrol a second factor.
    MfaRegistrationRequired = "mfa_registration_required",
    /// Auth0: the second factor's code is wrong.
    MfaInvalidCode = "mfa_invalid_code",
    /// Auth0: the account is blocked after too many wrong attempts.
    TooManyAttempts = "too_many_attempts",
    /// Auth0: the rate limit was reached.
    TooManyRequests = "too_many_requests",
    /// Auth0: too many logins of one user.
    TooManyLogins = "too_many_logins",
    /// Auth0: the password appears in a known leak.
    PasswordLeaked = "password_leaked",
    /// Auth0: suspicious login; the user has to solve a challenge.
    RequiresVerification = "requires_verification",
    /// Auth0: the user's session at the server has ended.
    SessionExpired = "session_expired",
    /// Auth0: a rule or action failed.
    ExtensibilityError = "extensibility_error",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_read_from_what_it_is_written_as() {
        for code in ErrorCode::RECOGNISED {
            assert_eq!(ErrorCode::of(code.as_str()), *code);
        }
        assert_eq!(ErrorCode::RECOGNISED.len(), 42);
        assert_eq!((ErrorCode::Unrecognised.as_str(), ErrorCode::Absent.as_str()), ("unrecognised", "absent"));
    }
}
