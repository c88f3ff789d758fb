//! The settings as form fields: which there are, and how a submitted form becomes a patch.

use serde_json::{Map, Value, json};

use crate::parameters::Parameters;

/// Settings that belong together.
pub(crate) struct Group {
    pub(crate) title: &'static str,
    pub(crate) fields: &'static [Field],
}

/// One setting.
pub(crate) struct Field {
    /// Its name in [`Settings`](crate::Settings) and in the form.
    pub(crate) name: &'static str,
    pub(crate) label: &'static str,
    pub(crate) hint: &'static str,
    pub(crate) control: Control,
}

/// How a setting is edited.
pub(crate) enum Control {
    Switch,
    Number,
    /// Empty is for ever.
    OptionalNumber,
    Text,
    /// Empty is none.
    OptionalText,
    /// Several, with spaces in between.
    Words,
    /// Values and what they are called.
    Choice(&'static [(&'static str, &'static str)]),
}

const fn field(name: &'static str, label: &'static str, hint: &'static str, control: Control) -> Field {
    Field { name, label, hint, control }
}

/// All settings.
pub(crate) const GROUPS: [Group; 7] = [
    Group {
        title: "API",
        fields: &[
            field(
                "allow_offline_access",
                "Allow Offline Access",
                "Off: no refresh token is issued, although offline_access was asked for.",
                Control::Switch,
            ),
            field("token_expiration_seconds", "Token Expiration (Seconds)", "", Control::Number),
            field(
                "challenge_header",
                "Header of a 401",
                "The exercise's API misspells it.",
                Control::Choice(&[
                    ("www-authentication", "www-authentication"),
                    ("www-authenticate", "www-authenticate"),
                ]),
            ),
            field("audiences", "Audiences", "With spaces in between; * stands for some characters.", Control::Words),
            field("api_scopes", "Scopes of every audience", "With spaces in between.", Control::Words),
            field("default_audience", "Default audience", "Empty: a token for /userinfo only.", Control::OptionalText),
        ],
    },
    Group {
        title: "Refresh tokens",
        fields: &[
            field(
                "refresh_token_revocation",
                "Revocation of a refresh token",
                "",
                Control::Choice(&[("family", "ends all of the grant"), ("token", "ends that one alone")]),
            ),
            field(
                "dead_refresh_token",
                "A dead refresh token is called",
                "",
                Control::Choice(&[
                    ("invalid_grant", "invalid_grant"),
                    ("invalid_request", "invalid_request, as Dex"),
                    ("unauthorized_client", "unauthorized_client, as Gitea"),
                    ("without_error", "JSON without error, as Supabase"),
                    ("empty", "an empty 401, as Spring"),
                ]),
            ),
            field(
                "refresh_token_rotation",
                "Rotation",
                "On: each renewal replaces the refresh token.",
                Control::Switch,
            ),
            field(
                "refresh_token_reuse_interval_seconds",
                "Reuse interval (seconds)",
                "For so long the token before is still accepted.",
                Control::Number,
            ),
            field(
                "refresh_token_lifetime_seconds",
                "Absolute lifetime (seconds)",
                "Empty: for ever.",
                Control::OptionalNumber,
            ),
            field(
                "refresh_token_idle_lifetime_seconds",
                "Idle lifetime (seconds)",
                "Empty: for ever.",
                Control::OptionalNumber,
            ),
        ],
    },
    Group {
        title: "Signing and keys",
        fields: &[
            field(
                "signing_algorithm",
                "Signing algorithm",
                "",
                Control::Choice(&[("RS256", "RS256"), ("ES256", "ES256")]),
            ),
            field("publish_previous_keys", "Publish the keys before the last roll", "", Control::Switch),
            field("metadata_max_age_seconds", "Metadata may be cached (seconds)", "", Control::Number),
            field("id_token_lifetime_seconds", "ID token expiration (seconds)", "", Control::Number),
            field("id_token_on_refresh", "ID token on refresh", "", Control::Switch),
        ],
    },
    Group {
        title: "Login",
        fields: &[
            field("require_consent", "Ask for consent", "", Control::Switch),
            field(
                "require_pushed_authorization_requests",
                "Take pushed authorization requests only",
                "RFC 9126.",
                Control::Switch,
            ),
            field("issuer_in_authorization_response", "iss in authorization responses", "RFC 9207.", Control::Switch),
            field("code_lifetime_seconds", "Authorization code expires (seconds)", "", Control::Number),
            field("device_code_lifetime_seconds", "Device code expires (seconds)", "", Control::Number),
            field("device_interval_seconds", "A device waits between questions (seconds)", "", Control::Number),
            field("session_lifetime_seconds", "Browser session expires (seconds)", "", Control::Number),
            field(
                "public_host",
                "Host in the issuer",
                "Empty: as the request names it, so that an emulator may use 10.0.2.2.",
                Control::OptionalText,
            ),
        ],
    },
    Group {
        title: "Token responses",
        fields: &[
            field(
                "expires_in",
                "expires_in",
                "",
                Control::Choice(&[("number", "a number"), ("string", "a number in a string"), ("absent", "absent")]),
            ),
            field("token_type", "token_type", "", Control::Text),
            field(
                "error_style",
                "Errors",
                "",
                Control::Choice(&[
                    ("auth0", "Auth0: 403"),
                    ("auth0_legacy", "Auth0, older shape"),
                    ("rfc6749", "RFC 6749: 400"),
                ]),
            ),
        ],
    },
    Group {
        title: "Proof of possession (DPoP)",
        fields: &[
            field("dpop", "Understand proofs", "Off: they are ignored, and tokens are bearer tokens.", Control::Switch),
            field("dpop_nonce", "Nonce of the tenant", "Empty: none is wanted.", Control::OptionalText),
            field("api_dpop_nonce", "Nonce of the API", "Empty: none is wanted.", Control::OptionalText),
        ],
    },
    Group {
        title: "Rate limit",
        fields: &[
            field("rate_limit_requests", "Requests in a window", "For each endpoint.", Control::Number),
            field("rate_limit_window_seconds", "Window (seconds)", "", Control::Number),
            field(
                "rate_limit_retry_after",
                "Retry-After of a 429",
                "",
                Control::Choice(&[("absent", "none"), ("seconds", "seconds"), ("http_date", "a date")]),
            ),
        ],
    },
];

/// A submitted form as a patch of the settings.
pub(super) fn read(form: &Parameters) -> Result<Value, String> {
    let mut patch = Map::new();
    for field in GROUPS.iter().flat_map(|group| group.fields) {
        patch.insert(field.name.to_owned(), value(field, form.first(field.name))?);
    }
    Ok(Value::Object(patch))
}

fn value(field: &Field, text: Option<&str>) -> Result<Value, String> {
    let number = |text: &str| {
        let number: u64 = text.trim().parse().map_err(|_| format!("{}: write a whole number.", field.label))?;
        Ok(json!(number))
    };
    match (&field.control, text) {
        // A browser sends nothing for a switch that is off.
        (Control::Switch, text) => Ok(json!(text.is_some())),
        (Control::Number, Some(text)) | (Control::OptionalNumber, Some(text)) => number(text),
        (Control::OptionalNumber | Control::OptionalText, None) => Ok(Value::Null),
        (Control::Words, text) => Ok(text.unwrap_or_default().split_whitespace().collect()),
        (Control::Text | Control::OptionalText | Control::Choice(_), Some(text)) => Ok(json!(text.trim())),
        (Control::Number | Control::Text | Control::Choice(_), None) => Err(format!("{} is missing.", field.label)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;

    #[test]
    fn form_has_every_setting_once() {
        let settings = serde_json::to_value(Settings::default()).unwrap();
        let mut names: Vec<&str> = GROUPS.iter().flat_map(|group| group.fields).map(|field| field.name).collect();
        names.sort_unstable();
        let mut expected: Vec<&str> = settings.as_object().unwrap().keys().map(String::as_str).collect();
        expected.sort_unstable();
        assert_eq!(names, expected);
    }

    #[test]
    fn readme_describes_every_setting() {
        let readme = include_str!("../../README.md");
        for field in GROUPS.iter().flat_map(|group| group.fields) {
            assert!(readme.contains(&format!("`{}`", field.name)), "{}", field.name);
        }
    }

    #[test]
    fn choices_of_the_form_are_all_values_that_settings_have() {
        for field in GROUPS.iter().flat_map(|group| group.fields) {
            if let Control::Choice(choices) = field.control {
                for (choice, _) in choices {
                    let patch = json!({ field.name: choice });
                    Settings::default().patched(&patch).unwrap();
                }
            }
        }
    }
}
