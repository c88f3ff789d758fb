//! What servers say when a token was used before.
//!
//! RFC 6749 §5.2 has one word, `invalid_grant`, for a token that is expired, revoked, unknown or used up. Some servers
//! add the difference in the text that is meant for developers; these are their phrases. Auth0, Okta and others say
//! nothing of it.

use alloc::string::String;

/// In lower case, with spaces for underscores.
const PHRASES: [&str; 15] = [
    // Keycloak: "Maximum allowed refresh token reuse exceeded". OpenAI: "refresh_token_reused".
    "reuse",
    // Ory's Fosite, and with it Hydra and Authelia: "Refresh token re-use was detected".
    "re-use",
    // Gitea: "token was already used". Fosite: "The refresh token was already used." node-oidc-provider: "refresh token
    // already used". Supabase: "Invalid Refresh Token: Already Used".
    "already used",
    "already been used",
    // Dex: "Refresh token is invalid or has already been claimed by another client."
    "already claimed",
    "already been claimed",
    // Microsoft: "OAuth2 Authorization code was already redeemed" (AADSTS54005).
    "already redeemed",
    "already been redeemed",
    // WorkOS: "Refresh token already exchanged."
    "already exchanged",
    "already been exchanged",
    // The same in other words that libraries use.
    "already consumed",
    "already been consumed",
    "already rotated",
    "already been rotated",
    // RFC 9700 §4.14.2 calls it "refresh token replay".
    "replay",
];

pub(super) fn is_said_in(text: &str) -> bool {
    let text: String =
        text.chars().map(|character| if character == '_' { ' ' } else { character.to_ascii_lowercase() }).collect();
    PHRASES.iter().any(|phrase| text.contains(phrase))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_used_before_is_recognised_by_these_words() {
        for (server, text) in [
            ("Keycloak", "Maximum allowed refresh token reuse exceeded"),
            ("Fosite, Hydra, Authelia", "… or was issued to another client. The refresh token was already used."),
            ("Fosite, debug", "Refresh token re-use was detected. All related tokens have been revoked."),
            ("Dex", "Refresh token is invalid or has already been claimed by another client."),
            ("Gitea", "token was already used"),
            ("node-oidc-provider", "refresh token already used"),
            ("Supabase", "Invalid Refresh Token: Already Used"),
            ("Supabase, error_code", "refresh_token_already_used"),
            ("WorkOS", "Refresh token already exchanged."),
            ("OpenAI", "Your refresh token has already been used to generate a new access token."),
            ("OpenAI, code", "refresh_token_reused"),
            ("Microsoft", "AADSTS54005: OAuth2 Authorization code was already redeemed, please retry"),
            ("RFC 9700", "Refresh token replay detected"),
        ] {
            assert!(is_said_in(text), "{server}: {text}");
        }
        for phrase in PHRASES {
            assert!(is_said_in(&phrase.to_ascii_uppercase()), "{phrase}");
        }
    }

    #[test]
    fn a_token_refused_for_another_reason_is_not_one_used_before() {
        for (server, text) in [
            ("Auth0", "Unknown or invalid refresh token."),
            ("Okta", "The refresh token is invalid or expired."),
            ("Keycloak", "Token is not active"),
            ("Keycloak, after an eviction", "Session doesn't have required client"),
            ("Salesforce, which passes", "token request is already being processed"),
            ("Salesforce", "expired access/refresh token"),
            (
                "Fosite",
                "The provided authorization grant (e.g., authorization code, resource owner credentials) or refresh token \
                 is invalid, expired, revoked, does not match the redirection URI used in the authorization request, or \
                 was issued to another client.",
            ),
            ("Google", "Token has been expired or revoked."),
            ("Microsoft", "AADSTS700082: The refresh token has expired due to inactivity."),
            ("nothing", ""),
        ] {
            assert!(!is_said_in(text), "{server}: {text}");
        }
    }
}
