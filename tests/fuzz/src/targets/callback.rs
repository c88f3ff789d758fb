//! The URL that the browser comes back with.

use std::time::Duration;

use hallpass_core::protocol::authorize::{self, AuthorizationParameters, LoginEntropy};
use hallpass_core::protocol::callback::{Callback, CallbackError, MAX_CALLBACK};
use hallpass_core::protocol::client::{Client, Dialect, RedirectUri};
use hallpass_core::protocol::discovery::ProviderMetadata;
use hallpass_core::protocol::scope::Scope;
use hallpass_core::protocol::time::Timestamp;

use url::Url;

use super::responses::client;

const REDIRECT_URI: &str = "com.example.app:/callback";
const NOW: Timestamp = Timestamp::from_unix_seconds(1_767_225_600);

/// A callback is believed only with the login's own `state`, at the login's own place; one that is shown shows no
/// secret. `{state}` in the input stands for the right one, so that a fuzzer can get past the first check.
pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let client = Client { dialect: Dialect::Auth0, ..client() };
    let provider = ProviderMetadata::of_dialect(&client).unwrap();
    let parameters =
        AuthorizationParameters { scope: Scope::parse("openid").unwrap(), ..AuthorizationParameters::default() };
    let entropy = LoginEntropy { state: [1; 32], nonce: [2; 32], code_verifier: [3; 32] };
    let redirect_uri = RedirectUri::parse(REDIRECT_URI).unwrap();
    let lifetime = Duration::from_secs(900);
    let (_, pending) = authorize::start(&client, &provider, &parameters, redirect_uri, entropy, NOW, lifetime).unwrap();
    let state = pending.state().expose().to_owned();
    let url = text.replace("{state}", &state);

    let callback = match Callback::parse(&url) {
        Ok(callback) => callback,
        Err(error) => {
            assert_eq!(url.len() > MAX_CALLBACK, matches!(error, CallbackError::TooLarge));
            return;
        }
    };
    // A state that stands elsewhere too, such as in `iss`, was put there by whoever made the URL.
    if callback.state().is_some_and(|came| came.same(&state)) && url.matches(&state).count() == 1 {
        assert!(!format!("{callback:?}").contains(&state));
    }
    if let Ok(code) = callback.finish(&pending, &provider, NOW) {
        assert!(url.contains(&state), "believed without the state: {url}");
        assert!(url.to_ascii_lowercase().starts_with("com.example.app:"), "believed from elsewhere: {url}");
        assert!(!code.expose().is_empty() && code.expose().bytes().all(|byte| matches!(byte, 0x20..=0x7e)));
        // RFC 6749 §3.1: a parameter that stands twice is not believed.
        let query = Url::parse(&url).unwrap();
        for name in ["state", "code", "iss", "error"] {
            assert!(query.query_pairs().filter(|(present, _)| present == name).count() <= 1, "`{name}` twice: {url}");
        }
    }
}
